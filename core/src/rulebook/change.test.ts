import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  ALLOW,
  DAY_MS,
  DENY,
  deviceKey,
  hashOf,
  PERSONS,
  passkey,
  REQUIRE,
  sampleRulebook,
  servedKey,
} from "../../test/sample.ts";
import { attempt } from "../errors.ts";
import type { Shape } from "../signed/codec.ts";
import { encode } from "../signed/object.ts";
import { type Key, type Quorum, type Rule, Rulebook } from "../signed/rulebook.ts";
import type { Line } from "../signed/table.ts";
import { type Book, openBook, type Subject } from "./book.ts";
import { onlyTightens } from "./change.ts";
import { checkRulebook } from "./check.ts";
import { type Approver, judge, quorumMet } from "./judge.ts";
import { NOTHING, OPEN } from "./open.ts";

type Change = Partial<Rulebook>;

const AMY = [deviceKey("amy"), deviceKey("amy-2"), servedKey("amy-3")] as const;

/** Amy has three keys and a place in two groups, so that there is something to take away. */
const current = sampleRulebook({
  persons: PERSONS.map(({ id, keys }) => ({ id, keys: id === "amy" ? AMY : keys })),
  groups: [...sampleRulebook().groups, { id: "second", members: ["amy", "bob", "tom"] }],
  rules: [{ ...ALLOW, assets: ["eth"], amountTo: 100n }, DENY, REQUIRE],
});

const next = (change: Change): Rulebook => ({ ...current, epoch: 2, base: hashOf("current"), createdAt: 5, ...change });
const tightens = (change: Change) => onlyTightens(current, next(change));
const replaced = <T extends { readonly id: unknown }>(items: readonly T[], id: T["id"], change: Partial<T>): readonly T[] =>
  items.map((item) => (item.id === id ? { ...item, ...change } : item));
const withKeys = (id: string, keys: readonly Key[]) => replaced(current.persons, id, { keys });
const without = (...gone: readonly string[]): Change => ({
  persons: current.persons.filter((person) => !gone.includes(person.id)),
  groups: current.groups.map((group) => ({ ...group, members: group.members.filter((member) => !gone.includes(member)) })),
});

test("nothing but a new epoch, base and date changes nothing", () => {
  assert.equal(tightens({}), true);
});

test("a deny or a require may be added anywhere", () => {
  const added: Rule[] = [
    { ...DENY, id: "new", kinds: "any", classes: "any" },
    { ...REQUIRE, id: "new-too", delayMs: 5 },
  ];
  assert.equal(tightens({ rules: [...current.rules, ...added] }), true);
  assert.equal(tightens({ rules: [...added, ...current.rules] }), true);
  assert.equal(tightens({ rules: [...current.rules].reverse() }), true);
});

test("an allow may not be added, a rule not be removed, renamed or altered", () => {
  const { rules } = current;
  assert.equal(tightens({ rules: [...rules, { ...ALLOW, id: "new" }] }), false);
  assert.equal(tightens({ rules: rules.slice(1) }), false);
  assert.equal(tightens({ rules: replaced(rules, "deny", { id: "renamed" }) }), false);
  assert.equal(tightens({ rules: replaced(rules, "deny", { classes: "any" }) }), false);
  assert.equal(tightens({ rules: replaced(rules, "require", { effect: "allow" } as Partial<Rule>) }), false);
  for (const change of [
    { amountTo: 99n },
    { amountFrom: 1n },
    { wallets: ["treasury"] },
    { kinds: "any" },
    { initiators: "any" },
  ])
    assert.equal(tightens({ rules: replaced(rules, "allow", change as Partial<Rule>) }), false, Object.keys(change)[0]);
  const stricter = { servedCounts: true, initiatorCounts: true, distinctGroups: 1, delayMs: 1 };
  for (const [name, value] of Object.entries(stricter))
    assert.equal(tightens({ rules: replaced(rules, "require", { [name]: value } as Partial<Rule>) }), false, name);
});

test("a limit may be added or lowered, and nothing else", () => {
  const { limits } = current;
  const added = {
    id: "new",
    measure: "amount",
    level: "client",
    assets: ["eth"],
    most: 1n,
    window: { type: "rolling", ms: 1 },
  } as const;
  assert.equal(tightens({ limits: [...limits, added] }), true);
  assert.equal(tightens({ limits: [...limits].reverse() }), true);
  assert.equal(tightens({ limits: replaced(limits, "day", { most: 999n }) }), true);
  assert.equal(tightens({ limits: replaced(limits, "day", { most: 0n }) }), true);
  assert.equal(tightens({ limits: replaced(limits, "day", { most: 1001n }) }), false);
  assert.equal(tightens({ limits: replaced(limits, "day", { window: { type: "rolling", ms: DAY_MS + 1 } }) }), false);
  assert.equal(tightens({ limits: replaced(limits, "day", { level: "wallet" }) }), false);
  assert.equal(tightens({ limits: replaced(limits, "day", { assets: ["ether"] }) }), false);
  assert.equal(tightens({ limits: replaced(limits, "day", { id: "renamed" }) }), false);
  assert.equal(tightens({ limits: limits.slice(1) }), false);
});

test("a key may be removed, and with the last one its person and his places", () => {
  const [first, second, third] = AMY;
  assert.equal(tightens({ persons: withKeys("amy", [first, third]) }), true);
  assert.equal(tightens({ persons: withKeys("amy", [third]) }), true);
  assert.equal(tightens(without("amy")), true);
  assert.equal(tightens(without("amy", "tina")), true);
  assert.equal(tightens({ persons: [...current.persons].reverse() }), true);
  assert.equal(tightens({ persons: withKeys("amy", [second, first, third]) }), false);
});

test("no key or person may be added or altered", () => {
  const [first, second] = AMY;
  const max = { id: "max", keys: [deviceKey("max")] };
  assert.equal(tightens({ persons: [...current.persons, max] }), false);
  assert.equal(tightens({ persons: withKeys("bob", [deviceKey("bob"), deviceKey("bob-2")]) }), false);
  assert.equal(tightens({ persons: withKeys("bob", [deviceKey("bob-2")]) }), false);
  assert.equal(tightens({ persons: withKeys("bob", [servedKey("bob")]) }), false);
  assert.equal(tightens({ persons: withKeys("amy", [first, second, deviceKey("amy-3")]) }), false);
  assert.equal(tightens({ persons: replaced(without("bob").persons ?? [], "amy", { id: "bob" }) }), false);
});

test("who stays keeps his places, who goes leaves all of them", () => {
  const { groups } = current;
  const members = (id: string, list: readonly string[]) => tightens({ groups: replaced(groups, id, { members: list }) });
  assert.equal(members("traders", ["tom"]), false);
  assert.equal(members("traders", ["tom", "tina", "amy"]), false);
  assert.equal(members("traders", ["tina", "tom"]), false);
  assert.equal(tightens({ groups: groups.slice(1) }), false);
  assert.equal(tightens({ groups: [...groups, { id: "new", members: ["tom"] }] }), false);
  const { persons } = without("amy");
  assert.equal(tightens({ persons: persons ?? [] }), false);
  assert.equal(
    tightens({ ...without("amy"), groups: replaced(without("amy").groups ?? [], "second", { members: ["bob"] }) }),
    false,
  );
});

test("administrators and officers keep a key that they can act with", () => {
  const guarded = (id: string, before: readonly Key[], after: readonly Key[]) => {
    const book = { ...current, persons: withKeys(id, before) };
    return onlyTightens(book, { ...book, epoch: 2, persons: replaced(book.persons, id, { keys: after }) });
  };
  const [a, b, served] = [deviceKey("a"), deviceKey("b"), servedKey("c")];
  assert.equal(guarded("ada", [a, b], [b]), true);
  assert.equal(guarded("ada", [a, served], [a]), true);
  assert.equal(guarded("ada", [a, served], [served]), false);
  assert.equal(guarded("ada", [a, passkey("ada")], [passkey("ada")]), false);
  assert.equal(guarded("ada", [served, passkey("ada")], [served]), true);
  assert.equal(guarded("olga", [a, b], [b]), true);
  assert.equal(guarded("olga", [a, passkey("olga")], [passkey("olga")]), true);
  assert.equal(guarded("olga", [a, served], [served]), false);
  assert.equal(guarded("tom", [a, served], [served]), true);
  assert.equal(tightens(without("cleo")), false);
  assert.equal(tightens(without("olga")), false);
  const nobody = { ...current, governance: { ...current.governance, officers: "undefined" } };
  assert.equal(onlyTightens(nobody, { ...nobody, ...without("olga") }), true);
});

test("no other field may change", () => {
  const [anvil, mainnet] = current.chains as [Rulebook["chains"][number], Rulebook["chains"][number]];
  const changes: Change[] = [
    { deployment: hashOf("other") },
    { vault: hashOf("other") },
    { demonstration: false },
    { approvalLifeMs: 1 },
    { chains: [anvil] },
    { assets: current.assets.slice(1) },
    { assets: replaced(current.assets, "eth", { decimals: 6 }) },
    { sources: current.sources.slice(1) },
    { sources: replaced(current.sources, "watcher", { type: "screening" }) },
    { governance: { ...current.governance, administrators: ["ada", "ben"] } },
    { governance: { ...current.governance, threshold: 1 } },
    { governance: { ...current.governance, delayMs: 2 * DAY_MS } },
    { governance: { ...current.governance, officers: "traders" } },
    { governance: { ...current.governance, unfreeze: { type: "group", group: "traders", count: 1 } } },
    { governance: { ...current.governance, unfreezeDelayMs: 0 } },
    { rules: [], limits: [], persons: [] },
  ];
  const chain: Partial<typeof anvil>[] = [
    { name: "other" },
    { native: "usdx" },
    { maxFee: 1n },
    { maxOutstanding: 1 },
    { finality: [] },
    { finalityAtLeast: 2 },
  ];
  changes.push(...chain.map((change) => ({ chains: [{ ...anvil, ...change }, mainnet] })));
  for (const change of changes) assert.equal(tightens(change), false, JSON.stringify(Object.keys(change)));
});

/** A rulebook in which every field is there. */
const full: Rulebook = {
  ...current,
  assets: current.assets.map((asset) => (asset.id === "usdx" ? { ...asset, codeHash: hashOf("code") } : asset)),
  governance: {
    ...current.governance,
    unfreeze: { type: "allOf", of: [current.governance.unfreeze, { type: "group", group: "officers", count: 1 }] },
    minimums: [{ class: "cold", persons: 2 }],
  },
  units: [{ id: "bank" }, { id: "desk", parent: "bank" }],
  calendars: [{ id: "utc", offset: 0, changes: [{ at: 1, offset: 60 }], until: 2 }],
  valuation: {
    ...{ currency: "eur", decimals: 2, sources: ["screener"], atLeast: 1 },
    ...{ maxAgeMs: 1, maxMovePpm: 1, moveMs: 1 },
  },
  clock: { sources: ["screener", "watcher"], atLeast: 1 },
  handover: { vault: hashOf("vault"), head: { seq: 1, hash: hashOf("head") } },
};

/** The fields that the list speaks of. */
const LISTED = ["epoch", "base", "createdAt", "persons", "rules", "limits"];

type Altered = { readonly path: string; readonly value: unknown };

/** The value with one thing in it altered: each leaf, each list without its first item, each record without an optional field.
 *  A path names fields, not places in a list. */
function* alterations(value: unknown, path: string, shape: Shape<unknown>): Generator<Altered> {
  if (Array.isArray(value)) {
    if (value.length > 0) yield { path, value: value.slice(1) };
    for (const [at, item] of value.entries())
      for (const one of alterations(item, path, shape)) yield { ...one, value: value.with(at, one.value) };
  } else if (typeof value === "object" && value !== null && !(value instanceof Uint8Array)) {
    const parts = value as { readonly [name: string]: unknown };
    for (const { name, optional, shape: part } of linesOf(shape, parts)) {
      const { [name]: own, ...others } = parts;
      if (own === undefined) continue;
      const at = path === "" ? name : `${path}.${name}`;
      if (optional) yield { path: at, value: others };
      for (const one of alterations(own, at, part)) yield { ...one, value: { ...parts, [name]: one.value } };
    }
  } else yield* otherThan(value).map((other) => ({ path, value: other }));
}

function otherThan(value: unknown): readonly unknown[] {
  if (typeof value === "number") return [value + 1];
  if (typeof value === "bigint") return [value + 1n];
  if (typeof value === "boolean") return [!value];
  if (value instanceof Uint8Array) return [value.with(0, (value[0] as number) ^ 1)];
  if (value === "group") return [];
  return [value === "allOf" ? "anyOf" : `${value}x`];
}

function innerOf(shape: Shape<unknown>): Shape<unknown> {
  return shape.inner === undefined ? shape : innerOf(shape.inner());
}

/** The lines of a record, or of what a quorum is. */
function linesOf(shape: Shape<unknown>, value: { readonly [name: string]: unknown } = {}): readonly Line[] {
  const { lines, kinds } = innerOf(shape) as { lines?: readonly Line[]; kinds?: ReadonlyMap<unknown, readonly Line[]> };
  return lines ?? kinds?.get(value["type"]) ?? [];
}

/** The paths of all fields of a shape, as far as they are records. */
function fieldsOf(shape: Shape<unknown>, path = ""): readonly string[] {
  return linesOf(shape).flatMap(({ name, shape: part }) => {
    const at = path === "" ? name : `${path}.${name}`;
    return [at, ...fieldsOf(part, at)];
  });
}

test("whatever is not on the list stays as it is, down to its last field", () => {
  const shape = Rulebook.shape as Shape<unknown>;
  const isListed = (path: string) => LISTED.includes(path.split(".")[0] as string);
  const { handover: _, ...lasting } = full;
  const seen = new Set<string>();
  for (const book of [lasting, full]) {
    for (const { path, value } of alterations(book, "", shape)) {
      if (isListed(path)) continue;
      assert.equal(onlyTightens(book, value as Rulebook), path === "handover", path);
      assert.equal(onlyTightens(value as Rulebook, book), false, `${path}, the other way`);
      seen.add(path);
    }
  }
  const fields = fieldsOf(shape).filter((path) => !isListed(path));
  assert.deepEqual(
    fields.filter((field) => ![...seen].some((path) => `${path}.`.startsWith(`${field}.`))),
    [],
    "fields that nothing here alters",
  );
});

const NAMES = ["tom", "tina", "amy", "bob", "carl", "olga", "otto", "ada"];
const groupsOf = (list: readonly string[]) => fc.oneof(fc.constant("any" as const), fc.subarray([...list], { minLength: 1 }));
const conditions = fc.record({
  kinds: fc.constantFrom<Rule["kinds"]>("any", ["pay"], ["cancel"]),
  classes: fc.constantFrom<Rule["classes"]>("any", ["exchange"], ["contract"]),
  initiators: groupsOf(["traders", "approvers", "second"]),
});
const quorum: fc.Arbitrary<Quorum> = fc.record({
  type: fc.constant("group" as const),
  group: fc.constantFrom("traders", "approvers", "second", "officers"),
  count: fc.integer({ min: 1, max: 2 }),
});
const rule: fc.Arbitrary<Rule> = fc.oneof(
  conditions.map((open) => ({ ...OPEN, ...open, id: "", effect: "allow" as const })),
  conditions.map((open) => ({ ...OPEN, ...open, id: "", effect: "deny" as const })),
  fc.tuple(conditions, quorum, fc.boolean(), fc.boolean()).map(([open, tree, initiatorCounts, servedCounts]) => ({
    ...OPEN,
    ...NOTHING,
    ...open,
    id: "",
    quorum: tree,
    initiatorCounts,
    servedCounts,
  })),
);
const named = (list: readonly Rule[], prefix: string) => list.map((item, at) => ({ ...item, id: `${prefix}${at}` }));

/** A rulebook, and another one that any number of edits of any sort made of it. */
const pairs = fc
  .record({
    rules: fc.array(rule, { maxLength: 4 }),
    added: fc.array(rule, { maxLength: 2 }),
    dropped: fc.nat(8),
    gone: fc.subarray(NAMES, { maxLength: 2 }),
    keys: fc.constantFrom("all", "first", "others", "new"),
    amount: fc.constantFrom(500n, 1000n, 1500n),
    members: fc.constantFrom("kept", "fewer", "more"),
  })
  .map(({ rules, added, dropped, gone, keys, amount, members }) => {
    const before = { ...current, rules: named(rules, "r") };
    const { persons = [], groups = [] } = without(...gone);
    const amy = (all: readonly Key[]) =>
      ({ all, first: all.slice(0, 1), others: all.slice(1), new: [...all, deviceKey("amy-4")] })[keys];
    const change = { kept: 0, fewer: -1, more: 1 }[members];
    const second = (list: readonly string[]) => (change < 0 ? list.slice(1) : change > 0 ? [...list, "carl"] : list);
    const after: Rulebook = {
      ...before,
      epoch: 2,
      persons: persons.map((person) => (person.id === "amy" ? { ...person, keys: amy(person.keys) } : person)),
      groups: groups.map((group) => (group.id === "second" ? { ...group, members: second(group.members) } : group)),
      rules: [...before.rules.filter((_, at) => at !== dropped), ...named(added, "a")],
      limits: replaced(before.limits, "day", { most: amount }),
    };
    return [before, after] as const;
  });

const subjects: fc.Arbitrary<Subject> = fc.record({
  kind: fc.constantFrom("pay" as const, "cancel" as const),
  initiator: fc.constantFrom("tom", "tina", "amy", "bob"),
  when: fc.constant({ lo: 0, hi: 0 }),
  class: fc.constantFrom("exchange" as const, "contract" as const),
});
const approvals = fc.subarray(
  current.persons.flatMap((person) => person.keys.map((key) => ({ person: person.id, key }))),
  { minLength: 0 },
);
type Action = { readonly subject: Subject; readonly given: readonly { readonly person: string; readonly key: Key }[] };
const actions: fc.Arbitrary<readonly Action[]> = fc.array(fc.record({ subject: subjects, given: approvals }), {
  minLength: 16,
  maxLength: 16,
});

/** Whether the action passes with these keys, as far as the rulebook knows them. */
function passes(book: Book, { subject, given }: Action): boolean {
  const enrolled = given.filter(({ key }) =>
    [...book.holders.values()].some((holder) => holder.key.publicKey === key.publicKey),
  );
  const approvers: Approver[] = enrolled.map(({ person, key }) => ({ person, class: key.class }));
  const { denies, allows, requirements } = judge(book, subject);
  const met = requirements.every((item) => quorumMet(book, item, { initiator: subject.initiator, approvers }));
  const initiates = enrolled.some(({ person }) => person === subject.initiator);
  return initiates && denies.length === 0 && allows.length > 0 && met;
}

test("what a tightening lets pass was let pass before", () => {
  const seen = { tightenings: 0, others: 0, passed: 0 };
  const property = fc.property(pairs, actions, ([before, after], tried) => {
    const sound = attempt(() => [encode(Rulebook, after), checkRulebook(after)]).ok;
    if (!sound || !onlyTightens(before, after)) {
      seen.others += 1;
      return;
    }
    seen.tightenings += 1;
    const [opened, tightened] = [openBook(before), openBook(after)];
    const passed = tried.filter((action) => passes(tightened, action));
    seen.passed += passed.length;
    assert.ok(passed.every((action) => passes(opened, action)));
    assert.ok((after.limits[0]?.most ?? 0n) <= (before.limits[0]?.most ?? 0n));
    for (const id of ["ada", "olga", "otto"]) assert.ok(after.persons.some((person) => person.id === id));
  });
  fc.assert(property, { numRuns: 3000 });
  assert.ok(seen.tightenings > 100 && seen.others > 100 && seen.passed > 10, JSON.stringify(seen));
});
