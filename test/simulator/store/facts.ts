/** Facts in memory; what each statement does is said in the server's own `facts/store.ts`. */
import type * as own from "../../../server/src/facts/store.ts";
import type { FactRow } from "../../../server/src/facts/store.ts";
import { type Database, enter, Table } from "./database.ts";

export const factsIn = (base: Database) => new Table<FactRow>(base, "fact");

export const insertFact: typeof own.insertFact = async (tx, row) => factsIn(await enter(tx)).add(row.id, row);
export const findFact: typeof own.findFact = async (db, id) => factsIn(await enter(db)).get(id);

export const newestFacts: typeof own.newestFacts = async (db, subjects) => {
  const rows = factsIn(await enter(db)).where((row) => subjects.includes(row.subject));
  const newest = new Map<string, FactRow>();
  const order = (a: FactRow, b: FactRow) =>
    b.at.getTime() - a.at.getTime() || a.created_at.getTime() - b.created_at.getTime() || (a.id < b.id ? -1 : 1);
  for (const row of rows.sort(order)) {
    const place = `${row.subject} ${row.source}`;
    if (!newest.has(place)) newest.set(place, row);
  }
  return [...newest].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, row]) => row);
};

export const markInformed: typeof own.markInformed = async (tx, ids) => {
  const table = factsIn(await enter(tx));
  for (const id of ids) table.change(id, { informed: true });
};
