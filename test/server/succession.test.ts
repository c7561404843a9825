/** The server's link to a vault that has handed over, and to its successor: real processes on real files. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { fromHex, toHex } from "../../core/src/bytes.ts";
import { keyId } from "../../core/src/keys/id.ts";
import { Attestation } from "../../core/src/signed/attestation.ts";
import { Head } from "../../core/src/signed/head.ts";
import { decode, Signed } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { openVaultLink } from "../../server/src/vault/link.ts";
import { openSigned } from "../../server/src/vault/signed.ts";
import { inherit, makeHeir } from "../../vault/src/host/ceremony/inherit.ts";
import { mind } from "../../vault/src/mind.ts";
import { PASSPHRASE, startVault, stopVault } from "../kill/process.ts";
import { type Standing, standVault } from "../world/standing.ts";
import * as world from "../world/world.ts";

const { KEYS } = world;
const work = { memoryKiB: 19 * 1024, passes: 1, lanes: 1 };

let old: Standing;
before(async () => {
  const { governance } = world.demoRulebook();
  old = await standVault({ rulebook: { governance: { ...governance, delayMs: 1 } } });
});
after(() => old.clean());

const opened = (data: string) => ({ data, passphrase: Buffer.from(PASSPHRASE) });

/** Hands over to the vault with this identity key. */
async function handOver(key: string): Promise<void> {
  const { book } = old.made;
  const headNow = async () => decode(Head, decode(Signed, (await old.ask({ command: "head" })).body).body);
  const { head, vault } = await headNow();
  const next = world.nextRulebook(book, { vault: keyId("ed25519", fromHex(key)), handover: { vault, head } });
  const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  assert.equal((await old.ask({ command: "rulebook", rulebook, approvals: [] })).code, "OK");
  await sleep(20);
  const now = await headNow();
  const ground = { book, head: now.head, boot: now.boot, notAfter: Date.now() + world.MINUTE };
  const seen = world.approveRulebook(ground, next, { key: KEYS.cleo, decision: "seen" });
  assert.equal((await old.ask({ command: "rulebook", rulebook, approvals: [seen] })).code, "OK");
}

test("the server follows the rulebook to the successor, and knows what the vault before has signed", async () => {
  const data = join(old.folder, "vault", "data");
  const heir = join(old.folder, "heir", "data");
  const { deployment } = old.made;
  const first = openVaultLink({ socket: old.socket, pin: deployment, viewMs: 0 });
  const before = await first.view();
  const { signedHead } = before;
  const key = await makeHeir(opened(heir), opened(data), work);
  await handOver(key);
  await assert.rejects(first.view(), { code: "VAULT_UNREACHABLE" }, "a retired vault is not the one");
  first.close();
  await old.kill();
  await inherit(opened(heir), opened(data), mind);
  const running = startVault("run", heir);
  await running.ready;
  const link = openVaultLink({ socket: running.socket, pin: deployment });
  const view = await link.view();
  assert.deepEqual([toHex(view.vaultKey), view.line.map((one) => toHex(one))], [key, [toHex(before.vaultKey), key]]);
  assert.equal(openSigned(Head, signedHead, view.line)?.vault, before.vault, "what the vault before has signed");
  assert.equal(openSigned(Head, signedHead, [view.vaultKey]), null);
  assert.equal(openSigned(Attestation, signedHead, view.line), null, "of that kind only");
  assert.equal(openSigned(Head, world.signValue(Head, view.head, KEYS.mallory), view.line), null);
  link.close();
  assert.equal((await stopVault(running)).code, 0);
});
