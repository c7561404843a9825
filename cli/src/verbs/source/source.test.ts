import assert from "node:assert/strict";
import { appendFile, mkdtemp, readFile, rm, utimes, writeFile } from "node:fs/promises";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { openJudge } from "./judge.ts";
import { readPrices } from "./prices.ts";
import { openStatements } from "./statements.ts";

const folder = await mkdtemp(join(tmpdir(), "strongroom-source-"));
after(() => rm(folder, { recursive: true, force: true }));

test("a statement is there after a crash, and one that was cut off never was", async () => {
  const path = join(folder, "more", "a.jsonl");
  const one = { subject: "transaction:1:0xa", says: "succeeded", fact: Uint8Array.of(1, 2) };
  const two = { subject: "transaction:1:0xb", says: "failed", fact: Uint8Array.of(3) };
  const first = await openStatements(path);
  await first.add(one);
  await first.add(two);
  await first.sent(one);
  await first.close();
  await appendFile(path, '{"subject":"transaction:1:0xc","says":"succ');
  const second = await openStatements(path);
  assert.deepEqual(
    [one, two, { subject: "transaction:1:0xc" }].map(({ subject }) => second.saidOn(subject)),
    ["succeeded", "failed", null],
  );
  assert.deepEqual(second.unsent(), [two]);
  await second.sent(two);
  await second.close();
  assert.equal((await readFile(path, "utf8")).split("\n").length, 5);
  await appendFile(path, "{}\n");
  await assert.rejects(openStatements(path), { code: "FILE_UNFIT" });
});

test("prices are exact ratios, and a file that is written again is another one", async () => {
  const path = join(folder, "prices.json");
  const price = { asset: "eth", currency: "usd", numerator: "325025", denominator: "1000000000000000000" };
  await writeFile(path, JSON.stringify([price]));
  const { prices, writtenMs } = await readPrices(path);
  assert.deepEqual(prices, [{ subject: "price:eth:usd", numerator: 325_025n, denominator: 10n ** 18n }]);
  await utimes(path, new Date(), new Date(writtenMs + 5_000));
  assert.notEqual((await readPrices(path)).writtenMs, writtenMs);
  for (const odd of [{}, [{ ...price, numerator: 3250.25 }], [{ ...price, denominator: "0" }], [{ ...price, more: 1 }], [1]]) {
    await writeFile(path, JSON.stringify(odd));
    await assert.rejects(readPrices(path), { code: "FILE_UNFIT" }, JSON.stringify(odd));
  }
  await assert.rejects(readPrices(join(folder, "none.json")), { code: "FILE_UNFIT" });
});

/** Answers of a node by method. */
async function withNode<T>(answers: Record<string, unknown>, work: (url: string) => Promise<T>): Promise<T> {
  const server = createServer(async (request, response) => {
    let body = "";
    for await (const chunk of request) body += String(chunk);
    const { id, method } = JSON.parse(body) as { id: number; method: string };
    response.end(JSON.stringify({ jsonrpc: "2.0", id, result: answers[method] ?? null }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

const ID = `0x${"ab".repeat(32)}`;
const GOOD = {
  eth_chainId: "0x7a69",
  eth_blockNumber: "0xc",
  eth_getTransactionReceipt: { transactionHash: ID, blockNumber: "0xa", blockHash: "0xb10c", status: "0x1" },
  eth_getBlockByNumber: { hash: "0xb10c" },
};

test("a transaction is final at the depth of the policy, in a block that the node still has", async () => {
  const verdict = (answers: Record<string, unknown>, blocks = 3) =>
    withNode({ ...GOOD, ...answers }, async (url) => (await openJudge([url], blocks)).verdictOn(ID));
  assert.deepEqual(await verdict({}), { outcome: "succeeded", block: 10, hash: "0xb10c" });
  const receipt = GOOD.eth_getTransactionReceipt;
  assert.equal((await verdict({ eth_getTransactionReceipt: { ...receipt, status: "0x0" } }))?.outcome, "failed");
  assert.equal(await verdict({}, 4), null);
  assert.equal(await verdict({ eth_getTransactionReceipt: null }), null);
  assert.equal(await verdict({ eth_getTransactionReceipt: { ...receipt, transactionHash: "0xother" } }), null);
  assert.equal(await verdict({ eth_getBlockByNumber: { hash: "0xforked" } }), null);
  assert.equal(await verdict({ eth_getBlockByNumber: null }), null);
  await assert.rejects(verdict({ eth_getTransactionReceipt: { ...receipt, status: "0x2" } }), { code: "CHAIN_ERROR" });
});

test("all nodes must say the same, and be of one chain", async () => {
  const receipt = { ...GOOD.eth_getTransactionReceipt, status: "0x0" };
  await withNode(GOOD, (one) =>
    withNode({ ...GOOD, eth_getTransactionReceipt: receipt }, async (two) => {
      assert.equal(await (await openJudge([one, two], 3)).verdictOn(ID), null);
      assert.notEqual(await (await openJudge([two, two], 3)).verdictOn(ID), null);
    }),
  );
  await withNode(GOOD, (one) =>
    withNode({ ...GOOD, eth_chainId: "0x1" }, (two) => assert.rejects(openJudge([one, two], 3), { code: "CHAIN_WRONG" })),
  );
});
