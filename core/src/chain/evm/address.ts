/** EVM addresses as text: from a public key, and checked.
 *
 *  The reader (`read.ts`) does not use this file; it has its own checksum. */
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { ascii, fromHex, toHex } from "../../bytes.ts";
import { demand } from "../../errors.ts";
import { isPublicKey } from "../../keys/secp256k1.ts";

const SHAPE = /^0x[0-9a-fA-F]{40}$/;
const ZERO = "0".repeat(40);

/** Address text of a compressed secp256k1 key: the last 20 bytes of keccak-256 over x ‖ y, as EIP-55 text.
 *  Fails: BAD_VALUE unless `publicKey` is a point of 33 bytes.   Source: Yellow Paper, appendix F. */
export function addressOf(publicKey: Uint8Array): string {
  demand(isPublicKey(publicKey), "BAD_VALUE", "publicKey", "a compressed secp256k1 point of 33 bytes is expected");
  return addressOfPoint(secp256k1.Point.fromBytes(publicKey).toBytes(false));
}

/** The same of an uncompressed point (04 ‖ x ‖ y, 65 bytes) that is known to be one. */
export function addressOfPoint(point: Uint8Array): string {
  return checksum(toHex(keccak_256(point.subarray(1)).subarray(12)));
}

/** The text itself, when it is 0x, 40 digits in exactly the case of EIP-55, and not the zero address.
 *  Fails: ADDRESS_INVALID.   Source: EIP-55, "Specification". */
export function parseAddress(text: string, field: string): string {
  demand(SHAPE.test(text), "ADDRESS_INVALID", field, "0x and 40 hex digits are expected");
  const digits = text.slice(2).toLowerCase();
  demand(digits !== ZERO, "ADDRESS_INVALID", field, "the zero address can never be paid");
  demand(checksum(digits) === text, "ADDRESS_INVALID", field, "the mixed-case checksum does not match");
  return text;
}

/** The 20 bytes of an address text. Fails: ADDRESS_INVALID as `parseAddress`. */
export function addressBytes(text: string, field: string): Uint8Array {
  return fromHex(parseAddress(text, field).slice(2).toLowerCase(), field);
}

/** Texts of the addresses that came last: most payments are between a few. A full table starts anew. */
const texts = new Map<string, string>();
const TEXTS_MAX = 1024;

/** EIP-55 text of 40 hex digits in lower case. */
export function checksum(digits: string): string {
  const known = texts.get(digits);
  if (known !== undefined) return known;
  const pattern = toHex(keccak_256(ascii(digits)));
  const cased = Array.from(digits, (digit, at) => (pattern.charAt(at) >= "8" ? digit.toUpperCase() : digit));
  const text = `0x${cased.join("")}`;
  if (texts.size >= TEXTS_MAX) texts.clear();
  texts.set(digits, text);
  return text;
}
