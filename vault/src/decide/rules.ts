/** What stands between an intent and its execution, checked in the fixed order: open at all → (approvals, elsewhere) → frozen
 *  → deny → allow → quorum and facts → delay. Limits are in `payment/`. */
import type { Hash } from "@strongroom/core/bytes";
import { demand, refuse } from "@strongroom/core/errors";
import type { Subject } from "@strongroom/core/rulebook/book";
import { judge, quorumMet } from "@strongroom/core/rulebook/judge";
import type { Intent } from "@strongroom/core/signed/intent";
import type { Requirement } from "@strongroom/core/signed/rulebook";
import type { Read } from "../state/intent.ts";
import { get, has, values } from "../state/map.ts";
import type { Founded, Freeze, State } from "../state/state.ts";
import type { Now } from "../types.ts";
import type { Given } from "./evidence/approvals.ts";
import { demandFacts, type Stated } from "./evidence/facts.ts";

/** Refuses an intent that nobody may carry out any more. `again`: the vault has committed itself to it before. One person
 *  alone can neither stop a freeze nor, by rejecting every attempt, keep one in force. Fails: WRONG_DEPLOYMENT, EXPIRED,
 *  INTENT_REJECTED for all but freeze and unfreeze, REFERENCE_USED for all but freeze. */
export function demandOpen(state: Founded, now: Now, { id, intent }: Read<Intent>, again = false): void {
  demand(intent.deployment === state.deployment, "WRONG_DEPLOYMENT", "intent.deployment", "it is for another deployment");
  demand(intent.notAfter > now.hi, "EXPIRED", "intent.notAfter", "the intent has expired");
  if (intent.kind === "freeze") return;
  const rejected = intent.kind !== "unfreeze" && has(state.rejected, id);
  demand(!rejected, "INTENT_REJECTED", "intent", "it was rejected");
  const holder = again ? undefined : get(state.references, intent.reference);
  demand(holder === undefined, "REFERENCE_USED", "intent.reference", `${intent.reference} names intent ${holder}`);
}

/** What an action touches; each is a thing that can be frozen. A cancellation pays nobody, so only a freeze of one of its
 *  persons stops it. */
export type Touched = {
  readonly cancels?: true;
  readonly chain?: number;
  readonly asset?: string;
  readonly wallet?: string;
  readonly destination?: string;
  readonly address?: string;
  readonly persons: readonly string[];
};

/** The freezes that cover any of these. */
export function freezesOf(state: Pick<State, "freezes">, touched: readonly Touched[]): readonly Freeze[] {
  return values(state.freezes, (freeze) => touched.some((one) => covers(freeze, one)));
}

function covers(freeze: Freeze, touched: Touched): boolean {
  if (touched.cancels && freeze.level !== "person") return false;
  switch (freeze.level) {
    case "institution":
      return true;
    case "chain":
      return String(touched.chain) === freeze.subject;
    case "person":
      return touched.persons.includes(freeze.subject);
    case "destination":
      return coversDestination(freeze, touched);
    default:
      return touched[freeze.level] === freeze.subject;
  }
}

function coversDestination({ subject, address: named }: Freeze, { destination, address }: Touched): boolean {
  return destination === subject || (address !== undefined && (address === subject || address === named));
}

/** An intent with what it touches, who approved it and what is stated about its destination. */
export type Judged = {
  readonly id: Hash;
  readonly subject: Subject;
  readonly touched: Omit<Touched, "persons">;
  readonly approvers: readonly Given[];
  readonly stated: readonly Stated[];
  readonly screened: string;
};

/** Fails: FROZEN at the level of the freeze, DENIED, NOT_ALLOWED, QUORUM_MISSING, FACT_ADVERSE, FACT_STALE, FACT_MISSING,
 *  NOT_REGISTERED, DELAY_RUNNING. */
export function demandRules(state: Founded, now: Now, it: Judged): void {
  const persons = personsOf(it.approvers);
  const requirements = demandAllowed(state, { subject: it.subject, touched: { ...it.touched, persons } });
  for (const rule of requirements) {
    const met = quorumMet(state.book, rule, { initiator: it.subject.initiator, approvers: it.approvers });
    demand(met, "QUORUM_MISSING", `rules.${rule.id}`, `${persons.length} persons do not meet it: ${persons.join(", ")}`);
    for (const need of rule.facts) {
      demandFacts(state, now, need, { stated: it.stated, subject: it.screened, rule: rule.id });
    }
  }
  const delayMs = requirements.reduce((longest, rule) => Math.max(longest, rule.delayMs), 0);
  demandDelay(state, now, { id: it.id, delayMs });
}

/** Refuses what is frozen, denied, or allowed by no rule. Gives the requirements that bind.
 *  Fails: FROZEN at the level of the freeze, DENIED, NOT_ALLOWED. */
export function demandAllowed(
  state: Founded,
  { subject, touched }: { readonly subject: Subject; readonly touched: Touched },
): readonly Requirement[] {
  const [freeze] = freezesOf(state, [touched]);
  if (freeze !== undefined)
    refuse("FROZEN", `freeze.${freeze.level}`, `${freeze.officer} froze ${freeze.level} ${freeze.subject}`);
  const { denies, allows, requirements } = judge(state.book, subject);
  if (denies[0] !== undefined) refuse("DENIED", `rules.${denies[0]}`, "this rule denies the action");
  demand(allows.length > 0, "NOT_ALLOWED", "rules", `no rule allows this ${subject.kind}`);
  return requirements;
}

/** Who they are, each person once. */
export function personsOf(approvers: readonly Given[]): readonly string[] {
  return [...new Set(approvers.map((approver) => approver.person))];
}

/** Refuses until `delayMs` have passed since the intent was registered. Fails: NOT_REGISTERED, DELAY_RUNNING. */
export function demandDelay(state: State, now: Now, { id, delayMs }: { id: Hash; delayMs: number }): void {
  if (delayMs === 0) return;
  const registered = get(state.registered, id);
  if (registered === undefined) {
    refuse("NOT_REGISTERED", "orders.intent", `a delay of ${delayMs} ms starts with its registration`);
  }
  const until = registered.at + delayMs;
  demand(now.lo >= until, "DELAY_RUNNING", "orders.intent", `it ends at ${until}, the vault's time is at least ${now.lo}`);
}
