/** The same signatures without Strongroom: what the cryptography of one payment costs by itself, in the libraries that the
 *  product uses, with the hashes of what is signed: SHA-256 of each approval, Keccak-256 of the transaction before and after
 *  it is signed. It is both what is compared with and what is called "cryptography" in the figures; everything that the
 *  product adds around these calls, its stricter checks of keys and signatures and all other hashes included, counts as its
 *  own. */
import { createHash, createPublicKey, generateKeyPairSync, type KeyObject, sign, verify } from "node:crypto";
import { secp256k1 } from "../../core/node_modules/@noble/curves/secp256k1.js";
import { keccak_256 } from "../../core/node_modules/@noble/hashes/sha3.js";
import { derivePrivateKey } from "../../core/src/keys/hd.ts";
import { KEYS } from "../../test/world/world.ts";
import { cpuMs } from "../stats.ts";
import type { Payment } from "./payments.ts";

const SPKI = Buffer.from("302a300506032b6570032100", "hex");

/** As long as the transaction of a payment is, before and after it is signed. */
const UNSIGNED = new Uint8Array(50);
const SIGNED = new Uint8Array(117);

/** Ed25519 verifications of one payment: the initiator and two approvers. */
export const VERIFICATIONS = 3;

function keyObject(publicKey: Uint8Array): KeyObject {
  return createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: "der", type: "spki" });
}

const keys = new Map(Object.values(KEYS).map((key) => [key.id as string, keyObject(key.publicKey)]));

/** All approvals of a payment. Fails the run when one does not verify. */
export function verifyApprovals(payment: Payment): void {
  for (const { key, message, signature } of payment.signatures) {
    const object = keys.get(key);
    const challenge = createHash("sha256").update(message).digest();
    if (object === undefined || !verify(null, challenge, object, signature)) throw new Error("a signature does not verify");
  }
}

/** A key pair on secp256k1 and what a signer does with it: sign a digest, then verify before the signature leaves. */
export function secpPair(secret: Uint8Array) {
  const publicKey = secp256k1.getPublicKey(secret);
  const make = (digest: Uint8Array): Uint8Array => secp256k1.sign(digest, secret, { prehash: false, format: "recovered" });
  const check = (digest: Uint8Array, made: Uint8Array): boolean =>
    secp256k1.verify(made.subarray(1), digest, publicKey, { prehash: false });
  return { make, check };
}

/** The pair of the first address of the first wallet of a key tree. */
export function firstPair(seed: Uint8Array): ReturnType<typeof secpPair> {
  return secpPair(derivePrivateKey(seed, "m/44'/60'/0'/0/0"));
}

const { privateKey: receiptKey } = generateKeyPairSync("ed25519");

/** The signature under an answer. */
export function signReceipt(digest: Uint8Array): Uint8Array {
  return sign(null, digest, receiptKey);
}

/** `together`: approvals, signature and its verification of one payment after another, as a signer does them. The others are
 *  the same kinds of call by themselves, which runs a little faster. */
export type BareTimes = {
  readonly together: number;
  readonly approvals: number;
  readonly sign: number;
  readonly check: number;
  readonly receipt: number;
};

/** Microseconds of processor time per payment of each part, over these payments. */
export function timeBare(payments: readonly Payment[], pair: ReturnType<typeof secpPair>): BareTimes {
  const digests = payments.map((payment) => keccak_256(payment.signatures[0]?.message ?? new Uint8Array(32)));
  const per = (work: (at: number) => unknown): number => {
    const since = cpuMs();
    for (let at = 0; at < payments.length; at++) work(at);
    return ((cpuMs() - since) * 1000) / payments.length;
  };
  const demandGood = (at: number, signature: Uint8Array) => {
    if (!pair.check(digests[at] as Uint8Array, signature)) throw new Error("a signature does not verify");
  };
  const together = per((at) => {
    verifyApprovals(payments[at] as Payment);
    digests[at] = keccak_256(UNSIGNED.fill(at & 0xff, 40, 44));
    demandGood(at, pair.make(digests[at] as Uint8Array));
    keccak_256(SIGNED.fill(at & 0xff, 40, 44));
  });
  const approvals = per((at) => verifyApprovals(payments[at] as Payment));
  const made: Uint8Array[] = [];
  const signing = per((at) => made.push(pair.make(digests[at] as Uint8Array)));
  const check = per((at) => demandGood(at, made[at] as Uint8Array));
  const receipt = per((at) => signReceipt(digests[at] as Uint8Array));
  return { together, approvals, sign: signing, check, receipt };
}
