/** Files of this device: written whole or not at all, readable by their owner only. */
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { lstat, mkdir, open, readFile, rename, rm, stat } from "node:fs/promises";
import { dirname, join, resolve } from "node:path";
import { fault, systemCode, systemWords } from "../faults.ts";
import { limits } from "../limits.ts";

const OTHERS = 0o077;

/** Makes a folder and those above it that are missing, for the owner only; one after the other, because Node's own recursive
 *  mkdir never ends below /proc. Fails: HOME_UNFIT. */
export async function makeFolder(path: string): Promise<void> {
  const missing: string[] = [];
  for (let folder = resolve(path); !existsSync(folder); folder = dirname(folder)) missing.unshift(folder);
  for (const folder of missing) {
    await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
      if (systemCode(error) === "EEXIST") return;
      fault("HOME_UNFIT", folder, `it cannot be made: ${systemWords(error)}`, error);
    });
  }
}

/** Puts `content` in place of `path` in one step: after a crash there is the old file or the new one. Mode 0600, unless others
 *  are to read it. Fails: HOME_UNFIT. */
export async function writeWhole(path: string, content: Uint8Array | string, mode: 0o600 | 0o644 = 0o600): Promise<void> {
  await makeFolder(dirname(path));
  const temporary = join(dirname(path), `.${randomBytes(6).toString("hex")}.new`);
  const failed = (error: unknown) => fault("HOME_UNFIT", path, `it cannot be written: ${systemWords(error)}`, error);
  const file = await open(temporary, "wx", mode).catch(failed);
  try {
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(temporary, path);
  } catch (error) {
    await rm(temporary, { force: true });
    failed(error);
  }
}

/** The file's bytes, or null when there is none. Fails: FILE_UNFIT. */
export async function readIfThere(path: string): Promise<Buffer | null> {
  try {
    const found = await stat(path);
    if (!found.isFile()) fault("FILE_UNFIT", path, "it is no plain file");
    if (found.size > limits.fileBytes) fault("FILE_UNFIT", path, `it is larger than ${limits.fileBytes} bytes`);
    return await readFile(path);
  } catch (error) {
    if (systemCode(error) === "ENOENT") return null;
    if (systemCode(error) === "") throw error;
    fault("FILE_UNFIT", path, `it cannot be read: ${systemWords(error)}`, error);
  }
}

/** The file's bytes. Fails: FILE_UNFIT. */
export async function readWhole(path: string): Promise<Buffer> {
  return (await readIfThere(path)) ?? fault("FILE_UNFIT", path, "there is no such file");
}

/** The bytes of a secret file, or null when there is none. Fails: KEY_MODE when group or others may do anything with it, or it
 *  is not a plain file of ours. */
export async function readSecret(path: string): Promise<Buffer | null> {
  const found = await lstat(path).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return null;
    fault("FILE_UNFIT", path, `it cannot be read: ${systemWords(error)}`, error);
  });
  if (found === null) return null;
  if (!found.isFile()) fault("KEY_MODE", path, "it is a link or no plain file");
  if ((found.mode & OTHERS) !== 0) fault("KEY_MODE", path, `its mode is ${(found.mode & 0o777).toString(8)}, not 600`);
  const mine = process.getuid === undefined || found.uid === process.getuid();
  if (!mine) fault("KEY_MODE", path, "it belongs to another user; act as its owner");
  return readIfThere(path);
}

/** A JSON file as an object. Fails: FILE_UNFIT. */
export function parseJson(bytes: Uint8Array, path: string): unknown {
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(bytes)) as unknown;
  } catch (error) {
    fault("FILE_UNFIT", path, "it is not JSON in UTF-8", error);
  }
}
