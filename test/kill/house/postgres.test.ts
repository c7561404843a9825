/** PostgreSQL, which waits for its disk here as it does in earnest, is killed with all its processes by SIGKILL before and
 *  after commits of a payment, and started again on the same folder. The server finds it again; nothing that was answered is
 *  lost. */
import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { migrate } from "../../../server/src/db/migrate.ts";
import { openDatabase } from "../../../server/src/db/open.ts";
import { type Postgres, startPostgres } from "../../../server/src/db/postgres/start.ts";
import type { TestDatabase } from "../../world/database.ts";
import { demandOnce, demandWhole } from "./books.ts";
import { openStage, type Stage } from "./stage.ts";
import { type Paid, play } from "./story.ts";

const isLong = process.env["STRONGROOM_LONG"] === "1";
/** Where it dies, before and after. */
const STEPS = [
  "1 commit deposit.seen",
  "1 commit event event_outbox",
  "1 commit request.created",
  "2 commit request.approved",
  "1 commit execution.reserved",
  "1 vault execute",
  "1 commit execution.signed",
  "1 commit execution.settled",
  ...(isLong ? ["1 commit request.refused", "1 commit request.approved", "1 vault explain", "1 end carry-out"] : []),
  ...(isLong ? ["1 broadcast", "1 commit chain_tx", "1 commit execution.included", "1 commit deposit.booked"] : []),
  ...(isLong ? ["2 commit event event_outbox", "1 commit fact.stated", "1 vault inform", "1 commit fact", "1 end inform"] : []),
];

let home: string;
let postgres: Postgres;
let restarted: Promise<void> = Promise.resolve();
let isOver = false;
let stage: Stage;
const paid: Paid[] = [];

/** Starts it, and again whenever it was killed. */
async function start(socket?: string): Promise<void> {
  postgres = await startPostgres({ home, kind: null, ...(socket !== undefined && { socket }) });
  void postgres.ended.then(() => {
    if (!isOver) restarted = start(postgres.socket);
  });
}

async function ownDatabase(): Promise<TestDatabase> {
  home = await mkdtemp(join(tmpdir(), "durable "));
  await start();
  const { url, ownerUrl } = postgres;
  await migrate({ ownerUrl });
  return { url, ownerUrl, ...openDatabase({ url, connections: 8 }) };
}

before(async () => {
  stage = await openStage({ database: ownDatabase });
  stage.menders.push(() => restarted);
});
after(async () => {
  await stage.close();
  isOver = true;
  await postgres.stop();
  await rm(home, { recursive: true });
});

const playOne = async () => {
  const one = await play(stage, paid.length);
  paid.push(one);
  return one;
};

test("killed at commits of a payment, PostgreSQL has lost nothing", async (t) => {
  const kills = STEPS.flatMap((step) => [`before ${step}`, `after ${step}`]);
  const since = performance.now();
  for (const kill of kills) {
    const { pid } = postgres;
    stage.arm(kill, pid);
    await demandOnce(stage, [await playOne()]);
    await restarted;
    assert.notEqual(postgres.pid, pid, `${kill} was never reached`);
  }
  const each = Math.round((performance.now() - since) / kills.length);
  await demandWhole(stage, paid);
  assert.deepEqual(stage.deaths, { server: 0, vault: 0 });
  t.diagnostic(`count: kills of PostgreSQL: ${kills.length} kills, ${paid.length} payments`);
  t.diagnostic(`figure: ${each} ms each`);
});
