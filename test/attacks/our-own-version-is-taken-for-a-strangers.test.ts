/** Attack: one of our own transactions is made to look like a stranger's, so that what it paid is never booked and its payer
 *  gets back what was set aside: a version that came too late while the other one waits for its depth, a version that somebody
 *  else had the vault sign at its socket, and one whose answer was lost. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Hash } from "@strongroom/core/bytes";
import { ExecutionBody } from "@strongroom/core/protocol/command";
import { decode } from "@strongroom/core/signed/object";
import type { Request } from "@strongroom/sdk/contract/requests";
import { makeCancellation } from "@strongroom/sdk/device/make";
import { openRequest } from "@strongroom/sdk/device/show";
import { furnish, openHouse, pay, request, say, settled, signerOf, type TestHouse, until } from "../world/house.ts";
import { askedFor, carriedOutAt } from "../world/worker.ts";
import { ETH } from "../world/world.ts";

const hex = (bytes: Uint8Array) => `0x${Buffer.from(bytes).toString("hex")}`;
let house: TestHouse;
before(async () => {
  house = await openHouse({ chain: { confirmations: [{ blocks: 12 }], reorgDepth: 4, resendMs: 100 } });
  const funded = furnish(house);
  const mining = setInterval(() => void house.chain.mine(1), 100);
  await funded;
  clearInterval(mining);
});
after(() => house.close());

const executionOf = async ({ id }: Pick<Request, "id">) =>
  (await house.as("admin").call("executions.list", { query: { request: id } })).items[0];

async function position() {
  const { items } = await house.as("admin").call("accounts.list", { query: { asset: "eth", limit: "200" } });
  const found = items.find(({ type }) => type === "house");
  return { posted: found?.posted ?? 0n, held: found?.held ?? 0n };
}

async function approved({ id }: Request): Promise<void> {
  for (const name of ["amy", "bob"]) await say(house, id, { by: name });
}

const inPool = (asked: Request) =>
  until("it is in the pool", async () => (await executionOf(asked))?.transactions.some(({ state }) => state === "seen"));

test("a cancellation that comes too late takes nothing from the payment that waits for its depth", async () => {
  const before = await position();
  await house.chain.rpc("evm_setAutomine", false);
  const asked = await pay(house, ETH);
  await approved(asked);
  await inPool(asked);
  await house.chain.mine(1);
  await until("it is in a block", async () => (await executionOf(asked))?.transactions[0]?.state === "included");
  const former = openRequest(await house.session(), { id: asked.id, intent: asked.intent });
  const tom = { known: await house.session(), signer: signerOf("tom"), words: { purpose: "too late" } };
  const late = await request(house, { by: "tom", shown: makeCancellation(tom, { former, totalFee: ETH / 20n }) });
  await approved(late);
  await until("it was sent", async () => ((await executionOf(late))?.transactions[0]?.sends ?? 0) > 0);
  await house.chain.mine(6);
  await until("its place is known to be gone", async () => (await executionOf(late))?.transactions[0]?.state === "replaced");
  await house.chain.mine(1);
  const end = await settled(house, asked.id);
  assert.equal((await position()).posted, before.posted - ETH - (end.transactions[0]?.fee ?? 0n));
  assert.equal((await position()).held, before.held);
  assert.equal((await executionOf(late))?.state, "aborted");
});

/** A dearer version that somebody asks of the vault at its socket. */
async function reprised(asked: Pick<Request, "id">, gwei = 20n) {
  const [maxFeePerGas, maxPriorityFeePerGas] = [gwei * 10n ** 9n, (gwei * 10n ** 9n) / 2n];
  const context = { index: 0, gasLimit: 21_000, maxFeePerGas, maxPriorityFeePerGas };
  const { code, body } = await house.vault.ask({ command: "reprice", intent: asked.id as Hash, context });
  assert.equal(code, "OK");
  const [made] = decode(ExecutionBody, body).transactions;
  assert.ok(made);
  return made;
}

async function bookedAsked(last: bigint | null) {
  const before = await position();
  await house.chain.rpc("evm_setAutomine", false);
  const asked = await pay(house, ETH);
  await approved(asked);
  await inPool(asked);
  const { raw, id } = await reprised(asked);
  if (last !== null) await reprised(asked, last);
  await house.chain.rpc("eth_sendRawTransaction", hex(raw));
  await house.chain.mine(1);
  await house.chain.rpc("evm_setAutomine", true);
  const end = await until("it is over", async () => {
    await house.chain.mine(1);
    const found = await executionOf(asked);
    return (found?.state === "settled" || found?.state === "aborted") && found;
  });
  assert.equal(end.state, "settled");
  const paid = end.transactions.find(({ state }) => state === "final");
  assert.equal(paid?.id, id);
  assert.equal((await position()).posted, before.posted - ETH - (paid?.fee ?? 0n));
  assert.equal((await position()).held, before.held);
}

test("a dearer version that was asked for at the vault's socket is ours, and is booked", () => bookedAsked(null));
test("so is one that a still dearer one has replaced in the vault, and not on the chain", () => bookedAsked(40n));

test("a dearer version whose answer was lost does not stand in the way of a cancellation", async () => {
  await house.chain.rpc("evm_setAutomine", false);
  const asked = await pay(house, ETH);
  await approved(asked);
  await inPool(asked);
  await reprised(asked);
  const former = openRequest(await house.session(), { id: asked.id, intent: asked.intent });
  const tom = { known: await house.session(), signer: signerOf("tom"), words: { purpose: "no more" } };
  const over = await request(house, { by: "tom", shown: makeCancellation(tom, { former, totalFee: ETH / 20n }) });
  await approved(over);
  await inPool(over);
  await house.chain.rpc("evm_setAutomine", true);
  await until("it is over", async () => {
    await house.chain.mine(1);
    return (await executionOf(over))?.state === "settled";
  });
  assert.equal((await position()).held, 0n);
});

test("a version that was mined before the server knew of any is ours", async () => {
  const before = await position();
  const payment = await askedFor(house);
  const died = carriedOutAt(house, house.chain.url, payment, async (command) => {
    if (command === "execute") throw new Error("the worker dies");
  });
  await assert.rejects(died, { message: "the worker dies" });
  await house.chain.rpc("evm_setAutomine", true);
  const { raw, id } = await reprised(payment.request);
  await reprised(payment.request, 40n);
  await house.chain.rpc("eth_sendRawTransaction", hex(raw));
  await house.chain.mine(2);
  const head = Number(await house.chain.rpc("eth_blockNumber"));
  await until("its block was followed", async () => {
    const { items } = await house.as("admin").call("chains.list", {});
    return (items[0]?.processed ?? 0) >= head;
  });
  assert.deepEqual(await carriedOutAt(house, house.chain.url, payment), { is: "signed" });
  const end = await until("it is over", async () => {
    await house.chain.mine(1);
    const found = await executionOf(payment.request);
    return (found?.state === "settled" || found?.state === "aborted") && found;
  });
  const paid = end.transactions.find(({ state }) => state === "final");
  assert.equal(paid?.id, id);
  assert.equal((await position()).posted, before.posted - ETH - (paid?.fee ?? 0n));
  assert.equal((await position()).held, before.held);
});
