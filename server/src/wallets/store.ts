/** The only code that reads and writes wallets. */
import type { Generated, Selectable } from "kysely";
import type { Reader, Tx } from "../db/tables.ts";
import type { Caller } from "../users/rules.ts";

type WalletTable = {
  name: string;
  chain: number;
  wallet_class: "hot" | "warm" | "cold";
  client: string | null;
  unit: string;
  label: string | null;
  receipt: Uint8Array;
  created_at: Date;
  version: Generated<number>;
};
export type WalletTables = { wallet: WalletTable };
export type WalletRow = Selectable<WalletTable>;

/** Enters a wallet; one that is there already stays as it is. */
export async function insertWallet(tx: Tx, row: Omit<WalletRow, "version">): Promise<void> {
  await tx
    .insertInto("wallet")
    .values(row)
    .onConflict((conflict) => conflict.column("name").doNothing())
    .execute();
}

/** Whatever its unit; not for showing to a caller. */
export async function findWallet(db: Reader, name: string): Promise<WalletRow | undefined> {
  return db.selectFrom("wallet").selectAll().where("name", "=", name).executeTakeFirst();
}

/** Those of these names, whatever their units. */
export async function findWallets(db: Reader, names: readonly string[]): Promise<ReadonlyMap<string, WalletRow>> {
  if (names.length === 0) return new Map();
  const rows = await db.selectFrom("wallet").selectAll().where("name", "in", names).execute();
  return new Map(rows.map((row) => [row.name, row]));
}

/** A wallet that the caller may see. */
export async function visibleWallet(db: Reader, caller: Caller, name: string): Promise<WalletRow | undefined> {
  return visible(db, caller).where("name", "=", name).executeTakeFirst();
}

/** By name, after `after`. */
export async function listWallets(
  db: Reader,
  caller: Caller,
  it: {
    readonly after: string | null;
    readonly limit: number;
    readonly client?: string | undefined;
    readonly unit?: string | undefined;
  },
): Promise<readonly WalletRow[]> {
  let query = visible(db, caller).orderBy("name").limit(it.limit);
  if (it.after !== null) query = query.where("name", ">", it.after);
  if (it.client !== undefined) query = query.where("client", "=", it.client);
  if (it.unit !== undefined) query = query.where("unit", "=", it.unit);
  return query.execute();
}

/** Every wallet, for the check of all records. */
export async function everyWallet(
  db: Reader,
  it: { readonly after: string; readonly limit: number },
): Promise<readonly WalletRow[]> {
  return db.selectFrom("wallet").selectAll().where("name", ">", it.after).orderBy("name").limit(it.limit).execute();
}

export async function changeWallet(
  tx: Tx,
  name: string,
  change: { readonly label?: string | undefined; readonly unit?: string | undefined },
): Promise<WalletRow> {
  return tx
    .updateTable("wallet")
    .set((column) => ({ ...change, version: column("version", "+", 1) }))
    .where("name", "=", name)
    .returningAll()
    .executeTakeFirstOrThrow();
}

function visible(db: Reader, caller: Caller) {
  const query = db.selectFrom("wallet").selectAll().where("unit", "in", caller.units);
  return caller.client === null ? query : query.where("client", "=", caller.client);
}
