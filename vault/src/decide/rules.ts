/** What stands between an intent and its execution, checked in the fixed order: open at all → (approvals, elsewhere) → frozen
 *  → deny → allow → quorum, facts and ages → minimums → delay. Limits are in `payment/`. */
import type { Hash } from "@strongroom/core/bytes";
import { demand, refuse } from "@strongroom/core/errors";
import type { Subject } from "@strongroom/core/rulebook/book";
import { type Judgement, judge, quorumMet } from "@strongroom/core/rulebook/judge";
import type { Intent } from "@strongroom/core/signed/intent";
import type { Needed, Quorum, Requirement } from "@strongroom/core/signed/rulebook";
import { approvalWords } from "@strongroom/core/text/demand";
import type { Read } from "../state/intent.ts";
import { get, has, values } from "../state/map.ts";
import type { Founded, Freeze, State } from "../state/state.ts";
import type { Now } from "../types.ts";
import type { Given } from "./evidence/approvals.ts";
import { type About, demandFacts, type Stated } from "./evidence/facts.ts";
import { demandQuote, type Quotes } from "./evidence/prices.ts";

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
  readonly units?: readonly string[];
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
    case "unit":
      return touched.units?.includes(freeze.subject) === true;
    case "destination":
      return coversDestination(freeze, touched);
    default:
      return touched[freeze.level] === freeze.subject;
  }
}

function coversDestination({ subject, address: named }: Freeze, { destination, address }: Touched): boolean {
  return destination === subject || (address !== undefined && (address === subject || address === named));
}

/** An intent with what it touches, who approved it and what is stated about it. `about`: what facts of each type speak of. */
export type Judged = {
  readonly id: Hash;
  readonly subject: Subject;
  readonly touched: Omit<Touched, "persons">;
  readonly approvers: readonly Given[];
  readonly stated: readonly Stated[];
  readonly about: About;
  readonly quotes: Quotes;
};

/** One thing that stands between the intent and its execution. `rule`: who demands it; `words`: what. `test` refuses unless it
 *  is there. `needs`: what people or sources can add, if it is that. */
export type Step = { readonly rule: string; readonly words: string; readonly test: () => void; readonly needs?: Needs };
export type Needs =
  | { readonly quorum: Requirement & { readonly quorum: Quorum } }
  | { readonly persons: number }
  | { readonly fact: Needed }
  | { readonly priceOf: string };

/** Refuses at the first step that is not met. Fails: those of `stepsOf`. */
export function demandRules(state: Founded, now: Now, it: Judged): void {
  for (const step of stepsOf(state, now, it)) step.test();
}

/** Everything that freezes, rules and governance say of an intent, in the fixed order. Explanations run the same steps.
 *  Fails: those of `scopeOf`, QUORUM_MISSING, NOT_AFTER_TOO_FAR, FACT_ADVERSE, FACT_STALE, FACT_MISSING, ENTRY_TOO_YOUNG,
 *  NOT_REGISTERED, DELAY_RUNNING. */
export function* stepsOf(state: Founded, now: Now, it: Judged): Generator<Step> {
  const { requirements, steps } = scopeOf(state, { ...it, touched: touchedWith(it) });
  yield* steps;
  for (const rule of requirements) yield* requirementSteps(state, now, it, rule);
  yield* minimumSteps(state, it);
  const delayMs = requirements.reduce((longest, rule) => Math.max(longest, rule.delayMs), 0);
  if (delayMs === 0) return;
  const rule = `rules.${requirements.find((one) => one.delayMs === delayMs)?.id}`;
  yield { rule, words: `${delayMs} ms since the registration`, test: () => demandDelay(state, now, { id: it.id, delayMs }) };
}

function touchedWith({ touched, approvers }: Judged): Touched {
  return { ...touched, persons: personsOf(approvers) };
}

/** The rules that match, by what they do. */
export function matchesOf({ book }: Founded, { subject }: Judged): Pick<Judgement, "denies" | "allows" | "requirements"> {
  return judge(book, subject);
}

function* requirementSteps(state: Founded, now: Now, it: Judged, rule: Requirement): Generator<Step> {
  const at = `rules.${rule.id}`;
  const { quorum, approvalLifeMs, entryAgeMs } = rule;
  if (quorum !== undefined) {
    const needs = { quorum: { ...rule, quorum } };
    yield { rule: at, words: approvalWords(needs.quorum), test: () => demandQuorum(state, it, rule), needs };
  }
  if (approvalLifeMs !== undefined)
    yield { rule: at, words: `approvals valid for at most ${approvalLifeMs} ms`, test: () => demandLife(now, it, rule) };
  for (const need of rule.facts) {
    const words = `${need.atLeast} ${need.type} facts, at most ${need.maxAgeMs} ms old, of ${need.sources.join(", ")}`;
    yield { rule: at, words, test: () => demandFacts(state, now, need, { ...it, rule: rule.id }), needs: { fact: need } };
  }
  if (entryAgeMs > 0 && it.subject.amount !== undefined)
    yield { rule: at, words: `an address-book entry ${entryAgeMs} ms old`, test: () => demandEntryAge(state, now, it, rule) };
}

function demandQuorum({ book }: Founded, { subject, approvers }: Judged, rule: Requirement): void {
  const met = quorumMet(book, rule, { initiator: subject.initiator, approvers });
  const persons = personsOf(approvers);
  demand(met, "QUORUM_MISSING", `rules.${rule.id}`, `${persons.length} persons do not meet it: ${persons.join(", ")}`);
}

function demandLife(now: Now, { approvers }: Judged, { id, approvalLifeMs }: Requirement): void {
  const latest = now.hi + (approvalLifeMs as number);
  const short = approvers.every((approver) => approver.notAfter <= latest);
  demand(short, "NOT_AFTER_TOO_FAR", `rules.${id}`, `approvals may be valid until ${latest} at most`);
}

/** Cooling-off: the book's entry that is paid is in force for long enough. An address outside the book never is. */
function demandEntryAge(state: Founded, now: Now, { subject }: Judged, { id, entryAgeMs }: Requirement): void {
  const entry = subject.destination === undefined ? undefined : get(state.entries, subject.destination);
  if (entry === undefined) refuse("ENTRY_TOO_YOUNG", `rules.${id}`, "an address outside the address book is of no age");
  const until = entry.at + entryAgeMs;
  const detail = `its cooling-off time ends at ${until}, the vault's time is at least ${now.lo}`;
  demand(now.lo >= until, "ENTRY_TOO_YOUNG", `rules.${id}`, detail);
}

function* minimumSteps({ book }: Founded, { subject, approvers }: Judged): Generator<Step> {
  const minimum = book.document.governance.minimums.find((one) => one.class === subject.walletClass);
  if (minimum === undefined || subject.amount === undefined) return;
  const rule = `governance.minimums.${minimum.class}`;
  const counted = approvers.filter(({ person, ...given }) => given.class === "device" && person !== subject.initiator);
  const { length } = personsOf(counted);
  const test = () =>
    demand(length >= minimum.persons, "QUORUM_MISSING", rule, `${length} of ${minimum.persons} other persons have approved`);
  const needs = { persons: minimum.persons - length };
  yield { rule, words: `${minimum.persons} persons beside the initiator`, test, needs };
}

/** What decides whether an action is open at all, and the requirements that bind.
 *  Fails: FROZEN at the level of the freeze, DENIED, NOT_ALLOWED; FACT_MISSING, FACT_STALE, FACT_ADVERSE for a price without
 *  which no rule can be judged. */
function scopeOf(
  state: Founded,
  { subject, touched, quotes }: { readonly subject: Subject; readonly touched: Touched; readonly quotes: Quotes },
): { readonly requirements: readonly Requirement[]; readonly steps: readonly Step[] } {
  const { denies, allows, requirements, unvalued } = judge(state.book, subject);
  const step = (words: string, rule: string, test: () => void): Step => ({ words, rule, test });
  const needs = unvalued === undefined ? {} : { needs: { priceOf: subject.asset as string } };
  const steps = [
    step("nothing is frozen", "freezes", () => demandNotFrozen(state, touched)),
    step("not on the deny list", "entries", () => {
      if (subject.amount !== undefined) demandNotListed(state, touched);
    }),
    step("no rule denies", denies[0] === undefined ? "rules" : `rules.${denies[0]}`, () => {
      if (denies[0] !== undefined) refuse("DENIED", `rules.${denies[0]}`, "this rule denies the action");
    }),
    {
      ...step("the value is stated", "valuation", () => {
        if (unvalued !== undefined) demandQuote(quotes, subject.asset as string, `rules.${unvalued}`);
      }),
      ...needs,
    },
    step("a rule allows", allows[0] === undefined ? "rules" : `rules.${allows[0]}`, () => {
      demand(allows.length > 0, "NOT_ALLOWED", "rules", `no rule allows this ${subject.kind}`);
    }),
  ];
  return { requirements, steps };
}

/** Refuses what is frozen, denied, or allowed by no rule. Gives the requirements that bind. Fails: those of `scopeOf`. */
export function demandAllowed(state: Founded, it: Parameters<typeof scopeOf>[1]): readonly Requirement[] {
  const { requirements, steps } = scopeOf(state, it);
  for (const step of steps) step.test();
  return requirements;
}

function demandNotFrozen(state: Founded, touched: Touched): void {
  const [freeze] = freezesOf(state, [touched]);
  if (freeze === undefined) return;
  refuse("FROZEN", `freeze.${freeze.level}`, `${freeze.officer} froze ${freeze.level} ${freeze.subject}`);
}

/** An address that an entry of class denied names is never paid, by whatever other name. */
function demandNotListed({ denied }: Founded, { chain, address }: Touched): void {
  const name = get(denied, `${chain}:${address}`);
  if (name !== undefined) refuse("DENIED", `entries.${name}`, `${address} is on the deny list`);
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
