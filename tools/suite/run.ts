/** Runs test files, two at a time, each in a process and process group of its own: what a file leaves behind is ended with it,
 *  and a file that hangs is killed at its limit and counts as failed. */

import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { type Outcome, supervise } from "../boot/family.mjs";
import { judge, parseLines, type Verdict } from "./verdict.ts";

export type FileResult = { readonly file: string; readonly ms: number; readonly verdict: Verdict; readonly output: string };

export type Job = {
  readonly root: string;
  readonly files: readonly string[];
  readonly limitMs: number;
  /** Where V8 writes what was run, or null. */
  readonly coverage: string | null;
  readonly done: (result: FileResult) => void;
};

/** The machine that the suite is measured on has two cores. */
const AT_ONCE = 2;

/** A test process gets this long to end by itself after Ctrl-C. Milliseconds. */
const GRACE_MS = 3_000;

/** The signal that ended the run early, or null. Files that are running when it comes give no result. */
export type Ended = Outcome["wish"];

/** `running` always holds the files that are under way, for whoever shows progress. */
export async function runFiles(job: Job, running: Set<string>): Promise<Ended> {
  const queue = [...job.files];
  let ended: Ended = null;
  const work = async (): Promise<void> => {
    for (let file = queue.shift(); file !== undefined && ended === null; file = queue.shift()) {
      running.add(file);
      const result = await runFile(job, file);
      running.delete(file);
      if (result.wish === null) job.done(result);
      else ended = result.wish;
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, work));
  return ended;
}

async function runFile(job: Job, file: string): Promise<FileResult & { readonly wish: Ended }> {
  const since = performance.now();
  const lines = path.join(job.root, ".cache", "test", `${file.replaceAll("/", "-")}.jsonl`);
  fs.mkdirSync(path.dirname(lines), { recursive: true });
  fs.rmSync(lines, { force: true });
  let output = "";
  const outcome = await supervise({
    command: process.execPath,
    args: [
      "--import",
      new URL("../boot/tether.mjs", import.meta.url).href,
      `--test-reporter=${new URL("./reporter.ts", import.meta.url).href}`,
      `--test-reporter-destination=${lines}`,
      path.join(job.root, file),
    ],
    cwd: job.root,
    env: testEnvironment(job.coverage),
    graceMs: GRACE_MS,
    limitMs: job.limitMs,
    captured: (text) => {
      output += text;
    },
  });
  const told = fs.existsSync(lines) ? parseLines(fs.readFileSync(lines, "utf8")) : [];
  return { file, ms: performance.now() - since, verdict: judge(told, outcome), output, wish: outcome.wish };
}

/** The variables of npm and of an outer test run would change what the tests see. */
function testEnvironment(coverage: string | null): NodeJS.ProcessEnv {
  const noise = /^(npm_|NODE_ENV$|NODE_OPTIONS$|NODE_TEST_CONTEXT$|NODE_V8_COVERAGE$|STRONGROOM_LIFELINE$)/i;
  const kept = Object.entries(process.env).filter(([name]) => !noise.test(name));
  return { ...Object.fromEntries(kept), ...(coverage === null ? {} : { NODE_V8_COVERAGE: coverage }) };
}
