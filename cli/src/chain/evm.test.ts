import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { balanceOf, broadcast, estimateGas, minedOf, openNode, quoteFees, waitMined } from "./evm.ts";

type Answers = Readonly<Record<string, (...params: readonly unknown[]) => unknown>>;

/** A node that answers by method; what is thrown becomes the node's error. */
async function against(answers: Answers, work: (url: string) => Promise<void>): Promise<void> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { id, method, params } = JSON.parse(body) as { id: number; method: string; params: unknown[] };
    const reply = { jsonrpc: "2.0", id };
    try {
      const answer = answers[method]?.(...params);
      response.end(answer === undefined ? "no json" : JSON.stringify({ ...reply, result: answer }));
    } catch (error) {
      response.end(JSON.stringify({ ...reply, error: { code: -32000, message: String(error) } }));
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}
const chain = { eth_chainId: () => "0x7a69" };
const refuse = (words: string) => () => {
  throw new Error(words);
};

test("a node of another chain, a wrong answer and silence are told apart", async () => {
  await against({ eth_chainId: () => "0x1" }, (url) => assert.rejects(openNode(url, 31_337), { code: "CHAIN_WRONG" }));
  await against({ eth_chainId: () => "31337" }, (url) => assert.rejects(openNode(url, 31_337), { code: "CHAIN_ERROR" }));
  await against({ eth_chainId: refuse("busy") }, (url) => assert.rejects(openNode(url, 31_337), { code: "CHAIN_ERROR" }));
  await against({}, (url) => assert.rejects(openNode(url, 31_337), { code: "CHAIN_UNREACHABLE" }));
  await assert.rejects(openNode("http://127.0.0.1:1", 31_337), { code: "CHAIN_UNREACHABLE" });
});

test("fees last some blocks and take the median tip", async () => {
  const eth_feeHistory = () => ({ baseFeePerGas: ["0x1", "0x64"], reward: [["0x5"], ["0x0"], ["0x9"], ["0x7"]] });
  await against({ ...chain, eth_feeHistory }, async (url) => {
    assert.deepEqual(await quoteFees(await openNode(url, 31_337)), {
      maxFeePerGas: 207n,
      maxPriorityFeePerGas: 7n,
      base: 100n,
    });
  });
});

test("without history the node's own suggestions are taken", async () => {
  const answers = {
    ...chain,
    eth_feeHistory: () => ({}),
    eth_maxPriorityFeePerGas: () => "0x3",
    eth_gasPrice: () => "0xa",
  };
  await against(answers, async (url) => {
    assert.deepEqual(await quoteFees(await openNode(url, 31_337)), { maxFeePerGas: 23n, maxPriorityFeePerGas: 3n, base: 10n });
  });
});

test("gas is exact for plain transfers, generous for contracts, and never below what bytes cost", async () => {
  const estimates = ["0x5208", "0xc350", "0x5208"];
  await against({ ...chain, eth_estimateGas: () => estimates.shift() }, async (url) => {
    const node = await openNode(url, 31_337);
    const call = { from: "0x00", to: "0x00", value: 1n, data: "0x" };
    assert.equal(await estimateGas(node, call), 21_000);
    assert.equal(await estimateGas(node, call), 62_500);
    assert.equal(await estimateGas(node, { ...call, data: `0x${"01".repeat(68)}` }), 21_000 + 68 * 40);
  });
});

test("a transaction that the node knows already is as good as sent", async () => {
  let known: unknown = {};
  const answers = {
    ...chain,
    eth_sendRawTransaction: refuse("already known"),
    eth_getTransactionByHash: () => known,
  };
  await against(answers, async (url) => {
    const node = await openNode(url, 31_337);
    await broadcast(node, Uint8Array.of(2), "0xaa");
    known = null;
    await assert.rejects(broadcast(node, Uint8Array.of(2), "0xaa"), { code: "CHAIN_ERROR" });
  });
});

test("it waits until the transaction is mined and says how it went", async () => {
  let looks = 0;
  const eth_getTransactionReceipt = () => {
    looks += 1;
    return looks < 3 ? null : { blockNumber: "0x10", status: "0x0", gasUsed: "0x5208" };
  };
  await against({ ...chain, eth_getTransactionReceipt, eth_getBalance: () => "0x10" }, async (url) => {
    const node = await openNode(url, 31_337);
    assert.equal(await minedOf(node, "0xaa"), null);
    let told = 0;
    const waiting = () => {
      told += 1;
    };
    const mined = await waitMined(node, ["0xaa"], { waiting });
    assert.deepEqual(mined, { id: "0xaa", block: 16, succeeded: false, gasUsed: 21_000n });
    assert.equal(told, 1);
    assert.equal(await balanceOf(node, "0x00"), 16n);
  });
});

test("of several versions the one that is mined ends the waiting, and patience has an end", async () => {
  const receipt = { blockNumber: "0x1", status: "0x1", gasUsed: "0x1" };
  const eth_getTransactionReceipt = (id: unknown) => (id === "0xbb" ? receipt : null);
  await against({ ...chain, eth_getTransactionReceipt }, async (url) => {
    const node = await openNode(url, 31_337);
    assert.equal((await waitMined(node, ["0xaa", "0xbb"])).id, "0xbb");
    await assert.rejects(waitMined(node, ["0xaa"], { withinMs: 30 }), { code: "NOT_MINED" });
  });
});
