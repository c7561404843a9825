/** `npm run bench`: measures the figures of docs/figures.md on this machine. Progress goes to stderr, the tables to stdout.
 *
 *  Options: `--only NAME` (may come more than once), `--quick`, `--json` (one line of JSON instead of tables), `--markdown`.
 *  Each figure runs in a process of its own, so that none warms up or litters another's heap, with the heap's settings of the
 *  vault's process. Nothing here is a test: a figure that misses its limit is printed as missed. */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import process from "node:process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { NURSERY } from "../vault/src/host/launch/launch.ts";
import type { Figure, Table } from "./figure.ts";
import { analysis } from "./figures/analysis.ts";
import { api } from "./figures/api.ts";
import { blocks } from "./figures/block.ts";
import { codec } from "./figures/codec.ts";
import { judgement } from "./figures/decide.ts";
import { disk } from "./figures/disk.ts";
import { judging } from "./figures/judge.ts";
import { books } from "./figures/ledger.ts";
import { memory } from "./figures/memory.ts";
import { restart } from "./figures/restart.ts";
import { settling } from "./figures/settle.ts";
import { starting } from "./figures/start.ts";
import { throughSocket } from "./figures/vault.ts";
import { describeMachine, machineText } from "./machine.ts";
import { markdownOf, textOf } from "./print.ts";

const FIGURES: Readonly<Record<string, { readonly figure: Figure; readonly what: string }>> = {
  decide: { figure: judgement, what: "a payment judged in process: cryptography and everything else, with the profile" },
  vault: { figure: throughSocket, what: "the same through the vault's process, its socket and its durable journal" },
  judge: { figure: judging, what: "rule evaluation at 10, 100 and 1,000 rules" },
  analysis: { figure: analysis, what: "a rulebook of 1,000 rules and its draft compared" },
  codec: { figure: codec, what: "encoding of intent, approval and signed envelope" },
  restart: { figure: restart, what: "restart with 10,000 and 1,000,000 records: time and memory" },
  start: { figure: starting, what: "from git clone to the first booked deposit and mined payment, cold and warm" },
  api: { figure: api, what: "payments created and listed through the API at 1, 16 and 64 connections" },
  settle: { figure: settling, what: "last approval to broadcast, and deposits to booked" },
  block: { figure: blocks, what: "a block of 300 transactions with 1,000 and 1,000,000 watched addresses" },
  memory: { figure: memory, what: "memory of each process after 10,000 payments" },
  ledger: { figure: books, what: "postings per second: row locks beside one writer with group commit" },
  disk: { figure: disk, what: "journal appends with their sync; opening the keystore" },
};

const ROOT = resolve(fileURLToPath(new URL("..", import.meta.url)));
const MAIN = fileURLToPath(import.meta.url);

const USAGE = `npm run bench -- [--only NAME] [--quick] [--json | --markdown] [--folder DIR]
${Object.entries(FIGURES)
  .map(([name, { what }]) => `  ${name.padEnd(10)}${what}`)
  .join("\n")}
--folder: where journals are written; its disk is what is measured (the default is the system's temporary folder)`;

function say(line: string): void {
  process.stderr.write(`bench: ${line}\n`);
}

function parse(args: readonly string[]) {
  const options = {
    only: { type: "string", multiple: true, default: [] as string[] },
    quick: { type: "boolean", default: false },
    json: { type: "boolean", default: false },
    markdown: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
    folder: { type: "string", default: tmpdir() },
    child: { type: "string" },
  } as const;
  return parseArgs({ args: [...args], options }).values;
}

/** In the child: measures one figure and prints its tables as JSON. */
async function measure(name: string, { quick, folder }: { quick: boolean; folder: string }): Promise<void> {
  const scratch = mkdtempSync(join(folder, "strongroom-bench-"));
  // The vault's own user has to pass through it.
  chmodSync(scratch, 0o755);
  process.on("exit", () => rmSync(scratch, { recursive: true, force: true }));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => process.exit(1));
  const found = FIGURES[name];
  if (found === undefined) throw new Error(`there is no figure ${name}`);
  const tables = await found.figure({ quick, root: ROOT, say, scratch });
  await new Promise((written) => process.stdout.write(JSON.stringify(tables), written));
  process.exit(0);
}

/** In the parent: runs the child of one figure. Null when it failed; its words have gone to stderr. */
async function runFigure(name: string, args: readonly string[]): Promise<readonly Table[] | null> {
  const child = spawn(process.execPath, [...process.execArgv, NURSERY, MAIN, "--child", name, ...args], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const [code] = await once(child, "close");
  return code === 0 ? (JSON.parse(Buffer.concat(chunks).toString()) as Table[]) : null;
}

async function main(): Promise<number> {
  const { only, quick, json, markdown, help, folder, child } = parse(process.argv.slice(2));
  const names = only.length > 0 ? only : Object.keys(FIGURES);
  const unknown = names.filter((name) => FIGURES[name] === undefined);
  if (help || unknown.length > 0) {
    say(unknown.length > 0 ? `there is no figure ${unknown.join(", ")}\n${USAGE}` : USAGE);
    return help ? 0 : 2;
  }
  if (child !== undefined) {
    await measure(child, { quick, folder });
    return 0;
  }
  const machine = describeMachine(ROOT, folder);
  say(machineText(machine));
  const figures: Record<string, readonly Table[] | null> = {};
  for (const name of names) {
    figures[name] = await runFigure(name, ["--folder", folder, ...(quick ? ["--quick"] : [])]);
    if (figures[name] === null) say(`${name} FAILED`);
  }
  const shown = Object.values(figures).flatMap((tables) => tables ?? []);
  const text = shown.map(markdown ? markdownOf : textOf).join("\n\n");
  const head = markdown ? machineText(machine).replace("\n", "  \n") : machineText(machine);
  const printed = json ? `${JSON.stringify({ machine, quick, figures })}\n` : `${head}\n\n${text}\n`;
  await new Promise((written) => process.stdout.write(printed, written));
  return Object.values(figures).includes(null) ? 1 : 0;
}

// The tests' world brings the test runner with it, which would print its summary at an ordinary end.
process.exit(await main());
