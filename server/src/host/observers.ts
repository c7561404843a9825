/** What is done when a chain shows something: deposits are booked, executions move on, and an event tells it, all of it in
 *  the block's own transaction. Here, because the chain gateway knows neither ledger nor executions. */
import type { Transfer } from "@strongroom/core/ledger/transfer";
import { executionsBehind } from "../chain/store.ts";
import type { Deposit, Observers, Outflow } from "../chain/types.ts";
import type { Tx } from "../db/tables.ts";
import { type Emitted, emitAll } from "../events/store.ts";
import { observeExecutions } from "../executions/jobs.ts";
import { type ExecutionRow, findExecution } from "../executions/store.ts";
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
import { bookOutflows, explain, observeOutflows } from "../outflows/jobs.ts";
import { findWallets, type WalletRow } from "../wallets/store.ts";
import type { House } from "./context.ts";
import { limits } from "./limits.ts";

/** What a block shows of a deposit, as its event is named. `books`: whether the ledger has to do with it. */
type Shown = {
  readonly deposit: Deposit;
  readonly what: "seen" | "booked" | "reorged" | "suspected";
  readonly books: boolean;
};
/** What a block brings, written at its end: its accounts are locked once and in one order, and few statements do it all. Only
 *  what left without a payment of ours, which is rare, is booked by itself: from what all else leaves there. */
type Block = { readonly shown: Shown[]; readonly transfers: Transfer[]; readonly outflows: Outflow[] };

export function observers(house: Pick<House, "now" | "db" | "vault" | "chains">): Observers {
  const blocks = new WeakMap<Tx, Block>();
  const blockOf = (tx: Tx): Block => {
    const block = blocks.get(tx) ?? { shown: [], transfers: [], outflows: [] };
    blocks.set(tx, block);
    return block;
  };
  const show =
    (what: Shown["what"], books = true) =>
    async (tx: Tx, deposit: Deposit) =>
      void blockOf(tx).shown.push({ deposit, what, books });
  const executions = observeExecutions(house, (tx, transfers) => void blockOf(tx).transfers.push(...transfers));
  return {
    depositSeen: show("seen"),
    depositFinal: show("booked"),
    depositReorged: show("reorged"),
    depositOdd: show("suspected", false),
    depositOddReorged: show("reorged", false),
    ...executions,
    ...observeOutflows((tx, outflow) => void blockOf(tx).outflows.push(outflow)),
    async transactionIncluded(tx, it) {
      await executions.transactionIncluded(tx, it);
      await explain(tx, it);
    },
    async blockEnded(tx) {
      const { shown, transfers, outflows } = blockOf(tx);
      blocks.delete(tx);
      await emitAll(tx, shown.map(eventOf));
      const booked = shown.filter(({ books }) => books);
      const all = [...(await bookings(tx, booked)), ...transfers];
      const most = limits.ledger.transfers;
      for (let at = 0; at < all.length; at += most) await post(tx, all.slice(at, at + most));
      await bookOutflows(tx, outflows);
    },
  };
}

function eventOf({ deposit, what }: Shown): Emitted {
  const { id, chain, tx: transaction, place, wallet, index, asset, contract, sender, reason, block, unit, client } = deposit;
  const where = { chain, transaction, place, block, block_hash: deposit.blockHash, final_at: deposit.finalAt, wallet, index };
  const amounts = { amount: deposit.amount.toString(), logged: deposit.logged.toString() };
  const data = { ...where, asset, contract, sender, ...amounts, reason };
  return { type: `deposit.${what}`, subject: `deposit:${id}`, actor: "chain", unit, client, data };
}

/** What the deposits of a block book: those that are seen first, since the same block may make them final. */
async function bookings(tx: Tx, shown: readonly Shown[]): Promise<readonly Transfer[]> {
  const ground = await groundOf(
    tx,
    shown.map(({ deposit }) => deposit),
  );
  const of = (what: Shown["what"]) => shown.filter((one) => one.what === what).map(({ deposit }) => bookingOf(deposit, ground));
  const [seen, final, reorged] = [of("seen").flatMap(bookDeposit), of("booked"), of("reorged")];
  const before = [...final, ...reorged].flatMap(bookDeposit).map(({ id }) => id);
  const parties = new Map([...(await partiesOf(tx, before)), ...seen.map((made) => [made.id, made] as const)]);
  const asSeen = (booking: DepositBooking) => bookedAs(booking, parties);
  return [...seen, ...final.map(asSeen).flatMap(finaliseDeposit), ...reorged.map(asSeen).flatMap(reverseDeposit)];
}

/** What must be known of deposits to book them. `payers`: by the transactions that are payments out of wallets of ours. */
type Ground = { readonly wallets: ReadonlyMap<string, WalletRow>; readonly payers: ReadonlyMap<string, Payer> };

async function groundOf(tx: Tx, deposits: readonly Deposit[]): Promise<Ground> {
  const [chain] = deposits.map((deposit) => deposit.chain);
  if (chain === undefined) return { wallets: new Map(), payers: new Map() };
  const ours = await executionsBehind(
    tx,
    chain,
    deposits.map((deposit) => deposit.tx),
  );
  const paying = new Map<string, ExecutionRow>();
  for (const [id, execution] of ours) {
    const row = await findExecution(tx, execution);
    if (row !== undefined) paying.set(id, row);
  }
  const names = new Set([...deposits, ...paying.values()].map(({ wallet }) => wallet));
  const wallets = await findWallets(tx, [...names]);
  const payerBehind = ({ wallet, client }: ExecutionRow) => payerOf(holdingOf(wallet, wallets), client);
  return { wallets, payers: new Map([...paying].map(([id, row]) => [id, payerBehind(row)])) };
}

function holdingOf(wallet: string, wallets: Ground["wallets"]) {
  return { wallet, client: wallets.get(wallet)?.client ?? null };
}

/** The institution has what comes to an address of its own omnibus wallet that no client was given. */
function bookingOf({ id, tx, wallet: name, client, asset, amount, seenAt }: Deposit, ground: Ground): DepositBooking {
  const wallet = holdingOf(name, ground.wallets);
  const creditor = creditorOf(wallet, { addressClient: client, payer: ground.payers.get(tx) ?? HOUSE });
  return { id, at: seenAt.getTime(), wallet, creditor, asset: asset ?? "", amount };
}

/** The booking of a deposit with the creditor that it was seen with, whatever is known of its sender now. */
function bookedAs(booking: DepositBooking, parties: ReadonlyMap<string, Pick<Transfer, "credit">>): DepositBooking {
  const [seen] = bookDeposit(booking);
  if (seen === undefined) return booking;
  const credit = parties.get(seen.id)?.credit;
  if (credit === undefined) throw new Error(`deposit ${booking.id} was never booked as seen`);
  const { type, subject } = credit;
  return { ...booking, creditor: { type, subject } as DepositBooking["creditor"] };
}
