/** Starts an embedded PostgreSQL on a Unix socket, watches it, and ends with it: what a demonstration, a test or a small
 *  institution runs on. Everybody else gives the URL of a database. */
import { type ChildProcessByStdio, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Readable } from "node:stream";
import { setTimeout as sleep } from "node:timers/promises";
import { codeOf, Fault } from "../../host/fault.ts";
import { limits } from "../../host/limits.ts";
import { type Cluster, type ClusterOptions, openCluster, urlOf } from "./cluster.ts";
import { commandLine, handOver } from "./user.ts";

export type Postgres = {
  /** For the application's role, and for the owner's, who migrates. Both hold passwords. */
  readonly url: string;
  readonly ownerUrl: string;
  readonly pid: number;
  readonly version: number;
  /** The folder of the socket. */
  readonly socket: string;
  /** How it ended; null when it was asked to. */
  readonly ended: Promise<Fault | null>;
  /** Fast shutdown: open transactions are rolled back. */
  stop(): Promise<void>;
};

/** `settings`: PostgreSQL's own, beside what is needed. `say`: hears the lines of its log. `socket`: the folder of an earlier
 *  start. */
export type StartOptions = ClusterOptions & {
  settings?: Readonly<Record<string, string>>;
  say?: (line: string) => void;
  socket?: string;
};

/** Resolves when it takes connections. Data of a server that was killed is recovered on the way.
 *  Fails: POSTGRES_MISSING, POSTGRES_VERSION, POSTGRES_BUSY, POSTGRES_FAILED. */
export async function startPostgres(options: StartOptions): Promise<Postgres> {
  const cluster = await openCluster(options);
  await demandFree(cluster.data);
  const socket = options.socket ?? socketFolder(cluster);
  const child = launch(cluster, { socket, ...options.settings });
  const lines: string[] = [];
  const hear = (line: string) => {
    if (lines.push(line) > limits.postgresLines) lines.shift();
    options.say?.(line);
  };
  const { ready, exit } = watch(child, hear);
  let asked = false;
  const ended = exit.then((how) => {
    if (asked && !socket.startsWith(cluster.folder)) rmSync(socket, { recursive: true, force: true });
    return asked ? null : new Fault("POSTGRES_FAILED", `It ended with ${how}: ${lines.join(" | ")}`);
  });
  const stop = async () => {
    asked = true;
    await end(child, ended);
  };
  const late = sleep(limits.postgresReadyMs, "late" as const, { ref: false });
  const first = await Promise.race([ready, ended, late]);
  if (first === "ready" && child.pid !== undefined) {
    const url = urlOf(cluster, { socket, role: "app" });
    const ownerUrl = urlOf(cluster, { socket, role: "owner" });
    return { url, ownerUrl, pid: child.pid, version: cluster.binaries.major, socket, ended, stop };
  }
  await stop();
  throw first instanceof Fault ? first : new Fault("POSTGRES_FAILED", `It is not ready in time: ${lines.join(" | ")}`);
}

type Child = ChildProcessByStdio<null, null, Readable>;

/** It gets a session of its own, so that Ctrl-C at the terminal does not reach it before those who still write. */
function launch(
  { data, binaries, footing, env, folder }: Cluster,
  { socket, ...more }: { socket: string; [name: string]: string },
): Child {
  const settings = {
    listen_addresses: "",
    unix_socket_directories: socket,
    unix_socket_permissions: "0700",
    cluster_name: "strongroom",
    log_min_messages: "log",
    ...more,
  };
  const args = Object.entries(settings).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  const [program, ...line] = commandLine(footing, [join(binaries.bin, "postgres"), "-D", data, ...args]);
  return spawn(program, line, { cwd: folder, env, stdio: ["ignore", "ignore", "pipe"], detached: true });
}

/** Reads its log for as long as it runs: a full pipe would stop it. */
function watch(child: Child, hear: (line: string) => void): { ready: Promise<"ready">; exit: Promise<string> } {
  const ready = Promise.withResolvers<"ready">();
  const exit = Promise.withResolvers<string>();
  let rest = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    const parts = (rest + text).split("\n");
    rest = parts.pop()?.slice(-4_000) ?? "";
    for (const line of parts) {
      if (/database system is ready to accept connections/.test(line)) ready.resolve("ready");
      hear(line);
    }
  });
  child.once("error", (error) => exit.resolve(error.message));
  child.once("close", (code, signal) => exit.resolve(signal ?? `code ${code}`));
  return { ready: ready.promise, exit: exit.promise };
}

/** Fast shutdown, then immediate shutdown, then no choice. */
async function end(child: Child, ended: Promise<unknown>): Promise<void> {
  for (const signal of ["SIGINT", "SIGQUIT", "SIGKILL"] as const) {
    child.kill(signal);
    const late = sleep(limits.postgresStopMs, "late" as const, { ref: false });
    if ((await Promise.race([ended, late])) !== "late") return;
  }
}

/** Where the socket lies: beside the data, or where its path is short and plain enough. */
function socketFolder({ folder, footing }: Cluster): string {
  const own = join(folder, "run");
  const isFit = Buffer.byteLength(join(own, ".s.PGSQL.5432")) <= limits.socketPathBytes && !/[,"'\\]/.test(own);
  if (isFit) mkdirSync(own, { recursive: true, mode: 0o700 });
  const socket = isFit ? own : mkdtempSync(join(tmpdir(), "strongroom-"));
  handOver(socket, footing);
  return socket;
}

/** Waits until nobody works in the data folder: a server whose starter was killed is still shutting down, and processes of a
 *  server that was killed end by themselves. A lock file that names a process which has nothing to do with the folder is
 *  removed: numbers of processes come again, above all after the machine started anew. Fails: POSTGRES_BUSY. */
async function demandFree(data: string): Promise<void> {
  if (!existsSync("/proc/self/cwd")) return;
  const since = performance.now();
  for (let users = usersOf(data); users.length > 0; users = usersOf(data)) {
    if (performance.now() - since > limits.postgresStopMs)
      throw new Fault("POSTGRES_BUSY", `Process ${users[0]} is in ${data}.`);
    await sleep(50);
  }
  const lock = join(data, "postmaster.pid");
  const named = existsSync(lock) ? Number.parseInt(readFileSync(lock, "utf8"), 10) : 0;
  if (named > 0 && existsSync(`/proc/${named}`)) rmSync(lock);
}

/** Every process of PostgreSQL works in its data folder. */
function usersOf(data: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => workingFolder(name) === data)
    .map(Number);
}

function workingFolder(pid: string): string | null {
  try {
    return readlinkSync(`/proc/${pid}/cwd`);
  } catch (error) {
    // It has ended, or is another user's, and so none of ours.
    if (["ENOENT", "ESRCH", "EACCES", "EPERM"].includes(codeOf(error))) return null;
    throw error;
  }
}
