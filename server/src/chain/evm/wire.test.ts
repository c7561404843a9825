import assert from "node:assert/strict";
import { test } from "node:test";
import { limits } from "../../host/limits.ts";
import { judge, newStanding } from "./standing.ts";
import { readFlat, readTree } from "./trace.ts";
import {
  count,
  quantity,
  readHeader,
  readReceipt,
  readTips,
  readTransactions,
  readTransfers,
  TRANSFER_TOPIC,
  word,
} from "./wire.ts";

const HASH = `0x${"ab".repeat(32)}`;
const ADDRESS = `0x${"Cd".repeat(20)}`;
const unreadable = { name: "NodeFault", kind: "unreadable" };
const refuses = (read: (value: unknown) => unknown, values: readonly unknown[]) => {
  for (const value of values) assert.throws(() => read(value), unreadable, JSON.stringify(value));
};

test("quantities have one form", () => {
  assert.equal(quantity("0x0", ""), 0n);
  assert.equal(quantity(`0x${"f".repeat(64)}`, ""), 2n ** 256n - 1n);
  refuses(
    (value) => quantity(value, ""),
    ["0x", "0x00", "0x01", "0xF", "1", 1, null, undefined, {}, `0x1${"0".repeat(64)}`, "0x1 "],
  );
  assert.equal(count("0x1fffffffffffff", ""), Number.MAX_SAFE_INTEGER);
  refuses((value) => count(value, ""), ["0x20000000000000"]);
  assert.deepEqual([word(`0x${"0".repeat(63)}1`), word("0x"), word("0x1"), word(1)], [1n, null, null, null]);
});

test("blocks, transactions and receipts are read field by field", () => {
  const block = { number: "0x1", hash: HASH, parentHash: HASH, timestamp: "0x2", extra: {} };
  assert.deepEqual(readHeader(block), { number: 1, hash: HASH, parent: HASH, seconds: 2, baseFee: 0n });
  assert.deepEqual([readHeader(null), readTransactions(null), readReceipt(null)], [null, null, null]);
  refuses(readHeader, [undefined, [], "x", {}, { ...block, hash: HASH.toUpperCase() }, { ...block, baseFeePerGas: "1" }]);
  const sent = { hash: HASH, from: ADDRESS, to: null, nonce: "0x0", value: "0x5" };
  assert.deepEqual(readTransactions({ transactions: [sent] }), [
    { id: HASH, from: ADDRESS.toLowerCase(), to: null, nonce: 0, value: 5n },
  ]);
  refuses(readTransactions, [
    {},
    { transactions: [HASH] },
    { transactions: [{ ...sent, from: "0x1" }] },
    { transactions: [null] },
  ]);
  const receipt = {
    transactionHash: HASH,
    blockNumber: "0x1",
    blockHash: HASH,
    status: "0x1",
    gasUsed: "0x2",
    effectiveGasPrice: "0x3",
    logs: [],
  };
  assert.equal(readReceipt(receipt)?.succeeded, true);
  refuses(readReceipt, [
    { ...receipt, status: "0x2" },
    { ...receipt, status: undefined },
    { ...receipt, logs: {} },
    { ...receipt, effectiveGasPrice: null },
  ]);
  assert.deepEqual([readTips({ reward: null }), readTips({ reward: [["0x1"], ["0x2", "0x3"]] })], [[], [1n, 2n]]);
  refuses(readTips, [null, { reward: [[]] }, { reward: ["0x1"] }]);
});

test("only logs of fungible transfers are transfers", () => {
  const topic = `0x${"0".repeat(24)}${"12".repeat(20)}`;
  const log = { address: ADDRESS, topics: [TRANSFER_TOPIC, topic, topic], data: topic, transactionHash: HASH, logIndex: "0x7" };
  assert.equal(readTransfers([log]).length, 1);
  const others = [
    { ...log, topics: [TRANSFER_TOPIC, topic, topic, topic] },
    { ...log, topics: [HASH, topic, topic] },
    { ...log, topics: [TRANSFER_TOPIC, HASH, topic] },
    { ...log, topics: [TRANSFER_TOPIC] },
    { ...log, topics: [] },
    { ...log, data: "0x" },
    { ...log, data: `${topic}00` },
  ];
  assert.deepEqual(readTransfers(others), []);
  refuses(readTransfers, [null, [null], [{ ...log, topics: null }], [{ ...log, logIndex: 7 }], [{ ...log, address: "0x" }]]);
});

const call = { type: "CALL", from: ADDRESS, to: `0x${"1".repeat(40)}`, value: "0x1" };

test("of a tree of calls those count that moved value and were not undone", () => {
  const tree = (frame: object) => readTree([{ txHash: HASH, result: frame }], { number: 1, hash: HASH, transactions: 1 });
  const kinds = ["DELEGATECALL", "CALLCODE", "STATICCALL"].map((type) => ({ ...call, type }));
  const calls = [
    { ...call, calls: [call, { ...call, error: "reverted", calls: [call] }] },
    ...kinds,
    { ...call, to: ADDRESS },
    { ...call, value: "0x0" },
  ];
  assert.deepEqual(
    tree({ calls }).map(({ path }) => path),
    ["0", "0.0"],
  );
  assert.deepEqual(tree({ error: "reverted", calls }), []);
  const made = tree({
    calls: [
      { ...call, type: "CREATE2" },
      { ...call, type: "SELFDESTRUCT" },
      { ...call, to: undefined },
    ],
  });
  assert.deepEqual(
    made.map(({ path }) => path),
    ["0", "1"],
  );
  let deep: object = call;
  for (let depth = 0; depth <= limits.traceDepth; depth++) deep = { ...call, value: "0x0", calls: [deep] };
  refuses(
    (frame) => tree(frame as object),
    [deep, { calls: {} }, { calls: [null] }, { calls: [{ ...call, value: 1 }] }, { calls: [{ ...call, from: "me" }] }],
  );
  refuses((value) => readTree(value, { number: 1, hash: HASH, transactions: 2 }), [[], [{ txHash: HASH, result: {} }], {}]);
});

test("a flat trace says the same", () => {
  const row = (traceAddress: readonly number[], more: object = {}) => ({
    ...{ type: "call", blockHash: HASH, transactionHash: HASH, traceAddress, action: { ...call, callType: "call" } },
    ...more,
  });
  const flat = (...rows: unknown[]) => readFlat(rows, { number: 1, hash: HASH, transactions: 1 });
  const paths = (...rows: unknown[]) => flat(...rows)?.map(({ path }) => path);
  const failed = { error: "Reverted" };
  assert.deepEqual(paths(row([]), row([0]), row([0, 0]), row([1], failed), row([1, 0]), row([10]), { type: "reward" }), [
    "0",
    "0.0",
    "10",
  ]);
  assert.deepEqual(paths(row([], failed), row([0]), row([1])), []);
  assert.deepEqual(paths(row([]), row([0], { action: { ...call, callType: "delegatecall" } })), []);
  const gone = { type: "suicide", action: { address: call.from, refundAddress: call.to, balance: "0x5" } };
  const made = { type: "create", action: call, result: { address: call.to } };
  assert.deepEqual(paths(row([]), row([0], gone), row([1], made)), ["0", "1"]);
  assert.equal(flat(row([], { blockHash: `0x${"00".repeat(32)}` })), null);
  for (const rows of [[], [row([]), row([])], [row([-1])], [null], [row([]), row([0], { ...made, result: null })]]) {
    assert.throws(() => flat(...rows), unreadable);
  }
});

test("a node comes back after some good answers, a liar only after many to the same question", () => {
  const bad = (state: "lying" | "lagging" | "unreachable") => ({ state, reason: state, about: "it" });
  const good = (about: string) => ({ state: "good" as const, reason: "", about });
  let standing = judge(newStanding(1), bad("lagging"), 2);
  assert.deepEqual([standing.state, standing.since], ["lagging", 2]);
  standing = judge(standing, bad("lagging"), 3);
  assert.equal(standing.since, 2);
  for (let at = 0; at < limits.nodeReturns - 1; at++) standing = judge(standing, good("other"), 4);
  assert.equal(standing.state, "lagging");
  assert.equal(judge(standing, good("other"), 5).state, "good");
  standing = judge(judge(standing, bad("lying"), 6), bad("unreachable"), 7);
  assert.deepEqual([standing.state, standing.since], ["lying", 6]);
  for (let at = 0; at < 99; at++) standing = judge(standing, good("other"), 8);
  assert.equal(standing.state, "lying");
  for (let at = 0; at < limits.nodeReturnsAfterLie; at++) standing = judge(standing, good("it"), 9);
  assert.deepEqual(standing, newStanding(9));
});
