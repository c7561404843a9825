/** Facts that a rule demands go with `send`; wallets are opened and entries retired. No chain is needed for any of it. */

import assert from "node:assert/strict";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { NOTHING, OPEN } from "@strongroom/core/rulebook/open";
import { Fact } from "@strongroom/core/signed/fact";
import { encode, type Kind } from "@strongroom/core/signed/object";
import { signObject } from "@strongroom/sdk/device/signer";
import { writeConfig } from "../../cli/src/config.ts";
import { CHAIN } from "../../cli/src/demo/anvil.ts";
import { ensureKeys, holdCeremony, type Keys, openKeys } from "../../cli/src/demo/ceremony.ts";
import { ensureVault, launchVault, type Running, socketPath } from "../../cli/src/demo/vault.ts";
import { createKey } from "../../cli/src/device/keyFile.ts";
import { ask, type Json, makeFolder, waitForNone } from "./command.ts";
import { writePapers } from "./papers.ts";

const ADDRESS = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65";
const place = await makeFolder();
const home = join(place.folder, "home");
let vault: Running | null = null;
let deployment = "";
before(async () => {
  await ensureVault(home);
  vault = await launchVault(home);
  await writeConfig(home, { socket: socketPath(home), chains: {} });
  const keys = openKeys(home, new Map([...(await ensureKeys(home)), ["kyt", await createKey(home, "kyt")]]));
  await writeScreening(keys, vault.identityKey);
  deployment = await holdCeremony(home, keys, { socket: socketPath(home), vaultKey: vault.identityKey });
});
after(async () => {
  await vault?.child.stop();
  await waitForNone(place.folder);
  await place.remove();
});

/** A ceremony whose rulebook wants a clean screening before an entry is retired. */
async function writeScreening(keys: Keys, vaultKey: string): Promise<void> {
  const { publicKey } = await keys("kyt");
  const source = { id: "kyt", type: "screening", publicKey } as const;
  const facts = [{ type: "screening", sources: ["kyt"], atLeast: 1, maxAgeMs: 60_000 }] as const;
  const screened = { ...OPEN, ...NOTHING, id: "screened", kinds: ["retire"], facts } as const;
  await writePapers(home, { keys, vaultKey }, ({ sources, rules }) => ({
    sources: [...sources, source],
    rules: [...rules, screened],
  }));
}

const strongroom = (...args: readonly string[]) => ask(home, ...args);

/** The answer to a command that must succeed. */
async function done(...args: readonly string[]): Promise<Json> {
  const { status, json } = await strongroom(...args);
  assert.equal(status, 0, `${args.join(" ")}: ${JSON.stringify(json)}`);
  return json;
}

/** A request by tina, which carl has approved. */
async function approved(...args: readonly string[]): Promise<string> {
  const id = String((await done(...args, "--key", "tina", "--yes"))["request"]);
  await done("approve", id, "--key", "carl", "--yes");
  return id;
}

/** A file with what a source says of the address. */
async function factFile(name: string, verdict: "clean" | "adverse", key = "kyt"): Promise<string> {
  const subject = `address:${CHAIN}:${ADDRESS}`;
  const common = { version: 1, deployment: deployment as Fact["deployment"], source: "kyt", subject, at: Date.now() };
  const fact = encode(Fact, { ...common, type: "screening", verdict });
  const path = join(place.folder, name);
  await writeFile(path, await signObject(Fact as Kind<unknown>, fact, [await openKeys(home)(key)]));
  return path;
}

test("a wallet is requested, opened and shown; its name is taken then", async () => {
  const unknown = await strongroom("wallet", "show", "acme-1");
  assert.deepEqual([unknown.status, unknown.json["code"]], [1, "WALLET_UNKNOWN"]);
  const id = await approved("wallet", "new", "acme-1", "--class", "cold", "--client", "acme", "--chain", String(CHAIN));
  const opened = await done("send", id);
  const shown = await done("wallet", "show", "acme-1");
  assert.deepEqual([shown["class"], shown["client"], shown["path"]], ["cold", "acme", "m/44'/60'/0'"]);
  assert.equal(shown["publicKey"], opened["publicKey"]);
  assert.equal((await done("address", "acme-1"))["client"], "acme");
  const again = await strongroom("wallet", "new", "acme-1", "--class", "hot", "--key", "tina", "--yes");
  assert.deepEqual([again.status, again.json["code"]], [1, "WALLET_EXISTS"]);
  const nowhere = await strongroom("wallet", "new", "acme-2", "--class", "hot", "--chain", "1", "--key", "tina", "--yes");
  assert.deepEqual([nowhere.status, nowhere.json["code"]], [2, "USAGE"]);
  const odd = await strongroom("wallet", "new", "acme-2", "--class", "lukewarm", "--key", "tina", "--yes");
  assert.deepEqual([odd.status, odd.json["field"]], [2, "class"]);
});

test("an entry is retired once its facts are attached, and cannot be named any more", async () => {
  const words = ["--address", ADDRESS, "--class", "exchange", "--party", "New Exchange"];
  await done("send", await approved("entry", "new", "newex", ...words));
  const id = await approved("entry", "retire", "newex", "--purpose", "contract ended");
  const bare = await strongroom("send", id);
  assert.deepEqual([bare.status, bare.json["code"]], [1, "FACT_MISSING"]);
  const forged = await strongroom("send", id, "--fact", await factFile("forged.fact", "clean", "finality-a"));
  assert.deepEqual([forged.status, forged.json["code"]], [1, "SIGNATURE_INVALID"]);
  await writeFile(join(place.folder, "no.fact"), "clean");
  for (const name of ["no.fact", "none.fact"]) {
    const unfit = await strongroom("send", id, "--fact", join(place.folder, name));
    assert.deepEqual([unfit.status, unfit.json["code"]], [3, "FILE_UNFIT"]);
  }
  const twice = await factFile("clean.fact", "clean");
  const both = await strongroom("send", id, "--fact", twice, "--fact", twice);
  assert.deepEqual([both.status, both.json["code"]], [1, "FACT_SUPERSEDED"]);
  await done("send", id, "--fact", twice);
  const gone = await strongroom("entry", "retire", "newex", "--key", "tina", "--yes");
  assert.deepEqual([gone.status, gone.json["code"]], [1, "ENTRY_UNKNOWN"]);
});
