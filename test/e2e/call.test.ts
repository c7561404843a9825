/** Calls of a real contract on a real chain, by the command: what the rules allow runs and is seen there, what they do not
 *  allow is never signed. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fromHex } from "@strongroom/core/bytes";
import { addressText } from "@strongroom/core/chain/evm/decode";
import { evm } from "@strongroom/core/chain/evm/evm";
import { NOTHING, OPEN } from "@strongroom/core/rulebook/open";
import { deploy } from "../world/chain.ts";
import { ask, type Json, makeFolder, waitForNone } from "./command.ts";
import { type Direct, startDirect } from "./direct.ts";
import { writePapers } from "./papers.ts";

const NOTE = "note(string,uint256[])";
const FAIL = "fail(uint256)";
const APPROVE = "approve(address,uint256)";

const place = await makeFolder();
const home = join(place.folder, "home");
let direct: Direct;
let contract = "";
before(async () => {
  direct = await startDirect(home, (keys, vaultKey) =>
    writePapers(home, { keys, vaultKey }, ({ rules }) => ({
      rules: [
        ...rules,
        { ...OPEN, id: "calls", effect: "allow", kinds: ["call"], destinations: ["register"], initiators: ["traders"] },
        { ...OPEN, ...NOTHING, id: "two-for-calls", kinds: ["call"], quorum: { type: "group", group: "approvers", count: 2 } },
      ],
    })),
  );
  const rpc = direct.node.rpc as Parameters<typeof deploy>[0];
  contract = addressText(fromHex((await deploy(rpc, { name: "Register", byHand: false })).slice(2)));
});
after(async () => {
  await direct.end();
  await waitForNone(place.folder);
  await place.remove();
});

const strongroom = (...args: readonly string[]) => ask(home, ...args);

/** The answer to a command that must succeed. */
async function done(...args: readonly string[]): Promise<Json> {
  const { status, json } = await strongroom(...args);
  assert.equal(status, 0, `${args.join(" ")}: ${JSON.stringify(json)}`);
  return json;
}

/** A request that the two have approved. */
async function approved(by: readonly string[], ...args: readonly string[]): Promise<string> {
  const id = String((await done(...args, "--yes"))["request"]);
  for (const name of by) await done("approve", id, "--key", name, "--yes");
  return id;
}
const FROM = ["--from", "treasury", "--key", "tom"];

test("a contract is entered with what may be called", async () => {
  const words = ["--address", contract, "--class", "contract", "--party", "Register", "--key", "tina"];
  const odd = await strongroom("entry", "new", "register", ...words, "--method", "note(string)x", "--yes");
  assert.equal(odd.json["code"], "CALL_INVALID");
  const methods = ["--method-with-value", NOTE, "--method", FAIL, "--method", APPROVE];
  await done("send", await approved(["carl"], "entry", "new", "register", ...words, ...methods));
});

test("an allowed call is carried out: its event, its state and the value are on the chain", async () => {
  const { address } = await done("address", "treasury");
  const id = await approved(["amy", "bob"], "call", "register", NOTE, 'a "note"', '["40","2"]', "--value", "0.5", ...FROM);
  const { transaction } = await done("send", id);
  const receipt = (await direct.node.rpc("eth_getTransactionReceipt", transaction)) as {
    logs: { address: string; topics: string[]; data: string }[];
  };
  const [log] = receipt.logs;
  assert.equal(log?.address, contract.toLowerCase());
  assert.equal(log?.topics[0]?.slice(0, 10), `0x${evm.selector("Noted(address,string,uint256,uint256)")}`);
  assert.ok(log?.data.includes(Buffer.from('a "note"').toString("hex")));
  const of = String(address).slice(2).toLowerCase().padStart(64, "0");
  const data = `0x${evm.selector("sumOf(address)")}${of}`;
  const sum = await direct.node.rpc("eth_call", { to: contract, data }, "latest");
  assert.equal(BigInt(String(sum)), 42n);
  assert.equal(BigInt(String(await direct.node.rpc("eth_getBalance", contract, "latest"))), 25n * 10n ** 16n);
});

test("what the rules or the entry do not allow is never signed", async () => {
  const early = await approved(["amy"], "call", "register", NOTE, "x", "[]", ...FROM);
  assert.equal((await strongroom("send", early)).json["code"], "QUORUM_MISSING");
  const spender = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8";
  const dangerous = await approved(["amy", "bob"], "call", "register", APPROVE, spender, "1", "--fee", "0.01", ...FROM);
  const { status, json } = await strongroom("send", dangerous);
  assert.deepEqual([status, json["code"]], [1, "NOT_ALLOWED"]);
  const shown = await strongroom("requests", dangerous);
  assert.ok(!JSON.stringify(shown.json).includes('"transaction"'));
});

test("what could never be called is said before anybody signs", async () => {
  for (const [code, ...words] of [
    ["METHOD_UNKNOWN", "register", "burn(uint256)", "1"],
    ["CALL_INVALID", "register", "note(string,uint[])", "x", "[]"],
    ["USAGE", "register", NOTE, "x"],
    ["USAGE", "register", NOTE, "x", "7"],
    ["USAGE", "register", NOTE, "x", '["7.5"]'],
    ["CALL_INVALID", "register", NOTE, "x", `["${2n ** 256n}"]`],
    ["ENTRY_MISMATCH", "register", FAIL, "1", "--value", "1"],
    ["ENTRY_UNKNOWN", "nobody", FAIL, "1"],
    ["USAGE", "register"],
  ] as const) {
    const { status, json } = await strongroom("call", ...words, ...FROM, "--fee", "0.01", "--yes");
    assert.ok(status !== 0);
    assert.equal(json["code"], code, `${words.join(" ")}: ${JSON.stringify(json)}`);
  }
});

test("a call that waits is replaced by the same call, or cancelled", async () => {
  await direct.node.rpc("evm_setAutomine", false);
  const first = await approved(["amy", "bob"], "call", "register", NOTE, "waits", '["1"]', "--value", "0.1", ...FROM);
  const waits = await strongroom("send", first, "--within", "1s");
  assert.equal(waits.json["code"], "NOT_MINED", JSON.stringify(waits.json));
  const odd = await strongroom("pay", "--replaces", first, "--key", "tom", "--yes");
  assert.equal(odd.json["code"], "REPLACES_MISMATCH");
  const second = await approved(["amy", "bob"], "call", "--replaces", first, "--key", "tom");
  await strongroom("send", second, "--within", "1s");
  await direct.node.rpc("evm_setAutomine", true);
  await direct.node.rpc("evm_mine");
  const sent = await done("send", second);
  assert.match(String(sent["transaction"]), /^0x[0-9a-f]{64}$/);
});
