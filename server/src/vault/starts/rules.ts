/** What the server reads of a word on a start of the vault. Pure. Whether a start is confirmed is the vault's to say. */
import { attempt } from "@strongroom/core/errors";
import type { Book } from "@strongroom/core/rulebook/book";
import { governs } from "@strongroom/core/rulebook/check";
import { Approval } from "@strongroom/core/signed/approval";
import { decode, idOf, Signed } from "@strongroom/core/signed/object";
import { approvalOf, staleness } from "../../requests/rules.ts";
import type { View } from "../link.ts";
import { digestOf, openByPerson } from "../signed.ts";
import type { ConfirmationRow } from "./store.ts";

export type ReadWord =
  | { readonly ok: true; readonly id: string; readonly key: string; readonly person: string }
  | { readonly ok: false; readonly detail: string };

/** A word of an administrator on this start. */
export function readWord(envelope: Uint8Array, start: string, book: Book): ReadWord {
  const wrong = (detail: string) => ({ ok: false, detail }) as const;
  const opened = attempt(() => idOf(Approval, decode(Signed, envelope).body));
  const signed = openByPerson(Approval, envelope, book);
  if (!opened.ok || signed === null) return wrong("it is not signed by a key that is enrolled");
  const { object, person, key } = signed;
  if (object.key !== key) return wrong("it names another key than the one that signed it");
  if (object.decision !== "confirm") return wrong(`${object.decision} is no decision on a start`);
  if (object.subject !== start) return wrong("it is about another start, or something else");
  return isAdministrator(person, key, book)
    ? { ok: true, id: opened.value, key, person }
    : wrong("an administrator signs it, with a device key");
}

function isAdministrator(person: string, key: string, { document, holders }: Book): boolean {
  const holder = holders.get(key as Approval["key"]);
  return holder !== undefined && governs(holder.key) && document.governance.administrators.includes(person);
}

/** A stored word: whether it can count as things stand; null when it is not what was signed. */
export function wordOf(
  row: ConfirmationRow,
  { book, head }: Pick<View, "book" | "head">,
): { readonly current: boolean } | null {
  const read = approvalOf({ ...row, request: row.start, decision: "confirm" }, book);
  if (read === null) return null;
  const isFresh = staleness(read.approval, { book, starts: head, at: head.at }) === null;
  return { current: read.enrolled && isFresh && isAdministrator(row.person, row.key, book) };
}

/** What the event about a word says of its row. */
export const confirmationRecord = ({ id, start, person, approval, created_at }: ConfirmationRow) => ({
  ...{ id, start, person, approval: digestOf(approval) },
  created_at: created_at.toISOString(),
});
