/** What the host asks of the pure side apart from decisions: of an empty journal, and after records. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Hash, Time } from "@strongroom/core/bytes";
import { sealRecord } from "@strongroom/core/journal/record";
import { CHAIN_START } from "@strongroom/core/journal/segment";
import { mind } from "./mind.ts";
import type { State } from "./state/state.ts";

const empty = mind.empty("ab".repeat(32));

test("an empty journal has no time, no deployment and the first head", () => {
  assert.deepEqual(
    [mind.journaledAt(empty), mind.head(empty), mind.deployment(empty), mind.isDemonstration(empty)],
    [null, CHAIN_START, null, false],
  );
});

test("a record moves time and head", () => {
  const record = sealRecord({ version: 1, kind: "booted", at: 7 as Time, boot: "cd".repeat(32) as Hash });
  const state = mind.apply(empty, record);
  assert.equal(mind.journaledAt(state), 7);
  assert.notEqual(mind.head(state), CHAIN_START);
});

test("a deployment is a demonstration exactly when its genesis says so", () => {
  for (const demonstration of [true, false]) {
    const genesis = { value: { demonstration } } as NonNullable<State["genesis"]>;
    assert.equal(mind.isDemonstration({ ...empty, genesis }), demonstration);
  }
});
