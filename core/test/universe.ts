/** Small random rulebooks and every action of a small universe, for tests that hold an analysis against `judge`, action by
 *  action. */
import assert from "node:assert/strict";
import { inspect } from "node:util";
import fc from "fast-check";
import { DANGEROUS } from "../src/chain/evm/calls.ts";
import { type Action, subjectOf } from "../src/rulebook/analysis/space.ts";
import { type Book, openBook } from "../src/rulebook/book.ts";
import { isWithin, touches } from "../src/rulebook/calendar.ts";
import { judge, quorumMet } from "../src/rulebook/judge.ts";
import { NOTHING, OPEN } from "../src/rulebook/open.ts";
import type { Json } from "../src/signed/codec.ts";
import type { Calendar, Quorum, Requirement, Rule, Rulebook } from "../src/signed/rulebook.ts";
import { DAY_MS, deviceKey, sampleRulebook, servedKey } from "./sample.ts";

/** A Monday, 2026-11-23 00:00 UTC. */
export const MONDAY = 20_780 * DAY_MS;
const HOUR_MS = 3_600_000;

const some = <T>(values: readonly T[], openness = 9) =>
  fc.oneof(
    { weight: openness, arbitrary: fc.constant("any" as const) },
    { weight: 1, arbitrary: fc.subarray([...values], { minLength: 1, maxLength: Math.min(2, values.length) }) },
  );
/** Mostly nothing. */
const maybe = <T>(value: fc.Arbitrary<T>) =>
  fc.oneof({ weight: 7, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value });
const without = <T extends object>(value: T) =>
  Object.fromEntries(Object.entries(value).filter(([, field]) => field !== undefined)) as {
    [K in keyof T]: Exclude<T[K], undefined>;
  };

export const GROUPS = ["traders", "approvers", "officers", "both"] as const;
export const PERSONS = ["tom", "tina", "amy", "bob", "olga"] as const;

const group = fc
  .record({ group: fc.constantFrom(...GROUPS), count: fc.integer({ min: 1, max: 3 }) })
  .map((one): Quorum => ({ type: "group", ...one }));
const tree = fc
  .record({ type: fc.constantFrom("allOf" as const, "anyOf" as const), of: fc.array(group, { minLength: 1, maxLength: 2 }) })
  .map((one): Quorum => one);
export const quorums: fc.Arbitrary<Quorum> = fc.oneof({ weight: 3, arbitrary: group }, { weight: 1, arbitrary: tree });

const fact = fc.record({
  type: fc.constant("screening" as const),
  sources: fc.constantFrom(["screener"], ["screener", "second"]),
  atLeast: fc.constantFrom(1, 2),
  maxAgeMs: fc.constantFrom(HOUR_MS, DAY_MS),
});

export const requirements: fc.Arbitrary<Requirement> = fc
  .record({
    quorum: fc.option(quorums, { nil: undefined, freq: 6 }),
    initiatorCounts: fc.boolean(),
    servedCounts: fc.boolean(),
    distinctGroups: fc.constantFrom(0, 0, 1),
    facts: fc.array(fact, { maxLength: 1 }),
    delayMs: fc.constantFrom(0, 0, HOUR_MS),
    approvalLifeMs: maybe(fc.constant(DAY_MS)),
    entryAgeMs: fc.constantFrom(0, 0, 0, DAY_MS),
  })
  .map(without)
  .map((demand) => {
    const distinctGroups = demand.quorum === undefined ? 0 : demand.distinctGroups;
    return { ...OPEN, ...NOTHING, ...demand, distinctGroups, id: "r" } as Requirement;
  });

const times = fc.record({
  calendar: fc.constant("zone"),
  days: fc.constantFrom(["monday" as const], ["monday" as const, "tuesday" as const]),
  from: fc.constantFrom(0, 480),
  to: fc.constantFrom(600, 1440),
});

const scopes = fc
  .record({
    kinds: some(["pay", "cancel", "wallet", "entry", "retire", "call"] as const),
    chains: some([1, 31337]),
    assets: some(["eth", "usdx", "ether"]),
    wallets: some(["hall", "desk"]),
    walletClasses: some(["hot", "cold"] as const),
    clients: some(["acme"]),
    units: some(["bank", "desk"]),
    destinations: some(["shop"]),
    classes: some(["exchange", "self-hosted", "own", "one-time"] as const, 5),
    initiators: some(GROUPS, 5),
    persons: some(PERSONS, 9),
    times: fc.oneof({ weight: 5, arbitrary: fc.constant("any" as const) }, fc.array(times, { minLength: 1, maxLength: 2 })),
    amountFrom: maybe(fc.bigInt({ min: 0n, max: 9n })),
    amountTo: maybe(fc.bigInt({ min: 0n, max: 9n })),
    valueFrom: maybe(fc.bigInt({ min: 0n, max: 9n })),
    valueTo: maybe(fc.bigInt({ min: 0n, max: 9n })),
    methods: some(["deposit(uint256)", "approve(address,uint256)", "allowance", "unlimited allowance"], 5),
  })
  .map(({ amountFrom, amountTo, ...open }) => {
    const bounded = amountFrom !== undefined || amountTo !== undefined;
    return without({ ...open, amountFrom, amountTo, ...(bounded && { assets: ["eth"] as const }) });
  });

/** Calls as rules speak of them: two harmless ones, an allowance, and an unlimited one. */
const CALLS = [
  { all: ["deposit(uint256)"], needed: null },
  { all: ["another()"], needed: null },
  ...DANGEROUS.filter(({ all }) => all[0] === "approve(address,uint256)"),
] as const;

const effects = fc.oneof(
  { weight: 3, arbitrary: fc.constant({ effect: "allow" as const }) },
  { weight: 2, arbitrary: fc.constant({ effect: "deny" as const }) },
  { weight: 3, arbitrary: requirements },
);
export const rules: fc.Arbitrary<readonly Rule[]> = fc
  .array(fc.tuple(scopes, effects), { minLength: 1, maxLength: 7 })
  .map((list) => list.map(([scope, effect], at) => ({ ...effect, ...scope, id: `r${at}` }) as Rule));

const memberships = fc
  .record(Object.fromEntries(GROUPS.map((name) => [name, fc.subarray([...PERSONS], { minLength: 1 })])))
  .map((groups) => Object.entries(groups).map(([id, members]) => ({ id, members })));

/** A calendar that is two hours ahead and from the second Monday on one; known for three weeks. */
const ZONE = { id: "zone", offset: 120, changes: [{ at: MONDAY + 7 * DAY_MS, offset: 60 }], until: MONDAY + 21 * DAY_MS };

const small = fc.bigInt({ min: 0n, max: 4n });
const limits = fc
  .array(
    fc.oneof(
      fc.record({ measure: fc.constant("amount" as const), assets: fc.constantFrom(["eth"], ["usdx"]), most: small }),
      fc.record({ measure: fc.constant("value" as const), assets: some(["eth", "usdx", "ether"], 1), most: small }),
      fc.record({
        measure: fc.constant("count" as const),
        assets: some(["eth", "usdx", "ether"], 1),
        most: fc.constantFrom(0n, 3n),
      }),
    ),
    { maxLength: 2 },
  )
  .map((list) =>
    list.map((limit, at) => {
      const window = { type: "rolling", ms: DAY_MS } as const;
      return { ...limit, id: `l${at}`, level: "institution", window } as const;
    }),
  );

const parts = fc.record({
  rules,
  limits,
  groups: memberships,
  persons: fc.subarray([...PERSONS], { minLength: 4 }),
  served: fc.constantFrom(...PERSONS),
  minimums: fc.constantFrom([], [], [{ class: "cold" as const, persons: 3 }]),
  parent: fc.constantFrom(undefined, "bank"),
});

/** Rulebooks whose rules are as sound as `checkRulebook` wants them, apart from what no rule reads. */
export const rulebooks: fc.Arbitrary<Rulebook> = parts.map(
  ({ rules: list, limits: most, groups, persons, served, minimums, parent }) => {
    const { governance, ...sample } = sampleRulebook();
    const known = (members: readonly string[]) => {
      const kept = members.filter((member) => persons.some((person) => person === member));
      return kept.length === 0 ? persons.slice(0, 1) : kept;
    };
    return {
      ...sample,
      createdAt: MONDAY,
      persons: persons.map((id) => ({ id, keys: [id === served ? servedKey(id) : deviceKey(id)] })),
      groups: groups.map(({ id, members }) => ({ id, members: known(members) })),
      governance: { ...governance, minimums },
      units: [{ id: "bank" }, { id: "desk", ...(parent !== undefined && { parent }) }],
      calendars: [ZONE],
      valuation: { currency: "chf", decimals: 0, sources: ["pricer"], atLeast: 1, maxAgeMs: 1, maxMovePpm: 1, moveMs: 1 },
      rules: list,
      limits: most,
    };
  },
);

export const books: fc.Arbitrary<Book> = rulebooks.map(openBook);

/** A book and a draft that keeps many of its rules. */
export const drafts: fc.Arbitrary<readonly [Book, Book]> = fc
  .tuple(rulebooks, rulebooks, fc.integer({ min: 0, max: 7 }), fc.boolean())
  .map(([before, after, kept, sameGroups]) => {
    const mine = after.rules.map((rule, at) => before.rules[at % 3 === kept % 3 ? rule.id.length + 99 : at] ?? rule);
    const draft = { ...after, rules: mine, ...(sameGroups && { groups: before.groups, persons: before.persons }) };
    return [openBook(before), openBook(draft)];
  });

const MONEYS = [
  ["eth", 31337],
  ["usdx", 31337],
  ["ether", 1],
] as const;

const few = <T>(values: readonly T[], count = 2) => fc.subarray([...values], { minLength: count, maxLength: count });

/** A small universe: some values of every dimension. Every action that is made of them comes before the rules of some book. */
export const universes: fc.Arbitrary<readonly Action[]> = fc
  .record({
    initiators: few(PERSONS),
    moneys: few(MONEYS),
    amounts: few([1n, 4n, 7n, 100n]),
    wallets: few(["hall", "another-wallet"], 1),
    walletClasses: few(["hot", "warm", "cold"] as const, 1),
    clients: few(["acme", "another-client", undefined], 1),
    units: few(["bank", "desk", undefined], 1),
    destinations: few(["shop", "another-destination", undefined]),
    classes: few(["exchange", "self-hosted", "own", "contract", "client-owned"] as const),
    values: few([undefined, 0n, 5n, 9n]),
    calls: few(CALLS),
    moments: few([9, 7 * 24 + 7, 7 * 24 + 8, 22 * 24 + 9, 2 * 24].map((hours) => MONDAY + hours * HOUR_MS)),
  })
  .map((lists) => {
    return [...new Map(actionsIn(lists).map((action) => [inspect(action), action])).values()];
  });

/** For each dimension of a universe its values. */
type Lists = Readonly<Record<ListName, readonly unknown[]>>;
type ListName =
  | "initiators"
  | "moneys"
  | "amounts"
  | "wallets"
  | "walletClasses"
  | "clients"
  | "units"
  | "destinations"
  | "classes"
  | "values"
  | "calls"
  | "moments";

/** A book, and of all actions that its rules and limits tell apart at least one of each kind: whatever is true of some action
 *  is true of one of these. The books are those for which they are few. */
export const wholes: fc.Arbitrary<{ readonly book: Book; readonly universe: readonly Action[] }> = books
  .map((book) => ({ book, lists: listsOf(book) }))
  .filter(({ lists }) => Object.values(lists).reduce((product, list) => product * list.length, 1) <= 4_000)
  .map(({ book, lists }) => ({ book, universe: actionsIn(lists) }));

/** What the conditions of these random books can name, each with something beside it; one value where no rule asks. Numbers are
 *  cut where a range begins or has ended. */
function listsOf({ document }: Book): Lists {
  const { rules: list, limits: bounds, persons } = document;
  const asked = <T>(names: readonly (keyof Rule)[], all: readonly T[], one: T) =>
    list.some((rule) => names.some((name) => rule[name] !== "any" && rule[name] !== undefined)) ? all : [one];
  const cuts = (measure: string, from: "amountFrom" | "valueFrom", to: "amountTo" | "valueTo") => [
    ...list.flatMap((rule) => [rule[from] ?? [], rule[to] === undefined ? [] : rule[to] + 1n].flat()),
    ...bounds.flatMap((limit) => (limit.measure === measure ? [limit.most + 1n] : [])),
  ];
  const amounts = cuts("amount", "amountFrom", "amountTo");
  const values = cuts("value", "valueFrom", "valueTo");
  return {
    initiators: asked(
      ["initiators", "persons"],
      persons.map(({ id }) => id),
      persons[0]?.id,
    ),
    moneys: MONEYS,
    amounts: amounts.length === 0 ? [1n] : [...new Set([1n, 100n, ...amounts.filter((amount) => amount > 0n)])],
    wallets: asked(["wallets"], ["hall", "desk", "another-wallet"], "hall"),
    walletClasses: ["hot", "warm", "cold"],
    clients: asked(["clients"], ["acme", undefined], undefined),
    units: asked(["units"], ["bank", "desk", undefined], undefined),
    destinations: [undefined, ...asked(["destinations"], ["shop", "another-destination"], "shop")],
    classes: asked(["classes"], ["exchange", "self-hosted", "own", "vasp", "client-owned"], "exchange"),
    values: values.length === 0 ? [undefined] : [...new Set([undefined, 0n, ...values])],
    calls: asked(["methods"], [...DANGEROUS, ...CALLS], CALLS[1]),
    moments: asked(["times"], MOMENTS, 0).map((hours) => MONDAY + hours * HOUR_MS),
  };
}

/** Hours from `MONDAY` on: in the calendar two hours later, on a Monday, a Tuesday and a day that no rule names, before, in and
 *  after the morning; and when the calendar knows nothing any more. */
const MOMENTS = [0, 6, 10, 24, 30, 34, 58, 22 * 24];

type Draft = { readonly [list: string]: unknown };

function actionsIn(lists: Lists): readonly Action[] {
  return Object.entries(lists).reduce<readonly Draft[]>(combined, [{}]).flatMap(actionsOf);
}

function combined(drafts: readonly Draft[], [name, values]: readonly [string, readonly unknown[]]): readonly Draft[] {
  return drafts.flatMap((draft) => values.map((value) => ({ ...draft, [name]: value })));
}

/** The actions that one choice of values makes, each kind with what the vault says of it. */
function actionsOf(draft: Draft): readonly Action[] {
  const {
    initiators: initiator,
    wallets: wallet,
    walletClasses: walletClass,
    clients: client,
    units: unit,
    moments: at,
  } = draft;
  const { destinations: destination, classes: declared, amounts: amount, values: value, calls: call } = draft;
  const [asset, chain] = draft.moneys as readonly [string, number];
  const from = { wallet, walletClass, client, unit };
  const outside = declared === "own" || declared === "client-owned" ? declared : "one-time";
  const common = { initiator, at, chain };
  const pay = {
    ...common,
    kind: "pay",
    asset,
    amount,
    value,
    ...from,
    destination,
    class: destination === undefined ? outside : declared,
  };
  const native = chain === 1 ? "ether" : "eth";
  const cancel = { ...common, kind: "cancel", asset: native, ...from, class: "own" };
  const open = { ...common, kind: "wallet", ...from };
  const moved = { ...from, destination, amount: amount === 100n ? 0n : amount, value };
  const calls =
    destination === undefined ? [] : [{ ...common, kind: "call", asset: native, ...moved, class: "contract", call }];
  const kept = ["entry", "retire"].map((kind) => ({ ...common, kind, destination, class: declared }));
  const isDeclared = destination !== undefined && declared !== "client-owned";
  return [pay, cancel, open, ...calls, ...(isDeclared ? kept : [])].map((action) => without(action) as Action);
}

type BoxJson = { readonly [name: string]: Json };

/** Whether an action is in a box as JSON says it. A moment stands for all that the rules of these books do not tell apart. */
export function isInBox(box: BoxJson, action: Action, told: readonly Book[]): boolean {
  return Object.entries(box).every(([name, values]) => {
    if (name === "time") return (values as readonly { at: number }[]).some(({ at }) => areAlike(at, action.at, told));
    return (values as readonly Json[]).some((value) =>
      value === "other" ? isOther(name, action, told) : isValue(name, value, action),
    );
  });
}

/** Whether it is in one of the parts of a scope, or in none. Parts never share an action. */
export function isInScope(parts: readonly { readonly json: BoxJson }[], action: Action, told: readonly Book[]): boolean {
  const holding = parts.filter(({ json }) => isInBox(json, action, told));
  assert.ok(holding.length <= 1, "two parts share an action");
  return holding.length === 1;
}

function areAlike(a: number, b: number, told: readonly Book[]): boolean {
  return told.every(({ document, calendars }) =>
    document.rules.every(({ times, effect }) => {
      if (times === "any") return true;
      const holds = (at: number) =>
        times.some((one) =>
          (effect === "allow" ? isWithin : touches)(calendars.get(one.calendar) as Calendar, one, { lo: at, hi: at }),
        );
      return holds(a) === holds(b);
    }),
  );
}

/** Whether the rules of a book allow an action: what `judge` says, for an initiator who is enrolled. */
export function isAllowed(book: Book, action: Action): boolean {
  if (!isEnrolled(book, action)) return false;
  const { denies, allows, unvalued } = judge(book, subjectOf(book, action));
  return denies.length === 0 && allows.length > 0 && unvalued === undefined;
}

export function isEnrolled({ document }: Book, { initiator }: Action): boolean {
  return document.persons.some((person) => person.id === initiator);
}

/** Whether approvals by all these persons are enough for an action, as the vault asks: for the requirements that bind, and for
 *  the least that governance sets for the wallet. */
export function isApproved(book: Book, action: Action, persons: readonly string[]): boolean {
  const { initiator, walletClass } = action;
  const approvers = book.document.persons
    .filter(({ id }) => persons.includes(id))
    .flatMap(({ id, keys }) => keys.map((key) => ({ person: id, class: key.class })));
  const others = approvers.filter((approver) => approver.class === "device" && approver.person !== initiator);
  const minimum = book.document.governance.minimums.find((one) => one.class === walletClass)?.persons ?? 0;
  const { requirements: bound } = judge(book, subjectOf(book, action));
  const isMet = bound.every((rule) => quorumMet(book, rule, { initiator, approvers }));
  return isMet && (action.amount === undefined || others.length >= minimum);
}

/** Whether an action that is allowed can be carried out at all when everybody approves it. */
export function isInReach(book: Book, action: Action): boolean {
  const { kind, destination } = action;
  const { requirements: bound } = judge(book, subjectOf(book, action));
  const isOld = bound.every((rule) => rule.entryAgeMs === 0 || action.amount === undefined || destination !== undefined);
  const isScreened = bound.every((rule) => rule.facts.length === 0 || kind !== "wallet");
  return isOld && isScreened && isApproved(book, action, PERSONS);
}

/** Whether an action has a name that no rule of these books gives. */
function isOther(name: string, action: Action, told: readonly Book[]): boolean {
  if (name === "method") {
    const { all = [], needed } = action.call ?? {};
    return (
      needed === null && !told.some(({ document }) => document.rules.some(({ methods }) => methods.includes(String(all[0]))))
    );
  }
  const value = action[name as keyof Action];
  const list = `${name}s` as "wallets" | "clients" | "destinations";
  return value !== undefined && !told.some(({ document }) => document.rules.some((rule) => rule[list].includes(String(value))));
}

function isValue(name: string, value: Json, action: Action): boolean {
  const field = name as keyof Action;
  if (name === "money") return isMoney(value as { [field: string]: Json }, action);
  if (name === "method") {
    const all = action.call?.all;
    return value === "none" ? all === undefined : inspect((value as { readonly method: Json }).method) === inspect(all);
  }
  if (value === "none") return action[field] === undefined;
  if (name === "value") return action.value !== undefined && isBetween(value as { from: string; to: string }, action.value);
  return (value as { [field: string]: Json })[field] === action[field];
}

function isMoney({ chain, asset, from, to }: { [field: string]: Json }, action: Action): boolean {
  if (chain !== action.chain || asset !== action.asset) return false;
  if (action.amount === undefined) return from === undefined;
  return from !== undefined && isBetween({ from: from as string, to: to as string }, action.amount);
}

function isBetween({ from, to }: { from: string; to: string }, amount: bigint): boolean {
  return amount >= BigInt(from) && amount <= BigInt(to);
}
