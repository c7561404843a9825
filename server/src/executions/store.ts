/** The only code that reads and writes executions. */
import type { Selectable } from "kysely";
import type { Uuid } from "../db/ids.ts";
import { older, type Place } from "../db/older.ts";
import type { Reader, Tx } from "../db/tables.ts";
import type { Caller } from "../users/rules.ts";

export type ExecutionState = "planned" | "reserved" | "committed" | "signed" | "broadcasting" | "settled" | "aborted" | "held";

type ExecutionTable = {
  id: Uuid;
  request: string;
  unit: string;
  client: string | null;
  state: ExecutionState;
  chain: number;
  native: string;
  asset: string;
  wallet: string;
  amount: bigint;
  total_fee: bigint;
  held_amount: bigint;
  held_fee: bigint;
  slot: string | null;
  receipt: Uint8Array | null;
  created_at: Date;
  updated_at: Date;
};
export type ExecutionTables = { execution: ExecutionTable };
export type ExecutionRow = Selectable<ExecutionTable>;

export async function insertExecution(tx: Tx, row: ExecutionRow): Promise<void> {
  await tx.insertInto("execution").values(row).execute();
}

export async function findExecution(db: Reader, id: string): Promise<ExecutionRow | undefined> {
  return db
    .selectFrom("execution")
    .selectAll()
    .where("id", "=", id as Uuid)
    .executeTakeFirst();
}

/** The execution of a request that was not aborted. */
export async function executionOf(db: Reader, request: string): Promise<ExecutionRow | undefined> {
  return db
    .selectFrom("execution")
    .selectAll()
    .where("request", "=", request)
    .where("state", "<>", "aborted")
    .executeTakeFirst();
}

/** All executions whose transactions hold this slot: at most one of them is ever mined. Held until the transaction ends. */
export async function lockSlot(tx: Tx, slot: string): Promise<readonly ExecutionRow[]> {
  return tx.selectFrom("execution").selectAll().where("slot", "=", slot).orderBy("id").forUpdate().execute();
}

/** The same without holding them, but for those that were aborted. */
export async function executionsIn(db: Reader, slot: string): Promise<readonly ExecutionRow[]> {
  const all = db.selectFrom("execution").selectAll().where("slot", "=", slot);
  return all.where("state", "<>", "aborted").orderBy("id").execute();
}

export async function lockExecution(tx: Tx, id: string): Promise<ExecutionRow> {
  return tx
    .selectFrom("execution")
    .selectAll()
    .where("id", "=", id as Uuid)
    .forUpdate()
    .executeTakeFirstOrThrow();
}

export type ExecutionChange = Partial<Pick<ExecutionRow, "state" | "slot" | "receipt">>;

export async function changeExecution(tx: Tx, id: string, change: ExecutionChange, at: Date): Promise<ExecutionRow> {
  return tx
    .updateTable("execution")
    .set({ ...change, updated_at: at })
    .where("id", "=", id as Uuid)
    .returningAll()
    .executeTakeFirstOrThrow();
}

export async function visibleExecution(db: Reader, caller: Caller, id: string): Promise<ExecutionRow | undefined> {
  return visible(db, caller)
    .where("id", "=", id as Uuid)
    .executeTakeFirst();
}

/** The newest first, before a date and id. */
export async function listExecutions(
  db: Reader,
  caller: Caller,
  it: {
    readonly before: Place;
    readonly limit: number;
    readonly state?: ExecutionState | undefined;
    readonly request?: string | undefined;
  },
): Promise<readonly ExecutionRow[]> {
  let query = visible(db, caller).where(older(it.before));
  if (it.state !== undefined) query = query.where("state", "=", it.state);
  if (it.request !== undefined) query = query.where("request", "=", it.request);
  return query.orderBy("created_at", "desc").orderBy("id", "desc").limit(it.limit).execute();
}

function visible(db: Reader, caller: Caller) {
  const query = db.selectFrom("execution").selectAll().where("unit", "in", caller.units);
  return caller.client === null ? query : query.where("client", "=", caller.client);
}
