/** What is done when a chain shows something: deposits are booked, executions move on, and an event tells it, all of it in
 *  the block's own transaction. Here, because the chain gateway knows neither ledger nor executions. */
import type { Transfer } from "@strongroom/core/ledger/transfer";
import { trackedTransaction } from "../chain/store.ts";
import type { Deposit, Observers } from "../chain/types.ts";
import type { Tx } from "../db/tables.ts";
import { emit } from "../events/store.ts";
import { observeExecutions } from "../executions/jobs.ts";
import { findExecution } from "../executions/store.ts";
import {
  bookDeposit,
  creditorOf,
  type DepositBooking,
  finaliseDeposit,
  HOUSE,
  type Payer,
  payerOf,
  reverseDeposit,
} from "../ledger/rules.ts";
import { partiesOf, post } from "../ledger/store.ts";
import { findWallet } from "../wallets/store.ts";
import type { House } from "./context.ts";
import { limits } from "./limits.ts";

export function observers(house: Pick<House, "now" | "db" | "vault">): Observers {
  const books = new Books();
  const book = (tx: Tx, transfers: readonly Transfer[]) => books.add(tx, transfers);
  return {
    async depositSeen(tx, deposit) {
      await tell(tx, deposit, "seen");
      book(tx, bookDeposit(await bookingOf(tx, deposit)));
    },
    async depositFinal(tx, deposit) {
      await tell(tx, deposit, "booked");
      book(tx, finaliseDeposit(await bookedAs(tx, deposit, books)));
    },
    async depositReorged(tx, deposit) {
      await tell(tx, deposit, "reorged");
      book(tx, reverseDeposit(await bookedAs(tx, deposit, books)));
    },
    depositOdd: (tx, deposit) => tell(tx, deposit, "suspected"),
    ...observeExecutions(house, book),
    blockEnded: (tx) => books.close(tx),
  };
}

/** What a block books, gathered and posted at its end, so that its accounts are locked once and in one order. */
class Books {
  readonly #open = new WeakMap<Tx, Transfer[]>();

  add(tx: Tx, transfers: readonly Transfer[]): void {
    this.#open.set(tx, [...this.gathered(tx), ...transfers]);
  }
  gathered(tx: Tx): readonly Transfer[] {
    return this.#open.get(tx) ?? [];
  }
  async close(tx: Tx): Promise<void> {
    const all = this.gathered(tx);
    this.#open.delete(tx);
    const most = limits.ledger.transfers;
    for (let at = 0; at < all.length; at += most) await post(tx, all.slice(at, at + most));
  }
}

async function tell(tx: Tx, deposit: Deposit, what: string): Promise<void> {
  const { id, chain, tx: transaction, place, wallet, index, asset, contract, amount, reason, block, unit, client } = deposit;
  const where = { chain, transaction, place, block, wallet, index };
  const data = { ...where, asset, contract, amount: amount.toString(), reason };
  await emit(tx, { type: `deposit.${what}`, subject: `deposit:${id}`, actor: "chain", unit, client, data });
}

/** The institution has what comes to an address of its own omnibus wallet that no client was given. */
async function bookingOf(tx: Tx, deposit: Deposit): Promise<DepositBooking> {
  const { id, wallet: name, client, asset, amount, seenAt } = deposit;
  const wallet = { wallet: name, client: (await findWallet(tx, name))?.client ?? null };
  const payer = (await payerBehind(tx, deposit)) ?? HOUSE;
  const creditor = creditorOf(wallet, { addressClient: client, payer });
  return { id, at: seenAt.getTime(), wallet, creditor, asset: asset ?? "", amount };
}

/** The booking of a deposit with the creditor that it was seen with, whatever is known of its sender now. */
async function bookedAs(tx: Tx, deposit: Deposit, books: Books): Promise<DepositBooking> {
  const booking = await bookingOf(tx, deposit);
  const [seen] = bookDeposit(booking);
  if (seen === undefined) return booking;
  const parties = books.gathered(tx).find(({ id }) => id === seen.id) ?? (await partiesOf(tx, seen.id));
  if (parties === null) throw new Error(`deposit ${deposit.id} was never booked as seen`);
  const { type, subject } = parties.credit;
  return { ...booking, creditor: { type, subject } as DepositBooking["creditor"] };
}

/** Who paid, when the deposit is a payment out of another wallet of ours. */
async function payerBehind(tx: Tx, { chain, tx: id }: Deposit): Promise<Payer | null> {
  const ours = await trackedTransaction(tx, { chain, id });
  const execution = ours === null ? undefined : await findExecution(tx, ours.execution);
  if (execution === undefined) return null;
  const wallet = await findWallet(tx, execution.wallet);
  return payerOf({ wallet: execution.wallet, client: wallet?.client ?? null }, execution.client);
}
