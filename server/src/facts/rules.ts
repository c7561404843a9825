/** What a stored fact must be: signed by the source that it names, as the rulebook knows it, with columns that say the same.
 *  Pure. */
import { attempt } from "@strongroom/core/errors";
import type { Book } from "@strongroom/core/rulebook/book";
import { Fact } from "@strongroom/core/signed/fact";
import { decode, idOf, Signed } from "@strongroom/core/signed/object";
import { digestOf, openSigned } from "../vault/signed.ts";
import type { FactRow } from "./store.ts";

export type FactColumns = {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly at: Date;
  readonly fact: Uint8Array;
};

/** A fact with its id, or the field that does not hold. */
export type ReadFact =
  | { readonly ok: true; readonly id: string; readonly fact: Fact }
  | { readonly ok: false; readonly detail: string };

/** Reads a signed fact under the rulebook in force. */
export function readFact(envelope: Uint8Array, book: Book): ReadFact {
  const opened = attempt(() => {
    const { body } = decode(Signed, envelope);
    return { id: idOf(Fact, body), claimed: decode(Fact, body) };
  });
  if (!opened.ok) return { ok: false, detail: `it cannot be read: ${opened.code} at ${opened.field}` };
  const { id, claimed } = opened.value;
  const source = book.sources.get(claimed.source);
  if (claimed.deployment !== book.document.deployment) return { ok: false, detail: "it is for another deployment" };
  if (source === undefined || source.type !== claimed.type)
    return { ok: false, detail: `the rulebook names no source ${claimed.source} for ${claimed.type}` };
  const fact = openSigned(Fact, envelope, source.publicKey);
  return fact === null ? { ok: false, detail: "the signature is not its source's" } : { ok: true, id, fact };
}

/** Whether the columns say what the bytes say. Whether a source that was removed since had signed it is not asked again. */
export function isFactWhole(row: FactColumns): boolean {
  const opened = attempt(() => {
    const { body } = decode(Signed, row.fact);
    return { id: idOf(Fact, body), fact: decode(Fact, body) };
  });
  if (!opened.ok) return false;
  const { id, fact } = opened.value;
  const dated = fact.at === row.at.getTime();
  return dated && id === row.id && fact.source === row.source && fact.type === row.type && fact.subject === row.subject;
}

/** What the event about a fact says of its row. */
export const factRecord = ({ fact, created_at }: FactRow) => ({ fact: digestOf(fact), created_at: created_at.toISOString() });
