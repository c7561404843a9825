/** Explanations in memory; what each statement does is said in the server's own `explanations/store.ts`. */
import type * as own from "../../../server/src/explanations/store.ts";
import type { ExplanationRow } from "../../../server/src/explanations/store.ts";
import { byText, type Database, enter, Table } from "./database.ts";

const explanationsIn = (base: Database) => new Table<ExplanationRow>(base, "explanation");

export const insertExplanation: typeof own.insertExplanation = async (tx, row) => {
  explanationsIn(await enter(tx)).add(row.id, row);
};

export const explanationsOf: typeof own.explanationsOf = async (db, request, limit) =>
  explanationsIn(await enter(db))
    .where((row) => row.request === request)
    .sort(byText(({ at, id }) => `${at.toISOString()} ${id}`))
    .reverse()
    .slice(0, limit);
