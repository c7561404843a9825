/** WebAuthn assertions: the W3C's own, some made for the edges, and whatever must be refused. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { sha256 } from "@noble/hashes/sha2.js";
import { concat, fromHex, type Hash } from "../bytes.ts";
import { verifyEs256 } from "./p256.ts";
import { type Assertion, type Credential, checkAssertion, examine } from "./webauthn.ts";

type Row = Record<"name" | "challenge" | "clientData" | "authenticatorData" | "signature", string> &
  Record<"publicKey" | "rpIdHash" | "origin", string> & { synced: boolean };
type Vectors = { valid: Row[]; invalid: (Row & { field: string })[] };
const vectors: Vectors = JSON.parse(readFileSync(new URL("../../../vectors/webauthn/vectors.json", import.meta.url), "utf8"));

const assertionOf = (row: Row): Assertion => ({
  challenge: row.challenge as Hash,
  clientData: fromHex(row.clientData),
  authenticatorData: fromHex(row.authenticatorData),
  signature: fromHex(row.signature),
});

const credentialOf = (row: Row): Credential => ({
  publicKey: fromHex(row.publicKey),
  rpIdHash: row.rpIdHash as Hash,
  origin: row.origin,
  synced: row.synced,
});

test("WebAuthn L3, section 16: every ES256 signature of the standard verifies, whatever we think of its flags", () => {
  const rows = [...vectors.valid, ...vectors.invalid].filter(({ name }) => name.startsWith("W3C"));
  assert.equal(rows.length, 10);
  for (const row of rows) {
    const message = concat(fromHex(row.authenticatorData), sha256(fromHex(row.clientData)));
    assert.equal(verifyEs256(fromHex(row.publicKey), message, fromHex(row.signature)), true, row.name);
  }
});

test("assertions that are accepted", () => {
  for (const row of vectors.valid) checkAssertion(assertionOf(row), credentialOf(row));
});

test("assertions that are refused, each at the field that is wrong, and there are more of them", () => {
  for (const row of vectors.invalid) {
    const refusal = { code: "WEBAUTHN_INVALID", field: row.field };
    assert.throws(() => checkAssertion(assertionOf(row), credentialOf(row)), refusal, row.name);
  }
  assert.ok(vectors.invalid.length >= vectors.valid.length + 20);
});

test("a synced passkey is refused where only bound ones are allowed", () => {
  const synced = vectors.valid.filter((row) => (Number.parseInt(row.authenticatorData.slice(64, 66), 16) & 0x08) !== 0);
  assert.ok(synced.length >= 5);
  for (const row of synced) {
    const credential = { ...credentialOf(row), synced: false };
    assert.throws(() => checkAssertion(assertionOf(row), credential), { code: "WEBAUTHN_INVALID", field: "flags" });
  }
});

test("flipping any bit of client data, authenticator data, signature or challenge is refused", () => {
  const row = vectors.valid.find(({ name }) => name === "plain");
  assert.ok(row);
  const whole = assertionOf(row);
  const parts = { clientData: whole.clientData, authenticatorData: whole.authenticatorData, signature: whole.signature };
  for (const [name, bytes] of Object.entries(parts)) {
    for (const at of bytes.keys()) {
      const flipped = bytes.map((byte, index) => (index === at ? byte ^ (1 << (at % 8)) : byte));
      assert.throws(() => checkAssertion({ ...whole, [name]: flipped }, credentialOf(row)), { code: "WEBAUTHN_INVALID" });
    }
  }
  const challenge = `${row.challenge.slice(0, -1)}${row.challenge.endsWith("0") ? "1" : "0"}` as Hash;
  assert.throws(() => checkAssertion({ ...whole, challenge }, credentialOf(row)), { code: "WEBAUTHN_INVALID" });
});

test("another implementation may do the equation over what was examined", () => {
  const row = vectors.valid[0];
  assert.ok(row);
  const examined = examine(assertionOf(row), credentialOf(row));
  checkAssertion(assertionOf(row), credentialOf(row), (publicKey, message, signature) => {
    assert.deepEqual([publicKey, message, signature], [credentialOf(row).publicKey, examined.message, examined.signature]);
    return true;
  });
  const refuseAll = (): boolean => false;
  assert.throws(() => checkAssertion(assertionOf(row), credentialOf(row), refuseAll), { code: "WEBAUTHN_INVALID" });
});
