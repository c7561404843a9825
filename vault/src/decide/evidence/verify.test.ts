import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ed25519 } from "@noble/curves/ed25519.js";
import { fromHex, type Hash, toHex } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { verifyEd25519 } from "@strongroom/core/keys/ed25519";
import { checkAssertion } from "@strongroom/core/keys/webauthn";
import type { Signature } from "@strongroom/core/signed/object";
import type { Key } from "@strongroom/core/signed/rulebook";
import { demandSignature, isPlainlySigned, signedByEd25519, signedByP256 } from "./verify.ts";

function vectors<Row>(name: string): { valid: Row[]; invalid: Row[] } {
  return JSON.parse(readFileSync(new URL(`../../../../vectors/${name}/vectors.json`, import.meta.url), "utf8"));
}

type Plain = Record<"publicKey" | "message" | "signature", string>;
type Passkey = Record<"challenge" | "clientData" | "authenticatorData" | "signature", string> &
  Record<"publicKey" | "rpIdHash" | "origin", string> & { synced: boolean };

/** The verdict of node:crypto behind our checks, which must be that of pure code. */
function verdict(row: Plain): boolean {
  const [key, message, signature] = [fromHex(row.publicKey), fromHex(row.message), fromHex(row.signature)];
  const fast = signedByEd25519(key, message, signature);
  assert.equal(fast, verifyEd25519(key, message, signature), JSON.stringify(row));
  assert.equal(signedByEd25519(key, message, signature), fast, "the second time, from the key that is ready");
  return fast;
}

test("RFC 8032: the verdicts are those of core's pure rule, on the standard's vectors and on every edge", () => {
  const { valid, invalid } = vectors<Plain>("ed25519");
  for (const row of valid) assert.equal(verdict(row), true);
  for (const row of invalid) assert.equal(verdict(row), false);
  assert.ok(invalid.length >= valid.length);
});

test("RFC 8032: flipped bits and sums of edge points have one verdict too", () => {
  const { valid, invalid } = vectors<Plain>("ed25519");
  const keys = [...valid, ...invalid].map((row) => row.publicKey).filter((key) => key.length === 64);
  const signatures = [...valid, ...invalid].map((row) => row.signature).filter((signature) => signature.length === 128);
  for (const publicKey of keys.slice(0, 20))
    for (const signature of signatures.slice(0, 20)) verdict({ publicKey, message: "", signature });
  const secret = new Uint8Array(32).fill(7);
  const publicKey = toHex(ed25519.getPublicKey(secret));
  const signature = ed25519.sign(Uint8Array.of(1), secret);
  for (let bit = 0; bit < 512; bit += 7) {
    const flipped = signature.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
    assert.equal(verdict({ publicKey, message: "01", signature: toHex(flipped) }), false);
  }
});

function passkeyOf(row: Passkey): { key: Key; challenge: Uint8Array; signature: Signature } {
  const { origin, synced } = row;
  const key: Key = {
    ...{ scheme: "webauthn-es256", publicKey: fromHex(row.publicKey), class: "served", origin, synced },
    rpIdHash: row.rpIdHash as Hash,
  };
  const parts = { clientData: fromHex(row.clientData), authenticatorData: fromHex(row.authenticatorData) };
  const signature: Signature = { key: "00".repeat(32) as Hash, signature: fromHex(row.signature), ...parts };
  return { key, challenge: fromHex(row.challenge), signature };
}

/** Whether core's pure code accepts the assertion. */
function accepts(row: Passkey): boolean {
  const { key, signature } = passkeyOf(row);
  const { clientData = new Uint8Array(), authenticatorData = new Uint8Array() } = signature;
  const assertion = { challenge: row.challenge as Hash, clientData, authenticatorData, signature: signature.signature };
  return attempt(() => checkAssertion(assertion, key as Required<Key>)).ok;
}

test("WebAuthn: passkeys are judged as core's pure code judges them", () => {
  const { valid, invalid } = vectors<Passkey>("webauthn");
  for (const row of [...valid, ...invalid]) {
    const { key, challenge, signature } = passkeyOf(row);
    if (accepts(row)) demandSignature(key, challenge, signature);
    else assert.throws(() => demandSignature(key, challenge, signature), { code: "WEBAUTHN_INVALID" });
  }
});

test("a passkey's answer without its parts, or an equation that does not hold, is refused", () => {
  const [row] = vectors<Passkey>("webauthn").valid;
  assert.ok(row);
  const { key, challenge, signature } = passkeyOf(row);
  const { clientData, authenticatorData, ...bare } = signature;
  assert.ok(clientData && authenticatorData);
  for (const part of [bare, { ...bare, clientData }, { ...bare, authenticatorData }]) {
    assert.throws(() => demandSignature(key, challenge, part), { code: "WEBAUTHN_INVALID" });
  }
  assert.equal(signedByP256(key.publicKey, challenge, new Uint8Array(64).fill(1)), false);
});

test("an Ed25519 signature that carries a passkey's parts is refused", () => {
  const secret = new Uint8Array(32).fill(9);
  const challenge = new Uint8Array(32).fill(1);
  const key: Key = { scheme: "ed25519", publicKey: ed25519.getPublicKey(secret), class: "device" };
  const plain: Signature = { key: "00".repeat(32) as Hash, signature: ed25519.sign(challenge, secret) };
  demandSignature(key, challenge, plain);
  assert.equal(isPlainlySigned(key.publicKey, challenge, plain), true);
  const other = new Uint8Array(37);
  for (const more of [{ clientData: other }, { authenticatorData: other }, { clientData: other, authenticatorData: other }]) {
    assert.throws(() => demandSignature(key, challenge, { ...plain, ...more }), { code: "SIGNATURE_INVALID" });
  }
  const wrong = { ...plain, signature: plain.signature.with(3, (plain.signature[3] as number) ^ 1) };
  assert.throws(() => demandSignature(key, challenge, wrong), { code: "SIGNATURE_INVALID" });
});
