/** The sequencer is killed at every statement, and while two of them run: no event is lost, doubled or moved, and the tree
 *  holds. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import process from "node:process";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Hash } from "../../core/src/bytes.ts";
import { checkLog } from "../../server/src/audit/integrity/jobs.ts";
import { uuid } from "../../server/src/db/ids.ts";
import type { Reader } from "../../server/src/db/tables.ts";
import { listEvents, readEvents } from "../../server/src/events/store.ts";
import { type TestDatabase, withDatabase } from "../world/database.ts";
import { leaseOf, number, tell } from "../world/events.ts";

const MAIN = join(import.meta.dirname, "numberer.ts");
const DEPLOYMENT = "d7".repeat(32) as Hash;
/** As many as complete a tile, so that each batch takes every step. */
const BATCH = 256;

function start(made: TestDatabase, ...more: readonly string[]): ChildProcess {
  return spawn(process.execPath, [MAIN, made.url, DEPLOYMENT, ...more], { stdio: ["ignore", "pipe", "inherit"] });
}

async function ended(child: ChildProcess): Promise<{ signal: string | null; statements: string[] }> {
  let text = "";
  child.stdout?.on("data", (chunk) => {
    text += chunk;
  });
  const [, signal] = await once(child, "close");
  return { signal, statements: text.split("\n").filter((line) => line !== "") };
}

/** Every event that was told is there once, numbers have no gap, and leaves, columns and tiles fit each other. */
async function demandWhole(db: Reader, told: number): Promise<void> {
  const rows = await readEvents(db, { from: 0, to: told + 1 });
  assert.equal(rows.length, told);
  assert.equal(new Set(rows.map((row) => row.subject)).size, told);
  const nobody = { deployment: DEPLOYMENT, line: [] };
  assert.deepEqual(await checkLog({ db, view: nobody }), { size: told, checkpoints: 0, wrong: null });
}

test("killed at every statement, the sequencer loses and doubles nothing", async (t) => {
  const made = await withDatabase();
  const holder = uuid();
  let told = 0;
  const round = async (step: string) => {
    await tell(made.db, step, BATCH);
    told += BATCH;
    return ended(start(made, holder, step));
  };
  const { statements, signal } = await round("count 0");
  assert.equal(signal, null);
  const steps = statements.flatMap((_, at) => [`before ${at + 1}`, `sent ${at + 1}`, `after ${at + 1}`]);
  for (const step of steps) assert.equal((await round(step)).signal, "SIGKILL", `${step} was never reached`);
  await number(made.db, { lease: await leaseOf(made.db, holder), deployment: DEPLOYMENT });
  await demandWhole(made.db, told);
  await made.close();
  t.diagnostic(`count: kills: ${steps.length} kills, ${statements.length} statements of the sequencer`);
});

test("two sequencers, killed in turn, number what many tell, and a reader sees each event once in its order", async (t) => {
  const made = await withDatabase();
  const lanes = 4;
  const rounds = 60;
  const total = lanes * rounds * 5;
  const seen: number[] = [];
  const reader = { name: "x", role: "auditor" as const, unit: "desk", client: null, person: null, units: ["desk"] };
  const read = async () => {
    while (seen.length < total) {
      const rows = await listEvents(made.db, reader, { after: seen.at(-1) ?? -1, take: 100 });
      seen.push(...rows.map((row) => row.number));
      if (rows.length === 0) await sleep(10);
    }
  };
  const reading = read();
  const writing = Promise.all(
    Array.from({ length: lanes }, async (_, lane) => {
      for (let at = 0; at < rounds; at++) await tell(made.db, `lane-${lane}-${at}`, 5);
    }),
  );
  let running = [start(made, uuid()), start(made, uuid())];
  const kills = 4;
  for (let at = 0; at < kills; at++) {
    const goal = Math.floor((total * (at + 1)) / (kills + 2));
    while (seen.length < goal) await sleep(5);
    const [oldest, ...others] = running;
    oldest?.kill("SIGKILL");
    running = [...others, start(made, uuid())];
  }
  await Promise.all([writing, reading]);
  assert.deepEqual(
    seen,
    Array.from({ length: total }, (_, at) => at),
  );
  const ends = running.map((child) => once(child, "close"));
  for (const child of running) child.kill("SIGKILL");
  await Promise.all(ends);
  await demandWhole(made.db, total);
  await made.close();
  t.diagnostic(`count: kills: ${kills} kills of one of two sequencers`);
});
