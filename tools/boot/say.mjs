/** What the bootstrap tells people: lines on stderr, a line every two seconds while something takes long, and `Stop`, the one
 *  way in which it gives up. stdout stays untouched, because it belongs to the command that follows. */

import process from "node:process";

/** Progress is never silent for longer than this. Milliseconds. */
export const TICK_MS = 2_000;

/** Ends the bootstrap with lines for a person: what is wrong, and what to type next. */
export class Stop extends Error {
  /** @param {string[]} lines @param {number} [exitCode] */
  constructor(lines, exitCode = 1) {
    super(lines.join("\n"));
    this.name = "Stop";
    this.exitCode = exitCode;
  }
}

/** Writes one line per line of text. A reader that has gone away (a closed pipe) must not end an installation half-way.
 *  @param {string} text */
export function say(text) {
  for (const line of text.split("\n")) process.stderr.write(`strongroom: ${line}\n`);
}

/** Installs the handler that lets `say` outlive its reader. */
export function outliveReader() {
  process.stderr.on("error", (error) => {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "EPIPE") throw error;
  });
}

/** Says `describe()` with the elapsed seconds every two seconds until the returned function is called.
 *  @param {() => string} describe @returns {() => number} stops it and gives the elapsed milliseconds */
export function ticking(describe) {
  const since = performance.now();
  const timer = setInterval(() => say(`${describe()} (${seconds(performance.now() - since)})`), TICK_MS);
  return () => {
    clearInterval(timer);
    return performance.now() - since;
  };
}

/** @param {number} ms */
export function seconds(ms) {
  return `${(ms / 1000).toFixed(ms < 10_000 ? 1 : 0)} s`;
}
