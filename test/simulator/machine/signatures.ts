/** Checks of signatures that are asked once: the same question about the same bytes has one answer, which is kept by key,
 *  message and signature. Every first question goes to the real code, so nothing that holds depends on this table. */
import {
  createECDH,
  createHash,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign as nodeSign,
  verify as nodeVerify,
} from "node:crypto";
import { recoverPublicKey as recover } from "../../../core/src/keys/secp256k1.ts";

const MAX_KNOWN = 200_000;

function kept<T>(known: Map<string, T>, name: string, ask: () => T): T {
  const before = known.get(name);
  if (before !== undefined) return before;
  const answer = ask();
  if (known.size >= MAX_KNOWN) known.clear();
  known.set(name, answer);
  return answer;
}

const text = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString("latin1");

const recovered = new Map<string, { readonly key: Uint8Array | null }>();
export function recoverPublicKey(digest: Uint8Array, signature: Uint8Array): Uint8Array | null {
  return kept(recovered, `${text(digest)} ${text(signature)}`, () => ({ key: recover(digest, signature) })).key;
}

type NodeKey = KeyObject | { readonly key: KeyObject; readonly dsaEncoding: "ieee-p1363" };
const names = new WeakMap<KeyObject, string>();
const verified = new Map<string, boolean>();

/** The bytes of a public key, also that of a secret one. */
function nameOf(key: KeyObject): string {
  const known =
    names.get(key) ??
    (key.type === "public" ? key : createPublicKey(key)).export({ format: "der", type: "spki" }).toString("latin1");
  names.set(key, known);
  return known;
}
const question = (key: KeyObject, message: Uint8Array, signature: Uint8Array) =>
  `${nameOf(key)} ${text(message)} ${text(signature)}`;

/** Stands for that of node:crypto; only plain Ed25519 is remembered. */
export function verify(algorithm: string | null, message: Uint8Array, key: NodeKey, signature: Uint8Array): boolean {
  if (algorithm !== null || "key" in key) return nodeVerify(algorithm, message, key, signature);
  return kept(verified, question(key, message, signature), () => nodeVerify(algorithm, message, key, signature));
}

/** Stands for that of node:crypto where the world's people sign. What was just made with a key verifies under it. */
export function sign(algorithm: null, message: Uint8Array, key: KeyObject): Buffer {
  const signature = nodeSign(algorithm, message, key);
  kept(verified, question(key, message, signature), () => true);
  return signature;
}

export { createECDH, createHash, createPrivateKey, createPublicKey };
