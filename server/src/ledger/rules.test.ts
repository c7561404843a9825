/** What deposits and payments become in the books. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  bookDeposit,
  creditorOf,
  type DepositBooking,
  finaliseDeposit,
  type PaymentBooking,
  payerOf,
  positionKey,
  releasePayment,
  reservePayment,
  reverseDeposit,
  settlePayment,
  walletKey,
} from "./rules.ts";

const OMNIBUS = { wallet: "hot", client: null };
const SEGREGATED = { wallet: "cold-alice", client: "alice" };
const HOUSE = { type: "house", subject: "" } as const;
const ALICE = { type: "client", subject: "alice" } as const;
const BOB = { type: "client", subject: "bob" } as const;

const DEPOSIT: DepositBooking = { id: "d1", at: 1_900_000_000_000, wallet: OMNIBUS, creditor: BOB, asset: "usdc", amount: 5n };
const PAYMENT: PaymentBooking = {
  id: "e1",
  at: 1_900_000_000_000,
  wallet: SEGREGATED,
  payer: ALICE,
  asset: "usdc",
  amount: 50n,
  native: "eth",
  totalFee: 9n,
};

test("who pays and whose a deposit is", () => {
  assert.deepEqual(payerOf(SEGREGATED, "bob"), ALICE);
  assert.deepEqual(payerOf(OMNIBUS, "bob"), BOB);
  assert.deepEqual(payerOf(OMNIBUS, null), HOUSE);
  assert.deepEqual(creditorOf(SEGREGATED, { addressClient: "bob", payer: HOUSE }), ALICE);
  assert.deepEqual(creditorOf(OMNIBUS, { addressClient: "bob", payer: HOUSE }), BOB);
  assert.deepEqual(creditorOf(OMNIBUS, { addressClient: null, payer: ALICE }), ALICE);
  assert.deepEqual(creditorOf(OMNIBUS, { addressClient: null, payer: null }), { type: "unassigned", subject: "" });
});

test("a segregated wallet is a pool of its own", () => {
  assert.deepEqual(walletKey(SEGREGATED, "eth"), { type: "wallet", subject: "cold-alice", pool: "cold-alice", asset: "eth" });
  assert.deepEqual(positionKey(ALICE, SEGREGATED, "eth"), { ...ALICE, pool: "cold-alice", asset: "eth" });
  assert.deepEqual(walletKey(OMNIBUS, "eth"), { type: "wallet", subject: "hot", pool: "omnibus", asset: "eth" });
});

test("a deposit is pending, then posted or voided, under ids that are the same each time", () => {
  const [seen] = bookDeposit(DEPOSIT);
  assert.deepEqual(bookDeposit(DEPOSIT), [seen]);
  const terms = { amount: 5n, asset: "usdc", debit: walletKey(OMNIBUS, "usdc"), credit: positionKey(BOB, OMNIBUS, "usdc") };
  assert.deepEqual(seen, { ...terms, id: seen?.id, kind: "pending", cause: "deposit:d1" });
  const [posted] = finaliseDeposit(DEPOSIT);
  assert.deepEqual(posted, { ...terms, id: posted?.id, kind: "post", pending: seen?.id, cause: "deposit:d1" });
  const [voided] = reverseDeposit(DEPOSIT);
  assert.deepEqual(voided, { ...terms, id: voided?.id, kind: "void", pending: seen?.id, cause: "deposit:d1" });
  assert.equal(new Set([seen?.id, posted?.id, voided?.id]).size, 3);
  assert.deepEqual(bookDeposit({ ...DEPOSIT, amount: 0n }), []);
  assert.deepEqual(finaliseDeposit({ ...DEPOSIT, amount: 0n }), []);
});

test("a payment holds amount and highest fee, moves what was spent and releases the rest", () => {
  const [amount, fee] = reservePayment(PAYMENT);
  assert.deepEqual([amount?.amount, amount?.asset, fee?.amount, fee?.asset], [50n, "usdc", 9n, "eth"]);
  assert.deepEqual(amount?.debit, positionKey(ALICE, SEGREGATED, "usdc"));
  assert.deepEqual(fee?.credit, walletKey(SEGREGATED, "eth"));
  const summary = (transfers: ReturnType<typeof settlePayment>) =>
    transfers.map((transfer) => [transfer.kind, transfer.amount, "pending" in transfer ? transfer.pending : null]);
  assert.deepEqual(summary(settlePayment(PAYMENT, { moved: 50n, fee: 4n })), [
    ["post", 50n, amount?.id],
    ["post", 4n, fee?.id],
  ]);
  assert.deepEqual(summary(settlePayment(PAYMENT, { moved: 0n, fee: 4n })), [
    ["void", 50n, amount?.id],
    ["post", 4n, fee?.id],
  ]);
  assert.deepEqual(summary(releasePayment(PAYMENT)), [
    ["void", 50n, amount?.id],
    ["void", 9n, fee?.id],
  ]);
  const cancellation = { ...PAYMENT, amount: 0n };
  assert.deepEqual(summary(settlePayment(cancellation, { moved: 0n, fee: 3n })), [["post", 3n, fee?.id]]);
  const ids = [reservePayment(PAYMENT), settlePayment(PAYMENT, { moved: 1n, fee: 1n }), releasePayment(PAYMENT)];
  assert.equal(new Set(ids.flat().map(({ id }) => id)).size, 6);
});
