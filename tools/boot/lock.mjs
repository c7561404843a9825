/** A lock between processes that want to install into the same folder.
 *
 *  Each contender announces itself with a file of its own and then looks whether another one that is alive has done so too; if
 *  so it withdraws and tries again after a random pause. Nobody ever removes or replaces a file of a live process, so taking
 *  over from a dead one needs no second lock. "Alive" is the process with the same start time, or the program it has started;
 *  on another machine or in another process namespace it is a file that was touched lately. */

import fs from "node:fs";
import os from "node:os";
import path from "node:path";
import process from "node:process";
import { setTimeout as sleep } from "node:timers/promises";
import { lifeOf, readIfThere } from "./proc.mjs";

/** @typedef {import("./proc.mjs").Life} Life */
/** @typedef {{ place: string, lives: Life[] }} Claim */
/** @typedef {{ pid: number, file: string }} Rival */

/** A claim from elsewhere counts as alive when it was touched within this time. Milliseconds. */
export const ELSEWHERE_MS = 15_000;

const SUFFIX = ".claim";

/** Waits for the lock. Gives null when `needless()` became true while waiting.
 *  @param {{ folder: string, needless: () => boolean, waiting: (rival: Rival) => void }} wish */
export async function acquire({ folder, needless, waiting }) {
  fs.mkdirSync(folder, { recursive: true });
  for (;;) {
    const rival = liveRivals(folder)[0];
    if (rival !== undefined) {
      waiting(rival);
      await sleep(300);
    } else {
      const claim = announce(folder);
      if (liveRivals(folder).length === 0) return claim;
      claim.release();
      await sleep(50 + Math.random() * 300);
    }
    if (needless()) return null;
  }
}

/** @param {string} folder */
function announce(folder) {
  const self = lifeOf(process.pid);
  const file = path.join(folder, `${self.pid}-${self.since}${SUFFIX}`);
  /** @param {Life[]} lives */
  const write = (lives) => {
    const draft = `${file}.draft`;
    fs.writeFileSync(draft, JSON.stringify({ place: place(), lives }));
    fs.renameSync(draft, file);
  };
  write([self]);
  return {
    /** The lock is held as long as this program lives, even when this process does not. @param {number} pid */
    extendTo: (pid) => write([self, lifeOf(pid)]),
    touch: () => {
      const now = new Date();
      fs.utimesSync(file, now, now);
    },
    release: () => fs.rmSync(file, { force: true }),
  };
}

/** Other claims whose owner is alive; claims of the dead are removed on the way.
 *  @param {string} folder @returns {Rival[]} */
export function liveRivals(folder) {
  const rivals = [];
  for (const name of fs.readdirSync(folder)) {
    if (!name.endsWith(SUFFIX) || name.startsWith(`${process.pid}-${lifeOf(process.pid).since}.`)) continue;
    const file = path.join(folder, name);
    if (isLive(file)) rivals.push({ pid: Number.parseInt(name, 10), file });
    else fs.rmSync(file, { force: true });
  }
  return rivals;
}

/** @param {string} file */
function isLive(file) {
  const text = readIfThere(file);
  const touched = fs.statSync(file, { throwIfNoEntry: false })?.mtimeMs;
  if (text === undefined || touched === undefined) return false;
  const claim = parseClaim(text);
  if (claim === undefined || claim.place !== place()) return Date.now() - touched < ELSEWHERE_MS;
  return claim.lives.some(isAlive);
}

/** Undefined for anything that is not a claim, for example a file cut short by a power failure.
 *  @param {string} text @returns {Claim | undefined} */
export function parseClaim(text) {
  try {
    const value = JSON.parse(text);
    const sound = typeof value.place === "string" && Array.isArray(value.lives);
    return sound ? { place: value.place, lives: value.lives } : undefined;
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof TypeError) return undefined;
    throw error;
  }
}

/** @param {Life} life */
function isAlive(life) {
  const now = lifeOf(life.pid);
  if (now.since !== "0" || life.since !== "0") return now.since === life.since;
  try {
    return process.kill(life.pid, 0);
  } catch (error) {
    return /** @type {NodeJS.ErrnoException} */ (error).code === "EPERM";
  }
}

/** Where process numbers mean the same: this machine and this process namespace. */
function place() {
  const namespace = fs.existsSync("/proc/self/ns/pid") ? fs.readlinkSync("/proc/self/ns/pid") : "";
  return `${os.hostname()} ${namespace}`;
}
