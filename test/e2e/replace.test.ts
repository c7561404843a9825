/** Straight to the vault: payments that the chain does not take; one is paid with higher fees, another is cancelled; each
 *  place is used once. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ask, type Json, makeFolder, waitForNone } from "./command.ts";
import { type Direct, startDirect } from "./direct.ts";

const NORTHWIND = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
const PAY = ["--from", "treasury", "--to", "northwind", "--key", "tom", "--yes"];
const place = await makeFolder();
const home = join(place.folder, "home");
let direct: Direct;
before(async () => {
  direct = await startDirect(home);
  await node("evm_setAutomine", false);
});
after(async () => {
  await direct.end();
  await waitForNone(place.folder);
  await place.remove();
});

const strongroom = (...args: readonly string[]) => ask(home, ...args);

const node = (method: string, ...params: readonly unknown[]) => direct.node.rpc(method, ...params);
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
  const { status, json } = await strongroom("send", id, "--within", "1s");
  assert.deepEqual([status, json["code"]], [3, "NOT_MINED"], JSON.stringify(json));
  const found = (await node("eth_getTransactionByHash", json["field"])) as { [name: string]: string };
  return { most: BigInt(found["maxFeePerGas"] ?? 0), tip: BigInt(found["maxPriorityFeePerGas"] ?? 0) };
}

/** Mines one block; of several versions of a transaction the newest must be in it. */
async function minedAs(winner: string, ...losers: readonly string[]): Promise<void> {
  await node("evm_mine");
  const sent = await done("send", winner);
  for (const { status, json } of await Promise.all(losers.map((loser) => strongroom("send", loser)))) {
    assert.deepEqual([status, json["code"]], [3, "OTHER_MINED"], JSON.stringify(json));
  }
  const states = (await done("requests"))["requests"] as { id: string; state: string }[];
  const state = (id: string) => states.find((row) => row.id === id)?.state;
  assert.equal(state(winner), `mined in block ${sent["block"]}`);
  for (const loser of losers) assert.equal(state(loser), `never mined: ${winner.slice(0, 12)} took its place`);
}

test("a stuck payment is paid again with higher fees, once", async () => {
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

test("a stuck payment is cancelled, whichever version the request names", async () => {
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
