/** The whole way under weather: a gateway and followers that are started and stopped, one node after another that delays,
 *  drops, lies or is forked, reorganisations, deposits and payments. In the end the records are exactly what a scan of the
 *  chain says. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { follow } from "../../server/src/chain/follow.ts";
import { openGateway } from "../../server/src/chain/gateway.ts";
import * as store from "../../server/src/chain/store.ts";
import { type Anvil, CHAIN, calls, type Faults, hex, RICH } from "../world/chain.ts";
import { newLease, openStage, ours, type Stage } from "./stage.ts";

/** A repeatable choice of numbers below a limit. */
function chooser(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((state / 2_147_483_648) * below);
  };
}

const bent = (value: unknown): unknown => {
  if (typeof value === "string") return /^0x[0-9a-f]+$/.test(value) ? hex(BigInt(value) + 1n) : value;
  if (Array.isArray(value)) return value.slice(1);
  const it = value as Record<string, unknown> | null;
  return it !== null && "gasUsed" in it ? { ...it, gasUsed: "0x1", status: "0x1", transactions: [] } : it;
};
const WEATHER: readonly Faults[] = [
  { drop: true },
  { delayMs: 150 },
  { status: 503 },
  { body: "no" },
  { lie: (_, result) => bent(result) },
  { lie: ({ method }, result) => (method === "eth_getLogs" ? [] : result) },
  { lie: ({ method }, result) => (method === "eth_getTransactionReceipt" ? null : result) },
  { lie: ({ params }, result) => (params[0] === "latest" ? { ...(result as object), number: "0xffffff" } : result) },
];

/** What the chain itself says: every movement of value to our addresses, from its blocks and logs. */
async function scan(anvil: Anvil, token: string): Promise<readonly string[]> {
  const { number } = await anvil.head();
  const found: string[] = [];
  const us = [0, 1].map((one) => ours(one).toLowerCase());
  for (let at = 1; at <= number; at++) {
    const block = await anvil.rpc<{ transactions: { to: string | null; value: string; hash: string }[] }>(
      "eth_getBlockByNumber",
      hex(at),
      true,
    );
    for (const { to, value, hash } of block.transactions) {
      if (to !== null && us.includes(to) && BigInt(value) > 0n) found.push(`${hash} value ${BigInt(value)}`);
    }
    type Log = { topics: string[]; data: string; transactionHash: string; logIndex: string };
    const logs = await anvil.rpc<Log[]>("eth_getLogs", { fromBlock: hex(at), toBlock: hex(at), address: token });
    for (const { topics, data, transactionHash, logIndex } of logs) {
      if (us.includes(`0x${topics[2]?.slice(26)}`)) found.push(`${transactionHash} log:${Number(logIndex)} ${BigInt(data)}`);
    }
  }
  return found.sort();
}

const recorded = async (stage: Stage) =>
  (await stage.deposits())
    .filter(({ state }) => state !== "reorged")
    .map(({ tx, place, amount }) => `${tx} ${place} ${amount}`)
    .sort();

async function until(holds: () => Promise<boolean> | boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 1_500; tries++) {
    if (await holds()) return;
    await sleep(10);
  }
  assert.fail(`it never came to that: ${what}`);
}

for (const seed of [1, 2, 3]) {
  test(`records stay true under weather ${seed}`, async () => {
    const choose = chooser(seed);
    const stage = await openStage({ config: { confirmations: [{ blocks: 12 }], pollMs: 5 } });
    const token = await stage.anvil.deploy("HonestToken");
    stage.tokens["good"] = token;
    for (const number of [0, 1]) await stage.watch(ours(number));
    const { config, db, assets } = stage.follower;
    const gateway = openGateway({ chains: new Map([[CHAIN, config]]), db, assets: () => assets(), now: Date.now });
    gateway.start();
    after(() => gateway.close().then(stage.close));
    const start = async () => {
      const ending = new AbortController();
      const turn = { lease: await newLease(db), signal: ending.signal };
      const it = { ...stage.follower, online: gateway.online(CHAIN) };
      const done = follow(it, turn, () => gateway.turn(CHAIN, ending.signal));
      const stop = () => {
        ending.abort();
        return done;
      };
      return { stop };
    };
    let follower = await start();
    for (let round = 0; round < 25; round++) {
      const [front] = stage.fronts.slice(choose(3));
      for (const one of stage.fronts) one.faults = {};
      if (front !== undefined) front.faults = WEATHER[choose(WEATHER.length)] ?? {};
      if (choose(5) === 0 && (await stage.anvil.head()).number > 6) await stage.anvil.cut(1 + choose(4));
      for (let number = choose(3); number >= 0; number--) {
        const value = BigInt(1 + choose(1_000));
        await stage.anvil.send({ to: ours(choose(2)), value });
        await stage.anvil.send({ to: token, data: calls.mint(choose(2) === 0 ? ours(choose(2)) : RICH, value) });
      }
      await stage.anvil.mine(1 + choose(2));
      if (choose(6) === 0) {
        await follower.stop();
        follower = await start();
      }
      await sleep(choose(40));
    }
    for (const one of stage.fronts) one.faults = {};
    await stage.anvil.mine(1);
    const head = await stage.anvil.head();
    await until(async () => (await store.readCursor(db, CHAIN))?.hash === head.hash, "the follower reaches the head");
    assert.deepEqual(await recorded(stage), await scan(stage.anvil, token));
    await until(() => gateway.view()[0]?.processed === head.number, "the view shows it");
    assert.equal(gateway.view()[0]?.state, "following");
    await follower.stop();
  });
}

test("a gateway says what it sees, answers what it is asked, and waits without nodes", async () => {
  const stage = await openStage();
  const { config, db, assets } = stage.follower;
  const gateway = openGateway({
    chains: new Map([[CHAIN, { ...config, pollMs: 10 }]]),
    db,
    assets: () => assets(),
    now: Date.now,
  });
  after(() => gateway.close().then(stage.close));
  assert.equal(gateway.view()[0]?.state, "unreachable");
  await assert.rejects(gateway.quote(CHAIN, { from: RICH, to: ours(0), amount: 1n }), { code: "CHAIN_UNREACHABLE" });
  await assert.rejects(gateway.quote(5, { from: RICH, to: ours(0), amount: 1n }), { code: "NOT_FOUND" });
  gateway.start();
  await gateway.turn(CHAIN, new AbortController().signal);
  await until(() => gateway.view()[0]?.name === "test", "it has learnt the name");
  const quote = await gateway.quote(CHAIN, { from: RICH, to: ours(0), amount: 1n });
  assert.equal(quote.fee, BigInt(quote.gasLimit) * quote.maxFeePerGas);
  const asked = { from: RICH, to: ours(0), amount: 1n, totalFee: 21_000n * 5n };
  assert.deepEqual(await gateway.contextFor(CHAIN, asked), { gasLimit: 21_000, maxFeePerGas: 5n, maxPriorityFeePerGas: 5n });
  assert.equal((await gateway.balance(CHAIN, ours(0))).amount, 10n ** 22n);
  assert.equal(await gateway.transaction(CHAIN, `0x${"12".repeat(32)}`), null);
  for (const front of stage.fronts) front.faults = { drop: true };
  await until(() => gateway.view()[0]?.state === "unreachable", "all nodes are away");
  assert.match(gateway.view()[0]?.reason ?? "", /0 nodes answer and 2 are needed/);
});
