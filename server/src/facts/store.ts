/** The only code that reads and writes facts. */

import type { FactType } from "@strongroom/core/signed/fact";
import type { Selectable } from "kysely";
import { older, type Place } from "../db/older.ts";
import type { Reader, Tx } from "../db/tables.ts";

type FactTable = {
  id: string;
  source: string;
  type: FactType;
  subject: string;
  at: Date;
  fact: Uint8Array;
  informed: boolean;
  created_at: Date;
};
export type FactTables = { fact: FactTable };
export type FactRow = Selectable<FactTable>;

/** Enters a fact. Gives false when it is there already. */
export async function insertFact(tx: Tx, row: FactRow): Promise<boolean> {
  const done = await tx
    .insertInto("fact")
    .values(row)
    .onConflict((conflict) => conflict.column("id").doNothing())
    .executeTakeFirst();
  return done.numInsertedOrUpdatedRows === 1n;
}

export async function findFact(db: Reader, id: string): Promise<FactRow | undefined> {
  return db.selectFrom("fact").selectAll().where("id", "=", id).executeTakeFirst();
}

/** The newest fact of each source on each of these subjects; of several of one moment the one that came first. */
export async function newestFacts(db: Reader, subjects: readonly string[]): Promise<readonly FactRow[]> {
  if (subjects.length === 0) return [];
  return db
    .selectFrom("fact")
    .distinctOn(["subject", "source"])
    .selectAll()
    .where("subject", "in", subjects)
    .orderBy("subject")
    .orderBy("source")
    .orderBy("at", "desc")
    .orderBy("created_at")
    .orderBy("id")
    .execute();
}

export async function markInformed(tx: Tx, ids: readonly string[]): Promise<void> {
  if (ids.length > 0) await tx.updateTable("fact").set({ informed: true }).where("id", "in", ids).execute();
}

/** The newest first, before a date and id. */
export async function listFacts(
  db: Reader,
  it: {
    readonly before: Place;
    readonly limit: number;
    readonly type?: FactRow["type"] | undefined;
    readonly source?: string | undefined;
  },
): Promise<readonly FactRow[]> {
  let query = db.selectFrom("fact").selectAll().where(older(it.before));
  if (it.type !== undefined) query = query.where("type", "=", it.type);
  if (it.source !== undefined) query = query.where("source", "=", it.source);
  return query.orderBy("created_at", "desc").orderBy("id", "desc").limit(it.limit).execute();
}
