/** What protects this vault on this machine, each measured from the system and none believed from a setting.
 *
 *  For people who read `status`; nothing is decided by it. Off is said with its reason. */
import { createHash } from "node:crypto";
import { createReadStream } from "node:fs";
import { readdir, readFile, stat } from "node:fs/promises";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import type { ProtectionsBody } from "@strongroom/core/protocol/command";
import { systemCode } from "../fault.ts";

export type Protection = ProtectionsBody["protections"][number];

/** What is measured. `code`: files and folders that the program runs from. `starter`: user who started it, when known.
 *  `reasons`: why the launcher could not switch something on, by the protection's name. */
export type Subject = {
  readonly data: string;
  readonly code: readonly string[];
  readonly starter: number | null;
  readonly keystore: "software";
  readonly demonstration: boolean;
  readonly reasons: ReadonlyMap<string, string>;
};

/** SHA-256 of the runtime that this version is released with, by platform. */
export const PINNED_RUNTIME: Readonly<Record<string, string>> = {
  "linux-x64": "7fde7b8afa198da66257f42ee2001d874c7355631e6d1579a5fb5ef1f246df4c",
};

const DETAIL_MAX = 300;

/** Every protection, on or off. */
export async function measure(subject: Subject): Promise<Protection[]> {
  const status = await readProc("status");
  const field = (name: string) => new RegExp(`^${name}:\\s*(.*)$`, "m").exec(status)?.[1] ?? "";
  const all = [
    account(subject),
    await network(),
    permission(),
    await code(subject.code),
    await runtime(),
    one("privileges", field("NoNewPrivs") === "1" && /^0*$/.test(field("CapEff")), `capabilities ${field("CapEff")}`),
    await coreDumps(),
    one("debugger", field("TracerPid") === "0", `traced by process ${field("TracerPid")}`),
    await dataFolder(subject.data),
    await swap(),
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

/** Files and folders that somebody else than root could change. */
async function code(paths: readonly string[]): Promise<Protection> {
  const open: string[] = [];
  let count = 0;
  const visit = async (path: string): Promise<void> => {
    const found = await stat(path);
    count += 1;
    if (found.uid !== 0 || (found.mode & 0o022) !== 0) open.push(path);
    if (found.isDirectory()) for (const name of await readdir(path)) await visit(join(path, name));
  };
  try {
    for (const path of paths) await visit(path);
  } catch (error) {
    return one("sealed code", false, `the code cannot be looked at: ${systemCode(error)}`);
  }
  const isRoot = process.geteuid?.() === 0;
  if (open.length > 0) return one("sealed code", false, `${open.length} of ${count} can be changed by others than root`);
  return one(
    "sealed code",
    count > 0 && !isRoot,
    `${count} files and folders, root's${isRoot ? ", and this process is root" : ""}`,
  );
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
  return one("no core dumps", line?.[1] === "0" && line[2] === "0", `limits ${line?.[1]} and ${line?.[2]}`);
}

async function dataFolder(path: string): Promise<Protection> {
  const found = await stat(path);
  const mode = (found.mode & 0o777).toString(8);
  const on = (found.mode & 0o077) === 0 && found.uid === process.geteuid?.();
  return one("private data", on, `mode ${mode}, owner ${found.uid}`);
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
