import assert from "node:assert/strict";
import { test } from "node:test";
import type { Calendar } from "@strongroom/core/signed/rulebook";
import fc from "fast-check";
import { WINDOW_BUCKETS } from "../limits.ts";
import { add, fits, rollingSpan, spanOf, subtract, unused, used } from "./usage.ts";

type Committed = { readonly at: number; readonly bucket: number; readonly amount: bigint };

/** Sum of what was committed after `lo - reach`. */
function since(committed: readonly Committed[], lo: number, reach: number): bigint {
  return committed.reduce((sum, { at, amount }) => (at > lo - reach ? sum + amount : sum), 0n);
}

test("a rolling window never counts less than the exact one, and forgets at most one bucket late", () => {
  const windowMs = fc.oneof(fc.integer({ min: 1, max: 200 }), fc.integer({ min: 201, max: 366 * 86_400_000 }));
  const steps = fc.array(fc.record({ part: fc.integer({ min: 0, max: 150 }), amount: fc.bigInt({ min: 0n, max: 1000n }) }), {
    maxLength: 60,
    size: "max",
  });
  fc.assert(
    fc.property(windowMs, fc.integer({ min: 0, max: 1_800_000_000_000 }), steps, (window, start, list) => {
      const width = Math.ceil(window / WINDOW_BUCKETS);
      const committed: Committed[] = [];
      let usage = unused(true);
      let lo = start;
      for (const { part, amount } of list) {
        lo += Math.floor((window * part) / 100);
        const span = rollingSpan(window, lo);
        const total = used(usage, span);
        assert.ok(total >= since(committed, lo, window));
        assert.ok(total <= since(committed, lo, window + width));
        usage = add(usage, amount, span.bucket);
        committed.push({ at: lo, bucket: span.bucket, amount });
        assert.ok(usage.buckets.length <= WINDOW_BUCKETS + 2);
        assert.deepEqual([usage.oldest, usage.newest], [usage.buckets[0]?.[0], span.bucket]);
      }
      const span = rollingSpan(window, lo);
      const back = committed.reduce((left, { amount, bucket }) => subtract(left, amount, bucket), usage);
      assert.equal(used(back, span), 0n);
    }),
    { numRuns: 500 },
  );
});

test("an amount fits exactly when the sum does", () => {
  const near = (most: bigint) => fc.bigInt({ min: -2n, max: 2n }).map((by) => (most / 2n + by > 0n ? most / 2n + by : 0n));
  const cases = fc.bigInt({ min: 0n, max: 1n << 80n }).chain((most) => {
    const part = fc.oneof(near(most), fc.bigInt({ min: 0n, max: most + 2n }));
    return fc.tuple(fc.constant(most), part, part);
  });
  const property = fc.property(cases, ([most, before, amount]) => {
    assert.equal(fits(before, amount, { most, half: most / 2n }), before + amount <= most);
  });
  fc.assert(property, { numRuns: 2000 });
});

test("what one window counts goes when it is over", () => {
  const at = (lo: number) => rollingSpan(6400, lo);
  const usage = add(add(unused(true), 5n, at(1000).bucket), 7n, at(1050).bucket);
  assert.equal(used(usage, at(1050)), 12n);
  assert.equal(used(usage, at(7400)), 12n);
  assert.equal(used(usage, at(7500)), 0n);
  assert.equal(unused(true).newest, 0);
});

test("a fixed window counts its own day, week or month and forgets the one before", () => {
  const calendar: Calendar = { id: "utc", offset: 0, changes: [], until: 253_402_300_799_999 };
  const day = 86_400_000;
  const span = (period: "day" | "week" | "month", lo: number) => {
    return spanOf({ type: "fixed", calendar: "utc", period }, lo, () => calendar);
  };
  const start = Date.parse("2026-11-30T00:00:00Z");
  for (const [period, next] of [
    ["day", start + day],
    ["week", start + 7 * day],
    ["month", start + day],
  ] as const) {
    const usage = add(add(unused(false), 5n, span(period, start).bucket), 7n, span(period, next - 1).bucket);
    assert.equal(used(usage, span(period, next - 1)), 12n, period);
    assert.equal(used(usage, span(period, next)), 0n, period);
    const later = add(usage, 1n, span(period, next).bucket);
    assert.deepEqual(later.buckets, [[span(period, next).bucket, 1n]]);
    assert.equal(used(subtract(later, 1n, span(period, next).bucket), span(period, next)), 0n);
    assert.deepEqual(subtract(later, 1n, span(period, start).bucket), later);
  }
  assert.deepEqual(
    spanOf({ type: "rolling", ms: 64 }, 640, () => calendar),
    rollingSpan(64, 640),
  );
});
