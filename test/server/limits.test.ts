/** Payments that a limit holds back: nothing is set aside for them, and whoever is bound to a client is not told what others
 *  pay. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Client } from "@strongroom/sdk/client";
import { makePayment, makeWallet } from "@strongroom/sdk/device/make";
import { openExplanation, readExplanation, readTold } from "@strongroom/sdk/verify/explanation";
import type { Hash } from "../../core/src/bytes.ts";
import { encode, idOf } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { CHAIN } from "../world/chain.ts";
import {
  fund,
  furnish,
  inState,
  openHouse,
  pay,
  request,
  say,
  settled,
  signerOf,
  type TestHouse,
  until,
} from "../world/house.ts";
import { DAY, ETH, nextRulebook } from "../world/world.ts";

const window = { type: "rolling", ms: DAY } as const;
const limits = [
  { id: "a-day", measure: "amount", level: "institution", assets: ["eth"], most: 3n * ETH, window },
  { id: "client-day", measure: "amount", level: "client", assets: ["eth"], most: 4n * ETH, window },
] as const;

let house: TestHouse;
before(async () => {
  house = await openHouse({ world: { rulebook: { limits } } });
  await furnish(house);
});
after(() => house.close());

const executionsOf = async (request: string) => (await house.as("admin").call("executions.list", { query: { request } })).items;

async function approved(amount: bigint): Promise<string> {
  const { id } = await pay(house, amount);
  for (const by of ["amy", "bob"]) await say(house, id, { by });
  return id;
}

const refusedAtLimit = (id: string) =>
  until("it is refused", async () => {
    const asked = await house.as("admin").call("requests.get", { params: { id } });
    return asked.answer?.code === "LIMIT_EXCEEDED" && { ...asked, answer: asked.answer };
  });

test("a payment that waits for a limit sets nothing aside; one that holds with the fees of the hour is sent", async () => {
  await settled(house, await approved(2n * ETH));
  const tooMuch = await approved(ETH);
  const { answer } = await refusedAtLimit(tooMuch);
  assert.equal(answer.field, "limits.a-day");
  assert.deepEqual(await executionsOf(tooMuch), []);
  // What is left covers its amount and a fee as it is now, and not all that it may cost.
  const justFits = await approved((995n * ETH) / 1_000n);
  await settled(house, justFits);
  assert.deepEqual(await executionsOf(tooMuch), []);
});

/** A payment of a client out of a wallet of his own, and a user who is bound to him. */
async function ofClient(amount: bigint) {
  const client = house.as("admin");
  await client.call("clients.create", { body: { name: "acme", label: "Acme AG", unit: "bank" } });
  const by = { known: await house.session(), signer: signerOf("tina"), words: { purpose: "for acme" } };
  const shown = makeWallet(by, { chain: CHAIN, wallet: "acme-1", walletClass: "warm", client: "acme" });
  const { id: opening } = await request(house, { by: "tina", shown });
  await say(house, opening, { by: "carl" });
  await inState(house, opening, "consumed");
  const { address } = await client.call("addresses.create", { params: { wallet: "acme-1" }, body: {} });
  await fund(house, address, 10n * ETH);
  const tom = { known: await house.session(), signer: signerOf("tom"), words: { purpose: "acme pays" } };
  const what = { wallet: "acme-1", to: "kraken", asset: "eth", amount, totalFee: ETH / 100n };
  const { id } = await request(house, { by: "tom", shown: await makePayment(tom, what) });
  for (const by of ["amy", "bob"]) await say(house, id, { by });
  return { request: await refusedAtLimit(id), bound: await house.enrol("anna", "trader", { client: "acme" }) };
}

test("who is bound to a client is told of others' limits only whether they hold", async () => {
  const admin = house.as("admin");
  const { request: asked, bound } = await ofClient(ETH);
  const { id, intent } = asked;
  const [whole] = (await admin.call("explanations.list", { params: { id } })).items;
  assert.ok(whole?.receipt && whole.narrowed === null);
  const { orders } = openExplanation(whole.receipt, { intents: [id as Hash] }, await house.session());
  const used = orders[0]?.limits.find(({ limit }) => limit === "a-day")?.used ?? assert.fail();
  const secret = String(used);
  assert.ok(asked.answer.detail.startsWith(secret), asked.answer.detail);

  const { limits: named, ...body } = await readBy(bound, id);
  assert.deepEqual(named, [
    { limit: "a-day", holds: false },
    { limit: "client-day", holds: true },
  ]);
  assert.deepEqual(
    body.orders[0]?.limits.map(({ limit, of, used }) => [limit, of, used]),
    [["client-day", "acme", 0n]],
  );
  const [shown] = (await bound.call("explanations.list", { params: { id } })).items;
  const { items } = await bound.call("events.list", { query: { type: "request.refused" } });
  const { answer } = await bound.call("requests.get", { params: { id } });
  const page = await bound.call("requests.list", {});
  const said = [await readTold(shown ?? assert.fail(), { intents: [id as Hash] }, await house.session()), body];
  const everything = JSON.stringify([said, items, answer, page], (_, value) =>
    typeof value === "bigint" ? `${value}` : value,
  );
  assert.ok(items.length > 0 && !everything.includes(secret), everything);
  assert.deepEqual([shown?.receipt, shown?.code, answer?.code], [null, "LIMIT_EXCEEDED", "LIMIT_EXCEEDED"]);

  const { book } = house.vault.made;
  const draft = encode(
    Rulebook,
    nextRulebook(book, { limits: book.document.limits.map((one) => ({ ...one, level: "client" })) }),
  );
  const { receipt, narrowed } = await bound.call("explanations.create", { body: { intent, draft } });
  const dry = readExplanation(narrowed?.explanation ?? assert.fail(), { intents: [id as Hash], draft: idOf(Rulebook, draft) });
  assert.deepEqual([receipt, dry.orders[0]?.limits], [null, []], "a draft says by itself whom a limit counts");
});

async function readBy(client: Client, id: string) {
  const { intent } = await client.call("requests.get", { params: { id } });
  const told = await client.call("explanations.create", { body: { intent } });
  assert.equal(told.receipt, null);
  return readTold(told, { intents: [id as Hash] }, await house.session());
}
