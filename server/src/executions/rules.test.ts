import assert from "node:assert/strict";
import { test } from "node:test";
import { feesWithin } from "../chain/rules.ts";
import type { Uuid } from "../db/ids.ts";
import { beyond, bookingOf, type Held, outbid, settleSlot } from "./rules.ts";

const held = (id: string, heldAmount: bigint, heldFee: bigint): Held => ({
  id: id as Uuid,
  createdAt: new Date(1_795_330_800_000),
  wallet: { wallet: "treasury", client: null },
  client: null,
  asset: "usdx",
  native: "eth",
  heldAmount,
  heldFee,
});
const first = held("01a2101e-1308-7000-949b-3ddc983c7d01", 100n, 30n);
const second = held("01a2101e-1308-7000-949b-3ddc983c7d02", 0n, 20n);
const words = (transfers: ReturnType<typeof settleSlot>) =>
  transfers.map(({ kind, asset, amount }) => `${kind} ${amount} ${asset}`);

test("a replacement sets aside only what goes beyond the versions before it", () => {
  assert.deepEqual(beyond({ amount: 100n, fee: 50n }, [first]), { amount: 0n, fee: 20n });
  assert.deepEqual(beyond({ amount: 120n, fee: 40n }, [first, second]), { amount: 20n, fee: 0n });
  assert.deepEqual(beyond({ amount: 5n, fee: 7n }, []), { amount: 5n, fee: 7n });
});

test("one version alone pays out of its hold and releases the rest", () => {
  assert.deepEqual(words(settleSlot(first, { others: [], moved: 100n, fee: 12n })), ["post 100 usdx", "post 12 eth"]);
});

test("a transaction that failed moves nothing and costs its fee", () => {
  assert.deepEqual(words(settleSlot(first, { others: [], moved: 0n, fee: 12n })), ["void 100 usdx", "post 12 eth"]);
});

test("the version that was mined pays, and the holds of all are released in the same posting", () => {
  const all = ["void 100 usdx", "void 30 eth"];
  const paid = ["posted 100 usdx", "posted 45 eth"];
  assert.deepEqual(words(settleSlot(first, { others: [second], moved: 100n, fee: 45n })), [...all, "void 20 eth", ...paid]);
  assert.deepEqual(words(settleSlot(second, { others: [first], moved: 100n, fee: 45n })), ["void 20 eth", ...all, ...paid]);
});

test("a token that takes a fee on top is paid beyond the hold", () => {
  const transfers = settleSlot(first, { others: [], moved: 110n, fee: 12n });
  assert.deepEqual(words(transfers), ["void 100 usdx", "void 30 eth", "posted 110 usdx", "posted 12 eth"]);
});

test("the same end books the same transfers", () => {
  const end = () => settleSlot(second, { others: [first], moved: 100n, fee: 45n }).map(({ id }) => id);
  assert.deepEqual(end(), end());
  assert.equal(new Set(end()).size, end().length);
  assert.equal(bookingOf(first).payer.type, "house");
});

/** A vault that holds a version which offers `most`, asked with fees of 20 within a total fee for 21,000 gas. */
async function asked(most: bigint, perGas: bigint) {
  const wanted = { gasLimit: 21_000, maxFeePerGas: 20n, maxPriorityFeePerGas: 1n };
  const offered: bigint[] = [];
  const answer = await outbid<typeof wanted, { code: string }>(
    async (before) => feesWithin(wanted, { totalFee: 21_000n * perGas, over: before ?? undefined }),
    async ({ maxFeePerGas }) => {
      offered.push(maxFeePerGas);
      return { code: maxFeePerGas > most ? "OK" : "FEE_TOO_LOW" };
    },
  );
  return { code: answer.code, offered };
}

test("a version that nobody here has seen is outbid, an eighth at a time", async () => {
  assert.deepEqual(await asked(28n, 100n), { code: "OK", offered: [20n, 23n, 26n, 30n] });
  assert.deepEqual((await asked(0n, 100n)).offered, [20n]);
});

test("outbidding ends where the total fee does", async () => {
  assert.deepEqual(await asked(1_000n, 25n), { code: "FEE_TOO_LOW", offered: [20n, 23n, 25n] });
});
