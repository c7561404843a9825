/** Sources as processes of their own: each states what its own node shows, once, whatever happens to it or to the node. */
import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { appendFile, cp, mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import process from "node:process";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Front, startProxy } from "../world/chain.ts";
import { ask, type Json, MAIN, makeFolder, processesOf, type Running, startUp, waitForNone } from "./command.ts";

const place = await makeFolder();
const home = join(place.folder, "home");
let up: Running;
let node: Front;
const sources: Source[] = [];
before(async () => {
  up = await startUp(home);
  const { chains } = JSON.parse(await readFile(join(home, "config.json"), "utf8")) as { chains: Record<string, string> };
  node = await startProxy(chains["31337"] ?? "");
  for (const pid of await pidsOf("finality-")) process.kill(pid, "SIGSTOP");
});
after(async () => {
  for (const source of sources) source.child.kill("SIGKILL");
  await node.stop();
  for (const pid of await pidsOf("finality-")) process.kill(pid, "SIGCONT");
  await up.end("SIGKILL");
  await waitForNone(place.folder, 15_000);
  await place.remove();
});

async function pidsOf(text: string): Promise<number[]> {
  const found = (await processesOf(place.folder)).filter((line) => line.includes("source --name"));
  return found.filter((line) => line.includes(text)).map((line) => Number(line.split(" ")[0]));
}

type Source = { readonly child: ChildProcess; readonly stated: () => readonly Json[]; readonly errors: () => string };

/** A source with a folder of its own, as it has on a machine of its own. */
async function startSource(name: string, nodes: readonly string[], policy = 3): Promise<Source> {
  const own = join(place.folder, name);
  await mkdir(own, { recursive: true });
  for (const file of ["config.json", "genesis.pin", "keys"]) await cp(join(home, file), join(own, file), { recursive: true });
  const token = join(home, "tokens", `${name}.token`);
  const words = ["source", "--name", name, "--home", own, "--token-file", token, "--policy", String(policy), "--json"];
  const args = [MAIN, ...words, ...nodes.flatMap((url) => ["--node", url])];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "pipe"] });
  let [out, errors] = ["", ""];
  child.stdout.on("data", (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on("data", (chunk: Buffer) => {
    errors += chunk.toString();
  });
  const lines = () => out.split("\n").flatMap((line) => (line === "" ? [] : [JSON.parse(line) as Json]));
  const source = { child, stated: () => lines().filter(({ event }) => event === "stated"), errors: () => errors };
  sources.push(source);
  await until("the source is ready", async () => lines().some(({ event }) => event === "ready"));
  return source;
}

async function until(what: string, look: () => Promise<boolean>): Promise<void> {
  for (const since = Date.now(); Date.now() - since < 30_000; await sleep(50)) if (await look()) return;
  assert.fail(`it did not happen: ${what}`);
}

async function end(source: Source): Promise<void> {
  const closed = once(source.child, "close");
  source.child.kill("SIGTERM");
  assert.equal((await closed)[0], 0, source.errors());
}

/** A payment that is settled by the server's policy; gives its subject. */
async function paid(): Promise<string> {
  const words = ["--from", "treasury", "--to", "northwind", "--key", "tom", "--yes"];
  const id = String((await ask(home, "pay", "0.01", "eth", ...words)).json["request"]);
  for (const name of ["amy", "bob"]) await ask(home, "approve", id, "--key", name, "--yes");
  const sent = await ask(home, "send", id);
  assert.equal(sent.status, 0, JSON.stringify(sent.json));
  return `transaction:31337:${sent.json["transaction"]}`;
}

const live = async () => Number((await ask(home, "status")).json["live"]);
const about = (source: Source, subject: string) => source.stated().filter((line) => line["subject"] === subject);
/** So many looks of the source at its node. */
async function looks(count: number): Promise<void> {
  const before = node.asked.get("eth_getTransactionReceipt") ?? 0;
  await until("the source looks", async () => (node.asked.get("eth_getTransactionReceipt") ?? 0) >= before + count);
}

test("a node that lags, or does not have it, makes its source say nothing, whatever the server says", async () => {
  const subject = await paid();
  const { result: head } = await rpc("eth_blockNumber");
  node.faults = { lie: ({ method }, result) => (method === "eth_blockNumber" ? head : result) };
  const source = await startSource("finality-a", [node.url], 4);
  await looks(3);
  assert.deepEqual(about(source, subject), []);
  node.faults = { lie: ({ method }, result) => (method === "eth_getTransactionReceipt" ? null : result) };
  await rpc("anvil_mine", "0x8", "0x1");
  await looks(3);
  assert.deepEqual(about(source, subject), []);
  node.faults = {};
  await until("it is stated", async () => about(source, subject).length === 1);
  assert.equal(about(source, subject)[0]?.["says"], "succeeded");
  await end(source);
});

test("after a restart, even one with a torn line, nothing is stated twice; two sources end it in the vault", async () => {
  const first = await paid();
  await appendFile(join(place.folder, "finality-a", "sources", "finality-a.jsonl"), '{"subject":"transaction:31337:0x');
  const again = await startSource("finality-a", [node.url]);
  await rpc("anvil_mine", "0x4", "0x1");
  await until("the new one is stated", async () => about(again, first).length === 1);
  assert.deepEqual(
    again.stated().map(({ subject }) => subject),
    [first],
  );
  assert.ok((await live()) > 0);
  const other = await startSource("finality-b", [node.url, node.target]);
  await until("both have stated it", async () => about(other, first).length === 1);
  await until("the vault has heard it", async () => (await live()) === 0);
  await Promise.all([end(again), end(other)]);
});

test("a source does not begin with a key that is not its own, and waits for a node that is down", async () => {
  const key = join(home, "keys", "tom.pem");
  const token = join(home, "tokens", "finality-a.token");
  const words = ["source", "--name", "finality-a", "--key", key, "--token-file", token, "--node", node.url];
  const wrong = await ask(home, ...words);
  assert.deepEqual([wrong.status, wrong.json["code"], wrong.json["field"]], [2, "USAGE", "key"]);
  node.faults = { drop: true };
  const source = await startSource("finality-b", [node.url]);
  await until("it says what is down", async () => source.errors().includes("CHAIN_UNREACHABLE"));
  node.faults = {};
  await end(source);
});

async function rpc(method: string, ...params: readonly unknown[]): Promise<{ result: unknown }> {
  const body = JSON.stringify({ jsonrpc: "2.0", id: 1, method, params });
  const answer = await fetch(node.target, { method: "POST", headers: { "content-type": "application/json" }, body });
  return (await answer.json()) as { result: unknown };
}
