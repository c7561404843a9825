/** The institution's units in the database: a tree, each unit with its path from the root. */
import type { ColumnType, Selectable } from "kysely";
import type { Reader, Tx } from "../db/tables.ts";

type UnitTable = {
  name: ColumnType<string, string, never>;
  label: ColumnType<string, string, never>;
  parent: ColumnType<string | null, string | null, never>;
  path: ColumnType<string, string, never>;
  created_at: ColumnType<Date, Date, never>;
  version: ColumnType<number, number | undefined, never>;
};
export type UnitTables = { unit: UnitTable };
export type UnitRow = Selectable<UnitTable>;

export async function findUnit(db: Reader, name: string): Promise<UnitRow | undefined> {
  return db.selectFrom("unit").selectAll().where("name", "=", name).executeTakeFirst();
}

/** Units of these names by path, those after `after`. */
export async function listUnits(
  db: Reader,
  { names, after, take }: { names: readonly string[]; after: string | null; take: number },
): Promise<UnitRow[]> {
  let query = db.selectFrom("unit").selectAll().where("name", "in", names).orderBy("path").limit(take);
  if (after !== null) query = query.where("path", ">", after);
  return query.execute();
}

/** Names of a unit and of all below it. */
export async function unitsBelow(db: Reader, name: string): Promise<readonly string[]> {
  const rows = await db
    .selectFrom("unit as home")
    .innerJoin("unit as below", (join) => join.on(({ fn }) => fn<boolean>("starts_with", ["below.path", "home.path"])))
    .where("home.name", "=", name)
    .select("below.name")
    .execute();
  return rows.map((row) => row.name);
}

/** Adds a unit, or gives nothing when its name is taken, or it is a second root. */
export async function insertUnit(tx: Tx, unit: Omit<UnitRow, "version">): Promise<UnitRow | undefined> {
  return tx
    .insertInto("unit")
    .values(unit)
    .onConflict((on) => on.doNothing())
    .returningAll()
    .executeTakeFirst();
}

export async function countUnits(db: Reader): Promise<number> {
  const { count } = await db
    .selectFrom("unit")
    .select((eb) => eb.fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  return count;
}
