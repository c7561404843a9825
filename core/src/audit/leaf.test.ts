import assert from "node:assert/strict";
import { test } from "node:test";
import { hashOf } from "../../test/sample.ts";
import { ascii, concat, fromHex, hash } from "../bytes.ts";
import { decode, encode } from "../signed/object.ts";
import { dataHash, Leaf } from "./leaf.ts";

const leaf: Leaf = {
  version: 1,
  deployment: hashOf("deployment"),
  number: 0,
  at: 1,
  type: "request.opened",
  actor: "",
  subject: "request:1",
  unit: "desk",
  client: "client-a",
  dataHash: hashOf("data"),
  signed: [hashOf("intent")],
};

test("data is committed to together with a salt of one size", () => {
  const salt = fromHex(hashOf("salt"));
  assert.equal(dataHash({ salt, data: ascii("data") }), hash("strongroom/event/1", concat(salt, ascii("data"))));
  assert.notEqual(dataHash({ salt, data: ascii("data") }), dataHash({ salt: fromHex(hashOf("other")), data: ascii("data") }));
  for (const size of [0, 31, 33])
    assert.throws(() => dataHash({ salt: new Uint8Array(size), data: ascii("x") }), { code: "BAD_VALUE" });
});

test("a leaf is a strict object", () => {
  assert.deepEqual(decode(Leaf, encode(Leaf, leaf)), leaf);
  const changes: readonly (readonly [string, Partial<Leaf>])[] = [
    ["BAD_VALUE", { type: "" }],
    ["TOO_LARGE", { type: "x".repeat(65) }],
    ["TOO_LARGE", { actor: "x".repeat(65) }],
    ["TOO_LARGE", { subject: "x".repeat(161) }],
    ["BAD_VALUE", { subject: "ä" }],
    ["BAD_VALUE", { unit: "Desk" }],
    ["BAD_VALUE", { client: "" }],
    ["BAD_VALUE", { signed: [] }],
    ["TOO_LARGE", { signed: Array.from({ length: 17 }, () => leaf.dataHash) }],
    ["BAD_VALUE", { number: -1 }],
  ];
  for (const [code, change] of changes) assert.throws(() => encode(Leaf, { ...leaf, ...change }), { code });
  const full = { ...leaf, type: "x".repeat(64), actor: "x".repeat(64), subject: "x".repeat(160), unit: "u".repeat(32) };
  const signed = Array.from({ length: 16 }, () => leaf.dataHash);
  assert.ok(encode(Leaf, { ...full, client: "c".repeat(32), signed } as Leaf).length <= Leaf.maxBytes);
});
