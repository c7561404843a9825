import assert from "node:assert/strict";
import { test } from "node:test";
import { type Argument, readArguments, writeArguments } from "@strongroom/core/chain/evm/abi";
import { parseMethod } from "@strongroom/core/chain/evm/method";
import { argumentFrom } from "./call.ts";

/** The values of a command line, through the encoding and back. */
function read(signature: string, ...texts: readonly string[]): readonly Argument[] {
  const { types } = parseMethod(signature, "METHOD");
  const values = types.map((type, at) => argumentFrom(type, texts[at] ?? "", "ARGUMENT"));
  return readArguments(types, writeArguments(types, values, "values"), "data");
}

test("arguments are written as people write them, lists and tuples as JSON", () => {
  const someone = "0xd8dA6BF26964aF9D7eEd9e03E53415D37aA96045";
  assert.deepEqual(read("f(uint256,int8,bool,address)", "7", "-8", "true", someone), [7n, -8n, true, someone]);
  assert.deepEqual(read("f(bytes,bytes2,string)", "0x", "0x00ff", '["no list"]'), [
    new Uint8Array(),
    Uint8Array.of(0, 255),
    '["no list"]',
  ]);
  const large = (2n ** 256n - 1n).toString();
  assert.deepEqual(read("f(uint256[],(bool,string)[2])", `["${large}",5]`, '[[true,"a"],["false",""]]'), [
    [2n ** 256n - 1n, 5n],
    [
      [true, "a"],
      [false, ""],
    ],
  ]);
});

test("what is not exactly a value of its type is a slip of the keys", () => {
  const types = (text: string) => parseMethod(`f(${text})`, "METHOD").types[0] as Parameters<typeof argumentFrom>[0];
  for (const [type, ...texts] of [
    ["uint8", "", " 1", "1.0", "01", "0x1", "1e3", "-0", "+1", "one"],
    ["bool", "", "1", "yes", "True"],
    ["bytes", "", "00", "0xABCD", "0x0", "0xzz"],
    ["uint8[]", "", "1", "1,2", "{}", '"1"', "[1.5]", "[null]", "[[1]]", "[9007199254740993]", "[1e300]"],
    ["uint8[2]", "[]", "[1]", "[1,2,3]"],
    ["(uint8,bool)", "[1]", "[1,true,1]", "[true,true]", "1"],
  ] as const)
    for (const text of texts)
      assert.throws(() => argumentFrom(types(type), text, "ARGUMENT"), { code: "USAGE" }, `${type}: ${text}`);
});
