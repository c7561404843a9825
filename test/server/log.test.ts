/** The log in a real database with the real vault: numbered, grown, signed, proven and checked. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openCheckpoint } from "../../core/src/audit/note.ts";
import { isConsistent, isIncluded, planConsistency, planInclusion } from "../../core/src/audit/tree.ts";
import { fromHex, toHex } from "../../core/src/bytes.ts";
import { originOf, signCheckpoint } from "../../server/src/audit/checkpoints/jobs.ts";
import { checkLog } from "../../server/src/audit/integrity/jobs.ts";
import * as store from "../../server/src/audit/store.ts";
import { transact } from "../../server/src/db/transact.ts";
import { countEvents, eraseEvent, listEvents, readEvents } from "../../server/src/events/store.ts";
import { demandFence, type Lease } from "../../server/src/jobs/store.ts";
import { openVaultLink, type VaultLink } from "../../server/src/vault/link.ts";
import { type TestDatabase, withDatabase } from "../world/database.ts";
import { leaseOf, number, tell } from "../world/events.ts";
import { type Standing, standVault } from "../world/standing.ts";

let house: Standing;
let vault: VaultLink;
let made: TestDatabase;
let lease: Lease;
before(async () => {
  [house, made] = await Promise.all([standVault(), withDatabase()]);
  vault = openVaultLink({ socket: house.socket, pin: house.made.deployment });
  lease = await leaseOf(made.db);
});
after(async () => {
  vault.close();
  await made.close();
  await house.clean();
});

const grow = () => number(made.db, { lease, deployment: house.made.deployment });
const check = async () => checkLog({ db: made.db, view: await vault.view() });

test("without events there is no checkpoint, and nothing is wrong", async () => {
  assert.equal(await signCheckpoint({ db: made.db, vault }), null);
  assert.deepEqual(await check(), { size: 0, checkpoints: 0, wrong: null });
});

test("ten thousand events get numbers without a gap, a tree, and the vault's signature", async (t) => {
  for (let at = 0; at < 20; at++) await tell(made.db, `batch-${at}`, 500);
  const since = performance.now();
  assert.equal(await grow(), 10_000);
  t.diagnostic(`figure: ${Math.round(10_000 / ((performance.now() - since) / 1000))} events numbered per second`);
  const rows = await readEvents(made.db, { from: 0, to: 20_000 });
  assert.deepEqual(
    rows.map((row) => row.number),
    Array.from({ length: 10_000 }, (_, at) => at),
  );
  assert.equal(new Set(rows.map((row) => row.subject)).size, 10_000);
  const row = await signCheckpoint({ db: made.db, vault });
  const view = await vault.view();
  const note = openCheckpoint(row?.note ?? "", { name: originOf(view.deployment), publicKey: view.vaultKey });
  assert.deepEqual([note.size, note.root], [10_000, row?.root]);
  assert.deepEqual(await check(), { size: 10_000, checkpoints: 1, wrong: null });
});

test("proofs from tiles alone verify for every kind of place", async () => {
  const size = await countEvents(made.db);
  const root = fromHex(await store.readRoot(made.db, size));
  for (const leaf of [0, 1, 255, 256, 511, 9_983, 9_984, size - 1]) {
    const proof = await store.readPlan(made.db, planInclusion({ leaf, size }));
    assert.ok(isIncluded({ leaf, hash: fromHex(await store.readLeafHash(made.db, leaf)) }, { size, root }, proof));
  }
  for (const first of [0, 1, 255, 256, 257, 4096, 9_999, size]) {
    const proof = await store.readPlan(made.db, planConsistency({ first, size }));
    const before = { size: first, root: fromHex(await store.readRoot(made.db, first)) };
    assert.ok(isConsistent(before, { size, root }, proof));
  }
});

test("whoever dies between the vault's signature and its storing has the log signed on", async () => {
  const known = await store.newestCheckpoint(made.db);
  await tell(made.db, "lost", 3);
  await grow();
  const size = await countEvents(made.db);
  await transact(made.db, (tx) => store.noteAsking(tx, size));
  const plan = planConsistency({ first: known?.size ?? 0, size });
  const proof = (await store.readPlan(made.db, plan)).map((hash) => toHex(hash)) as never;
  const origin = originOf(house.made.deployment);
  await vault.demand({ command: "checkpoint", origin, size, root: await store.readRoot(made.db, size), proof });
  await tell(made.db, "after", 2);
  await grow();
  assert.equal((await signCheckpoint({ db: made.db, vault }))?.size, size + 2);
  assert.equal((await check()).wrong, null);
});

test("asked by many at once the vault signs one history", async () => {
  for (let round = 0; round < 5; round++) {
    await tell(made.db, `round-${round}`, 1);
    await grow();
    const size = await countEvents(made.db);
    const rows = await Promise.all([1, 2, 3].map(() => signCheckpoint({ db: made.db, vault })));
    assert.ok(rows.every((row) => row?.size === size));
  }
  assert.equal((await check()).wrong, null);
});

test("who has lost the lease numbers nothing", async () => {
  await tell(made.db, "late", 1);
  const former = lease;
  lease = await leaseOf(made.db, former.holder);
  await assert.rejects(number(made.db, { lease: former, deployment: house.made.deployment }), { code: "LEASE_LOST" });
  assert.equal(await grow(), 1);
  await transact(made.db, (tx) => demandFence(tx, lease));
});

test("erased data is gone for good and the log still holds", async () => {
  assert.equal(await transact(made.db, (tx) => eraseEvent(tx, 7)), true);
  assert.equal(await transact(made.db, (tx) => eraseEvent(tx, 7)), false);
  const [row] = await readEvents(made.db, { from: 7, to: 8 });
  assert.deepEqual([row?.data, row?.salt], [null, null]);
  assert.equal((await check()).wrong, null);
  const replaced = made.db.updateTable("event").set({ data: null, salt: null }).where("number", "=", 8).execute();
  await replaced;
  const denied = [
    made.db
      .updateTable("event")
      .set({ leaf_hash: "00".repeat(32) } as never)
      .where("number", "=", 9),
    made.db
      .updateTable("event")
      .set({ data: "{}", salt: new Uint8Array(32) } as never)
      .where("number", "=", 9),
    made.db.deleteFrom("event").where("number", "=", 9),
    made.db.deleteFrom("audit_checkpoint"),
    made.db.updateTable("audit_tile").set({ level: 1 }),
  ];
  for (const one of denied) await assert.rejects(async () => one.execute());
});

test("a user sees the events of his units and his client, the root all", async () => {
  const caller = { name: "x", role: "auditor" as const, unit: "desk", client: null, person: null, units: ["desk"] };
  const query = { after: -1, take: 5 };
  assert.equal((await listEvents(made.db, caller, query)).length, 5);
  assert.equal((await listEvents(made.db, { ...caller, client: "c-1" }, query)).length, 5);
  assert.equal((await listEvents(made.db, { ...caller, client: "c-2" }, query)).length, 0);
  assert.equal((await listEvents(made.db, { ...caller, units: ["other"] }, query)).length, 0);
});
