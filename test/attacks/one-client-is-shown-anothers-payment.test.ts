/** Attack: a user who is bound to one client, or to a unit, asks the vault through the server for what the server itself does
 *  not show him: another client's wallet with its public key, and his signed transactions. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openRelay } from "@strongroom/sdk/vault/relay";
import { openSession, shortMemory } from "@strongroom/sdk/vault/session";
import { furnish, openHouse, pay, say, settled, stateFinality, type TestHouse } from "../world/house.ts";
import { ETH } from "../world/world.ts";

let house: TestHouse;
before(async () => {
  house = await openHouse();
  await furnish(house);
  const admin = house.as("admin");
  await admin.call("units.create", { body: { name: "branch", label: "Branch", parent: "bank" } });
  await admin.call("clients.create", { body: { name: "acme", label: "Acme AG", unit: "branch" } });
  await house.enrol("source", "source");
  await house.enrol("clerk", "operator", { unit: "branch" });
  await house.enrol("guest", "operator", { unit: "branch", client: "acme" });
});
after(() => house.close());

const sessionOf = (user: string) =>
  openSession({ wire: openRelay(house.as(user)), memory: shortMemory(), pin: house.vault.made.deployment });

test("the vault shows through the server what the server shows, and no more", async () => {
  const { id } = await pay(house, ETH);
  for (const by of ["amy", "bob"]) await say(house, id, { by });
  await settled(house, id);
  for (const user of ["clerk", "guest"]) {
    const session = await sessionOf(user);
    const wallet = { command: "show", what: "wallet", name: "treasury" } as const;
    const execution = { command: "show", what: "execution", name: id } as const;
    for (const asked of [wallet, execution]) await assert.rejects(session.ask(asked), { code: "FORBIDDEN" });
    assert.equal((await session.ask({ command: "show", what: "entry", name: "kraken" })).code, "OK");
  }
  const session = await sessionOf("admin");
  assert.equal((await session.ask({ command: "show", what: "execution", name: id })).code, "OK");
});

test("jobs and facts, which name payments of all units and clients, are for those who see the institution", async () => {
  await stateFinality(house, `0x${"ab".repeat(32)}`);
  for (const user of ["clerk", "guest"]) {
    for (const list of ["jobs.list", "facts.list"] as const) assert.deepEqual((await house.as(user).call(list, {})).items, []);
  }
  assert.equal((await house.as("admin").call("facts.list", {})).items.length, 2);
});
