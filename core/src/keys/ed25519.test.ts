/** Ed25519: one verdict, whether the equation is ours or node:crypto's, on the standard's vectors and on every known edge. */
import assert from "node:assert/strict";
import { createPublicKey, verify as nodeVerify } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { ed25519 } from "@noble/curves/ed25519.js";
import { fromHex } from "../bytes.ts";
import { isAcceptedKey, precheckEd25519, verifyEd25519 } from "./ed25519.ts";

type Row = { publicKey: string; message: string; signature: string };
type Vectors = { valid: (Row & { name: string })[]; invalid: (Row & { why: string })[] };
const vectors: Vectors = JSON.parse(readFileSync(new URL("../../../vectors/ed25519/vectors.json", import.meta.url), "utf8"));
const zip215 = new URL("../../../../shared/vectors/ed25519-zip215/zip215.json", import.meta.url);
const SPKI = fromHex("302a300506032b6570032100");

/** Our prechecks, then the equation of node:crypto. */
function mixedVerdict(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!precheckEd25519(publicKey, signature)) return false;
  const key = createPublicKey({ key: Buffer.concat([SPKI, publicKey]), format: "der", type: "spki" });
  return nodeVerify(null, message, key, signature);
}

function verdict({ publicKey, message, signature }: Row): boolean {
  const [key, text, sign] = [fromHex(publicKey), fromHex(message), fromHex(signature)];
  const pure = verifyEd25519(key, text, sign);
  assert.equal(mixedVerdict(key, text, sign), pure);
  return pure;
}

test("RFC 8032, section 7.1, and keys of mixed order on which both equations agree", () => {
  for (const row of vectors.valid) assert.equal(verdict(row), true, row.name);
});

test("RFC 8032: everything else is refused, and there is as much of it", () => {
  for (const row of vectors.invalid) assert.equal(verdict(row), false, row.why);
  assert.ok(vectors.invalid.length >= vectors.valid.length);
});

test("RFC 8032, section 7.1: every flipped bit of key, message or signature is refused alike", () => {
  const row = vectors.valid[2];
  assert.ok(row);
  const parts = [row.publicKey, row.message, row.signature].map((text) => fromHex(text));
  for (const [part, bytes] of parts.entries()) {
    for (let bit = 0; bit < bytes.length * 8; bit += part === 1 ? 1 : 5) {
      const [key, text, sign] = parts.map((each, at) => (at === part ? flip(each, bit) : each));
      assert.ok(key && text && sign);
      assert.equal(verifyEd25519(key, text, sign), false);
      assert.equal(mixedVerdict(key, text, sign), false);
    }
  }
});

function flip(bytes: Uint8Array, bit: number): Uint8Array {
  return bytes.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
}

test("RFC 8032, section 5.1: the points of small order are eight, and none is accepted", () => {
  const generator = ed25519.Point.fromHex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05");
  const points = Array.from({ length: 8 }, (_, times) => generator.multiplyUnsafe(BigInt(times)));
  assert.equal(new Set(points.map((point) => point.toHex())).size, 8);
  for (const point of points) {
    assert.equal(point.isSmallOrder(), true);
    assert.equal(isAcceptedKey(point.toBytes()), false);
  }
});

test("keys that may be enrolled", () => {
  for (const { publicKey } of vectors.valid) assert.equal(isAcceptedKey(fromHex(publicKey)), true);
  const bad = vectors.invalid.filter(({ why }) => why.startsWith("key not") || why.startsWith("key of small"));
  for (const { publicKey, why } of bad) assert.equal(isAcceptedKey(fromHex(publicKey)), false, why);
  assert.equal(bad.length, 17);
});

test("ZIP-215's 196 edge cases: all have a key of small order, so none is accepted", {
  skip: existsSync(zip215) ? false : "needs ../shared/vectors/ed25519-zip215",
}, () => {
  const rows: { vk_bytes: string; sig_bytes: string }[] = JSON.parse(readFileSync(zip215, "utf8"));
  assert.equal(rows.length, 196);
  for (const { vk_bytes, sig_bytes } of rows) {
    assert.equal(verdict({ publicKey: vk_bytes, message: "5a63617368", signature: sig_bytes }), false);
  }
});
