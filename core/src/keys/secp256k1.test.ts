/** secp256k1: which key made a signature, against signing by noble-curves, and what is no key and no signature. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import fc from "fast-check";
import { concat, fromHex } from "../bytes.ts";
import { isPublicKey, isSignature, recoverPublicKey } from "./secp256k1.ts";

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const secret = bytes32.filter((bytes) => secp256k1.utils.isValidSecretKey(bytes));

function sign(digest: Uint8Array, key: Uint8Array): Uint8Array {
  const recovered = secp256k1.sign(digest, key, { prehash: false, format: "recovered" });
  return concat(recovered.subarray(1), recovered.subarray(0, 1));
}

test("SEC 1, section 4.1.6: the key that signed is recovered, from every digest", () => {
  const fixed = [new Uint8Array(32), new Uint8Array(32).fill(255)];
  const digests = fc.oneof(bytes32, fc.constantFrom(...fixed));
  fc.assert(
    fc.property(digests, secret, (digest, key) => {
      const signature = sign(digest, key);
      const publicKey = secp256k1.getPublicKey(key, true);
      assert.ok(isSignature(signature) && isPublicKey(publicKey));
      assert.deepEqual(recoverPublicKey(digest, signature), secp256k1.getPublicKey(key, false));
    }),
    { seed: 4_116, numRuns: 40 },
  );
});

test("random bytes are answered as noble-curves would, and never throw", () => {
  fc.assert(
    fc.property(bytes32, fc.uint8Array({ minLength: 65, maxLength: 65 }), fc.nat(2), (digest, bytes, id) => {
      const signature = concat(bytes.subarray(0, 64), Uint8Array.of(id));
      signature[32] = Number(signature[32]) & 0x7f;
      const key = recoverPublicKey(digest, signature);
      if (key === null) return;
      assert.ok(secp256k1.verify(signature.subarray(0, 64), digest, key, { prehash: false }));
    }),
    { seed: 4_116, numRuns: 40 },
  );
});

test("digests and signatures of another size have no key", () => {
  const key = fromHex("05".repeat(32));
  const digest = fromHex("0a".repeat(32));
  const signature = sign(digest, key);
  for (const other of [digest.subarray(1), concat(digest, Uint8Array.of(0)), new Uint8Array()]) {
    assert.equal(recoverPublicKey(other, signature), null);
  }
  for (const other of [new Uint8Array(), signature.subarray(0, 32), signature.subarray(0, 64), concat(signature, digest)]) {
    assert.equal(isSignature(other), false);
    assert.equal(recoverPublicKey(digest, other), null);
  }
});
