/** The only code that reads and writes what left our addresses in transactions that are none of ours. */
import type { Selectable } from "kysely";
import { executionsBehind } from "../chain/store.ts";
import type { BlockRef, Outflow, OutflowState } from "../chain/types.ts";
import type { Uuid } from "../db/ids.ts";
import type { Reader, Tx } from "../db/tables.ts";

type OutflowTable = {
  id: Uuid;
  chain: number;
  tx: string;
  wallet: string;
  index: number;
  address: string;
  unit: string;
  asset: string;
  amount: bigint;
  covered: bigint | null;
  state: OutflowState;
  block: number;
  block_hash: string;
  final_at: number;
  seen_at: Date;
};
export type OutflowTables = { outflow: OutflowTable };
export type OutflowRow = Selectable<OutflowTable>;

const rowOf = ({ blockHash, finalAt, seenAt, ...same }: Outflow): OutflowRow => {
  return { ...same, block_hash: blockHash, final_at: finalAt, seen_at: seenAt };
};

function outflowOf({ block_hash, final_at, seen_at, ...same }: OutflowRow): Outflow {
  return { ...same, blockHash: block_hash, finalAt: final_at, seenAt: seen_at };
}

const sorted = (rows: readonly OutflowRow[]): readonly Outflow[] => rows.map(outflowOf).sort((a, b) => (a.id < b.id ? -1 : 1));

/** Enters what a block shows, but for our own transactions. Gives what was entered. */
export async function insertOutflows(tx: Tx, outflows: readonly Outflow[]): Promise<readonly Outflow[]> {
  const [first] = outflows;
  if (first === undefined) return [];
  const ids = [...new Set(outflows.map((one) => one.tx))];
  const own = await executionsBehind(tx, first.chain, ids);
  const foreign = outflows.filter((one) => !own.has(one.tx));
  for (const one of foreign) await tx.insertInto("outflow").values(rowOf(one)).execute();
  return foreign;
}

/** Makes final what this block makes final. */
export async function finishOutflows(tx: Tx, chain: number, number: number): Promise<readonly Outflow[]> {
  const rows = await tx
    .updateTable("outflow")
    .set({ state: "final" })
    .where("chain", "=", chain)
    .where("state", "=", "seen")
    .where("final_at", "<=", number)
    .returningAll()
    .execute();
  return sorted(rows);
}

/** Notes what of it a position paid. */
export async function coverOutflow(tx: Tx, id: string, covered: bigint): Promise<void> {
  await tx
    .updateTable("outflow")
    .set({ covered })
    .where("id", "=", id as Uuid)
    .execute();
}

/** Takes back what a block showed. */
export async function undoOutflows(
  tx: Tx,
  chain: number,
  { number, hash }: Pick<BlockRef, "number" | "hash">,
): Promise<readonly Outflow[]> {
  const rows = await tx
    .updateTable("outflow")
    .set({ state: "reorged" })
    .where("chain", "=", chain)
    .where("block", "=", number)
    .where("block_hash", "=", hash)
    .where("state", "=", "seen")
    .returningAll()
    .execute();
  return sorted(rows);
}

/** The transaction is ours after all. Gives what was recorded of it, as it stands now. */
export async function explainOutflows(tx: Tx, chain: number, id: string): Promise<readonly Outflow[]> {
  const rows = await tx
    .updateTable("outflow")
    .set({ state: "explained" })
    .where("chain", "=", chain)
    .where("tx", "=", id)
    .where("state", "in", ["seen", "final"])
    .returningAll()
    .execute();
  return sorted(rows);
}

/** The newest block of which something is final, or null. */
export async function newestFinalOutflow(db: Reader, chain: number): Promise<number | null> {
  const row = await db
    .selectFrom("outflow")
    .select("block")
    .where("chain", "=", chain)
    .where("state", "=", "final")
    .orderBy("block", "desc")
    .limit(1)
    .executeTakeFirst();
  return row?.block ?? null;
}

/** How many were seen since, and the newest of them. */
export async function outflowsSince(db: Reader, at: Date): Promise<{ count: number; newest: Outflow | null }> {
  const recent = db.selectFrom("outflow").where("state", "in", ["seen", "final"]).where("seen_at", ">=", at);
  const { count } = await recent.select(({ fn }) => fn.countAll<number>().as("count")).executeTakeFirstOrThrow();
  const newest = await recent.selectAll().orderBy("seen_at", "desc").orderBy("id", "desc").limit(1).executeTakeFirst();
  return { count: Number(count), newest: newest === undefined ? null : outflowOf(newest) };
}
