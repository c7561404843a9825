import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Quorum } from "../signed/rulebook.ts";
import { alternatives, fillsQuorum, groupsIn, groupsLeft, seatsLeft } from "./quorum.ts";

const PERSONS = ["ann", "bob", "cat", "dan", "eve"];
const NAMES = ["red", "green", "blue"];

const group = (name: string, count: number): Quorum => ({ type: "group", group: name, count });
const allOf = (...of: Quorum[]): Quorum => ({ type: "allOf", of });
const anyOf = (...of: Quorum[]): Quorum => ({ type: "anyOf", of });
const world = (groups: { readonly [name: string]: readonly string[] }) =>
  new Map(Object.entries(groups).map(([name, members]) => [name, new Set(members)]));

test("a person fills one place only, however many groups he has", () => {
  const groups = world({ red: ["ann", "bob"], green: ["ann"] });
  const both = allOf(group("red", 1), group("green", 1));
  assert.equal(fillsQuorum(both, groups, new Set(["ann"])), false);
  assert.equal(fillsQuorum(both, groups, new Set(["ann", "bob"])), true);
  assert.equal(fillsQuorum(allOf(group("red", 1), group("red", 1)), groups, new Set(["ann"])), false);
  assert.equal(fillsQuorum(allOf(group("red", 2), group("green", 1)), groups, new Set(["ann", "bob"])), false);
});

test("persons move to other seats when that seats more", () => {
  const groups = world({ red: ["ann", "bob"], green: ["ann", "cat"], blue: ["ann"] });
  const all = allOf(group("red", 1), group("green", 1), group("blue", 1));
  assert.equal(fillsQuorum(all, groups, new Set(["ann", "bob", "cat"])), true);
  assert.equal(fillsQuorum(all, groups, new Set(["ann", "bob"])), false);
});

test("anyOf needs one part, allOf every part, at any depth", () => {
  const groups = world({ red: ["ann", "bob"], green: ["cat"], blue: ["dan", "eve"] });
  const tree = allOf(group("red", 1), anyOf(group("green", 1), allOf(group("blue", 2))));
  assert.equal(fillsQuorum(tree, groups, new Set(["ann", "cat"])), true);
  assert.equal(fillsQuorum(tree, groups, new Set(["bob", "dan", "eve"])), true);
  assert.equal(fillsQuorum(tree, groups, new Set(["bob", "dan"])), false);
  assert.equal(fillsQuorum(tree, groups, new Set(["cat", "dan", "eve"])), false);
  assert.deepEqual(groupsIn(tree), ["red", "green", "blue"]);
  assert.equal(alternatives(allOf(anyOf(tree, tree), anyOf(tree, tree, tree))).length, 24);
});

test("distinct groups: as many as can be represented by different persons", () => {
  const groups = world({ red: ["ann"], green: ["ann", "bob"], blue: ["bob"] });
  assert.equal(groupsLeft(0, [], groups, new Set()), 0);
  assert.equal(groupsLeft(2, NAMES, groups, new Set(["ann"])), 1);
  assert.equal(groupsLeft(2, NAMES, groups, new Set(["ann", "bob"])), 0);
  assert.equal(groupsLeft(3, NAMES, groups, new Set(["ann", "bob"])), 1);
  assert.equal(groupsLeft(2, ["red", "red"], groups, new Set(["ann", "bob"])), 1);
});

const memberships = fc.record(Object.fromEntries(NAMES.map((name) => [name, fc.subarray(PERSONS)]))).map(world);
const trees = fc.letrec<{ tree: Quorum }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 2 },
    fc
      .record({ name: fc.constantFrom(...NAMES), count: fc.integer({ min: 1, max: 3 }) })
      .map(({ name, count }) => group(name, count)),
    fc.array(tie("tree"), { minLength: 1, maxLength: 2 }).map((of) => allOf(...of)),
    fc.array(tie("tree"), { minLength: 1, maxLength: 2 }).map((of) => anyOf(...of)),
  ),
})).tree;

/** Seats by trial: every way to give every person a seat or none. `then` gets the persons who are left. */
function seatable(
  quorum: Quorum,
  groups: ReturnType<typeof world>,
  left: readonly string[],
  then: (left: readonly string[]) => boolean,
): boolean {
  if (quorum.type === "group") {
    if (quorum.count === 0) return then(left);
    return left.some((person) => {
      const others = left.filter((other) => other !== person);
      const fits = groups.get(quorum.group)?.has(person) === true;
      return fits && seatable({ ...quorum, count: quorum.count - 1 }, groups, others, then);
    });
  }
  if (quorum.type === "anyOf") return quorum.of.some((part) => seatable(part, groups, left, then));
  const [first, ...rest] = quorum.of;
  if (first === undefined) return then(left);
  return seatable(first, groups, left, (others) => seatable({ type: "allOf", of: rest }, groups, others, then));
}

test("seating agrees with trying every seating", () => {
  let filled = 0;
  const property = fc.property(trees, memberships, fc.subarray(PERSONS), (tree, groups, persons) => {
    const expected = seatable(tree, groups, persons, () => true);
    filled += expected ? 1 : 0;
    assert.equal(fillsQuorum(tree, groups, new Set(persons)), expected);
  });
  fc.assert(property, { numRuns: 1500 });
  assert.ok(filled > 150, `only ${filled} quorums were filled`);
});

test("spanning agrees with trying every choice of persons", () => {
  const represented = (names: readonly string[], groups: ReturnType<typeof world>, left: readonly string[]): number => {
    const [name, ...rest] = names;
    if (name === undefined) return 0;
    const without = represented(rest, groups, left);
    const members = left.filter((person) => groups.get(name)?.has(person));
    const withOne = members.map(
      (person) =>
        1 +
        represented(
          rest,
          groups,
          left.filter((other) => other !== person),
        ),
    );
    return Math.max(without, ...withOne);
  };
  const property = fc.property(memberships, fc.subarray(PERSONS), fc.integer({ min: 0, max: 3 }), (groups, persons, least) => {
    const most = represented(NAMES, groups, persons);
    assert.equal(groupsLeft(least, NAMES, groups, new Set(persons)), Math.max(0, least - most));
  });
  fc.assert(property, { numRuns: 500 });
});

test("what is left of a quorum is what fills it, and nothing when it is filled", () => {
  let left = 0;
  const property = fc.property(trees, memberships, fc.subarray(PERSONS), (tree, groups, persons) => {
    const ways = seatsLeft(tree, groups, new Set(persons));
    const size = (way: (typeof ways)[number]) => way.reduce((sum, { count }) => sum + count, 0);
    assert.equal(fillsQuorum(tree, groups, new Set(persons)), size(ways[0] ?? []) === 0);
    assert.deepEqual(
      ways.map(size),
      ways.map(size).toSorted((a, b) => a - b),
    );
    for (const way of ways) {
      left += size(way);
      // Newcomers, each in one group only, take the seats that are left, and one fewer does not.
      const newcomers = way.flatMap(({ group: name, count }) =>
        Array.from({ length: count }, (_, at) => [`${name} ${at}`, name]),
      );
      const more = new Map([...groups].map(([name, members]) => [name, new Set(members)]));
      for (const [person, name] of newcomers) more.get(name as string)?.add(person as string);
      const all = new Set([...persons, ...newcomers.map(([person]) => person as string)]);
      assert.ok(fillsQuorum(tree, more, all));
    }
    const names = ways.map((way) => JSON.stringify(way));
    assert.equal(new Set(names).size, names.length);
  });
  fc.assert(property, { numRuns: 1000 });
  assert.ok(left > 1000, `only ${left} seats were left`);
});

test("another approver never hurts", () => {
  const property = fc.property(
    trees,
    memberships,
    fc.subarray(PERSONS),
    fc.constantFrom(...PERSONS),
    (tree, groups, persons, more) => {
      if (fillsQuorum(tree, groups, new Set(persons))) assert.ok(fillsQuorum(tree, groups, new Set([...persons, more])));
    },
  );
  fc.assert(property, { numRuns: 500 });
});

test("large groups are seated at once", () => {
  const everybody = Array.from({ length: 2000 }, (_, at) => `p${at}`);
  const groups = world({ red: everybody, green: everybody });
  const quorum = allOf(group("red", 32), group("green", 32));
  assert.equal(fillsQuorum(quorum, groups, new Set(everybody)), true);
});
