/** The real vault as a process of its own, and a client that asks it over its Unix socket from many connections at once. The
 *  client checks nothing while the clock runs; whoever uses it looks at the receipts afterwards. */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { dirname, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { initialise } from "../../vault/src/host/boot.ts";

export const PASSPHRASE = "only for the bench";

/** What the vault says when it is ready. */
export type Ready = { readonly identityKey: string; readonly records: number; readonly replayMs: number };

export type VaultProcess = {
  readonly pid: number;
  readonly socket: string;
  readonly ready: Ready;
  /** From the start of the process to its first event, milliseconds. */
  readonly readyMs: number;
  /** Processor time that the process has used so far, milliseconds, all threads. */
  cpuMs(): number;
  /** A line of the kernel's status file of the process, in MiB: VmRSS or VmHWM. */
  memoryMiB(line: "VmRSS" | "VmHWM"): number;
  stop(): Promise<void>;
};

/** Makes an empty vault in `folder` and gives the data folder. */
export async function makeData(folder: string): Promise<string> {
  const data = join(folder, "data");
  await initialise(data, Buffer.from(PASSPHRASE));
  return data;
}

/** Starts the vault. `launch`: behind all its protections; `run`: as a plain process, with more `flags` for Node. */
export async function startVault(
  root: string,
  data: string,
  { verb, flags = [] }: { verb: "launch" | "run"; flags?: readonly string[] },
): Promise<VaultProcess> {
  const socket = join(dirname(data), "socket", "vault.sock");
  mkdirSync(dirname(socket), { recursive: true });
  const args = [...flags, join(root, "vault/src/main.ts"), verb, "--data", data, "--socket", socket, "--stdin"];
  const since = performance.now();
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  const ended = new Promise<number | null>((resolve) => child.once("exit", resolve));
  child.stdin.write(`${PASSPHRASE}\n`);
  const lines = createInterface({ input: child.stdout });
  const first = await new Promise<string>((resolve, reject) => {
    lines.once("line", resolve);
    ended.then((code) => reject(new Error(`the vault ended with ${code}`)));
  });
  const event = JSON.parse(first) as Ready & { readonly event: string };
  if (event.event !== "ready") throw new Error(`the vault said ${first}`);
  const pid = child.pid ?? 0;
  return {
    pid,
    socket,
    ready: event,
    readyMs: performance.now() - since,
    cpuMs: () => cpuMs(pid),
    memoryMiB: (line) => Number(new RegExp(`^${line}:\\s+(\\d+)`, "m").exec(status(pid))?.[1] ?? Number.NaN) / 1024,
    async stop() {
      child.kill("SIGTERM");
      await ended;
    },
  };
}

function status(pid: number): string {
  return readFileSync(`/proc/${pid}/status`, "latin1");
}

/** User and system time of all threads. Source: proc(5), /proc/pid/stat, fields 14 and 15; a tick is 10 ms on Linux. */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** One connection with one request under way at a time. */
export type Caller = { call(request: Uint8Array): Promise<Buffer>; close(): void };

/** Opens so many connections. */
export async function openCallers(path: string, count: number): Promise<readonly Caller[]> {
  return Promise.all(Array.from({ length: count }, () => openCaller(path)));
}

async function openCaller(path: string): Promise<Caller> {
  const socket: Socket = await new Promise((resolve, reject) => {
    const fresh = connect(path, () => resolve(fresh));
    fresh.once("error", reject);
  });
  let waiting: { resolve: (reply: Buffer) => void; reject: (error: Error) => void } | null = null;
  let held: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    if (held.length < 4) return;
    const end = 4 + held.readUInt32BE(0);
    if (held.length < end) return;
    const reply = held.subarray(4, end);
    held = held.subarray(end);
    waiting?.resolve(reply);
  });
  socket.on("close", () => waiting?.reject(new Error("the vault closed the connection")));
  return {
    call(request) {
      const size = Buffer.alloc(4);
      size.writeUInt32BE(request.length);
      return new Promise((resolve, reject) => {
        waiting = { resolve, reject };
        socket.write(Buffer.concat([size, request]));
      });
    },
    close: () => socket.destroy(),
  };
}
