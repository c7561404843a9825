/** The start of the vault over the API: whether its administrators have confirmed it, who of them has, and their signed words,
 *  which are kept here until they are enough. */
import type { Hash } from "@strongroom/core/bytes";
import { StatusBody } from "@strongroom/core/protocol/command";
import { Start } from "@strongroom/core/signed/head";
import { decode, idOf } from "@strongroom/core/signed/object";
import type { StartView } from "@strongroom/sdk/contract/governance";
import { emit } from "../../events/store.ts";
import { type Call, type Handlers, Problem, problem } from "../../http/call.ts";
import { enqueue } from "../../jobs/store.ts";
import { askWith, type View } from "../link.ts";
import { confirmationRecord, readWord, wordOf } from "./rules.ts";
import { type ConfirmationRow, confirmationsOf, insertConfirmation } from "./store.ts";

/** The start as the vault shows it. */
type Now = {
  readonly view: View;
  readonly bytes: Uint8Array;
  readonly id: Hash;
  readonly start: Start;
  readonly confirmed: boolean;
};

async function startNow({ house }: Pick<Call, "house">): Promise<Now> {
  const view = await house.vault.view();
  const { start: bytes, confirmed } = decode(StatusBody, (await house.vault.demand({ command: "status" })).receipt.body);
  if (bytes === undefined) return problem("VAULT_UNREACHABLE", "vault.start", "the vault shows no start");
  return { view, bytes, id: idOf(Start, bytes), start: decode(Start, bytes), confirmed: confirmed === true };
}

type Word = { readonly row: ConfirmationRow; readonly current: boolean };

/** What was said of it. Fails: RECORD_TAMPERED. */
async function wordsOn({ tx }: Pick<Call, "tx">, { id, view }: Now): Promise<readonly Word[]> {
  return (await confirmationsOf(tx, id)).map((row) => {
    const read = wordOf(row, view);
    if (read === null) problem("RECORD_TAMPERED", "confirmation", `confirmation ${row.id} is not what was signed`);
    return { row, current: read.current };
  });
}

const personsIn = (words: readonly Word[]) => new Set(words.flatMap(({ row, current }) => (current ? [row.person] : []))).size;

function show({ view, bytes, id, start, confirmed }: Now, words: readonly Word[]): StartView {
  const { threshold } = view.book.document.governance;
  const missing = confirmed ? 0 : Math.max(0, threshold - personsIn(words));
  const confirmations = words.map(({ row, current }) => {
    const { person, key, approval, created_at } = row;
    return { person, key, current, approval, createdAt: created_at.toISOString() };
  });
  const { number, suspicion = null } = start;
  return { id, number, start: bytes, suspicion, confirmed, threshold, missing, confirmations };
}

/** Whether the vault takes the start for confirmed on these words. */
async function isConfirmedBy({ house }: Pick<Call, "house">, { view }: Now, words: readonly Word[]): Promise<boolean> {
  if (personsIn(words) < view.book.document.governance.threshold) return false;
  const current = words.filter((word) => word.current).map(({ row }) => row.approval);
  return (await askWith(house.vault, current, (approvals) => ({ command: "confirm", approvals }))).code === "OK";
}

/** Asks the vault about one word by itself. Fails: SIGNED_WRONG when it would not count. */
async function demandGood({ house }: Pick<Call, "house">, approval: Uint8Array): Promise<void> {
  const { code, field, detail } = await house.vault.ask({ command: "confirm", approvals: [approval] });
  if (code !== "OK" && code !== "GOVERNANCE_MISSING") throw new Problem("SIGNED_WRONG", { field, detail, vaultCode: code });
}

export const starts: Handlers<"starts"> = {
  async "starts.get"(call) {
    const now = await startNow(call);
    return show(now, await wordsOn(call, now));
  },
  async "starts.confirm"(call, { body }) {
    const { house, tx, caller } = call;
    const now = await startNow(call);
    const said = readWord(body.approval, now.id, now.view.book);
    if (!said.ok) problem("SIGNED_WRONG", "body.approval", said.detail);
    const before = await wordsOn(call, now);
    const isNew = !before.some(({ row, current }) => row.key === said.key && current);
    const { id, key, person } = said;
    const row = { id, start: now.id, key, person, approval: body.approval, created_at: new Date(house.now()) };
    const words = isNew ? [...before.filter((word) => word.row.key !== key), { row, current: true }] : before;
    if (isNew) await demandGood(call, body.approval);
    const confirmed = now.confirmed || (await isConfirmedBy(call, now, words));
    if (isNew) {
      await insertConfirmation(tx, row);
      const { number, suspicion = null } = now.start;
      const told = { data: { number, suspicion, person, counts: confirmed }, signed: body.approval };
      const what = { type: "start.confirmed", subject: `start:${now.id}`, actor: caller.name };
      await emit(tx, { ...what, ...told, decision: confirmationRecord(row) });
    }
    // Also where it was confirmed before: at the socket, or by a call that was lost after the vault had taken it.
    if (confirmed) await enqueue(tx, { kind: "retry-confirmed", subject: now.id });
    return show({ ...now, confirmed }, words);
  },
};
