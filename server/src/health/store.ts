/** Asks the database whether it is there. */
import { sql } from "kysely";
import type { Reader } from "../db/tables.ts";

/** The version that answers. */
export async function readVersion(db: Reader): Promise<string> {
  const { rows } = await sql<{ server_version: string }>`show server_version`.execute(db);
  return rows[0]?.server_version ?? "";
}
