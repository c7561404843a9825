/** Events in the database: the outbox that every change writes to, and the numbered stream that the sequencer makes of it. */
import { type ColumnType, type Insertable, type Selectable, sql } from "kysely";
import { uuid } from "../db/ids.ts";
import type { Reader, Tx } from "../db/tables.ts";
import type { Caller } from "../users/rules.ts";

type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue };
/** What an event tells beside its columns. Amounts are strings. May hold personal data: the log commits to it by a salted
 *  hash. */
export type EventData = { readonly [name: string]: JsonValue };

/** What happened. `type`: `<noun>.<past participle>`; `subject`: what it happened to; `actor`: the user's name, or the part
 *  of the platform that did it;
 *  `unit`, `client`: who may see it; without a unit the users of the root only; `signed`: signed bytes that it rests on. */
export type Emitted = {
  readonly type: string;
  readonly subject: string;
  readonly actor: string;
  readonly unit?: string | null;
  readonly client?: string | null;
  readonly data: EventData;
  readonly signed?: Uint8Array;
  /** The row of the subject as it stands after this, and that of a decision on it: what no signature covers. The check of
   *  all records compares rows with the newest event that has theirs. */
  readonly record?: EventData;
  readonly decision?: EventData;
};

type OutboxTable = {
  id: string;
  type: string;
  subject: string;
  actor: string;
  unit: string | null;
  client: string | null;
  /** Set by the database. */
  at: ColumnType<Date, never, never>;
  data: string;
  signed: Uint8Array | null;
};
type EventTable = {
  number: ColumnType<number, number, never>;
  id: ColumnType<string, string, never>;
  type: ColumnType<string, string, never>;
  subject: ColumnType<string, string, never>;
  actor: ColumnType<string, string, never>;
  unit: ColumnType<string | null, string | null, never>;
  client: ColumnType<string | null, string | null, never>;
  at: ColumnType<Date, Date, never>;
  data: ColumnType<string | null, string, null>;
  salt: ColumnType<Uint8Array | null, Uint8Array, null>;
  signed: ColumnType<Uint8Array | null, Uint8Array | null, never>;
  leaf: ColumnType<Uint8Array, Uint8Array, never>;
  leaf_hash: ColumnType<string, string, never>;
};
export type EventTables = { event_outbox: OutboxTable; event: EventTable };
export type OutboxRow = Selectable<OutboxTable>;
export type EventRow = Selectable<EventTable>;
export type NewEvent = Insertable<EventTable>;

/** Tells an event in the transaction of the change that it is about: it is in the log exactly when the change is. */
export async function emit(tx: Tx, told: Emitted): Promise<void> {
  await emitAll(tx, [told]);
}

/** The same for several, in their order. */
export async function emitAll(tx: Tx, told: readonly Emitted[]): Promise<void> {
  const rows = told.map(({ type, subject, actor, unit = null, client = null, signed = null, ...more }) => {
    const { data, record, decision } = more;
    return { id: uuid(), type, subject, actor, unit, client, data: JSON.stringify({ ...data, record, decision }), signed };
  });
  for (let at = 0; at < rows.length; at += ROWS_AT_ONCE) {
    await tx
      .insertInto("event_outbox")
      .values(rows.slice(at, at + ROWS_AT_ONCE))
      .execute();
  }
}
/** A statement takes 65,535 parameters. */
const ROWS_AT_ONCE = 1_000;

/** Whether anything waits for a number. */
export async function hasOutbox(db: Reader): Promise<boolean> {
  return (await db.selectFrom("event_outbox").select("id").limit(1).executeTakeFirst()) !== undefined;
}

/** How many events wait for a number, and for how many milliseconds the oldest of them. */
export async function readBacklog(db: Reader): Promise<{ waiting: number; oldestMs: number }> {
  const oldest = sql<number>`coalesce(extract(epoch from clock_timestamp() - min(at)) * 1000, 0)::bigint`;
  const { waiting, ms } = await db
    .selectFrom("event_outbox")
    .select(({ fn }) => [fn.countAll<number>().as("waiting"), oldest.as("ms")])
    .executeTakeFirstOrThrow();
  return { waiting, oldestMs: Math.max(ms, 0) };
}

/** Takes the oldest of what waits for a number, in its order. */
export async function takeOutbox(tx: Tx, most: number): Promise<OutboxRow[]> {
  const oldest = tx.selectFrom("event_outbox").select("id").orderBy("id").limit(most);
  const rows = await tx.deleteFrom("event_outbox").where("id", "in", oldest).returningAll().execute();
  return rows.sort((a, b) => (a.id < b.id ? -1 : 1));
}

export async function insertEvents(tx: Tx, events: readonly NewEvent[]): Promise<void> {
  await tx.insertInto("event").values(events).execute();
}

/** How many events there are: the number of the next one. */
export async function countEvents(db: Reader): Promise<number> {
  const last = await db.selectFrom("event").select("number").orderBy("number", "desc").limit(1).executeTakeFirst();
  return last === undefined ? 0 : last.number + 1;
}

/** Events by their numbers, `from` up to, but not, `to`. */
export async function readEvents(db: Reader, { from, to }: { from: number; to: number }): Promise<EventRow[]> {
  return db.selectFrom("event").selectAll().where("number", ">=", from).where("number", "<", to).orderBy("number").execute();
}

export type EventQuery = { readonly after: number; readonly take: number; readonly type?: string | undefined };
/** Visible events with a number greater than `after`, in their order. */
export async function listEvents(db: Reader, caller: Caller, { after, take, type }: EventQuery): Promise<EventRow[]> {
  const root = sql`(select name from unit where parent is null)`;
  const within = sql<boolean>`(unit = any(${caller.units}) or (unit is null and ${caller.unit} = ${root}))`;
  let query = db.selectFrom("event").selectAll().where("number", ">", after).where(within).orderBy("number").limit(take);
  if (caller.client !== null) query = query.where("client", "=", caller.client);
  if (type !== undefined) query = query.where("type", "=", type);
  return query.execute();
}

/** Whether the caller sees the institution as a whole. */
export async function seesAll(db: Reader, caller: Caller): Promise<boolean> {
  if (caller.client !== null) return false;
  const root = await db.selectFrom("unit").select("name").where("parent", "is", null).executeTakeFirst();
  return root?.name === caller.unit;
}

/** Erases the data of an event for good; its leaf stays. Gives whether there was any. */
export async function eraseEvent(tx: Tx, number: number): Promise<boolean> {
  const erased = await tx
    .updateTable("event")
    .set({ data: null, salt: null })
    .where("number", "=", number)
    .where("data", "is not", null)
    .executeTakeFirst();
  return erased.numUpdatedRows === 1n;
}
