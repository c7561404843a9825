/** Transactions on a real database, with a wire in between that can be cut at the worst moment. */
import assert from "node:assert/strict";
import { type AddressInfo, connect, createServer, type Socket } from "node:net";
import { test } from "node:test";
import { sql } from "kysely";
import { Client } from "pg";
import { uuid } from "../../server/src/db/ids.ts";
import { openDatabase } from "../../server/src/db/open.ts";
import type { Tx } from "../../server/src/db/tables.ts";
import { look, transact } from "../../server/src/db/transact.ts";
import { Fault } from "../../server/src/host/fault.ts";
import { type TestDatabase, withDatabase } from "../world/database.ts";

type Cut = "before" | "after" | "never";

/** A way to the database that breaks the connection at a commit: before the database hears of it, or before its answer comes
 *  back. */
async function withWire(url: string, cut: () => Cut): Promise<{ url: string; cuts: () => number; close(): Promise<void> }> {
  const target = new URL(url);
  const socket = `${target.searchParams.get("host")}/.s.PGSQL.5432`;
  let cuts = 0;
  const open = new Set<Socket>();
  const server = createServer((client) => {
    const upstream = connect(socket);
    let deaf = false;
    for (const side of [client, upstream]) {
      open.add(side);
      side.on("error", () => side.destroy());
      side.on("close", () => open.delete(side));
    }
    client.on("data", (bytes) => {
      const wish = bytes.includes("commit\0") ? cut() : "never";
      if (wish !== "never") cuts++;
      if (wish !== "before") upstream.write(bytes);
      if (wish === "before") upstream.destroy();
      if (wish === "never") return;
      deaf = true;
      client.destroy();
    });
    upstream.on("data", (bytes) => deaf || client.write(bytes));
    client.on("close", () => deaf || upstream.destroy());
  });
  await new Promise<void>((listening) => server.listen(0, "127.0.0.1", listening));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((closed) => {
      for (const side of open) side.destroy();
      server.close(() => closed());
    });
  return { url: url.replace(/@.*/, `@127.0.0.1:${port}${target.pathname}`), cuts: () => cuts, close };
}

async function asOwner(made: TestDatabase, statement: string): Promise<void> {
  const client = new Client({ connectionString: made.ownerUrl });
  await client.connect();
  await client.query(statement).finally(() => client.end());
}

/** Adds a job of this kind, whose count tells how often that took effect. */
async function addOne(tx: Tx, kind = "one"): Promise<string> {
  const id = uuid();
  await sql`insert into job (id, kind, subject) values (${id}, ${kind}, ${id})`.execute(tx);
  return id;
}

async function count({ db }: TestDatabase): Promise<number> {
  const { rows } = await sql<{ count: number }>`select count(*) from job`.execute(db);
  return rows[0]?.count ?? -1;
}

test("a commit whose answer is lost takes effect once, whether the database heard of it or not", async () => {
  const made = await withDatabase();
  for (const [at, how] of (["after", "before", "after"] as const).entries()) {
    let left = 2;
    const wire = await withWire(made.url, () => (left-- > 0 ? how : "never"));
    const { db, close } = openDatabase({ url: wire.url, connections: 2 });
    let runs = 0;
    const ids: string[] = [];
    const id = await transact(db, async (tx) => {
      runs++;
      ids.push(await addOne(tx));
      return ids.at(-1);
    });
    // Where the database heard of it, the second try only finds that out; its own commit is cut as well.
    assert.equal(runs, how === "after" ? 1 : 3);
    assert.equal(id, ids.at(-1));
    assert.equal(wire.cuts(), 2);
    assert.equal(await count(made), at + 1);
    await close();
    await wire.close();
  }
  await made.close();
});

test("a commit that still goes on when its caller tries again is waited for", async () => {
  const made = await withDatabase();
  await asOwner(
    made,
    `create function doze() returns trigger language plpgsql as 'begin perform pg_sleep(0.4); return null; end';
     create constraint trigger doze after insert on job deferrable initially deferred for each row execute function doze();`,
  );
  let left = 1;
  const wire = await withWire(made.url, () => (left-- > 0 ? "after" : "never"));
  const { db, close } = openDatabase({ url: wire.url, connections: 2 });
  let runs = 0;
  await transact(db, async (tx) => {
    runs++;
    await addOne(tx);
  });
  assert.deepEqual([runs, await count(made)], [1, 1]);
  await close();
  await wire.close();
  await made.close();
});

test("a backend that is killed during a commit did nothing, and the work is done again", async () => {
  const made = await withDatabase();
  await asOwner(
    made,
    `create function doze() returns trigger language plpgsql as
       'begin if new.subject = ''slow'' then perform pg_sleep(60); end if; return null; end';
     create constraint trigger doze after insert on job deferrable initially deferred for each row execute function doze();`,
  );
  let runs = 0;
  const work = transact(made.db, async (tx) => {
    runs++;
    await sql`insert into job (id, kind, subject) values (${uuid()}, 'one', ${runs === 1 ? "slow" : "quick"})`.execute(tx);
  });
  const kill = sql<{ killed: boolean }>`
    select pg_terminate_backend(pid) as killed from pg_stat_activity
    where datname = current_database() and query = 'commit' and wait_event = 'PgSleep'`;
  let killed = 0;
  while (killed === 0) killed = (await kill.execute(made.db)).rows.length;
  await work;
  assert.deepEqual([runs, await count(made)], [2, 1]);
  await made.close();
});

test("transactions that lock in opposite orders both take effect", async () => {
  const made = await withDatabase();
  const [a, b] = await transact(made.db, async (tx) => [await addOne(tx), await addOne(tx)]);
  let waiting = 2;
  const both = Promise.withResolvers<void>();
  const bump = (first: string | undefined, second: string | undefined) =>
    transact(made.db, async (tx) => {
      await sql`update job set attempts = attempts + 1 where id = ${first}`.execute(tx);
      if (--waiting === 0) both.resolve();
      await both.promise;
      await sql`update job set attempts = attempts + 1 where id = ${second}`.execute(tx);
    });
  await Promise.all([bump(a, b), bump(b, a)]);
  const { rows } = await sql<{ attempts: number }>`select attempts from job`.execute(made.db);
  assert.deepEqual(rows, [{ attempts: 2 }, { attempts: 2 }]);
  assert.ok(waiting < 0, "one of them was refused and ran again");
  await made.close();
});

test("what the work throws comes out as it is and leaves nothing", async () => {
  const made = await withDatabase();
  const wrong = new Error("wrong");
  const work = transact(made.db, async (tx) => {
    await addOne(tx);
    throw wrong;
  });
  await assert.rejects(work, (error) => error === wrong);
  assert.equal(await count(made), 0);
  await made.close();
});

test("work that swallows a failed statement does not pass for done", async () => {
  const made = await withDatabase();
  const work = transact(made.db, async (tx) => {
    await addOne(tx);
    await sql`select 1 / 0`.execute(tx).catch(() => undefined);
  });
  await assert.rejects(work, { code: "25P02" });
  assert.equal(await count(made), 0);
  await made.close();
});

test("a look sees one state and cannot write", async () => {
  const made = await withDatabase();
  const seen = await look(made.db, async (tx) => {
    const before = await sql<{ count: number }>`select count(*) from job`.execute(tx);
    await transact(made.db, (other) => addOne(other));
    const after = await sql<{ count: number }>`select count(*) from job`.execute(tx);
    return [before.rows[0]?.count, after.rows[0]?.count];
  });
  assert.deepEqual(seen, [0, 0]);
  await assert.rejects(
    look(made.db, (tx) => addOne(tx)),
    { code: "25006" },
  );
  await made.close();
});

test("a database that is not there is told after bounded tries", async () => {
  const { db, close } = openDatabase({ url: "postgres://nobody:none@127.0.0.1:1/none", connections: 1 });
  const fails = (code: string) => (error: unknown) => error instanceof Fault && error.code === code;
  await assert.rejects(transact(db, addOne), fails("DATABASE_UNREACHABLE"));
  await close();
  const made = await withDatabase();
  const wire = await withWire(made.url, () => "after");
  const far = openDatabase({ url: wire.url, connections: 1 });
  await assert.rejects(transact(far.db, addOne), fails("OUTCOME_UNKNOWN"));
  await far.close();
  await wire.close();
  await made.close();
});
