/** The institution's clients in the database. */
import type { ColumnType, Selectable, Updateable } from "kysely";
import type { Reader, Tx } from "../db/tables.ts";
import type { Caller } from "../users/rules.ts";
import { visible } from "../users/store.ts";

type ClientTable = {
  name: ColumnType<string, string, never>;
  label: string;
  unit: ColumnType<string, string, never>;
  state: ColumnType<"active" | "closed", "active" | undefined, "active" | "closed">;
  created_at: ColumnType<Date, Date, never>;
  version: ColumnType<number, number | undefined>;
};
export type ClientTables = { client: ClientTable };
export type ClientRow = Selectable<ClientTable>;

const of = (caller: Caller) => visible(caller, { unit: "client.unit", client: "client.name" });

/** The client, if the caller may see it. */
export async function findClient(db: Reader, caller: Caller, name: string): Promise<ClientRow | undefined> {
  return db.selectFrom("client").selectAll().where("name", "=", name).where(of(caller)).executeTakeFirst();
}

/** The same, locked until the transaction ends. */
export async function lockClient(tx: Tx, caller: Caller, name: string): Promise<ClientRow | undefined> {
  return tx.selectFrom("client").selectAll().where("name", "=", name).where(of(caller)).forUpdate().executeTakeFirst();
}

/** Visible clients by name, those after `after`. */
export async function listClients(
  db: Reader,
  caller: Caller,
  { after, take, unit }: { after: string | null; take: number; unit?: string | undefined },
): Promise<ClientRow[]> {
  let query = db.selectFrom("client").selectAll().where(of(caller)).orderBy("name").limit(take);
  if (after !== null) query = query.where("name", ">", after);
  if (unit !== undefined) query = query.where("unit", "=", unit);
  return query.execute();
}

/** Adds a client, or gives nothing when the name is taken. */
export async function insertClient(
  tx: Tx,
  client: Pick<ClientRow, "name" | "label" | "unit" | "created_at">,
): Promise<ClientRow | undefined> {
  return tx
    .insertInto("client")
    .values(client)
    .onConflict((on) => on.column("name").doNothing())
    .returningAll()
    .executeTakeFirst();
}

export async function updateClient(tx: Tx, name: string, change: Updateable<ClientTable>): Promise<ClientRow> {
  return tx.updateTable("client").set(change).where("name", "=", name).returningAll().executeTakeFirstOrThrow();
}
