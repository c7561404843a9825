/** The start of the vault over the API: whether its administrators have confirmed it, who of them has, and their signed words,
 *  which are kept here until they are enough. */
import type { StartView } from "@strongroom/sdk/contract/governance";
import { emit } from "../../events/store.ts";
import { type Call, type Handlers, Problem, problem } from "../../http/call.ts";
import { enqueue } from "../../jobs/store.ts";
import { isConfirmedBy, type Now, personsIn, startNow, type Word, wordsOn } from "./jobs.ts";
import { confirmationRecord, readWord } from "./rules.ts";
import { insertConfirmation } from "./store.ts";

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

/** Asks the vault about one word by itself. Fails: SIGNED_WRONG when it would not count. */
async function demandGood({ house }: Pick<Call, "house">, approval: Uint8Array): Promise<void> {
  const { code, field, detail } = await house.vault.ask({ command: "confirm", approvals: [approval] });
  if (code !== "OK" && code !== "GOVERNANCE_MISSING") throw new Problem("SIGNED_WRONG", { field, detail, vaultCode: code });
}

export const starts: Handlers<"starts"> = {
  async "starts.get"({ house, tx }) {
    const now = await startNow(house);
    return show(now, await wordsOn(tx, now));
  },
  async "starts.confirm"(call, { body }) {
    const { house, tx, caller } = call;
    const now = await startNow(house);
    const said = readWord(body.approval, now.id, now.view.book);
    if (!said.ok) problem("SIGNED_WRONG", "body.approval", said.detail);
    const before = await wordsOn(tx, now);
    const isNew = !before.some(({ row, current }) => row.key === said.key && current);
    const { id, key, person } = said;
    const row = { id, start: now.id, key, person, approval: body.approval, created_at: new Date(house.now()) };
    const words = isNew ? [...before.filter((word) => word.row.key !== key), { row, current: true }] : before;
    if (isNew) await demandGood(call, body.approval);
    const confirmed = now.confirmed || (await isConfirmedBy(house, now, words));
    if (isNew) {
      await insertConfirmation(tx, row);
      const { number, suspicion = null } = now.start;
      const told = { data: { number, suspicion, person, counts: confirmed }, signed: body.approval };
      const what = { type: "start.confirmed", subject: `start:${now.id}`, actor: caller.name };
      await emit(tx, { ...what, ...told, decision: confirmationRecord(row) });
    }
    await enqueue(tx, { kind: "confirm-start", subject: now.id });
    return show({ ...now, confirmed }, words);
  },
};
