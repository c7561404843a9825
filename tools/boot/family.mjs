/** Starts one program and stays responsible for it and for everything that it leaves behind.
 *
 *  The program gets a session and process group of its own, so that a Ctrl-C, which the terminal and npm both deliver, reaches
 *  it once; and a lifeline (see `tether.mjs`), so that it also ends when this process is killed with SIGKILL. When the parent
 *  of this process dies, the family is ended too: npm killed with SIGKILL leaves nothing behind. */

import { spawn } from "node:child_process";
import { once } from "node:events";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { hasLiving } from "./proc.mjs";

/** @typedef {"SIGINT" | "SIGTERM" | "SIGHUP"} Wish */
/** @typedef {{ code: number | null, signal: NodeJS.Signals | null, wish: Wish | null, late: boolean }} Outcome
 *  `wish`: the first signal by which this process was asked to end the program; `late`: it was killed at its limit. */
/** @typedef {{ command: string, args: readonly string[], cwd: string, env: NodeJS.ProcessEnv, graceMs: number,
 *    limitMs?: number, captured?: (text: string) => void, started?: (pid: number) => void }} Program
 *  `captured` receives stdout and stderr instead of the terminal; `graceMs`: time between asking to end and SIGKILL, with 0 it
 *  is not asked; `limitMs`: the most that it may run; `started` hears its process number. */

const FORWARDED = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);

/** The same signal twice within this time is one wish: the terminal and npm each deliver Ctrl-C. Milliseconds. */
const ONE_WISH_MS = 700;

/** How often the parent is looked at. Milliseconds. */
const PARENT_MS = 500;

/** What the leader leaves behind gets this long between SIGTERM and SIGKILL. Milliseconds. */
const REMNANT_MS = 2_000;

const firstParent = process.ppid;

/** Runs the program to its end. Resolves when it and its whole process group are gone.
 *  @param {Program} program @returns {Promise<Outcome>} */
export async function supervise(program) {
  const captured = program.captured;
  const output = captured === undefined ? "inherit" : "pipe";
  const child = spawn(program.command, [...program.args], {
    cwd: program.cwd,
    env: { ...program.env, STRONGROOM_LIFELINE: `3:${program.graceMs}` },
    stdio: [captured === undefined ? "inherit" : "ignore", output, output, "pipe"],
    detached: true,
  });
  if (captured !== undefined) {
    for (const stream of [child.stdout, child.stderr]) stream?.setEncoding("utf8").on("data", captured);
  }
  // The other end closes first when the child ends; that is news which "exit" already brings.
  child.stdio[3]?.on("error", () => child.stdio[3]?.destroy());
  if (child.pid !== undefined) program.started?.(child.pid);

  const wishes = askToEnd(child, program.graceMs);
  let late = false;
  const limit = program.limitMs === undefined ? undefined : setTimeout(expire, program.limitMs);
  function expire() {
    late = true;
    wishes.kill();
  }
  const listeners = FORWARDED.map((signal) => ({ signal, listener: () => wishes.ask(signal) }));
  for (const { signal, listener } of listeners) process.on(signal, listener);
  const watch = setInterval(() => {
    if (process.ppid === firstParent) return;
    clearInterval(watch);
    wishes.ask("SIGTERM");
  }, PARENT_MS);
  try {
    const closed = once(child, "close");
    const [code, signal] = await once(child, "exit");
    if (child.pid !== undefined) await endRemnant(child.pid);
    // The last output; somebody who has left the group may hold the pipe open for ever.
    if (captured !== undefined) await Promise.race([closed, sleep(REMNANT_MS, undefined, { ref: false })]);
    return { code, signal, wish: wishes.first(), late };
  } finally {
    clearTimeout(limit);
    clearInterval(watch);
    wishes.forget();
    for (const { signal, listener } of listeners) process.off(signal, listener);
  }
}

/** Forwards wishes to end: the first two are passed on as they are, the third, or the end of the grace, kills the family.
 *  @param {import("node:child_process").ChildProcess} child @param {number} graceMs */
function askToEnd(child, graceMs) {
  /** @type {Map<Wish, number>} */
  const last = new Map();
  /** @type {NodeJS.Timeout | undefined} */
  let deadline;
  /** @type {Wish | null} */
  let first = null;
  let wishes = 0;
  const kill = () => {
    if (child.pid !== undefined) signalTo(-child.pid, "SIGKILL");
  };
  return {
    kill,
    first: () => first,
    /** @param {Wish} signal */
    ask(signal) {
      const now = performance.now();
      if (now - (last.get(signal) ?? Number.NEGATIVE_INFINITY) < ONE_WISH_MS) return;
      last.set(signal, now);
      wishes += 1;
      first ??= signal;
      if (wishes > 2 || graceMs === 0) kill();
      else if (child.pid !== undefined) signalTo(child.pid, signal);
      deadline ??= setTimeout(kill, graceMs);
    },
    forget() {
      clearTimeout(deadline);
    },
  };
}

/** Ends what is left of a process group whose leader is gone. @param {number} group */
async function endRemnant(group) {
  if (!signalTo(-group, "SIGTERM")) return;
  for (const since = performance.now(); performance.now() - since < REMNANT_MS; ) {
    if (!(hasLiving(group) ?? signalTo(-group, 0))) return;
    await sleep(20);
  }
  signalTo(-group, "SIGKILL");
}

/** True when somebody was there to receive it. @param {number} pid @param {Wish | "SIGKILL" | 0} signal */
function signalTo(pid, signal) {
  try {
    return process.kill(pid, signal);
  } catch (error) {
    const code = /** @type {NodeJS.ErrnoException} */ (error).code;
    if (code === "ESRCH") return false;
    if (code === "EPERM") return true;
    throw error;
  }
}

/** Ends this process in the way the program ended: same exit code, or the same signal.
 *  @param {Outcome} outcome */
export function endLike({ code, signal }) {
  if (signal === null) {
    process.exit(code ?? 1);
  } else if (FORWARDED.some((forwarded) => forwarded === signal)) {
    process.kill(process.pid, signal);
  } else {
    process.stderr.write(`strongroom: the program was ended by ${signal}\n`);
    process.exit(signal === "SIGKILL" ? 137 : 1);
  }
}
