/** A successor is killed at every call that changes the disk while it takes over the journal: afterwards it has none, or all of
 *  it, and a second attempt ends with all. */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { fromHex, type Hash } from "../../core/src/bytes.ts";
import { keyId } from "../../core/src/keys/id.ts";
import type { Command } from "../../core/src/protocol/command.ts";
import { Head } from "../../core/src/signed/head.ts";
import { decode, Signed } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { initialise, verifyData } from "../../vault/src/host/boot.ts";
import { makeHeir } from "../../vault/src/host/ceremony/inherit.ts";
import { mind } from "../../vault/src/mind.ts";
import * as world from "../world/world.ts";
import { openClient, PASSPHRASE, startVault, stopVault } from "./process.ts";
import { callsOf } from "./rounds.ts";

const { KEYS } = world;
const work = { memoryKiB: 19 * 1024, passes: 1, lanes: 1 };
const opened = (data: string) => ({ data, passphrase: Buffer.from(PASSPHRASE) });

let folder = "";
let end: { readonly seq: number; readonly head: Hash };
const old = () => join(folder, "old", "data");
const model = () => join(folder, "model", "data");
const secret = () => join(folder, "passphrase");

before(async () => {
  folder = await fs.mkdtemp(join(tmpdir(), "inherit "));
  await fs.writeFile(secret(), PASSPHRASE, { mode: 0o600 });
  const vaultKey = fromHex(await initialise(old(), Buffer.from(PASSPHRASE), work));
  const key = await makeHeir(opened(model()), opened(old()), work);
  const { governance } = world.demoRulebook();
  const made = world.makeWorld({ vaultKey, rulebook: { governance: { ...governance, delayMs: 1 } } });
  const running = startVault("run", old());
  await running.ready;
  const client = await openClient(running.socket, vaultKey);
  const ask = async (command: Parameters<typeof world.command>[0]) => {
    const receipt = await client.call(world.command(command) as Command);
    assert.equal(receipt.code, "OK", receipt.detail);
    return receipt;
  };
  const headNow = async () => decode(Head, decode(Signed, (await ask({ command: "head" })).body).body);
  await ask({ command: "found", genesis: made.signedGenesis, rulebook: made.signedRulebook });
  const { head, vault } = await headNow();
  const next = world.nextRulebook(made.book, { vault: keyId("ed25519", fromHex(key)), handover: { vault, head } });
  const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  await ask({ command: "rulebook", rulebook, approvals: [] });
  await new Promise((resolve) => setTimeout(resolve, 20));
  const now = await headNow();
  const ground = { book: made.book, head: now.head, boot: now.boot, notAfter: Date.now() + world.MINUTE };
  const seen = world.approveRulebook(ground, next, { key: KEYS.cleo, decision: "seen" });
  const { head: last } = await ask({ command: "rulebook", rulebook, approvals: [seen] });
  end = { seq: last.seq, head: last.hash };
  client.close();
  await stopVault(running);
});
after(() => fs.rm(folder, { recursive: true }));

const from = (command: readonly string[]) => [...command, "--from", old(), "--from-passphrase-file", secret()];

/** How many records the successor has, null without a journal. */
async function recordsOf(data: string): Promise<number | null> {
  const names = await fs.readdir(data);
  if (!names.includes("journal")) return null;
  const { state, suspicion } = await verifyData(data, Buffer.from(PASSPHRASE), mind);
  assert.deepEqual([suspicion, mind.isHeir(state), state.head], [null, true, end.head]);
  return state.seq;
}

async function round(step: string): Promise<void> {
  const data = join(folder, step, "data");
  await fs.cp(model(), data, { recursive: true });
  const dying = startVault("inherit", data, step, from);
  const { signal, words: why, steps } = await dying.ended;
  assert.equal(signal, "SIGKILL", `${step} was never reached after ${steps.length}: ${why}`);
  const found = await recordsOf(data);
  assert.ok(found === null || found === end.seq);
  const { code, event, words } = await startVault("inherit", data, null, from).ended;
  assert.deepEqual([code, event.code ?? event.event], found === null ? [0, "inherited"] : [73, "DATA_EXISTS"], words);
  assert.equal(await recordsOf(data), end.seq);
  await fs.rm(join(data, ".."), { recursive: true });
}

test("killed at every step of a take-over, the successor has no journal or all of it", async (t) => {
  const data = join(folder, "whole", "data");
  await fs.cp(model(), data, { recursive: true });
  const { steps, code, words } = await startVault("inherit", data, "", from).ended;
  assert.equal(code, 0, words);
  assert.equal(await recordsOf(data), end.seq);
  const calls = callsOf(steps);
  const rounds = [...calls.map((_, at) => `before ${at + 1}`), `after ${calls.length}`];
  // One after the other: each takes the fence of the same old vault.
  for (const step of rounds) await round(step);
  t.diagnostic(calls.map(({ name, file }, at) => `${at + 1} ${name} ${file}`).join(", "));
  t.diagnostic(`count: kills: ${rounds.length} kills, ${calls.length} steps of a take-over`);
});
