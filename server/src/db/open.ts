/** Opens a pool of connections. Columns come as the code means them: `numeric` as bigint, `bigint` as a whole number that is
 *  safe, `bytea` as a Uint8Array, `timestamptz` as a Date. */
import { Kysely, type LogEvent, PostgresDialect } from "kysely";
import { Pool, types } from "pg";
import { codeOf } from "../host/fault.ts";
import { limits } from "../host/limits.ts";
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

/** What a statement did. `outcome`: ok, or the database's code. */
export type Statement = { readonly ms: number; readonly verb: string; readonly outcome: string };
/** `hear` is told of every statement that was carried out. */
export type Opening = { url: string; connections: number; hear?: (statement: Statement) => void };

/** `url`: postgres://… of the application role, whose rights are those that the migrations grant. */
export function openDatabase({ url, connections, hear }: Opening): Database {
  const parsers = new Map<number, (text: string) => unknown>([
    [INT8, safe],
    [NUMERIC, BigInt],
    [BYTEA, (text) => new Uint8Array(Buffer.from(text.slice(2), "hex"))],
  ]);
  const pool = new Pool({
    connectionString: url,
    max: connections,
    connectionTimeoutMillis: limits.connectMs,
    // A process that was cut off must not hold its locks until the network notices.
    idle_in_transaction_session_timeout: limits.idleTransactionMs,
    types: { getTypeParser: ((oid: number) => parsers.get(oid) ?? types.getTypeParser(oid)) as typeof types.getTypeParser },
  });
  // An idle connection that breaks is replaced by the pool; what was using one hears of it at its next query. Without a
  // listener a connection that breaks between two queries of a transaction would end the process.
  pool.on("error", () => undefined);
  pool.on("connect", (client) => client.on("error", () => undefined));
  const log = hear === undefined ? [] : (event: LogEvent) => hear(statementOf(event));
  const db = new Kysely<Tables>({ dialect: new PostgresDialect({ pool }), log });
  return { db, close: () => db.destroy() };
}

function statementOf(event: LogEvent): Statement {
  const verb = /^\s*(\w+)/.exec(event.query.sql)?.[1]?.toLowerCase() ?? "";
  const outcome = event.level === "query" ? "ok" : codeOf(event.error) || "LOST";
  return { ms: event.queryDurationMillis, verb, outcome };
}
