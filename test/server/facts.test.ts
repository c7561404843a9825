/** What the vault is told of facts: when it does not want to hear them yet, without those that would spoil the others, and
 *  however many requests wait. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Fact, SUBJECT } from "../../core/src/signed/fact.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { encode, idOf } from "../../core/src/signed/object.ts";
import { transact } from "../../server/src/db/transact.ts";
import { factWorkers } from "../../server/src/facts/jobs.ts";
import { insertFact, newestFacts } from "../../server/src/facts/store.ts";
import type { House } from "../../server/src/host/context.ts";
import type { Job } from "../../server/src/jobs/jobs.ts";
import { insertRequest, type RequestRow } from "../../server/src/requests/store.ts";
import { CHAIN } from "../world/chain.ts";
import { type TestDatabase, withDatabase } from "../world/database.ts";
import { device } from "../world/keys.ts";
import { foundedVault } from "../world/vault.ts";
import { takeJob } from "../world/worker.ts";
import { destinationOf, HOUR, NOW, pay, signValue, zoe } from "../world/world.ts";

const subject = "transaction:31337:0x00";
const { made: world } = foundedVault();
let made: TestDatabase;
before(async () => {
  made = await withDatabase();
  await state("finality-a");
});
after(() => made.close());

/** Enters a fact of a source, signed by its key or another. */
async function state(source: string, key = device(source)) {
  const at = Date.now();
  const what = { type: "finality", outcome: "succeeded" } as const;
  const value: Fact = { version: 1, deployment: world.deployment, source, subject, at, ...what };
  const fact = signValue(Fact, value, key);
  const id = idOf(Fact, encode(Fact, value));
  const row = { id, source, type: what.type, subject, at: new Date(at), fact, informed: false, created_at: new Date(at) };
  await transact(made.db, (tx) => insertFact(tx, row));
  return fact;
}

let told: readonly Uint8Array[] = [];
const houseOf = (code: string) => {
  const ask = async ({ facts }: { facts: readonly Uint8Array[] }) => {
    told = facts;
    return { code };
  };
  return { db: made.db, now: Date.now, vault: { ask, view: async () => ({ book: world.book }) } } as unknown as House;
};
const inform = async (code: string) =>
  factWorkers["inform"]?.(houseOf(code), { subject, fence: await takeJob({ database: made }) } as Job);

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

test("what a source has signed with a key that it no longer has does not keep the vault from hearing the others", async () => {
  const good = await state("finality-b");
  await state("finality-a", device("mallory"));
  assert.equal(await inform("OK"), "done");
  assert.deepEqual(told, [good]);
});

test("a fact is tried for every request that waits for one, however many do", async () => {
  const { book } = world;
  const paid = zoe(book);
  const intent = encode(Intent, pay(book, { destination: destinationOf(paid) }));
  const row = { kind: "pay", unit: "bank", client: null, state: "open", index: 0, creator: "admin", execution: null } as const;
  const answer = { answer_code: "FACT_ADVERSE", answer_field: "", answer_detail: "", answer_at: null };
  const enter = async (at: number, request: Pick<RequestRow, "id" | "reference" | "intent">) => {
    const dates = { not_after: new Date(at + 2 * HOUR), created_at: new Date(at) };
    await transact(made.db, (tx) => insertRequest(tx, { ...row, ...answer, ...request, ...dates }));
  };
  // All of one moment, so that they are told apart by their ids.
  for (let at = 0; at < 200; at++)
    await enter(NOW, { id: String(at).padStart(64, "0"), reference: `other-${at}`, intent: Uint8Array.of(1) });
  const id = idOf(Intent, intent);
  await enter(NOW, { id, reference: "pay-1", intent });
  const job = { subject: SUBJECT.address(CHAIN, paid.address), fence: await takeJob({ database: made }) } as Job;
  assert.equal(await factWorkers["retry-facts"]?.(houseOf("OK"), job), "done");
  const asked = await made.db.selectFrom("job").select("subject").where("kind", "=", "carry-out").execute();
  assert.deepEqual(asked, [{ subject: id }]);
});
