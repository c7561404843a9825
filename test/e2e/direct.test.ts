/** Straight to the vault, without a server: people pay with files that they hand to one another, and what is refused is
 *  refused with its code. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ask, makeFolder, waitForNone } from "./command.ts";
import { type Direct, startDirect } from "./direct.ts";
import { demandExplained } from "./explain.ts";

const place = await makeFolder();
const home = join(place.folder, "home");
let direct: Direct;
before(async () => {
  direct = await startDirect(home);
});
after(async () => {
  await direct.end();
  await waitForNone(place.folder);
  await place.remove();
});

const strongroom = (...args: readonly string[]) => ask(home, ...args);

/** A request for a payment, approved by these persons. */
async function requested(amount: string, ...approvers: readonly string[]): Promise<string> {
  const { status, json } = await strongroom("pay", ...amount.split(" "), ...PAY);
  assert.equal(status, 0, JSON.stringify(json));
  const id = String(json["request"]);
  for (const name of approvers) {
    const approved = await strongroom("approve", id.slice(0, 12), "--key", name, "--yes");
    assert.equal(approved.status, 0, JSON.stringify(approved.json));
  }
  return id;
}
const PAY = ["--from", "treasury", "--to", "northwind", "--key", "tom", "--yes"];

test("a stranger pays: request, two approvals, send; sending again pays nothing more", async () => {
  const before = await strongroom("address", "treasury", "--balance");
  const id = await requested("0.1 eth", "amy");
  const early = await strongroom("send", id);
  assert.deepEqual([early.status, early.json["code"]], [1, "QUORUM_MISSING"]);
  assert.equal((await strongroom("approve", id, "--key", "bob", "--yes")).status, 0);
  // The destination is new, and what is new cools off first.
  const sent = await strongroom("send", id, "--wait");
  assert.equal(sent.status, 0, JSON.stringify(sent.json));
  const again = await strongroom("send", id);
  assert.deepEqual([again.status, again.json["transaction"]], [0, sent.json["transaction"]]);
  const now = await strongroom("address", "treasury", "--balance");
  const eth = ({ json }: typeof now) => Number((json["balances"] as { eth: string }).eth);
  const spent = eth(before) - eth(now);
  assert.ok(spent >= 0.1 && spent < 0.101, String(spent));
});

test("a token is paid the same way, and what no rule allows is refused with its code", async () => {
  const id = await requested("12.5 usdx", "carl", "bob");
  assert.equal((await strongroom("send", id)).status, 0);
  const outside = await strongroom("pay", "1", "usdx", "--from", "treasury", "--to", "paper-wallet", "--key", "tom", "--yes");
  const refused = String(outside.json["request"]);
  assert.match(String(outside.json["against"]), /no rule allows this pay/);
  for (const name of ["amy", "bob"]) await strongroom("approve", refused, "--key", name, "--yes");
  const { status, json } = await strongroom("send", refused);
  assert.deepEqual([status, json["code"], typeof json["next"]], [1, "NOT_ALLOWED", "string"]);
});

test("what stands between a request and its execution is explained", async () => {
  await demandExplained({ home, folder: place.folder, id: await requested("0.1 eth", "amy") });
});

test("what could never be carried out is said before anybody signs", async () => {
  for (const [code, words] of [
    ["FUNDS_SHORT", "1000 eth --to northwind --key tom"],
    ["FUNDS_SHORT", "1000000 usdx --to northwind --key tom"],
    ["FEES_RISEN", "0.1 eth --to northwind --key tom --fee 0"],
    ["FEE_TOO_HIGH", "0.1 eth --to northwind --key tom --fee 1"],
    ["KEY_UNKNOWN", "0.1 eth --to northwind --key finality-a"],
    ["ENTRY_UNKNOWN", "0.1 eth --to nobody --key tom"],
  ] as const) {
    const { json } = await strongroom("pay", ...words.split(" "), "--from", "treasury", "--yes");
    assert.equal(json["code"], code, `${words}: ${JSON.stringify(json)}`);
  }
});

test("a rejected request is never carried out", async () => {
  const id = await requested("0.1 eth", "amy", "bob");
  assert.equal((await strongroom("reject", id, "--key", "carl", "--yes")).status, 0);
  const { status, json } = await strongroom("send", id);
  assert.deepEqual([status, json["code"]], [1, "INTENT_REJECTED"]);
});

test("an officer freezes, nobody pays, a quorum lifts it after the delay", async () => {
  const id = await requested("0.1 eth", "amy", "bob");
  const frozen = await strongroom("freeze", "institution", "--key", "olga", "--yes");
  assert.equal(frozen.status, 0, JSON.stringify(frozen.json));
  assert.equal((await strongroom("send", id)).json["code"], "FROZEN");
  const status = await strongroom("status");
  assert.equal((status.json["freezes"] as unknown[]).length, 1);
  const lifting = await strongroom("unfreeze", String(frozen.json["freeze"]).slice(0, 12), "--key", "ada", "--yes");
  const request = String(lifting.json["request"]);
  for (const name of ["cleo", "otto"]) await strongroom("approve", request, "--key", name, "--yes");
  const soon = await strongroom("send", request);
  assert.deepEqual([soon.status, soon.json["code"]], [3, "DELAY"]);
  assert.equal((await strongroom("send", request, "--wait")).status, 0);
  assert.equal((await strongroom("send", id)).status, 0);
});

test("an address-book entry is requested, approved and paid", async () => {
  const address = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65";
  const words = ["--address", address, "--class", "exchange", "--party", "New Exchange", "--key", "tina", "--yes"];
  const asked = await strongroom("entry", "new", "newex", ...words);
  const id = String(asked.json["request"]);
  await strongroom("approve", id, "--key", "carl", "--yes");
  assert.equal((await strongroom("send", id)).status, 0);
  const payment = await strongroom("pay", "1", "usdx", "--from", "treasury", "--to", "newex", "--key", "tina", "--yes");
  assert.match(String(payment.json["text"]), new RegExp(address));
});
