/** The real vault as a process of its own, and a client that asks it over its Unix socket from many connections at once. The
 *  client checks nothing while the clock runs; whoever uses it looks at the receipts afterwards. */
import { spawn } from "node:child_process";
import { mkdirSync, readFileSync } from "node:fs";
import { connect, type Socket } from "node:net";
import { dirname, join } from "node:path";
import process from "node:process";
import { createInterface } from "node:readline";
import { initialise } from "../../vault/src/host/boot.ts";
import { NURSERY } from "../../vault/src/host/launch/launch.ts";

export const PASSPHRASE = "only for the bench";

/** What the vault says when it is ready. `fromSnapshot`: how many of the records it had from one. */
export type Ready = {
  readonly identityKey: string;
  readonly records: number;
  readonly fromSnapshot: number;
  readonly replayMs: number;
};

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
  const args = [NURSERY, ...flags, join(root, "vault/src/main.ts"), verb, "--data", data, "--socket", socket, "--stdin"];
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
export function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "latin1")
    .replace(/^.*\) /s, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Asks one request at a time; several callers share a connection, as they would behind a server. */
export type Caller = (request: Uint8Array) => Promise<Buffer>;
export type Callers = { readonly all: readonly Caller[]; close(): void };

/** Connections that so many callers share: the vault takes 256 and reads 16 requests ahead from each. */
const CONNECTIONS = 64;

export async function openCallers(path: string, count: number): Promise<Callers> {
  const lines = await Promise.all(Array.from({ length: Math.min(count, CONNECTIONS) }, () => openLine(path)));
  const all = Array.from({ length: count }, (_, at): Caller => {
    const line = lines[at % lines.length];
    if (line === undefined) throw new Error("no connection");
    return line.call;
  });
  return {
    all,
    close() {
      for (const line of lines) line.close();
    },
  };
}

type Waiting = { readonly resolve: (reply: Buffer) => void; readonly reject: (error: Error) => void };

/** One connection. Replies come in the order of the requests. */
async function openLine(path: string): Promise<{ call: Caller; close(): void }> {
  const socket: Socket = await new Promise((resolve, reject) => {
    const fresh = connect(path, () => resolve(fresh));
    fresh.once("error", reject);
  });
  const waiting: Waiting[] = [];
  let held: Buffer = Buffer.alloc(0);
  socket.on("data", (chunk: Buffer) => {
    held = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    for (;;) {
      const end = held.length < 4 ? Number.POSITIVE_INFINITY : 4 + held.readUInt32BE(0);
      if (held.length < end) return;
      waiting.shift()?.resolve(held.subarray(4, end));
      held = held.subarray(end);
    }
  });
  const failed = () => {
    for (const { reject } of waiting.splice(0)) reject(new Error("the vault closed the connection"));
  };
  socket.on("error", failed);
  socket.on("close", failed);
  return {
    call(request) {
      const size = Buffer.alloc(4);
      size.writeUInt32BE(request.length);
      return new Promise((resolve, reject) => {
        waiting.push({ resolve, reject });
        socket.write(Buffer.concat([size, request]));
      });
    },
    close: () => socket.destroy(),
  };
}
