/** What counts as passed, failed and skipped. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { lineOf } from "./reporter.ts";
import { addUp, judge, type Line, parseLines } from "./verdict.ts";

const END: Line = { kind: "end" };
const FINE = { code: 0, late: false };

function line(changes: Partial<Line & { kind: "test" }>): Line {
  const plain = {
    name: "a",
    nesting: 0,
    suite: false,
    passed: true,
    ms: 1,
    excuse: null,
    undone: null,
    onlyBelow: false,
    error: null,
  };
  return { kind: "test", ...plain, ...changes };
}

test("parents and suites only group: leaves are counted", () => {
  const lines = [
    line({ nesting: 1 }),
    line({ nesting: 1 }),
    line({}),
    line({ nesting: 1 }),
    line({ suite: true }),
    line({}),
    END,
  ];
  assert.equal(judge(lines, FINE).passed, 4);
});

test("a parent that fails because of a child is not counted twice", () => {
  const failing = line({ name: "child", nesting: 1, passed: false, error: "boom" });
  const verdict = judge([failing, line({ passed: false, onlyBelow: true }), END], { code: 1, late: false });
  assert.deepEqual(verdict.failed, [{ name: "child", error: "boom" }]);
});

test("a skip is excused by ../shared only, and a to-do by nothing", () => {
  const excused = line({ name: "vectors", excuse: "needs ../shared/vectors" });
  const verdict = judge([excused, line({ excuse: "slow" }), line({ excuse: "" }), line({ undone: "" }), END], FINE);
  assert.deepEqual(verdict.skipped, ["vectors: needs ../shared/vectors"]);
  assert.equal(verdict.failed.length, 3);
});

test("a file fails as a whole when it is empty, ends early, is late, or ends with a code", () => {
  assert.equal(judge([END], FINE).failed.length, 1);
  assert.equal(judge([line({})], FINE).failed.length, 1);
  assert.equal(judge([line({}), END], { code: null, late: true }).failed.length, 1);
  assert.equal(judge([line({}), END], { code: 3, late: false }).failed.length, 1);
  assert.equal(judge([line({}), END], FINE).failed.length, 0);
});

test("diagnostics that begin with count reach the summary", () => {
  const lines = [
    line({}),
    { kind: "note", text: "count: 12 attacks" } as const,
    { kind: "note", text: "tests 1" } as const,
    END,
  ];
  assert.deepEqual(judge(lines, FINE).counts, ["12 attacks"]);
});

test("the reporter's lines survive their way through a file", () => {
  const failure = Object.assign(new Error("outer"), { failureType: "testCodeFailure", cause: "because" });
  const happenings = [
    { type: "test:fail", data: { name: "x", nesting: 2, details: { type: "test", duration_ms: 1.6, error: failure } } },
    { type: "test:pass", data: { name: "y", nesting: 0, ...Object.fromEntries([["skip", true]]), details: { type: "suite" } } },
    { type: "test:diagnostic", data: { message: "count: 1" } },
    { type: "test:enqueue", data: { name: "x" } },
    { type: "test:summary" },
  ];
  const written = happenings.flatMap((happening) => lineOf(happening) ?? []).map((each) => JSON.stringify(each));
  assert.deepEqual(parseLines(`${written.join("\n")}\n`), [
    line({ name: "x", nesting: 2, passed: false, ms: 2, error: "'because'" }),
    line({ name: "y", suite: true, ms: 0, excuse: "" }),
    { kind: "note", text: "count: 1" },
    END,
  ]);
});

test("counts of the same words are added up", () => {
  const counts = ["attacks: 2 tried, 1 refused", "search: 5 states, 3 states/s", "attacks: 3 tried, 3 refused", "kills: 4"];
  assert.deepEqual(addUp(counts), ["attacks: 5 tried, 4 refused", "search: 5 states, 3 states/s", "kills: 4"]);
});
