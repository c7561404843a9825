/** What the rulebook demands of one intent, checked in the fixed order: deny → allow → quorum and facts → delay. */
import type { Hash } from "@strongroom/core/bytes";
import { demand, refuse } from "@strongroom/core/errors";
import type { Subject } from "@strongroom/core/rulebook/book";
import { judge, quorumMet } from "@strongroom/core/rulebook/judge";
import { get } from "../state/map.ts";
import type { State } from "../state/state.ts";
import type { Now } from "../types.ts";
import type { Founded, Given } from "./approvals.ts";
import { demandFacts, type Stated } from "./facts.ts";

/** An intent with who approved it and what is stated about its destination. */
export type Judged = {
  readonly id: Hash;
  readonly subject: Subject;
  readonly approvers: readonly Given[];
  readonly stated: readonly Stated[];
  readonly screened: string;
};

/** Fails: DENIED, NOT_ALLOWED, QUORUM_MISSING, FACT_ADVERSE, FACT_STALE, FACT_MISSING, NOT_REGISTERED, DELAY_RUNNING. */
export function demandRules(state: Founded, now: Now, it: Judged): void {
  const { denies, allows, requirements } = judge(state.book, it.subject);
  if (denies[0] !== undefined) refuse("DENIED", `rules.${denies[0]}`, "this rule denies the action");
  demand(allows.length > 0, "NOT_ALLOWED", "rules", `no rule allows this ${it.subject.kind}`);
  for (const rule of requirements) {
    const met = quorumMet(state.book, rule, { initiator: it.subject.initiator, approvers: it.approvers });
    demand(met, "QUORUM_MISSING", `rules.${rule.id}`, `${it.approvers.length} approvals by ${persons(it)} do not meet it`);
    for (const need of rule.facts) demandFacts(need, { stated: it.stated, subject: it.screened, rule: rule.id, now });
  }
  const delayMs = requirements.reduce((longest, rule) => Math.max(longest, rule.delayMs), 0);
  demandDelay(state, now, { id: it.id, delayMs });
}

function persons({ approvers }: Judged): string {
  return [...new Set(approvers.map((approver) => approver.person))].join(", ");
}

/** Refuses until `delayMs` have passed since the intent was registered. Fails: NOT_REGISTERED, DELAY_RUNNING. */
export function demandDelay(state: State, now: Now, { id, delayMs }: { id: Hash; delayMs: number }): void {
  if (delayMs === 0) return;
  const registered = get(state.registered, id);
  if (registered === undefined)
    refuse("NOT_REGISTERED", "orders.intent", `a delay of ${delayMs} ms starts with its registration`);
  const until = registered.at + delayMs;
  demand(now.lo >= until, "DELAY_RUNNING", "orders.intent", `it ends at ${until}, the vault's time is at least ${now.lo}`);
}
