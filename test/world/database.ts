/** A real PostgreSQL for tests: one per test process, started at the first use, with a fresh migrated database for each caller.
 *
 *  It does not wait for the disk, so it is quick and forgets everything when the machine goes down. What must survive a crash
 *  of PostgreSQL itself is tested with `startPostgres` alone. An initialised cluster with all migrations applied is kept under
 *  `.cache`, named after the version and the migrations, and copied. */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, statSync, utimesSync } from "node:fs";
import { join } from "node:path";
import { after } from "node:test";
import { Client } from "pg";
import { migrate, readMigrations } from "../../server/src/db/migrate.ts";
import { openDatabase } from "../../server/src/db/open.ts";
import type { BinaryKind } from "../../server/src/db/postgres/binaries.ts";
import { type Postgres, startPostgres } from "../../server/src/db/postgres/start.ts";
import type { Reader } from "../../server/src/db/tables.ts";

export type TestDatabase = {
  /** For the application's role; `db` is open on it. */
  readonly url: string;
  readonly ownerUrl: string;
  readonly db: Reader;
  /** Closes the pool and drops the database. */
  close(): Promise<void>;
};

const CACHE = join(import.meta.dirname, "../../.cache/postgres");
/** Clusters that run lie in memory where there is such a place, since copying one to a disk takes most of a second. */
const MEMORY = "/dev/shm";
const RUNS = existsSync(MEMORY) ? MEMORY : CACHE;
const RUN = /^strongroom-test-(\d+)$/;
/** How long an unused cluster is kept. Milliseconds. */
const KEPT_MS = 3_600_000;
/** `system` or `packaged`: has the tests run on that PostgreSQL and no other. */
const KIND = (process.env.STRONGROOM_POSTGRES ?? null) as BinaryKind | null;
const FAST = {
  fsync: "off",
  synchronous_commit: "off",
  full_page_writes: "off",
  max_connections: "200",
  shared_buffers: "32MB",
  jit: "off",
  deadlock_timeout: "100ms",
};

let running: Promise<Postgres> | null = null;
let made = 0;

/** Databases that are open, and whether all tests are over. */
let open = 0;
let isOver = false;
/** How long PostgreSQL outlives the tests for databases that are still open. Milliseconds. */
const LINGER_MS = 5_000;

// The hooks of a test file run after this one, and some of them close databases: the last of those ends PostgreSQL.
after(async () => {
  isOver = true;
  setTimeout(stop, LINGER_MS).unref();
  if (open === 0) await stop();
});

async function stop(): Promise<void> {
  const ending = running;
  running = null;
  if (ending === null) return;
  await (await ending).stop();
  rmSync(runFolder(), { recursive: true, force: true });
}

/** Closes a database; the last one after the tests takes PostgreSQL with it. Connections that are just ending are waited for by
 *  PostgreSQL itself; the owner may not end those of another role. */
async function closed(ownerUrl: string, name: string): Promise<void> {
  await asOwner(ownerUrl, `drop database ${name}`);
  open--;
  if (isOver && open === 0) await stop();
}

/** A fresh database that holds what the migrations make and nothing else. Quick: it is copied by PostgreSQL. */
export async function withDatabase(): Promise<TestDatabase> {
  const { url, ownerUrl } = await withServer();
  const name = `test_${++made}`;
  open++;
  await asOwner(ownerUrl, `create database ${name} template strongroom`);
  // Rights on a database are not copied with it.
  await asOwner(ownerUrl, `revoke create, temporary on database ${name} from public`);
  const own = { url: naming(url, name), ownerUrl: naming(ownerUrl, name) };
  const { db, close } = openDatabase({ url: own.url, connections: 8 });
  return {
    ...own,
    db,
    close: async () => {
      await close();
      await closed(ownerUrl, name);
    },
  };
}

/** A fresh database without any table, for tests of migrations. `ownerUrl` is the owner's, `url` the application's. */
export async function withEmptyDatabase(): Promise<{ url: string; ownerUrl: string; close(): Promise<void> }> {
  const { url, ownerUrl } = await withServer();
  const name = `test_${++made}`;
  open++;
  await asOwner(ownerUrl, `create database ${name} template template0`);
  const close = () => closed(ownerUrl, name);
  return { url: naming(url, name), ownerUrl: naming(ownerUrl, name), close };
}

function withServer(): Promise<Postgres> {
  running ??= start();
  return running;
}

/** The same URL with another database. */
function naming(url: string, database: string): string {
  return url.replace(/\/strongroom\?/, `/${database}?`);
}

/** Statements for the whole server, from a database that nobody copies. */
async function asOwner(ownerUrl: string, statement: string): Promise<void> {
  const client = new Client({ connectionString: naming(ownerUrl, "template1") });
  await client.connect();
  try {
    await client.query(statement);
  } finally {
    await client.end();
  }
}

async function start(): Promise<Postgres> {
  sweep();
  const source = await initialised();
  rmSync(runFolder(), { recursive: true, force: true });
  execFileSync("cp", ["-a", source, runFolder()]);
  return startPostgres({ home: runFolder(), kind: KIND, settings: FAST });
}

const runFolder = () => join(RUNS, `strongroom-test-${process.pid}`);

/** The folder of a stopped cluster with all migrations applied, made if nobody has yet. */
async function initialised(): Promise<string> {
  const files = readMigrations().map(({ number, sha256 }) => `${number} ${sha256}`);
  const key = createHash("sha256")
    .update(`${KIND} ${process.getuid?.()} ${files.join("\n")}`)
    .digest("hex")
    .slice(0, 16);
  const source = join(CACHE, key);
  if (!existsSync(source)) await initialise(source);
  const now = new Date();
  utimesSync(source, now, now);
  return source;
}

async function initialise(target: string): Promise<void> {
  const draft = `${target}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  const postgres = await startPostgres({ home: draft, kind: KIND, ownerMayCreate: true, sync: false, settings: FAST });
  try {
    await migrate({ ownerUrl: postgres.ownerUrl });
  } finally {
    await postgres.stop();
  }
  // Somebody else may have been quicker; theirs is as good.
  if (existsSync(target)) rmSync(draft, { recursive: true });
  else renameSync(draft, target);
}

/** Removes what test processes left that were killed, and clusters of older migrations. */
function sweep(): void {
  const list = (folder: string) => (existsSync(folder) ? readdirSync(folder) : []);
  const isDead = (pid: string | undefined) => pid !== undefined && !existsSync(`/proc/${pid}`);
  const isOld = (name: string) => Date.now() - statSync(join(CACHE, name)).mtimeMs > KEPT_MS;
  const stale = [
    ...list(RUNS).flatMap((name) => (isDead(RUN.exec(name)?.[1]) ? [join(RUNS, name)] : [])),
    ...list(CACHE).flatMap((name) => (isDead(/^[0-9a-f]{16}\.(\d+)$/.exec(name)?.[1]) ? [join(CACHE, name)] : [])),
    ...list(CACHE).flatMap((name) => (/^[0-9a-f]{16}$/.test(name) && isOld(name) ? [join(CACHE, name)] : [])),
  ];
  for (const path of stale) rmSync(path, { recursive: true, force: true });
}
