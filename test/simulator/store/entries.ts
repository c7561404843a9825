/** The address book in memory; what each statement does is said in the server's own `entries/store.ts`. */
import type * as own from "../../../server/src/entries/store.ts";
import type { EntryRow } from "../../../server/src/entries/store.ts";
import { type Database, enter, Table } from "./database.ts";

export const entriesIn = (base: Database) => new Table<EntryRow>(base, "book_entry");

export const insertEntry: typeof own.insertEntry = async (tx, row) => {
  const table = entriesIn(await enter(tx));
  return table.get(row.hash) === undefined
    ? table.put(row.hash, row)
    : table.change(row.hash, { state: "current", retired_at: null });
};

export const retireEntry: typeof own.retireEntry = async (tx, hash, at) => {
  const table = entriesIn(await enter(tx));
  return table.get(hash) === undefined ? undefined : table.change(hash, { state: "retired", retired_at: at });
};

export const currentEntry: typeof own.currentEntry = async (db, name) =>
  entriesIn(await enter(db)).where((row) => row.name === name && row.state === "current")[0];
