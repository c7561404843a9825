/** Whether a passkey's answer is an assertion over one challenge by one enrolled credential.
 *
 *  The accepted form is one: client data is compared byte for byte, never parsed as JSON, and authenticator data has no
 *  extensions. `examine` checks the structure, `checkAssertion` the signature too. Not for registration. */
import { sha256 } from "@noble/hashes/sha2.js";
import { base64urlnopad } from "@scure/base";
import { ascii, concat, equal, fromHex, type Hash } from "../bytes.ts";
import { demand } from "../errors.ts";
import { isAcceptedP256Key, parseDer, verifyPair } from "./p256.ts";

/** Longest clientDataJSON that is accepted, in bytes. */
export const CLIENT_DATA_MAX = 1024;

/** What came back. `challenge` is what was asked for; the signature is DER. */
export type Assertion = {
  readonly challenge: Hash;
  readonly clientData: Uint8Array;
  readonly authenticatorData: Uint8Array;
  readonly signature: Uint8Array;
};

/** What was enrolled: the compressed P-256 key (33 bytes), SHA-256 of the relying party's id, the origin as browsers write
 *  it, and whether the rulebook lets the passkey be synced between devices. */
export type Credential = {
  readonly publicKey: Uint8Array;
  readonly rpIdHash: Hash;
  readonly origin: string;
  readonly synced: boolean;
};

/** What remains to be verified: ES256 of `signature` (r ‖ s, 64 bytes) over `message`. */
export type Examined = { readonly message: Uint8Array; readonly signature: Uint8Array };

/** Verifies ES256: compressed key, message, r ‖ s. */
export type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

const USER_PRESENT = 0x01;
const USER_VERIFIED = 0x04;
const BACKUP_ELIGIBLE = 0x08;
const BACKED_UP = 0x10;
/** rpIdHash 32, flags 1, counter 4: authenticator data without attested key and extensions. */
const AUTHENTICATOR_DATA_SIZE = 37;

/** Checks everything but the equation of the signature and returns what the equation is over.
 *  Fails: WEBAUTHN_INVALID at clientData, authenticatorData, flags, signature or publicKey.
 *  Source: WebAuthn Level 3, sections 5.8.1.2 (limited verification), 6.1 (authenticator data) and 7.2. */
export function examine(assertion: Assertion, credential: Credential): Examined {
  checkClientData(assertion, credential.origin);
  checkAuthenticatorData(assertion.authenticatorData, credential);
  demand(isAcceptedP256Key(credential.publicKey), "WEBAUTHN_INVALID", "publicKey", "a compressed P-256 point is expected");
  const signature = parseDer(assertion.signature);
  demand(signature !== null, "WEBAUTHN_INVALID", "signature", "strict DER of two integers is expected");
  return { message: concat(assertion.authenticatorData, sha256(assertion.clientData)), signature };
}

/** Refuses unless the assertion is by this credential over this challenge. Fails: WEBAUTHN_INVALID as `examine`.
 *  `verify` lets a faster implementation do the equation; the checks around it stay the same. */
export function checkAssertion(assertion: Assertion, credential: Credential, verify: Verify = verifyPair): void {
  const { message, signature } = examine(assertion, credential);
  const isSigned = verify(credential.publicKey, message, signature);
  demand(isSigned, "WEBAUTHN_INVALID", "signature", "it does not verify under the enrolled key");
}

function checkClientData({ challenge, clientData }: Assertion, origin: string): void {
  demand(clientData.length <= CLIENT_DATA_MAX, "WEBAUTHN_INVALID", "clientData", `at most ${CLIENT_DATA_MAX} bytes are read`);
  demand(/^[!#-[\]-~]+$/.test(origin), "WEBAUTHN_INVALID", "origin", "printable characters without quote, space or backslash");
  const text = base64urlnopad.encode(fromHex(challenge, "challenge"));
  const prefix = ascii(`{"type":"webauthn.get","challenge":"${text}","origin":"${origin}","crossOrigin":false`);
  const isPrefixed = equal(clientData.subarray(0, prefix.length), prefix);
  demand(isPrefixed, "WEBAUTHN_INVALID", "clientData", "type, challenge, origin or crossOrigin is another one");
  const rest = clientData.subarray(prefix.length);
  const isEnd = rest.length === 1 && rest[0] === 0x7d; // }
  demand(isEnd || rest[0] === 0x2c, "WEBAUTHN_INVALID", "clientData", "} at the end or a comma is expected");
}

function checkAuthenticatorData(data: Uint8Array, { rpIdHash, synced }: Credential): void {
  const isSize = data.length === AUTHENTICATOR_DATA_SIZE;
  demand(isSize, "WEBAUTHN_INVALID", "authenticatorData", `${AUTHENTICATOR_DATA_SIZE} bytes are expected`);
  const isOurs = equal(data.subarray(0, 32), fromHex(rpIdHash, "rpIdHash"));
  demand(isOurs, "WEBAUTHN_INVALID", "authenticatorData", "it is for another relying party");
  const backup = Number(data[32]) & (BACKUP_ELIGIBLE | BACKED_UP);
  const others = Number(data[32]) & ~(BACKUP_ELIGIBLE | BACKED_UP);
  demand(others === (USER_PRESENT | USER_VERIFIED), "WEBAUTHN_INVALID", "flags", "UP and UV set, AT, ED and reserved clear");
  demand(backup !== BACKED_UP, "WEBAUTHN_INVALID", "flags", "BS is set without BE");
  demand(backup === 0 || synced, "WEBAUTHN_INVALID", "flags", "a synced passkey is not allowed here");
}
