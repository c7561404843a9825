/** What the figures were measured on. Without it a number says nothing. */
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { cpus, loadavg, totalmem } from "node:os";

export type Machine = {
  readonly date: string;
  readonly commit: string;
  readonly cpu: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly disk: string;
  readonly system: string;
  readonly node: string;
  /** Load average of the last minute when the run began. */
  readonly load: number;
};

/** This machine; `folder` lies on the disk that is measured. */
export function describeMachine(root: string, folder: string): Machine {
  const all = cpus();
  return {
    date: new Date().toISOString().slice(0, 16).replace("T", " "),
    commit: output("git", ["-c", "safe.directory=*", "-C", root, "describe", "--always", "--dirty"]),
    cpu: all[0]?.model ?? "unknown",
    cores: all.length,
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    disk: diskOf(folder),
    system: `${release()} ${output("uname", ["-sr"])}`,
    node: process.version,
    load: Math.round((loadavg()[0] ?? 0) * 10) / 10,
  };
}

export function machineText(machine: Machine): string {
  const { date, commit, cpu, cores, memoryGiB, disk, system, node, load } = machine;
  return [
    `${date} UTC, commit ${commit}, Node ${node}, load ${load} at the start`,
    `${cpu}, ${cores} cores, ${memoryGiB} GiB; disk ${disk}; ${system}`,
  ].join("\n");
}

/** Device, file system and kind of the disk under a folder, as findmnt and the kernel tell. */
function diskOf(folder: string): string {
  const [source = "", type = ""] = output("findmnt", ["-T", folder, "-n", "-o", "SOURCE,FSTYPE"]).split(/\s+/);
  const device = source.replace(/^\/dev\//, "").replace(/p?\d+$/, "");
  const spins = read(`/sys/block/${device}/queue/rotational`);
  const kind = spins === "1" ? "rotational" : spins === "0" ? "not rotational" : "unknown kind";
  return `${source || "unknown"} ${type} (${kind})`;
}

function release(): string {
  return /^PRETTY_NAME="?([^"\n]*)/m.exec(read("/etc/os-release"))?.[1] ?? "";
}

function output(command: string, args: readonly string[]): string {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  } catch (error) {
    return error instanceof Error ? "unknown" : "";
  }
}

function read(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    return error instanceof Error ? "" : "unknown";
  }
}
