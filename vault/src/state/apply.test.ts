import assert from "node:assert/strict";
import { test } from "node:test";
import type { Hash } from "@strongroom/core/bytes";
import { sealRecord } from "@strongroom/core/journal/record";
import { apply } from "./apply.ts";
import { emptyState } from "./state.ts";

const ZERO = "00".repeat(32) as Hash;

test("every record moves the journal's position and the time", () => {
  const before = emptyState("ab".repeat(32));
  const one = apply(before, sealRecord({ version: 1, at: 7, kind: "booted", boot: ZERO }));
  const two = apply(one, sealRecord({ version: 1, at: 9, kind: "ticked" }));
  assert.deepEqual([before.seq, one.seq, two.seq], [0, 1, 2]);
  assert.deepEqual([before.at, one.at, two.at], [0, 7, 9]);
  assert.equal(new Set([before.head, one.head, two.head]).size, 3);
  assert.deepEqual([before.boot, one.boot], [null, ZERO]);
});

test("a record about something that the journal never made is a bug, not a state", () => {
  const record = sealRecord({ version: 1, at: 7, kind: "withheld", job: ZERO });
  assert.throws(() => apply(emptyState("ab".repeat(32)), record), /never made/);
});
