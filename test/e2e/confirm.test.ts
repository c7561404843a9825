/** Administrators confirm a start of the vault with the command, together or one after the other; a suspected vault acts again
 *  after it. */
import assert from "node:assert/strict";
import { readFile, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { writeConfig } from "../../cli/src/config.ts";
import { ensureKeys, holdCeremony, openKeys } from "../../cli/src/demo/ceremony.ts";
import type { Child } from "../../cli/src/demo/child.ts";
import { startDatabase, startServer } from "../../cli/src/demo/server.ts";
import { ensureVault, launchVault, socketPath } from "../../cli/src/demo/vault.ts";
import { readPin } from "../../cli/src/device/trust.ts";
import { ask, makeFolder, run, waitForNone } from "./command.ts";

const place = await makeFolder();
const home = join(place.folder, "home");
let vault: Awaited<ReturnType<typeof launchVault>>;
before(async () => {
  await ensureVault(home);
  vault = await launchVault(home);
  const socket = socketPath(home);
  await writeConfig(home, { socket, chains: {} });
  await holdCeremony(home, openKeys(home, await ensureKeys(home)), { socket, vaultKey: vault.identityKey });
});
after(async () => {
  await vault.child.stop();
  await waitForNone(place.folder);
  await place.remove();
});

const strongroom = (...args: readonly string[]) => ask(home, ...args);
type Start = { readonly number: number; readonly suspicion?: string; readonly confirmed: boolean };

async function startNow(): Promise<Start> {
  const { status, json } = await strongroom("status");
  assert.equal(status, 0, JSON.stringify(json));
  return json["start"] as Start;
}

async function restart(between: () => Promise<void> = async () => undefined): Promise<void> {
  await vault.child.stop();
  await between();
  vault = await launchVault(home);
}

test("two administrators confirm a start, one after the other", async () => {
  await restart();
  assert.deepEqual(await startNow(), { ...(await startNow()), number: 2, confirmed: false });
  const alone = await strongroom("vault", "confirm", "--key", "ada", "--yes");
  assert.deepEqual([alone.status, alone.json["code"]], [1, "GOVERNANCE_MISSING"]);
  assert.equal((await strongroom("vault", "confirm", "--yes")).json["code"], "USAGE");
  const file = join(home, "ada.confirm");
  const both = await strongroom("vault", "confirm", "--key", "ada", "--key", "ben", "--out", file, "--yes");
  assert.equal(both.json["code"], "USAGE");
  const written = await strongroom("vault", "confirm", "--key", "ada", "--out", file, "--yes");
  assert.deepEqual([written.status, written.json["written"]], [0, file]);
  assert.ok((await readFile(file)).length > 0);
  const shown = await run(["vault", "confirm", "--key", "ben", "--with", file, "--yes", "--home", home]);
  assert.equal(shown.status, 0, shown.stderr);
  assert.match(shown.stderr, /START OF THE VAULT[\s\S]*start +number 2[\s\S]*suspected +no/);
  assert.match(shown.stdout, /start 2 is confirmed: what was approved before it counts again/);
  assert.equal((await startNow()).confirmed, true);
});

test("through a server each sends his own word, and the last of them confirms the start", async () => {
  const socket = socketPath(home);
  const children: Child[] = [];
  try {
    await startDatabase(home, children);
    const pin = (await readPin(home)) ?? assert.fail("nothing is pinned");
    const { child, url } = await startServer({ home, deployment: pin, socket, node: "http://127.0.0.1:9", port: 0 });
    children.push(child);
    await restart();
    await writeConfig(home, { server: url, socket, chains: {} });
    const first = await run(["vault", "confirm", "--key", "ben", "--yes", "--home", home]);
    assert.equal(first.status, 0, first.stderr);
    assert.match(first.stdout, /start 3 waits for 1 more of 2 administrators: vault confirm --key NAME/);
    assert.equal((await startNow()).confirmed, false);
    const second = await strongroom("vault", "confirm", "--key", "cleo", "--yes");
    assert.deepEqual([second.status, second.json["confirmed"]], [0, true], JSON.stringify(second.json));
    assert.equal((await startNow()).confirmed, true);
  } finally {
    await writeConfig(home, { socket, chains: {} });
    for (const child of children.reverse()) await child.stop();
  }
});

test("a vault without its mark is suspected, says so, and acts again once it is confirmed", async () => {
  await restart(() => rm(join(home, "vault", "data", "journal.mark")));
  assert.equal((await startNow()).suspicion, "unmarked");
  const words = await run(["status", "--home", home]);
  assert.match(words.stdout, /SUSPECTED \(unmarked\): nothing is done until: vault confirm/);
  const refused = await strongroom("address", "treasury", "0");
  assert.notEqual(refused.status, 0);
  const { status, json } = await strongroom("vault", "confirm", "--key", "ada", "--key", "cleo", "--yes");
  assert.deepEqual([status, json["confirmed"], json["suspected"]], [0, true, true]);
  assert.equal((await startNow()).confirmed, true);
  await restart();
  assert.equal((await startNow()).suspicion, undefined);
});
