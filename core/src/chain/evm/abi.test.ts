/** Solidity ABI: the examples of the specification, encodings that are not canonical, and round trips. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { concat, fromHex, toHex } from "../../bytes.ts";
import { attempt } from "../../errors.ts";
import { type Argument, argumentLines, MAX_ARGUMENTS, readArguments, writeArguments } from "./abi.ts";
import { selectorOf } from "./calls.ts";
import { addressText } from "./decode.ts";
import { parseMethod, type Type, typeText } from "./method.ts";

type Text = string | readonly Text[];
type Vectors = {
  valid: { signature: string; selector: string; values: Text[]; data: string }[];
  invalid: { signature: string; why: string; data: string }[];
};
const file = new URL("../../../../vectors/solidity-abi/vectors.json", import.meta.url);
const vectors: Vectors = JSON.parse(readFileSync(file, "utf8"));

const typesOf = (signature: string) => parseMethod(signature, "method").types;
const read = (signature: string, data: Uint8Array) => readArguments(typesOf(signature), data, "data");
const write = (signature: string, ...values: readonly Argument[]) => writeArguments(typesOf(signature), values, "values");
const code = (work: () => unknown) => {
  const result = attempt(work);
  return result.ok ? "OK" : `${result.code} ${result.field}`;
};

/** A value of the vectors' texts. */
function argumentOf(type: Type, text: Text): Argument {
  if (typeof text !== "string") {
    const of = type.is === "tuple" ? type.of : text.map(() => (type as Extract<Type, { is: "array" }>).of);
    return text.map((one, at) => argumentOf(of[at] as Type, one));
  }
  if (type.is === "uint" || type.is === "int") return BigInt(text);
  if (type.is === "bool") return text === "true";
  return type.is === "bytes" ? fromHex(text.slice(2)) : text;
}

test("Solidity ABI, examples: selector, encoding and values", () => {
  for (const { signature, selector, values, data } of vectors.valid) {
    const types = typesOf(signature);
    const given = types.map((type, at) => argumentOf(type, values[at] as Text));
    assert.equal(selectorOf(signature), selector, signature);
    assert.equal(toHex(writeArguments(types, given, "values")), data, signature);
    assert.deepEqual(readArguments(types, fromHex(data), "data"), given, signature);
  }
});

test("Solidity ABI, strict encoding mode: every other encoding is refused", () => {
  for (const { signature, why, data } of vectors.invalid) {
    const result = attempt(() => read(signature, fromHex(data)));
    assert.equal(result.ok ? "accepted" : result.code, "CALL_INVALID", `${signature}: ${why}`);
  }
  assert.ok(vectors.invalid.length >= vectors.valid.length);
});

test("a value that is not of its type is not encoded", () => {
  const bad: readonly [string, Argument][] = [
    ["uint8", 256n],
    ["uint8", -1n],
    ["uint8", "1"],
    ["uint256", 2n ** 256n],
    ["int8", 128n],
    ["int8", -129n],
    ["int8", true],
    ["address", "0xd8da6bf26964af9d7eed9e03e53415d37aa96045"],
    ["address", "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA9604"],
    ["address", 1n],
    ["bool", 1n],
    ["bytes", "0x00"],
    ["bytes2", Uint8Array.of(1)],
    ["bytes2", Uint8Array.of(1, 2, 3)],
    ["string", Uint8Array.of(65)],
    ["string", "\ud800"],
    ["uint8[2]", [1n]],
    ["uint8[2]", [1n, 2n, 3n]],
    ["uint8[]", 1n],
    ["(uint8,bool)", [1n]],
    ["(uint8,bool)", true],
  ];
  for (const [type, value] of bad)
    assert.match(
      code(() => write(`f(${type})`, value)),
      /^CALL_INVALID values\.1/,
      type,
    );
  assert.equal(
    code(() => write("f(uint8)")),
    "CALL_INVALID values",
  );
  assert.equal(
    code(() => write("f((uint8,bool[])[])", [[1n, [true, 2n]]])),
    "CALL_INVALID values.1.1.2.2",
  );
});

test("the zero address is an argument like any other", () => {
  const zero = `0x${"0".repeat(40)}`;
  assert.deepEqual(read("f(address)", write("f(address)", zero)), [zero]);
});

test("arguments have a greatest size", () => {
  const full = new Uint8Array(MAX_ARGUMENTS - 64);
  const bytes = write("f(bytes)", full);
  assert.equal(bytes.length, MAX_ARGUMENTS);
  assert.deepEqual(read("f(bytes)", bytes), [full]);
  assert.equal(
    code(() => write("f(bytes)", new Uint8Array(MAX_ARGUMENTS - 63))),
    "CALL_INVALID values",
  );
  assert.equal(
    code(() => read("f(bytes)", concat(bytes, new Uint8Array(32)))),
    "CALL_INVALID data",
  );
});

/** Types with values of theirs, no deeper than `depth`. */
function typed(depth: number): fc.Arbitrary<{ type: Type; value: Argument }> {
  const width = fc.integer({ min: 1, max: 32 });
  const uint = width.chain((size) =>
    fc
      .bigInt({ min: 0n, max: 2n ** BigInt(size * 8) - 1n })
      .map((value) => ({ type: { is: "uint" as const, bits: size * 8 }, value })),
  );
  const int = width.chain((size) => {
    const half = 2n ** BigInt(size * 8 - 1);
    return fc.bigInt({ min: -half, max: half - 1n }).map((value) => ({ type: { is: "int" as const, bits: size * 8 }, value }));
  });
  const blob = (min: number, max: number) => fc.uint8Array({ minLength: min, maxLength: max });
  const fixed = width.chain((size) => blob(size, size).map((value) => ({ type: { is: "bytes" as const, size }, value })));
  const leaves: fc.Arbitrary<{ type: Type; value: Argument }>[] = [
    uint,
    int,
    fixed,
    blob(20, 20).map((bytes) => ({ type: { is: "address" as const }, value: addressText(bytes) })),
    fc.boolean().map((value) => ({ type: { is: "bool" as const }, value })),
    blob(0, 70).map((value) => ({ type: { is: "bytes" as const, size: undefined }, value })),
    fc.string({ unit: "binary", maxLength: 40 }).map((value) => ({ type: { is: "string" as const }, value })),
  ];
  if (depth === 1) return fc.oneof(...leaves);
  const tuple = fc.array(typed(depth - 1), { minLength: 1, maxLength: 3 }).map((all) => ({
    type: { is: "tuple" as const, of: all.map(({ type }) => type) },
    value: all.map(({ value }) => value),
  }));
  const array = fc
    .tuple(typed(depth - 1), fc.integer({ min: 1, max: 3 }), fc.boolean())
    .map(([{ type, value }, size, open]) => ({
      type: { is: "array" as const, of: type, length: open ? undefined : size },
      value: new Array<Argument>(size).fill(value),
    }));
  return fc.oneof(...leaves, tuple, array);
}

test("what is written is read back, by the signature's own types", () => {
  const property = fc.property(fc.array(typed(3), { maxLength: 4 }), (all) => {
    const types = all.map(({ type }) => type);
    const values = all.map(({ value }) => value);
    const signature = `f(${types.map(typeText).join(",")})`;
    fc.pre(signature.length <= 128);
    assert.deepEqual(typesOf(signature), types);
    const bytes = writeArguments(types, values, "values");
    assert.deepEqual(readArguments(types, bytes, "data"), values);
  });
  fc.assert(property, { seed: 7, numRuns: 500 });
});

test("every flipped bit is refused or another value, every cut and every byte more is refused", () => {
  const property = fc.property(fc.array(typed(2), { minLength: 1, maxLength: 3 }), (all) => {
    const types = all.map(({ type }) => type);
    const bytes = writeArguments(
      types,
      all.map(({ value }) => value),
      "values",
    );
    const lines = argumentLines(types, readArguments(types, bytes, "data"));
    for (let bit = 0; bit < bytes.length * 8; bit += 5) {
      const flipped = bytes.slice();
      flipped[bit >> 3] = (flipped[bit >> 3] as number) ^ (1 << (bit & 7));
      const other = attempt(() => argumentLines(types, readArguments(types, flipped, "data")));
      if (other.ok) assert.notDeepEqual(other.value, lines);
      else assert.equal(other.code, "CALL_INVALID");
    }
    for (const changed of [
      bytes.subarray(0, bytes.length - 1),
      concat(bytes, Uint8Array.of(0)),
      concat(bytes, new Uint8Array(32)),
    ])
      assert.equal(
        code(() => readArguments(types, changed, "data")),
        "CALL_INVALID data",
      );
  });
  fc.assert(property, { seed: 7, numRuns: 60 });
});

test("arguments are read as lines: place, type, value", () => {
  const signature = "f((address,uint24)[],string,bytes,int8,bool,bytes4[2],uint8[])";
  const someone = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045";
  const values: Argument[] = [
    [[someone, 500n]],
    'a "b"\\\n€😀',
    Uint8Array.of(1, 2),
    -5n,
    true,
    [Uint8Array.of(1, 2, 3, 4), Uint8Array.of(0, 0, 0, 0)],
    [],
  ];
  assert.deepEqual(argumentLines(typesOf(signature), values), [
    "1 (address,uint24)[] of 1",
    `1.1.1 address ${someone}`,
    "1.1.2 uint24 500",
    '2 string "a \\"b\\"\\\\\\u{a}\\u{20ac}\\u{1f600}"',
    "3 bytes 0x0102",
    "4 int8 -5",
    "5 bool true",
    "6 bytes4[2] of 2",
    "6.1 bytes4 0x01020304",
    "6.2 bytes4 0x00000000",
    "7 uint8[] of 0",
  ]);
});
