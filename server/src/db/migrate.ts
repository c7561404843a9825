/** Brings a database to the newest state, one numbered file after the other, each in a transaction of its own.
 *
 *  The role that runs it owns the database and everything in it. The files grant the application's role, `strongroom_app`, what
 *  it may do; it is no owner of anything, so it can neither make nor change tables. */
import { createHash } from "node:crypto";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { Client } from "pg";
import { codeOf, Fault } from "../host/fault.ts";
import { limits } from "../host/limits.ts";
import { isTaken } from "./fault.ts";

/** The role that the server works as, or a role that it is a member of. */
export const APP_ROLE = "strongroom_app";
/** The migrations of this program. */
export const MIGRATIONS = join(import.meta.dirname, "../../migrations");

export type Migration = { readonly number: number; readonly name: string; readonly sha256: string; readonly text: string };
type Applied = Omit<Migration, "text">;

/** The files `NNNN-name.sql` of a folder by their number. Fails: MIGRATION_ORDER. */
export function readMigrations(folder: string = MIGRATIONS): Migration[] {
  const found = readdirSync(folder)
    .filter((file) => file.endsWith(".sql"))
    .map((file): Migration => {
      const parts = /^(\d{4})-([a-z0-9-]+)\.sql$/.exec(file);
      const text = readFileSync(join(folder, file), "utf8");
      if (parts === null || text.length > limits.migrationBytes) throw new Fault("MIGRATION_ORDER", `${file} is no migration.`);
      const [, number = "", name = ""] = parts;
      return { number: Number(number), name, sha256: createHash("sha256").update(text).digest("hex"), text };
    })
    .sort((a, b) => a.number - b.number);
  for (const [at, { number }] of found.entries()) {
    if (number === 0 || number === found[at - 1]?.number)
      throw new Fault("MIGRATION_ORDER", `There are two of ${number}, or it is 0.`);
  }
  return found;
}

/** Applies what is missing, up to `to` if that is given, and gives the numbers that this call applied. May be called by several
 *  processes at once: each file is applied by one of them.
 *
 *  Throws Fault MIGRATION_CHANGED, MIGRATION_ORDER, MIGRATION_AHEAD, MIGRATION_ROLE, MIGRATION_FAILED, DATABASE_UNREACHABLE. */
export async function migrate(options: { ownerUrl: string; folder?: string; to?: number }): Promise<number[]> {
  const files = readMigrations(options.folder).filter(({ number }) => number <= (options.to ?? limits.migrations));
  const client = new Client({ connectionString: options.ownerUrl, connectionTimeoutMillis: limits.connectMs });
  // Whoever waits for an answer hears of a lost connection there.
  client.on("error", () => undefined);
  await client.connect().catch((error: unknown) => {
    throw new Fault("DATABASE_UNREACHABLE", error instanceof Error ? error.message : "", error);
  });
  try {
    await demandRole(client);
    await prepare(client);
    const applied: number[] = [];
    for (;;) {
      const number = await step(client, files, options.to !== undefined);
      if (number === null) return applied;
      applied.push(number);
    }
  } finally {
    await client.end();
  }
}

/** Fails unless the database is exactly what this program knows: MIGRATION_BEHIND, MIGRATION_AHEAD, MIGRATION_CHANGED.
 *  `query` reads with the rights of the application. */
export async function demandMigrated(url: string): Promise<void> {
  const client = new Client({ connectionString: url, connectionTimeoutMillis: limits.connectMs });
  client.on("error", () => undefined);
  try {
    await client.connect();
    const missing = compare(readMigrations(), await readApplied(client))[0];
    if (missing !== undefined) throw new Fault("MIGRATION_BEHIND", `Number ${missing.number} is missing.`);
  } catch (error) {
    if (codeOf(error) === "42P01") throw new Fault("MIGRATION_BEHIND", "It is empty.", error);
    if (error instanceof Fault) throw error;
    throw new Fault("DATABASE_UNREACHABLE", error instanceof Error ? error.message : "", error);
  } finally {
    await client.end();
  }
}

/** The application's role exists, made if the owner may make roles. */
async function demandRole(client: Client): Promise<void> {
  const { rowCount } = await client.query("select from pg_roles where rolname = $1", [APP_ROLE]);
  if (rowCount !== 0) return;
  try {
    await client.query(`create role ${APP_ROLE} nologin`);
  } catch (error) {
    // 42710: somebody else has just made it.
    if (codeOf(error) === "42710" || isTaken(error)) return;
    const how = `Make it with: create role ${APP_ROLE} login password '…', or make the role of the application a member of it.`;
    throw new Fault("MIGRATION_ROLE", how, error);
  }
}

/** Row 0 of the table is the lock: whoever holds it migrates. Nobody but the owner makes anything, not even for a session. */
const PREPARE = `
  create table if not exists migration (
    number integer primary key check (number >= 0),
    name text not null,
    sha256 text not null,
    applied_at timestamptz not null default now()
  );
  grant select on migration to ${APP_ROLE};
  insert into migration (number, name, sha256) values (0, 'lock', '') on conflict do nothing;`;

/** Several that make the table at once get in each other's way; one of them succeeds, then so do the others. */
async function prepare(client: Client): Promise<void> {
  const { rows } = await client.query<{ name: string }>("select current_database() as name");
  const own = client.escapeIdentifier(rows[0]?.name ?? "");
  for (let tried = 1; ; tried++) {
    try {
      await client.query(`${PREPARE} revoke create, temporary on database ${own} from public;`);
      return;
    } catch (error) {
      // XX000: "tuple concurrently updated", as grants at the same time are told.
      const isRace = isTaken(error) || ["42P07", "XX000", "40001", "40P01"].includes(codeOf(error));
      if (!isRace || tried >= limits.tries)
        throw new Fault("MIGRATION_FAILED", error instanceof Error ? error.message : "", error);
    }
  }
}

async function readApplied(client: Client): Promise<Applied[]> {
  const { rows } = await client.query<Applied>("select number, name, sha256 from migration where number > 0 order by number");
  return rows;
}

/** What is still to be applied. */
function compare(files: readonly Migration[], applied: readonly Applied[]): Migration[] {
  const newest = applied.at(-1)?.number ?? 0;
  for (const { number, name, sha256 } of applied) {
    const file = files.find((one) => one.number === number);
    if (file === undefined) throw new Fault("MIGRATION_AHEAD", `It has number ${number}, ${name}, which is not here.`);
    if (file.sha256 !== sha256 || file.name !== name) throw new Fault("MIGRATION_CHANGED", `Number ${number}, ${name}.`);
  }
  const missing = files.filter(({ number }) => !applied.some((one) => one.number === number));
  const late = missing.find(({ number }) => number < newest);
  if (late !== undefined) throw new Fault("MIGRATION_ORDER", `Number ${late.number} came after ${newest} was applied.`);
  return missing;
}

/** Applies the next file and gives its number, or null when there is none. `partly`: later ones than the files may be there. */
async function step(client: Client, files: readonly Migration[], partly: boolean): Promise<number | null> {
  await client.query("begin");
  let next: Migration | undefined;
  try {
    await client.query("select from migration where number = 0 for update");
    const applied = await readApplied(client);
    const last = files.at(-1)?.number ?? 0;
    next = compare(files, partly ? applied.filter(({ number }) => number <= last) : applied)[0];
    if (next !== undefined) {
      await client.query(next.text);
      const values = [next.number, next.name, next.sha256];
      await client.query("insert into migration (number, name, sha256) values ($1, $2, $3)", values);
    }
    await client.query("commit");
    return next?.number ?? null;
  } catch (error) {
    // The connection may be what failed; the database then rolls back by itself.
    await client.query("rollback").catch(() => undefined);
    if (error instanceof Fault) throw error;
    const at = next === undefined ? "" : `Number ${next.number}, ${next.name}: `;
    throw new Fault("MIGRATION_FAILED", `${at}${error instanceof Error ? error.message : ""}`, error);
  }
}
