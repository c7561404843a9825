import assert from "node:assert/strict";
import { test } from "node:test";
import { isDearer, type Price } from "@strongroom/core/money/value";
import fc from "fast-check";
import { type Moved, rangesWith } from "./range.ts";

const WINDOW = 100;
const priceOf = (numerator: number): Price => ({ numerator: BigInt(numerator), denominator: 7n });
const said = fc.record({ later: fc.integer({ min: 1, max: 130 }), number: fc.integer({ min: 1, max: 50 }) });

test("the windows hold every price of the last one, none that is twice as old, and are never more than two", () => {
  fc.assert(
    fc.property(fc.array(said, { minLength: 1, maxLength: 60 }), (list) => {
      const all: { at: number; price: Price }[] = [];
      let moved: Moved | undefined;
      for (const { later, number } of list) {
        const one = { at: (moved?.at ?? 1_000) + later, price: priceOf(number) };
        all.push(one);
        moved = { at: one.at, ranges: rangesWith(moved, one, WINDOW) };
        const { ranges, at: now } = moved;
        assert.ok(ranges.length >= 1 && ranges.length <= 2);
        const isHeld = (price: Price) => ranges.some(({ low, high }) => !isDearer(low, price) && !isDearer(price, high));
        for (const { at, price } of all) if (now - at < WINDOW) assert.ok(isHeld(price));
        const recent = all.filter(({ at }) => now - at < 2 * WINDOW).map(({ price }) => price);
        for (const { low, high } of ranges) assert.ok(recent.includes(low) && recent.includes(high));
      }
    }),
    { numRuns: 500 },
  );
});

test("after a silence as long as a window nothing from before counts", () => {
  const first = { at: 5, price: priceOf(1) };
  const before = { at: 5, ranges: rangesWith(undefined, first, WINDOW) };
  const low = { since: 5, low: priceOf(1), high: priceOf(1) };
  assert.deepEqual(before.ranges, [low]);
  assert.deepEqual(rangesWith(before, { at: 104, price: priceOf(9) }, WINDOW), [{ ...low, high: priceOf(9) }]);
  assert.deepEqual(rangesWith(before, { at: 105, price: priceOf(9) }, WINDOW), [
    { since: 105, low: priceOf(9), high: priceOf(9) },
  ]);
});
