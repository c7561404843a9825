/** What signs on this device, and the envelopes that it signs. The key itself may be anywhere: in a file, in a token, behind a
 *  passkey. Ed25519 keys and passkeys hold no value; value moves only by keys that never leave the vault. */
import { ed25519 } from "@noble/curves/ed25519.js";
import type { Hash } from "@strongroom/core/bytes";
import { keyId, type Scheme } from "@strongroom/core/keys/id";
import { challengeOf, encode, type Kind, type Signature, Signed } from "@strongroom/core/signed/object";

/** What a key answers to a challenge: Ed25519 gives R ‖ S, 64 bytes; a passkey its assertion, with the signature as DER. */
export type Proof = Uint8Array | Omit<Signature, "key">;

export type Signer = {
  /** For people. */
  readonly name: string;
  readonly id: Hash;
  /** Ed25519: 32 bytes; ES256 of a passkey: the compressed point, 33 bytes. */
  readonly publicKey: Uint8Array;
  /** Signs 32 bytes. */
  sign(challenge: Uint8Array): Proof | Promise<Proof>;
};

/** A signer around a key that is elsewhere. Fails: BAD_VALUE for a public key of another size. */
export function openSigner({ scheme = "ed25519", ...rest }: Omit<Signer, "id"> & { readonly scheme?: Scheme }): Signer {
  return { ...rest, id: keyId(scheme, rest.publicKey) };
}

/** A signer whose Ed25519 secret (32 bytes) is in memory: not constant-time, for tests and for what holds nothing of worth. */
export function openSecret(name: string, secret: Uint8Array): Signer {
  return openSigner({ name, publicKey: ed25519.getPublicKey(secret), sign: (challenge) => ed25519.sign(challenge, secret) });
}

/** The envelope of an object that these keys sign. Fails: the codes of `encode`. */
export async function signObject(kind: Kind<unknown>, body: Uint8Array, signers: readonly Signer[]): Promise<Uint8Array> {
  const challenge = challengeOf(kind, body);
  const signatures: Signature[] = [];
  for (const signer of signers) {
    const proof = await signer.sign(challenge);
    signatures.push({ ...(proof instanceof Uint8Array ? { signature: proof } : proof), key: signer.id });
  }
  return encode(Signed, { body, signatures });
}
