import assert from "node:assert/strict";
import { test } from "node:test";
import { hashOf, sampleRulebook } from "../../test/sample.ts";
import { openBook } from "../rulebook/book.ts";
import type { Start } from "../signed/head.ts";
import { countsAt } from "../signed/head.ts";
import { renderStart } from "./start.ts";

const start: Start = {
  version: 1,
  deployment: hashOf("deployment"),
  vault: hashOf("vault"),
  number: 12,
  boot: hashOf("boot"),
  head: { seq: 1234, hash: hashOf("head") },
  at: 1_795_330_800_000,
};

test("the text of a start says what it goes on from, and nothing is suspected", () => {
  const lines = renderStart(start, openBook(sampleRulebook())).split("\n");
  assert.deepEqual(lines, [
    "DEMONSTRATION - no real value",
    "START OF THE VAULT",
    "start         number 12, 2026-11-22 07:00:00 UTC by the vault's own time",
    "goes on from  record 1234",
    `its hash      ${hashOf("head")}`,
    `nonce         ${hashOf("boot")}`,
    "suspected     no",
    "confirm only  if no device and no log has seen a newer record than these",
    "by this       approvals from before the start count again",
    `vault         ${hashOf("vault")}`,
    `deployment    ${hashOf("deployment")}`,
    "rulebook      epoch 1",
    "DEMONSTRATION - no real value",
  ]);
});

test("a suspected start says why, and what is given up", () => {
  const lost = [
    { boot: hashOf("one"), seq: 1300 },
    { boot: hashOf("two"), seq: 1240 },
  ];
  for (const [suspicion, words] of [
    ["behind", "the journal is older than the file beside it says"],
    ["unmarked", "the file beside the journal is missing or another one's"],
    ["repaired", "the journal was repaired by hand or brought back"],
  ] as const) {
    const text = renderStart({ ...start, suspicion, lost }, openBook(sampleRulebook({ demonstration: false })));
    const lines = text.split("\n");
    assert.equal(lines[0], "START OF THE VAULT");
    assert.ok(lines.includes(`suspected     ${words}`));
    assert.ok(lines.includes("by this       the vault signs again"));
    const at = lines.indexOf("given up      what the vault wrote elsewhere up to record 1300, in its start");
    assert.deepEqual(lines.slice(at + 1, at + 4), [
      `              ${hashOf("one")}`,
      "given up      what the vault wrote elsewhere up to record 1240, in its start",
      `              ${hashOf("two")}`,
    ]);
  }
});

test("approvals count that name the start, or one that it has brought back", () => {
  const [boot, earlier] = [hashOf("boot"), [hashOf("before")]];
  assert.deepEqual(
    [boot, hashOf("before"), hashOf("other")].map((named) => countsAt({ boot, earlier }, named)),
    [true, true, false],
  );
  assert.equal(countsAt({ boot }, hashOf("before")), false);
});
