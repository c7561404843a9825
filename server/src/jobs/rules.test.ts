import assert from "node:assert/strict";
import { test } from "node:test";
import { pauseAfter, wordsOf } from "./rules.ts";

const backoff = { attempts: 5, firstMs: 100, mostMs: 1_000, outageMs: 300 };
const pause = (attempts: number, counts = true, chance = 0) => pauseAfter({ attempts, counts }, { backoff, chance });

test("pauses double up to the longest, then there are no more", () => {
  assert.deepEqual(
    [1, 2, 3, 4, 5, 6].map((attempts) => pause(attempts)),
    [100, 200, 400, 800, null, null],
  );
  assert.equal(pauseAfter({ attempts: 4_000, counts: true }, { backoff: { ...backoff, attempts: 5_000 }, chance: 0 }), 1_000);
});

test("chance shortens a pause by up to half", () => {
  assert.deepEqual(
    [0, 0.5, 0.999_999].map((chance) => pause(2, true, chance)),
    [200, 150, 100],
  );
});

test("while something else is down every pause is the same and none is the last", () => {
  assert.deepEqual(
    [1, 5, 99].map((attempts) => pause(attempts, false)),
    [300, 300, 300],
  );
});

test("what is kept of an error is one short line of printable ASCII", () => {
  assert.equal(wordsOf(new Error("first\n\tsecond \u202eü"), 100), "first second ??");
  assert.equal(wordsOf("x".repeat(10), 4), "xxxx");
});
