/** When what is set aside for a payment is released, and when it is not: a vault that has committed itself withholds its
 *  signature, and one that was rolled back knows nothing of what it has signed. */
import assert from "node:assert/strict";
import { cp, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import type { Hash } from "@strongroom/core/bytes";
import { decide, initiate } from "@strongroom/sdk/device/decision";
import { makeFreeze, makeUnfreeze } from "@strongroom/sdk/device/make";
import { openRequest } from "@strongroom/sdk/device/show";
import { RICH } from "../world/chain.ts";
import { furnish, openHouse, say, signerOf, type TestHouse, until } from "../world/house.ts";
import { askedFor, carriedOutAt, heldEther, type Payment, withheld } from "../world/worker.ts";
import { demoRulebook, ETH } from "../world/world.ts";

/** What a payment and its greatest fee come to. */
const SET_ASIDE = ETH + ETH / 100n;

let house: TestHouse;
/** A payment that was signed, and whose place somebody else's transaction has, so that it is held. */
let signed: Payment;
/** Payments that were signed and are not final. */
let under = 1n;
const data = () => join(house.vault.folder, "vault", "data");

before(async () => {
  const { governance } = demoRulebook();
  const world = { rulebook: { governance: { ...governance, unfreezeDelayMs: 0 } } };
  house = await openHouse({ world, chain: { confirmations: [{ blocks: 8 }] } });
  const mining = setInterval(() => void house.chain.mine(1), 100);
  try {
    await furnish(house);
  } finally {
    clearInterval(mining);
  }
  await house.vault.kill();
  await cp(data(), `${data()}.old`, { recursive: true });
  await house.vault.start();
  signed = await threatened();
});
after(() => house.close());

const carriedOut = (payment: Payment) => carriedOutAt(house, house.chain.url, payment);

const executionOf = ({ request }: Payment) =>
  house.database.db.selectFrom("execution").selectAll().where("request", "=", request.id).executeTakeFirstOrThrow();

async function threatened(): Promise<Payment> {
  await house.chain.rpc("evm_setAutomine", false);
  const payment = await askedFor(house);
  assert.deepEqual(await carriedOut(payment), { is: "signed" });
  const sent = () => house.database.db.selectFrom("chain_tx").selectAll().executeTakeFirstOrThrow();
  await until("it is in the pool", async () => (await sent()).state === "seen");
  const { id, sender, nonce } = await sent();
  await house.chain.rpc("anvil_dropTransaction", id);
  await house.chain.rpc("anvil_impersonateAccount", sender);
  const theft = { from: sender, to: RICH, value: "0x1", nonce: `0x${nonce.toString(16)}`, gasPrice: "0x2540be400" };
  await house.chain.rpc("eth_sendTransaction", theft);
  await house.chain.mine(1);
  await until("it is held", async () => (await executionOf(payment)).state === "held");
  return payment;
}

/** A payment for which something is set aside, and which the vault has not been asked for. */
async function reserved(lifeMs?: number): Promise<Payment> {
  const payment = await askedFor(house, { ...(lifeMs !== undefined && { lifeMs }) });
  await assert.rejects(carriedOutAt(house, "http://127.0.0.1:1", payment), { code: "CHAIN_UNREACHABLE" });
  assert.equal(await heldEther(house), (under + 1n) * SET_ASIDE);
  return payment;
}

/** Codes of the events that say that an execution was aborted. */
async function abortsOf(payment: Payment): Promise<readonly unknown[]> {
  const { id } = await executionOf(payment);
  const { items } = await house.as("admin").call("events.list", { query: { type: "execution.aborted", limit: "200" } });
  return items.filter(({ subject }) => subject === `execution:${id}`).map((one) => (one.data as { code?: string }).code);
}

const told = (payment: Payment) => until("it is told", async () => (await abortsOf(payment))[0]);

test("what is withheld because it was rejected is released", async () => {
  const payment = await reserved();
  const session = await house.session();
  const shown = openRequest(session, { id: payment.request.id, intent: payment.request.intent });
  const { approval } = await decide(session, signerOf("bob"), { shown, decision: "reject" });
  assert.equal(await withheld(house, payment, { command: "object", approval }), "INTENT_REJECTED");
  assert.equal((await carriedOut(payment)).is, "refused");
  assert.equal((await executionOf(payment)).state, "aborted");
  assert.equal(await told(payment), "INTENT_REJECTED");
  assert.equal(await heldEther(house), under * SET_ASIDE);
});

test("what a freeze withheld is signed when enough people sign anew, whoever else had signed before", async () => {
  const first = await reserved();
  const { intent, id } = first.request;
  const sign = async (names: readonly string[]) => {
    const session = await house.session();
    const shown = openRequest(session, { id, intent });
    const made = names.map((name) => decide(session, signerOf(name), { shown, decision: "approve" }));
    return (await Promise.all(made)).map(({ approval }) => approval);
  };
  const [carl] = await sign(["carl"]);
  assert.ok(carl);
  const payment = { ...first, approvals: [...first.approvals, carl] };
  const olga = signerOf("olga");
  const by = { known: await house.session(), signer: olga, words: { purpose: "stop" } };
  const frozen = makeFreeze(by, { level: "wallet", subject: "treasury" });
  const stop = await initiate(by.known, olga, frozen);
  const freeze = { command: "execute", orders: [{ intent: stop.intent }], approvals: [stop.approval], facts: [] } as const;
  assert.equal(await withheld(house, payment, freeze), "FROZEN");
  const known = await house.session();
  const end = makeUnfreeze({ ...by, known }, frozen.id);
  const { approval } = await initiate(known, olga, end);
  const more = ["ada", "ben"].map((name) => decide(known, signerOf(name), { shown: end, decision: "approve" }));
  const approvals = [approval, ...(await Promise.all(more)).map((one) => one.approval)];
  const orders = [{ intent: end.bytes }];
  assert.equal((await house.vault.ask({ command: "execute", orders, approvals, facts: [] })).code, "OK");
  const anew = await sign(["tom", "amy", "bob"]);
  assert.deepEqual(await carriedOut({ ...payment, approvals: [...anew, carl] }), { is: "signed" });
  under += 1n;
  assert.equal(await heldEther(house), under * SET_ASIDE);
});

test("what a freeze withholds stays set aside until its intent has expired", async () => {
  const over = Date.now() + 4_000;
  const payment = await reserved(over - Date.now());
  const session = await house.session();
  const olga = signerOf("olga");
  const by = { known: session, signer: olga, words: { purpose: "stop" } };
  const { intent, approval } = await initiate(session, olga, makeFreeze(by, { level: "wallet", subject: "treasury" }));
  const freeze = { command: "execute", orders: [{ intent }], approvals: [approval], facts: [] } as const;
  assert.equal(await withheld(house, payment, freeze), "FROZEN");
  const attempt = await carriedOut(payment);
  assert.deepEqual([attempt.is, attempt.is === "held" && attempt.refusal?.code], ["held", "APPROVAL_SPENT"]);
  await say(house, payment.request.id, { by: "amy" });
  await until("whoever looks is told who has to sign anew", async () => {
    const { answer } = await house.as("admin").call("requests.get", { params: { id: payment.request.id } });
    return answer?.code === "INITIATOR_MISSING";
  });
  assert.equal(await heldEther(house), (under + 1n) * SET_ASIDE);
  await until("its time is over", async () => Date.now() > over + 100);
  await until("it is released", async () => {
    await carriedOut(payment);
    return (await executionOf(payment)).state === "aborted";
  });
  assert.equal(await told(payment), "EXPIRED");
  assert.equal(await heldEther(house), under * SET_ASIDE);
});

test("what was signed stays set aside, although a vault that was rolled back does not know of it", async () => {
  for (const server of house.servers.splice(0)) await server.kill();
  await house.vault.kill();
  await rm(data(), { recursive: true });
  await cp(`${data()}.old`, data(), { recursive: true });
  await house.vault.start();
  const name = signed.request.id as Hash;
  assert.equal((await house.vault.ask({ command: "show", what: "execution", name })).code, "INTENT_UNKNOWN");
  assert.equal((await carriedOut(signed)).is, "refused");
  assert.equal((await executionOf(signed)).state, "held");
  await house.serve();
  assert.deepEqual(await abortsOf(signed), []);
  assert.equal(await heldEther(house), under * SET_ASIDE);
});
