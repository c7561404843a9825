/** The only code that reads and writes what is kept of chains: cursors, blocks, watched addresses, deposits and our
 *  transactions. */
import { type Selectable, sql } from "kysely";
import type { Uuid } from "../db/ids.ts";
import type { Reader, Tx } from "../db/tables.ts";
import type { Caller } from "../users/rules.ts";
import { addressKey, readSigned } from "./evm/signed.ts";
import type { BlockRef, ChainTransaction, ChainView, Deposit, DepositState, Sent, TransactionState } from "./types.ts";

type CursorTable = { chain: number; processed: number | null; hash: string | null; state: ChainView["state"]; reason: string };
type BlockTable = { chain: number; number: number; hash: string; parent: string; at: Date };
type WatchTable = {
  chain: number;
  key: string;
  address: string;
  wallet: string;
  index: number;
  client: string | null;
  unit: string;
  change: number;
};
type DepositTable = {
  id: Uuid;
  chain: number;
  tx: string;
  place: string;
  wallet: string;
  index: number;
  address: string;
  client: string | null;
  unit: string;
  asset: string | null;
  contract: string | null;
  sender: string;
  logged: bigint;
  amount: bigint;
  state: DepositState;
  reason: string;
  block: number;
  block_hash: string;
  block_at: Date;
  final_at: number;
  seen_at: Date;
};
type TransactionTable = {
  chain: number;
  id: string;
  slot: string;
  sender: string;
  nonce: number;
  contract: string | null;
  payee: string;
  amount: bigint;
  max_fee_per_gas: bigint;
  max_priority_fee_per_gas: bigint;
  raw: Uint8Array;
  execution: Uuid;
  unit: string;
  asset: string;
  state: TransactionState;
  block: number | null;
  block_hash: string | null;
  succeeded: boolean | null;
  fee: bigint | null;
  moved: bigint | null;
  replaced_by: string | null;
  reason: string;
  final_at: number | null;
  settled_at: number | null;
  sends: number;
  send_at: Date;
  created_at: Date;
  stuck_at: Date | null;
};
export type ChainTables = {
  chain_cursor: CursorTable;
  chain_block: BlockTable;
  chain_watching: { chain: number; change: number };
  chain_watch: WatchTable;
  deposit: DepositTable;
  chain_tx: TransactionTable;
};
export type Cursor = Selectable<CursorTable>;
export type Watched = Selectable<WatchTable>;
export type DepositRow = Selectable<DepositTable>;
export type TransactionRow = Selectable<TransactionTable>;

// where we are

export async function readCursor(db: Reader, chain: number): Promise<Cursor | undefined> {
  return db.selectFrom("chain_cursor").selectAll().where("chain", "=", chain).executeTakeFirst();
}

export async function readCursors(db: Reader): Promise<readonly Cursor[]> {
  return db.selectFrom("chain_cursor").selectAll().execute();
}

/** What the follower says of itself. Keeps where it is. */
export async function writeState(db: Reader, chain: number, said: Pick<Cursor, "state" | "reason">): Promise<void> {
  await db
    .insertInto("chain_cursor")
    .values({ chain, processed: null, hash: null, ...said })
    .onConflict((on) => on.column("chain").doUpdateSet(said))
    .execute();
}

/** The hash of a block that was followed, if it is still remembered. */
export async function followedHash(db: Reader, chain: number, number: number): Promise<string | undefined> {
  const row = await db
    .selectFrom("chain_block")
    .select("hash")
    .where("chain", "=", chain)
    .where("number", "=", number)
    .executeTakeFirst();
  return row?.hash;
}

/** Moves the cursor from one block to another; false when it is not there any more. */
export async function moveCursor(
  tx: Tx,
  chain: number,
  { from, to }: { from: string | null; to: Pick<BlockRef, "number" | "hash"> },
): Promise<boolean> {
  const { numUpdatedRows } = await tx
    .updateTable("chain_cursor")
    .set({ processed: to.number, hash: to.hash })
    .where("chain", "=", chain)
    .where("hash", from === null ? "is" : "=", from)
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Remembers a block, and forgets those below `keepFrom`. */
export async function insertBlock(tx: Tx, chain: number, block: BlockRef, keepFrom: number): Promise<void> {
  const { number, hash, parent, at } = block;
  await tx.insertInto("chain_block").values({ chain, number, hash, parent, at }).execute();
  await tx.deleteFrom("chain_block").where("chain", "=", chain).where("number", "<", keepFrom).execute();
}

export async function deleteBlock(tx: Tx, chain: number, number: number): Promise<BlockRef> {
  const row = await tx
    .deleteFrom("chain_block")
    .where("chain", "=", chain)
    .where("number", "=", number)
    .returningAll()
    .executeTakeFirstOrThrow();
  return { number: row.number, hash: row.hash, parent: row.parent, at: row.at };
}

/** The newest block that holds something final, or null. */
export async function newestFinal(db: Reader, chain: number): Promise<number | null> {
  const deposits = db
    .selectFrom("deposit")
    .select("block")
    .where("chain", "=", chain)
    .where("state", "=", "final")
    .orderBy("block", "desc")
    .limit(1);
  const sent = db
    .selectFrom("chain_tx")
    .select("block")
    .where("chain", "=", chain)
    .where("settled_at", "is not", null)
    .where("block", "is not", null)
    .orderBy("block", "desc")
    .limit(1);
  const [deposit, transaction] = [await deposits.executeTakeFirst(), await sent.executeTakeFirst()];
  if (deposit === undefined && transaction === undefined) return null;
  return Math.max(deposit?.block ?? 0, transaction?.block ?? 0);
}

// whom we watch

export type NewWatched = Omit<Watched, "key" | "change">;

/** Watches an address from the next block on; one that is watched already stays as it is. */
export async function watchAddress(tx: Tx, row: NewWatched): Promise<void> {
  const change = await nextChange(tx, row.chain);
  await tx
    .insertInto("chain_watch")
    .values({ ...row, key: addressKey(row.address), change })
    .onConflict((on) => on.columns(["chain", "key"]).doNothing())
    .execute();
}

/** Waits for whoever else adds addresses to the chain, so that changes are committed in their order. */
async function nextChange(tx: Tx, chain: number): Promise<number> {
  const { change } = await tx
    .insertInto("chain_watching")
    .values({ chain, change: 1 })
    .onConflict((on) => on.column("chain").doUpdateSet({ change: sql`chain_watching.change + 1` }))
    .returning("change")
    .executeTakeFirstOrThrow();
  return change;
}

/** Gives the addresses of a wallet to another unit. Deposits that are there stay where they are seen. */
export async function moveWatched(tx: Tx, { wallet, unit }: { wallet: string; unit: string }): Promise<void> {
  await tx.updateTable("chain_watch").set({ unit }).where("wallet", "=", wallet).execute();
}

export async function watchChange(db: Reader, chain: number): Promise<number> {
  const row = await db.selectFrom("chain_watching").select("change").where("chain", "=", chain).executeTakeFirst();
  return row?.change ?? 0;
}

/** Keys that were added after a change, in the order of their changes. */
export async function watchedSince(
  db: Reader,
  chain: number,
  { after, limit }: { after: number; limit: number },
): Promise<readonly Pick<Watched, "key" | "change">[]> {
  return db
    .selectFrom("chain_watch")
    .select(["key", "change"])
    .where("chain", "=", chain)
    .where("change", ">", after)
    .orderBy("change")
    .limit(limit)
    .execute();
}

export async function watchedBy(db: Reader, chain: number, keys: readonly string[]): Promise<ReadonlyMap<string, Watched>> {
  if (keys.length === 0) return new Map();
  const rows = await db.selectFrom("chain_watch").selectAll().where("chain", "=", chain).where("key", "in", keys).execute();
  return new Map(rows.map((row) => [row.key, row]));
}

/** Whose an address is, if it is ours. */
export async function findWatched(db: Reader, chain: number, address: string): Promise<Watched | undefined> {
  return (await watchedBy(db, chain, [addressKey(address)])).get(addressKey(address));
}

// what came in

export async function insertDeposits(tx: Tx, deposits: readonly Deposit[]): Promise<void> {
  if (deposits.length === 0) return;
  const rows = deposits.map(({ blockHash, blockAt, finalAt, seenAt, ...same }) => ({
    ...same,
    block_hash: blockHash,
    block_at: blockAt,
    final_at: finalAt,
    seen_at: seenAt,
  }));
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    await tx
      .insertInto("deposit")
      .values(rows.slice(at, at + ROWS_AT_ONCE))
      .execute();
  }
}
/** A statement takes 65,535 parameters. */
const ROWS_AT_ONCE = 1_000;

/** Makes final what this block makes final. */
export async function finishDeposits(tx: Tx, chain: number, number: number): Promise<readonly Deposit[]> {
  const rows = await tx
    .updateTable("deposit")
    .set({ state: "final" })
    .where("chain", "=", chain)
    .where("state", "=", "seen")
    .where("final_at", "<=", number)
    .returningAll()
    .execute();
  return rows.map(depositOf).sort(byId);
}

/** Takes back what a block brought. `seen`: what was to be booked. `odd`: what was only recorded. */
export async function undoDeposits(
  tx: Tx,
  chain: number,
  { number, hash }: Pick<BlockRef, "number" | "hash">,
): Promise<{ readonly seen: readonly Deposit[]; readonly odd: readonly Deposit[] }> {
  const undo = async (states: readonly DepositState[]) => {
    const rows = await tx
      .updateTable("deposit")
      .set({ state: "reorged" })
      .where("chain", "=", chain)
      .where("block", "=", number)
      .where("block_hash", "=", hash)
      .where("state", "in", states)
      .returningAll()
      .execute();
    return rows.map(depositOf).sort(byId);
  };
  return { seen: await undo(["seen"]), odd: await undo(["unknown", "suspect"]) };
}

const byId = (a: { readonly id: string }, b: { readonly id: string }) => (a.id < b.id ? -1 : 1);

function depositOf(row: Selectable<DepositTable>): Deposit {
  const { block_hash, block_at, final_at, seen_at, ...same } = row;
  return { ...same, blockHash: block_hash, blockAt: block_at, finalAt: final_at, seenAt: seen_at };
}

export async function findDeposit(db: Reader, caller: Caller, id: string): Promise<Deposit | undefined> {
  const row = await visible(db, caller)
    .where("id", "=", id as Uuid)
    .executeTakeFirst();
  return row === undefined ? undefined : depositOf(row);
}

export type DepositFilter = {
  readonly before: string | null;
  readonly limit: number;
  readonly state?: DepositState | undefined;
  readonly wallet?: string | undefined;
  readonly client?: string | undefined;
};

/** The newest first, before an id. */
export async function listDeposits(db: Reader, caller: Caller, filter: DepositFilter): Promise<readonly Deposit[]> {
  let query = visible(db, caller).orderBy("id", "desc").limit(filter.limit);
  if (filter.before !== null) query = query.where("id", "<", filter.before as Uuid);
  if (filter.state !== undefined) query = query.where("state", "=", filter.state);
  if (filter.wallet !== undefined) query = query.where("wallet", "=", filter.wallet);
  if (filter.client !== undefined) query = query.where("client", "=", filter.client);
  return (await query.execute()).map(depositOf);
}

function visible(db: Reader, caller: Caller) {
  const query = db.selectFrom("deposit").selectAll().where("unit", "in", caller.units);
  return caller.client === null ? query : query.where("client", "=", caller.client);
}

// what we sent

const OPEN: readonly TransactionState[] = ["signed", "seen", "dropped", "reorged"];

/** What is tracked: signed bytes, which say all else, and whom they are for. */
export type NewTransaction = {
  readonly raw: Uint8Array;
  readonly execution: Uuid;
  readonly unit: string;
  readonly asset: string;
  readonly now: Date;
};

/** Tracks a version of a transaction until it is final; the follower sends it at once. The same again changes nothing.
 *  Fails: EFFECT_UNREADABLE. */
export async function trackTransaction(
  tx: Tx,
  { raw, execution, unit, asset, now }: NewTransaction,
): Promise<ChainTransaction> {
  const said = readSigned(raw);
  const { chain, id, slot, nonce, contract, amount } = said;
  const entered = await tx
    .insertInto("chain_tx")
    .values({
      ...{ chain, id, slot, nonce, contract, amount, raw, execution, unit, asset },
      sender: said.from,
      payee: said.to,
      max_fee_per_gas: said.maxFeePerGas,
      max_priority_fee_per_gas: said.maxPriorityFeePerGas,
      state: "signed",
      sends: 0,
      send_at: now,
      created_at: now,
      reason: "",
    })
    .onConflict((on) => on.columns(["chain", "id"]).doNothing())
    .returningAll()
    .executeTakeFirst();
  const known = tx.selectFrom("chain_tx").selectAll().where("chain", "=", chain).where("id", "=", id);
  const row = entered ?? (await known.executeTakeFirstOrThrow());
  return transactionOf(row);
}

function transactionOf(row: Selectable<TransactionTable>): ChainTransaction {
  const { sender, payee, max_fee_per_gas, max_priority_fee_per_gas, block_hash, replaced_by, final_at, created_at, stuck_at } =
    row;
  const { chain, id, slot, nonce, contract, amount, raw, execution, unit, asset } = row;
  const { state, block, succeeded, fee, moved, reason, sends } = row;
  return {
    ...{ chain, id, slot, from: sender, nonce, contract, to: payee, amount, raw, execution, unit, asset },
    maxFeePerGas: max_fee_per_gas,
    maxPriorityFeePerGas: max_priority_fee_per_gas,
    ...{ state, block, blockHash: block_hash, succeeded, fee, moved, replacedBy: replaced_by, reason, sends },
    finalAt: final_at,
    createdAt: created_at,
    stuckAt: stuck_at,
  };
}

/** Whether the row says what its signed bytes say. */
export function isUntouched(it: ChainTransaction): boolean {
  const said = readSigned(it.raw);
  const fields = [
    "chain",
    "id",
    "slot",
    "from",
    "nonce",
    "contract",
    "to",
    "amount",
    "maxFeePerGas",
    "maxPriorityFeePerGas",
  ] as const;
  return fields.every((field) => said[field] === it[field]);
}

/** All that is not in a block. */
export async function openTransactions(db: Reader, chain: number): Promise<readonly ChainTransaction[]> {
  const rows = await db.selectFrom("chain_tx").selectAll().where("chain", "=", chain).where("state", "in", OPEN).execute();
  return rows.map(transactionOf);
}

/** What is to be looked after now, the longest due first. */
export async function dueTransactions(
  db: Reader,
  chain: number,
  { now, limit }: { now: Date; limit: number },
): Promise<readonly ChainTransaction[]> {
  const rows = await db
    .selectFrom("chain_tx")
    .selectAll()
    .where("chain", "=", chain)
    .where("state", "in", OPEN)
    .where("send_at", "<=", now)
    .orderBy("send_at")
    .orderBy("id")
    .limit(limit)
    .execute();
  return rows.map(transactionOf);
}

/** All versions for an execution, the oldest first. */
export async function transactionsOf(db: Reader, execution: string): Promise<readonly ChainTransaction[]> {
  const rows = await db
    .selectFrom("chain_tx")
    .selectAll()
    .where("execution", "=", execution as Uuid)
    .orderBy("created_at")
    .orderBy("id")
    .execute();
  return rows.map(transactionOf);
}

type At = { readonly chain: number; readonly id: string };

/** The transaction of ours with this id, or null. */
export async function trackedTransaction(db: Reader, { chain, id }: At): Promise<ChainTransaction | null> {
  const row = await db.selectFrom("chain_tx").selectAll().where("chain", "=", chain).where("id", "=", id).executeTakeFirst();
  return row === undefined ? null : transactionOf(row);
}

/** Whose execution each of these transactions is, as far as they are ours. */
export async function executionsBehind(db: Reader, chain: number, ids: readonly string[]): Promise<ReadonlyMap<string, Uuid>> {
  if (ids.length === 0) return new Map();
  const columns = ["id", "execution"] as const;
  const rows = await db.selectFrom("chain_tx").select(columns).where("chain", "=", chain).where("id", "in", ids).execute();
  return new Map(rows.map(({ id, execution }) => [id, execution]));
}

type TransactionChange = Partial<Omit<Selectable<TransactionTable>, "chain" | "id" | "raw">>;

/** Changes a transaction that is not in a block; undefined when it is, or is not there. */
async function changeOpen(tx: Tx, { chain, id }: At, change: TransactionChange): Promise<ChainTransaction | undefined> {
  const row = await tx
    .updateTable("chain_tx")
    .set(change)
    .where("chain", "=", chain)
    .where("id", "=", id)
    .where("state", "in", OPEN)
    .returningAll()
    .executeTakeFirst();
  return row === undefined ? undefined : transactionOf(row);
}

/** Notes what came of a broadcast, and when to look again. Whoever is refused by all has been dropped. */
export async function recordSend(
  tx: Tx,
  { chain, id, sent, again }: At & { readonly sent: Sent; readonly again: Date },
): Promise<ChainTransaction | undefined> {
  const { outcome, accepted, detail } = sent;
  const isHeld = outcome === "accepted" || outcome === "known";
  const isRefused = outcome === "underpriced" || outcome === "insufficient-funds" || outcome === "refused";
  const state: { state?: TransactionState } = isHeld ? { state: "seen" } : isRefused ? { state: "dropped" } : {};
  const reason = isHeld ? "" : `${outcome}, held by ${accepted} nodes: ${detail}`.slice(0, 400);
  const row = await changeOpen(tx, { chain, id }, { ...state, reason, send_at: again });
  if (row === undefined) return undefined;
  await tx
    .updateTable("chain_tx")
    .set((column) => ({ sends: column("sends", "+", 1) }))
    .where("chain", "=", chain)
    .where("id", "=", id)
    .execute();
  return { ...row, sends: row.sends + 1 };
}

/** Has it sent and looked after at once. */
export async function sendAgain(tx: Tx, { chain, id }: At, now: Date): Promise<void> {
  await changeOpen(tx, { chain, id }, { send_at: now });
}

export type Inclusion = {
  readonly block: number;
  readonly blockHash: string;
  readonly succeeded: boolean;
  readonly fee: bigint;
  readonly moved: bigint;
  readonly finalAt: number;
};

export function includeTransaction(tx: Tx, at: At, it: Inclusion): Promise<ChainTransaction | undefined> {
  const { block, succeeded, fee, moved } = it;
  const change = { block, block_hash: it.blockHash, succeeded, fee, moved, final_at: it.finalAt };
  return changeOpen(tx, at, { ...change, state: "included", reason: "" });
}

/** Another transaction took its nonce. */
export function replaceTransaction(
  tx: Tx,
  at: At,
  it: { readonly by: string | null; readonly block: number; readonly blockHash: string | null; readonly finalAt: number },
): Promise<ChainTransaction | undefined> {
  const { by, block, blockHash, finalAt } = it;
  const change = { replaced_by: by, block, block_hash: blockHash, final_at: finalAt };
  return changeOpen(tx, at, { ...change, state: "replaced", reason: "Another transaction took its nonce." });
}

/** Makes final what this block makes final: those that are included, and those whose nonce was taken. */
export async function finishTransactions(tx: Tx, chain: number, number: number): Promise<readonly ChainTransaction[]> {
  const rows = await tx
    .updateTable("chain_tx")
    .set({
      settled_at: number,
      state: sql`case when state = 'replaced' then state when succeeded then 'final' else 'failed' end`,
    })
    .where("chain", "=", chain)
    .where("final_at", "<=", number)
    .where("settled_at", "is", null)
    .where("state", "in", ["included", "replaced"])
    .returningAll()
    .execute();
  return rows.map(transactionOf).sort(byId);
}

/** Takes back what a block did to our transactions; they are to be sent again. */
export async function undoTransactions(
  tx: Tx,
  chain: number,
  { number, hash }: Pick<BlockRef, "number" | "hash">,
  now: Date,
): Promise<readonly ChainTransaction[]> {
  const gone = { block: null, block_hash: null, succeeded: null, fee: null, moved: null, replaced_by: null, final_at: null };
  const rows = await tx
    .updateTable("chain_tx")
    .set({ ...gone, state: "reorged", send_at: now, reason: `Block ${number} that held it is not of the chain any more.` })
    .where("chain", "=", chain)
    .where("block", "=", number)
    .where("block_hash", "=", hash)
    .where("settled_at", "is", null)
    .returningAll()
    .execute();
  return rows.map(transactionOf).sort(byId);
}

export function markStuck(tx: Tx, at: At, now: Date): Promise<ChainTransaction | undefined> {
  return changeOpen(tx, at, { stuck_at: now });
}
