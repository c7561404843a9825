/** `npm test`: everything that must hold, stage by stage; the last line is `N passed, N failed, N skipped`.
 *
 *  Options: `--only <stage,stage>` runs some stages, `--long` lets searches run long, `--seeds <count>` has the simulator run
 *  so many seeds, `--seed <number>` begins there or, alone, plays that one and shows its trace; further words keep only test
 *  files whose path contains one of them. Results go to stdout, progress of what takes long to stderr. */

import fs from "node:fs";
import path from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { endLike, supervise } from "./boot/family.mjs";
import { outliveReader, say, seconds, ticking } from "./boot/say.mjs";
import { measure } from "./suite/coverage.ts";
import { type Ended, type FileResult, runFiles } from "./suite/run.ts";
import { listTests, STAGES, type Stage, stageOf } from "./suite/stages.ts";
import { addUp } from "./suite/verdict.ts";

type Options = { readonly only: readonly string[]; readonly long: boolean; readonly words: readonly string[] };
type Tally = { passed: number; failed: number; skipped: number; readonly counts: string[]; readonly failures: string[] };

const COMMAND_LIMIT_MS = 300_000;

async function main(): Promise<void> {
  outliveReader();
  const root = path.resolve(fileURLToPath(new URL("..", import.meta.url)));
  const options = parseOptions(process.argv.slice(2));
  if (options === null) return;
  if (options.long && process.env.STRONGROOM_SEEDS === undefined) process.env.STRONGROOM_LONG = "1";
  const raw = path.join(root, ".cache", "coverage");
  fs.rmSync(raw, { recursive: true, force: true });
  const tally: Tally = { passed: 0, failed: 0, skipped: 0, counts: [], failures: [] };
  const tests = listTests(root);
  for (const stage of STAGES) {
    if (!isWanted(stage, options)) continue;
    const files = tests.filter((file) => stageOf(file) === stage.name && matches(file, options.words));
    if (options.words.length > 0 && files.length === 0) continue;
    const since = performance.now();
    console.log(`\n== ${stage.name}: ${stage.does}`);
    const before = { ...tally };
    const ended = await runStage({ stage, files, root, raw, options, tally });
    if (ended !== null) return endLike({ code: null, signal: ended, wish: ended, late: false });
    const failed = tally.failed - before.failed;
    const sum = `${tally.passed - before.passed} passed, ${failed} failed, ${tally.skipped - before.skipped} skipped`;
    console.log(`== ${stage.name}: ${sum} in ${seconds(performance.now() - since)}`);
  }
  summarise(tally);
}

function parseOptions(args: readonly string[]): Options | null {
  const { values, positionals } = parseArgs({
    args: [...args],
    options: {
      only: { type: "string", multiple: true, default: [] },
      long: { type: "boolean", default: false },
      seed: { type: "string" },
      seeds: { type: "string" },
    },
    allowPositionals: true,
  });
  const { seed, seeds } = values;
  const wrong = [seed, seeds].find((text) => text !== undefined && !/^[1-9]\d{0,8}$/.test(text));
  if (wrong !== undefined) {
    say(`${wrong} is no number of seeds, or of a seed`);
    process.exitCode = 2;
    return null;
  }
  if (seed !== undefined) process.env.STRONGROOM_SEED = seed;
  if (seeds !== undefined) process.env.STRONGROOM_SEEDS = seeds;
  const only = values.only.flatMap((names) => names.split(","));
  const unknown = only.filter((name) => !STAGES.some((stage) => stage.name === name));
  if (unknown.length === 0) return { only, long: values.long || seeds !== undefined, words: positionals };
  say(`there is no stage ${unknown.join(", ")}; the stages are ${STAGES.map((stage) => stage.name).join(", ")}`);
  process.exitCode = 2;
  return null;
}

/** The gate on coverage means something only after everything that counts for it has run. */
function isWanted(stage: Stage, { only, words }: Options): boolean {
  if (words.length > 0 && stage.kind !== "files") return false;
  if (only.length === 0) return true;
  return only.includes(stage.name) || (only.includes("coverage") && stage.kind === "files" && stage.covers);
}

function matches(file: string, words: readonly string[]): boolean {
  return words.length === 0 || words.some((word) => file.includes(word));
}

type StageJob = {
  readonly root: string;
  /** The test files of the stage that were asked for. */
  readonly files: readonly string[];
  readonly raw: string;
  readonly options: Options;
  readonly tally: Tally;
};

async function runStage({ stage, ...job }: StageJob & { readonly stage: Stage }): Promise<Ended> {
  if (stage.kind === "command") return runCommand(stage, job);
  if (stage.kind === "files") return runTests(stage, job);
  checkCoverage(job);
  return null;
}

async function runCommand(stage: Stage & { readonly kind: "command" }, { root, tally }: StageJob): Promise<Ended> {
  let output = "";
  const stop = ticking(() => `${stage.name} is running`);
  const outcome = await supervise({
    command: process.execPath,
    args: stage.args,
    cwd: root,
    env: process.env,
    graceMs: 2_000,
    limitMs: COMMAND_LIMIT_MS,
    captured: (text) => {
      output += text;
    },
  });
  stop();
  if (outcome.wish !== null) return outcome.wish;
  if (outcome.code === 0) tally.passed += 1;
  else fail(tally, `${stage.name}\n${indent(output.trim() || `ended by ${outcome.signal}`)}`);
  return null;
}

async function runTests(
  stage: Stage & { readonly kind: "files" },
  { root, files, raw, options, tally }: StageJob,
): Promise<Ended> {
  if (stage.folder !== null && !fs.existsSync(path.join(root, stage.folder))) {
    console.log(`   the folder ${stage.folder} is not there`);
    return null;
  }
  if (files.length === 0) fail(tally, `${stage.name}: no test file was found`);
  const running = new Set<string>();
  let lastWord = performance.now();
  const patience = setInterval(() => {
    if (performance.now() - lastWord < 5_000) return;
    lastWord = performance.now();
    say(`still running: ${[...running].join(", ")}`);
  }, 1_000);
  const ended = await runFiles(
    {
      root,
      files,
      limitMs: options.long ? stage.longLimitMs : stage.limitMs,
      coverage: stage.covers ? raw : null,
      done: (result) => {
        lastWord = performance.now();
        book(tally, result);
      },
    },
    running,
  );
  clearInterval(patience);
  return ended;
}

function book(tally: Tally, { file, ms, verdict, output }: FileResult): void {
  const { passed, failed, skipped, counts } = verdict;
  const parts = [`${passed} passed`, ...(failed.length > 0 ? [`${failed.length} FAILED`] : [])];
  if (skipped.length > 0) parts.push(`${skipped.length} skipped`);
  console.log(`   ${file}: ${parts.join(", ")} (${seconds(ms)})`);
  for (const reason of skipped) console.log(`      skipped ${reason}`);
  tally.passed += passed;
  tally.skipped += skipped.length;
  tally.counts.push(...counts);
  for (const { name, error } of failed) fail(tally, `${file}: ${name}\n${indent(error)}`);
  if (failed.length > 0 && output.trim() !== "") console.log(indent(`output of ${file}:\n${output.trim()}`));
}

function checkCoverage({ root, raw, tally }: StageJob): void {
  const { files, lines, branches, gaps } = measure(root, raw);
  const text = `${files} files, ${lines.covered} of ${lines.total} lines, ${branches.covered} of ${branches.total} branches`;
  tally.counts.push(`coverage of core and vault without its host: ${text}`);
  if (gaps.size === 0) tally.passed += 1;
  else {
    const list = [...gaps].flatMap(([file, own]) => own.map((gap) => `${file}:${gap.line}:${gap.column}  ${gap.text}`));
    fail(tally, `coverage: ${list.length} stretches of code were never run\n${indent(list.join("\n"))}`);
  }
}

/** Shows a failure where it happens and keeps it for the end. */
function fail(tally: Tally, text: string): void {
  tally.failed += 1;
  tally.failures.push(text.split("\n")[0] ?? "");
  console.log(indent(`FAILED ${text}`));
}

function indent(text: string): string {
  return text.replace(/^/gm, "   ");
}

function summarise({ passed, failed, skipped, counts, failures }: Tally): void {
  console.log("\n== summary");
  for (const count of addUp(counts)) console.log(`   ${count}`);
  for (const failure of failures) console.log(`   FAILED ${failure}`);
  if (passed + failed + skipped === 0) {
    console.log("   nothing was run");
    process.exitCode = 1;
  }
  console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
  if (failed > 0) process.exitCode = 1;
}

await main();
