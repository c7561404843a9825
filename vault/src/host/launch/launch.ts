/** Starts the vault behind every protection that this machine offers, and says why one is missing.
 *
 *  This process becomes the vault: it builds one command line of small system tools, each of which switches one thing off and
 *  executes the next, and then executes it in its own place, so there is no parent in between, and signals, standard streams
 *  and the process id stay. The last link is Node with `--permission` and lists of what it may read and write. What holds in
 *  the end is measured by the vault itself (`protections.ts`); here are only the reasons for what could not be had. */
import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync, realpathSync } from "node:fs";
import { totalmem } from "node:os";
import { basename, dirname, join, resolve, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { Fault } from "../fault.ts";
import { type Account, giveData, giveSocketFolder } from "./give.ts";
import { exposedAbove, MEASURED_FILES } from "./protections.ts";
import { readList } from "./readList.ts";

export type Launch = {
  readonly data: string;
  readonly socket: string | null;
  /** File with the passphrase; null when it comes first on the standard input. */
  readonly passphraseFile: string | null;
  /** `run`, or `selfcheck`, which tries what must fail. */
  readonly verb: "run" | "selfcheck";
};

/** A user that shares nothing with anybody, in a range that no system hands out. A user with the name below goes first. */
const ACCOUNT_ID = 60_700;
const ACCOUNT_NAME = "strongroom-vault";
const MAIN = fileURLToPath(new URL("../../main.ts", import.meta.url));

/** MiB from which young objects are collected: signing leaves megabytes of numbers that are dead at once, and each collection
 *  costs the same however little it keeps. */
export const NURSERY = "--min-semi-space-size=64";

type Step = { readonly name: string; readonly argv: readonly string[] };

/** The whole command line, and why a protection is missing. Prepares folders and owners. */
export function planLaunch(launch: Launch): { argv: string[]; reasons: Map<string, string> } {
  const reasons = new Map<string, string>();
  const data = realpathSync(launch.data);
  const socket = launch.socket === null ? null : resolve(launch.socket);
  const reads = readList();
  const account = chooseAccount([...reads, process.execPath, dirname(data)], reasons);
  prepare({ data, socket }, account);
  const exposed = exposedAbove([...reads, process.execPath]);
  if (exposed !== null) reasons.set("sealed code", `others than root can change ${exposed}`);

  const steps: Step[] = [];
  const dumps = firstThatWorks("no core dumps", [["prlimit", "--core=1:1"]], reasons);
  if (dumps !== null) steps.push(dumps);
  const net = firstThatWorks(
    "no network",
    [
      ["unshare", "--net"],
      ["unshare", "--user", "--map-current-user", "--net"],
    ],
    reasons,
  );
  if (net !== null) steps.push(net);
  const bare = ["--no-new-privs", "--inh-caps=-all"];
  const own =
    account === null ? [] : ["--reuid", `${account.uid}`, "--regid", `${account.gid}`, "--clear-groups", "--bounding-set=-all"];
  const rights = firstThatWorks(
    "privileges",
    [
      ["setpriv", ...own, ...bare],
      ["setpriv", "--no-new-privs"],
    ],
    reasons,
  );
  if (rights !== null) steps.push(rights);

  const folders = [data, ...(socket === null ? [] : [dirname(socket)])].map((folder) => `${folder}${sep}`);
  const flags = [
    "--permission",
    ...[...reads, ...folders, ...MEASURED_FILES].map((path) => `--allow-fs-read=${path}`),
    ...folders.map((path) => `--allow-fs-write=${path}`),
    `--max-old-space-size=${heapMiB()}`,
    NURSERY,
    "--disable-sigusr1",
    "--disable-proto=throw",
    "--disallow-code-generation-from-strings",
    "--no-addons",
  ];
  const words = [launch.verb, "--data", data, "--starter", `${process.geteuid?.() ?? 0}`];
  if (socket !== null) words.push("--socket", socket, ...(account === null ? [] : ["--socket-group"]));
  words.push(...(launch.passphraseFile === null ? ["--stdin"] : ["--passphrase-fd", "3"]));
  for (const [name, reason] of reasons) words.push("--reason", `${name}: ${reason}`);
  const node = [process.execPath, ...flags, MAIN, ...words];
  return { argv: [...shell(launch.passphraseFile, dumps === null), ...steps.flatMap(({ argv }) => argv), ...node], reasons };
}

/** Becomes the vault. Returns never; fails: SOCKET_FAILED, and the system's errors. */
export function becomeVault(launch: Launch): never {
  const { argv } = planLaunch(launch);
  const [file = "", ...rest] = argv;
  // Its only warning is that `execve` is new; the first line that a parent reads should not be that.
  process.removeAllListeners("warning");
  process.execve?.(file, [file, ...rest], { PATH: "/usr/sbin:/usr/bin:/sbin:/bin", TZ: "UTC", LC_ALL: "C" });
  throw new Fault("BUG", "The runtime cannot replace this process.");
}

/** Three quarters of the memory that this process may have: Node's own bound is lower, and a vault whose memory of its
 *  transactions has outgrown it could never start again. */
function heapMiB(): number {
  const allowed = process.constrainedMemory();
  const bytes = allowed > 0 ? Math.min(allowed, totalmem()) : totalmem();
  return Math.floor((bytes * 3) / 4 / 2 ** 20);
}

/** The first link: nothing that is made is open to others, and the passphrase file as descriptor 3, opened by this user before
 *  the vault's own user takes over. `dumps`: core dumps are limited here, since nothing better is installed. */
function shell(passphraseFile: string | null, dumps: boolean): string[] {
  const limits = `umask 077${dumps ? "; ulimit -c 0" : ""}`;
  if (passphraseFile === null) return ["/bin/sh", "-c", `${limits}; exec "$@"`, "sh"];
  return ["/bin/sh", "-c", `${limits}; file="$1"; shift; exec "$@" 3<"$file"`, "sh", resolve(passphraseFile)];
}

/** The first of some ways to switch one thing off that this machine allows. */
function firstThatWorks(name: string, ways: readonly (readonly string[])[], reasons: Map<string, string>): Step | null {
  let said = "";
  for (const [tool = "", ...rest] of ways) {
    const path = find(tool);
    if (path === null) {
      said = `${tool} is not installed`;
      continue;
    }
    const argv = [path, ...rest, "--"];
    const tried = spawnSync(path, [...rest, "--", find("true") ?? "true"], { encoding: "utf8" });
    if (tried.status === 0) return { name, argv };
    said ||= (tried.stderr || `${tool} failed`).trim().split("\n")[0] ?? "";
  }
  reasons.set(name, said);
  return null;
}

function find(tool: string): string | null {
  const found = ["/usr/bin", "/bin", "/usr/sbin", "/sbin"].map((folder) => join(folder, tool)).find((path) => existsSync(path));
  return found ?? null;
}

/** The vault's own user, when this one may change to it and it could read what it has to. */
function chooseAccount(needed: readonly string[], reasons: Map<string, string>): Account | null {
  const off = (reason: string) => {
    reasons.set("own account", reason);
    return null;
  };
  if (process.geteuid?.() !== 0) return off("only root can start it as another user");
  const setpriv = find("setpriv");
  if (setpriv === null) return off("setpriv is not installed");
  const account = namedAccount() ?? { uid: ACCOUNT_ID, gid: ACCOUNT_ID };
  const script = 'for path; do test -r "$path" && { ! test -d "$path" || test -x "$path"; } || { echo "$path"; exit 1; }; done';
  const as = ["--reuid", `${account.uid}`, "--regid", `${account.gid}`, "--clear-groups", "--"];
  const tried = spawnSync(setpriv, [...as, "/bin/sh", "-c", script, "sh", ...needed], { encoding: "utf8" });
  if (tried.status === 0) return account;
  return off(tried.stdout === "" ? "this root may not change its user" : `its own user could not read ${tried.stdout.trim()}`);
}

function namedAccount(): Account | null {
  const line = readFileSync("/etc/passwd", "latin1")
    .split("\n")
    .find((text) => text.startsWith(`${ACCOUNT_NAME}:`));
  const [, , uid, gid] = line?.split(":") ?? [];
  return uid === undefined || gid === undefined ? null : { uid: Number(uid), gid: Number(gid) };
}

/** Makes the folders and gives them to the vault's user. */
function prepare({ data, socket }: { data: string; socket: string | null }, account: Account | null): void {
  const own = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };
  const owner = account ?? own;
  giveData(data, owner);
  if (socket === null) return;
  if (Buffer.byteLength(socket) > SOCKET_PATH_MAX) {
    throw new Fault("SOCKET_FAILED", `${socket} is longer than ${SOCKET_PATH_MAX} bytes, which is all that the system takes.`);
  }
  const folder = dirname(socket);
  if (own.uid === 0 && folder !== data) giveSocketFolder(folder, basename(socket), owner);
  else mkdirSync(folder, { recursive: true, mode: 0o750 });
}

/** Size of `sun_path` without its end. Source: unix(7). */
const SOCKET_PATH_MAX = 107;
