/** EIP-55: the vectors of the standard, changes of them, and a large third-party list. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { fromHex } from "../../bytes.ts";
import { addressBytes, addressOf, parseAddress } from "./address.ts";
import { addressText } from "./decode.ts";

type Vectors = {
  keys: [string, string][];
  valid: string[];
  invalid: { why: string; address: string }[];
};
const vectors: Vectors = JSON.parse(readFileSync(new URL("../../../../vectors/eip55/vectors.json", import.meta.url), "utf8"));
const accounts = new URL("../../../../../shared/vectors/ethers-testcases/accounts.json", import.meta.url);

test("EIP-55, test cases: accepted and written the same by builder's and reader's half", () => {
  for (const text of vectors.valid) {
    assert.equal(parseAddress(text, "to"), text);
    assert.equal(addressText(addressBytes(text, "to")), text);
  }
});

test("EIP-55: everything but the exact text is refused", () => {
  for (const { why, address } of vectors.invalid) {
    assert.throws(() => parseAddress(address, "to"), { code: "ADDRESS_INVALID", field: "to" }, why);
  }
  assert.ok(vectors.invalid.length >= vectors.valid.length);
});

test("more addresses than are remembered are written the same twice", () => {
  for (let number = 1; number < 1_500; number++) {
    const digits = number.toString(16).padStart(40, "0");
    const text = addressText(fromHex(digits));
    assert.equal(addressText(fromHex(digits)), text);
    for (const _ of [1, 2]) assert.equal(parseAddress(text, "to"), text);
  }
});

test("an address follows from the compressed key", () => {
  for (const [key, address] of vectors.keys) assert.equal(addressOf(fromHex(key)), address);
});

test("bytes that are no compressed point give no address", () => {
  const key = secp256k1.getPublicKey(fromHex("01".repeat(32)), true);
  const bad = [
    key.subarray(1),
    secp256k1.Point.fromBytes(key).toBytes(false),
    fromHex(`04${"00".repeat(32)}`),
    new Uint8Array(33),
  ];
  for (const bytes of [...bad, fromHex(`02${"ff".repeat(32)}`), fromHex(`02${"00".repeat(31)}05`)]) {
    assert.throws(() => addressOf(bytes), { code: "BAD_VALUE", field: "publicKey" });
  }
});

test("ethers accounts: keys and checksums", {
  skip: existsSync(accounts) ? false : "needs ../shared/vectors/ethers-testcases",
}, () => {
  const rows: { address: string; checksumAddress: string; privateKey?: string }[] = JSON.parse(readFileSync(accounts, "utf8"));
  for (const { address, checksumAddress, privateKey } of rows) {
    const digits = address.toLowerCase().replace("0x", "");
    assert.equal(addressText(fromHex(digits)), checksumAddress);
    if (!/^0+$/.test(digits)) assert.equal(parseAddress(checksumAddress, "to"), checksumAddress);
    if (privateKey === undefined) continue;
    const key = secp256k1.getPublicKey(fromHex(privateKey.slice(2).toLowerCase()), true);
    assert.equal(addressOf(key), checksumAddress);
  }
});
