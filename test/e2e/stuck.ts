/** Payments that the chain does not take, by the command: one is paid with higher fees, another is cancelled; each place is
 *  used once. The same whether the vault is reached through a server or straight. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import type { ask, Json } from "./command.ts";

const NORTHWIND = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const PAY = ["--from", "treasury", "--to", "northwind", "--key", "tom", "--yes"];
const TRIES = 60;

/** How the vault is reached. `states`: what the list of requests says of the one that was mined, and of one whose place it
 *  took. */
export type Way = {
  strongroom(...args: readonly string[]): ReturnType<typeof ask>;
  node(method: string, ...params: readonly unknown[]): Promise<unknown>;
  states(mined: { readonly request: string; readonly block: unknown }): readonly [mined: string, other: string];
};

/** What people do with such a payment. */
function handsOn({ strongroom, node, states }: Way) {
  /** Has blocks made by hand until the test is over. */
  async function byHand(t: TestContext): Promise<void> {
    await node("evm_setAutomine", false);
    t.after(() => node("evm_setAutomine", true));
  }

  const received = async () => BigInt(String(await node("eth_getBalance", NORTHWIND, "latest")));

  /** The answer to a command that must succeed. */
  async function done(...args: readonly string[]): Promise<Json> {
    const { status, json } = await strongroom(...args);
    assert.equal(status, 0, `${args.join(" ")}: ${JSON.stringify(json)}`);
    return json;
  }

  /** A request, made by this command and approved by two. */
  async function approved(...args: readonly string[]): Promise<string> {
    const id = String((await done(...args))["request"]);
    await Promise.all(["amy", "bob"].map((name) => done("approve", id, "--key", name, "--yes")));
    return id;
  }

  /** Sends a request that the chain does not take, and gives the rates that it offers there. */
  async function stuck(id: string): Promise<{ most: bigint; tip: bigint }> {
    let said: unknown;
    for (let tries = 0; tries < TRIES; tries++) {
      const { status, json } = await strongroom("send", id, "--within", "1s");
      said = json;
      assert.equal(status, 3, JSON.stringify(json));
      const found = json["code"] === "NOT_MINED" ? await node("eth_getTransactionByHash", json["field"]) : null;
      if (found === null) continue;
      const { maxFeePerGas: most = 0, maxPriorityFeePerGas: tip = 0 } = found as { [name: string]: string };
      return { most: BigInt(most), tip: BigInt(tip) };
    }
    throw new Error(`it is not on its way: ${JSON.stringify(said)}`);
  }

  /** Mines one block; of several versions of a transaction the newest must be in it. */
  async function minedAs(winner: string, ...losers: readonly string[]): Promise<void> {
    await node("evm_mine");
    const { block } = await done("send", winner);
    for (const { status, json } of await Promise.all(losers.map((loser) => strongroom("send", loser)))) {
      assert.deepEqual([status, json["code"]], [3, "OTHER_MINED"], JSON.stringify(json));
    }
    const listed = (await done("requests"))["requests"] as { id: string; state: string }[];
    const [mined, other] = states({ request: winner, block });
    for (const { id, state } of listed) {
      if (id === winner) assert.equal(state, mined);
      if (losers.includes(id)) assert.equal(state, other);
    }
  }
  return { byHand, received, done, approved, stuck, minedAs };
}

/** Tests it. */
export function testStuck(way: Way): void {
  const { strongroom } = way;
  const { byHand, received, done, approved, stuck, minedAs } = handsOn(way);

  test("a stuck payment is paid again with higher fees, once", async (t) => {
    await byHand(t);
    const had = await received();
    const first = await approved("pay", "0.1", "eth", ...PAY);
    const slow = await stuck(first);
    const other = await strongroom("pay", "0.2", "eth", "--replaces", first.slice(0, 12), "--key", "tom", "--yes");
    assert.deepEqual([other.status, other.json["code"], other.json["field"]], [1, "REPLACES_MISMATCH", "AMOUNT"]);
    const cheap = await strongroom("pay", "--replaces", first, "--fee", "0.000000000001", "--key", "tom", "--yes");
    assert.deepEqual([cheap.status, cheap.json["code"]], [1, "FEE_TOO_LOW"]);
    const second = await approved("pay", "--replaces", first.slice(0, 12), "--key", "tom", "--yes");
    const fast = await stuck(second);
    assert.ok(fast.most * 8n >= slow.most * 9n && fast.tip * 8n >= slow.tip * 9n, `${fast.most} ${slow.most}`);
    await minedAs(second, first);
    assert.equal((await received()) - had, 10n ** 17n);
  });

  test("a stuck payment is cancelled, whichever version the request names", async (t) => {
    await byHand(t);
    const had = await received();
    const first = await approved("pay", "0.1", "eth", ...PAY);
    await stuck(first);
    const second = await approved("pay", "--replaces", first, "--key", "tom", "--yes");
    const fast = await stuck(second);
    const cancel = await approved("cancel", first, "--key", "tina", "--purpose", "wrong month", "--yes");
    const last = await stuck(cancel);
    assert.ok(last.most * 8n >= fast.most * 9n && last.tip * 8n >= fast.tip * 9n, `${last.most} ${fast.most}`);
    const revived = await strongroom("pay", "--replaces", cancel, "--key", "tom", "--yes");
    assert.deepEqual([revived.status, revived.json["code"]], [1, "REPLACES_MISMATCH"]);
    await minedAs(cancel, first, second);
    assert.equal(await received(), had);
    const late = await strongroom("cancel", first, "--key", "tom", "--yes");
    assert.deepEqual([late.status, late.json["code"]], [1, "NOT_REPLACEABLE"]);
    const unsigned = String((await done("pay", "0.1", "eth", ...PAY))["request"]);
    const early = await strongroom("cancel", unsigned, "--key", "tom", "--yes");
    assert.deepEqual([early.status, early.json["code"]], [1, "NOT_REPLACEABLE"]);
  });
}
