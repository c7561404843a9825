/** Key trees: BIP-32 and BIP-39 vectors, paths, and public against private derivation. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { base58 } from "@scure/base";
import { concat, fromHex, toHex } from "../bytes.ts";
import { addressOf } from "../chain/evm/address.ts";
import {
  accountPath,
  addressPath,
  deriveAddressKey,
  derivePrivateKey,
  derivePublicNode,
  entropyOf,
  mnemonicOf,
  nodeOf,
  parsePath,
  seedOf,
} from "./hd.ts";

type Bip32 = {
  valid: { seed: string; path: string; xpub: string; xprv: string }[];
  invalid: { why: string; path?: string; xpub?: string }[];
};
type Bip39 = {
  passphrase: string;
  valid: { entropy: string; mnemonic: string; seed: string }[];
  invalid: { why: string; mnemonic?: string; entropy?: string }[];
};
const vectors = new URL("../../../vectors/", import.meta.url);
const bip32: Bip32 = JSON.parse(readFileSync(new URL("bip32/vectors.json", vectors), "utf8"));
const bip39: Bip39 = JSON.parse(readFileSync(new URL("bip39/vectors.json", vectors), "utf8"));
const third = new URL("../../../../shared/vectors/", import.meta.url);
const hdnodes = new URL("ethers-testcases/hdnode.json", third);
const trezor = new URL("bip39-trezor/vectors.json", third);
const BAD = { code: "BAD_VALUE" };

test("BIP-32, test vectors 1 to 4", () => {
  for (const { seed, path, xpub, xprv } of bip32.valid) {
    const node = derivePublicNode(fromHex(seed), path);
    assert.deepEqual(nodeOf(xpub), node, path);
    assert.equal(toHex(derivePrivateKey(fromHex(seed), path)), toHex(base58.decode(xprv).subarray(46, 78)), path);
  }
});

test("BIP-32, test vector 5 and malformed paths are refused, and there are more of them", () => {
  for (const { why, path, xpub } of bip32.invalid) {
    if (path !== undefined) assert.throws(() => parsePath(path), { ...BAD, field: "path" }, why);
    if (xpub !== undefined) assert.throws(() => nodeOf(xpub), { ...BAD, field: "xpub" }, why);
  }
  assert.ok(bip32.invalid.length >= bip32.valid.length);
});

test("BIP-32: of an extended public key every field is checked, not only its checksum", () => {
  const text = bip32.valid[0]?.xpub ?? "";
  const changed = (at: number, value: number): string => {
    const payload = Uint8Array.from(base58.decode(text).subarray(0, 78));
    payload[at] = value;
    return base58.encode(concat(payload, sha256(sha256(payload)).subarray(0, 4)));
  };
  assert.equal(changed(4, 0), text);
  assert.deepEqual(nodeOf(changed(4, 1)), nodeOf(text), "depth 1 with zero parent is odd but allowed");
  for (const [at, value] of [
    [3, 0x1d],
    [3, 0x1f],
    [5, 1],
    [12, 1],
    [45, 4],
    [45, 0],
  ] as const) {
    assert.throws(() => nodeOf(changed(at, value)), BAD);
  }
  assert.throws(() => nodeOf(text.slice(0, -1)), BAD);
  assert.throws(() => nodeOf(text.replace("xpub", "ypub")), BAD);
  assert.throws(() => nodeOf(`${text.slice(0, -1)}0`), BAD);
});

test("paths", () => {
  const hard = 2 ** 31;
  assert.deepEqual(parsePath("m"), []);
  assert.deepEqual(parsePath("m/44'/60'/0'/0/5"), [44 + hard, 60 + hard, hard, 0, 5]);
  assert.deepEqual(parsePath("m/2147483647'/2147483647"), [2 ** 32 - 1, hard - 1]);
  assert.equal(accountPath("evm", 3), "m/44'/60'/3'");
  assert.equal(addressPath("evm", 0, 5), "m/44'/60'/0'/0/5");
  for (const account of [-1, 0.5, hard, Number.NaN]) {
    assert.throws(() => accountPath("evm", account), { ...BAD, field: "account" });
    assert.throws(() => addressPath("evm", 0, account), { ...BAD, field: "index" });
  }
});

test("public derivation below an account gives the keys of private derivation", () => {
  const seed = fromHex("5a".repeat(32));
  const account = derivePublicNode(seed, accountPath("evm", 2));
  for (const index of [0, 1, 77, 2 ** 31 - 1]) {
    const secret = derivePrivateKey(seed, addressPath("evm", 2, index));
    assert.deepEqual(deriveAddressKey(account, index), secp256k1.getPublicKey(secret, true));
  }
});

test("public derivation refuses what is no node and what needs a secret", () => {
  const account = derivePublicNode(fromHex("5a".repeat(32)), "m/0'");
  for (const index of [-1, 2 ** 31, 1.5]) assert.throws(() => deriveAddressKey(account, index), { ...BAD, field: "index" });
  const noKey = { ...account, publicKey: new Uint8Array(33) };
  assert.throws(() => deriveAddressKey(noKey, 0), { ...BAD, field: "publicKey" });
  const noCode = { ...account, chainCode: new Uint8Array(31) };
  assert.throws(() => deriveAddressKey(noCode, 0), { ...BAD, field: "chainCode" });
});

test("seeds have 16 to 64 bytes and stay as they are", () => {
  for (const size of [0, 15, 65]) assert.throws(() => derivePublicNode(new Uint8Array(size), "m"), { ...BAD, field: "seed" });
  const seed = fromHex("07".repeat(64));
  derivePrivateKey(seed, "m/1'");
  assert.deepEqual(seed, fromHex("07".repeat(64)));
});

test("a private key handed out survives the clearing of its tree and can be cleared itself", () => {
  const seed = fromHex("07".repeat(16));
  const first = derivePrivateKey(seed, "m");
  assert.ok(first.some((byte) => byte !== 0));
  first.fill(0);
  assert.ok(derivePrivateKey(seed, "m").some((byte) => byte !== 0));
});

test("BIP-39, English test vectors", () => {
  for (const { entropy, mnemonic, seed } of bip39.valid) {
    assert.equal(mnemonicOf(fromHex(entropy)), mnemonic);
    assert.equal(toHex(entropyOf(mnemonic)), entropy);
    assert.equal(toHex(seedOf(mnemonic, bip39.passphrase)), seed);
  }
});

test("BIP-39: other words, counts, checksums, spacing and sizes are refused", () => {
  for (const { why, mnemonic, entropy } of bip39.invalid) {
    if (entropy !== undefined) assert.throws(() => mnemonicOf(fromHex(entropy)), { ...BAD, field: "entropy" }, why);
    if (mnemonic === undefined) continue;
    assert.throws(() => entropyOf(mnemonic), { ...BAD, field: "mnemonic" }, why);
    assert.throws(() => seedOf(mnemonic), { ...BAD, field: "mnemonic" }, why);
  }
  assert.ok(bip39.invalid.length >= bip39.valid.length);
});

test("a mnemonic without passphrase leads to the address that every wallet shows", () => {
  const seed = seedOf("test test test test test test test test test test test junk");
  const account = derivePublicNode(seed, accountPath("evm", 0));
  assert.equal(addressOf(deriveAddressKey(account, 0)), "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
});

test("trezor BIP-39", { skip: existsSync(trezor) ? false : "needs ../shared/vectors/bip39-trezor" }, () => {
  const { english }: { english: [string, string, string, string][] } = JSON.parse(readFileSync(trezor, "utf8"));
  for (const [entropy, mnemonic, seed, xprv] of english) {
    assert.equal(mnemonicOf(fromHex(entropy)), mnemonic);
    assert.equal(toHex(derivePrivateKey(fromHex(seed), "m")), toHex(base58.decode(xprv).subarray(46, 78)));
  }
});

test("ethers HD nodes", { skip: existsSync(hdnodes) ? false : "needs ../shared/vectors/ethers-testcases" }, () => {
  type Node = { path: string; address: string; privateKey: string };
  const rows: { locale: string; entropy: string; mnemonic: string; seed: string; hdnodes: Node[] }[] = JSON.parse(
    readFileSync(hdnodes, "utf8"),
  );
  for (const { locale, entropy, mnemonic } of rows.filter((row) => row.locale === "en")) {
    assert.equal(mnemonicOf(fromHex(entropy.slice(2))), mnemonic, locale);
  }
  for (const { seed, hdnodes: nodes } of rows.slice(0, 120)) {
    for (const { path, address, privateKey } of nodes) {
      const secret = derivePrivateKey(fromHex(seed.slice(2)), path);
      assert.equal(toHex(secret), privateKey.slice(2));
      assert.equal(addressOf(secp256k1.getPublicKey(secret, true)).toLowerCase(), address);
    }
  }
});
