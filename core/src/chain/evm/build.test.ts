/** The builder: its exact bytes, and everything it refuses. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, toHex } from "../../bytes.ts";
import type { Order, Transfer } from "../types.ts";
import { build, dearest, type EvmContext, FEE_LIMIT, GAS_LIMIT_MAX, intrinsicGas } from "./build.ts";

const TO = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed";
const TOKEN = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359";
const ZERO = `0x${"0".repeat(40)}`;
const context: EvmContext = { gasLimit: 60_000, maxFeePerGas: 30n, maxPriorityFeePerGas: 2n };

type Change = { order?: Partial<Order>; transfer?: Partial<Transfer>; context?: Partial<EvmContext> };

function built(change: Change): string {
  const transfer: Transfer = { asset: "native", to: TO, amount: 5n, ...change.transfer };
  return toHex(build({ chainId: 1, nonce: 0, transfer, ...change.order }, { ...context, ...change.context }));
}

test("EIP-1559: a native transfer is nine fields after the type byte", () => {
  const fields = ["01", "80", "02", "1e", "82ea60", `94${TO.slice(2).toLowerCase()}`, "05", "80", "c0"];
  assert.equal(built({}), `02${(0xc0 + fields.join("").length / 2).toString(16)}${fields.join("")}`);
});

test("EIP-20: a token transfer pays the contract nothing and names payee and amount in 68 bytes", () => {
  const bytes = built({ transfer: { asset: TOKEN, amount: 2n ** 256n - 1n } });
  const data = `a9059cbb${"0".repeat(24)}${TO.slice(2).toLowerCase()}${"f".repeat(64)}`;
  assert.ok(bytes.endsWith(`94${TOKEN.slice(2).toLowerCase()}80b844${data}c0`));
});

test("EIP-7623: gas of the bytes alone", () => {
  assert.equal(intrinsicGas(new Uint8Array()), 21_000);
  assert.equal(intrinsicGas(fromHex("0001ff")), 21_000 + 10 * (1 + 4 + 4));
});

test("gas below what the bytes cost is refused, at the very unit", () => {
  built({ context: { gasLimit: 21_000 } });
  assert.throws(() => built({ context: { gasLimit: 20_999 } }), { code: "GAS_TOO_LOW", field: "gasLimit" });
  assert.throws(() => built({ context: { gasLimit: -1 } }), { code: "GAS_TOO_LOW" });
  const transfer = { asset: TOKEN, amount: 1n };
  const least = 21_000 + 10 * (4 * (4 + 20 + 1) + 12 + 31);
  built({ transfer, context: { gasLimit: least } });
  assert.throws(() => built({ transfer, context: { gasLimit: least - 1 } }), { code: "GAS_TOO_LOW" });
});

test("context and numbers beyond their limits are refused", () => {
  const bad: [string, Change][] = [
    ["chainId", { order: { chainId: 0 } }],
    ["chainId", { order: { chainId: -1 } }],
    ["chainId", { order: { chainId: 1.5 } }],
    ["chainId", { order: { chainId: 2 ** 53 } }],
    ["nonce", { order: { nonce: -1 } }],
    ["nonce", { order: { nonce: 0.5 } }],
    ["nonce", { order: { nonce: 2 ** 53 } }],
    ["nonce", { order: { nonce: Number.NaN } }],
    ["maxFeePerGas", { context: { maxFeePerGas: -1n, maxPriorityFeePerGas: -1n } }],
    ["maxFeePerGas", { context: { maxFeePerGas: FEE_LIMIT } }],
    ["maxPriorityFeePerGas", { context: { maxPriorityFeePerGas: -1n } }],
    ["maxPriorityFeePerGas", { context: { maxPriorityFeePerGas: 31n } }],
    ["gasLimit", { context: { gasLimit: GAS_LIMIT_MAX + 1 } }],
    ["gasLimit", { context: { gasLimit: 60_000.5 } }],
    ["gasLimit", { context: { gasLimit: Number.POSITIVE_INFINITY } }],
  ];
  for (const [field, change] of bad) assert.throws(() => built(change), { code: "CONTEXT_INVALID", field });
});

test("limits themselves are allowed", () => {
  built({ order: { chainId: Number.MAX_SAFE_INTEGER, nonce: Number.MAX_SAFE_INTEGER } });
  built({ context: { gasLimit: GAS_LIMIT_MAX, maxFeePerGas: FEE_LIMIT - 1n, maxPriorityFeePerGas: FEE_LIMIT - 1n } });
  built({ context: { maxFeePerGas: 0n, maxPriorityFeePerGas: 0n }, transfer: { amount: 0n } });
});

test("addresses and amounts that cannot be are refused", () => {
  assert.throws(() => built({ transfer: { to: TO.toLowerCase() } }), { code: "ADDRESS_INVALID", field: "transfer.to" });
  assert.throws(() => built({ transfer: { to: ZERO } }), { code: "ADDRESS_INVALID", field: "transfer.to" });
  assert.throws(() => built({ transfer: { asset: ZERO } }), { code: "ADDRESS_INVALID", field: "transfer.asset" });
  assert.throws(() => built({ transfer: { asset: "ETH" } }), { code: "ADDRESS_INVALID", field: "transfer.asset" });
  assert.throws(() => built({ transfer: { amount: -1n } }), { code: "BAD_VALUE", field: "transfer.amount" });
  assert.throws(() => built({ transfer: { amount: 2n ** 256n } }), { code: "BAD_VALUE", field: "transfer.amount" });
});

test("a call carries value to the contract, its selector and its arguments as they are", () => {
  const call = { method: "deposit(uint256)", arguments: fromHex(`${"00".repeat(31)}2a`) };
  const bytes = built({ order: { call }, transfer: { amount: 7n } });
  assert.ok(bytes.endsWith(`94${TO.slice(2).toLowerCase()}07a4b6b55f25${"00".repeat(31)}2ac0`));
  const none = built({ order: { call: { method: "ping()", arguments: new Uint8Array() } }, transfer: { amount: 0n } });
  assert.ok(none.endsWith(`94${TO.slice(2).toLowerCase()}80845c36b186c0`));
  const token = { asset: TOKEN, amount: 1n };
  assert.throws(() => built({ order: { call }, transfer: token }), { code: "BAD_VALUE", field: "transfer.asset" });
});

test("the dearest context within a fee leaves less than the gas of the bytes, and no rate beyond its range", () => {
  const native = { asset: "native", to: TO, amount: 5n };
  const offered = dearest({ transfer: native }, 42_000_021_000n);
  assert.deepEqual(offered, { gasLimit: 21_000, maxFeePerGas: 2_000_001n, maxPriorityFeePerGas: 2_000_001n });
  build({ chainId: 1, nonce: 0, transfer: native }, offered);
  const token = dearest({ transfer: { ...native, asset: TOKEN } }, 10n ** 15n);
  assert.ok(token.gasLimit > 21_000);
  assert.ok(10n ** 15n - BigInt(token.gasLimit) * token.maxFeePerGas < BigInt(token.gasLimit));
  assert.equal(dearest({ transfer: native }, 2n ** 256n - 1n).maxFeePerGas, FEE_LIMIT - 1n);
  assert.equal(dearest({ transfer: native }, 20_999n).maxFeePerGas, 0n);
});
