/** What is done when a chain shows something: deposits are booked, executions move on, and an event tells it, all of it in the block's own
 *  transaction. Here, because the chain gateway knows neither ledger nor executions. */
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
import { post } from "../ledger/store.ts";
import { findWallet } from "../wallets/store.ts";
import type { House } from "./context.ts";

export function observers(house: Pick<House, "now">): Observers {
  return {
    async depositSeen(tx, deposit) {
      await tell(tx, deposit, "seen");
      await post(tx, bookDeposit(await bookingOf(tx, deposit)));
    },
    async depositFinal(tx, deposit) {
      await tell(tx, deposit, "booked");
      await post(tx, finaliseDeposit(await bookingOf(tx, deposit)));
    },
    async depositReorged(tx, deposit) {
      await tell(tx, deposit, "reorged");
      await post(tx, reverseDeposit(await bookingOf(tx, deposit)));
    },
    depositOdd: (tx, deposit) => tell(tx, deposit, "suspected"),
    ...observeExecutions(house),
  };
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

/** Who paid, when the deposit is a payment out of another wallet of ours. */
async function payerBehind(tx: Tx, { chain, tx: id }: Deposit): Promise<Payer | null> {
  const ours = await trackedTransaction(tx, { chain, id });
  const execution = ours === null ? undefined : await findExecution(tx, ours.execution);
  if (execution === undefined) return null;
  const wallet = await findWallet(tx, execution.wallet);
  return payerOf({ wallet: execution.wallet, client: wallet?.client ?? null }, execution.client);
}
