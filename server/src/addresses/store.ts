/** The only code that reads and writes attested addresses. */
import type { Selectable } from "kysely";
import type { Reader, Tx } from "../db/tables.ts";

type AddressTable = {
  wallet: string;
  index: number;
  chain: number;
  address: string;
  client: string | null;
  attestation: Uint8Array;
  created_at: Date;
};
export type AddressTables = { address: AddressTable };
export type AddressRow = Selectable<AddressTable>;

/** Enters an address. Gives false when that index is there already. */
export async function insertAddress(tx: Tx, row: AddressRow): Promise<boolean> {
  const done = await tx
    .insertInto("address")
    .values(row)
    .onConflict((conflict) => conflict.columns(["wallet", "index"]).doNothing())
    .executeTakeFirst();
  return done.numInsertedOrUpdatedRows === 1n;
}

export async function findAddress(db: Reader, wallet: string, index: number): Promise<AddressRow | undefined> {
  return db.selectFrom("address").selectAll().where("wallet", "=", wallet).where("index", "=", index).executeTakeFirst();
}

/** The lowest index above all that are there. */
export async function nextIndex(db: Reader, wallet: string): Promise<number> {
  const row = await db
    .selectFrom("address")
    .select((column) => column.fn.max("index").as("last"))
    .where("wallet", "=", wallet)
    .executeTakeFirst();
  return row === undefined || row.last === null ? 0 : Number(row.last) + 1;
}

/** By index, after `after`. */
export async function listAddresses(
  db: Reader,
  wallet: string,
  it: { readonly after: number; readonly limit: number; readonly client?: string | undefined },
): Promise<readonly AddressRow[]> {
  let query = db.selectFrom("address").selectAll().where("wallet", "=", wallet).where("index", ">", it.after);
  if (it.client !== undefined) query = query.where("client", "=", it.client);
  return query.orderBy("index").limit(it.limit).execute();
}

/** Every address, for the check of all records. */
export async function everyAddress(
  db: Reader,
  it: { readonly wallet: string; readonly index: number; readonly limit: number },
): Promise<readonly AddressRow[]> {
  return db
    .selectFrom("address")
    .selectAll()
    .where((where) =>
      where.or([where("wallet", ">", it.wallet), where.and([where("wallet", "=", it.wallet), where("index", ">", it.index)])]),
    )
    .orderBy("wallet")
    .orderBy("index")
    .limit(it.limit)
    .execute();
}
