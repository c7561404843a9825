import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../host/limits.ts";
import { notSaid, problem } from "../http/call.ts";
import { endAfter, pauseAfter, wordsOf } from "./rules.ts";

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

test("whoever is down is asked again for ever, and a vault that has stopped seldom", () => {
  const thrown = (work: () => never): unknown => {
    try {
      return work();
    } catch (error) {
      return error;
    }
  };
  const last = { attempts: limits.jobBackoff.attempts, chance: 0 };
  const { outageMs } = limits.jobBackoff;
  for (const code of ["VAULT_UNREACHABLE", "CHAIN_UNREACHABLE", "DATABASE_UNREACHABLE"] as const) {
    const end = endAfter(
      thrown(() => problem(code, "here", "it is down")),
      last,
    );
    assert.deepEqual(end, { state: "retry", inMs: outageMs, error: `${code} at here: it is down`, counts: false });
  }
  const stopped = endAfter(
    thrown(() => notSaid("vault", "it has stopped")),
    last,
  );
  assert.deepEqual([stopped.state, "inMs" in stopped && stopped.inMs], ["retry", limits.askAgainMs]);
  assert.deepEqual(endAfter(new Error("a bug"), last), { state: "failed", error: "a bug" });
  const first = endAfter(new Error("a bug"), { attempts: 1, chance: 0 });
  assert.deepEqual(first, { state: "retry", inMs: limits.jobBackoff.firstMs, error: "a bug", counts: true });
});

test("what is kept of an error is one short line of printable ASCII", () => {
  assert.equal(wordsOf(new Error("first\n\tsecond \u202eü"), 100), "first second ??");
  assert.equal(wordsOf("x".repeat(10), 4), "xxxx");
});
