/** Loaded with `--import` into a process that must not outlive the one that started it.
 *
 *  The starter passes a pipe as file descriptor 3 and `STRONGROOM_LIFELINE=3`; when the starter ends, however it ends, the
 *  pipe reads end-of-file and this process is asked to end by SIGTERM, and made to a little later. The variable is removed at
 *  once, so that processes started from here do not mistake a descriptor of their own for the pipe. */

import { Socket } from "node:net";
import process from "node:process";
import { isMainThread } from "node:worker_threads";

/** Time between being asked and being made to end. Milliseconds. */
const GRACE_MS = 8_000;

const lifeline = process.env.STRONGROOM_LIFELINE;

if (isMainThread && lifeline !== undefined) {
  delete process.env.STRONGROOM_LIFELINE;
  const pipe = new Socket({ fd: Number(lifeline), readable: true, writable: false });
  // A reset is as much an end as an end-of-file is: "close" follows it.
  pipe.on("error", () => pipe.destroy());
  pipe.on("close", () => {
    process.kill(process.pid, "SIGTERM");
    setTimeout(() => process.kill(process.pid, "SIGKILL"), GRACE_MS).unref();
  });
  pipe.resume();
  pipe.unref();
}
