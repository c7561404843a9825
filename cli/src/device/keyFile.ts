/** Device keys: Ed25519 in an encrypted PKCS#8 file that OpenSSL reads too. Not for keys that hold value: those never leave
 *  the vault.
 *
 *  A stolen file is as strong as its passphrase, so the passphrase goes through scrypt, N = 2^14, r = 8, p = 1 (RFC 7914,
 *  section 7.1), and not through the 2048 rounds of PBKDF2 that node:crypto writes. The rest is AES-256-CBC in PBES2. */
import {
  createCipheriv,
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  scryptSync,
  sign,
} from "node:crypto";
import { readdir } from "node:fs/promises";
import { basename, join } from "node:path";
import { concat, type Hash } from "@strongroom/core/bytes";
import { keyId } from "@strongroom/core/keys/id";
import { fault, systemCode } from "../faults.ts";
import { readIfThere, readSecret, writeWhole } from "./files.ts";
import { passphraseFor } from "./passphrase.ts";

/** A key that can sign. */
export type DeviceKey = {
  readonly name: string;
  readonly id: Hash;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** Ed25519, R ‖ S, 64 bytes. */
  sign(message: Uint8Array): Uint8Array;
};

const NAME = /^[a-z0-9][a-z0-9-]{0,31}$/;
const SCRYPT = { N: 16_384, r: 8, p: 1 };
/** DER of the object identifiers. */
const PBES2 = Buffer.from("06092a864886f70d01050d", "hex");
const SCRYPT_KDF = Buffer.from("06092b06010401da47040b", "hex");
const AES_256_CBC = Buffer.from("060960864801650304012a", "hex");

/** The file of a key: NAME is a file of the folder `keys`, anything that ends in .pem is a path. Fails: USAGE. */
export function keyPath(home: string, name: string): string {
  if (name.endsWith(".pem")) return name;
  if (!NAME.test(name)) fault("USAGE", "key", "a key's name has a-z, 0-9 and hyphens, at most 32");
  return join(home, "keys", `${name}.pem`);
}

/** Makes a key. Fails: KEY_EXISTS, those of `passphraseFor`. */
export async function createKey(home: string, name: string, passphraseFile?: string): Promise<DeviceKey> {
  const path = keyPath(home, name);
  if ((await readIfThere(path)) !== null) fault("KEY_EXISTS", path, "the file is there already");
  const passphrase = await passphraseFor(path, passphraseFile, true);
  const { privateKey } = generateKeyPairSync("ed25519");
  try {
    await writeWhole(path, seal(privateKey, passphrase));
  } finally {
    passphrase.fill(0);
  }
  return deviceKey(basename(path, ".pem"), privateKey);
}

/** Opens a key. Fails: KEY_MISSING, KEY_MODE, KEY_LOCKED, FILE_UNFIT, those of `passphraseFor`. */
export async function openKey(home: string, name: string, passphraseFile?: string): Promise<DeviceKey> {
  const path = keyPath(home, name);
  const pem = (await readSecret(path)) ?? fault("KEY_MISSING", path, await keysThere(home));
  const passphrase = await passphraseFor(path, passphraseFile);
  try {
    return deviceKey(basename(path, ".pem"), unseal(pem, passphrase, path));
  } finally {
    passphrase.fill(0);
  }
}

/** Which keys the folder has. */
async function keysThere(home: string): Promise<string> {
  const files = await readdir(join(home, "keys")).catch((error: unknown) => {
    if (systemCode(error) === "ENOENT") return [];
    throw error;
  });
  const names = files.filter((name) => name.endsWith(".pem")).map((name) => basename(name, ".pem"));
  return names.length === 0 ? "there is no such file" : `there is no such file; there are ${names.sort().join(", ")}`;
}

function deviceKey(name: string, privateKey: KeyObject): DeviceKey {
  const { x } = createPublicKey(privateKey).export({ format: "jwk" });
  const publicKey = new Uint8Array(Buffer.from(x as string, "base64url"));
  return {
    name,
    id: keyId("ed25519", publicKey),
    publicKey,
    sign: (message) => new Uint8Array(sign(null, message, privateKey)),
  };
}

function unseal(pem: Buffer, passphrase: Buffer, path: string): KeyObject {
  if (!pem.includes("-----BEGIN ENCRYPTED PRIVATE KEY-----")) fault("FILE_UNFIT", path, "an encrypted PKCS#8 file is expected");
  const key = decrypt(pem, passphrase, path);
  if (key.asymmetricKeyType !== "ed25519") fault("FILE_UNFIT", path, "an Ed25519 key is expected");
  return key;
}

function decrypt(pem: Buffer, passphrase: Buffer, path: string): KeyObject {
  try {
    return createPrivateKey({ key: pem, format: "pem", passphrase });
  } catch (error) {
    fault("KEY_LOCKED", path, "the passphrase is wrong or the file is damaged", error);
  }
}

/** EncryptedPrivateKeyInfo as PEM.   Source: RFC 5958, section 3; RFC 8018, appendix A.4; RFC 7914, section 7.1. */
function seal(privateKey: KeyObject, passphrase: Buffer): string {
  const plain = privateKey.export({ format: "der", type: "pkcs8" });
  const salt = randomBytes(16);
  const iv = randomBytes(16);
  const key = scryptSync(passphrase, salt, 32, SCRYPT);
  const cipher = createCipheriv("aes-256-cbc", key, iv);
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  key.fill(0);
  plain.fill(0);
  const numbers = [SCRYPT.N, SCRYPT.r, SCRYPT.p].map(integer);
  const kdf = sequence(SCRYPT_KDF, sequence(octets(salt), ...numbers));
  const scheme = sequence(AES_256_CBC, octets(iv));
  const whole = sequence(sequence(PBES2, sequence(kdf, scheme)), octets(sealed));
  const lines = Buffer.from(whole).toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN ENCRYPTED PRIVATE KEY-----\n${lines}\n-----END ENCRYPTED PRIVATE KEY-----\n`;
}

/** DER; every length here is below 256. */
function der(tag: number, content: Uint8Array): Uint8Array {
  const size = content.length < 128 ? [content.length] : [0x81, content.length];
  return concat(Uint8Array.of(tag, ...size), content);
}
const sequence = (...parts: Uint8Array[]) => der(0x30, concat(...parts));
const octets = (bytes: Uint8Array) => der(0x04, bytes);

/** A positive integer; a leading zero keeps it positive. */
function integer(value: number): Uint8Array {
  const digits = value.toString(16);
  const bytes = Buffer.from(digits.length % 2 === 0 ? digits : `0${digits}`, "hex");
  return der(0x02, (bytes[0] ?? 0) >= 0x80 ? concat(Uint8Array.of(0), bytes) : bytes);
}
