/** Attack: whoever brings a replacement or a cancellation names another client than the payment's own, or none, so that the
 *  position of somebody else pays for it. All versions of a transaction are paid by one. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Request } from "@strongroom/sdk/contract/requests";
import { initiate } from "@strongroom/sdk/device/decision";
import { makeCancellation, makePayment } from "@strongroom/sdk/device/make";
import { openRequest, type Shown } from "@strongroom/sdk/device/show";
import { fund, furnish, openHouse, say, settled, signerOf, type TestHouse, until } from "../world/house.ts";
import { ETH } from "../world/world.ts";

const FEE = ETH / 100n;
let house: TestHouse;
before(async () => {
  house = await openHouse();
  await furnish(house);
  for (const name of ["acme", "other"])
    await house.as("admin").call("clients.create", { body: { name, label: name, unit: "bank" } });
  const wanted = { params: { wallet: "treasury" }, body: { index: 1, client: "acme" } };
  const { address } = await house.as("admin").call("addresses.create", wanted);
  await fund(house, address, 5n * ETH);
});
after(() => house.close());

async function posted(type: string): Promise<bigint> {
  const { items } = await house.as("admin").call("accounts.list", { query: { asset: "eth", limit: "200" } });
  return items.find((item) => item.type === type)?.posted ?? 0n;
}

const by = async () => ({ known: await house.session(), signer: signerOf("tom"), words: { purpose: "acme" } });

async function bring(shown: Shown, client?: string): Promise<Request> {
  const signed = await initiate(await house.session(), signerOf("tom"), shown);
  return house.as("admin").call("requests.create", { body: { ...signed, index: 1, ...(client && { client }) } });
}

async function inPool({ id }: Request): Promise<void> {
  for (const name of ["amy", "bob"]) await say(house, id, { by: name });
  await until("it is in the pool", async () => {
    const { items } = await house.as("admin").call("executions.list", { query: { request: id } });
    return items[0]?.transactions.some(({ state }) => state === "seen");
  });
}

test("the client of a payment pays for its cancellation, whoever brings it and whatever he says", async () => {
  const before = { house: await posted("house"), client: await posted("client") };
  await house.chain.rpc("evm_setAutomine", false);
  const what = { wallet: "treasury", to: "kraken", asset: "eth", amount: ETH, totalFee: FEE };
  const asked = await bring(await makePayment(await by(), what), "acme");
  await inPool(asked);
  const former = openRequest(await house.session(), { id: asked.id, intent: asked.intent });
  const shown = makeCancellation(await by(), { former, totalFee: 5n * FEE });
  await assert.rejects(bring(shown, "other"), { code: "CONFLICT", field: "body.client" });
  const cancelling = await bring(shown);
  assert.equal(cancelling.client, "acme");
  await inPool(cancelling);
  await house.chain.rpc("evm_setAutomine", true);
  await house.chain.mine(1);
  const { transactions } = await settled(house, cancelling.id);
  const fee = transactions.find(({ state }) => state === "final")?.fee ?? 0n;
  assert.ok(fee > 0n);
  assert.equal(await posted("house"), before.house);
  assert.equal(await posted("client"), before.client - fee);
});
