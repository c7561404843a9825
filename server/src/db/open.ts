/** Opens a pool of connections. Columns come as the code means them: `numeric` as bigint, `bigint` as a whole number that is safe,
 *  `bytea` as a Uint8Array, `timestamptz` as a Date. */
import { Kysely, PostgresDialect } from "kysely";
import { Pool, types } from "pg";
import type { Tables } from "./tables.ts";

export type Database = { readonly db: Kysely<Tables>; readonly close: () => Promise<void> };

const INT8 = 20;
const NUMERIC = 1700;
const BYTEA = 17;

function safe(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value)) throw new Error(`the database holds ${text}, which is no safe whole number`);
  return value;
}

/** `url`: postgres://… of the application role, whose rights are those that the migrations grant. */
export function openDatabase({ url, connections }: { url: string; connections: number }): Database {
  const parsers = new Map<number, (text: string) => unknown>([
    [INT8, safe],
    [NUMERIC, BigInt],
    [BYTEA, (text) => new Uint8Array(Buffer.from(text.slice(2), "hex"))],
  ]);
  const pool = new Pool({
    connectionString: url,
    max: connections,
    types: { getTypeParser: ((oid: number) => parsers.get(oid) ?? types.getTypeParser(oid)) as typeof types.getTypeParser },
  });
  // An idle connection that breaks is replaced by the pool; what was using one hears of it at its next query. Without a listener a
  // connection that breaks between two queries of a transaction would end the process.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }) });
  return { db, close: () => db.destroy() };
}
