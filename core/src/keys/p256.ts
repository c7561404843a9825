/** ECDSA on P-256 with SHA-256 ("ES256" of WebAuthn): verification only, with one accepted encoding of key and signature.
 *
 *  Both halves of the curve order are accepted for s, as WebAuthn authenticators make both; so never tell two signatures
 *  apart by their bytes. */
import { FpIsSquare } from "@noble/curves/abstract/modular.js";
import { p256 } from "@noble/curves/nist.js";
import { toHex } from "../bytes.ts";

const { Point } = p256;
const { Fp, Fn } = Point;
const { a, b } = Point.CURVE();

/** Whether `publicKey` is a compressed point: 33 bytes, 02 or 03, x below p and on the curve.
 *  Source: SEC 1 v2.0, section 2.3.4. */
export function isAcceptedP256Key(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 33 || (publicKey[0] !== 2 && publicKey[0] !== 3)) return false;
  const x = number(publicKey.subarray(1));
  return x < Fp.ORDER && FpIsSquare(Fp, Fp.add(Fp.mul(Fp.add(Fp.sqr(x), a), x), b));
}

/** r ‖ s in 64 bytes from a DER signature, or null unless it is the one DER encoding of two integers in 1..n−1:
 *  short-form lengths, no superfluous or missing leading zero, nothing before, between or after.
 *  Source: X.690, sections 8.3 and 10.1; RFC 3279, section 2.2.3. */
export function parseDer(der: Uint8Array): Uint8Array | null {
  if (der.length < 8 || der.length > 72 || der[0] !== 0x30 || der[1] !== der.length - 2) return null;
  const middle = 4 + Number(der[3]);
  const r = scalar(der.subarray(2, middle));
  const s = scalar(der.subarray(middle));
  if (r === null || s === null) return null;
  const pair = new Uint8Array(64);
  pair.set(r, 32 - r.length);
  pair.set(s, 64 - s.length);
  return pair;
}

/** Whether `signature` (r ‖ s, 64 bytes) over `message` verifies under the compressed `publicKey`. */
export function verifyPair(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (signature.length !== 64 || !isAcceptedP256Key(publicKey)) return false;
  if (!isScalar(signature.subarray(0, 32)) || !isScalar(signature.subarray(32))) return false;
  return p256.verify(signature, message, publicKey, { prehash: true, lowS: false, format: "compact" });
}

/** Whether the DER signature over `message` verifies under the compressed `publicKey`.   Source: FIPS 186-5, section 6.4.2. */
export function verifyEs256(publicKey: Uint8Array, message: Uint8Array, der: Uint8Array): boolean {
  const pair = parseDer(der);
  return pair !== null && verifyPair(publicKey, message, pair);
}

/** Magnitude of one DER integer that fills `tlv`, without its sign byte. */
function scalar(tlv: Uint8Array): Uint8Array | null {
  const [tag, size, first, second] = tlv;
  if (tag !== 2 || size === undefined || size === 0 || size !== tlv.length - 2) return null;
  if (first === undefined || first >= 0x80) return null;
  if (first !== 0) return withinOrder(tlv.subarray(2));
  return second !== undefined && second >= 0x80 ? withinOrder(tlv.subarray(3)) : null;
}

function withinOrder(magnitude: Uint8Array): Uint8Array | null {
  return magnitude.length <= 32 && isScalar(magnitude) ? magnitude : null;
}

function isScalar(bytes: Uint8Array): boolean {
  const value = number(bytes);
  return value > 0n && value < Fn.ORDER;
}

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x0${toHex(bytes)}`);
}
