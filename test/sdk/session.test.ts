/** A session with the production judgement in memory, and what a hostile carrier or vault can do to it: it raises, each time.
 *  */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../core/src/bytes.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { SdkFault } from "../../sdk/src/faults.ts";
import { keptBook, keptOf, openSession, shortMemory, VaultRefused } from "../../sdk/src/vault/session.ts";
import { attestedAddress, destinationOf, fetchEntry, fetchWallet } from "../../sdk/src/vault/show.ts";
import { openAttestation, openWallet } from "../../sdk/src/verify/attestation.ts";
import { someHash } from "../world/keys.ts";
import { foundedVault, MemoryVault, must } from "../world/vault.ts";
import { command, KEYS, makeWorld, nextRulebook, signValue } from "../world/world.ts";
import { type Carrier, wireTo } from "./wire.ts";

const open = (vault: MemoryVault, it: { pin?: string; memory?: ReturnType<typeof shortMemory>; carrier?: Carrier } = {}) =>
  openSession({
    wire: wireTo(vault, it.carrier),
    memory: it.memory ?? shortMemory(),
    pin: (it.pin ?? vault.state.deployment) as ReturnType<typeof someHash>,
  });

test("a session knows the pinned vault, its rulebook and its head, and keeps them", async () => {
  const { vault, made } = foundedVault();
  const memory = shortMemory();
  await assert.rejects(keptOf(memory, made.deployment), { code: "MEMORY_UNFIT" });
  const session = await open(vault, { memory });
  assert.deepEqual([session.genesis.institution, session.vault], [made.genesis.institution, made.vault]);
  assert.deepEqual([session.book().id, session.head().head.seq], [made.book.id, vault.state.seq]);
  const known = await keptOf(memory, made.deployment);
  assert.deepEqual([known.vault, known.book().id, known.head().head], [made.vault, made.book.id, session.head().head]);
  assert.equal((await open(vault, { memory })).book().id, made.book.id);
  await memory.write("rulebook", Uint8Array.of(1));
  await assert.rejects(keptBook(memory), { code: "MEMORY_UNFIT" });
});

test("a refusal of the vault comes with the receipt that proves it", async () => {
  const session = await open(foundedVault().vault);
  await assert.rejects(session.demand({ command: "show", what: "wallet", name: "none" }), (error) => {
    assert.ok(error instanceof VaultRefused);
    return error.receipt.code === "WALLET_UNKNOWN";
  });
});

test("another deployment, an unfounded vault and somebody else's signature are alarms", async () => {
  const { vault } = foundedVault();
  await assert.rejects(open(vault, { pin: someHash("another deployment") }), { code: "GENESIS_FOREIGN" });
  await assert.rejects(open(new MemoryVault(), { pin: someHash("any") }), { code: "GENESIS_FOREIGN" });
  await assert.rejects(open(vault, { carrier: { signer: KEYS.mallory } }), (error) => {
    assert.ok(error instanceof SdkFault && error.alarm);
    return error.code === "RECEIPT_FORGED";
  });
});

test("an older answer, a changed one, and one of another boot are alarms", async () => {
  const { vault } = foundedVault();
  const replies: Uint8Array[] = [];
  const repeating = (reply: Uint8Array) => {
    replies.push(reply);
    return replies[2] ?? reply;
  };
  const session = await open(vault, { carrier: { change: repeating } });
  await assert.rejects(session.ask({ command: "head" }), { code: "RECEIPT_FORGED" });
  const flipping = (reply: Uint8Array) => reply.with(reply.length - 1, (reply.at(-1) ?? 0) ^ 1);
  await assert.rejects(open(vault, { carrier: { change: flipping } }), { code: "RECEIPT_FORGED" });
  const calm = await open(vault);
  vault.restart();
  await assert.rejects(calm.ask({ command: "head" }), { code: "RECEIPT_FORGED" });
});

test("a vault whose disk was put back is found out by what the device has kept, and so within a session", async () => {
  const { vault, made } = foundedVault();
  const old = vault.state;
  const memory = shortMemory();
  const session = await open(vault, { memory });
  must(vault.send(command({ command: "address", wallet: "treasury", index: 1 })));
  await session.refresh();
  vault.state = old;
  await assert.rejects(session.ask({ command: "head" }), { code: "VAULT_ROLLED_BACK" });
  await assert.rejects(open(vault, { memory }), { code: "VAULT_ROLLED_BACK" });
  // A vault that has met such a witness stops for good, and says so to everybody.
  await assert.rejects(open(vault, { pin: made.deployment }), { code: "VAULT_ROLLED_BACK" });
});

test("a new rulebook is followed from the one that is known", async () => {
  const { vault, made } = foundedVault();
  const memory = shortMemory();
  const session = await open(vault, { memory });
  const { rules } = made.book.document;
  const deny = { ...rules[rules.length - 1], id: "no-warm", effect: "deny", wallets: ["warm"] } as (typeof rules)[number];
  const next = nextRulebook(made.book, { rules: [...rules, deny] });
  const rulebook = signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  must(vault.send(command({ command: "rulebook", rulebook, approvals: [] })));
  await session.refresh();
  assert.equal(session.book().document.epoch, 2);
  assert.equal((await keptBook(memory))?.document.epoch, 2);
});

test("wallets, addresses and entries are those that were asked for", async () => {
  const { vault, made } = foundedVault();
  const session = await open(vault);
  assert.equal((await fetchWallet(session, "treasury")).wallet, "treasury");
  const { address, index } = await attestedAddress(session, "treasury", 0);
  assert.deepEqual([address.slice(0, 2), index], ["0x", 0]);
  const { entry, hash } = await fetchEntry(session, "acme");
  assert.deepEqual(await destinationOf(session, "acme"), { entry: "acme", hash, address: entry.address });
  const asked = { deployment: made.deployment, demand: () => session.demand({ command: "show", what: "entry", name: "zoe" }) };
  await assert.rejects(fetchEntry(asked, "acme"), { code: "RECEIPT_FORGED" });
  await assert.rejects(fetchWallet(asked, "treasury"), { code: "RECEIPT_FORGED" });
});

test("a wallet and its address are verified later from what the server has kept", async () => {
  const { vault, made } = foundedVault();
  const kept: Record<string, Uint8Array> = {};
  const change: Carrier["change"] = (reply, { command: name }) => {
    kept[name] = reply;
    return reply;
  };
  const session = await open(vault, { carrier: { change } });
  const attestation = await session.demand({ command: "address", wallet: "treasury", index: 0 });
  await fetchWallet(session, "treasury");
  const expected = { vaultKey: toHex(KEYS.vault.publicKey), deployment: made.deployment };
  const receipt = kept["show"] ?? new Uint8Array();
  const wallet = openWallet(receipt, "treasury", expected);
  assert.equal(openAttestation(attestation, { wallet, index: 0, expected }).wallet, "treasury");
  assert.throws(() => openAttestation(attestation, { wallet, index: 1, expected }), { code: "ATTESTATION_WRONG" });
  assert.throws(() => openWallet(receipt, "other", expected), { code: "RECEIPT_FORGED" });
  assert.throws(() => openWallet(kept["head"] ?? receipt, "treasury", expected), { code: "RECEIPT_FORGED" });
  const other = { ...expected, deployment: makeWorld({ genesis: { institution: "Other" } }).deployment };
  assert.throws(() => openWallet(receipt, "treasury", other), { code: "RECEIPT_FORGED" });
});
