/** What comes to our addresses and is not booked is told all the same, also when its block is no part of the chain any more. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { verifyRecords } from "../../server/src/integrity/store.ts";
import { openVaultLink } from "../../server/src/vault/link.ts";
import { calls, RICH } from "../world/chain.ts";
import { furnish, openHouse, type TestHouse, until } from "../world/house.ts";

let house: TestHouse;
before(async () => {
  house = await openHouse();
});
after(() => house.close());

/** Types of the events about a deposit, in their order. */
async function toldOf(id: string): Promise<readonly string[]> {
  const { items } = await house.as("admin").call("events.list", { query: { limit: "200" } });
  return items.filter(({ subject }) => subject === `deposit:${id}`).map(({ type }) => type);
}

async function deposits() {
  return (await house.as("admin").call("deposits.list", {})).items;
}

test("a deposit of an unknown token whose block is gone is told and was never booked", async () => {
  const { address } = await furnish(house);
  const token = await house.chain.deploy("HonestToken");
  await house.chain.send({ to: token, data: calls.mint(RICH, 10_000n) });
  const tx = await house.chain.send({ to: token, data: calls.transfer(address, 1_000n) });
  const came = await until("it is recorded", async () => (await deposits()).find((one) => one.tx === tx));
  assert.equal(came.state, "unknown");
  await house.chain.cut(1);
  await house.chain.mine(2);
  await until("it is gone", async () => (await deposits()).find(({ id, state }) => id === came.id && state === "reorged"));
  const told = await until("it is told", async () => {
    const types = await toldOf(came.id);
    return types.length > 1 && types;
  });
  assert.deepEqual(told, ["deposit.suspected", "deposit.reorged"]);
  const { db } = house.database;
  const booked = await db.selectFrom("ledger_transfer").select("id").where("cause", "=", `deposit:${came.id}`).execute();
  assert.deepEqual(booked, []);
  const link = openVaultLink({ socket: house.vault.socket, pin: house.vault.made.deployment });
  assert.deepEqual((await verifyRecords(db, await link.view())).findings, []);
  link.close();
});
