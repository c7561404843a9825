/** Calls of contracts through the front door: an allowed one runs, is settled and booked with what the contract gives back; one
 *  that fails on the chain costs its fee; what the rules do not allow is never signed. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { fromHex } from "@strongroom/core/bytes";
import type { Argument } from "@strongroom/core/chain/evm/abi";
import { addressText } from "@strongroom/core/chain/evm/decode";
import { evm } from "@strongroom/core/chain/evm/evm";
import { makeCall, makeCancellation, makeEntry, makeReplacement } from "@strongroom/sdk/device/make";
import { openRequest } from "@strongroom/sdk/device/show";
import { CHAIN } from "../world/chain.ts";
import { furnish, inState, openHouse, request, say, settled, signerOf, type TestHouse, until } from "../world/house.ts";
import { CALLING, demoRulebook, ETH } from "../world/world.ts";

const NOTE = "note(string,uint256[])";
const FAIL = "fail(uint256)";
const APPROVE = "approve(address,uint256)";

let house: TestHouse;
let ours = "";
let contract = "";
before(async () => {
  house = await openHouse({ world: { rulebook: { rules: [...demoRulebook().rules, ...CALLING] } } });
  ours = (await furnish(house)).address;
  contract = addressText(fromHex((await house.chain.deploy("Register")).slice(2)));
  const known = await house.session();
  const methods = [
    { method: NOTE, value: true },
    { method: FAIL, value: true },
    { method: APPROVE, value: false },
  ];
  const entry = { name: "register", party: "Register", chain: CHAIN, address: contract, class: "contract", methods } as const;
  const by = { known, signer: signerOf("tina"), words: { purpose: "set-up" } };
  const entering = await request(house, { by: "tina", shown: makeEntry(by, { ...entry, assets: "any" }) });
  await say(house, entering.id, { by: "carl" });
  await inState(house, entering.id, "consumed");
});
after(() => house.close());

async function byTom(purpose: string) {
  return { known: await house.session(), signer: signerOf("tom"), words: { purpose } };
}

type Wish = {
  readonly method: string;
  readonly values: readonly Argument[];
  readonly amount?: bigint;
  readonly totalFee?: bigint;
};

/** A call of the register that tom requests. */
async function call({ method, values, amount = 0n, totalFee = ETH / 100n }: Wish) {
  const it = { wallet: "treasury", to: "register", method, values, amount, totalFee };
  return request(house, { by: "tom", shown: await makeCall(await byTom(method), it) });
}

/** The same, approved by two. */
async function approved(wish: Wish) {
  const asked = await call(wish);
  for (const by of ["amy", "bob"]) await say(house, asked.id, { by });
  return asked;
}

/** What the institution has of the native asset. */
async function positionOf(): Promise<{ posted: bigint; held: bigint }> {
  const { items } = await house.as("admin").call("accounts.list", { query: { asset: "eth" } });
  const found = items.find(({ type }) => type === "house");
  return { posted: found?.posted ?? 0n, held: found?.held ?? 0n };
}

const balanceOf = async (address: string) => BigInt(await house.chain.rpc<string>("eth_getBalance", address, "latest"));

test("an allowed call runs, and the books have what went and what came back", async () => {
  const data = await house.as("admin").call("chains.quote", {
    params: { chain: String(CHAIN) },
    body: { from: ours, to: contract, asset: "eth", amount: 0n, data: fromHex(evm.selector(FAIL)) },
  });
  assert.ok(data.gasLimit >= 21_000);
  const asked = await approved({ method: NOTE, values: ["rent", [40n, 2n]], amount: ETH });
  assert.equal(asked.kind, "call");
  const execution = await settled(house, asked.id);
  const of = ours.slice(2).toLowerCase().padStart(64, "0");
  const sum = await house.chain.rpc<string>(
    "eth_call",
    { to: contract, data: `0x${evm.selector("sumOf(address)")}${of}` },
    "latest",
  );
  assert.equal(BigInt(sum), 42n);
  const [transaction] = execution.transactions;
  const { logs } = await house.chain.rpc<{ logs: { address: string }[] }>("eth_getTransactionReceipt", transaction?.id);
  assert.deepEqual(
    logs.map(({ address }) => address),
    [contract.toLowerCase()],
  );
  const back = await until("what the contract gives back is booked", async () => {
    const { items } = await house.as("admin").call("deposits.list", {});
    return items.find((one) => one.tx === transaction?.id && one.booked);
  });
  assert.deepEqual([back.amount, back.place.startsWith("call:"), back.sender], [ETH / 2n, true, contract]);
  assert.deepEqual(await positionOf(), { posted: await balanceOf(ours), held: 0n });
  const check = await house.as("admin").call("ledger.check", {});
  assert.ok(check.assets.every(({ balanced, backed }) => balanced && backed));
  await inState(house, asked.id, "consumed");
});

test("a call that fails on the chain moves nothing but its fee", async () => {
  const before = await positionOf();
  const asked = await approved({ method: FAIL, values: [1n], amount: ETH });
  const { transactions } = await settled(house, asked.id);
  assert.equal(transactions[0]?.succeeded, false);
  const spent = before.posted - (await positionOf()).posted;
  assert.equal(spent, transactions[0]?.fee);
  assert.deepEqual(await positionOf(), { posted: await balanceOf(ours), held: 0n });
});

test("what no rule allows or the position does not cover is never signed", async () => {
  const dangerous = await approved({ method: APPROVE, values: [contract, 1n] });
  const told = await until("the vault has answered", async () => {
    const asked = await house.as("admin").call("requests.get", { params: { id: dangerous.id } });
    return asked.answer?.code === "NOT_ALLOWED" && asked;
  });
  assert.deepEqual([told.state, told.execution], ["open", null]);
  await assert.rejects(call({ method: NOTE, values: ["x", []], amount: 1_000n * ETH }), { code: "POSITION_SHORT" });
  const { items } = await house.as("admin").call("executions.list", { query: { request: dangerous.id } });
  assert.deepEqual(items, []);
});

test("a device shows a call of the server's word for word, and makes none that its entry does not name", async () => {
  const asked = await call({ method: NOTE, values: ["rent", [1n]] });
  const { text, intent } = openRequest(await house.session(), asked);
  assert.ok(
    text.includes(`argument      1 string "rent"\nargument      2 uint256[] of 1\nargument      2.1 uint256 1\n`),
    text,
  );
  assert.equal(intent.kind, "call");
  const by = await byTom("odd");
  const it = { wallet: "treasury", to: "register", method: NOTE, values: ["x", []], amount: 0n, totalFee: 1n };
  for (const [change, code] of [
    [{ method: "burn(uint256)", values: [1n] }, "METHOD_UNKNOWN"],
    [{ to: "kraken" }, "METHOD_UNKNOWN"],
    [{ method: APPROVE, values: [contract, 1n], amount: 1n }, "ENTRY_MISMATCH"],
    [{ values: ["x"] }, "CALL_INVALID"],
    [{ values: ["x", [-1n]] }, "CALL_INVALID"],
  ] as const)
    await assert.rejects(makeCall(by, { ...it, ...change }), { code });
});

test("a call that waits is cancelled, or made again by the same call with higher fees", async () => {
  await house.chain.rpc("evm_setAutomine", false);
  try {
    const first = await approved({ method: NOTE, values: ["waits", [1n]], amount: ETH });
    await inState(house, first.id, "consumed");
    const former = openRequest(await house.session(), first);
    const again = makeReplacement(await byTom("dearer"), { former, totalFee: ETH / 50n });
    const stop = makeCancellation(await byTom("stop"), { former, totalFee: ETH / 50n });
    assert.ok(again.intent.kind === "call" && again.intent.replaces === first.id);
    const cancelled = await request(house, { by: "tom", shown: stop });
    for (const by of ["amy", "bob"]) await say(house, cancelled.id, { by });
    await inState(house, cancelled.id, "consumed");
  } finally {
    await house.chain.rpc("evm_setAutomine", true);
  }
  await house.chain.mine(3);
  await until("nothing is held", async () => {
    await house.chain.mine(1);
    return (await positionOf()).held === 0n;
  });
  assert.deepEqual((await positionOf()).posted, await balanceOf(ours));
});
