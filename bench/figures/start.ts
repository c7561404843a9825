/** How long a newcomer waits: `git clone` of this repository and `npm start`, until the first deposit is booked and the first
 *  payment is mined, with an empty npm cache and once more with everything installed. */
import { spawn } from "node:child_process";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type Figure, simpleTable } from "../figure.ts";

const MOST_COLD_S = 120;
const MOST_WARM_S = 5;
/** A start that takes longer than this is given up. */
const LIMIT_MS = 600_000;

type Step = { readonly name: string; readonly ms: number; readonly ok: boolean };
/** `bookedMs`, `minedMs`: when the line of the first deposits, of the first payment came. */
type Run = {
  readonly bookedMs: number | null;
  readonly minedMs: number;
  readonly endMs: number;
  readonly steps: readonly Step[];
};

/** Runs `npm start -- --once --json`; times count from `since`. */
async function start(clone: string, cache: string, since: number): Promise<Run> {
  const child = spawn("npm", ["start", "--silent", "--", "--once", "--json"], {
    cwd: clone,
    env: { ...process.env, npm_config_cache: cache, npm_config_update_notifier: "false" },
    stdio: ["ignore", "pipe", "pipe"],
  });
  let [bookedMs, minedMs]: (number | null)[] = [null, null];
  const out: Buffer[] = [];
  let words = "";
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    words += text;
    if (/deposits seen, confirmed and booked/.test(words)) bookedMs ??= performance.now() - since;
    if (/sent and mined/.test(words)) minedMs ??= performance.now() - since;
  });
  const limit = setTimeout(() => child.kill("SIGTERM"), LIMIT_MS);
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  clearTimeout(limit);
  const endMs = performance.now() - since;
  const last = Buffer.concat(out).toString().trimEnd().split("\n").at(-1) ?? "";
  if (code !== 0 || minedMs == null) throw new Error(`npm start ended with ${code}:\n${words.slice(-2000)}\n${last}`);
  const { steps } = JSON.parse(last) as { readonly steps: readonly Step[] };
  return { bookedMs: bookedMs ?? null, minedMs, endMs, steps };
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const child = spawn(command, args, { stdio: ["ignore", "ignore", "inherit"] });
  const code = await new Promise<number | null>((resolve) => child.once("close", resolve));
  if (code !== 0) throw new Error(`${command} ended with ${code}`);
}

export const starting: Figure = async ({ root, scratch, say }) => {
  const clone = join(scratch, "a clone");
  const cache = join(scratch, "cache");
  mkdirSync(cache);
  say("start: git clone and npm start, empty cache");
  const begun = performance.now();
  await run("git", ["-c", "safe.directory=*", "-c", "advice.detachedHead=false", "clone", "-q", root, clone]);
  const cloneMs = performance.now() - begun;
  const cold = await start(clone, cache, begun);
  say("start: once more, installed");
  const warm = await start(clone, cache, performance.now());
  const again = await start(clone, cache, performance.now());
  const best = warm.minedMs < again.minedMs ? warm : again;
  const title = "From git clone to the first booked deposit and the first mined payment";
  const seconds = (ms: number | null) => (ms === null ? null : ms / 1000);
  const rows = [
    {
      what: "cold: clone, install into an empty cache, start, until deposits are booked",
      unit: "s",
      value: seconds(cold.bookedMs),
      most: MOST_COLD_S,
    },
    {
      what: "cold: clone, install into an empty cache, start, until mined",
      unit: "s",
      value: cold.minedMs / 1000,
      most: MOST_COLD_S,
    },
    { what: "  of it git clone", unit: "s", value: cloneMs / 1000 },
    { what: "warm: start, until deposits are booked", unit: "s", value: seconds(best.bookedMs) },
    { what: "warm: start, until mined", unit: "s", value: best.minedMs / 1000, most: MOST_WARM_S },
    { what: "warm: the whole play, until the process has ended", unit: "s", value: best.endMs / 1000 },
  ];
  const steps = best.steps.map(({ name, ms }) => ({ what: name, unit: "ms", value: ms }));
  const notes = [
    "What git has committed is cloned, from the local repository; packages come from the registry that npm is configured for.",
    "Warm is the better of two starts.",
  ];
  return [simpleTable(title, rows, notes), simpleTable("The steps of the warm start", steps)];
};
