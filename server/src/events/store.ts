/** Events in the database: the outbox that every change writes to, and the numbered stream that the sequencer makes of it. */
import type { ColumnType, Insertable, Selectable } from "kysely";
import { uuid } from "../db/ids.ts";
import type { Tx } from "../db/tables.ts";

type JsonValue = string | number | boolean | null | readonly JsonValue[] | { readonly [name: string]: JsonValue };
/** What an event tells beside its columns. Amounts are strings. May hold personal data: the log commits to it by a salted hash. */
export type EventData = { readonly [name: string]: JsonValue };

/** What happened. `type`: `<noun>.<past participle>`; `subject`: what it happened to; `actor`: the user's name, or `system`;
 *  `unit`, `client`: who may see it, by default the root unit's users only; `signed`: signed bytes that it rests on. */
export type Emitted = {
  readonly type: string;
  readonly subject: string;
  readonly actor: string;
  readonly unit?: string | null;
  readonly client?: string | null;
  readonly data: EventData;
  readonly signed?: Uint8Array;
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
export async function emit(tx: Tx, { type, subject, actor, unit, client, data, signed }: Emitted): Promise<void> {
  const row = { type, subject, actor, unit: unit ?? null, client: client ?? null, data: JSON.stringify(data) };
  await tx
    .insertInto("event_outbox")
    .values({ id: uuid(), ...row, signed: signed ?? null })
    .execute();
}
