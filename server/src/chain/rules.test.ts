import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limits } from "../host/limits.ts";
import {
  audit,
  blocksNeeded,
  feesWithin,
  type Ground,
  isStuck,
  judgeIncoming,
  judgeOutgoing,
  movedBy,
  share,
} from "./rules.ts";
import type { Movement } from "./types.ts";

test("confirmations are of the first entry that fits", () => {
  const config = {
    reorgDepth: 64,
    confirmations: [
      { asset: "eth", below: 100n, blocks: 2 },
      { asset: "eth", blocks: 12 },
      { below: 10n, blocks: 3 },
      { blocks: 20 },
    ],
  };
  const asked: readonly [string | null, bigint, number][] = [
    ["eth", 99n, 2],
    ["eth", 100n, 12],
    ["usdx", 9n, 3],
    ["usdx", 10n, 20],
    [null, 10n, 20],
  ];
  for (const [asset, amount, blocks] of asked) assert.equal(blocksNeeded(config, asset, amount), blocks);
  assert.equal(blocksNeeded({ ...config, confirmations: [] }, "eth", 1n), 65);
});

test("whatever a token logs, what came less what left is what its balance shows, as far as amounts can say", () => {
  const amount = fc.bigInt(0n, 1_000n);
  fc.assert(
    fc.property(amount, amount, amount, amount, (came, left, before, after) => {
      const found = audit({ came, left }, { before, after });
      assert.ok(found.came >= 0n && found.came <= came && found.left >= 0n);
      const shown = after - before;
      // What nobody logged, as a rebase or a mint without a log, is no movement.
      const isUnlogged = left === 0n ? shown < 0n : false;
      if (shown <= came && !isUnlogged) assert.equal(found.came - found.left, shown);
    }),
  );
  assert.deepEqual(audit({ came: 5n, left: 3n }, null), { came: 0n, left: 3n });
});

test("shares sum up", () => {
  fc.assert(
    fc.property(fc.bigInt(0n, 10n ** 30n), fc.array(fc.bigInt(0n, 10n ** 30n), { minLength: 1 }), (total, amounts) => {
      const sum = amounts.reduce((a, b) => a + b, 0n);
      const parts = share(total, amounts);
      assert.equal(
        parts.reduce((a, b) => a + b, 0n),
        sum === 0n ? 0n : total,
      );
      assert.ok(parts.every((part) => part >= 0n));
    }),
  );
});

const ground: Ground = {
  native: "eth",
  tokens: new Map([["0xtoken", "usdx"]]),
  dust: [{ asset: "usdx", below: 5n }],
  failed: new Set(["0xfailed"]),
  logged: new Map([["0xtoken 0xus", { came: 30n, left: 0n }]]),
  changes: new Map([["0xtoken 0xus", { before: 0n, after: 20n }]]),
};
const moved = (change: Partial<Movement>): Movement => ({
  ...{ tx: "0xtx", place: "value", contract: null, from: "0xthem", to: "0xus", amount: 30n },
  ...change,
});

test("what comes in is judged by what was received", () => {
  const judged = (...movements: Movement[]) =>
    judgeIncoming(movements, ground).map(({ asset, amount, state }) => [asset, amount, state]);
  assert.deepEqual(judged(moved({})), [["eth", 30n, "seen"]]);
  assert.deepEqual(judged(moved({ tx: "0xfailed" }), moved({ amount: 0n })), []);
  assert.deepEqual(judged(moved({ contract: "0xtoken", amount: 10n }), moved({ contract: "0xtoken", amount: 20n })), [
    ["usdx", 6n, "seen"],
    ["usdx", 14n, "seen"],
  ]);
  assert.deepEqual(judged(moved({ contract: "0xtoken", amount: 30n, to: "0xother" })), [["usdx", 0n, "suspect"]]);
  const split = [6n, 24n].map((amount) => moved({ contract: "0xtoken", amount }));
  assert.deepEqual(judged(...split), [
    ["usdx", 4n, "suspect"],
    ["usdx", 16n, "seen"],
  ]);
  const flood = Array.from({ length: limits.unknownPerBlock + 9 }, () => moved({ contract: "0xnew" }));
  assert.equal(judgeIncoming(flood, ground).length, limits.unknownPerBlock);
  assert.deepEqual(
    judgeIncoming([moved({})], { ...ground, native: "" }).map(({ asset, state }) => [asset, state]),
    [[null, "unknown"]],
  );
});

test("what leaves is what the balance shows", () => {
  const logged = new Map([["0xtoken 0xus", { came: 0n, left: 30n }]]);
  const mined = {
    ...{ id: "0xtx", block: 1, blockHash: "", succeeded: true, gasUsed: 1n, fee: 1n },
    movements: [moved({ contract: "0xtoken", from: "0xus", to: "0xthem" })],
  };
  const sent = { from: "0xus", contract: "0xtoken", amount: 30n };
  const left = (before: bigint, after: bigint) =>
    movedBy(sent, mined, { ...ground, logged, changes: new Map([["0xtoken 0xus", { before, after }]]) });
  assert.deepEqual([left(50n, 20n), left(50n, 50n), left(50n, 15n)], [30n, 0n, 35n]);
  assert.equal(movedBy(sent, { ...mined, succeeded: false }, ground), 0n);
  assert.equal(movedBy(sent, { ...mined, movements: [] }, ground), 0n);
  assert.equal(movedBy({ ...sent, contract: null }, mined, ground), 30n);
});

test("what leaves without us is value and fee in one, and of a token what the balance shows", () => {
  const paid = [
    { id: "0xtx", slot: "", from: "0xus", value: 30n },
    { id: "0xfailed", slot: "", from: "0xus", value: 30n },
  ];
  const mined = (id: string) => {
    const how = { succeeded: id === "0xtx", gasUsed: 1n, fee: 4n, movements: [] };
    return [id, { id, block: 1, blockHash: "", ...how }] as const;
  };
  const outcomes = new Map(["0xtx", "0xfailed"].map(mined));
  const call = { place: "call:0", from: "0xus", to: "0xthem" };
  const moves = [moved({ ...call, amount: 5n }), moved({ ...call, tx: "0xother", contract: "0xtoken", amount: 12n })];
  const judged = (moves: readonly Movement[], left: bigint, change: { before: bigint; after: bigint }, native = "eth") => {
    const logged = new Map([["0xtoken 0xus", { came: 0n, left }]]);
    const changes = new Map([["0xtoken 0xus", change]]);
    const found = judgeOutgoing({ paid, moved: moves }, outcomes, { ...ground, native, logged, changes });
    return found.map(({ tx, from, asset, amount }) => `${tx} ${from} ${asset} ${amount}`);
  };
  const whole = ["0xtx 0xus eth 39", "0xfailed 0xus eth 4"];
  assert.deepEqual(judged(moves, 12n, { before: 20n, after: 8n }), [...whole, "0xother 0xus usdx 12"]);
  assert.deepEqual(judged(moves, 24n, { before: 20n, after: 8n }), [...whole, "0xother 0xus usdx 6"]);
  assert.deepEqual(judged(moves, 12n, { before: 20n, after: 20n }), whole, "it says so, and nothing is gone");
  const unknown = [moved({ ...call, contract: "0xnew" })];
  assert.deepEqual(judged(unknown, 0n, { before: 0n, after: 0n }, ""), []);
});

test("a transaction is stuck when it waits too long or pays too little, and is told so again after as long", () => {
  const at = { now: 1_000, baseFee: 10n, stuckMs: 500, resendMs: 100 };
  const it = { createdAt: new Date(800), stuckAt: null, maxFeePerGas: 20n, sends: 1 };
  assert.equal(isStuck(it, at), false);
  assert.equal(isStuck({ ...it, maxFeePerGas: 9n }, at), true);
  assert.equal(isStuck({ ...it, createdAt: new Date(500) }, at), true);
  assert.equal(isStuck({ ...it, createdAt: new Date(0), sends: 0 }, at), false);
  assert.equal(isStuck({ ...it, createdAt: new Date(0), stuckAt: new Date(600) }, at), false);
});

test("fees of a replacement rise by an eighth at least and stay within the total fee", () => {
  const wanted = { gasLimit: 100, maxFeePerGas: 50n, maxPriorityFeePerGas: 3n };
  assert.deepEqual(feesWithin(wanted, { totalFee: 10_000n }), wanted);
  const over = { maxFeePerGas: 81n, maxPriorityFeePerGas: 5n };
  assert.deepEqual(feesWithin(wanted, { totalFee: 10_000n, over }), { ...wanted, maxFeePerGas: 92n, maxPriorityFeePerGas: 6n });
  assert.deepEqual(feesWithin(wanted, { totalFee: 200n, over }), { ...wanted, maxFeePerGas: 2n, maxPriorityFeePerGas: 2n });
});
