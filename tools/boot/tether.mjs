/** Loaded with `--import` into a process that must not outlive the one that started it.
 *
 *  The starter passes a pipe and names it in `STRONGROOM_LIFELINE` as `<descriptor>:<grace in ms>`. When the starter ends,
 *  however it ends, the pipe reads end-of-file; this process is then asked to end by SIGTERM, and after the grace it is killed
 *  together with its process group, if it leads one. The variable is removed at once, so that processes started from here do
 *  not mistake a descriptor of their own for the pipe. */

import { Socket } from "node:net";
import process from "node:process";
import { isMainThread } from "node:worker_threads";

const lifeline = process.env.STRONGROOM_LIFELINE;

if (isMainThread && lifeline !== undefined) {
  delete process.env.STRONGROOM_LIFELINE;
  const [descriptor, graceMs] = lifeline.split(":").map(Number);
  const pipe = new Socket({ fd: descriptor, readable: true, writable: false });
  // A reset is as much an end as an end-of-file is: "close" follows it.
  pipe.on("error", () => pipe.destroy());
  pipe.on("close", () => end(graceMs ?? 0));
  pipe.resume();
  pipe.unref();
}

/** @param {number} graceMs */
function end(graceMs) {
  // Without a listener SIGTERM would end this process alone, and nobody would be left to end its group.
  if (graceMs === 0 || process.listenerCount("SIGTERM") === 0) endGroup();
  process.on("exit", endGroup);
  setTimeout(endGroup, graceMs).unref();
  process.kill(process.pid, "SIGTERM");
}

function endGroup() {
  try {
    process.kill(-process.pid, "SIGKILL");
  } catch (error) {
    if (/** @type {NodeJS.ErrnoException} */ (error).code !== "ESRCH") throw error;
    process.kill(process.pid, "SIGKILL");
  }
}
