/** Whether stored bytes are what somebody signed. The server is not trusted to decide; it checks so that an edited database is
 *  found and nobody is shown what would not hold on his own device.
 *
 *  The rule for Ed25519 is core's; only the equation runs in node:crypto, which is sixty times faster. */
import { createHash, createPublicKey, type KeyObject, verify } from "node:crypto";
import { fromHex, type Hash, toHex } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { isAcceptedKey, isAcceptedSignature } from "@strongroom/core/keys/ed25519";
import { keyId } from "@strongroom/core/keys/id";
import { checkAssertion } from "@strongroom/core/keys/webauthn";
import type { Book } from "@strongroom/core/rulebook/book";
import { challengeOf, decode, type Kind, Signed } from "@strongroom/core/signed/object";
import type { Key } from "@strongroom/core/signed/rulebook";
import { limits } from "../host/limits.ts";

/** Header of SubjectPublicKeyInfo.   Source: RFC 8410, section 4. */
const ED25519_SPKI = fromHex("302a300506032b6570032100");
const ready = new Map<string, KeyObject | null>();

function keyOf(publicKey: Uint8Array): KeyObject | null {
  const name = toHex(publicKey);
  const known = ready.get(name);
  if (known !== undefined) return known;
  const der = Buffer.concat([ED25519_SPKI, publicKey]);
  const key = isAcceptedKey(publicKey) ? createPublicKey({ key: der, format: "der", type: "spki" }) : null;
  if (ready.size >= limits.keysReady) ready.clear();
  ready.set(name, key);
  return key;
}

/** Ed25519 over `message` by the rule of `core/src/keys/ed25519.ts`. */
export function isSigned(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  const key = keyOf(publicKey);
  return key !== null && isAcceptedSignature(signature) && verify(null, message, key, signature);
}

/** What names signed bytes as a whole, signatures included. */
export const digestOf = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

/** The object in an envelope that carries exactly one signature, plain Ed25519 by one of `keys`; null when it does not hold. */
export function openSigned<T>(kind: Kind<T>, envelope: Uint8Array, keys: readonly Uint8Array[]): T | null {
  const opened = attempt(() => decode(Signed, envelope));
  if (!opened.ok) return null;
  const { body, signatures } = opened.value;
  const [signature] = signatures;
  const publicKey = keys.find((key) => signature?.key === keyId("ed25519", key));
  const fits = signatures.length === 1 && signature?.clientData === undefined;
  if (!fits || signature === undefined || publicKey === undefined) return null;
  if (!isSigned(publicKey, challengeOf(kind as Kind<unknown>, body), signature.signature)) return null;
  const object = attempt(() => decode(kind, body));
  return object.ok ? object.value : null;
}

/** As `openSigned` for a person's key of the rulebook, which may be a passkey. */
export function openByPerson<T>(
  kind: Kind<T>,
  envelope: Uint8Array,
  book: Pick<Book, "holders">,
): { readonly object: T; readonly person: string; readonly key: Hash } | null {
  const opened = attempt(() => decode(Signed, envelope));
  const [signature, ...more] = opened.ok ? opened.value.signatures : [];
  const holder = signature === undefined ? undefined : book.holders.get(signature.key);
  if (!opened.ok || signature === undefined || more.length > 0 || holder === undefined) return null;
  const { body } = opened.value;
  const challenge = challengeOf(kind as Kind<unknown>, body);
  if (!isKnownGood(holder.key, challenge, signature)) return null;
  const object = attempt(() => decode(kind, body));
  return object.ok ? { object: object.value, person: holder.person, key: holder.id } : null;
}

/** Names of signatures that hold. A page shows 50 approvals and more, most of them not for the first time, and whether a
 *  signature holds never changes. */
const good = new Set<string>();

function isKnownGood(key: Key, challenge: Uint8Array, signature: Signed["signatures"][number]): boolean {
  const name = nameOf(key, challenge, signature);
  if (good.has(name)) return true;
  if (!holds(key, challenge, signature)) return false;
  if (good.size >= limits.signaturesKnown) good.clear();
  good.add(name);
  return true;
}

/** One name for all that the check of a signature reads. */
function nameOf(key: Key, challenge: Uint8Array, { signature, clientData, authenticatorData }: Signed["signatures"][number]) {
  const { scheme, publicKey, rpIdHash, origin, synced } = key;
  const parts = [publicKey, challenge, signature, clientData, authenticatorData];
  const hash = createHash("sha256").update(
    JSON.stringify([scheme, rpIdHash, origin, synced, parts.map((part) => part?.length)]),
  );
  for (const part of parts) if (part !== undefined) hash.update(part);
  return hash.digest("base64");
}

function holds(key: Key, challenge: Uint8Array, signature: Signed["signatures"][number]): boolean {
  const { clientData, authenticatorData } = signature;
  if (key.scheme === "ed25519") {
    return (
      clientData === undefined && authenticatorData === undefined && isSigned(key.publicKey, challenge, signature.signature)
    );
  }
  if (clientData === undefined || authenticatorData === undefined) return false;
  const { publicKey, rpIdHash, origin, synced } = key as Required<Key>;
  const assertion = { challenge: toHex(challenge) as Hash, clientData, authenticatorData, signature: signature.signature };
  return attempt(() => checkAssertion(assertion, { publicKey, rpIdHash, origin, synced })).ok;
}
