/** A weakening on its way through the server: whatever is said on it, it comes into force when its delay is over and it was
 *  seen, and the vault is not asked without end meanwhile. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import type { Approval } from "../../core/src/signed/approval.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { openHouse, type TestHouse, until } from "../world/house.ts";
import { type Device, someHash } from "../world/keys.ts";
import * as world from "../world/world.ts";

const { KEYS } = world;
const DELAY_MS = 1_500;

let house: TestHouse;
before(async () => {
  const { governance } = world.demoRulebook();
  house = await openHouse({ world: { rulebook: { governance: { ...governance, delayMs: DELAY_MS } } } });
});
after(() => house.close());

/** Proposes a weakening, and gives how people say that they have seen it. */
async function proposed(unfreezeDelayMs: number) {
  const session = await house.session();
  const book = session.book();
  const governance = { ...book.document.governance, unfreezeDelayMs };
  const next = world.nextRulebook(book, { governance });
  const body = { rulebook: world.signValue(Rulebook, next, KEYS.ada, KEYS.ben) };
  const { id, state } = await house.as("admin").call("rulebooks.create", { body });
  assert.equal(state, "waiting");
  const seen = async (key: Device, change: Partial<Approval> = {}) => {
    const { head, boot } = session.head();
    const ground = { book, head, boot, notAfter: Date.now() + world.MINUTE };
    const approval = world.approveRulebook(ground, next, { key, decision: "seen", change });
    return house.as("admin").call("rulebooks.decide", { params: { id }, body: { approval } });
  };
  return { id, seen };
}

const stateOf = async (id: string) => (await house.as("admin").call("rulebooks.get", { params: { id } })).state;
const adopted = (id: string) => until("it is in force", async () => (await stateOf(id)) === "adopted");
const asked = async (id: string) => {
  const job = sql<{ asked: number }>`select asked from job where kind = 'adopt-rulebook' and subject = ${id}`;
  return (await job.execute(house.database.db)).rows.map((row) => row.asked);
};

test("whoever says twice that he has seen it, or says it wrongly, does not keep it from coming into force", async () => {
  const { id, seen } = await proposed(world.HOUR - 1);
  await seen(KEYS.cleo);
  await seen(KEYS.cleo, { notAfter: Date.now() + 2 * world.MINUTE });
  await seen(KEYS.amy);
  const wrong = { code: "SIGNED_WRONG", field: "body.approval" };
  await assert.rejects(seen(KEYS.bob, { textHash: someHash("another text") }), wrong);
  await assert.rejects(seen(KEYS.bob, { vault: someHash("another vault") }), wrong);
  await assert.rejects(seen(KEYS.bob, { boot: someHash("another start") }), wrong);
  // The server cannot tell that the vault takes no approval of so long a life.
  await seen(KEYS.ada, { notAfter: Date.now() + 10 * world.DAY });
  await adopted(id);
});

test("while nobody has seen it the vault is not asked again and again; an administrator has it asked", async () => {
  const { id, seen } = await proposed(world.HOUR - 2);
  await sleep(DELAY_MS + 500);
  const before = await asked(id);
  await sleep(1_000);
  assert.deepEqual(await asked(id), before);
  assert.equal(await stateOf(id), "waiting");
  assert.equal((await seen(KEYS.cleo)).state, "adopted");
});
