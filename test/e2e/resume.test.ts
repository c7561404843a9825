/** A demonstration that is ended, killed and started again: it resumes, and leaves no process behind. */
import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { ask, makeFolder, processesOf, type Running, run, startUp, waitForNone } from "./command.ts";

const place = await makeFolder();
const home = join(place.folder, "home");
let up: Running;
before(async () => {
  up = await startUp(home);
});
after(async () => {
  await up.end("SIGKILL");
  await waitForNone(place.folder, 15_000);
  await place.remove();
});

const strongroom = (...args: readonly string[]) => ask(home, ...args);

/** A request for a payment, approved by these persons. */
async function requested(amount: string, ...approvers: readonly string[]): Promise<string> {
  const { status, json } = await strongroom("pay", ...amount.split(" "), ...PAY);
  assert.equal(status, 0, JSON.stringify(json));
  const id = String(json["request"]);
  await Promise.all(approvers.map((name) => approved(id, name)));
  return id;
}
async function approved(id: string, name: string): Promise<void> {
  const { status, json } = await strongroom("approve", id.slice(0, 12), "--key", name, "--yes");
  assert.equal(status, 0, JSON.stringify(json));
}
const PAY = ["--from", "treasury", "--to", "northwind", "--key", "tom", "--yes"];

test("rulebook: shown, linted, tightened at once, weakened only later", async () => {
  const shown = await strongroom("rulebook", "show");
  const book = shown.json["rulebook"] as { epoch: number; limits: { most: string }[] };
  const path = join(place.folder, "next.json");
  const propose = async (limit: string, base: string, epoch: number) => {
    const limits = book.limits.map((item, at) => (at === 0 ? { ...item, most: limit } : item));
    await writeFile(path, JSON.stringify({ ...book, base, epoch, limits }));
    return strongroom("rulebook", "propose", path, "--key", "ada", "--key", "ben", "--yes");
  };
  await writeFile(path, JSON.stringify(book));
  const linted = await strongroom("rulebook", "lint", path);
  assert.deepEqual([linted.status, linted.json["warnings"]], [0, []]);
  const tightened = await propose("4000000000000000000", String(shown.json["id"]), 2);
  assert.deepEqual([tightened.status, tightened.json["adopted"]], [0, true], JSON.stringify(tightened.json));
  const weakened = await propose("9000000000000000000", String(tightened.json["id"]), 3);
  assert.deepEqual([weakened.status, weakened.json["adopted"]], [0, false], JSON.stringify(weakened.json));
  await writeFile(path, JSON.stringify({ ...book, limits: book.limits.map((limit) => ({ ...limit, assets: ["gold"] })) }));
  assert.equal((await strongroom("rulebook", "lint", path)).json["code"], "RULEBOOK_INVALID");
});

test("status, journal and requests are told; a second start in the same folder is refused", async () => {
  const status = await strongroom("status");
  assert.equal(status.status, 0);
  const verified = await strongroom("journal", "verify");
  assert.deepEqual([verified.status, Number(verified.json["records"]) > 20], [0, true], JSON.stringify(verified.json));
  assert.ok(((await strongroom("requests")).json["requests"] as unknown[]).length >= 8);
  const second = await run(["up", "--home", home]);
  assert.equal(second.status, 3);
  assert.match(second.stderr, /ALREADY_RUNNING/);
});

/** What a client has, which no start changes. */
function client({ json }: Awaited<ReturnType<typeof strongroom>>): unknown {
  const balances = json["balances"] as { type: string; posted: string }[];
  return balances.find(({ type }) => type === "client")?.posted;
}

test("Ctrl-C ends everything, and the next start resumes the same deployment with its chain and its books", async () => {
  const [before, books] = [await strongroom("status"), await strongroom("balance")];
  const stale = await requested("0.1 eth", "amy");
  assert.equal(await up.end("SIGINT"), 0);
  assert.deepEqual(await waitForNone(place.folder, 15_000), []);
  up = await startUp(home);
  assert.match(up.output(), /continues the head seen last/);
  const now = await strongroom("status");
  assert.equal(now.json["deployment"], before.json["deployment"]);
  assert.equal(client(await strongroom("balance")), client(books));
  // approvals of the boot before do not count any more, and renewing them does
  await approved(stale, "bob");
  assert.equal((await strongroom("send", stale)).json["code"], "INITIATOR_MISSING");
  await Promise.all(["tom", "carl"].map((name) => approved(stale, name)));
  assert.equal((await strongroom("send", stale)).status, 0);
});

test("killed outright it leaves no process, and it resumes", async () => {
  assert.ok((await processesOf(place.folder)).length >= 6);
  await up.end("SIGKILL");
  assert.deepEqual(await waitForNone(place.folder, 15_000), []);
  up = await startUp(home);
  assert.match(up.output(), /books equal the chain/);
  assert.equal((await strongroom("status")).status, 0);
});
