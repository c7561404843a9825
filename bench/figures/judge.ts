/** How long a decision takes, rules and limits, beside the loop that a user would write and the engines that he would pick. */

import type { Part } from "../../core/src/journal/record.ts";
import type { Book, Subject } from "../../core/src/rulebook/book.ts";
import { type Judgement, judge } from "../../core/src/rulebook/judge.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import type { Requirement, Rule } from "../../core/src/signed/rulebook.ts";
import { foundedVault, must, throughSnapshot } from "../../test/world/vault.ts";
import { CONTEXT, command, ETH, KEYS, makeWorld, pay, wallet } from "../../test/world/world.ts";
import { countLimits, nothingSpent } from "../../vault/src/decide/payment/limits.ts";
import { resolve } from "../../vault/src/decide/payment/resolve.ts";
import { WINDOW_BUCKETS } from "../../vault/src/limits.ts";
import { readIntent } from "../../vault/src/state/intent.ts";
import { emptyMap, set } from "../../vault/src/state/map.ts";
import type { Founded, State } from "../../vault/src/state/state.ts";
import { type Usage, usageOf } from "../../vault/src/state/usage.ts";
import type { Figure, Table } from "../figure.ts";
import { mean, timeAwaited, timeSideBySide } from "../stats.ts";
import { casbin, cedar, jsonRules } from "../world/engines.ts";
import { desks, limitsOf, rulesOf, tokens, UNIT } from "../world/rulebook.ts";

/** At most this many microseconds. */
const MOST_US = 5;
const SUBJECTS = 1024;

type Groups = ReadonlyMap<string, readonly string[]>;

/** The rules one after another, nothing prepared but the group members by name. */
function judgeNaively(rules: readonly Rule[], groups: Groups, subject: Subject): Judgement {
  const denies: string[] = [];
  const allows: string[] = [];
  const requirements: Requirement[] = [];
  for (const rule of rules) {
    if (!matches(rule, groups, subject)) continue;
    if (rule.effect === "deny") denies.push(rule.id);
    else if (rule.effect === "allow") allows.push(rule.id);
    else requirements.push(rule);
  }
  return { denies, allows, requirements, unvalued: undefined };
}

function names<T>(list: "any" | readonly T[], value: T | undefined): boolean {
  return list === "any" || (value !== undefined && list.includes(value));
}

function matches(rule: Rule, groups: Groups, subject: Subject): boolean {
  const { initiators, amountFrom, amountTo } = rule;
  const { amount } = subject;
  const bounded = amountFrom !== undefined || amountTo !== undefined;
  return (
    names(rule.kinds, subject.kind) &&
    names(rule.chains, subject.chain) &&
    names(rule.assets, subject.asset) &&
    names(rule.wallets, subject.wallet) &&
    names(rule.destinations, subject.destination) &&
    names(rule.classes, subject.class) &&
    (initiators === "any" || initiators.some((group) => groups.get(group)?.includes(subject.initiator) === true)) &&
    (!bounded || (amount !== undefined && amount >= (amountFrom ?? 0n) && amount <= (amountTo ?? amount)))
  );
}

/** Payments of many kinds: by traders and others, from all desks, in all assets, to all classes. Deterministic. */
function subjectsOf(): readonly Subject[] {
  const assets = ["eth", "usdx", ...tokens];
  const wallets = ["treasury", ...desks];
  const classes = ["exchange", "self-hosted", "vasp", "own", "client-owned"] as const;
  const persons = ["tom", "tina", "carl"];
  return Array.from({ length: SUBJECTS }, (_, at) => ({
    kind: at % 16 === 15 ? "cancel" : "pay",
    initiator: persons[at % 3] as string,
    when: { lo: 0, hi: 0 },
    chain: 31337,
    asset: assets[(at * 7) % assets.length] as string,
    wallet: wallets[(at * 5) % wallets.length] as string,
    destination: `party-${(at * 11) % 1_000}`,
    class: classes[(at * 3) % classes.length] as (typeof classes)[number],
    amount: BigInt(at) * 10n ** 6n,
  }));
}

/** Fails when the two do not agree: a faster evaluator that says something else is worth nothing. */
function demandAgreement(book: Book, groups: Groups, subjects: readonly Subject[]): void {
  const words = ({ denies, allows, requirements }: Judgement) =>
    [denies, allows, requirements.map((rule) => rule.id)].map((list) => list.toSorted().join(" ")).join("|");
  for (const subject of subjects) {
    const [ours, naive] = [judge(book, subject), judgeNaively(book.document.rules, groups, subject)];
    if (words(ours) !== words(naive)) throw new Error(`the evaluators disagree: ${words(ours)} and ${words(naive)}`);
  }
}

const ENGINES = ["cedar-wasm", "casbin", "json-rules-engine"] as const;
type Times = Record<(typeof ENGINES)[number], number>;
type Measured = Times & { size: number; matched: number; fresh: number; full: number; ours: number; naive: number };
const decision = ({ ours, full }: Measured) => ours + full;

/** Each engine on the same payments, microseconds a decision. Fails when one decides otherwise than the judgement. */
async function timeEngines(book: Book, subjects: readonly Subject[], how: { calls: number; rounds: number }): Promise<Times> {
  const engines = { "cedar-wasm": cedar(book), casbin: await casbin(book), "json-rules-engine": jsonRules(book) };
  const times: Partial<Times> = {};
  for (const name of ENGINES) {
    const allows = engines[name];
    for (const subject of subjects.slice(0, how.calls)) {
      const { denies, allows: ours } = judge(book, subject);
      const expected = denies.length === 0 && ours.length > 0;
      if ((await allows(subject)) !== expected)
        throw new Error(`${name} disagrees on ${JSON.stringify({ ...subject, amount: 0 })}`);
    }
    times[name] = await timeAwaited((call) => allows(subjects[call % SUBJECTS] as Subject), how);
  }
  return times as Times;
}

/** What 50 limits of all levels, measures and kinds of window take for one payment: `fresh` when nothing counts in them yet,
 *  `full` when something was paid in every part of every window. */
function timeLimits(size: number, quick: boolean): { fresh: number; full: number } {
  const { vault, made } = foundedVault({ rulebook: { ...rulesOf(size), ...limitsOf(50) } });
  const name = "of-a-unit";
  must(vault.run(wallet(made.book, { wallet: name, unit: UNIT }), [KEYS.carl]));
  must(vault.send(command({ command: "address", wallet: name, index: 0 })));
  const state = vault.state as Founded;
  const intent = pay(made.book, { wallet: name });
  const bytes = encode(Intent, intent);
  const named = resolve(state, { ...readIntent(bytes), intent, bytes, context: CONTEXT });
  const price = { numerator: 2_345_67n, denominator: ETH };
  const costed = { it: named, feeMax: 10n ** 15n, before: [], quotes: new Map([["eth", { ok: true, value: price } as const]]) };
  const count = (it: Founded) => countLimits(it, vault.now, nothingSpent(), costed);
  const counted = new Set(count(state).flatMap(({ shares }) => shares.map(({ limit }) => limit.split("|")[0])));
  if (counted.size !== 50) throw new Error(`${counted.size} limits count the payment`);
  const full = throughSnapshot({ ...state, usage: fullWindows(count(state)) }) as Founded;
  return timeSideBySide({ fresh: () => count(state), full: () => count(full) }, { rounds: quick ? 9 : 31 });
}

/** The usage of windows in all of whose parts something of what `counted` names was paid. A fixed window is one part. */
function fullWindows(counted: Part["counted"]): State["usage"] {
  const parts = (newest: number, count: number) => Array.from({ length: count }, (_, at) => newest - count + 1 + at);
  return counted.reduce((all, { of, shares }) => {
    const limits = shares.map(({ limit, amount, bucket, rolls }) => {
      const paid = parts(bucket, rolls ? WINDOW_BUCKETS : 1).map((part) => [part, amount] as const);
      return [limit, usageOf(rolls, paid)] as const;
    });
    return set(all, of, new Map(limits));
  }, emptyMap<ReadonlyMap<string, Usage>>());
}

export const judging: Figure = async ({ quick, say }) => {
  const subjects = subjectsOf();
  const sizes = [10, 100, 1_000];
  const results: Measured[] = [];
  for (const size of sizes) {
    say(`judge: ${size} rules`);
    const { book } = makeWorld({ rulebook: rulesOf(size) });
    const groups = new Map(book.document.groups.map((group) => [group.id, group.members]));
    demandAgreement(book, groups, subjects);
    const bound = subjects.map((subject) => {
      const { denies, allows, requirements } = judge(book, subject);
      return denies.length + allows.length + requirements.length;
    });
    const next = (call: number) => subjects[call % SUBJECTS] as Subject;
    const times = timeSideBySide(
      {
        ours: (call) => judge(book, next(call)),
        naive: (call) => judgeNaively(book.document.rules, groups, next(call)),
      },
      { rounds: quick ? 9 : 31 },
    );
    const others = await timeEngines(book, subjects, { calls: quick ? 50 : 200, rounds: quick ? 3 : 9 });
    results.push({ size, matched: mean(bound), ...timeLimits(size, quick), ...times, ...others });
  }
  const table: Table = {
    title: "Rule evaluation: judge(book, subject), beside a loop over all rules",
    columns: results.map(({ size }) => `${size.toLocaleString("en-US")} rules`),
    rows: [
      { what: "judge", unit: "µs", values: results.map(({ ours }) => ours), most: MOST_US },
      { what: "50 limits, nothing paid before", unit: "µs", values: results.map(({ fresh }) => fresh) },
      { what: "50 limits, paid in every part of every window", unit: "µs", values: results.map(({ full }) => full) },
      { what: "decision: rules and 50 limits, full windows", unit: "µs", values: results.map(decision), most: MOST_US },
      { what: "naive loop over the rules", unit: "µs", values: results.map(({ naive }) => naive) },
      ...ENGINES.flatMap((name) => [
        { what: name, unit: "µs", values: results.map((one) => one[name]) },
        { what: `${name} / decision`, unit: "×", values: results.map((one) => one[name] / decision(one)) },
      ]),
      { what: "rules that match, on average", unit: "", values: results.map(({ matched }) => matched) },
    ],
    notes: [
      "Processor time of the thread.",
      `${SUBJECTS} different payments in turn; all evaluators give the same judgement on every one, checked before.`,
      "The engines have no limits, so theirs is the time for the rules alone. Cedar runs as WebAssembly with parsed policies.",
    ],
  };
  return [table];
};
