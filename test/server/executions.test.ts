/** What becomes of payments on the chain: tokens, clients of their own, stuck ones that are repriced, replaced ones,
 *  cancelled ones. */
import assert from "node:assert/strict";
import { after, before, beforeEach, test } from "node:test";
import { makeCancellation, makePayment, makeReplacement, makeWallet } from "@strongroom/sdk/device/make";
import { openRequest } from "@strongroom/sdk/device/show";
import { CHAIN, calls, RICH } from "../world/chain.ts";
import {
  fund,
  furnish,
  inState,
  openHouse,
  PAYEE,
  pay,
  request,
  say,
  settled,
  signerOf,
  type TestHouse,
  until,
} from "../world/house.ts";
import { TOKEN } from "../world/rulebook.ts";
import { ETH } from "../world/world.ts";

let house: TestHouse;
before(async () => {
  house = await openHouse({ chain: { stuckMs: 400, resendMs: 200 } });
  await furnish(house);
});
beforeEach(() => house.chain.rpc("evm_setAutomine", true));
after(() => house.close());

const account = async (type: string, asset = "eth", subject?: string) => {
  const { items } = await house.as("admin").call("accounts.list", { query: { asset, limit: "200" } });
  return items.find((item) => item.type === type && (subject === undefined || item.subject === subject));
};

async function booksHold(): Promise<void> {
  const { assets } = await house.as("admin").call("ledger.check", {});
  for (const { asset, balanced, backed } of assets) assert.ok(balanced && backed, asset);
}

async function approved(id: string): Promise<void> {
  await say(house, id, { by: "amy" });
  await say(house, id, { by: "bob" });
}

const executionOf = async (id: string) => {
  const { items } = await house.as("admin").call("executions.list", { query: { request: id } });
  return items[0];
};

/** Has a payment signed and sent while no block is made. */
async function waiting(amount: bigint) {
  await house.chain.rpc("evm_setAutomine", false);
  const asked = await pay(house, amount);
  await approved(asked.id);
  await inPool(asked.id);
  return asked;
}

const inPool = (id: string) =>
  until("it is in the pool", async () => (await executionOf(id))?.transactions.some(({ state }) => state === "seen"));

test("a client's deposit in a wallet of his own is his, and he pays tokens out of it with his own ether", async () => {
  const client = house.as("admin");
  await client.call("clients.create", { body: { name: "acme", label: "Acme AG", unit: "bank" } });
  const by = { known: await house.session(), signer: signerOf("tina"), words: { purpose: "for acme" } };
  const shown = makeWallet(by, { chain: CHAIN, wallet: "acme-1", walletClass: "warm", client: "acme" });
  const opening = await request(house, { by: "tina", shown });
  await say(house, opening.id, { by: "carl" });
  await inState(house, opening.id, "consumed");
  const { address, client: owner } = await client.call("addresses.create", { params: { wallet: "acme-1" }, body: {} });
  assert.equal(owner, "acme");
  await fund(house, address, ETH);
  const id = await house.chain.send({ to: TOKEN, data: calls.transfer(address, 5_000_000n) });
  await house.chain.mine(2);
  await until("the tokens are booked", async () => (await account("client", "usdx", "acme"))?.posted === 5_000_000n);
  assert.equal((await account("client", "eth", "acme"))?.posted, ETH);
  const tom = { known: await house.session(), signer: signerOf("tom"), words: { purpose: "acme pays" } };
  const what = { wallet: "acme-1", to: "kraken", asset: "usdx", amount: 2_000_000n, totalFee: ETH / 100n };
  const asked = await request(house, { by: "tom", shown: await makePayment(tom, what) });
  assert.equal(asked.client, "acme");
  await approved(asked.id);
  await settled(house, asked.id);
  const balance = BigInt(await house.chain.rpc<string>("eth_getBalance", address, "latest"));
  assert.equal((await account("client", "usdx", "acme"))?.posted, 3_000_000n);
  assert.equal((await account("client", "eth", "acme"))?.posted, balance);
  assert.equal((await account("wallet", "eth", "acme-1"))?.posted, balance);
  assert.ok(id.startsWith("0x"));
  await booksHold();
});

test("a stuck payment is repriced within its total fee, and one version of it is paid", async () => {
  const before = (await account("house"))?.posted ?? 0n;
  const asked = await waiting(ETH);
  const execution = await until("there are two versions", async () => {
    const found = await executionOf(asked.id);
    return found !== undefined && found.transactions.length >= 2 && found;
  });
  assert.equal(new Set(execution.transactions.map(({ id }) => id)).size, execution.transactions.length);
  await house.chain.rpc("evm_setAutomine", true);
  await house.chain.mine(1);
  const end = await settled(house, asked.id);
  const paid = end.transactions.filter(({ state }) => state === "final");
  assert.equal(paid.length, 1);
  assert.equal((await account("house"))?.posted, before - ETH - (paid[0]?.fee ?? 0n));
  assert.equal((await account("house"))?.held, 0n);
  await booksHold();
});

test("a cancelled payment pays nobody and costs the fee of its cancellation", async () => {
  const before = (await account("house"))?.posted ?? 0n;
  const had = await house.chain.rpc<string>("eth_getBalance", PAYEE, "latest");
  const asked = await waiting(ETH);
  const session = await house.session();
  const tom = { known: session, signer: signerOf("tom"), words: { purpose: "no more" } };
  const former = openRequest(session, { id: asked.id, intent: asked.intent });
  const cancelling = await request(house, { by: "tom", shown: makeCancellation(tom, { former, totalFee: ETH / 20n }) });
  await approved(cancelling.id);
  await inPool(cancelling.id);
  await house.chain.rpc("evm_setAutomine", true);
  await until("the cancellation is in a block", async () => {
    await house.chain.mine(1);
    return (await executionOf(cancelling.id))?.state === "settled";
  });
  await until(
    "the payment is over",
    async () => (await executionOf(asked.id))?.state === "aborted" || !(await executionOf(asked.id)),
  );
  assert.equal(await house.chain.rpc("eth_getBalance", PAYEE, "latest"), had);
  const fee = (await executionOf(cancelling.id))?.transactions.find(({ state }) => state === "final")?.fee ?? 0n;
  assert.ok(fee > 0n);
  assert.equal((await account("house"))?.posted, before - fee);
  assert.equal((await account("house"))?.held, 0n);
  await booksHold();
});

test("a replacement with a higher total fee pays once", async () => {
  const before = (await account("house"))?.posted ?? 0n;
  const asked = await waiting(ETH);
  const session = await house.session();
  const tom = { known: session, signer: signerOf("tom"), words: { purpose: "faster" } };
  const former = openRequest(session, { id: asked.id, intent: asked.intent });
  const again = await request(house, { by: "tom", shown: makeReplacement(tom, { former, totalFee: ETH / 20n }) });
  await approved(again.id);
  await inPool(again.id);
  await house.chain.rpc("evm_setAutomine", true);
  const end = await until("one of them is settled", async () => {
    await house.chain.mine(1);
    const both = [await executionOf(asked.id), await executionOf(again.id)];
    return both.find((one) => one?.state === "settled");
  });
  const fee = end.transactions.find(({ state }) => state === "final")?.fee ?? 0n;
  assert.equal((await account("house"))?.posted, before - ETH - fee);
  assert.equal((await account("house"))?.held, 0n);
  await booksHold();
});

test("what one wallet of ours pays another comes back to whoever paid it", async () => {
  const client = house.as("admin");
  const { address } = await client.call("addresses.create", { params: { wallet: "treasury" }, body: {} });
  await house.chain.send({ from: RICH, to: address, value: 3n * ETH });
  await house.chain.mine(2);
  await until("it is booked", async () => {
    const { items } = await client.call("deposits.list", { query: { wallet: "treasury" } });
    return items.some((deposit) => deposit.address === address && deposit.booked);
  });
  const wallet = (await account("wallet", "eth", "treasury"))?.posted;
  assert.equal((await account("house"))?.posted, wallet);
  await booksHold();
});

test("a stranger's transaction in the place of ours releases what was held, and is told", async () => {
  const asked = await waiting(ETH);
  const execution = await executionOf(asked.id);
  const ids = execution?.transactions.map(({ id }) => id) ?? [];
  const sent = await house.chain.rpc<{ from: string; nonce: string }>("eth_getTransactionByHash", ids[0]);
  for (const id of ids) await house.chain.rpc("anvil_dropTransaction", id);
  await house.chain.rpc("anvil_impersonateAccount", sent.from);
  const theft = { from: sent.from, to: RICH, value: "0x1", nonce: sent.nonce, gasPrice: "0x2540be400" };
  await house.chain.rpc("eth_sendTransaction", theft);
  await house.chain.rpc("evm_setAutomine", true);
  await until("it is told", async () => {
    await house.chain.mine(1);
    const { items } = await house.as("admin").call("events.list", { query: { type: "execution.displaced" } });
    return items.some(({ subject }) => subject === `execution:${execution?.id}`);
  });
  assert.equal((await account("house"))?.held, 0n);
  assert.equal((await executionOf(asked.id))?.state, "aborted");
  // What he took is gone from the books as it is from the chain.
  const left = BigInt(await house.chain.rpc<string>("eth_getBalance", sent.from, "latest"));
  const { items } = await house.as("admin").call("addresses.list", { params: { wallet: "treasury" } });
  const others = items.filter(({ address }) => address.toLowerCase() !== sent.from.toLowerCase());
  const balances = others.map(({ address }) => house.chain.rpc<string>("eth_getBalance", address, "latest"));
  const all = (await Promise.all(balances)).reduce((sum, balance) => sum + BigInt(balance), left);
  assert.equal((await account("wallet", "eth", "treasury"))?.posted, all);
  await booksHold();
});
