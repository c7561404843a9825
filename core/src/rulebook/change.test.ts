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
import { encode } from "../signed/object.ts";
import { type Key, type Quorum, type Rule, Rulebook } from "../signed/rulebook.ts";
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
