/** What the vault is told of facts when it does not want to hear them yet. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { transact } from "../../server/src/db/transact.ts";
import { factWorkers } from "../../server/src/facts/jobs.ts";
import { insertFact, newestFacts } from "../../server/src/facts/store.ts";
import type { House } from "../../server/src/host/context.ts";
import type { Job } from "../../server/src/jobs/jobs.ts";
import { type TestDatabase, withDatabase } from "../world/database.ts";
import { takeJob } from "../world/worker.ts";

const subject = "transaction:31337:0x00";
let made: TestDatabase;
before(async () => {
  made = await withDatabase();
  const at = new Date();
  const row = { id: "ab".repeat(32), source: "finality-a", type: "finality" as const, subject, at };
  await transact(made.db, (tx) => insertFact(tx, { ...row, fact: Uint8Array.of(1), informed: false, created_at: at }));
});
after(() => made.close());

const inform = async (code: string) => {
  const house = { db: made.db, now: Date.now, vault: { ask: async () => ({ code }) } } as unknown as House;
  return factWorkers["inform"]?.(house, { subject, fence: await takeJob({ database: made }) } as Job);
};

test("what the vault refuses, because its clock is behind or sources disagree, it is told again", async () => {
  for (const code of ["FACT_FUTURE", "FACT_ADVERSE"]) {
    const end = await inform(code);
    assert.ok(typeof end === "object" && end.again.getTime() > Date.now());
  }
  assert.deepEqual(
    (await newestFacts(made.db, [subject])).map(({ informed }) => informed),
    [false],
  );
});

test("what it has heard it is not told again", async () => {
  assert.equal(await inform("OK"), "done");
  assert.deepEqual(
    (await newestFacts(made.db, [subject])).map(({ informed }) => informed),
    [true],
  );
});
