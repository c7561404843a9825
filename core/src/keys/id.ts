/** The id of a verification key of a person, a source or a vault. Not for account keys: those are named by their address. */
import { concat, type Hash, hash } from "../bytes.ts";
import { demand } from "../errors.ts";

const SCHEMES = {
  ed25519: { number: 1, size: 32 },
  "webauthn-es256": { number: 2, size: 33 },
} as const;

/** How a key signs: Ed25519 over the hash itself, or a WebAuthn assertion with the hash as challenge. */
export type Scheme = keyof typeof SCHEMES;

/** H("strongroom/key/1", u8 scheme ‖ public key); scheme 1 is ed25519 (32 bytes), 2 is webauthn-es256 (33 bytes).
 *  Whether the bytes are an acceptable key is checked where a key is enrolled. Fails: BAD_VALUE for another size. */
export function keyId(scheme: Scheme, publicKey: Uint8Array): Hash {
  const { number, size } = SCHEMES[scheme];
  demand(publicKey.length === size, "BAD_VALUE", "publicKey", `${size} bytes are expected`);
  return hash("strongroom/key/1", concat(Uint8Array.of(number), publicKey));
}
