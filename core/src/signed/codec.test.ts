import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { fromHex, toHex } from "../bytes.ts";
import { Reader, Writer } from "../cbor.ts";
import { attempt } from "../errors.ts";
import { amount, anyOr, blob, choice, flag, hex, lazy, list, type Shape, slug, text, uint } from "./codec.ts";
import { offset, slug as slugOfFields, time } from "./fields.ts";
import { decode, encode, fromJson, kind, toJson } from "./object.ts";

const outcome = (work: () => unknown) => {
  const result = attempt(work);
  return result.ok ? "OK" : `${result.code} ${result.field}`;
};
const written = <T>(shape: Shape<T>, value: unknown) => outcome(() => encode(kind("it", shape), value as T));
const read = <T>(shape: Shape<T>, bytes: string) => outcome(() => decode(kind("it", shape), fromHex(bytes)));
const parsed = <T>(shape: Shape<T>, json: unknown) => outcome(() => fromJson(kind("it", shape), json));

/** Bytes and JSON of a value, and that both lead back to it. */
function both<T>(shape: Shape<T>, value: T): [bytes: string, json: unknown] {
  const of = kind("it", shape);
  const bytes = encode(of, value);
  const json = toJson(of, value);
  assert.deepEqual(decode(of, bytes), value);
  assert.deepEqual(fromJson(of, JSON.parse(JSON.stringify(json))), value);
  return [toHex(bytes), json];
}

test("uint: within its range, an integer, a number", () => {
  const shape = uint(1000, 5);
  assert.deepEqual(both(shape, 500), ["1901f4", 500]);
  for (const value of [4, 1001, -1, 5.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 53, "5", 5n, null, true]) {
    assert.equal(written(shape, value), "BAD_VALUE it", String(value));
    assert.equal(parsed(shape, value), "BAD_VALUE it", String(value));
  }
  assert.equal(read(shape, "04"), "BAD_VALUE it");
  assert.equal(read(shape, "1903e9"), "BAD_VALUE it");
  assert.deepEqual(both(uint(), Number.MAX_SAFE_INTEGER), ["1b001fffffffffffff", Number.MAX_SAFE_INTEGER]);
  assert.deepEqual(
    [uint().words, uint(1, 1).words, uint(9, 1).words, uint(Number.MAX_SAFE_INTEGER, 1).words],
    ["uint", "uint, always 1", "uint 1…9", `uint 1…${Number.MAX_SAFE_INTEGER}`],
  );
});

test("hex: exactly its size, lower case", () => {
  const shape = hex(4);
  assert.deepEqual(both(shape, "0123abcd"), ["440123abcd", "0123abcd"]);
  for (const value of ["0123abc", "0123abcdef", "0123ABCD", "0x01abcd", "0123abc ", 1, null]) {
    assert.equal(written(shape, value), "BAD_VALUE it", String(value));
    assert.equal(parsed(shape, value), "BAD_VALUE it", String(value));
  }
  assert.equal(read(shape, "43012345"), "BAD_VALUE it");
  assert.equal(read(shape, "450123456789"), "TOO_LARGE it");
});

test("blob: from its least to its greatest size, copied", () => {
  const shape = blob(4, 2);
  assert.deepEqual(both(shape, Uint8Array.of(1, 2, 3)), ["43010203", "010203"]);
  assert.equal(written(shape, Uint8Array.of(1)), "BAD_VALUE it");
  assert.equal(written(shape, new Uint8Array(5)), "TOO_LARGE it");
  assert.equal(read(shape, "4101"), "BAD_VALUE it");
  assert.equal(read(shape, "450102030405"), "TOO_LARGE it");
  assert.equal(parsed(shape, 7), "BAD_VALUE it");
  assert.equal(parsed(shape, "0"), "BAD_VALUE it");
  assert.equal(parsed(shape, "01"), "BAD_VALUE it");
  assert.equal(parsed(shape, "0102030405"), "TOO_LARGE it");
  for (const bytes of [fromHex("4201ff"), Buffer.from("4201ff", "hex")]) {
    const value = decode(kind("it", shape), bytes);
    bytes.fill(0);
    assert.deepEqual(value, Uint8Array.of(1, 0xff));
  }
});

/** What people mistake for something else: line breaks, directions, other scripts, accents, invisible and wide characters. */
const DECEPTIONS = [
  "pay\nto: eve",
  "pay\rto: eve",
  "a\tb",
  "a\u0000b",
  "a\u007fb",
  "\u202eevil",
  "\u2066evil\u2069",
  "p\u0430y",
  "te\u0301st",
  "tést",
  "zero\u200bwidth",
  "a\u00a0b",
  "\uff41bc",
  "\ufeffa",
  "\u2028a",
  "\ud83d\ude00",
];

test("text: visible ASCII and the space, nothing that deceives", () => {
  const shape = text(20, 2);
  assert.deepEqual(both(shape, " ~A"), ["63207e41", " ~A"]);
  for (const value of DECEPTIONS) {
    assert.equal(written(shape, value), "BAD_VALUE it", JSON.stringify(value));
    assert.equal(parsed(shape, value), "BAD_VALUE it", JSON.stringify(value));
    const bytes = new Uint8Array(Buffer.from(value));
    assert.equal(read(shape, toHex(Uint8Array.of(0x60 + bytes.length, ...bytes))), "BAD_VALUE it", JSON.stringify(value));
  }
  for (const value of [7, null, undefined, ["a", "b"]]) assert.equal(written(shape, value), "BAD_VALUE it");
  assert.equal(written(shape, "a"), "BAD_VALUE it");
  assert.equal(written(shape, "a".repeat(21)), "TOO_LARGE it");
  assert.equal(read(shape, "6161"), "BAD_VALUE it");
  assert.equal(read(shape, `75${"61".repeat(21)}`), "TOO_LARGE it");
  assert.equal(shape.words, "text 2…20");
});

test("slug: one alphabet, one case", () => {
  assert.equal(slugOfFields, slug);
  assert.deepEqual(both(slug, "acme-1"), ["6661636d652d31", "acme-1"]);
  for (const value of ["", "-acme", "Acme", "ac me", "ac_me", "acmé", "acme\n", "ас"])
    assert.equal(written(slug, value), "BAD_VALUE it", value);
  assert.equal(written(slug, "a".repeat(33)), "TOO_LARGE it");
  assert.equal(read(slug, "6441636d65"), "BAD_VALUE it");
});

test("amount: minimal bytes on the wire, a decimal string for people", () => {
  assert.deepEqual(both(amount, 0n), ["40", "0"]);
  assert.deepEqual(both(amount, 255n), ["41ff", "255"]);
  assert.deepEqual(both(amount, 4096n), ["421000", "4096"]);
  assert.deepEqual(both(amount, 2n ** 256n - 1n), [`5820${"ff".repeat(32)}`, (2n ** 256n - 1n).toString()]);
  fc.assert(fc.property(fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }), (value) => void both(amount, value)));
  for (const value of [-1n, 2n ** 256n, 5, "5", null]) assert.equal(written(amount, value), "BAD_VALUE it");
  for (const bytes of ["4100", "420001", `5820${"00".repeat(32)}`])
    assert.equal(read(amount, bytes), "NOT_CANONICAL it", bytes);
  assert.equal(read(amount, `5821${"ff".repeat(33)}`), "TOO_LARGE it");
  for (const json of ["", "00", "01", "-1", "+1", "1.0", "1e3", "0x10", " 1", "1 ", 1, null, "9".repeat(78), "1".repeat(79)])
    assert.equal(parsed(amount, json), "BAD_VALUE it", String(json));
});

test("choice: its words, its numbers", () => {
  const shape = choice({ left: 1, right: 7 });
  assert.deepEqual(both(shape, "right"), ["07", "right"]);
  for (const value of ["up", "toString", "__proto__", 7, null]) {
    assert.equal(written(shape, value), "BAD_VALUE it", String(value));
    assert.equal(parsed(shape, value), "BAD_VALUE it", String(value));
  }
  assert.equal(read(shape, "02"), "BAD_VALUE it");
  assert.equal(shape.words, "1 left, 7 right");
});

test("flag: 0 and 1", () => {
  assert.deepEqual(both(flag, false), ["00", false]);
  assert.deepEqual(both(flag, true), ["01", true]);
  assert.equal(read(flag, "02"), "BAD_VALUE it");
  assert.equal(read(flag, "f5"), "MALFORMED it");
  for (const json of [0, 1, "true", null]) assert.equal(parsed(flag, json), "BAD_VALUE it");
});

test("list: its count, and the index of what is wrong", () => {
  const shape = list(uint(9), 3, 1);
  assert.deepEqual(both(shape, [1, 2, 3]), ["83010203", [1, 2, 3]]);
  assert.equal(written(shape, []), "BAD_VALUE it");
  assert.equal(written(shape, [1, 2, 3, 4]), "TOO_LARGE it");
  assert.equal(written(shape, [1, 10]), "BAD_VALUE it.1");
  assert.equal(read(shape, "80"), "BAD_VALUE it");
  assert.equal(read(shape, "8401020304"), "TOO_LARGE it");
  assert.equal(read(shape, "82010a"), "BAD_VALUE it.1");
  assert.equal(read(shape, "8201"), "MALFORMED it.1");
  assert.equal(read(shape, "9b001fffffffffffff"), "TOO_LARGE it");
  assert.equal(parsed(shape, { length: 1, 0: 1 }), "BAD_VALUE it");
  assert.equal(parsed(shape, [1, "2"]), "BAD_VALUE it.1");
  assert.equal(shape.inner?.().words, "uint 0…9");
});

test("anyOr: the word any, or a list of at least one", () => {
  const shape = anyOr(slug, 2);
  assert.deepEqual(both(shape, "any"), ["63616e79", "any"]);
  assert.deepEqual(both(shape, ["any"]), ["8163616e79", ["any"]]);
  assert.equal(written(shape, []), "BAD_VALUE it");
  assert.equal(written(shape, ["a", "b", "c"]), "TOO_LARGE it");
  assert.equal(read(shape, "6161"), "BAD_VALUE it");
  assert.equal(read(shape, "63414e59"), "BAD_VALUE it");
  assert.equal(read(shape, ""), "MALFORMED it");
  assert.equal(read(shape, "00"), "MALFORMED it");
  assert.equal(parsed(shape, "all"), "BAD_VALUE it");
  assert.equal(shape.inner?.().words, list(slug, 2, 1).words);
});

test("lazy: stands for the shape that it names", () => {
  type Tree = readonly Tree[];
  const tree: Shape<Tree> = lazy("tree", () => list(tree, 3));
  assert.deepEqual(both(tree, [[], [[]]]), ["82808180", [[], [[]]]]);
  assert.equal(tree.words, "tree");
  assert.equal(tree.inner?.().words, "list 0…3 of (tree)");
  assert.equal(read(tree, "818181818181818180"), "TOO_DEEP it.0.0.0.0.0.0.0.0");
});

test("time ends with the year 9999", () => {
  const last = Date.UTC(9999, 11, 31, 23, 59, 59, 999);
  assert.equal(written(time, last), "OK");
  assert.equal(written(time, last + 1), "BAD_VALUE it");
});

test("an offset is shown as minutes and written 1,440 higher", () => {
  const out = new Writer();
  offset.write(out, -90);
  assert.equal(offset.read(new Reader(out.done())), -90);
  assert.deepEqual([offset.toJson(-90), offset.fromJson(-1440), offset.fromJson(1440)], [-90, -1440, 1440]);
  for (const wrong of [1e-20, -1441, 1441, "60", 0.5]) {
    const refused = attempt(() => offset.fromJson(wrong));
    assert.ok(!refused.ok && refused.code === "BAD_VALUE", String(wrong));
  }
});
