/** What the server keeps of a chain, in memory; what each statement does is said in the server's own `chain/store.ts`. */
import { addressKey, readSigned } from "../../../server/src/chain/evm/signed.ts";
import type * as own from "../../../server/src/chain/store.ts";
import type { Cursor, Watched } from "../../../server/src/chain/store.ts";
import type { BlockRef, ChainTransaction, Deposit, TransactionState } from "../../../server/src/chain/types.ts";
import { byText, type Database, enter, Table } from "./database.ts";

type Sent = ChainTransaction & { readonly sendAt: number; readonly settledAt: number | null };

const cursorsIn = (base: Database) => new Table<Cursor>(base, "chain_cursor");
const blocksIn = (base: Database) => new Table<BlockRef>(base, "chain_block");
const watchesIn = (base: Database) => new Table<Watched>(base, "chain_watch");
export const depositsIn = (base: Database) => new Table<Deposit>(base, "deposit");
export const sentIn = (base: Database) => new Table<Sent>(base, "chain_tx");
const byId = byText(({ id }: { readonly id: string }) => id);

export const readCursor: typeof own.readCursor = async (db, chain) => cursorsIn(await enter(db)).get(String(chain));
export const readCursors: typeof own.readCursors = async (db) => cursorsIn(await enter(db)).all();

export const writeState: typeof own.writeState = async (db, chain, said) => {
  const table = cursorsIn(await enter(db));
  const known = table.get(String(chain)) ?? { chain, processed: null, hash: null };
  table.put(String(chain), { ...known, ...said });
};

export const followedHash: typeof own.followedHash = async (db, chain, number) =>
  blocksIn(await enter(db)).get(`${chain}/${number}`)?.hash;

export const moveCursor: typeof own.moveCursor = async (tx, chain, { from, to }) => {
  const table = cursorsIn(await enter(tx));
  if (table.get(String(chain))?.hash !== from) return false;
  table.change(String(chain), { processed: to.number, hash: to.hash });
  return true;
};

export const insertBlock: typeof own.insertBlock = async (tx, chain, block, keepFrom) => {
  const table = blocksIn(await enter(tx));
  const { number, hash, parent, at } = block;
  if (!table.add(`${chain}/${number}`, { number, hash, parent, at })) throw new Error(`block ${number} is there`);
  table.drop(`${chain}/${keepFrom - 1}`);
};

export const deleteBlock: typeof own.deleteBlock = async (tx, chain, number) => {
  const block = blocksIn(await enter(tx)).drop(`${chain}/${number}`);
  if (block === undefined) throw new Error(`no block ${number}`);
  return block;
};

export const newestFinal: typeof own.newestFinal = async (db, chain) => {
  const base = await enter(db);
  const deposits = depositsIn(base).where((row) => row.chain === chain && row.state === "final");
  const sent = sentIn(base).where((row) => row.chain === chain && row.settledAt !== null && row.block !== null);
  const numbers = [...deposits, ...sent].map(({ block }) => block as number);
  return numbers.length === 0 ? null : Math.max(...numbers);
};

export const watchAddress: typeof own.watchAddress = async (tx, row) => {
  const table = watchesIn(await enter(tx));
  const key = addressKey(row.address);
  table.add(`${row.chain}/${key}`, { ...row, key, change: table.all().length + 1 });
};

export const watchChange: typeof own.watchChange = async (db, chain) =>
  watchesIn(await enter(db)).where((row) => row.chain === chain).length;

export const watchedSince: typeof own.watchedSince = async (db, chain, { after, limit }) =>
  watchesIn(await enter(db))
    .where((row) => row.chain === chain && row.change > after)
    .sort((a, b) => a.change - b.change)
    .slice(0, limit);

export const watchedBy: typeof own.watchedBy = async (db, chain, keys) => {
  const table = watchesIn(await enter(db));
  return new Map(keys.flatMap((key) => table.get(`${chain}/${key}`) ?? []).map((row) => [row.key, row]));
};

// what came in

export const insertDeposits: typeof own.insertDeposits = async (tx, deposits) => {
  const table = depositsIn(await enter(tx));
  for (const deposit of deposits) {
    const { tx: id, place, blockHash } = deposit;
    const same = table.where((row) => row.tx === id && row.place === place && row.blockHash === blockHash);
    if (same.length > 0 || !table.add(deposit.id, deposit)) throw new Error(`deposit ${id} is there`);
  }
};

export const finishDeposits: typeof own.finishDeposits = async (tx, chain, number) => {
  const table = depositsIn(await enter(tx));
  const due = table.where((row) => row.chain === chain && row.state === "seen" && row.finalAt <= number);
  return due.map(({ id }) => table.change(id, { state: "final" })).sort(byId);
};

export const undoDeposits: typeof own.undoDeposits = async (tx, chain, { number, hash }) => {
  const table = depositsIn(await enter(tx));
  const gone = table.where((row) => row.chain === chain && row.block === number && row.blockHash === hash);
  const undo = (states: readonly string[]) =>
    gone
      .filter(({ state }) => states.includes(state))
      .map(({ id }) => table.change(id, { state: "reorged" }))
      .sort(byId);
  return { seen: undo(["seen"]), odd: undo(["unknown", "suspect"]) };
};

// what we sent

const OPEN: readonly TransactionState[] = ["signed", "seen", "dropped", "reorged"];
const isOpen = ({ state }: ChainTransaction) => OPEN.includes(state);
const keyOf = ({ chain, id }: { readonly chain: number; readonly id: string }) => `${chain}/${id}`;

export const trackTransaction: typeof own.trackTransaction = async (tx, { raw, execution, unit, asset, now }) => {
  const table = sentIn(await enter(tx));
  const said = readSigned(raw);
  const nothing = { block: null, blockHash: null, succeeded: null, fee: null, moved: null, replacedBy: null, finalAt: null };
  const dates = { createdAt: now, stuckAt: null, sendAt: now.getTime(), settledAt: null };
  const fresh = { ...said, execution, unit, asset, state: "signed" as const, ...nothing, sends: 0, reason: "", ...dates };
  return table.get(keyOf(said)) ?? table.put(keyOf(said), fresh);
};

export const openTransactions: typeof own.openTransactions = async (db, chain) =>
  sentIn(await enter(db)).where((row) => row.chain === chain && isOpen(row));

export const dueTransactions: typeof own.dueTransactions = async (db, chain, { now, limit }) =>
  sentIn(await enter(db))
    .where((row) => row.chain === chain && isOpen(row) && row.sendAt <= now.getTime())
    .sort((a, b) => a.sendAt - b.sendAt || byId(a, b))
    .slice(0, limit);

export const transactionsOf: typeof own.transactionsOf = async (db, execution) =>
  sentIn(await enter(db))
    .where((row) => row.execution === execution)
    .sort((a, b) => a.createdAt.getTime() - b.createdAt.getTime() || byId(a, b));

export const trackedTransaction: typeof own.trackedTransaction = async (db, at) =>
  sentIn(await enter(db)).get(keyOf(at)) ?? null;

export const executionsBehind: typeof own.executionsBehind = async (db, chain, ids) => {
  const table = sentIn(await enter(db));
  return new Map(ids.flatMap((id) => table.get(keyOf({ chain, id })) ?? []).map(({ id, execution }) => [id, execution]));
};

function changeOpen(
  base: Database,
  at: { readonly chain: number; readonly id: string },
  change: Partial<Sent>,
): Sent | undefined {
  const table = sentIn(base);
  const row = table.get(keyOf(at));
  return row === undefined || !isOpen(row) ? undefined : table.change(keyOf(at), change);
}

export const recordSend: typeof own.recordSend = async (tx, { chain, id, sent, again }) => {
  const base = await enter(tx);
  const { outcome, accepted, detail } = sent;
  const isHeld = outcome === "accepted" || outcome === "known";
  const isRefused = outcome === "underpriced" || outcome === "insufficient-funds" || outcome === "refused";
  const state: { state?: TransactionState } = isHeld ? { state: "seen" } : isRefused ? { state: "dropped" } : {};
  const reason = isHeld ? "" : `${outcome}, held by ${accepted} nodes: ${detail}`;
  const sends = (sentIn(base).get(keyOf({ chain, id }))?.sends ?? 0) + 1;
  return changeOpen(base, { chain, id }, { ...state, reason, sendAt: again.getTime(), sends });
};

export const includeTransaction: typeof own.includeTransaction = async (tx, at, it) => {
  const { block, blockHash, succeeded, fee, moved, finalAt } = it;
  return changeOpen(await enter(tx), at, { block, blockHash, succeeded, fee, moved, finalAt, state: "included", reason: "" });
};

export const replaceTransaction: typeof own.replaceTransaction = async (tx, at, { by, block, blockHash, finalAt }) =>
  changeOpen(await enter(tx), at, {
    replacedBy: by,
    block,
    blockHash,
    finalAt,
    state: "replaced",
    reason: "its nonce was taken",
  });

export const finishTransactions: typeof own.finishTransactions = async (tx, chain, number) => {
  const table = sentIn(await enter(tx));
  const isDue = ({ state, finalAt }: Sent) =>
    (state === "included" || state === "replaced") && finalAt !== null && finalAt <= number;
  const due = table.where((row) => row.chain === chain && row.settledAt === null && isDue(row));
  return due
    .map((row) => {
      const state = row.state === "replaced" ? row.state : row.succeeded === true ? ("final" as const) : ("failed" as const);
      return table.change(keyOf(row), { settledAt: number, state });
    })
    .sort(byId);
};

export const undoTransactions: typeof own.undoTransactions = async (tx, chain, { number, hash }, now) => {
  const table = sentIn(await enter(tx));
  const gone = { block: null, blockHash: null, succeeded: null, fee: null, moved: null, replacedBy: null, finalAt: null };
  const isThere = (row: Sent) =>
    row.chain === chain && row.block === number && row.blockHash === hash && row.settledAt === null;
  return table
    .where(isThere)
    .map((row) => table.change(keyOf(row), { ...gone, state: "reorged", sendAt: now.getTime(), reason: "its block is gone" }))
    .sort(byId);
};

export const markStuck: typeof own.markStuck = async (tx, at, now) => changeOpen(await enter(tx), at, { stuckAt: now });
