/** Two large rulebooks for the figure of the analysis: a bank's book that uses the whole rule language, and a draft in which
 *  some of its rules are changed the way people change rules. Deterministic. */

import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import type { Quorum, Rule, Rulebook } from "../../core/src/signed/rulebook.ts";
import { demoRulebook } from "../../test/world/world.ts";
import { rulesOf } from "./rulebook.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
/** Every so many rules one differs in the draft. */
const CHANGED_EVERY = 40;

const names = (prefix: string, count: number) => Array.from({ length: count }, (_, at) => `${prefix}-${at}`);
const UNITS = names("unit", 24);
const CLIENTS = names("client", 40);
const WALLETS = names("wallet", 60);
const PARTIES = names("party", 300);
const GROUPS = ["traders", "approvers", "officers", "operations", "administrators"] as const;
const CLASSES = ["exchange", "vasp", "self-hosted", "own", "one-time", "client-owned"] as const;

/** Whole numbers below a bound, one after another.   Source: Steele and Vigna (2021), multiplier for 32 bits. */
function numbers(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 0x915f77f5) + 1) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

type Draw = ReturnType<typeof numbers>;
const some = <T>(draw: Draw, values: readonly T[], count: number): readonly T[] => [
  ...new Set(Array.from({ length: count }, () => values[draw(values.length)] as T)),
];

/** What small, usual and large payments take. */
const TIERS: readonly Quorum[] = [
  { type: "group", group: "approvers", count: 1 },
  { type: "group", group: "approvers", count: 2 },
  {
    type: "allOf",
    of: [
      { type: "group", group: "approvers", count: 2 },
      { type: "group", group: "officers", count: 1 },
    ],
  },
];

/** What a rule is about: mostly one asset, desk or counterparty, and now and then a value or a time. */
function conditionsFor(draw: Draw, tokens: readonly string[]): Partial<Rule> {
  const topics: readonly (() => Partial<Rule>)[] = [
    () => ({ assets: some(draw, tokens, 1), amountFrom: BigInt(1 + draw(50)) * 10n ** 8n }),
    () => ({ assets: some(draw, tokens, 2) }),
    () => ({ wallets: some(draw, WALLETS, 2) }),
    () => ({ units: some(draw, UNITS, 1) }),
    () => ({ clients: some(draw, CLIENTS, 2) }),
    () => ({ destinations: some(draw, PARTIES, 2) }),
    () => ({ valueFrom: BigInt(1 + draw(20)) * 10n ** 7n }),
    () => ({ times: [{ calendar: "zurich", days: ["monday", "friday"], from: 60 * (6 + draw(3)), to: 60 * (17 + draw(3)) }] }),
  ];
  const topic = (topics[draw(topics.length)] as () => Partial<Rule>)();
  const classes = draw(3) === 0 ? { classes: some(draw, CLASSES, 2) } : {};
  const hot = draw(3) === 0 ? { walletClasses: some(draw, ["hot", "warm", "cold"] as const, 1) } : {};
  return { kinds: ["pay"], ...topic, ...classes, ...hot };
}

function ruleAt(draw: Draw, at: number, tokens: readonly string[]): Rule {
  const open = { ...OPEN, id: `rule-${at}`, ...conditionsFor(draw, tokens) };
  const effect = draw(10);
  const initiators = some(draw, GROUPS, 1);
  if (effect < 4) return { ...open, effect: "allow", initiators };
  if (effect < 5) return { ...open, effect: "deny" };
  return { ...NOTHING, ...open, quorum: TIERS[draw(3)] as Quorum, delayMs: HOUR * draw(3) };
}

/** A rule as its draft has it: a wider range, a class less, another delay. */
function redrafted(rule: Rule): Rule {
  if (rule.amountFrom !== undefined) return { ...rule, amountFrom: rule.amountFrom * 2n };
  if (rule.classes !== "any" && rule.classes.length > 1) return { ...rule, classes: rule.classes.slice(1) };
  return rule.effect === "require" ? { ...rule, delayMs: rule.delayMs + HOUR } : { ...rule, walletClasses: ["hot"] };
}

/** A book with `count` rules over all dimensions, and its draft. */
export function bankBooks(count: number): readonly [Rulebook, Rulebook] {
  const draw = numbers(20_261_125);
  const { chains, assets, limits } = rulesOf(count);
  const tokens = assets.map(({ id }) => id);
  const rules = Array.from({ length: count }, (_, at) => ruleAt(draw, at, tokens));
  const before: Rulebook = {
    ...demoRulebook(),
    chains,
    assets,
    limits,
    rules,
    units: UNITS.map((id, at) => (at === 0 ? { id } : { id, parent: UNITS[(at - 1) >> 1] as string })),
    calendars: [{ id: "zurich", offset: 60, changes: [], until: 4_102_444_800_000 }],
    valuation: {
      currency: "chf",
      decimals: 2,
      sources: ["screening"],
      atLeast: 1,
      maxAgeMs: HOUR,
      maxMovePpm: 50_000,
      moveMs: DAY,
    },
  };
  const after = { ...before, rules: rules.map((rule, at) => (at % CHANGED_EVERY === 7 ? redrafted(rule) : rule)) };
  return [before, after];
}

/** The book of the figure of rule evaluation with `count` rules, and its draft. */
export function deskBooks(count: number): readonly [Rulebook, Rulebook] {
  const before = { ...demoRulebook(), ...rulesOf(count) };
  const rules = before.rules.map((rule, at) => (at % CHANGED_EVERY === 7 ? redrafted(rule) : rule));
  return [before, { ...before, rules }];
}
