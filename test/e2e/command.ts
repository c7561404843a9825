/** Runs the strongroom command as a stranger would, in folders of their own, and looks for what it leaves behind. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { chmod, mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";

export const MAIN = join(import.meta.dirname, "..", "..", "cli", "src", "main.ts");

export type Ended = { readonly status: number | null; readonly stdout: string; readonly stderr: string };
export type Json = { readonly [name: string]: unknown };

/** A folder whose path has a space in it, open to be passed through, as a home folder's parent is. */
export async function makeFolder(): Promise<{ folder: string; remove: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "strongroom e2e "));
  await chmod(folder, 0o755);
  return { folder, remove: () => rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 }) };
}

function start(args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
  return spawn(process.execPath, [MAIN, ...args], {
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

function listen(child: ChildProcess): { out: () => string; err: () => string } {
  let [out, err] = ["", ""];
  child.stdout?.setEncoding("utf8").on("data", (text: string) => {
    out += text;
  });
  child.stderr?.setEncoding("utf8").on("data", (text: string) => {
    err += text;
  });
  return { out: () => out, err: () => err };
}

/** Runs one command to its end. */
export async function run(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  const child = start(args, env);
  const heard = listen(child);
  const [status] = (await once(child, "close")) as [number | null];
  return { status, stdout: heard.out(), stderr: heard.err() };
}

/** Runs one command with --json in a home and gives its exit code and its one line. */
export async function ask(home: string, ...args: readonly string[]): Promise<{ status: number | null; json: Json }> {
  const { status, stdout, stderr } = await run([...args, "--home", home, "--json"]);
  const lines = stdout.trim().split("\n");
  if (lines.length !== 1 || !stdout.startsWith("{")) throw new Error(`not one line of JSON:\n${stdout}\n${stderr}`);
  return { status, json: JSON.parse(stdout) as Json };
}

export type Running = {
  readonly pid: number;
  output(): string;
  /** Sends a signal and waits for the end. */
  end(signal: "SIGINT" | "SIGTERM" | "SIGKILL"): Promise<number | null>;
};

/** Starts `up` in a home and waits until it tells what to type next. */
export async function startUp(home: string): Promise<Running> {
  const child = start(["up", "--home", home]);
  const heard = listen(child);
  const closed = once(child, "close") as Promise<[number | null]>;
  const output = () => heard.out() + heard.err();
  while (!heard.out().includes("Ctrl-C")) {
    if (child.exitCode !== null || child.signalCode !== null) throw new Error(`it ended:\n${output()}`);
    await sleep(20);
  }
  return {
    pid: child.pid ?? 0,
    output,
    async end(signal) {
      child.kill(signal);
      const [status] = await closed;
      return status;
    },
  };
}

/** Processes whose command line names `text`. */
export async function processesOf(text: string): Promise<readonly string[]> {
  const found: string[] = [];
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name) && Number(name) !== process.pid)) {
    const line = await readFile(`/proc/${pid}/cmdline`, "latin1").catch(() => "");
    if (line.includes(text)) found.push(`${pid} ${line.replaceAll("\0", " ").slice(0, 120)}`);
  }
  return found;
}

/** Waits until no process names `text`; gives those that stay. */
export async function waitForNone(text: string, ms = 5_000): Promise<readonly string[]> {
  for (const since = performance.now(); performance.now() - since < ms; await sleep(50)) {
    if ((await processesOf(text)).length === 0) return [];
  }
  return processesOf(text);
}
