import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { books, isAllowed, isEnrolled, universes } from "../../../test/universe.ts";
import { matching } from "../book.ts";
import { NOTHING, type PointSet } from "./diagram.ts";
import { openSets, type Sets } from "./sets.ts";
import { type Action, type Space, setOf, subjectOf, type Test, type Value } from "./space.ts";

/** The set of one action: of every dimension the value that it has, found without any rule. */
function pointOf(space: Space, action: Action): PointSet {
  const select = space.axes.map(({ name, atoms }) => {
    const values = atoms.flat();
    const value = values.find((one) => fits(name, one, action)) ?? values.find(({ role }) => role === "other");
    return [name, ((one) => one === value || atoms.some((atom) => atom[0] === one && atom.includes(value as Value))) as Test];
  });
  return setOf(space, Object.fromEntries(select));
}

function fits(name: string, { part, role, from = 0n, to = 0n }: Value, action: Action): boolean {
  if (name === "time") return part.at === action.at;
  if (name === "money") {
    const sized = action.amount === undefined ? part.amount === undefined : part.amount !== undefined;
    const { amount = 0n } = action;
    return sized && part.asset === action.asset && part.chain === action.chain && from <= amount && amount <= to;
  }
  if (name === "value")
    return action.value === undefined ? role === "none" : role !== "none" && from <= action.value && action.value <= to;
  if (name === "method") return role !== "other" && inspect(part.call?.all) === inspect(action.call?.all);
  const field = name as keyof Action;
  return action[field] === undefined ? role === "none" : part[field] === action[field];
}

const has = ({ space }: Sets, set: PointSet, action: Action) => space.diagrams.and(set, pointOf(space, action)) !== NOTHING;
/** The action at a moment that the space knows. */
const moved = ({ space }: Sets, action: Action, at: number): Action => {
  const moments = space.axes.find(({ name }) => name === "time")?.atoms.flat() ?? [];
  return { ...action, at: moments[at % moments.length]?.part.at as number };
};

test("the sets of two books agree with the judgement on every action", () => {
  let seen = 0;
  const property = fc.property(books, books, universes, (first, second, universe) => {
    for (const sets of openSets([first, second])) {
      for (const [at, action] of universe.map((one, index) => moved(sets, one, index)).entries()) {
        const allowed = isAllowed(sets.book, action);
        assert.equal(has(sets, sets.real, action), isEnrolled(sets.book, action), inspect(action));
        assert.equal(has(sets, sets.allowed, action), allowed, inspect(action));
        seen += allowed ? 1 : 0;
        if (at % 9 !== 0 || !isEnrolled(sets.book, action)) continue;
        const matched = new Set(matching(sets.book, subjectOf(sets.book, action)));
        for (const { rule, by, box } of sets.rules) {
          if (by.startsWith("rules.")) assert.equal(has(sets, box, action), matched.has(rule));
        }
      }
    }
  });
  fc.assert(property, { numRuns: 60 });
  assert.ok(seen > 200, `only ${seen} actions were allowed`);
});
