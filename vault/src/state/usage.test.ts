import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { WINDOW_BUCKETS } from "../limits.ts";
import { add, stillCounts, unused, used } from "./usage.ts";

type Committed = { readonly at: number; readonly amount: bigint };

/** Sum of what was committed after `lo - reach`. */
function since(committed: readonly Committed[], lo: number, reach: number): bigint {
  return committed.reduce((sum, { at, amount }) => (at > lo - reach ? sum + amount : sum), 0n);
}

test("a window never counts less than the exact one, and forgets at most one bucket late", () => {
  const windowMs = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 201, max: 366 * 86_400_000 }));
  const steps = fc.array(fc.record({ part: fc.integer({ min: 0, max: 150 }), amount: fc.bigInt({ min: 0n, max: 1000n }) }), {
    maxLength: 60,
    size: "max",
  });
  fc.assert(
    fc.property(windowMs, fc.integer({ min: 0, max: 1_800_000_000_000 }), steps, (window, start, list) => {
      const bucket = Math.ceil(window / WINDOW_BUCKETS);
      const committed: Committed[] = [];
      let usage = unused(window);
      let lo = start;
      for (const { part, amount } of list) {
        lo += Math.floor((window * part) / 100);
        const total = used(usage, lo);
        assert.ok(total >= since(committed, lo, window));
        assert.ok(total <= since(committed, lo, window + bucket));
        for (const one of committed) {
          assert.ok(one.at <= lo - window || stillCounts(window, { at: one.at, lo }));
          assert.ok(one.at > lo - window - bucket || !stillCounts(window, { at: one.at, lo }));
        }
        usage = add(usage, amount, lo);
        committed.push({ at: lo, amount });
        assert.ok(usage.buckets.length <= WINDOW_BUCKETS + 2);
      }
    }),
    { numRuns: 500 },
  );
});

test("what one window counts goes when it is over", () => {
  const usage = add(add(unused(6400), 5n, 1000), 7n, 1050);
  assert.equal(used(usage, 1050), 12n);
  assert.equal(used(usage, 7400), 12n);
  assert.equal(used(usage, 7500), 0n);
});
