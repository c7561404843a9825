/** Follows one chain block by block. What a block brings, that it was followed, and where we are is one transaction, written
 *  only by whoever holds the chain's lease; so nothing is lost, doubled or half done, wherever the process dies.
 *
 *  A block that is not the child of the last one is a reorganisation: block after block is undone down to the common
 *  ancestor. One that goes deeper than configured, or that would undo what is final, halts the chain: people have to look. */

import { troubleOf } from "../db/fault.ts";
import type { Tx } from "../db/tables.ts";
import { transact } from "../db/transact.ts";
import { Fault } from "../host/fault.ts";
import { limits } from "../host/limits.ts";
import { Problem } from "../http/call.ts";
import { demandFence, type Lease } from "../jobs/store.ts";
import { finishOutflows, insertOutflows, newestFinalOutflow, undoOutflows } from "../outflows/store.ts";
import { type Brought, readBlock, type Source } from "./block.ts";
import { sendDue } from "./outgoing.ts";
import * as store from "./store.ts";
import type { BlockRef, ChainView, Head, Observers } from "./types.ts";
import { openWatched, type WatchedSet } from "./watched.ts";

export type Follower = Source & { readonly observers: Observers };
export type Turn = { readonly lease: Lease; readonly signal: AbortSignal };
type Place = { readonly number: number; readonly hash: string };
type Said = { readonly state: ChainView["state"]; readonly reason: string };
/** How a step ended: there may be more to do, there is nothing, or it cannot go on. */
type Step = { readonly at: "moved" | "head" } | { readonly at: "halted"; readonly reason: string };

/** Follows until `signal`. `next` waits until the nodes were looked at again. */
export async function follow(it: Follower, turn: Turn, next: () => Promise<void>): Promise<void> {
  const watched = openWatched(it.db, it.chain);
  let last: Said | null = null;
  while (!turn.signal.aborted) {
    const said = await tryTurn(it, turn, watched);
    if (last?.state !== said.state || last.reason !== said.reason) await store.writeState(it.db, it.chain, said);
    last = said;
    if (said.state !== "catching-up") await next();
  }
}

/** One turn: some blocks, then our own transactions. What keeps it from going on is what it says. */
async function tryTurn(it: Follower, turn: Turn, watched: WatchedSet): Promise<Said> {
  try {
    const step = await advance(it, turn, watched);
    if (step.at === "halted") return { state: "halted", reason: step.reason.slice(0, limits.reason) };
    if (!turn.signal.aborted) await sendDue(it, turn.lease);
    return { state: step.at === "head" ? "following" : "catching-up", reason: "" };
  } catch (error) {
    if (!(error instanceof Problem)) {
      // It comes again with the same block, so nothing moves until people look.
      if (isBug(error))
        await store.writeState(it.db, it.chain, {
          state: "halted",
          reason: `It cannot go on: ${error}`.slice(0, limits.reason),
        });
      throw error;
    }
    const state = error.code === "RECORD_TAMPERED" ? "halted" : "unreachable";
    return { state, reason: error.detail.slice(0, limits.reason) };
  }
}

function isBug(error: unknown): boolean {
  return !(error instanceof Fault) && troubleOf(error) === null;
}

async function advance(it: Follower, turn: Turn, watched: WatchedSet): Promise<Step> {
  for (let left = limits.blocksPerTurn; left > 0 && !turn.signal.aborted; left--) {
    const step = await followOne(it, turn.lease, watched);
    if (step.at !== "moved") return step;
  }
  return { at: "moved" };
}

/** Follows one block, or undoes those that are not of the chain any more. */
export async function followOne(it: Follower, lease: Lease, watched: WatchedSet): Promise<Step> {
  const head = it.online.head();
  if (head === null) throw new Problem("CHAIN_UNREACHABLE", { field: "chain", detail: it.online.trouble() });
  const place = await placeOf(it);
  if (place === null) {
    await begin(it, lease, head);
    return { at: "moved" };
  }
  if (head.number <= place.number) {
    const known = await store.followedHash(it.db, it.chain, head.number);
    return known === head.hash ? { at: "head" } : await retreat(it, lease, { place, head });
  }
  const block = head.number === place.number + 1 ? head : await it.online.header(place.number + 1);
  if (block.parent !== place.hash) return retreat(it, lease, { place, head });
  const change = await watched.refresh();
  const brought = await readBlock(it, block, watched.has);
  for (const { id, by } of brought.taken)
    if (await it.observers.slotTaken({ chain: it.chain, id, by, lease })) return { at: "moved" };
  // Whoever began to watch an address meanwhile may have a deposit in this block: it is read again.
  await transact(it.db, (tx) => enter(it, tx, { lease, place, block, brought, change }));
  return { at: "moved" };
}

async function placeOf(it: Follower): Promise<Place | null> {
  const cursor = await store.readCursor(it.db, it.chain);
  if (cursor === undefined) await store.writeState(it.db, it.chain, { state: "catching-up", reason: "" });
  const { processed, hash } = cursor ?? {};
  return typeof processed === "number" && typeof hash === "string" ? { number: processed, hash } : null;
}

/** Begins before the first block that is followed: as deep below the head as a reorganisation may go. */
async function begin(it: Follower, lease: Lease, head: Head): Promise<void> {
  const { chain, config, online } = it;
  const first = Math.max(1, Math.min(config.start ?? head.number - config.reorgDepth, head.number));
  const base = await online.header(Math.min(first - 1, head.number));
  await transact(it.db, async (tx) => {
    await demandFence(tx, lease);
    if (await store.moveCursor(tx, chain, { from: null, to: base })) await store.insertBlock(tx, chain, base, 0);
  });
}

type Entry = {
  readonly lease: Lease;
  readonly place: Place;
  readonly block: BlockRef;
  readonly brought: Brought;
  readonly change: number;
};

/** Writes all that a block brings and makes final; nothing when the place or the watched addresses have changed since it was
 *  read. */
async function enter(it: Follower, tx: Tx, { lease, place, block, brought, change }: Entry): Promise<void> {
  const { chain, config, observers } = it;
  await demandFence(tx, lease);
  if ((await store.watchChange(tx, chain)) !== change) return;
  if (!(await store.moveCursor(tx, chain, { from: place.hash, to: block }))) return;
  await store.insertBlock(tx, chain, block, block.number - config.reorgDepth - limits.blocksKept);
  await store.insertDeposits(tx, brought.deposits);
  for (const deposit of brought.deposits) {
    await (deposit.state === "seen" ? observers.depositSeen : observers.depositOdd)(tx, deposit);
  }
  for (const { id, inclusion } of brought.included) {
    const included = await store.includeTransaction(tx, { chain, id }, inclusion);
    if (included !== undefined) await observers.transactionIncluded(tx, included);
  }
  for (const { id, by, finalAt } of brought.taken) {
    const at = { by, block: block.number, blockHash: block.hash, finalAt };
    const replaced = await store.replaceTransaction(tx, { chain, id }, at);
    if (replaced !== undefined) await observers.transactionReplaced(tx, replaced);
  }
  for (const outflow of await insertOutflows(tx, brought.outflows)) await observers.outflowSeen(tx, outflow);
  for (const deposit of await store.finishDeposits(tx, chain, block.number)) await observers.depositFinal(tx, deposit);
  for (const outflow of await finishOutflows(tx, chain, block.number)) await observers.outflowFinal(tx, outflow);
  for (const sent of await store.finishTransactions(tx, chain, block.number)) await observers.transactionFinal(tx, sent);
  await observers.blockEnded(tx);
}

/** Undoes what is not of the chain any more, the newest block first, or says why that is not done. */
async function retreat(it: Follower, lease: Lease, { place, head }: { place: Place; head: Head }): Promise<Step> {
  const { chain, config, db } = it;
  const ancestor = await ancestorOf(it, { place, head });
  if (ancestor === null || place.number - ancestor > config.reorgDepth) {
    const reason = `The chain was reorganised by more than ${config.reorgDepth} blocks below block ${place.number}.`;
    return { at: "halted", reason };
  }
  const final = Math.max((await store.newestFinal(db, chain)) ?? -1, (await newestFinalOutflow(db, chain)) ?? -1);
  if (final > ancestor) {
    const reason = `Block ${final} holds what is final, and from block ${ancestor + 1} on the chain is another one.`;
    return { at: "halted", reason };
  }
  for (let number = place.number; number > ancestor; number--) {
    await transact(db, (tx) => undo(it, tx, { lease, number }));
  }
  return { at: "moved" };
}

/** The newest followed block that is still of the chain; null when it is not remembered or too deep. */
async function ancestorOf(it: Follower, { place, head }: { place: Place; head: Head }): Promise<number | null> {
  const { chain, config, db, online } = it;
  for (let number = Math.min(place.number, head.number); number >= place.number - config.reorgDepth; number--) {
    const known = number < 0 ? undefined : await store.followedHash(db, chain, number);
    if (known === undefined) return null;
    const now = number === head.number ? head : await online.header(number);
    if (now.hash === known) return number;
  }
  return null;
}

async function undo(it: Follower, tx: Tx, { lease, number }: { lease: Lease; number: number }): Promise<void> {
  const { chain, observers, now } = it;
  await demandFence(tx, lease);
  const block = await store.deleteBlock(tx, chain, number);
  const moved = await store.moveCursor(tx, chain, { from: block.hash, to: { number: number - 1, hash: block.parent } });
  if (!moved) throw new Error(`chain ${chain} is not at block ${number}, which was to be undone`);
  const { seen, odd } = await store.undoDeposits(tx, chain, block);
  for (const deposit of seen) await observers.depositReorged(tx, deposit);
  for (const deposit of odd) await observers.depositOddReorged(tx, deposit);
  for (const outflow of await undoOutflows(tx, chain, block)) await observers.outflowReorged(tx, outflow);
  for (const sent of await store.undoTransactions(tx, chain, block, new Date(now()))) {
    await observers.transactionReorged(tx, sent);
  }
  await observers.blockEnded(tx);
}
