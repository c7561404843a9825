/** Starts of the vault: what administrators confirm, and whether they have given up a head that this device has seen. */
import type { Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { GivenUpBody } from "@strongroom/core/protocol/command";
import type { Book } from "@strongroom/core/rulebook/book";
import { governs } from "@strongroom/core/rulebook/check";
import { type Head, Start } from "@strongroom/core/signed/head";
import { decode, idOf } from "@strongroom/core/signed/object";
import { renderStart } from "@strongroom/core/text/start";
import { raise, SdkFault } from "../faults.ts";
import { openApproval } from "./approval.ts";

/** A start with the text that an administrator reads before he confirms it. */
export type ShownStart = { readonly id: Hash; readonly start: Start; readonly text: string };

/** Makes a start's bytes readable. Fails: RECEIPT_FORGED for what is no start of this vault. */
export function showStart(bytes: Uint8Array, { deployment, vault, book }: About): ShownStart {
  const opened = attempt(() => decode(Start, bytes));
  const own = opened.ok && opened.value.deployment === deployment && opened.value.vault === vault;
  if (!own) raise("RECEIPT_FORGED", "start", "it is no start of the pinned vault");
  return { id: idOf(Start, bytes), start: opened.value, text: renderStart(opened.value, book) };
}

type About = { readonly deployment: Hash; readonly vault: Hash; readonly book: Book };

/** Fails unless enough of the administrators that this device knows have confirmed a start that gives up `seen`: whoever has
 *  merely lost the records cannot make this device forget them. Fails: VAULT_ROLLED_BACK, RECEIPT_FORGED. */
export function demandGivenUp(body: Uint8Array, seen: Pick<Head, "boot" | "head">, about: About): void {
  const opened = attempt(() => decode(GivenUpBody, body));
  if (!opened.ok) raise("RECEIPT_FORGED", "witness", `it cannot be read: ${opened.code}`);
  const { id, start } = showStart(opened.value.start, about);
  const covered = start.lost?.some(({ boot, seq }) => boot === seen.boot && seen.head.seq <= seq) === true;
  const persons = new Set(opened.value.approvals.map((signed) => confirmerOf(signed, id, about.book)));
  persons.delete(null);
  const enough = covered && persons.size >= about.book.document.governance.threshold;
  if (!enough) raise("VAULT_ROLLED_BACK", "head", "the administrators have not given up the head that this device has seen");
}

/** The administrator who has confirmed the start; null for whatever this device cannot count. */
function confirmerOf(signed: Uint8Array, id: Hash, book: Book): string | null {
  try {
    const { person, approval } = openApproval(signed, book);
    const holder = book.holders.get(approval.key);
    const counts = holder !== undefined && governs(holder.key) && book.document.governance.administrators.includes(person);
    return counts && approval.subject === id && approval.decision === "confirm" ? person : null;
  } catch (error) {
    if (error instanceof SdkFault) return null;
    throw error;
  }
}
