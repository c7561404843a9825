import assert from "node:assert/strict";
import { test } from "node:test";
import { DAY_MS, REQUIRE } from "../../test/sample.ts";
import type { Requirement } from "../signed/rulebook.ts";
import { demandWords, EVERYBODY, quorumWords, spanWords } from "./demand.ts";

test("times are told in the largest unit that leaves no rest", () => {
  const told = [0, 999, 1_000, 90_000, 120_000, 5_400_000, 7_200_000, DAY_MS, 36 * 3_600_000].map(spanWords);
  assert.deepEqual(told, ["0 ms", "999 ms", "1 s", "90 s", "2 min", "90 min", "2 h", "1 d", "36 h"]);
});

test("quorums are told as trees", () => {
  const group = { type: "group", group: "approvers", count: 2 } as const;
  const all = { type: "group", group: EVERYBODY, count: 3 } as const;
  assert.equal(quorumWords({ type: "anyOf", of: [group, { type: "allOf", of: [group, all] }] }), QUORUM);
});
const QUORUM = "anyOf(2 of approvers; allOf(2 of approvers; 3 persons))";

test("a requirement is told with all that it demands", () => {
  const { quorum: _quorum, ...rest } = REQUIRE;
  const nobody: Requirement = { ...rest, servedCounts: true, entryAgeMs: DAY_MS };
  assert.equal(demandWords(nobody), "destination in the book for 1 d");
  const fact = { type: "screening", sources: ["a", "b"], atLeast: 1, maxAgeMs: 3_600_000 } as const;
  const much: Requirement = { ...REQUIRE, initiatorCounts: true, servedCounts: true, distinctGroups: 1, facts: [fact] };
  const first =
    "2 of approvers, initiator counts, served keys count, 1 distinct groups, 1 of a, b on screening, at most 1 h old";
  assert.equal(
    demandWords({ ...much, delayMs: 1_000, approvalLifeMs: 1 }),
    `${first}, after 1 s, approvals valid for at most 1 ms`,
  );
});
