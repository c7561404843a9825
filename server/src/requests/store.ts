/** The only code that reads and writes requests and the decisions on them. */
import type { Generated, Selectable } from "kysely";
import { older, type Place } from "../db/older.ts";
import type { Reader, Tx } from "../db/tables.ts";
import type { Caller } from "../users/rules.ts";

export type RequestState = "draft" | "open" | "approved" | "rejected" | "expired" | "withdrawn" | "consumed" | "voided";
type Kind = "pay" | "cancel" | "wallet" | "entry" | "retire" | "freeze" | "unfreeze" | "call";

type RequestTable = {
  id: string;
  kind: Kind;
  reference: string;
  unit: string;
  client: string | null;
  state: RequestState;
  intent: Uint8Array;
  index: number;
  creator: string;
  execution: string | null;
  answer_code: string | null;
  answer_field: string | null;
  answer_detail: string | null;
  answer_at: Date | null;
  not_after: Date;
  created_at: Date;
  version: Generated<number>;
};
type DecisionTable = {
  id: string;
  request: string;
  key: string;
  person: string;
  decision: "initiate" | "approve" | "reject";
  approval: Uint8Array;
  created_at: Date;
};
export type RequestTables = { request: RequestTable; decision: DecisionTable };
export type RequestRow = Selectable<RequestTable>;
export type DecisionRow = Selectable<DecisionTable>;

/** Enters a request. Gives false when its id or its reference is there already. */
export async function insertRequest(tx: Tx, row: Omit<RequestRow, "version">): Promise<boolean> {
  const done = await tx
    .insertInto("request")
    .values(row)
    .onConflict((conflict) => conflict.doNothing())
    .executeTakeFirst();
  return done.numInsertedOrUpdatedRows === 1n;
}

/** Whatever its unit; not for showing to a caller. */
export async function findRequest(db: Reader, id: string): Promise<RequestRow | undefined> {
  return db.selectFrom("request").selectAll().where("id", "=", id).executeTakeFirst();
}

/** The same, held until the transaction ends: one worker or call at a time moves a request. */
export async function lockRequest(tx: Tx, id: string): Promise<RequestRow | undefined> {
  return tx.selectFrom("request").selectAll().where("id", "=", id).forUpdate().executeTakeFirst();
}

export async function requestByReference(db: Reader, reference: string): Promise<RequestRow | undefined> {
  return db
    .selectFrom("request")
    .selectAll()
    .where("reference", "=", reference)
    .where("kind", "<>", "freeze")
    .executeTakeFirst();
}

export async function visibleRequest(db: Reader, caller: Caller, id: string): Promise<RequestRow | undefined> {
  return visible(db, caller).where("id", "=", id).executeTakeFirst();
}

/** The same, held until the transaction ends. */
export async function lockVisibleRequest(db: Reader, caller: Caller, id: string): Promise<RequestRow | undefined> {
  return visible(db, caller).where("id", "=", id).forUpdate().executeTakeFirst();
}

/** The newest first, before a date and id. */
export async function listRequests(
  db: Reader,
  caller: Caller,
  it: {
    readonly before: Place;
    readonly limit: number;
    readonly state?: RequestState | undefined;
    readonly kind?: Kind | undefined;
    readonly client?: string | undefined;
  },
): Promise<readonly RequestRow[]> {
  let query = visible(db, caller).where(older(it.before));
  if (it.state !== undefined) query = query.where("state", "=", it.state);
  if (it.kind !== undefined) query = query.where("kind", "=", it.kind);
  if (it.client !== undefined) query = query.where("client", "=", it.client);
  return query.orderBy("created_at", "desc").orderBy("id", "desc").limit(it.limit).execute();
}

/** Open or approved requests whose life is over. */
export async function overdueRequests(
  db: Reader,
  it: { readonly at: Date; readonly limit: number },
): Promise<readonly RequestRow[]> {
  return db
    .selectFrom("request")
    .selectAll()
    .where("state", "in", ["open", "approved"])
    .where("not_after", "<=", it.at)
    .orderBy("not_after")
    .limit(it.limit)
    .execute();
}

/** Open or approved requests that the vault refused with one of these codes, the oldest first, that come after one. */
export async function refusedRequests(
  db: Reader,
  {
    codes,
    limit,
    after,
  }: { readonly codes: readonly string[]; readonly limit: number; readonly after?: RequestRow | undefined },
): Promise<readonly RequestRow[]> {
  const alive = db.selectFrom("request").selectAll().where("state", "in", ["open", "approved"]);
  let query = alive.where("answer_code", "in", codes).orderBy("created_at").orderBy("id").limit(limit);
  if (after !== undefined)
    query = query.where(({ eb, refTuple, tuple }) => eb(refTuple("created_at", "id"), ">", tuple(after.created_at, after.id)));
  return query.execute();
}

export type RequestChange = Partial<
  Pick<RequestRow, "state" | "execution" | "answer_code" | "answer_field" | "answer_detail" | "answer_at">
>;

export async function changeRequest(tx: Tx, id: string, change: RequestChange): Promise<RequestRow> {
  return tx
    .updateTable("request")
    .set((column) => ({ ...change, version: column("version", "+", 1) }))
    .where("id", "=", id)
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Enters a decision. Gives false when it is there already. */
export async function insertDecision(tx: Tx, row: DecisionRow): Promise<boolean> {
  const done = await tx
    .insertInto("decision")
    .values(row)
    .onConflict((conflict) => conflict.column("id").doNothing())
    .executeTakeFirst();
  return done.numInsertedOrUpdatedRows === 1n;
}

/** The decisions on these requests, the oldest first. */
export async function decisionsOn(db: Reader, requests: readonly string[]): Promise<readonly DecisionRow[]> {
  if (requests.length === 0) return [];
  return db.selectFrom("decision").selectAll().where("request", "in", requests).orderBy("created_at").orderBy("id").execute();
}

function visible(db: Reader, caller: Caller) {
  const query = db.selectFrom("request").selectAll().where("unit", "in", caller.units);
  return caller.client === null ? query : query.where("client", "=", caller.client);
}
