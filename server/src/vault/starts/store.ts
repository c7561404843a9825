/** The only code that reads and writes what administrators have said of starts of the vault. */
import type { Selectable } from "kysely";
import type { Reader, Tx } from "../../db/tables.ts";

type ConfirmationTable = {
  id: string;
  start: string;
  key: string;
  person: string;
  approval: Uint8Array;
  created_at: Date;
};
export type StartTables = { confirmation: ConfirmationTable };
export type ConfirmationRow = Selectable<ConfirmationTable>;

/** Enters a confirmation, once. */
export async function insertConfirmation(tx: Tx, row: ConfirmationRow): Promise<void> {
  await tx
    .insertInto("confirmation")
    .values(row)
    .onConflict((conflict) => conflict.column("id").doNothing())
    .execute();
}

/** The newest confirmation of a start by each key. */
export async function confirmationsOf(db: Reader, start: string): Promise<readonly ConfirmationRow[]> {
  const all = db.selectFrom("confirmation").distinctOn("key").selectAll().where("start", "=", start);
  return all.orderBy("key").orderBy("created_at", "desc").orderBy("id").execute();
}
