/** What an execution is made of, and what the vault's signed answer must say of it. Pure. */
import { concat, fromHex, type Hash } from "@strongroom/core/bytes";
import { evm } from "@strongroom/core/chain/evm/evm";
import { attempt } from "@strongroom/core/errors";
import { type Transfer, transferId } from "@strongroom/core/ledger/transfer";
import { ExecutionBody } from "@strongroom/core/protocol/command";
import type { Book } from "@strongroom/core/rulebook/book";
import type { Intent, IntentOf } from "@strongroom/core/signed/intent";
import { decode } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import type { Fees } from "../chain/types.ts";
import { type Holding, type PaymentBooking, payerOf, releasePayment, reservePayment, settlePayment } from "../ledger/rules.ts";
import { openSigned } from "../vault/signed.ts";

export type OnChain = IntentOf<"pay" | "cancel" | "call">;

export function isOnChain(intent: Intent): intent is OnChain {
  return intent.kind === "pay" || intent.kind === "cancel" || intent.kind === "call";
}

/** What a transaction moves: a cancellation nothing of the native asset, a call the native value that goes along.
 *  `contract`: the token's, if it is one. */
export type Movement = {
  readonly chain: number;
  readonly native: string;
  readonly asset: string;
  readonly contract: string | undefined;
  readonly wallet: string;
  readonly amount: bigint;
  readonly totalFee: bigint;
};

/** The movement of an intent, or null when the rulebook does not know its chain or asset. */
export function movementOf(intent: OnChain, book: Pick<Book, "chains" | "assets">): Movement | null {
  const chain = book.chains.get(intent.chain);
  if (chain === undefined) return null;
  const asset = book.assets.get(intent.kind === "pay" ? intent.asset : chain.native);
  if (asset === undefined || asset.chain !== intent.chain) return null;
  const { wallet, totalFee } = intent;
  const amount = intent.kind === "cancel" ? 0n : intent.amount;
  return { chain: chain.id, native: chain.native, asset: asset.id, contract: asset.contract, wallet, amount, totalFee };
}

/** What is sent to the contract that an intent calls, or nothing. */
export function calldataOf(intent: OnChain): { readonly data?: Uint8Array } {
  return intent.kind === "call" ? { data: concat(fromHex(evm.selector(intent.method)), intent.arguments) } : {};
}

export type SignedTransaction = ExecutionBody["transactions"][number];

/** What the vault answered to `execute` or `show execution`: how far it is, and the transaction of this intent, if it is
 *  out. */
export type Progress = {
  readonly state: string;
  readonly transaction: SignedTransaction | null;
  /** Ids of older versions that are out. */
  readonly earlier: readonly string[];
};

/** Reads the body of an execution's receipt, or null when it is none. */
export function progressOf(body: Uint8Array, intent: string): Progress | null {
  const read = attempt(() => decode(ExecutionBody, body));
  if (!read.ok) return null;
  const transaction = read.value.transactions.find((item) => item.intent === intent) ?? null;
  const earlier = (read.value.earlier ?? []).filter((item) => item.intent === intent).map(({ id }) => id);
  return { state: read.value.state, transaction, earlier };
}

/** Whether a stored execution's receipt is the vault's and is about its request; one without a receipt has nothing to show
 *  yet. */
export function isReceiptWhole(
  row: { readonly request: string; readonly receipt: Uint8Array | null },
  { line, deployment }: { readonly line: readonly Uint8Array[]; readonly deployment: Hash },
): boolean {
  if (row.receipt === null) return true;
  const receipt = openSigned(Receipt, row.receipt, line);
  if (receipt === null || receipt.deployment !== deployment || receipt.code !== "OK") return false;
  return progressOf(receipt.body, row.request)?.transaction != null;
}

/** An execution with what the ledger holds for it. */
export type Held = {
  readonly id: string;
  readonly createdAt: Date;
  readonly wallet: Holding;
  readonly client: string | null;
  readonly asset: string;
  readonly native: string;
  readonly heldAmount: bigint;
  readonly heldFee: bigint;
};

/** The hold of an execution, as the ledger books it. */
export function bookingOf(held: Held): PaymentBooking {
  return {
    id: held.id,
    at: held.createdAt.getTime(),
    wallet: held.wallet,
    payer: payerOf(held.wallet, held.client),
    asset: held.asset,
    amount: held.heldAmount,
    native: held.native,
    totalFee: held.heldFee,
  };
}

/** What the end of one transaction books: what it really moved and cost is paid by the execution whose version it was;
 *  whatever else was held for the versions of it is released. `moved`: 0 when it failed on the chain; more than was held
 *  when a token takes a fee on top, which the position of the payer has to cover. */
export function settleSlot(
  winner: Held,
  { others, moved, fee }: { readonly others: readonly Held[]; readonly moved: bigint; readonly fee: bigint },
): readonly Transfer[] {
  const own = bookingOf(winner);
  const isCovered = moved <= own.amount && fee <= own.totalFee;
  if (others.length === 0 && isCovered) return settlePayment(own, { moved, fee });
  const released = [winner, ...others].flatMap((held) => releasePayment(bookingOf(held)));
  return [...released, ...payNow(own, { moved, fee })];
}

/** A payment booked at once, without a hold of its own. */
function payNow(payment: PaymentBooking, spent: { readonly moved: bigint; readonly fee: bigint }): readonly Transfer[] {
  const paid = { ...payment, amount: spent.moved, totalFee: spent.fee };
  return reservePayment(paid).map((held, at): Transfer => {
    const { amount, asset, debit, credit, cause } = held;
    const id = transferId({ cause, step: `paid-${asset}-${at}`, at: payment.at });
    return { id, kind: "posted", amount, asset, debit, credit, cause };
  });
}

/** What a replacement has to set aside beyond what the versions before it already have. */
export function beyond(
  wanted: { readonly amount: bigint; readonly fee: bigint },
  held: readonly Pick<Held, "heldAmount" | "heldFee">[],
): { readonly amount: bigint; readonly fee: bigint } {
  const sum = (of: (one: Pick<Held, "heldAmount" | "heldFee">) => bigint) => held.reduce((total, one) => total + of(one), 0n);
  const more = (need: bigint, have: bigint) => (need > have ? need - have : 0n);
  return {
    amount: more(
      wanted.amount,
      sum((one) => one.heldAmount),
    ),
    fee: more(
      wanted.fee,
      sum((one) => one.heldFee),
    ),
  };
}

/** The answer to the fees that the nodes ask for. Where the vault holds a version that offers more, which it may have signed
 *  for others or held back, it is asked with more, as long as the total fee allows it. `contextFor`: above what was asked
 *  `before`. */
export async function outbid<C extends Fees, R extends { readonly code: string }>(
  contextFor: (before: C | null) => Promise<C>,
  ask: (context: C) => Promise<R>,
): Promise<R> {
  let context = await contextFor(null);
  for (;;) {
    const answer = await ask(context);
    if (answer.code !== "FEE_TOO_LOW") return answer;
    const dearer = await contextFor(context);
    if (!isDearer(dearer, context)) return answer;
    context = dearer;
  }
}

const isDearer = (one: Fees, other: Fees): boolean =>
  one.maxFeePerGas > other.maxFeePerGas && one.maxPriorityFeePerGas > other.maxPriorityFeePerGas;
