import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ALLOW, DAY_MS, DENY, PERSONS, REQUIRE, sampleRulebook, servedKey } from "../../test/sample.ts";
import type { Requirement, Rule } from "../signed/rulebook.ts";
import { openBook, type Subject } from "./book.ts";
import { type Approver, approvalLife, judge, lackingOf, quorumMet } from "./judge.ts";
import { NOTHING, OPEN } from "./open.ts";

const payment: Subject = {
  kind: "pay",
  initiator: "tom",
  chain: 31337,
  asset: "eth",
  wallet: "treasury",
  destination: "acme",
  class: "exchange",
  amount: 5n,
  when: { lo: 0, hi: 0 },
};

const bookOf = (rules: readonly Rule[]) => openBook(sampleRulebook({ rules }));

test("the judgement names what denies, what allows and what is required", () => {
  const book = openBook(sampleRulebook());
  assert.deepEqual(judge(book, payment), { denies: [], allows: ["allow"], requirements: [REQUIRE], unvalued: undefined });
  assert.deepEqual(judge(book, { ...payment, class: "contract" }).denies, ["deny"]);
  assert.deepEqual(judge(book, { ...payment, initiator: "amy" }).allows, []);
  assert.deepEqual(judge(bookOf([]), payment), { denies: [], allows: [], requirements: [], unvalued: undefined });
});

const device = (person: string): Approver => ({ person, class: "device" });
const served = (person: string): Approver => ({ person, class: "served" });
const met = (change: Partial<Requirement>, approvers: readonly Approver[], initiator = "tom") =>
  quorumMet(openBook(sampleRulebook()), { ...REQUIRE, ...change } as Requirement, { initiator, approvers });

test("the quorum of a requirement", () => {
  assert.equal(met({}, [device("amy"), device("bob")]), true);
  assert.equal(met({}, [device("amy"), device("tina")]), false);
  assert.equal(met({}, []), false);
});

test("two keys of one person are one person", () => {
  assert.equal(met({}, [device("amy"), device("amy"), device("amy")]), false);
});

test("the initiator counts only where the rule says so", () => {
  assert.equal(met({}, [device("amy"), device("bob")], "amy"), false);
  assert.equal(met({}, [device("amy"), device("bob"), device("carl")], "amy"), true);
  assert.equal(met({ initiatorCounts: true }, [device("amy"), device("bob")], "amy"), true);
});

test("served keys count only where the rule says so", () => {
  assert.equal(met({}, [device("amy"), served("bob")]), false);
  assert.equal(met({ servedCounts: true }, [device("amy"), served("bob")]), true);
  assert.equal(met({}, [device("amy"), served("bob"), device("bob")]), true);
});

test("distinct groups are demanded beside the quorum", () => {
  const either = {
    type: "anyOf",
    of: [
      { type: "group", group: "approvers", count: 2 },
      { type: "group", group: "officers", count: 2 },
    ],
  } as const;
  assert.equal(met({ quorum: either, distinctGroups: 1 }, [device("amy"), device("bob")]), true);
  assert.equal(met({ quorum: either, distinctGroups: 2 }, [device("amy"), device("bob")]), false);
  assert.equal(met({ quorum: either, distinctGroups: 2 }, [device("amy"), device("bob"), device("olga")]), true);
});

test("without a quorum nobody is needed; distinct groups of none are never met", () => {
  const { quorum: _, ...bare } = REQUIRE;
  const book = openBook(sampleRulebook());
  assert.equal(quorumMet(book, bare, { initiator: "tom", approvers: [] }), true);
  const unchecked = { ...bare, distinctGroups: 1 };
  assert.equal(quorumMet(book, unchecked, { initiator: "tom", approvers: [device("amy")] }), false);
});

const conditions = fc.record({
  kinds: fc.constantFrom<Rule["kinds"]>("any", ["pay"], ["cancel"]),
  assets: fc.constantFrom<Rule["assets"]>("any", ["eth"], ["usdx"]),
  classes: fc.constantFrom<Rule["classes"]>("any", ["exchange"], ["vasp", "exchange"], ["contract"]),
  initiators: fc.constantFrom<Rule["initiators"]>("any", ["traders"], ["approvers"]),
});
const demanding = fc.record({
  initiatorCounts: fc.boolean(),
  servedCounts: fc.boolean(),
  quorum: fc.record({
    type: fc.constant("group" as const),
    group: fc.constantFrom("approvers", "officers", "traders"),
    count: fc.integer({ min: 1, max: 2 }),
  }),
});
const rule: fc.Arbitrary<Rule> = fc.oneof(
  conditions.map((open) => ({ ...OPEN, ...open, id: "", effect: "allow" as const })),
  conditions.map((open) => ({ ...OPEN, ...open, id: "", effect: "deny" as const })),
  fc.tuple(conditions, demanding).map(([open, more]) => ({ ...OPEN, ...NOTHING, ...open, ...more, id: "" })),
);
const named = (list: readonly Rule[]) => list.map((item, at) => ({ ...item, id: `r${at}` }));
const rules = fc.array(rule, { maxLength: 6 }).map(named);
const subjects = fc.record({
  when: fc.constant({ lo: 0, hi: 0 }),
  kind: fc.constantFrom("pay" as const, "cancel" as const),
  initiator: fc.constantFrom("tom", "amy"),
  asset: fc.constantFrom("eth", "usdx"),
  class: fc.constantFrom("exchange" as const, "contract" as const),
});
const approvals = fc.array(
  fc.record({
    person: fc.constantFrom("tom", "tina", "amy", "bob", "olga"),
    class: fc.constantFrom("device" as const, "served" as const),
  }),
);

/** Whether the rules let the action pass: what the vault asks of them. */
function passes(list: readonly Rule[], subject: Subject, approvers: readonly Approver[]): boolean {
  const book = bookOf(list);
  const { denies, allows, requirements, unvalued } = judge(book, subject);
  const given = { initiator: subject.initiator, approvers };
  return (
    unvalued === undefined &&
    denies.length === 0 &&
    allows.length > 0 &&
    requirements.every((item) => quorumMet(book, item, given))
  );
}

test("the order of the rules means nothing", () => {
  const shuffled = rules.chain((list) => fc.tuple(fc.constant(list), fc.shuffledSubarray(list, { minLength: list.length })));
  const property = fc.property(shuffled, subjects, ([list, other], subject) => {
    const [a, b] = [judge(bookOf(list), subject), judge(bookOf(other), subject)];
    const ids = (requirements: readonly Requirement[]) => requirements.map((item) => item.id).sort();
    assert.deepEqual([...a.denies].sort(), [...b.denies].sort());
    assert.deepEqual([...a.allows].sort(), [...b.allows].sort());
    assert.deepEqual(ids(a.requirements), ids(b.requirements));
  });
  fc.assert(property);
});

test("an allow only widens; a deny or a require only tightens", () => {
  let passed = 0;
  const property = fc.property(rules, rule, subjects, approvals, (list, added, subject, approvers) => {
    const before = passes(list, subject, approvers);
    const after = passes([...list, { ...added, id: "added" }], subject, approvers);
    passed += before ? 1 : 0;
    if (added.effect === "allow") assert.ok(after || !before);
    else assert.ok(before || !after);
  });
  fc.assert(property, { numRuns: 2000 });
  assert.ok(passed > 50, `only ${passed} actions passed`);
});

test("without an allow nothing passes, with a deny nothing passes, whoever approves", () => {
  const everybody = ["tom", "tina", "amy", "bob", "carl", "olga", "otto", "ada", "ben", "cleo"].map(device);
  assert.equal(passes([REQUIRE], payment, everybody), false);
  assert.equal(passes([ALLOW, REQUIRE, { ...DENY, classes: "any" }], payment, everybody), false);
  assert.equal(passes([ALLOW, REQUIRE], payment, everybody), true);
});

test("what is dangerous is allowed only where it is named, and denied or bound by every rule that means it", () => {
  const call = (needed: readonly string[] | null, ...all: readonly string[]): Subject => ({
    ...payment,
    kind: "call",
    call: { all, needed },
  });
  const deposit = call(null, "deposit(uint256)");
  const limited = call(["approve(address,uint256)", "allowance"], "approve(address,uint256)", "allowance");
  const unlimited = call(["unlimited allowance"], "approve(address,uint256)", "allowance", "unlimited allowance");
  const everybody = ["amy", "bob"].map(device);
  const allow = (methods: Rule["methods"]): Rule => ({ ...ALLOW, kinds: ["call"], methods });
  const told = (...list: readonly Rule[]) => [deposit, limited, unlimited].map((subject) => passes(list, subject, everybody));
  assert.deepEqual(told(allow("any")), [true, false, false]);
  assert.deepEqual(told(allow(["deposit(uint256)"])), [true, false, false]);
  assert.deepEqual(told(allow(["approve(address,uint256)"])), [false, true, false]);
  assert.deepEqual(told(allow(["allowance"])), [false, true, false]);
  assert.deepEqual(told(allow(["unlimited allowance"])), [false, false, true]);
  const all = allow(["deposit(uint256)", "allowance", "unlimited allowance"]);
  assert.deepEqual(told(all), [true, true, true]);
  const deny = (methods: Rule["methods"]): Rule => ({ ...DENY, classes: "any", methods });
  assert.deepEqual(told(all, deny(["allowance"])), [true, false, false]);
  assert.deepEqual(told(all, deny(["approve(address,uint256)"])), [true, false, false]);
  assert.deepEqual(told(all, deny(["unlimited allowance"])), [true, true, false]);
  assert.deepEqual(told(all, deny("any")), [false, false, false]);
  const third = { ...REQUIRE, methods: ["allowance"], quorum: { type: "group", group: "approvers", count: 3 } } as const;
  assert.deepEqual(told(all, third), [true, false, false]);
});

test("an approval lives as long as the rulebook and every requirement that may bind its intent allow", () => {
  const short = { ...REQUIRE, id: "short", kinds: ["pay"], approvalLifeMs: 60_000 } satisfies Rule;
  const wide = { ...REQUIRE, id: "wide", approvalLifeMs: 3_600_000 } satisfies Rule;
  const book = bookOf([ALLOW, DENY, REQUIRE, short, wide]);
  assert.equal(approvalLife(book, "pay"), 60_000);
  assert.equal(approvalLife(book, "entry"), 3_600_000);
  for (const kind of ["freeze", "unfreeze", undefined] as const) assert.equal(approvalLife(book, kind), DAY_MS);
  assert.equal(approvalLife(bookOf([ALLOW, REQUIRE]), "pay"), DAY_MS);
});

test("what a quorum lacks, and who could add it", () => {
  const persons = PERSONS.map((person) => (person.id === "carl" ? { ...person, keys: [servedKey("carl")] } : person));
  const book = openBook(sampleRulebook({ persons }));
  const lacking = (change: Partial<Requirement>, approvers: readonly Approver[], initiator = "tom") =>
    lackingOf(book, { ...REQUIRE, ...change } as Parameters<typeof lackingOf>[1], { initiator, approvers });
  const approvers = (count: number) => [[{ group: "approvers", count }]];
  assert.deepEqual(lacking({}, []), { ways: approvers(2), groups: 0, could: ["amy", "bob"] });
  assert.deepEqual(lacking({}, [device("amy")]), { ways: approvers(1), groups: 0, could: ["bob"] });
  assert.deepEqual(lacking({ servedCounts: true }, [device("amy")]).could, ["bob", "carl"]);
  assert.deepEqual(lacking({}, [device("amy")], "bob").could, []);
  assert.deepEqual(lacking({ initiatorCounts: true }, [], "bob").could, ["amy", "bob"]);
  assert.deepEqual(lacking({}, [device("amy"), device("bob")]), { ways: [], groups: 0, could: [] });
  const quorum = { type: "anyOf", of: ["approvers", "officers"].map((group) => ({ type: "group", group, count: 1 })) } as never;
  const filled = lacking({ quorum, distinctGroups: 2 }, [device("amy")]);
  assert.deepEqual(filled, { ways: [], groups: 1, could: ["bob", "olga", "otto"] });
});
