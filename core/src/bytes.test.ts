import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { test } from "node:test";
import fc from "fast-check";
import { ascii, concat, equal, fromHex, hash, hashBytes, toHex } from "./bytes.ts";
import { attempt } from "./errors.ts";

const codeOf = (work: () => unknown) => {
  const result = attempt(work);
  return result.ok ? "OK" : `${result.code} ${result.field}`;
};

test("hex is what node:crypto writes, and comes back", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 70 }), (bytes) => {
      const text = toHex(bytes);
      assert.equal(text, Buffer.from(bytes).toString("hex"));
      assert.deepEqual(fromHex(text), bytes);
    }),
  );
});

test("hex has one form: even, lower case, no prefix", () => {
  for (const text of ["0", "0x00", "AB", "aB", "0g", "g0", " 0", "0/", "0:", "0`", "é0", "00 "])
    assert.equal(
      codeOf(() => fromHex(text, "here")),
      "BAD_VALUE here",
      text,
    );
  assert.equal(
    codeOf(() => fromHex("0")),
    "BAD_VALUE hex",
  );
  assert.deepEqual(fromHex(""), new Uint8Array(0));
});

test("equal compares length and every byte", () => {
  assert.ok(equal(Uint8Array.of(1, 2), Uint8Array.of(1, 2)));
  assert.ok(!equal(Uint8Array.of(1, 2), Uint8Array.of(1, 3)));
  assert.ok(!equal(Uint8Array.of(1, 2), Uint8Array.of(1, 2, 3)));
  assert.ok(equal(concat(), new Uint8Array(0)));
  assert.deepEqual(concat(Uint8Array.of(1), new Uint8Array(0), Uint8Array.of(2, 3)), Uint8Array.of(1, 2, 3));
});

test("ascii takes 0x00 to 0x7F and nothing else", () => {
  assert.deepEqual(ascii("a\n\u007f"), Uint8Array.of(0x61, 0x0a, 0x7f));
  for (const text of ["\u0080", "é", "\u202e", "\ud83d\ude00"])
    assert.equal(
      codeOf(() => ascii(text)),
      "BAD_VALUE text",
    );
  assert.equal(
    codeOf(() => ascii("é", "name")),
    "BAD_VALUE name",
  );
});

test("the tagged hash is SHA-256 over length, tag and bytes", () => {
  const bytes = Uint8Array.of(1, 2, 3);
  const expected = createHash("sha256")
    .update(Buffer.from([5]))
    .update("tag/1")
    .update(bytes)
    .digest();
  assert.deepEqual(hashBytes("tag/1", bytes), new Uint8Array(expected));
  assert.equal(hash("tag/1", bytes), expected.toString("hex"));
});

test("tag and bytes cannot be shifted into each other", () => {
  assert.notEqual(hash("ab", ascii("c")), hash("a", ascii("bc")));
  assert.notEqual(hash("a", ascii("b")), hash("ab", new Uint8Array(0)));
});
