/** Tries from inside what the vault's process must not be able to do. For `launch --check`, before anything is at stake. */
import { spawnSync } from "node:child_process";
import { open, readFile, unlink } from "node:fs/promises";
import { connect } from "node:net";
import { dirname, join } from "node:path";
import { systemCode } from "../fault.ts";

/** One attempt. `refused`: the system's code, or null when it went through. */
export type Attempt = { readonly what: string; readonly refused: string | null };

/** Codes by which a refusal shows; any other failure (a refused connection, a missing file) proves that the way is open. */
const REFUSALS = new Set(["ERR_ACCESS_DENIED", "EACCES", "EPERM", "ENETUNREACH", "EROFS"]);

/** Every attempt; leaves nothing behind. */
export async function tryForbidden(data: string): Promise<Attempt[]> {
  const stray = join(dirname(data), ".strongroom-selfcheck");
  return [
    await attempt("read another file", () => readFile("/etc/passwd")),
    await attempt("read another file by way of /proc", () => readFile("/proc/self/root/etc/passwd")),
    await attempt("write beside the data folder", async () => {
      await (await open(stray, "wx")).close();
      await unlink(stray);
    }),
    await attempt("connect by TCP", () => connectTo(9, "127.0.0.1")),
    await attempt("start a process", async () => {
      const { error } = spawnSync("/bin/true");
      if (error !== undefined) throw error;
    }),
  ];
}

async function attempt(what: string, act: () => Promise<unknown>): Promise<Attempt> {
  try {
    await act();
    return { what, refused: null };
  } catch (error) {
    const code = systemCode(error);
    return { what, refused: REFUSALS.has(code) ? code : null };
  }
}

function connectTo(port: number, host: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, host);
    socket.once("connect", () => {
      socket.destroy();
      resolve();
    });
    socket.once("error", reject);
  });
}
