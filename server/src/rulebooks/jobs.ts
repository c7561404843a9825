/** Bringing rulebooks to the vault, again when their delay is over, and noting what it answers. */
import { attempt } from "@strongroom/core/errors";
import { DelayBody } from "@strongroom/core/protocol/command";
import { Approval } from "@strongroom/core/signed/approval";
import { decode, Signed } from "@strongroom/core/signed/object";
import type { Receipt } from "@strongroom/core/signed/receipt";
import type { Tx } from "../db/tables.ts";
import { emit } from "../events/store.ts";
import type { House } from "../host/context.ts";
import { limits } from "../host/limits.ts";
import { notSaid } from "../http/call.ts";
import type { Workers } from "../jobs/jobs.ts";
import { enqueue, transactHolding } from "../jobs/store.ts";
import { restOfDelay, staleness } from "../requests/rules.ts";
import { askWith } from "../vault/link.ts";
import { rulebookRecord, stateAfter } from "./rules.ts";
import {
  changeRulebook,
  decisionsOn,
  findRulebook,
  type RulebookChange,
  type RulebookDecisionRow,
  type RulebookRow,
} from "./store.ts";

/** How much later than its own time the vault is asked again, so that it is not asked too early. */
const GRACE_MS = 50;

/** What the vault made of a rulebook: an answer without a delay means that it is in force. Fails: VAULT_UNREACHABLE when it
 *  says nothing of the rulebook. */
function outcomeOf({ code, field, detail, body }: Receipt): RulebookChange {
  const state = stateAfter(code, field) ?? notSaid(field, `The vault says ${code}: ${detail}.`);
  if (code !== "OK") return { state, until: null, code, field, detail };
  const delay = attempt(() => decode(DelayBody, body));
  const until = delay.ok ? delay.value.until : undefined;
  const none = { code: null, field: null, detail: null };
  return until === undefined ? { state, until: null, ...none } : { state: "waiting", until: new Date(until), ...none };
}

/** Asks the vault to propose or adopt a rulebook, with the `seen` statements that can count now, the newest of each key.
 *  Fails: VAULT_UNREACHABLE. */
export async function bringRulebook(
  house: House,
  rulebook: Uint8Array,
  decisions: readonly RulebookDecisionRow[],
): Promise<RulebookChange> {
  const { book, head } = await house.vault.view();
  const standing = { book, starts: head, at: head.at };
  const current = decisions.filter(({ decision, approval }) => {
    const read = attempt(() => decode(Approval, decode(Signed, approval).body));
    return decision === "seen" && read.ok && staleness(read.value, standing) === null;
  });
  const newest = [...new Map(current.map(({ key, approval }) => [key, approval])).values()];
  return outcomeOf(await askWith(house.vault, newest, (approvals) => ({ command: "rulebook", rulebook, approvals })));
}

type Noting = { readonly actor: string; readonly now: number };

/** Notes an outcome, tells it, and has the vault asked again when the delay is over. Where it only has to be seen, whoever has
 *  seen it has the vault asked. */
export async function noteOutcome(
  tx: Tx,
  row: RulebookRow,
  change: RulebookChange,
  { actor, now }: Noting,
): Promise<RulebookRow> {
  const kept = change.state === "waiting" && change.until === null ? { ...change, until: row.until } : change;
  const changed = await changeRulebook(tx, row.id, kept);
  const { state, until, code, epoch } = changed;
  const due = dueOf(changed, now);
  if (due !== null) await enqueue(tx, { kind: "adopt-rulebook", subject: row.id, dueAt: new Date(due + GRACE_MS) });
  const record = rulebookRecord(changed);
  if (JSON.stringify(record) === JSON.stringify(rulebookRecord(row))) return changed;
  const data = { epoch, state, code, until: until?.toISOString() ?? null };
  await emit(tx, { type: `rulebook.${state}`, subject: `rulebook:${row.id}`, actor, data, signed: row.rulebook, record });
  return changed;
}

/** When the delay of a rulebook is over: by the vault's own time, which may lag behind ours, once it has said so. */
function dueOf({ state, until, code, detail }: RulebookChange, now: number): number | null {
  if (state !== "waiting" || until === null) return null;
  if (code === null) return until.getTime();
  return code === "DELAY_RUNNING" ? now + (restOfDelay(detail ?? "") ?? limits.askAgainMs) : null;
}

export const rulebookWorkers: Workers = {
  async "adopt-rulebook"(house, { subject, fence }) {
    const row = await findRulebook(house.db, subject);
    if (row === undefined || row.state !== "waiting") return "done";
    const change = await bringRulebook(house, row.rulebook, await decisionsOn(house.db, row.id));
    await transactHolding(house.db, fence, (tx) => noteOutcome(tx, row, change, { actor: "system", now: house.now() }));
    return "done";
  },
};
