/** Looks after our transactions until a block has them: sends them, sends them again, finds those that a block had before
 *  they were tracked, sees nonces that are gone, and says which are stuck. */
import { transact } from "../db/transact.ts";
import { limits } from "../host/limits.ts";
import { Problem, problem } from "../http/call.ts";
import { demandFence, type Lease } from "../jobs/store.ts";
import { readOne } from "./block.ts";
import type { Follower } from "./follow.ts";
import { isStuck } from "./rules.ts";
import * as store from "./store.ts";
import type { ChainTransaction, Sent } from "./types.ts";

export async function sendDue(it: Follower, lease: Lease): Promise<void> {
  const due = await store.dueTransactions(it.db, it.chain, { now: new Date(it.now()), limit: limits.outgoing });
  for (const one of due) {
    if (!store.isUntouched(one))
      problem("RECORD_TAMPERED", "chain_tx", `Transaction ${one.id} is not what its signed bytes say.`);
    if (one.sends === 0 || !(await isSettled(it, lease, one))) await send(it, lease, one);
  }
}

/** Whether a block has it that was followed already, or its nonce is gone for good; then that is recorded. */
async function isSettled(it: Follower, lease: Lease, one: ChainTransaction): Promise<boolean> {
  const { chain, db, config } = it;
  const cursor = await store.readCursor(db, chain);
  const processed = cursor?.processed ?? null;
  if (processed === null) return false;
  if (await isMined(it, lease, { one, processed })) return true;
  const deep = processed - config.reorgDepth;
  if (deep < 0 || !(await isGone(it, one, deep))) return false;
  // Another version of ours may have the place without having been looked for: then it is no stranger's doing.
  for (const other of await store.openTransactions(db, chain)) {
    const isSibling = other.slot === one.slot && other.id !== one.id;
    if (isSibling && (await isMined(it, lease, { one: other, processed }))) return true;
  }
  await transact(db, async (tx) => {
    await demandFence(tx, lease);
    const gone = { by: null, block: deep, blockHash: null, finalAt: deep };
    const replaced = await store.replaceTransaction(tx, one, gone);
    if (replaced !== undefined) await it.observers.transactionReplaced(tx, replaced);
  });
  return true;
}

type Looked = { readonly one: ChainTransaction; readonly processed: number };

/** Whether a block has it; one that was followed already is recorded. */
async function isMined(it: Follower, lease: Lease, { one, processed }: Looked): Promise<boolean> {
  const { online } = it;
  const mined = await online.mined(one.id);
  if (mined === null) return false;
  if (mined.block > processed) return true; // its block comes
  const block = await online.header(mined.block);
  if (block.hash !== mined.blockHash) return true; // the chain is just changing
  await includeLate(it, lease, { one, included: await readOne(it, block, one) });
  return true;
}

/** Whether its nonce was taken by that block. Nodes that do not remember so old a state do not say; sending again is
 *  harmless then. */
async function isGone({ online }: Follower, one: ChainTransaction, deep: number): Promise<boolean> {
  try {
    return (await online.sentBy(one.from, await online.header(deep))) > one.nonce;
  } catch (error) {
    if (error instanceof Problem && error.code === "CHAIN_UNREACHABLE") return false;
    throw error;
  }
}

type Late = { readonly one: ChainTransaction; readonly included: Awaited<ReturnType<typeof readOne>> };

/** Records a transaction in a block that was followed before it was tracked, unless that block is just being undone. */
async function includeLate(it: Follower, lease: Lease, { one, included: { inclusion } }: Late): Promise<void> {
  const { chain, db, observers } = it;
  await transact(db, async (tx) => {
    await demandFence(tx, lease);
    const known = await store.followedHash(tx, chain, inclusion.block);
    const place = await store.readCursor(tx, chain);
    const isCovered = place !== undefined && (place.processed ?? -1) >= inclusion.block;
    if (!isCovered || (known !== undefined && known !== inclusion.blockHash)) return;
    const included = await store.includeTransaction(tx, one, inclusion);
    if (included !== undefined) await observers.transactionIncluded(tx, included);
  });
}

async function send(it: Follower, lease: Lease, one: ChainTransaction): Promise<void> {
  const { chain, db, online, config, observers } = it;
  const sent = await online.broadcast(one.raw);
  const now = it.now();
  const resendMs = config.resendMs ?? limits.resendMs;
  const bounds = { now, baseFee: online.head()?.baseFee ?? 0n, stuckMs: config.stuckMs ?? limits.stuckMs, resendMs };
  const again = new Date(now + (isHurried(sent) ? config.pollMs : resendMs));
  await transact(db, async (tx) => {
    await demandFence(tx, lease);
    const recorded = await store.recordSend(tx, { chain, id: one.id, sent, again });
    if (recorded === undefined || !isStuck(recorded, bounds)) return;
    const stuck = await store.markStuck(tx, one, new Date(now));
    if (stuck !== undefined) await observers.transactionStuck(tx, stuck);
  });
}

/** Whether it is worth looking again soon: nobody was there, or the nonce was taken in a block that is not followed yet. */
function isHurried({ outcome }: Sent): boolean {
  return outcome === "unreachable" || outcome === "nonce-too-low";
}
