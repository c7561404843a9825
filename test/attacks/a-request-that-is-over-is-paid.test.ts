/** Attack: a worker has read a request, and while it asks the vault and the nodes people withdraw or reject it. Nothing is paid
 *  for a request that is over, and nothing stays set aside for it. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { furnish, openHouse, say, type TestHouse, until } from "../world/house.ts";
import { askedFor, carriedOutAt, heldEther } from "../world/worker.ts";
import { ETH } from "../world/world.ts";

let house: TestHouse;
before(async () => {
  house = await openHouse();
  await furnish(house);
});
after(() => house.close());

const executionsOf = async (id: string) => {
  const { items } = await house.as("admin").call("executions.list", { query: { request: id } });
  return items.map(({ state }) => state);
};

const stateOf = async (id: string) => (await house.as("admin").call("requests.get", { params: { id } })).state;

test("a request that was withdrawn while its worker asked the vault is not paid", async () => {
  const payment = await askedFor(house);
  const { id } = payment.request;
  await house.as("admin").call("requests.withdraw", { params: { id }, body: {} });
  assert.deepEqual(await carriedOutAt(house, house.chain.url, payment), { is: "over" });
  assert.deepEqual(await executionsOf(id), []);
  assert.equal(await stateOf(id), "withdrawn");
  assert.equal(await heldEther(house), 0n);
});

test("what was set aside for a request that is then rejected is released", async () => {
  const payment = await askedFor(house);
  const { id } = payment.request;
  await assert.rejects(carriedOutAt(house, "http://127.0.0.1:1", payment), { code: "CHAIN_UNREACHABLE" });
  assert.equal(await heldEther(house), ETH + ETH / 100n);
  await say(house, id, { by: "amy", decision: "reject" });
  await until("nothing is held", async () => (await heldEther(house)) === 0n);
  assert.deepEqual(await executionsOf(id), ["aborted"]);
  assert.equal(await stateOf(id), "rejected");
});
