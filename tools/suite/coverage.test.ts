/** The gate on coverage, tried on a program that is really run. */

import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { test } from "node:test";
import { measure } from "./coverage.ts";

const SIGN = `/** Doc. */
export type Sign = "minus" | "plus";
export function sign(value: number): Sign {
  if (value < 0) {
    return "minus"; // a comment
  }
  return value > 100 ? "plus" : "plus";
}
export const unused = (value: number): number => value;
`;

/** A folder with two measured files, run once per argument list. */
function measured(context: { after: (clean: () => void) => void }, runs: readonly (readonly string[])[]) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "coverage "));
  context.after(() => fs.rmSync(root, { recursive: true }));
  for (const folder of ["core/src", "vault/src/host"]) fs.mkdirSync(path.join(root, folder), { recursive: true });
  fs.writeFileSync(path.join(root, "core/src/sign.ts"), SIGN);
  fs.writeFileSync(path.join(root, "core/src/shape.ts"), "export type Shape = { readonly side: number };\n");
  fs.writeFileSync(path.join(root, "vault/src/host/main.ts"), "export const neverRun = 1;\n");
  fs.writeFileSync(path.join(root, "core/src/sign.test.ts"), "export const notMeasured = 1;\n");
  fs.writeFileSync(
    path.join(root, "run.mjs"),
    `import { sign, unused } from "./core/src/sign.ts";
     for (const word of process.argv.slice(2)) word === "f" ? unused(1) : sign(+word);`,
  );
  const raw = path.join(root, "raw");
  for (const args of runs) {
    const env = { ...process.env, NODE_V8_COVERAGE: raw, NODE_TEST_CONTEXT: undefined };
    const { status, stderr } = spawnSync(process.execPath, ["run.mjs", ...args], { cwd: root, env, encoding: "utf8" });
    assert.equal(status, 0, stderr);
  }
  return measure(root, raw);
}

function places(coverage: ReturnType<typeof measure>): string[] {
  return [...coverage.gaps].flatMap(([file, gaps]) => gaps.map((gap) => `${file}:${gap.line}`));
}

test("what no process has run is named, what one of several has run is not", (t) => {
  const partly = measured(t, [["1"]]);
  assert.deepEqual(places(partly), ["core/src/sign.ts:5", "core/src/sign.ts:7", "core/src/sign.ts:9"]);
  assert.ok(partly.branches.covered < partly.branches.total);
  const fully = measured(t, [["1", "f"], ["-1"], ["500"]]);
  assert.deepEqual(places(fully), []);
  assert.deepEqual(fully.lines, { covered: 5, total: 5 });
  assert.equal(fully.branches.covered, fully.branches.total);
});

test("a file that no test loads is a gap, unless it holds types only", (t) => {
  const coverage = measured(t, []);
  assert.deepEqual(places(coverage), ["core/src/sign.ts:3"]);
  assert.equal(coverage.files, 2);
});
