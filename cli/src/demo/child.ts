/** Programs that a demonstration needs, started here and ended with it, however it ends.
 *
 *  They get a pipe as standard input that nobody writes to at the end: when this process dies, even by SIGKILL, it closes. What
 *  cannot watch its input is started through `setpriv --pdeathsig`. */
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createWriteStream, existsSync } from "node:fs";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { fault } from "../faults.ts";
import { limits } from "../limits.ts";

export type Child = {
  readonly name: string;
  readonly pid: number;
  readonly log: string;
  /** Null while it runs; then how it ended and its last words. */
  ended(): string | null;
  /** Asks it to end, and makes it end a little later. */
  stop(): Promise<void>;
};

export type Program = {
  readonly name: string;
  readonly command: string;
  readonly args: readonly string[];
  /** Where its output goes; older output stays. */
  readonly log: string;
  /** First bytes of its standard input. */
  readonly input?: Uint8Array;
  /** Variables besides those of this process. */
  readonly env?: Readonly<Record<string, string>>;
  /** Whether it ends by itself when its standard input does. */
  readonly watchesInput: boolean;
  /** Hears what it writes to standard output. */
  readonly heard?: (text: string) => void;
};

const WORDS = 300;
const SETPRIV = "/usr/bin/setpriv";

/** Starts a program. Fails: CHILD_FAILED when it cannot be started at all. */
export async function startChild(program: Program): Promise<Child> {
  const { name, log } = program;
  const tied = program.watchesInput || !existsSync(SETPRIV);
  const command = tied ? program.command : SETPRIV;
  const args = tied ? program.args : ["--pdeathsig", "TERM", "--", program.command, ...program.args];
  const child = spawn(command, [...args], { stdio: ["pipe", "pipe", "pipe"], env: { ...process.env, ...program.env } });
  const file = createWriteStream(log, { flags: "a", mode: 0o600 });
  let ending: string | null = null;
  let words = "";
  const gone = once(child, "close").then(([code, signal]) => {
    ending = `${signal === null ? `exit code ${code}` : `signal ${signal}`}${words === "" ? "" : `: ${words}`}`;
    file.end();
  });
  gone.catch((error: unknown) => {
    ending = String(error);
  });
  // A child that ends closes its end first; that is told by "close".
  child.stdin.on("error", () => child.stdin.destroy());
  child.stdout.on("data", (chunk: Buffer) => {
    file.write(chunk);
    program.heard?.(chunk.toString("utf8"));
  });
  child.stderr.on("data", (chunk: Buffer) => {
    file.write(chunk);
    words = lastWords(words + chunk.toString("utf8"));
  });
  await once(child, "spawn").catch((error: unknown) => fault("CHILD_FAILED", name, String(error), error));
  if (program.input !== undefined) child.stdin.write(program.input);
  return { name, pid: child.pid ?? 0, log, ended: () => ending, stop: () => stop(child, gone, () => ending) };
}

/** Starts a program of ours, which writes a line of JSON with the event `ready`, and gives that line; afterwards it ends
 *  with us. Fails: CHILD_FAILED. */
export async function startReady(
  program: Omit<Program, "heard" | "command">,
): Promise<{ readonly child: Child; readonly ready: { readonly [name: string]: unknown } }> {
  let heard = "";
  const listen = (text: string) => {
    heard += text;
  };
  const child = await startChild({ ...program, command: process.execPath, heard: listen });
  for (const since = performance.now(); ; await sleep(limits.startPollMs)) {
    const line = heard.split("\n").find((text) => text.includes('"event":"ready"') && text.endsWith("}"));
    if (line !== undefined) return { child, ready: JSON.parse(line) as { readonly [name: string]: unknown } };
    const { name, log } = program;
    if (child.ended() !== null) fault("CHILD_FAILED", log, `${name} ended with ${child.ended()}`);
    if (performance.now() - since < limits.startMs) continue;
    await child.stop();
    fault("CHILD_FAILED", log, `${name} is not ready`);
  }
}

/** The end of what a program says, on one line. */
function lastWords(text: string): string {
  const line = text.trim().replaceAll(/\s+/g, " ");
  return line.length <= WORDS ? line : `… ${line.slice(line.indexOf(" ", line.length - WORDS) + 1)}`;
}

async function stop(child: ChildProcess, gone: Promise<void>, ended: () => string | null): Promise<void> {
  if (ended() !== null) return;
  child.stdin?.end();
  child.kill("SIGTERM");
  const timer = setTimeout(() => child.kill("SIGKILL"), limits.stopMs);
  await gone;
  clearTimeout(timer);
}

/** Runs a program to its end and gives its standard output. Fails: CHILD_FAILED with the end of its standard error. */
export async function runChild(program: Pick<Program, "name" | "command" | "args" | "input" | "env">): Promise<string> {
  const env = { ...process.env, ...program.env };
  const child = spawn(program.command, [...program.args], { stdio: ["pipe", "pipe", "pipe"], env });
  const out: Buffer[] = [];
  const err: Buffer[] = [];
  child.stdin.on("error", () => child.stdin.destroy());
  child.stdout.on("data", (chunk: Buffer) => out.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => err.push(chunk));
  child.stdin.end(program.input ?? "");
  const [code] = await once(child, "close").catch((error: unknown) =>
    fault("CHILD_FAILED", program.name, String(error), error),
  );
  if (code !== 0) fault("CHILD_FAILED", program.name, `exit code ${code}: ${lastWords(Buffer.concat(err).toString("utf8"))}`);
  return Buffer.concat(out).toString("utf8");
}
