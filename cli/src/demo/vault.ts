/** The vault's own process, started for a demonstration: made once, then launched behind every protection that this machine
 *  offers. Its passphrase lies in a file beside it, which only a demonstration may do. */
import { createHash, randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { chmod } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import process from "node:process";
import { ROOT } from "../config.ts";
import { makeFolder, readSecret, writeWhole } from "../device/files.ts";
import { fault } from "../faults.ts";
import { type Child, runChild, startReady } from "./child.ts";

/** The vault's program, in the same repository. It is started, never imported. */
const MAIN = join(ROOT, "vault", "src", "main.ts");
/** Longest path of a socket. Source: unix(7), sun_path. */
const SOCKET_BYTES = 107;

export type Running = {
  readonly child: Child;
  readonly identityKey: string;
  readonly records: number;
  readonly replayMs: number;
};

/** Where the vault's process keeps its own things. */
export const dataFolder = (home: string): string => join(home, "vault", "data");
const passphrasePath = (home: string): string => join(home, "vault.passphrase");

/** The vault's socket, in a folder of its own; among the system's temporary files when the home's path is too long. */
export function socketPath(home: string): string {
  const name = `strongroom-${process.getuid?.() ?? 0}-${createHash("sha256").update(home).digest("hex").slice(0, 16)}`;
  const folders = [join(home, "vault", "run"), join(tmpdir(), name), join("/tmp", name)];
  const paths = folders.map((folder) => join(folder, "vault.sock"));
  return paths.find((path) => Buffer.byteLength(path) <= SOCKET_BYTES) ?? fault("HOME_UNFIT", home, "no path is short enough");
}

/** Makes the vault's keystore and journal where there are none. Gives whether it made them. Fails: CHILD_FAILED. */
export async function ensureVault(home: string): Promise<boolean> {
  // The vault may run as a user of its own: it passes through the home, whose other folders stay closed.
  await makeFolder(home);
  await chmod(home, 0o711);
  await makeFolder(join(home, "vault"));
  await chmod(join(home, "vault"), 0o755);
  if (existsSync(join(dataFolder(home), "keystore"))) return false;
  if ((await readSecret(passphrasePath(home))) === null) {
    await writeWhole(passphrasePath(home), `${randomBytes(24).toString("base64url")}\n`);
  }
  await vaultVerb(home, "init");
  return true;
}

/** Runs a verb of the vault that ends by itself; gives its output. Fails: CHILD_FAILED. */
async function vaultVerb(home: string, verb: "init" | "verify"): Promise<string> {
  const passphrase = (await readSecret(passphrasePath(home))) ?? fault("FILE_UNFIT", passphrasePath(home), "it is missing");
  const args = [MAIN, verb, "--data", dataFolder(home), "--stdin"];
  return runChild({ name: `vault ${verb}`, command: process.execPath, args, input: passphrase });
}

/** What the vault's program found when it read its whole journal. Fails: CHILD_FAILED. */
export async function verifyJournal(home: string): Promise<{ records: number; head: string; segments: number; ms: number }> {
  const { records, head, segments, ms } = lastEvent(await vaultVerb(home, "verify"));
  return { records: Number(records), head: String(head), segments: Number(segments), ms: Number(ms) };
}

/** Launches the vault and waits until it is ready. Fails: ALREADY_RUNNING, CHILD_FAILED. */
export async function launchVault(home: string): Promise<Running> {
  const socket = socketPath(home);
  if (await answers(socket)) fault("ALREADY_RUNNING", socket, "a vault answers there");
  const passphrase = (await readSecret(passphrasePath(home))) ?? fault("FILE_UNFIT", passphrasePath(home), "it is missing");
  const { child, ready } = await startReady({
    name: "vault",
    args: [MAIN, "launch", "--data", dataFolder(home), "--socket", socket, "--stdin"],
    log: join(home, "vault.log"),
    input: passphrase,
    watchesInput: true,
  });
  const { identityKey, records, replayMs } = ready;
  return { child, identityKey: String(identityKey), records: Number(records), replayMs: Number(replayMs) };
}

/** Whether somebody answers on a socket. */
export function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path);
    probe.once("connect", () => {
      probe.destroy();
      resolve(true);
    });
    probe.once("error", () => resolve(false));
  });
}

/** The last line of JSON that the vault's program has written. */
function lastEvent(output: string): { readonly [name: string]: unknown } {
  const line = output.trim().split("\n").at(-1) ?? "";
  const parsed: unknown = line.startsWith("{") ? JSON.parse(line) : null;
  const fits = typeof parsed === "object" && parsed !== null;
  return fits ? (parsed as { [name: string]: unknown }) : fault("CHILD_FAILED", "vault", "its output is no event");
}
