import assert from "node:assert/strict";
import { test } from "node:test";
import { secp256k1 } from "@noble/curves/secp256k1.js";
import type { Hash } from "@strongroom/core/bytes";
import { evm } from "@strongroom/core/chain/evm/evm";
import type { Order } from "@strongroom/core/chain/types";
import { ExecutionBody } from "@strongroom/core/protocol/command";
import type { Book } from "@strongroom/core/rulebook/book";
import type { Nonce } from "@strongroom/core/signed/fields";
import type { Intent } from "@strongroom/core/signed/intent";
import { encode } from "@strongroom/core/signed/object";
import { transactionOf } from "./transaction.ts";

const CHAIN = 31_337;
const TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
const PAYEE = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const OTHER = "0x3C44CdDdB6a900fa2b585dd299e03d12FA4293BC";
const hash = (byte: number) => byte.toString(16).padStart(2, "0").repeat(32) as Hash;
const assets = new Map([
  ["eth", { id: "eth", chain: CHAIN, decimals: 18 }],
  ["usdx", { id: "usdx", chain: CHAIN, contract: TOKEN, decimals: 6 }],
]);
const book = { assets } as unknown as Book;

const payment = {
  version: 1,
  kind: "pay",
  deployment: hash(1),
  initiator: hash(2),
  purpose: "",
  reference: "r",
  notAfter: 1,
  nonce: "00".repeat(16) as Nonce,
  chain: CHAIN,
  wallet: "treasury",
  destination: { entry: "northwind", hash: hash(3), address: PAYEE },
  asset: "eth",
  amount: 5n,
  totalFee: 21_000n * 10n,
} as const satisfies Intent;
const request = { id: hash(4), intent: payment as Intent };

const key = new Uint8Array(32).fill(7);
const from = evm.address(secp256k1.getPublicKey(key, true));
const plain: Order = { chainId: CHAIN, nonce: 0, transfer: { asset: "native", to: PAYEE, amount: 5n } };
const fees = { gasLimit: 21_000, maxFeePerGas: 10n, maxPriorityFeePerGas: 1n };

/** What a vault would return that has signed this order. */
function executed(
  order: Order,
  { context = fees, intent = request.id }: { context?: typeof fees; intent?: Hash } = {},
): Uint8Array {
  const unsigned = evm.build(order, context);
  const recovered = secp256k1.sign(evm.digest(unsigned), key, { prehash: false, format: "recovered" });
  const { raw, id } = evm.assemble(unsigned, Uint8Array.of(...recovered.subarray(1), recovered[0] ?? 0));
  return encode(ExecutionBody, {
    job: hash(5),
    state: "signed",
    transactions: [{ intent, id, raw, from, slots: [] }],
  });
}

test("the transaction that the intent asks for is taken", () => {
  assert.equal(transactionOf(book, executed(plain), request).from, from);
  const transfer = { asset: TOKEN, to: PAYEE, amount: 5n };
  const wide = { ...fees, gasLimit: 60_000 };
  const token = { id: request.id, intent: { ...payment, asset: "usdx", totalFee: 600_000n } as Intent };
  assert.equal(transactionOf(book, executed({ ...plain, transfer }, { context: wide }), token).intent, request.id);
});

test("a cancellation pays nothing to ourselves", () => {
  const { destination: _, asset: __, amount: ___, ...common } = payment;
  const intent = { ...common, kind: "cancel", replaces: hash(9) } as Intent;
  const itself = { ...plain, transfer: { asset: "native", to: from, amount: 0n } };
  assert.equal(transactionOf(book, executed(itself), { id: request.id, intent }).from, from);
  assert.throws(() => transactionOf(book, executed(plain), { id: request.id, intent }), { code: "EXECUTION_WRONG" });
});

test("a transaction that does anything else is an alarm", () => {
  const wrong = (bytes: Uint8Array) => assert.throws(() => transactionOf(book, bytes, request), { code: "EXECUTION_WRONG" });
  wrong(executed({ ...plain, transfer: { ...plain.transfer, to: OTHER } }));
  wrong(executed({ ...plain, transfer: { ...plain.transfer, amount: 6n } }));
  wrong(executed({ ...plain, chainId: 1 }));
  wrong(executed({ ...plain, transfer: { asset: TOKEN, to: PAYEE, amount: 5n } }, { context: { ...fees, gasLimit: 60_000 } }));
  wrong(executed(plain, { context: { ...fees, maxFeePerGas: 11n } }));
  wrong(executed(plain, { intent: hash(8) }));
  wrong(Uint8Array.of(1));
});

test("a call carries its method, its arguments and its value, and nothing beside them", () => {
  const { asset: _, destination, ...common } = payment;
  const given = new Uint8Array(32).fill(1);
  const call = {
    ...common,
    kind: "call",
    destination,
    method: "deposit(uint256)",
    arguments: given,
    totalFee: 600_000n,
  } as const;
  const asked = { id: request.id, intent: call as Intent };
  const context = { ...fees, gasLimit: 60_000 };
  const take = (order: Partial<Order>) => transactionOf(book, executed({ ...plain, ...order }, { context }), asked);
  const made = { method: call.method, arguments: given };
  assert.equal(take({ call: made }).from, from);
  const { transfer } = plain;
  for (const wrong of [
    {},
    { call: { ...made, method: "withdraw(uint256)" } },
    { call: { ...made, arguments: new Uint8Array(32).fill(2) } },
    { call: { ...made, arguments: new Uint8Array(33).fill(1) } },
    { call: made, transfer: { ...transfer, amount: 6n } },
    { call: made, transfer: { ...transfer, to: OTHER } },
    { call: made, chainId: 1 },
    { transfer: { asset: TOKEN, to: PAYEE, amount: 5n } },
  ])
    assert.throws(() => take(wrong), { code: "EXECUTION_WRONG" });
  const dear = executed({ ...plain, call: made }, { context: { ...context, maxFeePerGas: 11n } });
  assert.throws(() => transactionOf(book, dear, asked), { code: "EXECUTION_WRONG" });
});
