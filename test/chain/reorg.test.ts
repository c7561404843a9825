/** Reorganisations, forks and lags: what is recorded is what the chain that enough nodes agree on says, and what is final
 *  stays. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { readCursor } from "../../server/src/chain/store.ts";
import { type Anvil, CHAIN, RICH, startAnvil } from "../world/chain.ts";
import { openStage, ours, type Setting, type Stage } from "./stage.ts";

async function begin(setting: Setting = {}): Promise<Stage> {
  const stage = await openStage(setting);
  after(() => stage.close());
  await stage.watch(ours(0));
  await stage.catchUp();
  return stage;
}

/** A block with a payment of `value` to us. */
async function pay(chain: Anvil, value: bigint): Promise<void> {
  await chain.send({ to: ours(0), value });
  await chain.mine(1);
}

const place = async (stage: Stage) => (await readCursor(stage.database.db, CHAIN))?.processed;

for (const depth of [1, 6, 12]) {
  test(`a reorganisation of ${depth} blocks takes back what they held, and what comes again is another deposit`, async () => {
    const stage = await begin({ config: { confirmations: [{ blocks: 20 }] } });
    await pay(stage.anvil, 1n);
    for (let number = 0; number < depth; number++) await pay(stage.anvil, 100n + BigInt(number));
    assert.equal(await stage.catchUp(), "");
    const before = await stage.deposits();
    await stage.anvil.cut(depth);
    await pay(stage.anvil, 7n);
    await stage.anvil.mine(depth);
    assert.equal(await stage.catchUp(), "");
    assert.deepEqual(await stage.book(), ["eth 1 seen", "eth 7 seen"]);
    const reorged = stage.heard.filter(({ what }) => what === "depositReorged").map(({ id }) => id);
    const gone = before.filter(({ amount }) => amount >= 100n).map(({ id }) => id);
    assert.deepEqual(reorged, gone, "the newest first, each once");
    await stage.anvil.mine(20);
    await stage.catchUp();
    assert.deepEqual(await stage.book(), ["eth 1 final", "eth 7 final"]);
  });
}

test("a deposit that another block holds after a reorganisation is booked once", async () => {
  const stage = await begin({ config: { confirmations: [{ blocks: 4 }] } });
  const id = await stage.anvil.send({ to: ours(0), value: 5n });
  await stage.anvil.mine(1);
  await stage.catchUp();
  const raw = await stage.anvil.rpc<string>("eth_getRawTransactionByHash", id);
  await stage.anvil.cut(1);
  await stage.anvil.mine(2);
  await stage.anvil.rpc("eth_sendRawTransaction", raw);
  await stage.anvil.mine(4);
  await stage.catchUp();
  assert.deepEqual(await stage.book(), ["eth 5 final"]);
  const rows = (await stage.deposits()).map(({ tx, state }) => [tx, state]);
  assert.deepEqual(rows, [
    [id, "final"],
    [id, "reorged"],
  ]);
});

test("one that is too deep, or would undo what is final, halts the chain and changes nothing", async () => {
  const stage = await begin({ config: { confirmations: [{ blocks: 5 }], reorgDepth: 8 } });
  await pay(stage.anvil, 3n);
  await stage.anvil.mine(5);
  await stage.catchUp();
  const held = { book: await stage.book(), place: await place(stage) };
  assert.deepEqual(held.book, ["eth 3 final"]);
  await stage.anvil.cut(6);
  await stage.anvil.mine(8);
  assert.match(await stage.catchUp(), /Block 1 holds what is final/);
  await stage.anvil.mine(20);
  assert.match(await stage.catchUp(), /Block 1 holds what is final/);
  assert.deepEqual({ book: await stage.book(), place: await place(stage) }, held);
  const deep = await begin({ config: { confirmations: [{ blocks: 50 }], reorgDepth: 8 } });
  await deep.anvil.mine(3);
  await pay(deep.anvil, 3n);
  await deep.anvil.mine(9);
  await deep.catchUp();
  await deep.anvil.cut(9);
  await pay(deep.anvil, 4n);
  await deep.anvil.mine(20);
  assert.match(await deep.catchUp(), /more than 8 blocks below block 13/);
  assert.deepEqual(await deep.book(), ["eth 3 seen"]);
  assert.equal(await place(deep), 13);
});

test("what left without us is taken back as long as it is not final, and halts the chain from then on", async () => {
  const stage = await begin({ config: { confirmations: [{ blocks: 5 }] } });
  const heard = () => stage.heard.flatMap(({ what }) => (what.startsWith("outflow") ? [what] : []));
  const leave = async () => {
    await stage.anvil.send({ from: ours(0), to: RICH, value: 3n });
    await stage.anvil.mine(1);
  };
  await leave();
  await stage.catchUp();
  await stage.anvil.cut(1);
  await leave();
  await stage.anvil.mine(4);
  assert.equal(await stage.catchUp(), "");
  assert.deepEqual(heard(), ["outflowSeen", "outflowReorged", "outflowSeen", "outflowFinal"]);
  await stage.anvil.cut(5);
  await stage.anvil.mine(7);
  assert.match(await stage.catchUp(), /Block 1 holds what is final/);
});

test("nodes that go back to an older block of the same chain undo nothing", async () => {
  const stage = await begin();
  await pay(stage.anvil, 3n);
  await stage.anvil.mine(4);
  await stage.catchUp();
  await stage.anvil.cut(3);
  assert.equal(await stage.catchUp(), "");
  assert.equal(await place(stage), 5);
  await pay(stage.anvil, 9n);
  assert.equal(await stage.catchUp(), "", "a shorter chain that enough nodes agree on is the chain");
  assert.equal(await place(stage), 3);
  assert.deepEqual(await stage.book(), ["eth 3 final", "eth 9 seen"]);
});

for (const depth of [1, 2, 5, 10]) {
  test(`one node that is forked by ${depth} blocks is not believed, two are`, async () => {
    const stage = await begin({ config: { confirmations: [{ blocks: 12 }] } });
    const fork = await startAnvil({ byHand: true });
    after(() => fork.stop());
    for (const chain of [stage.anvil, fork]) await chain.mine(3);
    assert.equal((await stage.anvil.head()).hash, (await fork.head()).hash);
    for (let number = 0; number < depth; number++) {
      await pay(stage.anvil, 1n);
      await pay(fork, 1_000n);
    }
    const [, second, third] = stage.fronts;
    assert.ok(second !== undefined && third !== undefined);
    third.target = fork.url;
    await stage.catchUp();
    assert.deepEqual(await stage.book(), Array(depth).fill("eth 1 seen"));
    const states = () => stage.follower.online.health().map(({ state }) => state);
    assert.deepEqual(states(), ["good", "good", "forked"]);
    second.target = fork.url;
    await fork.mine(1);
    for (let polls = 0; polls < 3; polls++) await stage.follower.online.poll();
    await stage.catchUp();
    assert.deepEqual(states(), ["forked", "good", "good"]);
    assert.deepEqual(await stage.book(), Array(depth).fill("eth 1000 seen"));
    const total = (await stage.deposits())
      .filter(({ state }) => state === "seen")
      .reduce((sum, { amount }) => sum + amount, 0n);
    assert.equal(BigInt(await fork.rpc<string>("eth_getBalance", ours(0), "latest")), 10n ** 22n + total);
  });
}
