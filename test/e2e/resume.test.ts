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

test("rulebook: shown, linted, tightened at once, weakened only later", async () => {
  const shown = await strongroom("rulebook", "show");
  const book = shown.json["rulebook"] as { epoch: number; limits: { amount: string }[] };
  const path = join(place.folder, "next.json");
  const propose = async (limit: string, base: string, epoch: number) => {
    const limits = book.limits.map((item, at) => (at === 0 ? { ...item, amount: limit } : item));
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
  await writeFile(path, JSON.stringify({ ...book, limits: book.limits.map((limit) => ({ ...limit, asset: "gold" })) }));
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

test("Ctrl-C ends everything, and the next start resumes the same deployment with its chain", async () => {
  const before = await strongroom("status");
  const stale = await requested("0.1 eth", "amy", "bob");
  assert.equal(await up.end("SIGINT"), 0);
  assert.deepEqual(await waitForNone(place.folder), []);
  up = await startUp(home);
  assert.match(up.output(), /continues the head seen last/);
  const now = await strongroom("status");
  assert.equal(now.json["deployment"], before.json["deployment"]);
  // approvals of the boot before do not count any more, and renewing them does; bob's old one spoils nothing
  assert.equal((await strongroom("send", stale)).json["code"], "BOOT_STALE");
  for (const name of ["tom", "amy", "carl"]) await strongroom("approve", stale, "--key", name, "--yes");
  assert.equal((await strongroom("send", stale)).status, 0);
});

test("killed outright it leaves no process, and it resumes", async () => {
  assert.ok((await processesOf(place.folder)).length >= 3);
  await up.end("SIGKILL");
  assert.deepEqual(await waitForNone(place.folder), []);
  up = await startUp(home);
  assert.match(up.output(), /ETH payment requested/);
  assert.equal((await strongroom("status")).status, 0);
});
