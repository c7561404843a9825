/** RLP, both halves: small vectors of our own and the third-party suites. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fromHex, toHex } from "../../bytes.ts";
import { bytesOf, decode, listOf, type Node, SIZE_MAX, uintOf } from "./decode.ts";
import { encode, type Item, integer } from "./encode.ts";

type Text = string | readonly Text[];
type Vectors = { valid: { name: string; item: Text; rlp: string }[]; invalid: { why: string; rlp: string }[] };
const vectors: Vectors = JSON.parse(readFileSync(new URL("../../../../vectors/rlp/vectors.json", import.meta.url), "utf8"));
const third = new URL("../../../../../shared/vectors/", import.meta.url);
const ethers = new URL("ethers-testcases/rlp-coder.json", third);
const ethereum = new URL("ethereum-tests/RLPTests/", third);
const UNREADABLE = { code: "EFFECT_UNREADABLE" };

const itemOf = (text: Text): Item => (typeof text === "string" ? fromHex(text) : text.map(itemOf));
const textOf = (node: Node): Text => ("bytes" in node ? toHex(node.bytes) : node.list.map(textOf));
const depthOf = (text: Text): number => (typeof text === "string" ? 0 : 1 + Math.max(0, ...text.map(depthOf)));

test("RLP: every vector is written and read", () => {
  for (const { name, item, rlp } of vectors.valid) {
    assert.equal(toHex(encode(itemOf(item))), rlp, name);
    assert.deepEqual(textOf(decode(fromHex(rlp))), item, name);
  }
});

test("RLP: every other encoding is refused", () => {
  for (const { why, rlp } of vectors.invalid) assert.throws(() => decode(fromHex(rlp)), UNREADABLE, why);
  assert.ok(vectors.invalid.length >= vectors.valid.length);
});

test("RLP: more than 128 KiB is refused before it is read", () => {
  assert.throws(() => decode(encode(new Uint8Array(SIZE_MAX))), UNREADABLE);
  assert.equal(bytesOf(decode(encode(new Uint8Array(SIZE_MAX - 4))), "x").length, SIZE_MAX - 4);
});

test("RLP: 65,536 bytes take three bytes of length", () => {
  const bytes = new Uint8Array(65_536);
  assert.equal(toHex(encode(bytes).subarray(0, 4)), "ba010000");
  assert.deepEqual(bytesOf(decode(encode(bytes)), "x"), bytes);
});

test("numbers have one form", () => {
  assert.equal(toHex(integer(0)), "");
  assert.equal(toHex(integer(2n ** 64n)), "010000000000000000");
  assert.equal(uintOf({ bytes: fromHex("0100") }, "n", 257n), 256n);
  assert.equal(uintOf({ bytes: fromHex("") }, "n", 1n), 0n);
  assert.throws(() => uintOf({ bytes: fromHex("00") }, "n", 257n), UNREADABLE);
  assert.throws(() => uintOf({ bytes: fromHex("0001") }, "n", 257n), UNREADABLE);
  assert.throws(() => uintOf({ bytes: fromHex("0101") }, "n", 257n), UNREADABLE);
});

test("a list is no string and a string no list, and neither may be missing", () => {
  assert.throws(() => bytesOf({ list: [] }, "x"), UNREADABLE);
  assert.throws(() => listOf({ bytes: new Uint8Array() }, "x"), UNREADABLE);
  assert.throws(() => bytesOf(undefined, "x"), UNREADABLE);
  assert.throws(() => listOf(undefined, "x"), UNREADABLE);
});

test("ethers RLP coder cases", { skip: existsSync(ethers) ? false : "needs ../shared/vectors/ethers-testcases" }, () => {
  const rows: { name: string; decoded: Text; encoded: string }[] = JSON.parse(readFileSync(ethers, "utf8"));
  const plain = (text: Text): Text => (typeof text === "string" ? text.replace("0x", "") : text.map(plain));
  for (const { name, decoded, encoded } of rows) {
    const bytes = fromHex(encoded.replace("0x", ""));
    assert.deepEqual(encode(itemOf(plain(decoded))), bytes, name);
    if (depthOf(decoded) <= 4) assert.deepEqual(textOf(decode(bytes)), plain(decoded), name);
    else assert.throws(() => decode(bytes), UNREADABLE, name);
  }
});

test("ethereum/tests RLP", { skip: existsSync(ethereum) ? false : "needs ../shared/vectors/ethereum-tests" }, () => {
  type Value = string | number | readonly Value[];
  type Rows = Record<string, { in: Value; out: string }>;
  const rows = (name: string): Rows => JSON.parse(readFileSync(new URL(name, ethereum), "utf8"));
  const item = (value: Value): Item => {
    if (typeof value === "number") return integer(value);
    if (typeof value !== "string") return value.map(item);
    return value.startsWith("#") ? integer(BigInt(value.slice(1))) : new TextEncoder().encode(value);
  };
  for (const [name, { in: value, out }] of Object.entries(rows("rlptest.json"))) {
    const bytes = fromHex(out.replace("0x", ""));
    assert.deepEqual(encode(item(value)), bytes, name);
    assert.equal(toHex(encode(itemOf(textOf(decode(bytes))))), toHex(bytes), name);
  }
  for (const [name, { out }] of Object.entries(rows("invalidRLPTest.json"))) {
    assert.throws(() => decode(fromHex(out.replace("0x", "").toLowerCase())), UNREADABLE, name);
  }
  for (const { out } of Object.values(rows("RandomRLPTests/example.json"))) {
    assert.equal(toHex(encode(itemOf(textOf(decode(fromHex(out.replace("0x", ""))))))), out.replace("0x", ""));
  }
});
