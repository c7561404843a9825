/** A demonstration that stays: what it tells people to type works through its server, and what is refused is refused with
 *  its code. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { readFile, stat } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { caller } from "../world/chain.ts";
import { ask, type Json, makeFolder, type Running, startUp, waitForNone } from "./command.ts";
import { demandExplained } from "./explain.ts";
import { testStuck } from "./stuck.ts";

const place = await makeFolder();
const home = join(place.folder, "home");
let up: Running;
before(async () => {
  up = await startUp(home);
});
after(async () => {
  await up.end("SIGKILL");
  await waitForNone(place.folder, 20_000);
  await place.remove();
});

const strongroom = (...args: readonly string[]) => ask(home, ...args);

/** The answer to a command that must succeed. */
async function done(...args: readonly string[]): Promise<Json> {
  const { status, json } = await strongroom(...args);
  assert.equal(status, 0, `${args.join(" ")}: ${JSON.stringify(json)}`);
  return json;
}

/** A request for a payment, approved by these persons. */
async function requested(amount: string, ...approvers: readonly string[]): Promise<string> {
  const id = String((await done("pay", ...amount.split(" "), ...PAY))["request"]);
  await Promise.all(approvers.map((name) => done("approve", id.slice(0, 12), "--key", name, "--yes")));
  return id;
}
const PAY = ["--from", "treasury", "--to", "northwind", "--key", "tom", "--yes"];

/** What the institution has available of an asset, in base units of 10^-18. */
async function available(asset: string): Promise<bigint> {
  const balances = (await done("balance"))["balances"] as { type: string; asset: string; available: string }[];
  const text = balances.find((one) => one.type === "house" && one.asset === asset)?.available ?? "0";
  const [whole = "0", part = ""] = text.split(".");
  return BigInt(whole + part.padEnd(18, "0"));
}

test("a stranger pays: request, two approvals, the server carries it out; waiting again pays nothing more", async () => {
  const before = await available("eth");
  const id = await requested("0.1 eth", "amy");
  const early = await strongroom("send", id);
  assert.deepEqual([early.status, early.json["code"]], [1, "QUORUM_MISSING"]);
  await done("approve", id, "--key", "bob", "--yes");
  const sent = await done("send", id);
  assert.equal((await done("send", id))["transaction"], sent["transaction"]);
  const spent = before - (await available("eth"));
  assert.ok(spent >= 10n ** 17n && spent < 101n * 10n ** 15n, String(spent));
  const shown = await done("requests", id.slice(0, 12));
  assert.deepEqual([shown["state"], shown["signedBy"]], ["consumed", ["tom", "amy", "bob"]]);
});

test("what no rule allows is refused with its code, and a rejected request is never carried out", async () => {
  const outside = await done("pay", "1", "usdx", "--from", "treasury", "--to", "paper-wallet", "--key", "tom", "--yes");
  assert.match(String(outside["against"]), /no rule allows this pay/);
  const refused = String(outside["request"]);
  for (const name of ["amy", "bob"]) await done("approve", refused, "--key", name, "--yes");
  const { status, json } = await strongroom("send", refused);
  assert.deepEqual([status, json["code"], typeof json["next"]], [1, "NOT_ALLOWED", "string"]);
  const id = await requested("0.1 eth", "amy");
  await done("reject", id, "--key", "carl", "--yes");
  const late = await strongroom("approve", id, "--key", "bob", "--yes");
  assert.deepEqual([late.status, late.json["code"]], [1, "STATE_CONFLICT"]);
  assert.equal((await strongroom("send", id)).json["code"], "INTENT_REJECTED");
});

test("what stands between a request and its execution is explained", async () => {
  await demandExplained({ home, folder: place.folder, id: await requested("0.1 eth", "amy") });
});

test("what could never be carried out is said before anybody signs", async () => {
  for (const [code, words] of [
    ["FUNDS_SHORT", "1000 eth --to northwind --key tom"],
    ["FUNDS_SHORT", "1000000 usdx --to northwind --key tom"],
    ["FUNDS_SHORT", "1 eth --to northwind --key tom --client acme"],
    ["FEES_RISEN", "0.1 eth --to northwind --key tom --fee 0"],
    ["FEE_TOO_HIGH", "0.1 eth --to northwind --key tom --fee 1"],
    ["FORBIDDEN", "0.1 eth --to northwind --key finality-a"],
    ["ENTRY_UNKNOWN", "0.1 eth --to nobody --key tom"],
  ] as const) {
    const { json } = await strongroom("pay", ...words.split(" "), "--from", "treasury", "--yes");
    assert.equal(json["code"], code, `${words}: ${JSON.stringify(json)}`);
  }
});

test("an officer freezes, nobody pays, a quorum lifts it after the delay, and what waited goes on", async () => {
  const frozen = await done("freeze", "institution", "--key", "olga", "--yes");
  const id = await requested("0.1 eth", "amy", "bob");
  assert.equal((await strongroom("send", id)).json["code"], "FROZEN");
  assert.equal(((await done("status"))["freezes"] as unknown[]).length, 1);
  const lifting = await done("unfreeze", String(frozen["freeze"]).slice(0, 12), "--key", "ada", "--yes");
  const request = String(lifting["request"]);
  for (const name of ["cleo", "otto"]) await done("approve", request, "--key", name, "--yes");
  await done("send", request, "--wait");
  await done("send", id);
  const kinds = ((await done("events"))["events"] as { type: string }[]).map(({ type }) => type);
  assert.ok(kinds.includes("freeze.set") && kinds.includes("freeze.lifted"), kinds.join(" "));
});

test("a wallet, an entry and an address of a client come through the server", async () => {
  const words = ["--address", "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65", "--class", "exchange", "--party", "New Exchange"];
  for (const made of [
    ["wallet", "new", "ops-2", "--class", "warm"],
    ["entry", "new", "newex", ...words],
    ["entry", "retire", "newex"],
  ]) {
    const id = String((await done(...made, "--key", "tina", "--yes"))["request"]);
    await done("approve", id, "--key", "carl", "--yes");
    assert.equal((await done("send", id))["carriedOut"], true);
  }
  const opened = await done("address", "ops-2");
  assert.deepEqual([opened["wallet"], opened["index"]], ["ops-2", 0]);
  await done("address", "treasury", "1", "--client", "acme");
  const listed = await done("api", "addresses.list", "wallet=treasury", "client=acme");
  assert.equal((listed["answer"] as { items: unknown[] }).items.length, 1);
});

test("every endpoint is called by the table, and a user gets a token that only he has", async () => {
  const { endpoints } = (await done("api")) as { endpoints: { name: string }[] };
  assert.ok(endpoints.length > 50);
  const added = await done("api", "clients.create", "name=basil", "label=Basil AG", "unit=bank");
  assert.equal((added["answer"] as { name: string }).name, "basil");
  const all = (await done("api", "clients.list", "limit=1", "--all"))["answer"] as { name: string }[];
  assert.deepEqual(
    all.map(({ name }) => name),
    ["acme", "basil"],
  );
  for (const [words, field] of [
    ["clients.crate", "NAME"],
    ["clients.create name=basil", "label"],
    ["clients.create nam=basil", "nam"],
    ["tokens.create name=tom label=x lifeSeconds=soon", "hash"],
    ["users.list role=king", "role"],
  ] as const) {
    const { status, json } = await strongroom("api", ...words.split(" "));
    assert.deepEqual([status, json["code"], json["field"]], [2, "USAGE", field], words);
  }
  const user = await done("user", "add", "carol", "--role", "auditor");
  assert.equal((await stat(String(user["token"]))).mode & 0o777, 0o600);
  assert.equal(((await done("api", "me.get", "--as", "carol"))["answer"] as { name: string }).name, "carol");
  const forbidden = await strongroom("api", "clients.create", "name=x", "label=x", "unit=bank", "--as", "carol");
  assert.deepEqual([forbidden.status, forbidden.json["code"]], [1, "FORBIDDEN"]);
  assert.equal((await done("health"))["well"], true);
});

test("what was signed can be sent by anybody's program: curl makes, approves and reads a payment", async () => {
  const { server } = JSON.parse(await readFile(join(home, "config.json"), "utf8")) as { server: string };
  const curl = (user: string, path: string, body?: string) => {
    const token = join(home, "tokens", `${user}.token`);
    const sending =
      body === undefined ? "" : `-H 'Content-Type: application/json' -H "Idempotency-Key: $RANDOM$RANDOM$RANDOM" -d @'${body}'`;
    const line = `curl -s ${sending} -H "Authorization: Bearer $(cat '${token}')" ${server}/v1/${path}`;
    return JSON.parse(execFileSync("bash", ["-c", line], { encoding: "utf8" })) as Json;
  };
  const file = join(place.folder, "body.json");
  await done("pay", "0.05", "eth", ...PAY, "--out", file);
  const made = curl("tom", "requests", file);
  for (const name of ["amy", "bob"]) {
    await done("approve", String(made["id"]), "--key", name, "--yes", "--out", file);
    curl(name, `requests/${made["id"]}/decisions`, file);
  }
  await done("send", String(made["id"]));
  assert.equal(curl("amy", `requests/${made["id"]}`)["state"], "consumed");
});

testStuck({
  strongroom,
  async node(method, ...params) {
    const { chains } = JSON.parse(await readFile(join(home, "config.json"), "utf8")) as { chains: { [id: string]: string } };
    return caller(chains["31337"] ?? "")(method, ...params);
  },
  states: () => ["consumed", "consumed"],
});

test("after all of this nothing stays set aside", async () => {
  const balances = (await done("balance"))["balances"] as { asset: string; held: string; incoming: string }[];
  for (const { asset, held, incoming } of balances) assert.deepEqual([held, incoming], ["0", "0"], asset);
  assert.equal((await done("health"))["well"], true);
});
