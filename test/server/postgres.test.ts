/** The embedded PostgreSQL: killed, left alone, kept in awkward places, and never open to anybody else. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { Client } from "pg";
import { findBinaries } from "../../server/src/db/postgres/binaries.ts";
import { keepPostgres } from "../../server/src/db/postgres/keep.ts";
import { startPostgres } from "../../server/src/db/postgres/start.ts";
import { commandLine, footingFor } from "../../server/src/db/postgres/user.ts";
import { Fault, type FaultCode } from "../../server/src/host/fault.ts";

const MAIN = join(import.meta.dirname, "../../server/src/main.ts");
const scratch = mkdtempSync(join(tmpdir(), "strongroom-pg-"));
chmodSync(scratch, 0o755);
after(() => rmSync(scratch, { recursive: true }));
let made = 0;
/** A fresh folder; root's PostgreSQL reaches it as nobody. */
function home(): string {
  const folder = join(scratch, String(++made));
  mkdirSync(folder, { mode: 0o755 });
  return folder;
}

const fails = (code: FaultCode) => (error: unknown) => error instanceof Fault && error.code === code;

async function query(url: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined);
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows.flatMap((row) => Object.values(row));
  } finally {
    await client.end();
  }
}

/** The answer once there is one. */
async function eventually(ask: () => Promise<unknown[]>): Promise<unknown[]> {
  for (;;) {
    try {
      return await ask();
    } catch {
      await sleep(20);
    }
  }
}

const isAlive = (pid: number) =>
  existsSync(`/proc/${pid}`) && !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, "utf8"));

test("each kind of PostgreSQL starts, keeps what was written, and takes passwords only", async () => {
  for (const kind of ["system", "packaged"] as const) {
    if (kind === "system" && !existsSync("/usr/lib/postgresql")) continue;
    const folder = home();
    const first = await startPostgres({ home: folder, kind });
    await query(first.ownerUrl, "create table kept as select 7 as a");
    await first.stop();
    assert.equal(await first.ended, null);
    // The data stays with its version, whatever else there is.
    const { url, ownerUrl, version, stop } = await startPostgres({ home: folder, kind: null });
    assert.equal(version, first.version);
    assert.deepEqual(await query(ownerUrl, "select a from kept"), [7]);
    await assert.rejects(query(url, "select a from kept"), { code: "42501" });
    await assert.rejects(query(url.replace(/:[0-9a-f]{64}@/, ":wrong@"), "select 1"), { code: "28P01" });
    await assert.rejects(query(url.replace("strongroom_app", "postgres"), "select 1"), { code: "28000" });
    assert.deepEqual(await query(url, "show listen_addresses"), [""]);
    assert.deepEqual(await query(url, "show data_checksums"), ["on"]);
    for (const file of ["app.password", "owner.password"]) {
      assert.equal(statSync(join(folder, "postgres", file)).mode & 0o777, 0o600);
    }
    assert.equal(statSync(join(folder, "postgres/data")).mode & 0o077, 0);
    await stop();
  }
});

test("a server that is killed comes back with what was committed, at the same place", async () => {
  const kept = await keepPostgres({ home: home(), kind: null });
  await query(kept.ownerUrl, "create table kept as select 7 as a");
  const first = kept.pid();
  process.kill(first, "SIGKILL");
  assert.deepEqual(await eventually(() => query(kept.ownerUrl, "select a from kept")), [7]);
  assert.notEqual(kept.pid(), first);
  await kept.stop();
  assert.equal(await kept.ended, null);
});

test("it ends with its starter, even one that is killed, and starts again", async () => {
  const folder = home();
  const start = async () => {
    const child = spawn(process.execPath, [MAIN, "postgres", "--home", folder, "--tether"], {
      stdio: ["pipe", "pipe", "ignore"],
    });
    const [bytes] = (await once(child.stdout, "data")) as [Buffer];
    return { child, ready: JSON.parse(bytes.toString()) as { urls: string; postgres: number } };
  };
  const first = await start();
  const urls = JSON.parse(readFileSync(first.ready.urls, "utf8")) as { url: string; ownerUrl: string };
  assert.equal(statSync(first.ready.urls).mode & 0o777, 0o600);
  await query(urls.ownerUrl, "create table kept as select 7 as a");
  first.child.kill("SIGKILL");
  const second = await start();
  assert.equal(isAlive(first.ready.postgres), false);
  assert.deepEqual(await query(urls.ownerUrl, "select a from kept"), [7]);
  second.child.kill("SIGTERM");
  const [code] = await once(second.child, "exit");
  assert.equal(code, 0);
  assert.equal(isAlive(second.ready.postgres), false);
});

test("a program that is tethered ends when its standard input does", async () => {
  const child = spawn(process.execPath, [MAIN, "postgres", "--home", home(), "--tether"], {
    stdio: ["pipe", "pipe", "ignore"],
  });
  await once(child.stdout, "data");
  child.stdin.end();
  const [code] = await once(child, "exit");
  assert.equal(code, 0);
});

test("a lock file that names somebody else's process is no hindrance", async () => {
  const folder = home();
  await (await startPostgres({ home: folder, kind: null })).stop();
  // As after a new start of the machine: the number is taken, by something that has nothing to do with it.
  const data = join(folder, "postgres/data");
  writeFileSync(join(data, "postmaster.pid"), `${process.pid}\n${data}\n1700000000\n5432\n\n\n\n`);
  const { url, stop } = await startPostgres({ home: folder, kind: null });
  assert.deepEqual(await query(url, "select 1"), [1]);
  await stop();
});

test("a place that is long, odd or closed to others is as good", async () => {
  const folders = [join(home(), "x".repeat(100)), join(home(), 'it\'s, a "place" of its own')];
  const closed = home();
  chmodSync(closed, 0o700);
  for (const folder of [...folders, join(closed, "inside")]) {
    mkdirSync(folder);
    const { url, socket, stop } = await startPostgres({ home: folder, kind: null });
    assert.ok(Buffer.byteLength(join(socket, ".s.PGSQL.5432")) <= 107);
    assert.deepEqual(await query(url, "select 1"), [1]);
    await stop();
  }
});

test("data of a version that is not here is refused, and what cannot start says why", async () => {
  const folder = home();
  mkdirSync(join(folder, "postgres/data"), { recursive: true });
  writeFileSync(join(folder, "postgres/data/PG_VERSION"), "9\n");
  await assert.rejects(startPostgres({ home: folder, kind: null }), fails("POSTGRES_VERSION"));
  await assert.rejects(
    startPostgres({ home: home(), kind: null, settings: { shared_buffers: "none" } }),
    fails("POSTGRES_FAILED"),
  );
  assert.throws(() => findBinaries({ kind: "system", major: 9, links: scratch }), fails("POSTGRES_VERSION"));
});

test("root steps down where nobody reaches the folder, and looks like nobody elsewhere", () => {
  const open = home();
  const closed = join(home(), "closed");
  mkdirSync(closed, { mode: 0o700 });
  const isRoot = process.getuid?.() === 0;
  const of = (paths: string[], data: string | null = null) => footingFor({ paths, data });
  assert.deepEqual(
    [of([open]), of([open, closed]), of([open], open)],
    isRoot ? ["nobody", "mapped", "mapped"] : ["plain", "plain", "plain"],
  );
  for (const footing of ["plain", "nobody", "mapped"] as const) {
    assert.ok(commandLine(footing, ["true"]).join(" ").endsWith("--pdeathsig INT true"));
  }
});
