/** Bringing rulebooks to the vault, again when their delay is over, and noting what it answers. */
import { attempt } from "@strongroom/core/errors";
import { DelayBody } from "@strongroom/core/protocol/command";
import { Approval } from "@strongroom/core/signed/approval";
import { decode, Signed } from "@strongroom/core/signed/object";
import type { Receipt } from "@strongroom/core/signed/receipt";
import type { Tx } from "../db/tables.ts";
import { emit } from "../events/store.ts";
import type { House } from "../host/context.ts";
import type { Workers } from "../jobs/jobs.ts";
import { enqueue, transactHolding } from "../jobs/store.ts";
import { staleness } from "../requests/rules.ts";
import { rulebookRecord, stateAfter } from "./rules.ts";
import { changeRulebook, decisionsOn, findRulebook, type RulebookChange, type RulebookRow } from "./store.ts";

/** How much later than its own time the vault is asked again, so that it is not asked too early. */
const GRACE_MS = 50;

/** What the vault made of a rulebook: an answer without a delay means that it is in force. */
export function outcomeOf({ code, field, detail, body }: Pick<Receipt, "code" | "field" | "detail" | "body">): RulebookChange {
  if (code !== "OK") return { state: stateAfter(code), until: null, code, field, detail };
  const delay = attempt(() => decode(DelayBody, body));
  const until = delay.ok ? delay.value.until : undefined;
  const none = { code: null, field: null, detail: null };
  return until === undefined
    ? { state: "adopted", until: null, ...none }
    : { state: "waiting", until: new Date(until), ...none };
}

/** Asks the vault to propose or adopt a rulebook, with the `seen` statements that can count now. */
export async function bringRulebook(house: House, rulebook: Uint8Array, seen: readonly Uint8Array[]): Promise<RulebookChange> {
  const { book, head } = await house.vault.view();
  const standing = { book, starts: head, at: head.at };
  const approvals = seen.filter((bytes) => {
    const read = attempt(() => decode(Approval, decode(Signed, bytes).body));
    return read.ok && staleness(read.value, standing) === null;
  });
  return outcomeOf(await house.vault.ask({ command: "rulebook", rulebook, approvals }));
}

/** Notes an outcome, tells it, and has the vault asked again when the delay is over. */
export async function noteOutcome(tx: Tx, row: RulebookRow, change: RulebookChange, actor: string): Promise<RulebookRow> {
  const kept = change.state === "waiting" && change.until === null ? { ...change, until: row.until } : change;
  const changed = await changeRulebook(tx, row.id, kept);
  const { state, until, code, epoch } = changed;
  const due = state === "waiting" && until !== null ? new Date(until.getTime() + GRACE_MS) : null;
  if (due !== null) await enqueue(tx, { kind: "adopt-rulebook", subject: row.id, dueAt: due });
  const record = rulebookRecord(changed);
  if (JSON.stringify(record) === JSON.stringify(rulebookRecord(row))) return changed;
  const data = { epoch, state, code, until: until?.toISOString() ?? null };
  await emit(tx, { type: `rulebook.${state}`, subject: `rulebook:${row.id}`, actor, data, signed: row.rulebook, record });
  return changed;
}

export const rulebookWorkers: Workers = {
  async "adopt-rulebook"(house, { subject, fence }) {
    const row = await findRulebook(house.db, subject);
    if (row === undefined || row.state !== "waiting") return "done";
    const seen = (await decisionsOn(house.db, row.id)).filter(({ decision }) => decision === "seen");
    const change = await bringRulebook(
      house,
      row.rulebook,
      seen.map(({ approval }) => approval),
    );
    await transactHolding(house.db, fence, (tx) => noteOutcome(tx, row, change, "system"));
    return "done";
  },
};
