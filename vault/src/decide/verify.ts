/** Whether a key made a signature. The rule is core's, pinned; only the equation runs in node:crypto, because it is the
 *  hottest step of a payment. `core/src/keys` holds the same rule in pure code and the tests compare both. */
import { createPublicKey, type KeyObject, verify as nodeVerify } from "node:crypto";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { demand, refuse } from "@strongroom/core/errors";
import { precheckEd25519 } from "@strongroom/core/keys/ed25519";
import { checkAssertion } from "@strongroom/core/keys/webauthn";
import type { Signature } from "@strongroom/core/signed/object";
import type { Key } from "@strongroom/core/signed/rulebook";

/** Headers of SubjectPublicKeyInfo: RFC 8410 §4 for Ed25519, RFC 5480 §2 for a compressed point on P-256. */
const ED25519_SPKI = Buffer.from("302a300506032b6570032100", "hex");
const P256_SPKI = Buffer.from("3039301306072a8648ce3d020106082a8648ce3d030107032200", "hex");

/** Parsed keys, by hex of the public key. Only keys of rulebooks, sources and vaults get here; a full table starts anew. */
const parsed = new Map<string, KeyObject>();
const MAX_PARSED = 16_384;

function keyObject(publicKey: Uint8Array, spki: Buffer): KeyObject {
  const name = toHex(publicKey);
  const known = parsed.get(name);
  if (known !== undefined) return known;
  if (parsed.size >= MAX_PARSED) parsed.clear();
  const key = createPublicKey({ key: Buffer.concat([spki, publicKey]), format: "der", type: "spki" });
  parsed.set(name, key);
  return key;
}

/** Ed25519 over `message` (32 bytes) by the rule of `core/src/keys/ed25519.ts`. */
export function signedByEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  return precheckEd25519(publicKey, signature) && nodeVerify(null, message, keyObject(publicKey, ED25519_SPKI), signature);
}

function signedByP256(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = keyObject(publicKey, P256_SPKI);
  return nodeVerify("sha256", message, { key, dsaEncoding: "ieee-p1363" }, signature);
}

/** Refuses unless `signature` is by the enrolled `key` over `challenge`. Fails: SIGNATURE_INVALID, WEBAUTHN_INVALID. */
export function demandSignature(key: Key, challenge: Uint8Array, signature: Signature): void {
  const { clientData, authenticatorData, signature: bytes } = signature;
  if (key.scheme === "ed25519") {
    const plain = clientData === undefined && authenticatorData === undefined;
    const good = plain && signedByEd25519(key.publicKey, challenge, bytes);
    demand(good, "SIGNATURE_INVALID", "signature", "it does not verify under the enrolled key");
    return;
  }
  const whole = clientData !== undefined && authenticatorData !== undefined;
  if (!whole) refuse("WEBAUTHN_INVALID", "signature", "client data and authenticator data are expected");
  const { rpIdHash, origin, synced } = key as Required<Key>;
  const assertion = { challenge: toHex(challenge) as Hash, clientData, authenticatorData, signature: bytes };
  checkAssertion(assertion, { publicKey: key.publicKey, rpIdHash, origin, synced }, signedByP256);
}
