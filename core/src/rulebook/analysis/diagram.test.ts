import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { attempt } from "../../errors.ts";
import { type Box, Diagrams, EVERYTHING, NOTHING, type PointSet } from "./diagram.ts";

const SIZES = [3, 2, 4, 3];
const POINTS = SIZES.reduce<readonly (readonly number[])[]>(
  (points, size) => points.flatMap((point) => Array.from({ length: size }, (_, value) => [...point, value])),
  [[]],
);

const boxes: fc.Arbitrary<Box> = fc.tuple(
  ...SIZES.map((size) =>
    fc.option(
      fc.array(fc.integer({ min: 0, max: 1 }), { minLength: size, maxLength: size }).map((bits) => Uint8Array.from(bits)),
    ),
  ),
);
const holds = (box: Box, point: readonly number[]) => point.every((value, at) => box[at]?.[value] !== 0);

/** A set by its diagram and by its points. */
type Both = { readonly set: PointSet; readonly has: (point: readonly number[]) => boolean };

function madeOf(diagrams: Diagrams, list: readonly Box[]): Both {
  return { set: diagrams.union(list.map((box) => diagrams.box(box))), has: (point) => list.some((box) => holds(box, point)) };
}

function pointBox(point: readonly number[]): Box {
  return point.map((value, at) => Uint8Array.from({ length: SIZES[at] as number }, (_, other) => (other === value ? 1 : 0)));
}

function assertSame(diagrams: Diagrams, set: PointSet, has: Both["has"]): void {
  for (const point of POINTS) assert.equal(diagrams.and(set, diagrams.box(pointBox(point))) !== NOTHING, has(point));
}

const lists = fc.array(boxes, { maxLength: 5 });

test("unions, intersections and differences hold the points that they should", () => {
  const property = fc.property(lists, lists, (left, right) => {
    const diagrams = new Diagrams(SIZES);
    const [a, b] = [madeOf(diagrams, left), madeOf(diagrams, right)];
    assertSame(diagrams, a.set, a.has);
    assertSame(diagrams, diagrams.or(a.set, b.set), (point) => a.has(point) || b.has(point));
    assert.equal(
      diagrams.meets(a.set, b.set),
      POINTS.some((point) => a.has(point) && b.has(point)),
    );
    assertSame(diagrams, diagrams.and(a.set, b.set), (point) => a.has(point) && b.has(point));
    assertSame(diagrams, diagrams.minus(a.set, b.set), (point) => a.has(point) && !b.has(point));
    assert.equal(
      diagrams.isWithin(a.set, b.set),
      POINTS.every((point) => !a.has(point) || b.has(point)),
    );
  });
  fc.assert(property, { numRuns: 150 });
});

test("equal sets are one number, however they were made", () => {
  const property = fc.property(lists, lists, (left, right) => {
    const diagrams = new Diagrams(SIZES);
    const [a, b] = [madeOf(diagrams, left), madeOf(diagrams, right)];
    const symmetric = diagrams.or(diagrams.minus(a.set, b.set), diagrams.minus(b.set, a.set));
    const other = diagrams.minus(diagrams.or(a.set, b.set), diagrams.and(a.set, b.set));
    assert.equal(symmetric, other);
    assert.equal(diagrams.minus(EVERYTHING, diagrams.minus(EVERYTHING, a.set)), a.set);
  });
  fc.assert(property, { numRuns: 150 });
});

test("the first point is in the set, and the values are those of its points", () => {
  const full = boxes.filter((box) => box.every((values) => values === null || values.includes(1)));
  const property = fc.property(lists, full, (list, box) => {
    const diagrams = new Diagrams(SIZES);
    const { set, has } = madeOf(diagrams, list);
    const inside = POINTS.filter(has);
    if (inside.length > 0) assert.ok(has(diagrams.first(set)));
    else assert.equal(set, NOTHING);
    for (const [level, size] of SIZES.entries()) {
      const occurs = (points: readonly (readonly number[])[]) =>
        Array.from({ length: size }, (_, value) => (points.some((point) => point[level] === value) ? 1 : 0));
      assert.deepEqual([...diagrams.values(set, level)], occurs(inside));
      const open = box.with(level, null);
      assert.deepEqual([...diagrams.values(set, level, box)], occurs(inside.filter((point) => holds(open, point))));
    }
  });
  fc.assert(property, { numRuns: 200 });
});

test("boxes make up the set, share no point of it, and are as large as they can be", () => {
  const orders = fc.shuffledSubarray([0, 1, 2, 3], { minLength: 4 });
  const property = fc.property(lists, lists, orders, (list, realList, order) => {
    const diagrams = new Diagrams(SIZES);
    const real = madeOf(diagrams, realList);
    const all = madeOf(diagrams, list);
    const set = diagrams.and(all.set, real.set);
    const { boxes: found, left } = diagrams.boxes(set, { real: real.set, most: 100, orders: [order, [0, 1, 2, 3]] });
    assert.equal(left, NOTHING);
    const parts = found.map(({ box }) => diagrams.and(diagrams.box(box), real.set));
    assert.equal(diagrams.union(parts), set);
    for (const [at, part] of parts.entries()) {
      assert.ok(diagrams.meets(part, diagrams.box(pointBox(found[at]?.point ?? []))));
      for (const other of parts.slice(at + 1)) assert.equal(diagrams.and(part, other), NOTHING);
    }
  });
  fc.assert(property, { numRuns: 200 });
});

test("only so many boxes and cells are made, and what is left is told", () => {
  const diagrams = new Diagrams([4, 4]);
  const bit = (...at: readonly number[]) => Uint8Array.from({ length: 4 }, (_, value) => (at.includes(value) ? 1 : 0));
  const diagonal = diagrams.union([0, 1, 2, 3].map((at) => diagrams.box([bit(at), bit(at)])));
  const { boxes: found, left } = diagrams.boxes(diagonal, { real: EVERYTHING, most: 3, orders: [[0, 1]] });
  assert.equal(found.length, 3);
  assert.equal(left, diagrams.box([bit(3), bit(3)]));
  const rows = [0, 1, 2].map((at) => diagrams.box([bit(at), null]));
  const some = diagrams.cells(diagonal, rows, 2);
  assert.equal(some.cells.length, 2);
  assert.equal(diagrams.or(some.left, diagrams.union(some.cells.map(({ set }) => set))), diagonal);
  assert.deepEqual(
    diagrams.cells(diagonal, rows, 9).cells.map(({ within }) => within),
    [[0], [1], [2], []],
  );
  assert.deepEqual(diagrams.cells(NOTHING, rows, 9), { cells: [], left: NOTHING });
});

test("diagrams that grow beyond their bound are refused", () => {
  const diagrams = new Diagrams([4, 4], 12);
  const bit = (at: number) => Uint8Array.from({ length: 4 }, (_, value) => (at === value ? 1 : 0));
  const diagonal = () => diagrams.union([0, 1, 2, 3].map((at) => diagrams.box([bit(at), bit(at)])));
  const result = attempt(diagonal);
  assert.deepEqual(result.ok ? "OK" : [result.code, result.field], ["TOO_LARGE", "rules"]);
});

test("a set that hangs on distant dimensions stays small", () => {
  const diagrams = new Diagrams(Array.from({ length: 20 }, () => 30));
  const rows = Array.from({ length: 600 }, (_, at) =>
    diagrams.sizes.map((size, level) =>
      level === at % 20 ? Uint8Array.from({ length: size }, (_, value) => (value === at % 30 ? 1 : 0)) : null,
    ),
  );
  const set = diagrams.union(rows.map((row) => diagrams.box(row)));
  assert.equal(
    diagrams.boxes(diagrams.minus(EVERYTHING, set), { real: EVERYTHING, most: 9, orders: [[...diagrams.sizes.keys()]] }).boxes
      .length,
    1,
  );
});
