/** Facts in memory; what each statement does is said in the server's own `facts/store.ts`. */
import type * as own from "../../../server/src/facts/store.ts";
import type { FactRow } from "../../../server/src/facts/store.ts";
import { type Database, enter, Table } from "./database.ts";

export const factsIn = (base: Database) => new Table<FactRow>(base, "fact");

export const insertFact: typeof own.insertFact = async (tx, row) => factsIn(await enter(tx)).add(row.id, row);
export const findFact: typeof own.findFact = async (db, id) => factsIn(await enter(db)).get(id);

export const factsOn: typeof own.factsOn = async (db, subject) => {
  const rows = factsIn(await enter(db)).where((row) => row.subject === subject);
  const newest = new Map<string, FactRow>();
  for (const row of rows.sort((a, b) => b.at.getTime() - a.at.getTime()))
    if (!newest.has(row.source)) newest.set(row.source, row);
  return [...newest.values()];
};

export const markInformed: typeof own.markInformed = async (tx, ids) => {
  const table = factsIn(await enter(tx));
  for (const id of ids) table.change(id, { informed: true });
};
