/** What protects this vault on this machine, each measured from the system and none believed from a setting.
 *
 *  For people who read `status`; nothing is decided by it. Off is said with its reason. */
import { createHash } from "node:crypto";
import { createReadStream, statSync } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { dirname, join } from "node:path";
import type { ProtectionsBody } from "@strongroom/core/protocol/command";
import { systemCode } from "../fault.ts";

export type Protection = ProtectionsBody["protections"][number];

/** What is measured. `code`: files and folders that the program runs from. `starter`: user who started it, when known.
 *  `snapshots`: what is wrong with them, each in a line, null where nobody has looked. `reasons`: why the launcher could not
 *  switch something on, by the protection's name. */
export type Subject = {
  readonly data: string;
  readonly code: readonly string[];
  readonly starter: number | null;
  readonly keystore: "software";
  readonly snapshots: readonly string[] | null;
  readonly demonstration: boolean;
  readonly reasons: ReadonlyMap<string, string>;
};

/** SHA-256 of the runtime that this version is released with, by platform. */
export const PINNED_RUNTIME: Readonly<Record<string, string>> = {
  "linux-x64": "7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c",
};

/** What is read of the system to measure it. Each file by itself: `/proc/self/` would let in `/proc/self/root/`, the whole
 *  disk. */
export const MEASURED_FILES = [
  ...["status", "limits", "net/dev", "exe"].map((name) => `/proc/self/${name}`),
  "/proc/swaps",
  "/proc/sys/kernel/core_pattern",
];

const DETAIL_MAX = 300;

/** Every protection, on or off. */
export async function measure(subject: Subject): Promise<Protection[]> {
  const status = await readProc("status");
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
  const all = [
    account(subject),
    await network(),
    permission(),
    await code(subject),
    await runtime(),
    one("privileges", field("NoNewPrivs") === "1" && /^0*$/.test(field("CapEff")), `capabilities ${field("CapEff")}`),
    await coreDumps(),
    one("debugger", field("TracerPid") === "0", `traced by process ${field("TracerPid")}`),
    await dataFolder(subject.data),
    await swap(),
    ...(subject.snapshots === null ? [] : [snapshots(subject.snapshots)]),
    one("hardware keys", false, `${subject.keystore} keystore: the keys are in this process's memory while it runs`),
    one(
      "real deployment",
      !subject.demonstration,
      subject.demonstration ? "DEMONSTRATION: not for real value" : "founded for use",
    ),
  ];
  return all.map(({ name, on, detail }) => {
    const reason = on ? undefined : subject.reasons.get(name);
    const text = reason === undefined ? detail : `${detail}; ${reason}`;
    return { name, on, detail: printable(text).slice(0, DETAIL_MAX) };
  });
}

function one(name: string, on: boolean, detail: string): Protection {
  return { name, on, detail };
}

function account({ starter }: Subject): Protection {
  const user = process.geteuid?.() ?? 0;
  const from = starter === null ? "started by hand" : `started by user ${starter}`;
  return one("own account", user !== 0 && starter !== null && starter !== user, `user ${user}, ${from}`);
}

async function network(): Promise<Protection> {
  const lines = (await readProc("net/dev")).split("\n").slice(2);
  const names = lines.flatMap((line) => /^\s*([^:\s]+):/.exec(line)?.[1] ?? []);
  const others = names.filter((name) => name !== "lo");
  const up = Object.keys(networkInterfaces());
  const on = names.length > 0 && others.length === 0 && up.length === 0;
  return one(
    "no network",
    on,
    on ? "no interface but a loopback that is down" : `interfaces: ${names.join(", ") || "unknown"}`,
  );
}

function permission(): Protection {
  const { permission } = process;
  if (permission === undefined) return one("permission model", false, "the runtime may do whatever its user may");
  const wide = ["child", "worker", "addons", "wasi", "fs.read", "fs.write"].filter((scope) => permission.has(scope));
  const count = (flag: string) => process.execArgv.filter((arg) => arg.startsWith(`--allow-fs-${flag}=`)).length;
  const detail = wide.length === 0 ? `reads ${count("read")} places, writes ${count("write")}` : `allows ${wide.join(", ")}`;
  return one("permission model", wide.length === 0, detail);
}

/** Files and folders that somebody else than root could change. A launched process may not look at those above, so it takes
 *  the launcher's word for them; one that was not launched and may not look has nobody's. */
async function code({ code: paths, starter, reasons }: Subject): Promise<Protection> {
  const open: string[] = [];
  let count = 0;
  const visit = async (path: string): Promise<void> => {
    const found = await stat(path);
    count += 1;
    if (found.uid !== 0 || (found.mode & 0o022) !== 0) open.push(path);
    if (found.isDirectory()) for (const name of await readdir(path)) await visit(join(path, name));
  };
  const off = (detail: string) => one("sealed code", false, detail);
  try {
    for (const path of paths) await visit(path);
  } catch (error) {
    return off(`the code cannot be looked at: ${systemCode(error)}`);
  }
  const isRoot = process.geteuid?.() === 0;
  if (open.length > 0) return off(`${open.length} of ${count} can be changed by others than root`);
  const exposed = process.permission === undefined ? exposedAbove([...paths, process.execPath]) : null;
  if (exposed !== null) return off(`others than root can change ${exposed}`);
  if (reasons.has("sealed code")) return off("what is above the code is open");
  if (process.permission !== undefined && starter === null) return off("nobody has looked at what is above the code");
  return one(
    "sealed code",
    count > 0 && !isRoot,
    `${count} files and folders, root's${isRoot ? ", and this process is root" : ""}`,
  );
}

/** The first folder above some paths in which others than root could put something else in their place; null without one. In
 *  a sticky folder of root's nobody renames what is root's. */
export function exposedAbove(paths: readonly string[]): string | null {
  const looked = new Set<string>();
  for (const path of paths) {
    for (let at = dirname(path); !looked.has(at); at = dirname(at)) {
      looked.add(at);
      const { uid, mode } = statSync(at);
      if (uid !== 0 || ((mode & 0o022) !== 0 && (mode & 0o1000) === 0)) return at;
    }
  }
  return null;
}

let runtimeHash: Promise<string> | undefined;

/** The running binary, read through /proc, so that it is the one that runs and not the one that lies there now. */
async function runtime(): Promise<Protection> {
  const platform = `${process.platform}-${process.arch}`;
  const pinned = PINNED_RUNTIME[platform];
  if (pinned === undefined) return one("pinned runtime", false, `none is pinned for ${platform}`);
  runtimeHash ??= hashFile("/proc/self/exe");
  const hash = await runtimeHash.catch((error: unknown) => systemCode(error));
  return one("pinned runtime", hash === pinned, `${process.version}, SHA-256 ${hash.slice(0, 16)}`);
}

async function hashFile(path: string): Promise<string> {
  const hash = createHash("sha256");
  for await (const chunk of createReadStream(path, { highWaterMark: 1 << 20 })) hash.update(chunk);
  return hash.digest("hex");
}

async function coreDumps(): Promise<Protection> {
  const line = /^Max core file size\s+(\S+)\s+(\S+)/m.exec(await readProc("limits"));
  const pattern = await readFile("/proc/sys/kernel/core_pattern", "latin1").catch(() => "");
  const detail = `limits ${line?.[1]} and ${line?.[2]}, pattern ${pattern.trim() || "unknown"}`;
  return one("no core dumps", dumpsNothing([line?.[1], line?.[2]], pattern.trim()), detail);
}

/** Whether no memory is written when the process crashes. `limits`: soft and hard, in bytes; `pattern`: where dumps go. What
 *  goes to a program is not limited, except that a limit of exactly 1 stops it. Source: core(5), fs/coredump.c. */
export function dumpsNothing([soft, hard]: readonly (string | undefined)[], pattern: string): boolean {
  const isLow = ["0", "1"].includes(soft ?? "") && ["0", "1"].includes(hard ?? "");
  if (pattern.startsWith("|")) return soft === "1" && hard === "1";
  return isLow && pattern !== "" && !pattern.startsWith("@");
}

async function dataFolder(path: string): Promise<Protection> {
  const found = await stat(path);
  const mode = (found.mode & 0o777).toString(8);
  const on = (found.mode & 0o077) === 0 && found.uid === process.geteuid?.();
  return one("private data", on, `mode ${mode}, owner ${found.uid}`);
}

function snapshots(wrong: readonly string[]): Protection {
  return one("sound snapshots", wrong.length === 0, wrong.join("; ") || "none was refused, none failed");
}

async function swap(): Promise<Protection> {
  const text = await readFile("/proc/swaps", "latin1").catch(systemCode);
  const areas = text.trim().split("\n").length - 1;
  const on = text.startsWith("Filename") && areas === 0;
  return one("no swap", on, text.startsWith("Filename") ? `${areas} swap areas` : `unknown: ${text}`);
}

/** A file about this process; empty where it cannot be read, so that whatever depends on it is off. */
async function readProc(name: string): Promise<string> {
  return readFile(`/proc/self/${name}`, "latin1").catch(() => "");
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, "?");
}
