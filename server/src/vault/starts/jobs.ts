/** Confirming the start of the vault: what it shows of it, what was said on it, and asking it whether that is enough. */
import type { Hash } from "@strongroom/core/bytes";
import { StatusBody } from "@strongroom/core/protocol/command";
import { Start } from "@strongroom/core/signed/head";
import { decode, idOf } from "@strongroom/core/signed/object";
import type { Reader } from "../../db/tables.ts";
import type { House } from "../../host/context.ts";
import { problem } from "../../http/call.ts";
import type { Workers } from "../../jobs/jobs.ts";
import { enqueue, transactHolding } from "../../jobs/store.ts";
import { askWith, type View } from "../link.ts";
import { wordOf } from "./rules.ts";
import { type ConfirmationRow, confirmationsOf } from "./store.ts";

/** The start as the vault shows it. */
export type Now = {
  readonly view: View;
  readonly bytes: Uint8Array;
  readonly id: Hash;
  readonly start: Start;
  readonly confirmed: boolean;
};

/** Fails: VAULT_UNREACHABLE. */
export async function startNow({ vault }: Pick<House, "vault">): Promise<Now> {
  const view = await vault.view();
  const { start: bytes, confirmed } = decode(StatusBody, (await vault.demand({ command: "status" })).receipt.body);
  if (bytes === undefined) return problem("VAULT_UNREACHABLE", "vault.start", "the vault shows no start");
  return { view, bytes, id: idOf(Start, bytes), start: decode(Start, bytes), confirmed: confirmed === true };
}

export type Word = { readonly row: ConfirmationRow; readonly current: boolean };

/** What was said of it. Fails: RECORD_TAMPERED. */
export async function wordsOn(db: Reader, { id, view }: Pick<Now, "id" | "view">): Promise<readonly Word[]> {
  return (await confirmationsOf(db, id)).map((row) => {
    const read = wordOf(row, view);
    if (read === null) problem("RECORD_TAMPERED", "confirmation", `confirmation ${row.id} is not what was signed`);
    return { row, current: read.current };
  });
}

export const personsIn = (words: readonly Word[]) =>
  new Set(words.flatMap(({ row, current }) => (current ? [row.person] : []))).size;

/** Whether the vault takes the start for confirmed on these words. */
export async function isConfirmedBy({ vault }: Pick<House, "vault">, { view }: Now, words: readonly Word[]): Promise<boolean> {
  if (personsIn(words) < view.book.document.governance.threshold) return false;
  const current = words.filter((word) => word.current).map(({ row }) => row.approval);
  return (await askWith(vault, current, (approvals) => ({ command: "confirm", approvals }))).code === "OK";
}

export const startWorkers: Workers = {
  /** Two words that came at once do not see each other, and the end of a call may be lost after the vault has taken it: once
   *  they are kept, the vault is asked with all of them, and what waits for the start is looked at again. */
  async "confirm-start"(house, { subject, fence }) {
    const now = await startNow(house);
    if (now.id !== subject) return "done";
    if (!now.confirmed && !(await isConfirmedBy(house, now, await wordsOn(house.db, now)))) return "done";
    await transactHolding(house.db, fence, (tx) => enqueue(tx, { kind: "retry-confirmed", subject }));
    return "done";
  },
};
