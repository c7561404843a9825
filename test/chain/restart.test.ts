/** Wherever the follower or the database dies, what is recorded in the end is what one that never dies records, each thing
 *  once. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { sql } from "kysely";
import { type Follower, followOne } from "../../server/src/chain/follow.ts";
import { watchAddress } from "../../server/src/chain/store.ts";
import type { Observers } from "../../server/src/chain/types.ts";
import { openWatched } from "../../server/src/chain/watched.ts";
import type { Reader, Tx } from "../../server/src/db/tables.ts";
import { transact } from "../../server/src/db/transact.ts";
import { CHAIN, calls, RICH } from "../world/chain.ts";
import { withDatabase } from "../world/database.ts";
import { newLease, openStage, ours, type Stage } from "./stage.ts";

/** Blocks with a deposit of ETH and one of a token each. */
async function story(stage: Stage): Promise<void> {
  const token = await stage.anvil.deploy("HonestToken");
  stage.tokens["good"] = token;
  for (let number = 0n; number < 4n; number++) {
    await stage.anvil.send({ to: ours(0), value: 10n + number });
    await stage.anvil.send({ to: token, data: calls.mint(ours(1), 50n + number) });
    await stage.anvil.mine(1);
  }
}

async function watchAll(db: Reader): Promise<void> {
  for (const number of [0, 1]) {
    const row = { chain: CHAIN, address: ours(number), wallet: "w", index: number, client: null, unit: "bank" };
    await transact(db, (tx) => watchAddress(tx, row));
  }
}

/** The records of deposits, in no order, without what differs from run to run. */
async function told(db: Reader): Promise<readonly string[]> {
  const rows = await db.selectFrom("deposit").selectAll().execute();
  return rows.map((it) => `${it.block} ${it.tx} ${it.place} ${it.asset} ${it.amount} ${it.state}`).sort();
}

type Fault = (tx: Tx) => Promise<void>;

/** A follower to whose transaction `fault` is done, once, at the nth time that anything is told. */
function faulty(follower: Follower, at: number, fault: Fault) {
  let count = 0;
  const { slotTaken, ...observers } = follower.observers;
  const broken = Object.entries(observers).map(([name, tell]) => [
    name,
    async (tx: Tx, it: never) => {
      await tell(tx, it);
      if (++count === at) await fault(tx);
    },
  ]);
  return {
    follower: { ...follower, observers: { ...(Object.fromEntries(broken) as Observers), slotTaken } },
    isHurt: () => count >= at,
  };
}

const DEATH = new Error("the process is gone");
const FAULTS: Record<string, Fault> = {
  "the process dies": () => Promise.reject(DEATH),
  "the connection is cut": async (tx) => {
    await sql`select pg_terminate_backend(pg_backend_pid())`.execute(tx);
  },
};

/** One life, which begins with nothing but the database and ends at the head or by death. */
async function live(follower: Follower): Promise<void> {
  const watched = openWatched(follower.db, CHAIN);
  const lease = await newLease(follower.db);
  try {
    while ((await followOne(follower, lease, watched)).at === "moved");
  } catch (error) {
    if (error !== DEATH) throw error;
  }
}

for (const [name, fault] of Object.entries(FAULTS)) {
  test(`${name} at each step of following`, async () => {
    const stage = await openStage({ config: { confirmations: [{ blocks: 2 }] } });
    after(() => stage.close());
    await story(stage);
    await watchAll(stage.database.db);
    await stage.catchUp();
    const truth = await told(stage.database.db);
    assert.equal(truth.length, 8);
    let deaths = 0;
    for (let at = 1; ; at++) {
      const { db, close } = await withDatabase();
      const own = { ...stage.follower, db };
      await watchAll(db);
      const { follower, isHurt } = faulty(own, at, fault);
      await live(follower);
      await live(own);
      assert.deepEqual(await told(db), truth, `at step ${at}`);
      await close();
      if (!isHurt()) break;
      deaths += 1;
    }
    assert.equal(deaths, 19, "eight are seen, six are final, and five blocks end");
  });

  test(`${name} at each step of a reorganisation`, async () => {
    const stage = await openStage({ config: { confirmations: [{ blocks: 50 }] } });
    after(() => stage.close());
    const { db } = stage.database;
    await story(stage);
    await watchAll(db);
    await stage.catchUp();
    for (let at = 1; at <= 8; at++) {
      await stage.anvil.cut(2);
      for (const value of [1_000n, 2_000n]) {
        await stage.anvil.send({ to: ours(0), value: value + BigInt(at) });
        await stage.anvil.send({ to: stage.tokens["good"] ?? "", data: calls.mint(ours(1), value + BigInt(at)) });
        await stage.anvil.mine(1);
      }
      await stage.follower.online.poll();
      const { follower, isHurt } = faulty(stage.follower, at, fault);
      await live(follower);
      assert.ok(isHurt());
      await live(stage.follower);
      const seen = await stage.book();
      const wanted = [10, 11, 1_000 + at, 2_000 + at].map((amount) => `eth ${amount} seen`);
      assert.deepEqual(
        seen.filter((line) => line.startsWith("eth")),
        wanted.sort(),
      );
      assert.equal(seen.length, 8);
    }
  });
}

test("whoever has lost the lease writes nothing more", async () => {
  const stage = await openStage();
  after(() => stage.close());
  await stage.watch(ours(0));
  await stage.catchUp();
  await stage.anvil.send({ from: RICH, to: ours(0), value: 5n });
  await stage.anvil.mine(1);
  const former = stage.lease;
  stage.lease = await newLease(stage.database.db);
  await stage.follower.online.poll();
  const watched = openWatched(stage.database.db, CHAIN);
  await assert.rejects(followOne(stage.follower, former, watched), { code: "LEASE_LOST" });
  assert.deepEqual(await stage.book(), []);
  await stage.catchUp();
  assert.deepEqual(await stage.book(), ["eth 5 seen"]);
});
