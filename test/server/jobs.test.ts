/** Jobs and leases on a real database, by processes that are really killed and really stopped. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { Client } from "pg";
import pino from "pino";
import { uuid } from "../../server/src/db/ids.ts";
import { transact } from "../../server/src/db/transact.ts";
import type { House } from "../../server/src/host/context.ts";
import { limits } from "../../server/src/host/limits.ts";
import { openMetrics } from "../../server/src/host/metrics.ts";
import { Problem } from "../../server/src/http/call.ts";
import { lookAtJobs, startWork, type Workers } from "../../server/src/jobs/jobs.ts";
import * as store from "../../server/src/jobs/store.ts";
import { type TestDatabase, withDatabase } from "../world/database.ts";

type Said = { name: string; has?: string; epoch?: number; wrote?: string; refused?: string; keeps?: number; ready?: boolean };
type Process = { child: ChildProcess; hear(what: (said: Said) => boolean): Promise<Said>; go(): void; end(): Promise<void> };

/** A test that fails leaves no process behind. */
const children = new Set<ChildProcess>();
after(() => {
  for (const child of children) child.kill("SIGKILL");
});

function startProcess({ url }: TestDatabase, name: string): Process {
  const args = [join(import.meta.dirname, "worker.ts"), url, name];
  const child = spawn(process.execPath, args, { stdio: ["pipe", "pipe", "inherit"] });
  children.add(child);
  const heard: Said[] = [];
  let look = (): void => undefined;
  createInterface({ input: child.stdout }).on("line", (line) => {
    heard.push(JSON.parse(line) as Said);
    look();
  });
  return {
    child,
    hear: (what) =>
      new Promise((resolve) => {
        look = () => {
          const found = heard.find(what);
          if (found !== undefined) resolve(found);
        };
        look();
      }),
    go: () => void child.stdin.write("go\n"),
    async end() {
      if (child.exitCode !== null || child.signalCode !== null) return;
      child.kill("SIGTERM");
      await once(child, "exit");
    },
  };
}

async function withSeen(): Promise<TestDatabase> {
  const made = await withDatabase();
  const client = new Client({ connectionString: made.ownerUrl });
  await client.connect();
  await client.query("create table seen (subject text, worker text, epoch bigint, number bigserial)");
  await client.query("grant select, insert on seen to strongroom_app; grant usage on seen_number_seq to strongroom_app");
  await client.end();
  return made;
}

type Seen = { subject: string; worker: string; epoch: number };
async function seen({ db }: TestDatabase): Promise<Seen[]> {
  const { rows } = await sql<Seen>`select subject, worker, epoch from seen where subject <> 'only' order by number`.execute(db);
  return rows;
}

const ask = ({ db }: TestDatabase, wish: { kind: string; subject: string; dueAt?: Date }) =>
  transact(db, (tx) => store.enqueue(tx, wish));

async function until<T>(read: () => Promise<T>, holds: (value: T) => boolean): Promise<T> {
  for (;;) {
    const value = await read();
    if (holds(value)) return value;
    await sleep(10);
  }
}

type Row = { state: string; attempts: number; last_error: string; due_at: Date; epoch: number };
async function jobsOf({ db }: TestDatabase, subject: string): Promise<Row[]> {
  return db.selectFrom("job").selectAll().where("subject", "=", subject).orderBy("created_at").execute();
}

/** Workers of this process. */
function working({ db }: TestDatabase, workers: Workers, leaseMs = 5_000, now = Date.now) {
  const house = { db, log: pino({ level: "silent" }), metrics: openMetrics(), now } as unknown as House;
  return { house, ...startWork({ house, workers, keepers: [], leaseMs }) };
}

test("two processes that race for jobs do each of them once", async () => {
  const made = await withSeen();
  const subjects = Array.from({ length: 200 }, (_, at) => `job ${at}`);
  await transact(made.db, async (tx) => {
    for (const subject of subjects) await store.enqueue(tx, { kind: "write", subject });
  });
  const both = [startProcess(made, "a"), startProcess(made, "b")];
  const rows = await until(
    () => seen(made),
    ({ length }) => length >= subjects.length,
  );
  await Promise.all(both.map(({ end }) => end()));
  assert.deepEqual(rows.map(({ subject }) => subject).sort(), subjects.toSorted());
  assert.deepEqual(new Set(rows.map(({ epoch }) => epoch)), new Set([1]));
  await made.close();
});

test("a job whose worker is killed is done by another one", async () => {
  const made = await withSeen();
  await ask(made, { kind: "slow", subject: "kept" });
  const first = startProcess(made, "first");
  await first.hear(({ has }) => has === "kept");
  first.child.kill("SIGKILL");
  const second = startProcess(made, "second");
  const { epoch } = await second.hear(({ has }) => has === "kept");
  second.go();
  await second.hear(({ wrote }) => wrote === "kept");
  await until(
    () => jobsOf(made, "kept"),
    ([job]) => job?.state === "done",
  );
  await second.end();
  assert.equal(epoch, 2);
  assert.deepEqual(await seen(made), [{ subject: "kept", worker: "second", epoch: 2 }]);
  await made.close();
});

test("a worker that comes back after its job was taken over writes nothing", async () => {
  const made = await withSeen();
  await ask(made, { kind: "slow", subject: "kept" });
  const first = startProcess(made, "first");
  await first.hear(({ has }) => has === "kept");
  first.child.kill("SIGSTOP");
  const second = startProcess(made, "second");
  await second.hear(({ has }) => has === "kept");
  first.go();
  first.child.kill("SIGCONT");
  const { refused } = await first.hear((said) => said.refused !== undefined || said.wrote !== undefined);
  second.go();
  await second.hear(({ wrote }) => wrote === "kept");
  await Promise.all([first.end(), second.end()]);
  assert.equal(refused, "LEASE_LOST");
  assert.deepEqual(await seen(made), [{ subject: "kept", worker: "second", epoch: 2 }]);
  assert.deepEqual(
    (await jobsOf(made, "kept")).map(({ state }) => state),
    ["done"],
  );
  await made.close();
});

test("a lease has one holder, and passes on when he is killed, stopped or done", async () => {
  const made = await withSeen();
  const a = startProcess(made, "a");
  assert.equal((await a.hear(({ keeps }) => keeps !== undefined)).keeps, 1);
  const b = startProcess(made, "b");
  await b.hear(({ ready }) => ready === true);
  a.child.kill("SIGKILL");
  assert.equal((await b.hear(({ keeps }) => keeps !== undefined)).keeps, 2);
  const c = startProcess(made, "c");
  await c.hear(({ ready }) => ready === true);
  await b.end();
  assert.equal((await c.hear(({ keeps }) => keeps !== undefined)).keeps, 3);
  await c.end();
  await made.close();
});

test("a second holder's taking refuses the first one's writing, and waits for what is fenced", async () => {
  const made = await withDatabase();
  const [first, second] = [uuid(), uuid()];
  const held = await store.takeLease(made.db, { name: "only", holder: first, leaseMs: 1 });
  assert.ok(held !== null);
  await until(
    () => made.db.selectFrom("lease").select(sql<boolean>`until < clock_timestamp()`.as("out")).execute(),
    ([row]) => row?.out === true,
  );
  await transact(made.db, async (tx) => {
    await store.demandFence(tx, held);
    assert.equal(await store.takeLease(made.db, { name: "only", holder: second, leaseMs: 60_000 }), null);
    assert.equal(await store.keepLease(made.db, held, 1), true);
  });
  const taken = await until(
    () => store.takeLease(made.db, { name: "only", holder: second, leaseMs: 60_000 }),
    (lease) => lease !== null,
  );
  assert.equal(taken?.epoch, 2);
  assert.equal(await store.keepLease(made.db, held, 1), false);
  await assert.rejects(
    transact(made.db, (tx) => store.demandFence(tx, held)),
    { code: "LEASE_LOST" },
  );
  assert.equal(await store.takeLease(made.db, { name: "only", holder: first, leaseMs: 1 }), null);
  await made.close();
});

test("a job that fails is tried again after a pause, and is given up in the end", async () => {
  const made = await withDatabase();
  let tries = 0;
  const { wake, stop, house } = working(made, {
    async flaky() {
      if (++tries < 3) throw new Error(`no. ${tries}\nsaid ä`);
      return "done";
    },
    async hopeless() {
      throw new Error("never");
    },
  });
  await ask(made, { kind: "flaky", subject: "a" });
  await ask(made, { kind: "hopeless", subject: "b" });
  await sql`update job set attempts = ${limits.jobBackoff.attempts - 1} where subject = 'b'`.execute(made.db);
  wake();
  await until(
    () => jobsOf(made, "a"),
    ([job]) => job?.last_error === "no. 1 said ?",
  );
  const [flaky] = await until(
    () => jobsOf(made, "a"),
    ([job]) => job?.state === "done",
  );
  const [hopeless] = await until(
    () => jobsOf(made, "b"),
    ([job]) => job?.state === "failed",
  );
  assert.deepEqual([flaky?.attempts, flaky?.last_error, hopeless?.last_error], [3, "", "never"]);
  assert.deepEqual(
    (await lookAtJobs.look(house)).map(({ ok }) => ok),
    [false],
  );
  // Whoever asks again gets a fresh job, and the failed one stays to be seen.
  await ask(made, { kind: "hopeless", subject: "b" });
  assert.deepEqual((await jobsOf(made, "b")).length, 2);
  await stop();
  await made.close();
});

test("while something else is down tries do not count", async () => {
  const made = await withDatabase();
  let tries = 0;
  const { wake, stop } = working(made, {
    async wait() {
      if (++tries < 2) throw new Problem("VAULT_UNREACHABLE", { detail: "down" });
      return "done";
    },
  });
  await ask(made, { kind: "wait", subject: "a" });
  await sql`update job set attempts = ${limits.jobBackoff.attempts - 1}`.execute(made.db);
  wake();
  const [job] = await until(
    () => jobsOf(made, "a"),
    ([row]) => row?.state === "done" || row?.state === "failed",
  );
  assert.deepEqual([job?.state, tries], ["done", 2]);
  await stop();
  await made.close();
});

test("a job that is asked for while it runs runs once more; twice before it runs is once", async () => {
  const made = await withDatabase();
  const begun = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  let runs = 0;
  const { wake, stop } = working(made, {
    async work() {
      runs++;
      begun.resolve();
      await goOn.promise;
      return "done";
    },
  });
  await ask(made, { kind: "work", subject: "a", dueAt: new Date(Date.now() + 3_600_000) });
  await ask(made, { kind: "work", subject: "a" });
  wake();
  await begun.promise;
  await ask(made, { kind: "work", subject: "a" });
  goOn.resolve();
  const rows = await until(
    () => jobsOf(made, "a"),
    ([job]) => job?.state === "done",
  );
  assert.deepEqual([runs, rows.length], [2, 1]);
  await stop();
  await made.close();
});

test("a job that wants to run again later waits until then", async () => {
  const made = await withDatabase();
  const later = new Date(Date.now() + 3_600_000);
  const { wake, stop } = working(made, { work: async () => ({ again: later }) });
  await ask(made, { kind: "work", subject: "a" });
  wake();
  const [job] = await until(
    () => jobsOf(made, "a"),
    ([row]) => row?.state === "waiting" && row.epoch === 1,
  );
  assert.equal(job?.attempts, 0);
  assert.ok(Math.abs((job?.due_at.getTime() ?? 0) - later.getTime()) < 60_000);
  await stop();
  await made.close();
});

test("it waits as long on a machine whose clock is behind", async () => {
  const made = await withDatabase();
  const now = () => Date.now() - 7_200_000;
  const { wake, stop } = working(made, { work: async () => ({ again: new Date(now() + 3_600_000) }) }, 5_000, now);
  await ask(made, { kind: "work", subject: "a" });
  wake();
  const [job] = await until(
    () => jobsOf(made, "a"),
    ([row]) => row?.state === "waiting" && row.epoch > 0,
  );
  assert.ok((job?.due_at.getTime() ?? 0) > Date.now() + 3_000_000);
  await stop();
  await made.close();
});

test("a job that takes its process down every time is given up", async () => {
  const made = await withDatabase();
  await ask(made, { kind: "work", subject: "a" });
  await sql`update job set state = 'running', attempts = ${limits.jobBackoff.attempts}`.execute(made.db);
  const { wake, stop } = working(made, { work: async () => "done" as const });
  wake();
  const [job] = await until(
    () => jobsOf(made, "a"),
    ([row]) => row?.state !== "running",
  );
  assert.equal(job?.state, "failed");
  await stop();
  await made.close();
});

test("what is rolled back asks for nothing", async () => {
  const made = await withDatabase();
  const work = transact(made.db, async (tx) => {
    await store.enqueue(tx, { kind: "work", subject: "a" });
    throw new Error("changed my mind");
  });
  await assert.rejects(work);
  assert.deepEqual(await jobsOf(made, "a"), []);
  await made.close();
});
