/** The only code that reads and writes the address book. */
import type { DestinationClass } from "@strongroom/core/signed/fields";
import type { Selectable } from "kysely";
import type { Reader, Tx } from "../db/tables.ts";

type EntryTable = {
  hash: string;
  name: string;
  chain: number;
  address: string;
  class: DestinationClass;
  party: string;
  state: "current" | "retired";
  entry: Uint8Array;
  receipt: Uint8Array;
  request: string;
  created_at: Date;
  retired_at: Date | null;
};
export type EntryTables = { book_entry: EntryTable };
export type EntryRow = Selectable<EntryTable>;

/** Puts an entry in force; the same bytes again change nothing but its state. */
export async function insertEntry(tx: Tx, row: EntryRow): Promise<EntryRow> {
  return tx
    .insertInto("book_entry")
    .values(row)
    .onConflict((conflict) => conflict.column("hash").doUpdateSet({ state: "current", retired_at: null }))
    .returningAll()
    .executeTakeFirstOrThrow();
}

/** Takes an entry out of force, if it is here. */
export async function retireEntry(tx: Tx, hash: string, at: Date): Promise<EntryRow | undefined> {
  const change = { state: "retired", retired_at: at } as const;
  return tx.updateTable("book_entry").set(change).where("hash", "=", hash).returningAll().executeTakeFirst();
}

/** The entry of a name that is in force. */
export async function currentEntry(db: Reader, name: string): Promise<EntryRow | undefined> {
  return db.selectFrom("book_entry").selectAll().where("name", "=", name).where("state", "=", "current").executeTakeFirst();
}

/** By name and hash, after both. */
export async function listEntries(
  db: Reader,
  it: { readonly name: string; readonly hash: string; readonly limit: number; readonly state?: EntryRow["state"] | undefined },
): Promise<readonly EntryRow[]> {
  let query = db
    .selectFrom("book_entry")
    .selectAll()
    .where((where) =>
      where.or([where("name", ">", it.name), where.and([where("name", "=", it.name), where("hash", ">", it.hash)])]),
    );
  if (it.state !== undefined) query = query.where("state", "=", it.state);
  return query.orderBy("name").orderBy("hash").limit(it.limit).execute();
}
