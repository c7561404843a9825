/** What we send is looked after until it is final: sent again, found wherever it is, replaced, stuck, undone and done again,
 *  and paid for exactly as the receipt says. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { mnemonicToAccount } from "viem/accounts";
import { recordSend, trackTransaction, transactionsOf } from "../../server/src/chain/store.ts";
import type { ChainTransaction } from "../../server/src/chain/types.ts";
import { uuid } from "../../server/src/db/ids.ts";
import { transact } from "../../server/src/db/transact.ts";
import { type Anvil, CHAIN, calls, RICH_TOO } from "../world/chain.ts";
import { openStage, ours, type Setting, type Stage } from "./stage.ts";

/** The owner of `ours(0)`, whose number in anvil's mnemonic is two. */
const owner = mnemonicToAccount("test test test test test test test test test test test junk", { addressIndex: 2 });
const GWEI = 10n ** 9n;

type Payment = { nonce?: number; to?: string; value?: bigint; data?: string; gas?: bigint; fee?: bigint; tip?: bigint };

async function sign({ nonce = 0, to = RICH_TOO, value = 0n, data, gas = 100_000n, fee = 10n * GWEI, tip = GWEI }: Payment) {
  const raw = await owner.signTransaction({
    ...{
      chainId: CHAIN,
      type: "eip1559",
      nonce,
      to: to as `0x${string}`,
      value,
      gas,
      maxFeePerGas: fee,
      maxPriorityFeePerGas: tip,
    },
    ...(data === undefined ? {} : { data: data as `0x${string}` }),
  });
  return Uint8Array.from(Buffer.from(raw.slice(2), "hex"));
}

const execution = uuid();

async function begin(setting: Setting = {}): Promise<Stage> {
  const stage = await openStage({ ...setting, config: { resendMs: 1, ...setting.config } });
  after(() => stage.close());
  await stage.catchUp();
  return stage;
}

async function track(stage: Stage, payment: Payment, asset = "eth"): Promise<ChainTransaction> {
  const raw = await sign(payment);
  return transact(stage.database.db, (tx) => trackTransaction(tx, { raw, execution, unit: "bank", asset, now: new Date() }));
}

/** All versions, the oldest first. */
const all = (stage: Stage) => transactionsOf(stage.database.db, execution);
const states = async (stage: Stage) => (await all(stage)).map(({ state }) => state);
const heard = (stage: Stage) => stage.heard.filter(({ what }) => what.startsWith("transaction")).map(({ what }) => what);
const mine = async (stage: Stage, blocks: number) => {
  await stage.anvil.mine(blocks);
  await stage.catchUp();
};
const feeOf = async (chain: Anvil, id: string) => {
  const { gasUsed, effectiveGasPrice } = await chain.rpc<Record<string, string>>("eth_getTransactionReceipt", id);
  return BigInt(gasUsed ?? 0) * BigInt(effectiveGasPrice ?? 0);
};

test("a payment is sent, included and final, and what it cost is what the receipt says", async () => {
  const stage = await begin();
  await stage.watch(ours(1));
  const one = await track(stage, { to: ours(1), value: 77n });
  assert.deepEqual(
    [one.from, one.to, one.amount, one.nonce, one.slot],
    [owner.address, ours(1), 77n, 0, `evm:${CHAIN}:${owner.address.toLowerCase()}:0`],
  );
  assert.deepEqual(await track(stage, { to: ours(1), value: 77n }), one);
  await stage.catchUp();
  assert.deepEqual(await states(stage), ["seen"]);
  await mine(stage, 1);
  const [included] = await all(stage);
  assert.deepEqual([included?.state, included?.moved, included?.fee], ["included", 77n, await feeOf(stage.anvil, one.id)]);
  assert.deepEqual(await stage.book(), ["eth 77 seen"], "our own address has a deposit of it");
  await mine(stage, 2);
  assert.deepEqual([await states(stage), await stage.book()], [["final"], ["eth 77 final"]]);
  assert.deepEqual(heard(stage), ["transactionIncluded", "transactionFinal"]);
});

test("what leaves of a token is what its balances show; what fails moves nothing and costs its fee", async () => {
  const stage = await begin();
  const moved: Record<string, bigint> = { HonestToken: 500n, FeeToken: 500n, FalseToken: 0n, LyingToken: 0n };
  let nonce = 0;
  for (const name of Object.keys(moved)) {
    const token = await stage.anvil.deploy(name);
    stage.tokens[name.toLowerCase()] = token;
    await stage.anvil.send({ to: token, data: calls.mint(owner.address, 900n) });
    await stage.anvil.mine(1);
    await track(stage, { nonce: nonce++, to: token, data: calls.transfer(RICH_TOO, 500n) }, name.toLowerCase());
  }
  const honest = stage.tokens["honesttoken"] ?? "";
  await track(stage, { nonce, to: honest, data: calls.transfer(RICH_TOO, 10_000n) }, "failing");
  await stage.catchUp();
  await mine(stage, 3);
  for (const { asset, moved: left, fee, id, state } of await all(stage)) {
    const name = Object.keys(moved).find((one) => one.toLowerCase() === asset);
    assert.equal(left, name === undefined ? 0n : moved[name], asset);
    assert.equal(fee, await feeOf(stage.anvil, id));
    assert.equal(state, asset === "failing" ? "failed" : "final");
  }
});

test("a transaction that was in a block before it was tracked is found there", async () => {
  const stage = await begin();
  const raw = await sign({ value: 5n });
  await stage.anvil.rpc("eth_sendRawTransaction", `0x${Buffer.from(raw).toString("hex")}`);
  await mine(stage, 5);
  await track(stage, { value: 5n });
  await stage.catchUp();
  while ((await states(stage))[0] === "signed") await stage.catchUp();
  const [found] = await all(stage);
  assert.deepEqual([found?.state, found?.moved, found?.block], ["included", 5n, 1]);
  await mine(stage, 1);
  assert.deepEqual(await states(stage), ["final"]);
});

test("of two versions one is included and one replaced, and a reorganisation may turn that round", async () => {
  const stage = await begin({ config: { confirmations: [{ blocks: 4 }] } });
  const [slow, fast] = [await track(stage, { value: 9n }), await track(stage, { value: 9n, fee: 20n * GWEI, tip: 2n * GWEI })];
  await stage.catchUp();
  await mine(stage, 1);
  const [first, second] = await all(stage);
  assert.deepEqual([first?.state, first?.replacedBy, second?.state], ["replaced", fast.id, "included"]);
  await stage.anvil.cut(1);
  await stage.anvil.rpc("anvil_dropAllTransactions");
  await stage.anvil.rpc("eth_sendRawTransaction", `0x${Buffer.from(slow.raw).toString("hex")}`);
  await stage.anvil.mine(2);
  await stage.catchUp();
  const [again, other] = await all(stage);
  assert.deepEqual([again?.state, other?.state, other?.replacedBy], ["included", "replaced", slow.id]);
  await mine(stage, 4);
  assert.deepEqual(await states(stage), ["final", "replaced"]);
  const counts = Object.groupBy(heard(stage), (what) => what);
  const twice = ["transactionFinal", "transactionIncluded", "transactionReorged", "transactionReplaced"];
  assert.deepEqual(Object.keys(counts).sort(), twice);
  for (const what of twice) assert.equal(counts[what as keyof typeof counts]?.length, 2, what);
});

test("a nonce that somebody else's transaction took is seen, at once or, in an old block, when it is final", async () => {
  const stage = await begin({ config: { reorgDepth: 4 } });
  await track(stage, { value: 9n });
  const foreign = await sign({ value: 1n, fee: 50n * GWEI, tip: 20n * GWEI });
  const id = await stage.anvil.rpc<string>("eth_sendRawTransaction", `0x${Buffer.from(foreign).toString("hex")}`);
  await mine(stage, 1);
  const [taken] = await all(stage);
  assert.deepEqual([taken?.state, taken?.replacedBy], ["replaced", id]);
  await mine(stage, 5);
  await track(stage, { value: 10n });
  while ((await states(stage))[1] === "signed") await stage.catchUp();
  const [, late] = await all(stage);
  assert.deepEqual([late?.state, late?.replacedBy], ["replaced", null]);
  await mine(stage, 1);
  assert.deepEqual(heard(stage).slice(-2), ["transactionReplaced", "transactionFinal"]);
});

test("of two versions tracked late the one that has the place is found before the other is given up", async () => {
  const stage = await begin();
  const [cheap, dear] = [{ value: 5n }, { value: 5n, fee: 20n * GWEI, tip: 2n * GWEI }];
  await stage.anvil.rpc("eth_sendRawTransaction", `0x${Buffer.from(await sign(cheap)).toString("hex")}`);
  await mine(stage, 20);
  // The one that has no place is looked at first.
  await track(stage, dear);
  await stage.database.db
    .updateTable("chain_tx")
    .set({ send_at: new Date(0) })
    .execute();
  await track(stage, cheap);
  while ((await states(stage)).includes("signed") || !heard(stage).includes("transactionReplaced")) {
    await stage.catchUp();
    await stage.database.db
      .updateTable("chain_tx")
      .set({ send_at: new Date(0) })
      .where("fee", "is", null)
      .execute();
  }
  assert.deepEqual(heard(stage).slice(0, 2), ["transactionIncluded", "transactionReplaced"]);
  assert.deepEqual(await states(stage), ["replaced", "included"]);
});

test("a transaction is sent until a node takes it, and again when that forgot it or a reorganisation undid it", async () => {
  const stage = await begin({ config: { confirmations: [{ blocks: 9 }] } });
  await track(stage, { value: 9n });
  const lose: NonNullable<(typeof stage.fronts)[number]["faults"]["lie"]> = ({ method }, result) =>
    method === "eth_sendRawTransaction" ? new Error("the pool is full") : result;
  for (const front of stage.fronts) front.faults = { lie: lose };
  await stage.anvil.rpc("anvil_dropAllTransactions");
  await stage.catchUp();
  assert.deepEqual(await states(stage), ["dropped"]);
  for (const front of stage.fronts) front.faults = {};
  await stage.anvil.rpc("anvil_dropAllTransactions");
  await stage.catchUp();
  assert.deepEqual(await states(stage), ["seen"]);
  await mine(stage, 1);
  assert.deepEqual(await states(stage), ["included"]);
  await stage.anvil.cut(1);
  await stage.anvil.rpc("anvil_dropAllTransactions");
  await stage.anvil.mine(2);
  await stage.catchUp();
  assert.deepEqual(await states(stage), ["seen"], "sent again in the same turn");
  await mine(stage, 9);
  assert.deepEqual(await states(stage), ["final"]);
  assert.deepEqual(heard(stage), ["transactionIncluded", "transactionReorged", "transactionIncluded", "transactionFinal"]);
});

test("one that pays too little or waits too long is reported as stuck", async () => {
  const stage = await begin({ config: { stuckMs: 50 } });
  await track(stage, { value: 9n, fee: 2n * GWEI, tip: GWEI });
  await stage.catchUp();
  await stage.anvil.rpc("anvil_setNextBlockBaseFeePerGas", "0x12a05f2000");
  await stage.anvil.mine(1);
  for (let turns = 0; turns < 200 && !heard(stage).includes("transactionStuck"); turns++) {
    await stage.catchUp();
  }
  assert.ok(heard(stage).includes("transactionStuck"));
  const [it] = await all(stage);
  assert.ok(it?.stuckAt instanceof Date);
});

test("a row that is not what its signed bytes say stops everything before it is sent or booked", async () => {
  const stage = await begin();
  const { id } = await track(stage, { value: 9n });
  const { db } = stage.database;
  await db.updateTable("chain_tx").set({ amount: 1n }).where("id", "=", id).execute();
  await assert.rejects(stage.catchUp(), { code: "RECORD_TAMPERED" });
  assert.equal(stage.fronts[0]?.asked.get("eth_sendRawTransaction"), undefined);
});

test("what nodes say to a broadcast is told in one word", async () => {
  const stage = await begin();
  const { online } = stage.follower;
  const words: readonly [string, string][] = [
    ["already known", "known"],
    ["AlreadyKnown", "known"],
    ["Known transaction", "known"],
    ["transaction already imported", "known"],
    ["nonce too low: next nonce 5, tx nonce 1", "nonce-too-low"],
    ["OldNonce", "nonce-too-low"],
    ["replacement transaction underpriced", "underpriced"],
    ["FeeTooLow, more words", "underpriced"],
    ["max fee per gas less than block base fee: address 0x", "underpriced"],
    ["Insufficient funds for gas * price + value", "insufficient-funds"],
    ["Upfront cost exceeds account balance", "insufficient-funds"],
    ["exceeds block gas limit", "refused"],
  ];
  const raw = await sign({});
  for (const [said, outcome] of words) {
    for (const front of stage.fronts) front.faults = { refusal: said };
    assert.equal((await online.broadcast(raw)).outcome, outcome, said);
  }
  const [first] = stage.fronts;
  assert.ok(first !== undefined);
  first.faults = {};
  const fresh = await online.broadcast(await sign({ nonce: 1 }));
  assert.deepEqual(fresh, { outcome: "accepted", accepted: 1, detail: "" });
  for (const front of stage.fronts) front.faults = { drop: true };
  assert.equal((await online.broadcast(raw)).outcome, "unreachable");
  const sent = { outcome: "accepted", accepted: 1, detail: "" } as const;
  const at = { chain: CHAIN, id: "0xnone", sent, again: new Date() };
  assert.equal(await transact(stage.database.db, (tx) => recordSend(tx, at)), undefined);
});
