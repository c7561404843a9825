/** Whether a key made a signature. The rule is core's, pinned; only the equation runs in node:crypto, because it is the
 *  hottest step of a payment. `core/src/keys` holds the same rule in pure code and the tests compare both. */
import { createPublicKey, type KeyObject, verify as nodeVerify } from "node:crypto";
import { concat, fromHex, type Hash, toHex } from "@strongroom/core/bytes";
import { demand, refuse } from "@strongroom/core/errors";
import { isAcceptedKey, isAcceptedSignature } from "@strongroom/core/keys/ed25519";
import { checkAssertion } from "@strongroom/core/keys/webauthn";
import type { Signature } from "@strongroom/core/signed/object";
import type { Key } from "@strongroom/core/signed/rulebook";

/** Headers of SubjectPublicKeyInfo: RFC 8410 §4 for Ed25519, RFC 5480 §2 for a compressed point on P-256. */
const ED25519_SPKI = fromHex("302a300506032b6570032100");
const P256_SPKI = fromHex("3039301306072a8648ce3d020106082a8648ce3d030107032200");

/** Keys that are ready for use, by their bytes in the rulebook in force; null for a key that the rule does not accept. */
const ready = new WeakMap<Uint8Array, KeyObject | null>();

function readyKey(publicKey: Uint8Array, prepare: (publicKey: Uint8Array) => KeyObject | null): KeyObject | null {
  const known = ready.get(publicKey);
  if (known !== undefined) return known;
  const key = prepare(publicKey);
  ready.set(publicKey, key);
  return key;
}

/** node:crypto takes any byte array here; its declaration names only one kind. */
type DerKey = Parameters<typeof createPublicKey>[0];

function keyOf(spki: Uint8Array, publicKey: Uint8Array): KeyObject {
  const der: object = { key: concat(spki, publicKey), format: "der", type: "spki" };
  return createPublicKey(der as DerKey);
}

function ed25519Key(publicKey: Uint8Array): KeyObject | null {
  return isAcceptedKey(publicKey) ? keyOf(ED25519_SPKI, publicKey) : null;
}

/** Ed25519 over `message` by the rule of `core/src/keys/ed25519.ts`. */
export function signedByEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = readyKey(publicKey, ed25519Key);
  return key !== null && isAcceptedSignature(signature) && nodeVerify(null, message, key, signature);
}

/** ES256 for `checkAssertion`, which has checked key and signature before. `signature` is r ‖ s, 64 bytes. */
export function signedByP256(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = readyKey(publicKey, (bytes) => keyOf(P256_SPKI, bytes));
  return key !== null && nodeVerify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
}

/** Whether a signature is plain Ed25519, without the parts of a passkey's answer, by `publicKey` over `challenge`. */
export function isPlainlySigned(publicKey: Uint8Array, challenge: Uint8Array, signature: Signature): boolean {
  const { clientData, authenticatorData, signature: bytes } = signature;
  const plain = clientData === undefined && authenticatorData === undefined;
  return plain && signedByEd25519(publicKey, challenge, bytes);
}

/** Refuses unless `signature` is by the enrolled `key` over `challenge`. Fails: SIGNATURE_INVALID, WEBAUTHN_INVALID. */
export function demandSignature(key: Key, challenge: Uint8Array, signature: Signature): void {
  if (key.scheme === "ed25519") {
    const good = isPlainlySigned(key.publicKey, challenge, signature);
    demand(good, "SIGNATURE_INVALID", "signature", "it does not verify under the enrolled key");
    return;
  }
  const { clientData, authenticatorData, signature: bytes } = signature;
  const whole = clientData !== undefined && authenticatorData !== undefined;
  if (!whole) refuse("WEBAUTHN_INVALID", "signature", "client data and authenticator data are expected");
  const { rpIdHash, origin, synced } = key as Required<Key>;
  const assertion = { challenge: toHex(challenge) as Hash, clientData, authenticatorData, signature: bytes };
  checkAssertion(assertion, { publicKey: key.publicKey, rpIdHash, origin, synced }, signedByP256);
}
