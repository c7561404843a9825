/** The software keystore: opened by a passphrase, it derives account keys and signs transactions, and nothing else.
 *
 *  Secrets live in buffers that are cleared when they are no longer needed and at `close`; JavaScript shortens their exposure
 *  but cannot prove their erasure. What this key tree signs is a transaction of its chain: the bytes are read as one before
 *  the digest is made, so neither a raw digest nor a message is ever signed. */
import {
  createPrivateKey,
  createPublicKey,
  hash,
  type KeyObject,
  pbkdf2Sync,
  randomBytes,
  sign as signBytes,
} from "node:crypto";
import { setImmediate as turn } from "node:timers/promises";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { wordlist } from "@scure/bip39/wordlists/english.js";
import { parseCheckpoint } from "@strongroom/core/audit/note";
import { ascii, type Hash, toHex } from "@strongroom/core/bytes";
import { chainOf } from "@strongroom/core/chain/table";
import { attempt } from "@strongroom/core/errors";
import { derivePrivateKey, derivePublicNode } from "@strongroom/core/keys/hd";
import { keyId } from "@strongroom/core/keys/id";
import type { AccountKey, Job, KeySpec, SigningPart } from "../../types.ts";
import type { Files } from "../disk.ts";
import { Fault } from "../fault.ts";
import type { Owner } from "../journal/seal.ts";
import { limits } from "../limits.ts";
import { KeyFaultError } from "./fault.ts";
import { clearSecrets, openKeystoreFile, type Secrets, type Work, writeKeystore } from "./file.ts";

/** Every backend of keys: this one, an HSM, threshold signing. Fails: `KeyFaultError`. */
export interface Keystore {
  /** The public half of an account key. The same spec gives the same key. */
  create(spec: KeySpec): Promise<AccountKey>;
  /** 65 bytes per part: r ‖ s ‖ recovery id, s in the lower half. The same job gives the same bytes. */
  sign(job: Job, abort: AbortSignal): Promise<Uint8Array[]>;
}

/** The vault's own Ed25519 key, which signs every answer.
 *
 *  It signs two things that can never stand for one another: challenges, which are the tagged hashes of objects and have
 *  exactly 32 bytes, and texts of checkpoints, which have more and begin with the log's name. Nothing else is signed. */
export type Identity = {
  readonly id: Hash;
  /** 32 bytes. */
  readonly publicKey: Uint8Array;
  /** 64 bytes, R ‖ S, over a challenge. Fails: BUG for anything but 32 bytes. */
  sign(challenge: Uint8Array): Uint8Array;
  /** The same over a checkpoint's text. Fails: MALFORMED for anything but exactly one. */
  signCheckpoint(text: string): Uint8Array;
};

export type SoftwareKeystore = Keystore & {
  readonly kind: "software";
  readonly work: Work;
  readonly identity: Identity;
  /** Name and key of the journal that belongs to this keystore; the key is cleared with the rest. */
  readonly owner: Owner;
  /** Clears every secret; calls that follow fail with KEY_CLOSED. */
  close(): void;
};

const CHALLENGE_BYTES = 32;
const ACCOUNT = /^m\/44'\/60'\/(0|[1-9][0-9]{0,9})'$/;
const ADDRESS = /^(m\/44'\/60'\/(?:0|[1-9][0-9]{0,9})')\/0\/(0|[1-9][0-9]{0,9})$/;
/** PKCS#8 of an Ed25519 private key up to its 32 bytes. Source: RFC 8410, section 7. */
const PKCS8 = Buffer.from("302e020100300506032b657004220420", "hex");

/** Makes a keystore with fresh secrets; its key tree is that of `entropy` where that is given. Fails: DATA_EXISTS,
 *  PASSPHRASE. */
export async function createKeystore(
  path: string,
  passphrase: Buffer,
  options: { work?: Work; files?: Files; entropy?: Buffer } = {},
): Promise<void> {
  const entropy = Buffer.from(options.entropy ?? randomBytes(32));
  const secrets: Secrets = { entropy, identitySeed: randomBytes(32), journalKey: randomBytes(32) };
  try {
    const { publicKey } = identityOf(secrets.identitySeed);
    const names = { journal: toHex(randomBytes(32)) as Hash, identityKey: Buffer.from(publicKey) };
    const content = { secrets, names, passphrase, ...(options.work === undefined ? {} : { work: options.work }) };
    await writeKeystore(path, content, options.files);
  } finally {
    clearSecrets(secrets);
  }
}

/** Opens a keystore. The caller clears the passphrase. Fails: as `openKeystoreFile`. */
export async function openKeystore(path: string, passphrase: Buffer, files?: Files): Promise<SoftwareKeystore> {
  const { secrets, names, work } = await openKeystoreFile(path, passphrase, files);
  const seed = seedOfEntropy(secrets.entropy);
  secrets.entropy.fill(0);
  const identity = identityOf(secrets.identitySeed);
  secrets.identitySeed.fill(0);
  const children = new Map<string, Uint8Array>();
  let open = true;
  const demandOpen = () => {
    if (!open) throw new KeyFaultError("KEY_CLOSED");
  };

  function childKey(path: string): Uint8Array {
    const known = children.get(path);
    const key = known ?? derivePrivateKey(seed, path);
    children.delete(path);
    children.set(path, key);
    const [oldest] = children;
    if (children.size > limits.childKeys && oldest !== undefined) {
      oldest[1].fill(0);
      children.delete(oldest[0]);
    }
    return key;
  }

  return {
    kind: "software",
    work,
    identity,
    owner: { journal: names.journal, identity: identity.id, key: secrets.journalKey },
    async create(spec) {
      demandOpen();
      if (spec.scheme !== "secp256k1") throw new KeyFaultError("KEY_SCHEME");
      if (!isIndex(ACCOUNT.exec(spec.path)?.[1])) throw new KeyFaultError("KEY_UNKNOWN");
      const { publicKey, chainCode } = derivePublicNode(seed, spec.path);
      return { publicKey: toHex(publicKey), chainCode: toHex(chainCode) };
    },
    async sign(job, abort) {
      if (job.parts.length > limits.jobParts) throw new KeyFaultError("KEY_LIMIT");
      const signatures: Uint8Array[] = [];
      for (const part of job.parts) {
        // One signature takes about a millisecond of computing; whatever else waits gets its turn in between.
        await turn();
        if (abort.aborted) throw new KeyFaultError("KEY_ABORTED");
        demandOpen();
        signatures.push(signPart(part, childKey));
      }
      return signatures;
    },
    close() {
      open = false;
      clearSecrets(secrets);
      seed.fill(0);
      for (const key of children.values()) key.fill(0);
      children.clear();
    },
  };
}

function signPart(part: SigningPart, childKey: (path: string) => Uint8Array): Uint8Array {
  if (part.scheme !== "secp256k1" || part.family !== "evm") throw new KeyFaultError("KEY_SCHEME");
  const [, account, index] = ADDRESS.exec(part.path) ?? [];
  if (!isIndex(ACCOUNT.exec(account ?? "")?.[1]) || !isIndex(index)) throw new KeyFaultError("KEY_UNKNOWN");
  const chain = chainOf(part.family);
  if (part.bytes[0] !== 2 || !attempt(() => chain.read(part.bytes)).ok) throw new KeyFaultError("KEY_PURPOSE");
  const options = { prehash: false, lowS: true, format: "recovered" } as const;
  const [recovery = 0, ...scalars] = secp256k1.sign(chain.digest(part.bytes), childKey(part.path), options);
  return Uint8Array.of(...scalars, recovery);
}

function isIndex(text: string | undefined): boolean {
  return text !== undefined && Number(text) <= limits.accountIndex;
}

/** The vault's identity. The seed is copied into node:crypto; the caller clears it. */
function identityOf(seed: Uint8Array): Identity {
  const der = Buffer.concat([PKCS8, seed]);
  const privateKey: KeyObject = createPrivateKey({ key: der, format: "der", type: "pkcs8" });
  der.fill(0);
  const publicKey = createPublicKey(privateKey).export({ format: "der", type: "spki" }).subarray(-32);
  return {
    id: keyId("ed25519", publicKey),
    publicKey,
    sign(challenge) {
      if (challenge.length !== CHALLENGE_BYTES) throw new Fault("BUG", "Something was to be signed that is no challenge.");
      return signBytes(null, challenge, privateKey);
    },
    signCheckpoint(text) {
      parseCheckpoint(text);
      return signBytes(null, ascii(text), privateKey);
    },
  };
}

/** The seed of a key tree, by way of its words but without making a text of them. 32 bytes to 64 bytes, no passphrase.
 *  Source: BIP-39, "Generating the mnemonic" and "From mnemonic to seed". */
export function seedOfEntropy(entropy: Uint8Array): Buffer {
  const bits = Buffer.concat([entropy, hash("sha256", entropy, "buffer").subarray(0, entropy.length / 32)]);
  const words = Buffer.alloc(1024);
  let size = 0;
  for (let at = 0; at + 11 <= bits.length * 8; at += 11) {
    if (size > 0) size += words.write(" ", size, "latin1");
    size += words.write(wordlist[bitsAt(bits, at)] ?? "", size, "latin1");
  }
  const seed = pbkdf2Sync(words.subarray(0, size), "mnemonic", 2048, 64, "sha512");
  words.fill(0);
  bits.fill(0);
  return seed;
}

/** Eleven bits as a number, from bit `at` on. */
function bitsAt(bytes: Buffer, at: number): number {
  const from = at >> 3;
  const three = ((bytes[from] ?? 0) << 16) | ((bytes[from + 1] ?? 0) << 8) | (bytes[from + 2] ?? 0);
  return (three >> (13 - (at & 7))) & 0x7ff;
}
