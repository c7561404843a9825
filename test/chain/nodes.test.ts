/** Several nodes of one chain, some of which lag, lie, are forked or away: what is told is true, and health says who it was. */
import assert from "node:assert/strict";
import { after, test } from "node:test";
import { openEvm } from "../../server/src/chain/evm/evm.ts";
import { openNodes } from "../../server/src/chain/evm/nodes.ts";
import { limits } from "../../server/src/host/limits.ts";
import { type Anvil, CHAIN, calls, type Front, hex, RICH, RICH_TOO, startAnvil, startProxy } from "../world/chain.ts";

const anvil = await startAnvil({ byHand: true });
const twin = await startAnvil({ byHand: true });
const proxies = await Promise.all(["a", "b", "c"].map(() => startProxy(anvil.url)));
const [, , third] = proxies as [Front, Front, Front];
after(async () => {
  await Promise.all([...proxies.map((proxy) => proxy.stop()), anvil.stop(), twin.stop()]);
});

const names = ["a", "b", "c"];
const config = (use: readonly { url: string }[] = proxies, quorum = 2) => ({
  nodes: use.map(({ url }, at) => ({ name: names[at] ?? "", url })),
  quorum,
  confirmations: [],
  reorgDepth: 12,
  trace: true,
  pollMs: 10,
});
const open = (use?: readonly { url: string }[], quorum?: number) => openEvm(CHAIN, config(use, quorum), Date.now);

/** What health says of the third node. */
function ofThird(online: { health(): readonly { name: string; state: string; reason: string }[] }) {
  const found = online.health().find(({ name }) => name === "c");
  assert.ok(found !== undefined);
  return found;
}

/** All nodes on one chain again, and good. */
async function mend(): Promise<void> {
  for (const proxy of proxies) Object.assign(proxy, { faults: {}, target: anvil.url });
}

async function sentIn(chain: Anvil, value: bigint): Promise<{ id: string; number: number }> {
  const id = await chain.send({ to: RICH_TOO, value });
  await chain.mine(1);
  return { id, number: (await chain.head()).number };
}

test("a quorum must be more than half, so that no two can disagree", () => {
  const many = { chain: CHAIN, lagBlocks: 3, depth: 3, now: Date.now };
  const nodes = ["a", "b", "c", "d"].map((name) => ({ name, url: anvil.url }));
  for (const quorum of [0, 2, 5]) assert.throws(() => openNodes({ ...many, nodes, quorum }), /more than half/);
  openNodes({ ...many, nodes, quorum: 3 });
  openNodes({ ...many, nodes: nodes.slice(0, 1), quorum: 1 });
});

test("one node with a quorum of one works as well", async () => {
  const online = open([anvil], 1);
  await online.poll();
  assert.equal(online.head()?.hash, (await anvil.head()).hash);
  assert.equal((await online.balance(RICH, null)).amount, BigInt(await anvil.rpc<string>("eth_getBalance", RICH, "latest")));
  await online.close();
});

const LIES = {
  balance: "eth_getBalance",
  receipt: "eth_getTransactionReceipt",
  transactions: "eth_getBlockByHash",
  logs: "eth_getLogs",
  trace: "trace_block",
};

for (const [what, method] of Object.entries(LIES)) {
  test(`a lie about ${what} changes nothing, is named, and is not forgotten by being quiet`, async () => {
    await mend();
    const { id, number } = await sentIn(anvil, 5n);
    const online = open();
    await online.poll();
    const ask = async () => {
      const block = await online.header(number);
      const content = await online.content(block);
      const [mined] = await online.outcomes(block, [id]);
      const balance = await online.balance(RICH_TOO, null);
      return { listed: content.listed, movements: content.movements, mined, balance };
    };
    const truth = await ask();
    third.faults = { lie: (asked, result) => (asked.method === method ? bend(result) : result) };
    assert.deepEqual(await ask(), truth);
    await until(async () => ofThird(online).state === "lying");
    assert.match(ofThird(online).reason, /unlike the others|claims/);
    third.faults = {};
    for (let polls = 0; polls < limits.nodeReturnsAfterLie + 1; polls++) await online.poll();
    assert.equal(ofThird(online).state, "lying", "heads are not what it lied about");
    for (let asked = 0; asked < limits.nodeReturnsAfterLie; asked++) await ask();
    await until(async () => ofThird(online).state === "good");
    await online.close();
  });
}

/** Another number in a balance, receipt or block, a log that is not there, a call that was not made. */
function bend(result: unknown): unknown {
  if (typeof result === "string") return hex(BigInt(result) + 1n);
  if (Array.isArray(result)) return result.length > 0 ? [...result, { ...result[0], ...innerCall }] : [transferLog];
  const it = result as { gasUsed?: string; transactions?: object[] };
  if (Array.isArray(it.transactions))
    return { ...it, transactions: it.transactions.map((one) => ({ ...one, value: "0xffff" })) };
  return { ...it, gasUsed: "0x1" };
}
const word = (digit: string) => `0x${"0".repeat(24)}${digit.repeat(40)}`;
const innerCall = { traceAddress: [0], action: { callType: "call", from: RICH, to: RICH_TOO, value: "0x1" } };
const transferLog = {
  address: `0x${"1".repeat(40)}`,
  topics: ["0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef", word("2"), word("3")],
  data: word("4"),
  transactionHash: `0x${"5".repeat(64)}`,
  logIndex: "0x0",
};

test("nodes that trace in different ways agree, and whoever cannot trace is not blamed", async () => {
  await mend();
  const splitter = await anvil.deploy("Splitter");
  const data = calls.split([RICH_TOO, splitter, RICH]);
  for (const to of [[RICH_TOO], [RICH, RICH_TOO]]) await anvil.send({ to: splitter, value: 12n, data: calls.split(to) });
  await anvil.send({ to: splitter, value: 12n, data: calls.tease([RICH_TOO]), gas: 200_000n });
  await anvil.send({ to: splitter, value: 12n, data, gas: 200_000n });
  await anvil.send({ to: splitter, value: 7n, data: calls.end(RICH_TOO) });
  await anvil.mine(1);
  const online = open();
  await online.poll();
  const head = online.head();
  assert.ok(head !== null);
  const inner = async () => (await online.content(head)).movements.filter(({ place }) => place !== "value");
  const flat = await inner();
  assert.deepEqual(
    flat.map(({ place, to, amount }) => `${place} ${to} ${amount}`),
    [`call:0 ${RICH_TOO} 12`, `call:0 ${RICH} 6`, `call:1 ${RICH_TOO} 6`, `call:0 ${RICH_TOO} 19`].map((line) =>
      line.toLowerCase(),
    ),
  );
  const missing = Object.assign(new Error("the method does not exist"), { code: -32_601 });
  const without = (...methods: string[]): Front["faults"] => ({
    lie: ({ method }, result) => (methods.includes(method) ? missing : result),
  });
  for (const proxy of proxies) {
    proxy.faults = without("trace_block");
    assert.deepEqual(await inner(), flat);
  }
  third.faults = without("trace_block", "debug_traceBlockByHash");
  assert.deepEqual(await inner(), flat);
  await online.poll();
  assert.equal(ofThird(online).state, "good");
  await online.close();
});

test("a head that nobody else has is a lie, one that is old is lagging, and both come back", async () => {
  await mend();
  const online = open();
  await online.poll();
  const truth = online.head();
  const claim = (by: number) => (asked: { method: string; params: readonly unknown[] }, result: unknown) => {
    if (asked.method !== "eth_getBlockByNumber" || asked.params[0] !== "latest") return result;
    const block = result as { number: string };
    return { ...block, number: hex(Number(block.number) + by), hash: `0x${"ab".repeat(32)}` };
  };
  third.faults = { lie: claim(1_000_000) };
  await online.poll();
  assert.deepEqual([online.head(), ofThird(online).state], [truth, "lying"]);
  third.faults = {};
  for (let polls = 0; polls < limits.nodeReturnsAfterLie; polls++) await online.poll();
  assert.equal(ofThird(online).state, "good");
  await anvil.mine(10);
  const old = await anvil.rpc("eth_getBlockByNumber", hex((await anvil.head()).number - 8), false);
  third.faults = { lie: ({ params }, result) => (params[0] === "latest" ? old : result) };
  await online.poll();
  assert.match(`${ofThird(online).state}: ${ofThird(online).reason}`, /^lagging: It is 8 blocks behind/);
  third.faults = {};
  for (let polls = 0; polls < limits.nodeReturns; polls++) await online.poll();
  assert.equal(ofThird(online).state, "good");
  await online.close();
});

test("a node on a fork is set aside at once, and when two are the older block is the head", async () => {
  await mend();
  const fork = await startAnvil({ byHand: true });
  const base = await startAnvil({ byHand: true });
  after(() => Promise.all([fork.stop(), base.stop()]));
  for (const chain of [fork, base]) await chain.mine(5);
  assert.equal((await fork.head()).hash, (await base.head()).hash, "both begin with the same blocks");
  await sentIn(fork, 1n);
  await sentIn(base, 2n);
  for (const chain of [fork, base]) await chain.mine(3);
  for (const proxy of proxies) proxy.target = base.url;
  third.target = fork.url;
  const online = open();
  await online.poll();
  assert.equal(online.head()?.hash, (await base.head()).hash);
  assert.match(`${ofThird(online).state}: ${ofThird(online).reason}`, /^forked: Its block 9 is [^,]+, that of the others/);
  await online.close();
  const both = open(proxies.slice(1), 2);
  await both.poll();
  assert.equal(both.head()?.number, 5);
  assert.match(both.trouble(), /disagree from block 6/);
  await both.close();
});

test("a node that is away, slow, of another chain or talks nonsense is set aside with the reason", async () => {
  await mend();
  const away: readonly [Front["faults"], RegExp][] = [
    [{ drop: true }, /^unreachable: socket hang up/],
    [{ status: 302 }, /^unreachable: HTTP status 302/],
    [{ status: 429 }, /^unreachable: HTTP status 429/],
    [{ body: "<html>" }, /^unreachable: no answer in JSON-RPC/],
    [{ body: "[]" }, /^unreachable: no answer in JSON-RPC/],
    [{ lie: (asked, result) => (asked.method === "eth_chainId" ? "0x1" : result) }, /^forked: It serves chain 1/],
    [{ lie: () => new Error("over the limit") }, /^unreachable: over the limit/],
    [{ lie: () => null }, /^unreachable: eth_chainId: a quantity is expected/],
  ];
  for (const [faults, wanted] of away) {
    const online = open();
    third.faults = faults;
    await online.poll();
    assert.match(`${ofThird(online).state}: ${ofThird(online).reason}`, wanted);
    assert.equal(online.head()?.hash, (await anvil.head()).hash);
    await online.close();
  }
});

test("an answer that comes late holds nobody up", async () => {
  await mend();
  const online = open();
  await online.poll();
  third.faults = { delayMs: 3_000 };
  const since = performance.now();
  await online.balance(RICH, null);
  await anvil.mine(1);
  await online.poll();
  assert.equal(online.head()?.hash, (await anvil.head()).hash);
  assert.ok(performance.now() - since < 2_500);
  assert.match(`${ofThird(online).state}: ${ofThird(online).reason}`, /^lagging: It takes more than/);
  await Promise.all([online.close(), mend()]);
});

test("without a quorum there is no answer", async () => {
  await mend();
  const online = open();
  await online.poll();
  third.faults = { drop: true };
  Object.assign(proxies[1] as Front, { faults: { lie: (_: unknown, result: unknown) => bend(result) } });
  await assert.rejects(online.balance(RICH, null), { code: "CHAIN_UNREACHABLE" });
  for (const proxy of proxies) proxy.faults = { drop: true };
  await online.poll();
  assert.equal(online.head(), null);
  await assert.rejects(online.balance(RICH, null), { code: "CHAIN_UNREACHABLE" });
  assert.deepEqual(
    online.health().map(({ state, head }) => [state, head]),
    names.map(() => ["unreachable", null]),
  );
  await mend();
  await online.close();
});

test("absurd fees of one node are outvoted, and those of all are bounded", async () => {
  await mend();
  const online = open();
  await online.poll();
  const asked = { from: RICH, to: RICH_TOO, amount: 1n };
  const sane = await online.quote(asked);
  assert.equal(sane.gasLimit, 21_000);
  const greed: Front["faults"] = {
    lie: ({ method }, result) => {
      if (method === "eth_estimateGas") return hex(10n ** 12n);
      return method === "eth_feeHistory" ? { reward: [[hex(10n ** 30n)]] } : result;
    },
  };
  third.faults = greed;
  assert.deepEqual(await online.quote(asked), sane);
  for (const proxy of proxies) proxy.faults = greed;
  const bounded = await online.quote(asked);
  assert.equal(bounded.gasLimit, 2 ** 24);
  assert.equal(bounded.maxPriorityFeePerGas, limits.gasTipMax);
  await mend();
  await online.close();
});

async function until(holds: () => Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  assert.fail("it never came to that");
}
