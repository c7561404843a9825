/** Signatures of methods: the canonical form and nothing else. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { attempt } from "../../errors.ts";
import { headSize, isDynamic, MAX_LENGTH, MAX_SIGNATURE, parseMethod, type Type, typeText } from "./method.ts";

const code = (signature: string) => {
  const result = attempt(() => parseMethod(signature, "method"));
  return result.ok ? "OK" : `${result.code} ${result.field}`;
};

test("Solidity ABI, types: every canonical type is read and written the same", () => {
  const whole = ["uint", "int"].flatMap((name) => Array.from({ length: 32 }, (_, at) => `${name}${(at + 1) * 8}`));
  const fixed = Array.from({ length: 32 }, (_, at) => `bytes${at + 1}`);
  const types = [...whole, ...fixed, "address", "bool", "bytes", "string"];
  for (const type of types) {
    for (const text of [type, `${type}[]`, `${type}[3][]`, `(${type},(bool,${type})[2])`]) {
      const { signature, types: read } = parseMethod(`do_it$1(${text},bool)`, "method");
      assert.equal(`do_it$1(${read.map(typeText).join(",")})`, signature);
    }
  }
  assert.deepEqual(parseMethod("deposit()", "method").types, []);
});

test("what is not the canonical form is no signature", () => {
  const names = ["", "f", "(uint256)", "1f(uint256)", "f-g(uint256)", " f(uint256)", "f (uint256)", "fé(uint256)"];
  const brackets = [
    "f(uint256",
    "f(uint256))",
    "f(uint256) ",
    "f(uint256,)",
    "f(,uint256)",
    "f(())",
    "f(uint256)x",
    "f((uint256)",
  ];
  const short = [
    "uint",
    "int",
    "byte",
    "uint7",
    "uint0",
    "uint264",
    "uint08",
    "int512",
    "bytes0",
    "bytes33",
    "bytes01",
    "bytes99",
  ];
  const other = ["function", "fixed", "ufixed128x18", "fixed128x18", "address payable", "uint256 amount", "Uint256", "tuple"];
  const glued = ["boolx", "address1", "bytes32a", "string8", "tuple(uint8)", "[]", "uint8[", "uint8]", "uint8[0]", "uint8[01]"];
  const arrays = ["uint8[-1]", "uint8[ ]", `uint8[${MAX_LENGTH + 1}]`, "uint8[1000]"];
  for (const text of [...names, ...brackets]) assert.equal(code(text), "CALL_INVALID method", text);
  for (const type of [...short, ...other, ...glued, ...arrays]) assert.equal(code(`f(${type})`), "CALL_INVALID method", type);
  assert.equal(code(`f(uint8[${MAX_LENGTH}])`), "OK");
});

test("types lie four deep, signatures have a greatest length", () => {
  assert.deepEqual(["f(uint8[][][])", "f(uint8[][][][])"].map(code), ["OK", "CALL_INVALID method"]);
  assert.deepEqual(["f(((((uint8)))))", "f((((uint8))))"].map(code), ["CALL_INVALID method", "OK"]);
  assert.deepEqual(["f((((uint8[]))))", "f((((uint8)))[])", "f(((uint8[])))"].map(code), [
    "CALL_INVALID method",
    "CALL_INVALID method",
    "OK",
  ]);
  const long = (size: number) => `${"f".repeat(size - 2)}()`;
  assert.deepEqual([long(MAX_SIGNATURE), long(MAX_SIGNATURE + 1)].map(code), ["OK", "CALL_INVALID method"]);
});

test("Solidity ABI, enc: which types are dynamic, and how much room their heads take", () => {
  const sized: readonly [string, boolean, number][] = [
    ["uint8", false, 32],
    ["int256", false, 32],
    ["address", false, 32],
    ["bool", false, 32],
    ["bytes3", false, 32],
    ["bytes", true, 32],
    ["string", true, 32],
    ["uint8[3]", false, 96],
    ["uint8[3][2]", false, 192],
    ["uint8[]", true, 32],
    ["uint8[][2]", true, 32],
    ["string[2]", true, 32],
    ["(uint8,bool)", false, 64],
    ["(uint8,bytes)", true, 32],
    ["(uint8,bool)[2]", false, 128],
  ];
  for (const [text, dynamic, size] of sized) {
    const [type] = parseMethod(`f(${text})`, "method").types as [Type];
    assert.deepEqual([isDynamic(type), headSize(type)], [dynamic, size], text);
  }
});
