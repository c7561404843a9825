/** The only code that reads and writes explanations. */
import type { Selectable } from "kysely";
import type { Reader, Tx } from "../db/tables.ts";

type ExplanationTable = {
  id: string;
  request: string;
  receipt: Uint8Array;
  at: Date;
};
export type ExplanationTables = { explanation: ExplanationTable };
export type ExplanationRow = Selectable<ExplanationTable>;

/** Enters an explanation, once. */
export async function insertExplanation(tx: Tx, row: ExplanationRow): Promise<void> {
  await tx
    .insertInto("explanation")
    .values(row)
    .onConflict((conflict) => conflict.column("id").doNothing())
    .execute();
}

/** The explanations of a request, the newest first. */
export async function explanationsOf(db: Reader, request: string, limit: number): Promise<readonly ExplanationRow[]> {
  return db
    .selectFrom("explanation")
    .selectAll()
    .where("request", "=", request)
    .orderBy("at", "desc")
    .orderBy("id", "desc")
    .limit(limit)
    .execute();
}
