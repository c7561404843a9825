/** The only code that reads and writes rulebooks and the decisions on them. */
import type { Selectable } from "kysely";
import { older, type Place } from "../db/older.ts";
import type { Reader, Tx } from "../db/tables.ts";

type RulebookTable = {
  id: string;
  epoch: number;
  state: "proposed" | "waiting" | "adopted" | "vetoed" | "refused" | "void";
  rulebook: Uint8Array;
  until: Date | null;
  code: string | null;
  field: string | null;
  detail: string | null;
  created_at: Date;
};
type RulebookDecisionTable = {
  id: string;
  rulebook: string;
  key: string;
  decision: "seen" | "veto";
  approval: Uint8Array;
  created_at: Date;
};
export type RulebookTables = { rulebook: RulebookTable; rulebook_decision: RulebookDecisionTable };
export type RulebookRow = Selectable<RulebookTable>;
export type RulebookDecisionRow = Selectable<RulebookDecisionTable>;

/** Enters a rulebook. Gives false when it is there already. */
export async function insertRulebook(tx: Tx, row: RulebookRow): Promise<boolean> {
  const done = await tx
    .insertInto("rulebook")
    .values(row)
    .onConflict((conflict) => conflict.column("id").doNothing())
    .executeTakeFirst();
  return done.numInsertedOrUpdatedRows === 1n;
}

export async function findRulebook(db: Reader, id: string): Promise<RulebookRow | undefined> {
  return db.selectFrom("rulebook").selectAll().where("id", "=", id).executeTakeFirst();
}

/** The rulebooks that still may come into force. */
export async function waitingRulebooks(db: Reader): Promise<readonly RulebookRow[]> {
  return db.selectFrom("rulebook").selectAll().where("state", "in", ["proposed", "waiting"]).orderBy("created_at").execute();
}

export type RulebookChange = Pick<RulebookRow, "state" | "until" | "code" | "field" | "detail">;

export async function changeRulebook(tx: Tx, id: string, change: RulebookChange): Promise<RulebookRow> {
  return tx.updateTable("rulebook").set(change).where("id", "=", id).returningAll().executeTakeFirstOrThrow();
}

/** Enters a decision. Gives false when it is there already. */
export async function insertRulebookDecision(tx: Tx, row: RulebookDecisionRow): Promise<boolean> {
  const done = await tx
    .insertInto("rulebook_decision")
    .values(row)
    .onConflict((conflict) => conflict.column("id").doNothing())
    .executeTakeFirst();
  return done.numInsertedOrUpdatedRows === 1n;
}

/** The decisions on a rulebook, the oldest first. */
export async function decisionsOn(db: Reader, rulebook: string): Promise<readonly RulebookDecisionRow[]> {
  const all = db.selectFrom("rulebook_decision").selectAll().where("rulebook", "=", rulebook);
  return all.orderBy("created_at").orderBy("id").execute();
}

/** The newest first, before a date and id. */
export async function listRulebooks(
  db: Reader,
  it: { readonly before: Place; readonly limit: number },
): Promise<readonly RulebookRow[]> {
  const query = db.selectFrom("rulebook").selectAll().where(older(it.before));
  return query.orderBy("created_at", "desc").orderBy("id", "desc").limit(it.limit).execute();
}
