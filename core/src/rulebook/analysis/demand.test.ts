import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { deviceKey, REQUIRE, sampleRulebook } from "../../../test/sample.ts";
import { books, PERSONS, requirements } from "../../../test/universe.ts";
import type { Needed } from "../../signed/rulebook.ts";
import { openBook } from "../book.ts";
import { quorumMet } from "../judge.ts";
import {
  type Asking,
  askedBy,
  canBeMet,
  compareApprovals,
  implies,
  isMetBy,
  keyOf,
  type Quorate,
  strictnessOf,
  type Voters,
  votersOf,
  wordsOf,
} from "./demand.ts";

const CROWDS = PERSONS.reduce<readonly (readonly string[])[]>(
  (sets, person) => sets.flatMap((set) => [set, [...set, person]]),
  [[]],
);

/** Whether approvals by these persons, with all keys they have, are enough. */
function isEnough({ book, rules }: Asking, initiator: string, persons: readonly string[]): boolean {
  const approvers = book.document.persons
    .filter(({ id }) => persons.includes(id))
    .flatMap(({ id, keys }) => keys.map((key) => ({ person: id, class: key.class })));
  return rules.every((rule) => quorumMet(book, rule, { initiator, approvers }));
}

const quorates: fc.Arbitrary<Quorate> = requirements.map((rule) => ({ ...rule, quorum: rule.quorum ?? REQUIRE.quorum }));
const lists = fc.array(quorates, { maxLength: 2 });

test("the comparison of two quorums is that of all crowds that could approve", () => {
  const seen = new Map<string, number>();
  const property = fc.property(
    books,
    books,
    lists,
    lists,
    fc.constantFrom(...PERSONS, "nobody"),
    (a, b, first, second, initiator) => {
      const before = { book: votersOf(a), rules: first };
      const after = { book: votersOf(b), rules: second };
      const change = compareApprovals(before, after, initiator);
      const enough = CROWDS.some((crowd) => isEnough(after, initiator, crowd) && !isEnough(before, initiator, crowd));
      const short = CROWDS.some((crowd) => isEnough(before, initiator, crowd) && !isEnough(after, initiator, crowd));
      const verdict = enough ? (short ? "differs" : "weaker") : short ? "stronger" : "same";
      assert.equal(change.verdict, verdict);
      seen.set(verdict, (seen.get(verdict) ?? 0) + 1);
      if (change.enough !== undefined) {
        assert.ok(isEnough(after, initiator, change.enough) && !isEnough(before, initiator, change.enough));
      }
      if (change.short !== undefined) {
        assert.ok(isEnough(before, initiator, change.short) && !isEnough(after, initiator, change.short));
      }
    },
  );
  fc.assert(property, { numRuns: 300 });
  for (const verdict of ["same", "weaker", "stronger", "differs"]) assert.ok((seen.get(verdict) ?? 0) > 5, verdict);
});

test("a requirement can be met exactly when everybody together meets it", () => {
  const property = fc.property(books, quorates, fc.constantFrom(...PERSONS), (plain, rule, initiator) => {
    const book = votersOf(plain);
    const demanded = { book, rules: [rule] };
    assert.equal(canBeMet(book, rule, initiator), isEnough(demanded, initiator, PERSONS));
    for (const crowd of CROWDS) assert.equal(isMetBy(book, rule, initiator, crowd), isEnough(demanded, initiator, crowd));
  });
  fc.assert(property, { numRuns: 200 });
});

const book: Voters = votersOf(openBook(sampleRulebook()));

test("of demands in time the longer delay and age and the shorter life are stricter", () => {
  assert.ok(strictnessOf({ aspect: "delay", ms: 2 }) > strictnessOf({ aspect: "delay", ms: 1 }));
  assert.ok(strictnessOf({ aspect: "age", ms: 2 }) > strictnessOf({ aspect: "age", ms: 1 }));
  assert.ok(strictnessOf({ aspect: "life", ms: 2 }) < strictnessOf({ aspect: "life", ms: 1 }));
});

test("a fact follows from another with at least its sources, enough of them, and no older", () => {
  const need = (change: Partial<Needed>): Needed => ({
    type: "screening",
    sources: ["a", "b"],
    atLeast: 1,
    maxAgeMs: 5,
    ...change,
  });
  const first = need({});
  assert.equal(implies(need({ atLeast: 2 }), first), true);
  assert.equal(implies(first, need({ atLeast: 2 })), false);
  assert.equal(implies(need({ sources: ["a", "b", "c"], atLeast: 2 }), first), true);
  assert.equal(implies(need({ sources: ["a", "b", "c"] }), first), false);
  assert.equal(implies(first, need({ sources: ["a"] })), false);
  assert.equal(implies(need({ sources: ["a", "c"], atLeast: 2 }), first), false);
  assert.equal(implies(need({ maxAgeMs: 6 }), first), false);
  assert.equal(implies(need({ type: "simulation" }), first), false);
});

test("too many ways to approve are not compared, and that is said", () => {
  const letters = "abcdefgh".split("");
  const persons = letters.flatMap((group) =>
    [1, 2, 3].map((at) => ({ id: `${group}${at}`, keys: [deviceKey(`${group}${at}`)] })),
  );
  const groups = letters.map((id) => ({ id, members: [1, 2, 3].map((at) => `${id}${at}`) }));
  const wide = votersOf(openBook(sampleRulebook({ persons, groups })));
  const all = (count: number): Quorate => ({
    ...REQUIRE,
    quorum: { type: "allOf", of: letters.map((group) => ({ type: "group", group, count })) },
  });
  const compare = (before: Quorate, after: Quorate) =>
    compareApprovals({ book: wide, rules: [before] }, { book: wide, rules: [after] }, "tom");
  assert.deepEqual(compare(all(2), all(1)), { verdict: "differs", unknown: true });
  assert.deepEqual(compare(all(2), { ...all(2), delayMs: 1 }), { verdict: "same" });
});

test("one text for what demands the same of the same persons", () => {
  const other = votersOf(openBook(sampleRulebook({ groups: [{ id: "approvers", members: ["amy", "bob"] }] })));
  const keys = (voters: Voters, change: Partial<Quorate>) =>
    askedBy({ ...REQUIRE, ...change }).map((asked) => keyOf(voters, asked));
  assert.deepEqual(keys(book, {}), keys(book, { id: "other", kinds: ["pay"] }));
  assert.notDeepEqual(keys(book, {}), keys(other, {}));
  assert.deepEqual(compareApprovals({ book, rules: [REQUIRE] }, { book: other, rules: [REQUIRE] }, "tom"), {
    verdict: "stronger",
    short: ["amy", "carl"],
  });
});

test("everything that a requirement demands is told one by one", () => {
  const need: Needed = { type: "screening", sources: ["screener"], atLeast: 1, maxAgeMs: 1_000 };
  const told = askedBy({ ...REQUIRE, facts: [need], delayMs: 1, approvalLifeMs: 2, entryAgeMs: 3 });
  assert.deepEqual(
    told.map((asked) => `${asked.aspect}: ${wordsOf(asked)}`),
    [
      "approvals: 2 of approvers, initiator excluded",
      "facts: 1 of screener on screening, at most 1 s old",
      "delay: after 1 ms",
      "life: approvals valid for at most 2 ms",
      "age: destination in the book for 3 ms",
    ],
  );
  const { quorum: _quorum, ...nothing } = REQUIRE;
  assert.deepEqual(askedBy(nothing), []);
});
