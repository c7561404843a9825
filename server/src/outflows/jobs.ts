/** Booking and telling what leaves our addresses in transactions that are none of ours: somebody has paid at the vault's own
 *  socket, or somebody else has our key. The books follow the chain in any case; people find out what it was. */
import type { Observers, Outflow } from "../chain/types.ts";
import type { Tx } from "../db/tables.ts";
import { type Emitted, emit } from "../events/store.ts";
import type { Check } from "../health/http.ts";
import { limits } from "../host/limits.ts";
import type { Holding } from "../ledger/rules.ts";
import { balanceOf, post } from "../ledger/store.ts";
import { findWallet } from "../wallets/store.ts";
import { bookOutflow, ownerKey, reverseOutflow } from "./rules.ts";
import { coverOutflow, explainOutflows, outflowsSince } from "./store.ts";

/** `book` is given those that are final, to be booked at the end of the block, by `bookOutflows`. */
export function observeOutflows(
  book: (tx: Tx, outflow: Outflow) => void,
): Pick<Observers, "outflowSeen" | "outflowFinal" | "outflowReorged"> {
  return {
    outflowSeen: (tx, outflow) => emit(tx, eventOf(outflow, "seen")),
    outflowFinal: async (tx, outflow) => book(tx, outflow),
    outflowReorged: (tx, outflow) => emit(tx, eventOf(outflow, "reorged")),
  };
}

function eventOf(outflow: Outflow, what: "seen" | "booked" | "reorged" | "explained"): Emitted {
  const { id, chain, tx: transaction, wallet, index, address, unit, asset, block, blockHash, finalAt } = outflow;
  const amounts = { amount: outflow.amount.toString(), covered: outflow.covered?.toString() ?? null };
  const place = { chain, transaction, wallet, index, address, block, block_hash: blockHash, final_at: finalAt };
  const data = { ...place, asset, ...amounts };
  return { type: `outflow.${what}`, subject: `outflow:${id}`, actor: "chain", unit, data };
}

/** Books what is final: as much of it as the owner's position covers on that, the rest as unexplained. */
export async function bookOutflows(tx: Tx, outflows: readonly Outflow[]): Promise<void> {
  for (const outflow of outflows) {
    const wallet = await holdingOf(tx, outflow);
    const { available } = await balanceOf(tx, ownerKey(wallet, outflow.asset));
    const covered = available < outflow.amount ? available : outflow.amount;
    const booked = { ...outflow, covered };
    await coverOutflow(tx, outflow.id, covered);
    await post(tx, bookOutflow(booked, wallet));
    await emit(tx, eventOf(booked, "booked"));
  }
}

/** A transaction is one of ours that was not known when its block was followed. */
export async function explain(tx: Tx, { chain, id }: { readonly chain: number; readonly id: string }): Promise<void> {
  for (const outflow of await explainOutflows(tx, chain, id)) {
    await post(tx, reverseOutflow(outflow, await holdingOf(tx, outflow)));
    await emit(tx, eventOf(outflow, "explained"));
  }
}

async function holdingOf(tx: Tx, { wallet }: Outflow): Promise<Holding> {
  return { wallet, client: (await findWallet(tx, wallet))?.client ?? null };
}

/** Trouble for some days: whatever left without a payment of ours. */
export const lookAtOutflows: Check = {
  name: "outflows",
  async look({ db, now }) {
    const { count, newest } = await outflowsSince(db, new Date(now() - limits.outflowAlarmMs));
    const days = limits.outflowAlarmMs / 86_400_000;
    const last =
      newest === null ? "" : `; the newest: ${newest.amount} ${newest.asset} of wallet ${newest.wallet} in ${newest.tx}`;
    const detail = `${count} in ${days} days left our addresses without a payment of ours${last}`;
    return [{ name: "outflows", ok: count === 0, detail }];
  },
};
