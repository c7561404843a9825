/** What is booked when: deposits and payments as transfers. Pure; docs/spec/ledger.md says why. The ids of the transfers
 *  follow from their cause, so that whoever books the same again changes nothing. */
import type { AccountKey } from "@strongroom/core/ledger/account";
import { type Transfer, transferId } from "@strongroom/core/ledger/transfer";

/** The pool of all wallets that belong to no client alone. */
export const OMNIBUS = "omnibus";

/** A wallet, and the client that it is segregated for, if any. */
export type Holding = { readonly wallet: string; readonly client: string | null };

/** Whose position takes a payment, and whose a deposit goes to. */
export type Payer = { readonly type: "client" | "house"; readonly subject: string };
export type Creditor = Payer | { readonly type: "unassigned"; readonly subject: "" };

export const HOUSE: Payer = { type: "house", subject: "" };
const clientOf = (name: string): Payer => ({ type: "client", subject: name });

/** The wallet's client pays; from an omnibus wallet the request's client, or else the institution. */
export function payerOf(wallet: Holding, requestClient: string | null): Payer {
  const client = wallet.client ?? requestClient;
  return client === null ? HOUSE : clientOf(client);
}

/** A deposit is the wallet's client's; in an omnibus wallet that of the address's client, or else of whoever paid it out of
 *  another wallet of ours. What is left is nobody's yet. */
export function creditorOf(
  wallet: Holding,
  { addressClient, payer }: { readonly addressClient: string | null; readonly payer: Payer | null },
): Creditor {
  const client = wallet.client ?? addressClient;
  return client === null ? (payer ?? { type: "unassigned", subject: "" }) : clientOf(client);
}

export function walletKey({ wallet, client }: Holding, asset: string): AccountKey {
  return { type: "wallet", subject: wallet, pool: poolOf({ wallet, client }), asset };
}

/** The account of a client, of the institution or of nobody in the wallet's pool. */
export function positionKey({ type, subject }: Creditor, wallet: Holding, asset: string): AccountKey {
  return { type, subject, pool: poolOf(wallet), asset };
}

function poolOf({ wallet, client }: Holding): string {
  return client === null ? OMNIBUS : wallet;
}

/** `id`: of one movement in one block; the same movement in another block is another deposit. `at`: the block's time in
 *  milliseconds, part of the ids of the transfers. */
export type DepositBooking = {
  readonly id: string;
  readonly at: number;
  readonly wallet: Holding;
  readonly creditor: Creditor;
  readonly asset: string;
  readonly amount: bigint;
};

/** A deposit is in a block that may go away. */
export function bookDeposit(deposit: DepositBooking): Transfer[] {
  return deposit.amount === 0n ? [] : [{ ...depositTerms(deposit), id: depositStep(deposit, "seen"), kind: "pending" }];
}

/** Its block is final. */
export function finaliseDeposit(deposit: DepositBooking): Transfer[] {
  return resolveDeposit(deposit, { kind: "post", step: "final" });
}

/** Its block is no part of the chain any more. Only what is pending goes back: a final deposit is never taken back, since a
 *  chain that is reorganised below what was final is halted before anything is booked. */
export function reverseDeposit(deposit: DepositBooking): Transfer[] {
  return resolveDeposit(deposit, { kind: "void", step: "reorged" });
}

function resolveDeposit(deposit: DepositBooking, { kind, step }: { kind: "post" | "void"; step: string }): Transfer[] {
  return bookDeposit(deposit).map(({ id, amount, asset, debit, credit, cause }) => {
    return { id: depositStep(deposit, step), kind, pending: id, amount, asset, debit, credit, cause };
  });
}

function depositTerms({ id, wallet, creditor, asset, amount }: DepositBooking) {
  return {
    amount,
    asset,
    debit: walletKey(wallet, asset),
    credit: positionKey(creditor, wallet, asset),
    cause: `deposit:${id}`,
  };
}

function depositStep({ id, at }: DepositBooking, step: string): string {
  return transferId({ cause: `deposit:${id}`, step, at });
}

/** `id`: of the execution; `at`: when that was made, in milliseconds, part of the ids. `amount`: 0 for a cancellation.
 *  `totalFee`: most that all versions of the transaction together may cost, in the chain's `native` asset. */
export type PaymentBooking = {
  readonly id: string;
  readonly at: number;
  readonly wallet: Holding;
  readonly payer: Payer;
  readonly asset: string;
  readonly amount: bigint;
  readonly native: string;
  readonly totalFee: bigint;
};

/** Sets the amount and the highest fee aside, before the vault is asked. */
export function reservePayment(payment: PaymentBooking): Transfer[] {
  const legs = [
    { step: "amount", amount: payment.amount, asset: payment.asset },
    { step: "fee", amount: payment.totalFee, asset: payment.native },
  ];
  return legs
    .filter(({ amount }) => amount > 0n)
    .map(({ step, amount, asset }) => ({
      id: paymentStep(payment, `reserve-${step}`),
      kind: "pending",
      amount,
      asset,
      debit: positionKey(payment.payer, payment.wallet, asset),
      credit: walletKey(payment.wallet, asset),
      cause: causeOf(payment),
    }));
}

/** What became of a payment on its chain. `moved`: what left the wallet, 0 if it failed. `fee`: what the chain took. */
export type Outcome = { readonly moved: bigint; readonly fee: bigint };

/** The transaction is final: books what it moved and cost, and releases the rest. */
export function settlePayment(payment: PaymentBooking, { moved, fee }: Outcome): Transfer[] {
  const spent = payment.amount > 0n ? [moved, fee] : [fee];
  return reservePayment(payment).map((held, at) => resolvePayment(payment, held, spent[at] ?? 0n));
}

/** No version of the transaction can be final any more, or none was ever signed. */
export function releasePayment(payment: PaymentBooking): Transfer[] {
  return reservePayment(payment).map((held) => resolvePayment(payment, held, 0n));
}

function resolvePayment(payment: PaymentBooking, held: Transfer, spent: bigint): Transfer {
  const { id, amount, asset, debit, credit, cause } = held;
  const step = `${spent > 0n ? "post" : "void"} ${id}`;
  const terms = { id: paymentStep(payment, step), pending: id, asset, debit, credit, cause };
  return spent > 0n ? { ...terms, kind: "post", amount: spent } : { ...terms, kind: "void", amount };
}

const causeOf = ({ id }: PaymentBooking): string => `execution:${id}`;

function paymentStep(payment: PaymentBooking, step: string): string {
  return transferId({ cause: causeOf(payment), step, at: payment.at });
}
