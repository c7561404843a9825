/** Migrations on a real database: again, at once, from every earlier state, and what they leave the application. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { Client } from "pg";
import { demandMigrated, migrate, readMigrations } from "../../server/src/db/migrate.ts";
import { Fault, type FaultCode } from "../../server/src/host/fault.ts";
import { withDatabase, withEmptyDatabase } from "../world/database.ts";

const MAIN = join(import.meta.dirname, "../../server/src/main.ts");
const ALL = readMigrations().map(({ number }) => number);
const scratch = mkdtempSync(join(tmpdir(), "strongroom-migrate-"));
after(() => rmSync(scratch, { recursive: true }));

const fails = (code: FaultCode) => (error: unknown) => error instanceof Fault && error.code === code;

async function query<Row extends object>(url: string, text: string): Promise<Row[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Row>(text)).rows;
  } finally {
    await client.end();
  }
}

/** Everything that migrations make, as lines. */
async function shapeOf(ownerUrl: string): Promise<string[]> {
  const rows = await query<{ line: string }>(
    ownerUrl,
    `select concat_ws(' ', 'column', table_name, column_name, data_type, is_nullable, column_default) as line
       from information_schema.columns where table_schema = 'public'
     union all select concat_ws(' ', 'index', indexdef) from pg_indexes where schemaname = 'public'
     union all select concat_ws(' ', 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid)) from pg_constraint
       where connamespace = 'public'::regnamespace
     union all select concat_ws(' ', 'grant', table_name, grantee, privilege_type) from information_schema.role_table_grants
       where table_schema = 'public'
     union all select concat_ws(' ', 'function', proname, prosrc) from pg_proc where pronamespace = 'public'::regnamespace
     union all select concat_ws(' ', 'trigger', tgrelid::regclass, tgname) from pg_trigger where not tgisinternal
     union all select concat_ws(' ', 'applied', number, name, sha256) from migration
     order by 1`,
  );
  return rows.map(({ line }) => line);
}

/** A folder of migrations of its own. */
function folderOf(name: string, files: Record<string, string>): string {
  const folder = mkdtempSync(join(scratch, `${name}-`));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  return folder;
}

test("the numbers of the migrations have no gap", () => {
  assert.deepEqual(
    ALL,
    Array.from(ALL, (_, at) => at + 1),
  );
});

test("migrations that are run twice change nothing the second time", async () => {
  const { ownerUrl, url, close } = await withEmptyDatabase();
  await assert.rejects(demandMigrated(url), fails("MIGRATION_BEHIND"));
  assert.deepEqual(await migrate({ ownerUrl }), ALL);
  const shape = await shapeOf(ownerUrl);
  assert.deepEqual(await migrate({ ownerUrl }), []);
  assert.deepEqual(await shapeOf(ownerUrl), shape);
  await demandMigrated(url);
  await close();
});

test("every earlier state is brought to the same end", async () => {
  const whole = await withEmptyDatabase();
  await migrate({ ownerUrl: whole.ownerUrl });
  const shape = await shapeOf(whole.ownerUrl);
  await whole.close();
  for (const to of ALL) {
    const { ownerUrl, url, close } = await withEmptyDatabase();
    assert.deepEqual(await migrate({ ownerUrl, to }), ALL.slice(0, to));
    if (to < ALL.length) await assert.rejects(demandMigrated(url), fails("MIGRATION_BEHIND"));
    assert.deepEqual(await migrate({ ownerUrl }), ALL.slice(to));
    assert.deepEqual(await shapeOf(ownerUrl), shape);
    await close();
  }
});

test("several processes that migrate at once apply each file once", async () => {
  const { ownerUrl, close } = await withEmptyDatabase();
  const env = { ...process.env, STRONGROOM_DATABASE_OWNER_URL: ownerUrl };
  const runs = Array.from({ length: 3 }, async () => {
    const child = spawn(process.execPath, [MAIN, "migrate"], { env, stdio: ["ignore", "pipe", "inherit"] });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const [code] = await once(child, "close");
    assert.equal(code, 0);
    return (JSON.parse(said) as { applied: number[] }).applied;
  });
  const applied = (await Promise.all(runs)).flat();
  assert.deepEqual(
    applied.sort((a, b) => a - b),
    ALL,
  );
  await close();
});

test("several calls on an empty database get in nobody's way", async () => {
  const { ownerUrl, close } = await withEmptyDatabase();
  const applied = await Promise.all(Array.from({ length: 6 }, () => migrate({ ownerUrl })));
  assert.deepEqual(
    applied.flat().sort((a, b) => a - b),
    ALL,
  );
  await close();
});

test("a file that was changed, came late or is gone is refused", async () => {
  const { ownerUrl, close } = await withEmptyDatabase();
  const one = { "0001-one.sql": "create table one (a integer);" };
  const three = { "0003-three.sql": "create table three (a integer);" };
  await migrate({ ownerUrl, folder: folderOf("whole", { ...one, ...three }) });
  const changed = folderOf("changed", { "0001-one.sql": "create table one (a bigint);", ...three });
  await assert.rejects(migrate({ ownerUrl, folder: changed }), fails("MIGRATION_CHANGED"));
  const late = folderOf("late", { ...one, "0002-two.sql": "create table two (a integer);", ...three });
  await assert.rejects(migrate({ ownerUrl, folder: late }), fails("MIGRATION_ORDER"));
  await assert.rejects(migrate({ ownerUrl, folder: folderOf("gone", one) }), fails("MIGRATION_AHEAD"));
  for (const name of ["1-one.sql", "0000-none.sql", "0001-One.sql"]) {
    await assert.rejects(migrate({ ownerUrl, folder: folderOf("named", { [name]: "" }) }), fails("MIGRATION_ORDER"));
  }
  await close();
});

test("a file that fails leaves nothing and is tried again", async () => {
  const { ownerUrl, close } = await withEmptyDatabase();
  const broken = folderOf("broken", { "0001-one.sql": "create table one (a integer); create table one (a integer);" });
  await assert.rejects(migrate({ ownerUrl, folder: broken }), fails("MIGRATION_FAILED"));
  const mended = folderOf("mended", { "0001-one.sql": "create table one (a integer);" });
  assert.deepEqual(await migrate({ ownerUrl, folder: mended }), [1]);
  await close();
});

test("the application owns nothing and makes nothing", async () => {
  const made = await withDatabase();
  const refused = { code: "42501" };
  for (const statement of [
    "create table mine (a integer)",
    "create temporary table mine (a integer)",
    "create schema mine",
    "alter table job add column mine integer",
    "drop table job",
    "truncate job",
    "create index mine on job (kind)",
    "create function mine() returns integer language sql as 'select 1'",
    "create role mine",
    "update migration set sha256 = ''",
    "delete from migration",
    "insert into migration (number, name, sha256) values (99, 'mine', '')",
  ]) {
    await assert.rejects(query(made.url, statement), refused, statement);
  }
  const owned = await query(made.ownerUrl, "select relname from pg_class where relowner = 'strongroom_app'::regrole");
  assert.deepEqual(owned, []);
  await made.close();
});

/** Ledger, audit log and what was signed. Of an event only what personal data may have to be erased from is changed. */
const FOR_GOOD = [
  ...["event", "audit_tile", "audit_checkpoint", "ledger_account", "ledger_transfer", "ledger_mark"],
  ...["address", "decision", "rulebook_decision"],
];
const ERASED = ["data", "salt"];

test("what is written for good can only be added to", async () => {
  const made = await withDatabase();
  const rows = await query<{ table: string; right: string; column: string }>(
    made.ownerUrl,
    `select table_name as table, privilege_type as right, column_name as column from information_schema.column_privileges
       where grantee = 'strongroom_app'
     union all select table_name, privilege_type, '' from information_schema.role_table_grants
       where grantee = 'strongroom_app' and privilege_type not in ('INSERT', 'SELECT', 'UPDATE')`,
  );
  for (const table of FOR_GOOD) {
    const own = rows.filter((row) => row.table === table);
    const changes = own.filter(({ right }) => right !== "INSERT" && right !== "SELECT").map(({ column }) => column);
    assert.ok(own.length > 0, table);
    assert.deepEqual(changes.sort(), table === "event" ? ERASED : [], table);
  }
  assert.deepEqual(new Set(rows.map(({ right }) => right)), new Set(["SELECT", "INSERT", "UPDATE", "DELETE"]));
  await made.close();
});
