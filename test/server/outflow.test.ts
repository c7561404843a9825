/** What leaves our addresses in transactions that are none of ours is booked and told, and health says so: a payment that was
 *  made straight at the vault's socket, and what somebody does who has our key. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import type { Hash } from "@strongroom/core/bytes";
import { ExecutionBody } from "@strongroom/core/protocol/command";
import { decode } from "@strongroom/core/signed/object";
import { decide, initiate } from "@strongroom/sdk/device/decision";
import { makePayment } from "@strongroom/sdk/device/make";
import { verifyRecords } from "../../server/src/integrity/store.ts";
import { openVaultLink } from "../../server/src/vault/link.ts";
import { calls, RICH } from "../world/chain.ts";
import { fund, furnish, openHouse, sendWithoutUs, settled, signerOf, type TestHouse, until } from "../world/house.ts";
import { TOKEN } from "../world/rulebook.ts";
import { askedFor, carriedOutAt, heldEther } from "../world/worker.ts";
import { ETH } from "../world/world.ts";

let house: TestHouse;
let address: string;
/** Another one, in which the institution has little. */
let poor: TestHouse;
before(async () => {
  [house, poor] = await Promise.all([openHouse(), openHouse()]);
  ({ address } = await furnish(house));
});
after(() => Promise.all([house.close(), poor.close()]));

type Told = { readonly transaction: string; readonly asset: string; readonly amount: string; readonly covered: string | null };

/** Waits until something is told of what left in this transaction, as often as that. */
const told = (transaction: string, type: string, { times = 1, at = house } = {}) =>
  until(`${type} is told`, async () => {
    const { items } = await at.as("admin").call("events.list", { query: { type, limit: "200" } });
    const found = items.map(({ data }) => data as unknown as Told).filter((one) => one.transaction === transaction);
    return found.length === times && found;
  });

const posted = async (type: string, { asset = "eth", at = house } = {}) => {
  const { items } = await at.as("admin").call("accounts.list", { query: { asset, limit: "200" } });
  return items.find((one) => one.type === type)?.posted ?? 0n;
};
const onChain = async () => BigInt(await house.chain.rpc<string>("eth_getBalance", address, "latest"));

/** The books are what the chain says, and every record is as it was told. */
async function demandWhole(): Promise<void> {
  assert.equal(await posted("wallet"), await onChain());
  const { assets } = await house.as("admin").call("ledger.check", {});
  for (const { asset, balanced } of assets) assert.ok(balanced, asset);
  const link = openVaultLink({ socket: house.vault.socket, pin: house.vault.made.deployment });
  assert.deepEqual((await verifyRecords(house.database.db, await link.view())).findings, []);
  link.close();
}

const look = async () => {
  const { checks } = await house.as("admin").call("health.get", {});
  return checks.find(({ name }) => name === "outflows");
};

/** A payment that three people hand to the vault themselves; gives the signed transaction. */
async function direct(asset: string, amount: bigint): Promise<string> {
  const session = await house.session();
  const by = { known: session, signer: signerOf("tom"), words: { purpose: "straight" } };
  const shown = await makePayment(by, { wallet: "treasury", to: "kraken", asset, amount, totalFee: ETH / 100n });
  const first = await initiate(session, signerOf("tom"), shown);
  const more = ["amy", "bob"].map((name) => decide(session, signerOf(name), { shown, decision: "approve" }));
  const approvals = [first.approval, ...(await Promise.all(more)).map(({ approval }) => approval)];
  const context = { index: 0, gasLimit: 90_000, maxFeePerGas: 10n ** 10n, maxPriorityFeePerGas: 10n ** 9n };
  const orders = [{ intent: first.intent, context }];
  const { code, body } = await house.vault.ask({ command: "execute", orders, approvals, facts: [] });
  assert.equal(code, "OK");
  return broadcast(body);
}

/** Sends what the vault has signed to the node; gives its id. */
function broadcast(body: Uint8Array): Promise<string> {
  const [made] = decode(ExecutionBody, body).transactions;
  return house.chain.rpc("eth_sendRawTransaction", `0x${Buffer.from(made?.raw ?? []).toString("hex")}`);
}

test("a payment made straight at the vault's socket is booked with its fee, and health says so", async () => {
  assert.equal((await look())?.ok, true);
  const had = await onChain();
  const tx = await direct("eth", ETH);
  await told(tx, "outflow.seen");
  assert.equal(await posted("wallet"), had);
  await house.chain.mine(1);
  const [booked] = await told(tx, "outflow.booked");
  const spent = had - (await onChain());
  assert.ok(spent > ETH);
  assert.deepEqual([booked?.asset, booked?.amount, booked?.covered], ["eth", `${spent}`, `${spent}`]);
  assert.equal(await posted("house"), await onChain());
  assert.equal(await posted("unexplained"), 0n);
  const { ok, detail } = (await look()) ?? {};
  assert.equal(ok, false);
  assert.ok(detail?.includes(tx), detail);
  await demandWhole();
});

test("so is one of a token", async () => {
  await house.chain.send({ to: TOKEN, data: calls.transfer(address, 5_000n) });
  await house.chain.mine(2);
  await until("the tokens are booked", async () => (await posted("house", { asset: "usdx" })) === 5_000n);
  const tx = await direct("usdx", 2_000n);
  await house.chain.mine(2);
  const booked = await told(tx, "outflow.booked", { times: 2 });
  assert.deepEqual(booked.map(({ asset }) => asset).sort(), ["eth", "usdx"]);
  assert.equal(booked.find(({ asset }) => asset === "usdx")?.amount, "2000");
  assert.deepEqual([await posted("house", { asset: "usdx" }), await posted("wallet", { asset: "usdx" })], [3_000n, 3_000n]);
  await demandWhole();
});

test("one that turns out to be ours is booked as the payment that it is, once", async () => {
  const payment = await askedFor(house);
  const died = carriedOutAt(house, house.chain.url, payment, async (command) => {
    if (command === "execute") throw new Error("the worker dies");
  });
  await assert.rejects(died, { message: "the worker dies" });
  const { body } = await house.vault.ask({ command: "show", what: "execution", name: payment.request.id as Hash });
  const tx = await broadcast(body);
  await house.chain.mine(1);
  await told(tx, "outflow.booked");
  assert.deepEqual(await carriedOutAt(house, house.chain.url, payment), { is: "signed" });
  await told(tx, "outflow.explained");
  await settled(house, payment.request.id);
  assert.equal(await heldEther(house), 0n);
  assert.equal(await posted("house"), await onChain());
  await demandWhole();
});

// From here on nonces are taken that the vault does not know of.

test("one that fails on the chain costs its fee", async () => {
  const had = await onChain();
  const call = { from: address, to: TOKEN, value: 9n, data: calls.transfer(RICH, 10n ** 30n), gas: 100_000n };
  const tx = await sendWithoutUs(house, call);
  await house.chain.mine(2);
  const booked = await told(tx, "outflow.booked");
  assert.deepEqual(
    booked.map(({ asset, amount }) => `${asset} ${amount}`),
    [`eth ${had - (await onChain())}`],
  );
  await demandWhole();
});

test("one whose block is gone is not booked", async () => {
  const had = await posted("wallet");
  const tx = await sendWithoutUs(house, { from: address, to: RICH, value: 7n });
  await told(tx, "outflow.seen");
  await house.chain.cut(1);
  await house.chain.mine(3);
  await told(tx, "outflow.reorged");
  assert.equal(await posted("wallet"), had);
  await demandWhole();
});

test("what the institution's position does not cover is unexplained, and the chain goes on", async () => {
  const { address: own } = await furnish(poor, { eth: 1n });
  const admin = poor.as("admin");
  await admin.call("clients.create", { body: { name: "ann", label: "Ann", unit: "bank" } });
  const at = { params: { wallet: "treasury" }, body: { index: 1, client: "ann" } };
  const { address: hers } = await admin.call("addresses.create", at);
  await fund(poor, hers, 5n * ETH);
  const tx = await sendWithoutUs(poor, { from: hers, to: RICH, value: 3n * ETH });
  await poor.chain.mine(1);
  const left = 5n * ETH - BigInt(await poor.chain.rpc<string>("eth_getBalance", hers, "latest"));
  const [booked] = await told(tx, "outflow.booked", { at: poor });
  assert.deepEqual([booked?.amount, booked?.covered], [`${left}`, `${ETH}`]);
  const balances = ["house", "unexplained", "client", "wallet"].map((type) => posted(type, { at: poor }));
  assert.deepEqual(await Promise.all(balances), [0n, left - ETH, 5n * ETH, 6n * ETH - left]);
  const { assets } = await admin.call("ledger.check", {});
  assert.deepEqual(
    assets.map(({ asset, balanced, backed }) => ({ asset, balanced, backed })),
    [{ asset: "eth", balanced: true, backed: false }],
  );
  await fund(poor, own, ETH);
});
