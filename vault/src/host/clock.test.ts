/** The two bounds of the time, with clocks that are set forward, back and stopped. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { clockFrom, systemTime } from "./clock.ts";

function sources(wall: number) {
  const now = { mono: 500, wall };
  return { now, source: { monotonicMs: () => now.mono, wallMs: () => now.wall } };
}

test("the lower bound counts only time that the vault was up", () => {
  const { now, source } = sources(9_000_000);
  const clock = clockFrom(1_000_000, source);
  assert.deepEqual(clock(), { lo: 1_000_000, hi: 9_000_000 });
  now.mono += 250.9;
  now.wall += 1;
  assert.deepEqual(clock(), { lo: 1_000_250, hi: 9_000_001 });
});

test("a wall clock that is set forward moves only the upper bound, one set back moves none", () => {
  const { now, source } = sources(1_000_000);
  const clock = clockFrom(1_000_000, source);
  now.wall = 5_000_000;
  assert.deepEqual(clock(), { lo: 1_000_000, hi: 5_000_000 });
  now.wall = 0;
  now.mono += 1_000;
  assert.deepEqual(clock(), { lo: 1_001_000, hi: 1_001_000 });
  now.wall = Number.NaN;
  assert.deepEqual(clock(), { lo: 1_001_000, hi: 1_001_000 });
});

test("a monotonic source that goes back does not take the lower bound back beyond the journal", () => {
  const { now, source } = sources(1_000_000);
  const clock = clockFrom(1_000_000, source);
  now.mono = 0;
  assert.equal(clock().lo, 1_000_000);
});

test("a vault without records begins at the wall clock", () => {
  const { now, source } = sources(1_234_567.8);
  assert.deepEqual(clockFrom(null, source)(), { lo: 1_234_567, hi: 1_234_567 });
  now.wall = 0;
  const real = clockFrom(null, systemTime)();
  assert.ok(real.lo > 1_700_000_000_000 && Number.isSafeInteger(real.lo) && real.hi >= real.lo);
});
