/** The software keystore's file: three secrets of 32 bytes, sealed under a passphrase.
 *
 *  Layout (big-endian): "strgkeys" 8 ‖ version u32 = 1 ‖ Argon2id memory in KiB u32 ‖ passes u32 ‖ lanes u32 ‖ salt 16 ‖
 *  GCM nonce 12 ‖ journal name 32 ‖ identity public key 32 ‖ sealed: key tree entropy 32, identity seed 32, journal key 32 ‖
 *  tag 16. Everything before the sealed part is its additional data.
 *
 *  Parameters: RFC 9106, section 4, second recommended option (64 MiB, 3 passes, 4 lanes), because the first one's 2 GiB may
 *  be more than a vault's host has free after a crash, and a vault that cannot be opened protects nothing. They are read from
 *  the file, within bounds, so a stronger choice needs no new format. */
import { argon2Sync, createCipheriv, createDecipheriv, randomBytes } from "node:crypto";
import { dirname } from "node:path";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { diskOf, type Files, realFiles } from "../disk.ts";
import { Fault, systemCode } from "../fault.ts";
import { limits } from "../limits.ts";

/** Work of Argon2id. */
export type Work = { readonly memoryKiB: number; readonly passes: number; readonly lanes: number };
export const WORK: Work = { memoryKiB: 64 * 1024, passes: 3, lanes: 4 };

/** Bounds of what a file may demand: below is too weak, above is an attack on memory or patience. */
const WORK_MIN: Work = { memoryKiB: 19 * 1024, passes: 1, lanes: 1 };
const WORK_MAX: Work = { memoryKiB: 4 * 1024 * 1024, passes: 64, lanes: 64 };

/** What is sealed. Whoever holds one clears it with `clearSecrets`. */
export type Secrets = { readonly entropy: Buffer; readonly identitySeed: Buffer; readonly journalKey: Buffer };
/** What stands in the open, authenticated with the rest. */
export type Names = { readonly journal: Hash; readonly identityKey: Buffer };

const MAGIC = Buffer.from("strgkeys", "latin1");
const VERSION = 1;
const NAMES_AT = 52;
const OPEN_BYTES = NAMES_AT + 64;
const FILE_BYTES = OPEN_BYTES + 96 + 16;
const TAG = { authTagLength: 16 };

export function clearSecrets(secrets: Secrets): void {
  for (const secret of [secrets.entropy, secrets.identitySeed, secrets.journalKey]) secret.fill(0);
}

/** Writes a new keystore. `passphrase` and `secrets` stay the caller's. Fails: DATA_EXISTS, PASSPHRASE. */
export async function writeKeystore(
  path: string,
  content: { secrets: Secrets; names: Names; passphrase: Buffer; work?: Work },
  files: Files = realFiles,
): Promise<void> {
  const { secrets, names, passphrase, work = WORK } = content;
  demandPassphrase(passphrase);
  const open = Buffer.alloc(OPEN_BYTES);
  MAGIC.copy(open);
  [VERSION, work.memoryKiB, work.passes, work.lanes].forEach((value, at) => {
    open.writeUInt32BE(value, 8 + at * 4);
  });
  randomBytes(28).copy(open, 24);
  Buffer.from(names.journal, "hex").copy(open, NAMES_AT);
  names.identityKey.copy(open, NAMES_AT + 32);

  const key = stretch(passphrase, work, open.subarray(24, 40));
  const cipher = createCipheriv("aes-256-gcm", key, open.subarray(40, NAMES_AT), TAG);
  key.fill(0);
  cipher.setAAD(open);
  const sealed = [secrets.entropy, secrets.identitySeed, secrets.journalKey].map((secret) => cipher.update(secret));
  cipher.final();
  const place = diskOf(files).place(path, Buffer.concat([open, ...sealed, cipher.getAuthTag()]));
  await place.catch((error: unknown) => {
    if (systemCode(error) === "EEXIST") throw new Fault("DATA_EXISTS", path);
    throw error;
  });
}

/** What the file says of itself without a passphrase; authenticated only once it is opened.
 *  Fails: DATA_MISSING, KEYSTORE_MODE, KEYSTORE_CORRUPT. */
export async function readNames(path: string, files: Files = realFiles): Promise<Names> {
  return namesOf(await readFile(path, files));
}

/** Opens the file. The caller clears the passphrase and the secrets.
 *  Fails: DATA_MISSING, KEYSTORE_MODE, KEYSTORE_CORRUPT, PASSPHRASE, KEYSTORE_LOCKED (wrong passphrase, or a changed file). */
export async function openKeystoreFile(
  path: string,
  passphrase: Buffer,
  files: Files = realFiles,
): Promise<{ secrets: Secrets; names: Names; work: Work }> {
  demandPassphrase(passphrase);
  const bytes = await readFile(path, files);
  const work: Work = { memoryKiB: bytes.readUInt32BE(12), passes: bytes.readUInt32BE(16), lanes: bytes.readUInt32BE(20) };
  for (const part of ["memoryKiB", "passes", "lanes"] as const) {
    if (work[part] < WORK_MIN[part] || work[part] > WORK_MAX[part]) {
      throw new Fault("KEYSTORE_CORRUPT", `The file demands ${work[part]} as ${part}, which is out of bounds.`);
    }
  }
  const key = stretch(passphrase, work, bytes.subarray(24, 40));
  const decipher = createDecipheriv("aes-256-gcm", key, bytes.subarray(40, NAMES_AT), TAG);
  key.fill(0);
  decipher.setAAD(bytes.subarray(0, OPEN_BYTES));
  decipher.setAuthTag(bytes.subarray(OPEN_BYTES + 96));
  const sealed = (at: number) => decipher.update(bytes.subarray(OPEN_BYTES + at, OPEN_BYTES + at + 32));
  const secrets: Secrets = { entropy: sealed(0), identitySeed: sealed(32), journalKey: sealed(64) };
  try {
    decipher.final();
  } catch (error) {
    clearSecrets(secrets);
    throw new Fault("KEYSTORE_LOCKED", "Or the file was changed.", error);
  }
  return { secrets, names: namesOf(bytes), work };
}

function namesOf(bytes: Buffer): Names {
  const journal = toHex(bytes.subarray(NAMES_AT, NAMES_AT + 32)) as Hash;
  return { journal, identityKey: Buffer.from(bytes.subarray(NAMES_AT + 32, OPEN_BYTES)) };
}

/** The file's bytes, when nobody but its owner can read or change it, and its owner is this user. Root opens what belongs to
 *  the owner of the folder, to verify a vault that runs as another user. */
async function readFile(path: string, files: Files): Promise<Buffer> {
  const file = await diskOf(files)
    .readSmall(path, FILE_BYTES)
    .catch((error: unknown) => {
      if (systemCode(error) === "ENOENT") throw new Fault("DATA_MISSING", path);
      if (systemCode(error) === "ELOOP") throw new Fault("KEYSTORE_MODE", "It is a symbolic link.");
      throw error;
    });
  if (file === "other") throw new Fault("KEYSTORE_CORRUPT", "It is not a file of the right size.");
  const user = process.geteuid?.();
  const owner = user === 0 ? (await files.stat(dirname(path))).uid : user;
  if ((file.stat.mode & 0o077) !== 0) throw new Fault("KEYSTORE_MODE", "Its mode is not 0600.");
  if (file.stat.uid !== owner) throw new Fault("KEYSTORE_MODE", `It belongs to user ${file.stat.uid}.`);
  const { bytes } = file;
  const isOurs = bytes.length === FILE_BYTES && bytes.subarray(0, 8).equals(MAGIC) && bytes.readUInt32BE(8) === VERSION;
  if (!isOurs) throw new Fault("KEYSTORE_CORRUPT", "It is not a keystore of version 1.");
  return bytes;
}

function demandPassphrase(passphrase: Buffer): void {
  if (passphrase.length < limits.passphraseBytesMin || passphrase.length > limits.passphraseBytes) {
    throw new Fault("PASSPHRASE", `It has ${limits.passphraseBytesMin} to ${limits.passphraseBytes} bytes.`);
  }
}

function stretch(passphrase: Buffer, work: Work, salt: Buffer): Buffer {
  const { memoryKiB, passes, lanes } = work;
  return argon2Sync("argon2id", {
    message: passphrase,
    nonce: salt,
    memory: memoryKiB,
    passes,
    parallelism: lanes,
    tagLength: 32,
  });
}
