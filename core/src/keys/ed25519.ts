/** Ed25519 verification by one pinned rule, so that every part of the product gives the same verdict on every edge case.
 *
 *  The rule is RFC 8032, section 5.1.7, without the cofactor and with comparison of bytes: S below L; A canonical (y below p,
 *  no negative zero) and on the curve; neither A nor R of small order; and R equals the encoding of S·B − k·A, which makes R
 *  canonical. node:crypto's own equation gives the same verdict once `precheckEd25519` holds; without it, its verdict depends
 *  on the version of Node. Only for verification: nothing secret. */
import { FpIsSquare } from "@noble/curves/abstract/modular.js";
import { ed25519 } from "@noble/curves/ed25519.js";
import { sha512 } from "@noble/hashes/sha2.js";
import { concat, equal, toHex } from "../bytes.ts";

const { Point } = ed25519;
const { Fp, Fn } = Point;
const D = Point.CURVE().d;

/** The canonical encodings of the eight points whose order divides the cofactor 8.   Source: RFC 8032, section 5.1. */
const SMALL_ORDER: ReadonlySet<string> = new Set([
  `01${"00".repeat(31)}`,
  `ec${"ff".repeat(30)}7f`,
  "00".repeat(32),
  `${"00".repeat(31)}80`,
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
  "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
  "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa",
]);

/** L, the order of the base point, little-endian.   Source: RFC 8032, section 5.1. */
const ORDER = Uint8Array.from({ length: 32 }, (_, at) => Number((Fn.ORDER >> BigInt(8 * at)) & 255n));

/** Whether `publicKey` may be enrolled: 32 bytes, canonical, on the curve, not of small order. */
export function isAcceptedKey(publicKey: Uint8Array): boolean {
  if (publicKey.length !== 32 || SMALL_ORDER.has(toHex(publicKey))) return false;
  const encoded = littleEndian(publicKey);
  const isNegative = encoded >= 2n ** 255n;
  const y = isNegative ? encoded - 2n ** 255n : encoded;
  if (y >= Fp.ORDER) return false;
  const square = Fp.sqr(y);
  const u = Fp.sub(square, Fp.ONE);
  const v = Fp.add(Fp.mul(D, square), Fp.ONE);
  // x² = u / v has a root exactly when u·v has one; u = 0 is a negative zero here
  return u !== 0n && FpIsSquare(Fp, Fp.mul(u, v));
}

/** What the rule demands of a signature alone: 64 bytes, S below L, R not of small order. Cheap, for keys that were accepted
 *  when they were enrolled. */
export function isAcceptedSignature(signature: Uint8Array): boolean {
  if (signature.length !== 64 || SMALL_ORDER.has(toHex(signature.subarray(0, 32)))) return false;
  for (let at = 31; at >= 0; at--) {
    const difference = (signature[32 + at] as number) - (ORDER[at] as number);
    if (difference !== 0) return difference < 0;
  }
  return false;
}

/** Everything of the rule but the equation: an accepted signature under an accepted key. */
export function precheckEd25519(publicKey: Uint8Array, signature: Uint8Array): boolean {
  return isAcceptedSignature(signature) && isAcceptedKey(publicKey);
}

/** Whether `signature` (R ‖ S, 64 bytes) over `message` verifies under `publicKey` (32 bytes) by the pinned rule. */
export function verifyEd25519(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!precheckEd25519(publicKey, signature)) return false;
  const commitment = signature.subarray(0, 32);
  const k = Fn.create(littleEndian(sha512(concat(commitment, publicKey, message))));
  const s = littleEndian(signature.subarray(32));
  const expected = Point.BASE.multiplyUnsafe(s).subtract(Point.fromBytes(publicKey).multiplyUnsafe(k));
  return equal(expected.toBytes(), commitment);
}

function littleEndian(bytes: Uint8Array): bigint {
  return bytes.reduceRight((value, byte) => value * 256n + BigInt(byte), 0n);
}
