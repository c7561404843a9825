/** The Solidity ABI against viem, an independent library, on generated types and values; and calls as transactions. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { type Argument, readArguments, writeArguments } from "@strongroom/core/chain/evm/abi";
import { build } from "@strongroom/core/chain/evm/build";
import { evm } from "@strongroom/core/chain/evm/evm";
import { parseMethod, type Type, typeText } from "@strongroom/core/chain/evm/method";
import { attempt } from "@strongroom/core/errors";
import fc from "fast-check";
import {
  type AbiParameter,
  decodeAbiParameters,
  encodeAbiParameters,
  encodeFunctionData,
  getAddress,
  parseTransaction,
  toFunctionSelector,
  toHex,
} from "viem";

const FIXED = { seed: 7_702, numRuns: 300 };

type Typed = { readonly type: Type; readonly value: Argument };

const bits = fc.integer({ min: 1, max: 32 }).map((bytes) => bytes * 8);
const blob = (minLength: number, maxLength: number) => fc.uint8Array({ minLength, maxLength });
const leaf: fc.Arbitrary<Typed> = fc.oneof(
  bits.chain((size) =>
    fc.bigInt({ min: 0n, max: 2n ** BigInt(size) - 1n }).map((value) => ({ type: { is: "uint" as const, bits: size }, value })),
  ),
  bits.chain((size) =>
    fc
      .bigInt({ min: -(2n ** BigInt(size - 1)), max: 2n ** BigInt(size - 1) - 1n })
      .map((value) => ({ type: { is: "int" as const, bits: size }, value })),
  ),
  fc
    .integer({ min: 1, max: 32 })
    .chain((size) => blob(size, size).map((value) => ({ type: { is: "bytes" as const, size }, value }))),
  blob(0, 80).map((value) => ({ type: { is: "bytes" as const, size: undefined }, value })),
  blob(20, 20).map((bytes) => ({ type: { is: "address" as const }, value: getAddress(toHex(bytes)) })),
  fc.boolean().map((value) => ({ type: { is: "bool" as const }, value })),
  fc.string({ unit: "binary", maxLength: 40 }).map((value) => ({ type: { is: "string" as const }, value })),
);

function typed(depth: number): fc.Arbitrary<Typed> {
  if (depth === 0) return leaf;
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
  return fc.oneof(leaf, tuple, array);
}
const list = fc.array(typed(3), { minLength: 1, maxLength: 4 });

/** A type in viem's words. */
function parameter(type: Type): AbiParameter {
  if (type.is === "tuple") return { type: "tuple", components: type.of.map(parameter) } as AbiParameter;
  if (type.is !== "array") return { type: typeText(type) };
  const of = parameter(type.of);
  return { ...of, type: `${of.type}[${type.length ?? ""}]` };
}

/** A value in viem's words. */
function theirs(value: Argument): unknown {
  if (value instanceof Uint8Array) return toHex(value);
  return Array.isArray(value) ? value.map(theirs) : value;
}

/** viem gives numbers of up to 48 bits as numbers. */
const plain = (value: unknown): unknown => {
  if (typeof value === "number") return BigInt(value);
  return Array.isArray(value) ? value.map(plain) : value;
};

const SMALL = /^(?:u?int)(?:8|16|24|32|40|48)$/;

/** The same where viem wants small numbers as numbers. */
function small(type: Type, value: Argument): unknown {
  if (type.is === "tuple") return (value as readonly Argument[]).map((one, at) => small(type.of[at] as Type, one));
  if (type.is === "array") return (value as readonly Argument[]).map((one) => small(type.of, one));
  return SMALL.test(typeText(type)) ? Number(value) : theirs(value);
}

test("arguments are encoded byte for byte as viem encodes them, and viem reads the same values", () => {
  fc.assert(
    fc.property(list, (all) => {
      const types = all.map(({ type }) => type);
      const values = all.map(({ value }) => value);
      const parameters = types.map(parameter);
      const bytes = writeArguments(types, values, "values");
      const given = all.map(({ type, value }) => small(type, value));
      assert.equal(toHex(bytes), encodeAbiParameters(parameters, given as never));
      const read = decodeAbiParameters(parameters, toHex(bytes));
      assert.deepEqual(plain([...read]), values.map(theirs));
    }),
    FIXED,
  );
});

test("what a changed byte makes of arguments is refused, or is what viem reads and writes as well", () => {
  let accepted = 0;
  fc.assert(
    fc.property(list, fc.nat(), fc.integer({ min: 1, max: 255 }), (all, place, mask) => {
      const types = all.map(({ type }) => type);
      const bytes = writeArguments(
        types,
        all.map(({ value }) => value),
        "values",
      );
      const changed = bytes.slice();
      const at = place % bytes.length;
      changed[at] = (changed[at] as number) ^ mask;
      const read = attempt(() => readArguments(types, changed, "data"));
      if (!read.ok) return assert.equal(read.code, "CALL_INVALID");
      accepted += 1;
      const parameters = types.map(parameter);
      const given = types.map((type, index) => small(type, read.value[index] as Argument));
      assert.equal(toHex(changed), encodeAbiParameters(parameters, given as never));
      assert.deepEqual(plain([...decodeAbiParameters(parameters, toHex(changed))]), read.value.map(theirs));
    }),
    { ...FIXED, numRuns: 1_000 },
  );
  assert.ok(accepted > 100, `only ${accepted} changed encodings are canonical`);
});

test("a call is built as viem encodes and serialises it, and read back whole", () => {
  fc.assert(
    fc.property(list, fc.bigInt({ min: 0n, max: 10n ** 24n }), (all, amount) => {
      const types = all.map(({ type }) => type);
      const signature = `go(${types.map(typeText).join(",")})`;
      fc.pre(attempt(() => parseMethod(signature, "method")).ok);
      assert.equal(`0x${evm.selector(signature)}`, toFunctionSelector(`function ${signature}`));
      const call = {
        method: signature,
        arguments: writeArguments(
          types,
          all.map(({ value }) => value),
          "values",
        ),
      };
      const to = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
      const order = { chainId: 1, nonce: 1, transfer: { asset: "native", to, amount }, call };
      const bytes = build(order, { gasLimit: 1_000_000, maxFeePerGas: 9n, maxPriorityFeePerGas: 1n });
      const abi = [
        { type: "function", name: "go", inputs: types.map(parameter), outputs: [], stateMutability: "payable" },
      ] as const;
      const args = all.map(({ type, value }) => small(type, value));
      const data = encodeFunctionData({ abi, functionName: "go", args } as never);
      const parsed = parseTransaction(toHex(bytes) as `0x02${string}`);
      assert.deepEqual([parsed.data, parsed.value ?? 0n, parsed.to], [data, amount, to.toLowerCase()]);
      const { called, other } = evm.read(bytes);
      assert.deepEqual(
        [called?.to, called?.amount, toHex(called?.data ?? new Uint8Array()), other],
        [to, amount, data, "unknown call"],
      );
    }),
    { ...FIXED, numRuns: 150 },
  );
});
