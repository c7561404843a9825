/** Signals, exit codes and deaths, with real processes: whoever dies, nobody stays behind. */

import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { lifeOf } from "./proc.mjs";

const FAMILY = new URL("./family.mjs", import.meta.url).href;
const TETHER = new URL("./tether.mjs", import.meta.url).href;

/** The program under guard: starts a program of its own, tells both numbers, and treats SIGTERM as its body says. */
function guarded(body: string): string {
  return `import { spawn } from "node:child_process";
    const inner = spawn("sleep", ["60"], { stdio: "ignore" });
    ${body}
    console.log(JSON.stringify([process.pid, inner.pid]));
    setInterval(() => {}, 1000);`;
}

const POLITE = `process.on("SIGTERM", () => process.exit(21));
    process.on("SIGINT", () => { console.log("asked"); setTimeout(() => process.exit(22), 300); });`;
const STUBBORN = `process.on("SIGTERM", () => {});`;

type Tree = {
  readonly guardian: ChildProcess;
  readonly program: number;
  readonly inner: number;
  readonly output: () => string;
};

async function start(body: string, { graceMs = 5_000, shell = false } = {}): Promise<Tree> {
  const args = ["--import", TETHER, "--input-type=module", "-e", guarded(body)];
  const program = `{ command: process.execPath, args: ${JSON.stringify(args)}, cwd: "/", env: {}, graceMs: ${graceMs} }`;
  const source = `import { endLike, supervise } from ${JSON.stringify(FAMILY)}; endLike(await supervise(${program}));`;
  const own = ["--input-type=module", "-e", source];
  const guardian = shell
    ? spawn("sh", ["-c", '"$0" "$@"; :', process.execPath, ...own], { stdio: ["ignore", "pipe", "inherit"] })
    : spawn(process.execPath, own, { stdio: ["ignore", "pipe", "inherit"] });
  let output = "";
  guardian.stdout?.setEncoding("utf8").on("data", (text: string) => {
    output += text;
  });
  while (!output.includes("\n")) await sleep(20);
  const numbers: readonly number[] = JSON.parse(output.split("\n")[0] ?? "");
  return { guardian, program: numbers[0] ?? 0, inner: numbers[1] ?? 0, output: () => output };
}

async function assertGone(pids: readonly number[]): Promise<void> {
  const isAlive = (pid: number) => lifeOf(pid).since !== "0";
  for (const since = performance.now(); performance.now() - since < 5_000 && pids.some(isAlive); ) await sleep(20);
  assert.deepEqual(pids.filter(isAlive), []);
}

test("a signal is passed on, and the exit code comes back", async () => {
  const { guardian, program, inner } = await start(POLITE);
  guardian.kill("SIGTERM");
  assert.deepEqual(await once(guardian, "exit"), [21, null]);
  await assertGone([program, inner]);
});

test("Ctrl-C that arrives twice at once is one wish", async () => {
  const { guardian, program, inner, output } = await start(POLITE);
  guardian.kill("SIGINT");
  await sleep(30);
  guardian.kill("SIGINT");
  assert.deepEqual(await once(guardian, "exit"), [22, null]);
  assert.equal(output().split("asked").length - 1, 1);
  await assertGone([program, inner]);
});

test("a program that ends by the signal makes its guardian end by it", async () => {
  const { guardian, program, inner } = await start("");
  guardian.kill("SIGHUP");
  assert.deepEqual(await once(guardian, "exit"), [null, "SIGHUP"]);
  await assertGone([program, inner]);
});

test("a program that does not end is killed after its grace", async () => {
  const { guardian, program, inner } = await start(STUBBORN, { graceMs: 300 });
  guardian.kill("SIGTERM");
  assert.deepEqual(await once(guardian, "exit"), [137, null]);
  await assertGone([program, inner]);
});

test("a program that is killed leaves nothing behind", async () => {
  const { guardian, program, inner } = await start("");
  process.kill(program, "SIGKILL");
  assert.deepEqual(await once(guardian, "exit"), [137, null]);
  await assertGone([program, inner]);
});

for (const [kind, body] of [
  ["polite", POLITE],
  ["plain", ""],
  ["stubborn", STUBBORN],
] as const) {
  test(`a ${kind} program ends with all it started when its guardian is killed`, async () => {
    const { guardian, program, inner } = await start(body, { graceMs: 300 });
    guardian.kill("SIGKILL");
    await assertGone([program, inner]);
  });
}

test("the family ends when the guardian's parent is killed", async () => {
  const { guardian, program, inner } = await start(POLITE, { shell: true });
  guardian.kill("SIGKILL");
  await assertGone([program, inner]);
});
