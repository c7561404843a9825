/** The questions that are asked about secp256k1: is this a key, is this a signature, and which key made it.
 *
 *  Not for signing and not constant-time: everything here is public. Every function answers with a value and never throws. */
import { FpIsSquare } from "@noble/curves/abstract/modular.js";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { toHex } from "../bytes.ts";

const { Point } = secp256k1;
const { Fp, Fn } = Point;

/** Whether `bytes` are a compressed point: 02 or 03, then a big-endian x below p that lies on the curve.
 *  Source: SEC 1 v2.0, section 2.3.4. */
export function isPublicKey(bytes: Uint8Array): boolean {
  return bytes.length === 33 && (bytes[0] === 2 || bytes[0] === 3) && isAbscissa(number(bytes.subarray(1)));
}

/** Whether `signature` has the one form that is accepted: 65 bytes, r ‖ s ‖ recovery id; r and s in 1..n−1, s at most n/2,
 *  recovery id 0 or 1 (an r that stands for an x of n or more does not occur).   Source: EIP-2, low s. */
export function isSignature(signature: Uint8Array): boolean {
  const r = number(signature.subarray(0, 32));
  const s = number(signature.subarray(32, 64));
  const inRange = r > 0n && r < Fn.ORDER && s > 0n && s <= Fn.ORDER / 2n;
  return signature.length === 65 && inRange && (signature[64] === 0 || signature[64] === 1);
}

/** The public key under which `signature` over `digest` verifies, uncompressed (04 ‖ x ‖ y, 65 bytes), or null.
 *  Digest: 32 bytes. Null also for every signature that `isSignature` does not accept.   Source: SEC 1 v2.0, section 4.1.6. */
export function recoverPublicKey(digest: Uint8Array, signature: Uint8Array): Uint8Array | null {
  if (digest.length !== 32 || !isSignature(signature)) return null;
  const nonce = noncePoint(signature);
  if (nonce === null) return null;
  const s = number(signature.subarray(32, 64));
  const inverse = Fn.inv(number(signature.subarray(0, 32)));
  const base = Point.BASE.multiplyUnsafe(Fn.create(-number(digest) * inverse));
  const key = base.add(nonce.multiplyUnsafe(Fn.create(s * inverse)));
  return key.is0() ? null : key.toBytes(false);
}

/** The point whose x is r; noble says by throwing that the curve has none there. Asking `isAbscissa` first would take as long
 *  as finding y. */
function noncePoint(signature: Uint8Array): InstanceType<typeof Point> | null {
  const compressed = new Uint8Array(33);
  compressed[0] = 2 + (signature[64] as number);
  compressed.set(signature.subarray(0, 32), 1);
  try {
    return Point.fromBytes(compressed);
  } catch {
    return null;
  }
}

function isAbscissa(x: bigint): boolean {
  return x < Fp.ORDER && FpIsSquare(Fp, Fp.add(Fp.mul(Fp.sqr(x), x), 7n));
}

function number(bytes: Uint8Array): bigint {
  return BigInt(`0x0${toHex(bytes)}`);
}
