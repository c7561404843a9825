/** The main job through the front door: a deposit, a payment that two people approve, its settlement, and one that is
 *  refused. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { makePayment } from "@strongroom/sdk/device/make";
import { CHAIN } from "../world/chain.ts";
import {
  furnish,
  inState,
  openHouse,
  PAYEE,
  pay,
  request,
  say,
  settled,
  signerOf,
  stateFinality,
  type TestHouse,
  until,
} from "../world/house.ts";
import { ETH } from "../world/world.ts";

let house: TestHouse;
before(async () => {
  house = await openHouse();
});
after(() => house.close());

test("a deposit is booked, and a payment that two people approve is settled", async () => {
  const { address } = await furnish(house);
  const client = house.as("admin");
  const asked = await pay(house, 2n * ETH);
  assert.equal(asked.state, "open");
  await say(house, asked.id, { by: "amy" });
  await say(house, asked.id, { by: "bob" });
  const execution = await settled(house, asked.id);
  assert.equal(BigInt(await house.chain.rpc<string>("eth_getBalance", PAYEE, "latest")) >= 2n * ETH, true);
  const { items } = await client.call("accounts.list", { query: { asset: "eth" } });
  const wallet = items.find(({ type }) => type === "wallet");
  const house_ = items.find(({ type }) => type === "house");
  const balance = BigInt(await house.chain.rpc<string>("eth_getBalance", address, "latest"));
  assert.equal(wallet?.posted, balance);
  assert.equal(house_?.posted, balance);
  assert.equal(house_?.held, 0n);
  const check = await client.call("ledger.check", {});
  assert.ok(check.assets.every(({ balanced, backed }) => balanced && backed));
  assert.equal((await inState(house, asked.id, "consumed")).execution, execution.id);
  await house.enrol("source", "source");
  await stateFinality(house, execution.transactions[0]?.id ?? "");
  await until("the vault knows that it is final", async () => (await client.call("vault.get", {})).live === 0);
  assert.equal(execution.transactions[0]?.chain, CHAIN);
});

test("a payment that the position does not cover is refused at once", async () => {
  await assert.rejects(pay(house, 1_000n * ETH), { code: "POSITION_SHORT" });
});

test("a rejection ends a request", async () => {
  const asked = await pay(house, ETH);
  const rejected = await say(house, asked.id, { by: "amy", decision: "reject" });
  assert.equal(rejected.state, "rejected");
  await assert.rejects(say(house, asked.id, { by: "bob" }), { code: "STATE_CONFLICT" });
});

test("whoever signs without end is stopped before nobody can be shown the request any more", async () => {
  const { id } = await pay(house, ETH);
  for (let times = 0; times < 32; times++) await say(house, id, { by: "amy" });
  await assert.rejects(say(house, id, { by: "amy" }), { code: "STATE_CONFLICT", field: "body.approval" });
  assert.equal((await say(house, id, { by: "olga" })).decisions.length, 34);
  assert.equal((await say(house, id, { by: "amy", decision: "reject" })).state, "rejected");
});

test("a request that nobody decides on expires by itself", async () => {
  const words = { purpose: "invoice", lifeMs: 3_000 };
  const by = { known: await house.session(), signer: signerOf("tom"), words };
  const what = { wallet: "treasury", to: "kraken", asset: "eth", amount: ETH, totalFee: ETH / 100n };
  const { id } = await request(house, { by: "tom", shown: await makePayment(by, what) });
  assert.equal((await inState(house, id, "expired")).answer?.code, "EXPIRED");
});

test("lists that begin with the newest show everything once, page by page", async () => {
  const client = house.as("admin");
  for (const list of ["requests.list", "executions.list", "facts.list"] as const) {
    const { items } = await client.call(list, { query: { limit: "200" } });
    const whole: readonly { readonly id: string }[] = items;
    const paged: string[] = [];
    for await (const { id } of client.each(list, { query: { limit: "1" } })) paged.push(id);
    assert.ok(whole.length > 0, list);
    assert.deepEqual(
      paged,
      whole.map(({ id }) => id),
    );
  }
});
