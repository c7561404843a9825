/** Keys of the demonstration world, made from a name: the same name is the same key in every run and on every machine.
 *
 *  Only for tests. Whoever knows a name knows the key. */
import { createECDH, createHash, createPrivateKey, createPublicKey, type KeyObject, sign } from "node:crypto";
import { ascii, concat, fromHex, type Hash, toHex } from "../../core/src/bytes.ts";
import { keyId, type Scheme } from "../../core/src/keys/id.ts";
import type { Signature } from "../../core/src/signed/object.ts";

/** A key that signs. `seed` are its 32 secret bytes, `id` is what approvals and the rulebook name. */
export type Device = {
  readonly name: string;
  readonly scheme: Scheme;
  readonly seed: Uint8Array;
  readonly publicKey: Uint8Array;
  readonly id: Hash;
  /** One signature over a challenge of 32 bytes. */
  sign(challenge: Uint8Array): Signature;
};

/** Where the passkeys of the demonstration world live. */
export const ORIGIN = "http://localhost:7070";
export const RP_ID_HASH = sha256(ascii("localhost"));

function sha256(bytes: Uint8Array): Uint8Array {
  return new Uint8Array(createHash("sha256").update(bytes).digest());
}

/** An Ed25519 key. */
export function device(name: string): Device {
  const seed = sha256(ascii(`strongroom demonstration key ${name}`));
  const secret = ed25519Secret(seed);
  const publicKey = new Uint8Array(createPublicKey(secret).export({ format: "der", type: "spki" }).subarray(-32));
  const id = keyId("ed25519", publicKey);
  return {
    name,
    scheme: "ed25519",
    seed,
    publicKey,
    id,
    sign: (challenge) => ({ key: id, signature: new Uint8Array(sign(null, challenge, secret)) }),
  };
}

/** Node's key object of 32 secret bytes. Source: RFC 8410, section 7. */
function ed25519Secret(seed: Uint8Array): KeyObject {
  const der = concat(fromHex("302e020100300506032b657004220420"), seed);
  return createPrivateKey({ key: Buffer.from(der), format: "der", type: "pkcs8" });
}

/** A passkey (WebAuthn, ES256). Its public key is fixed by its name; its signatures differ from call to call. */
export function passkey(name: string): Device {
  const seed = sha256(ascii(`strongroom demonstration passkey ${name}`));
  const pair = createECDH("prime256v1");
  pair.setPrivateKey(seed);
  const publicKey = new Uint8Array(pair.getPublicKey(null, "compressed"));
  const point = pair.getPublicKey(null, "uncompressed");
  const url = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64url");
  const secret = createPrivateKey({
    key: { kty: "EC", crv: "P-256", d: url(seed), x: url(point.subarray(1, 33)), y: url(point.subarray(33)) },
    format: "jwk",
  });
  const id = keyId("webauthn-es256", publicKey);
  const authenticatorData = concat(RP_ID_HASH, Uint8Array.of(0x05, 0, 0, 0, 0));
  const answer = (challenge: Uint8Array): Signature => {
    const words = `{"type":"webauthn.get","challenge":"${url(challenge)}","origin":"${ORIGIN}","crossOrigin":false}`;
    const clientData = ascii(words);
    const signature = sign("sha256", concat(authenticatorData, sha256(clientData)), secret);
    return { key: id, signature: new Uint8Array(signature), clientData, authenticatorData };
  };
  return { name, scheme: "webauthn-es256", seed, publicKey, id, sign: answer };
}

/** A hash that stands for nothing, made from a name. */
export function someHash(name: string): Hash {
  return toHex(sha256(ascii(name))) as Hash;
}
