/** Checks of keys and signatures that are asked once: the same question about the same bytes has one answer, which is kept.
 *  Every first question goes to the real code, so nothing that holds depends on what is kept. */
import {
  createECDH,
  createPrivateKey,
  hash as digest,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
  createPublicKey as open,
} from "node:crypto";
import { fromHex } from "../../../core/src/bytes.ts";
import { isAcceptedKey as isAccepted } from "../../../core/src/keys/ed25519.ts";
import { recoverPublicKey as recover } from "../../../core/src/keys/secp256k1.ts";
import { textOf } from "./bytes.ts";
import { Kept, note, noteOf } from "./kept.ts";

const recovered = new Kept<{ readonly key: Uint8Array | null }>();
export function recoverPublicKey(digest: Uint8Array, signature: Uint8Array): Uint8Array | null {
  return recovered.of(textOf(digest) + textOf(signature), () => ({ key: recover(digest, signature) })).key;
}

const accepted = new Kept<boolean>();
export function isAcceptedKey(publicKey: Uint8Array): boolean {
  return accepted.of(textOf(publicKey), () => isAccepted(publicKey));
}

type Der = { readonly key: Uint8Array; readonly format: "der"; readonly type: "spki" };
const opened = new Kept<KeyObject>();
/** Stands for that of node:crypto. */
export function createPublicKey(from: Parameters<typeof open>[0] | Der): KeyObject {
  const isDer = typeof from === "object" && "format" in from && from.format === "der" && from.key instanceof Uint8Array;
  const ask = () => open(from as Parameters<typeof open>[0]);
  return isDer ? opened.of(textOf((from as Der).key), ask) : ask();
}

type NodeKey = KeyObject | { readonly key: KeyObject; readonly dsaEncoding: "ieee-p1363" };
const names = new WeakMap<KeyObject, string>();
const verified = new Kept<boolean>();

/** The bytes of a public key, also that of a secret one. */
function nameOf(key: KeyObject): string {
  const known = names.get(key) ?? textOf((key.type === "public" ? key : open(key)).export({ format: "der", type: "spki" }));
  names.set(key, known);
  return known;
}
/** The header of an Ed25519 key.   Source: RFC 8410, section 4. */
const SPKI = textOf(fromHex("302a300506032b6570032100"));
/** Names of keys that seal, see `sealing`. */
const sealers = new Set<string>();
const sealOf = (name: string, message: Uint8Array): Buffer => {
  const seal = digest("sha512", Buffer.concat([Buffer.from(name, "latin1"), message]), "buffer");
  // As in every signature the second half, little-endian, is below the order of the curve.
  seal[63] = (seal[63] as number) & 0x0f;
  return seal;
};

/** Signs for a key that answers all the time: a keyed hash in the place of Ed25519, which verifies for this very key and
 *  message and for nothing else. Everything around the equation is as with a real signature. */
export function sealing(publicKey: Uint8Array): (message: Uint8Array) => Uint8Array {
  const name = SPKI + textOf(publicKey);
  sealers.add(name);
  return (message) => new Uint8Array(sealOf(name, message));
}
function holds(message: Uint8Array, key: KeyObject, signature: Uint8Array): boolean {
  const name = nameOf(key);
  if (sealers.has(name) && sealOf(name, message).equals(signature)) return true;
  return verified.of(question(key, message, signature), () => nodeVerify(null, message, key, signature));
}
const question = (key: KeyObject, message: Uint8Array, signature: Uint8Array) =>
  `${nameOf(key)} ${textOf(message)} ${textOf(signature)}`;

/** What a signature was asked about last, and the answer. `of`: the key. */
type Asked = { readonly of: KeyObject; readonly message: Uint8Array; readonly isGood: boolean };

/** Stands for that of node:crypto; only plain Ed25519 is remembered. */
export function verify(algorithm: string | null, message: Uint8Array, key: NodeKey, signature: Uint8Array): boolean {
  if (algorithm !== null || "key" in key) return nodeVerify(algorithm, message, key, signature);
  const asked = noteOf<Asked>(signature, key);
  if (asked?.message === message) return asked.isGood;
  return note<Asked>(signature, { of: key, message, isGood: holds(message, key, signature) }).isGood;
}

/** Stands for that of node:crypto where the world's people sign. What was just made with a key verifies under it. */
export function sign(algorithm: null, message: Uint8Array, key: KeyObject): Buffer {
  const signature = nodeSign(algorithm, message, key);
  verified.of(question(key, message, signature), () => true);
  return signature;
}

/** Stands for that of node:crypto, for hashes of a few short parts. */
export function createHash(algorithm: string) {
  const parts: Uint8Array[] = [];
  const made = {
    update(part: Uint8Array | string, encoding: BufferEncoding = "utf8") {
      parts.push(typeof part === "string" ? Buffer.from(part, encoding) : part);
      return made;
    },
    digest: (encoding: "hex" | "base64" | "buffer" = "buffer") => digest(algorithm, Buffer.concat(parts), encoding),
  };
  return made;
}

export { createECDH, createPrivateKey };
