/** A device and a vault that was repaired, or has handed over: it goes on only on the administrators' signatures. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../core/src/bytes.ts";
import { openRecord } from "../../core/src/journal/record.ts";
import { GivenUpBody, StatusBody } from "../../core/src/protocol/command.ts";
import type { Book } from "../../core/src/rulebook/book.ts";
import { Head, Start } from "../../core/src/signed/head.ts";
import { decode, encode, Signed } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { keptBook, openSession, shortMemory } from "../../sdk/src/vault/session.ts";
import { demandGivenUp, showStart } from "../../sdk/src/verify/start.ts";
import { repaired } from "../../vault/src/decide/govern/start.ts";
import { apply } from "../../vault/src/state/apply.ts";
import { emptyState } from "../../vault/src/state/state.ts";
import { type Device, device, someHash } from "../world/keys.ts";
import { foundedVault, MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { wireTo } from "./wire.ts";

const { KEYS, DAY } = world;
const HEIR = device("heir");

type At = { readonly memory: ReturnType<typeof shortMemory>; readonly signer?: Device; readonly lossy?: boolean };

const open = (vault: MemoryVault, { memory, signer = KEYS.vault, lossy = false }: At) =>
  openSession({ wire: wireTo(vault, { signer }), memory, pin: vault.state.deployment as typeof world.ZERO, lossy });

/** A vault with this identity on the first records of a journal. */
function on({ journal, now }: MemoryVault, identity: Device, length = journal.length): MemoryVault {
  const records = journal.slice(0, length);
  const vault = new MemoryVault(records.map(openRecord).reduce(apply, emptyState(toHex(identity.publicKey))), now);
  vault.journal.unshift(...records);
  return vault;
}

/** A vault that was repaired after it had lost what the device has seen. */
async function repairedVault() {
  const { vault, made } = foundedVault();
  const length = vault.journal.length;
  const memory = shortMemory();
  must(vault.send(world.command({ command: "address", wallet: "treasury", index: 1 })));
  const session = await open(vault, { memory });
  const seen = session.head();
  const old = on(vault, KEYS.vault, length);
  const record = repaired(old.now, { why: "JOURNAL_CORRUPT", segments: 1, bytes: 1, tail: someHash("tail") });
  old.journal.push(record.bytes);
  old.state = apply(old.state, record);
  old.restart();
  return { old, made, memory, seen };
}

test("a device that has seen what a repair has lost goes on once the administrators have given it up", async () => {
  const { old, memory, seen } = await repairedVault();
  await assert.rejects(open(old, { memory }), { code: "VAULT_ROLLED_BACK" });
  const session = await open(old, { memory, lossy: true });
  assert.deepEqual(headIn(await memory.read("head")).head, seen.head, "nothing is kept meanwhile");
  const { start } = decode(StatusBody, await session.demand({ command: "status" }));
  const about = { deployment: session.deployment, vault: session.vault, book: session.book() };
  const shown = showStart(start as Uint8Array, about);
  assert.match(shown.text, /START OF THE VAULT[\s\S]*repaired by hand[\s\S]*given up/);
  must(old.confirm());
  const after = await open(old, { memory });
  assert.equal(after.head().head.seq, old.state.seq);
  assert.deepEqual(headIn(await memory.read("head")).head, after.head().head);
  await open(old, { memory });
  assert.throws(() => showStart(start as Uint8Array, { ...about, vault: HEIR.id }), { code: "RECEIPT_FORGED" });
  assert.throws(() => showStart(Uint8Array.of(1), about), { code: "RECEIPT_FORGED" });
});

/** The head in a signed envelope. */
function headIn(signed: Uint8Array | null): Head {
  assert.ok(signed);
  return decode(Head, decode(Signed, signed).body);
}

test("a device takes nothing for given up that its administrators have not signed", async () => {
  const { old, made, seen } = await repairedVault();
  const witness = world.command({ command: "witness", head: world.signValue(Head, seen, KEYS.vault) });
  assert.equal(old.send(witness).code, "HEAD_LOST");
  must(old.confirm());
  const body = decode(GivenUpBody, must(old.send(witness)).body);
  const about = { deployment: made.deployment, vault: made.vault, book: made.book };
  const bytes = (change: Partial<GivenUpBody> = {}) => encode(GivenUpBody, { ...body, ...change });
  demandGivenUp(bytes(), seen, about);
  const ground = old.ground();
  const words = (...by: Device[]) => by.map((key) => world.approveStart(ground, old.start(), { key }));
  const [ada] = body.approvals as [Uint8Array];
  const other = world.approveStart(ground, { ...old.start(), number: 1 }, { key: KEYS.ben });
  const alarms: Record<string, Uint8Array> = {
    "by one": bytes({ approvals: [ada] }),
    "by one, twice": bytes({ approvals: [ada, ada] }),
    "by others": bytes({ approvals: words(KEYS.amy, KEYS.bob, KEYS.olga) }),
    "by a stranger": bytes({ approvals: [ada, ...words(KEYS.mallory)] }),
    "of another start": bytes({ approvals: [ada, other] }),
    "with another decision": bytes({
      approvals: [ada, world.approveStart(ground, old.start(), { key: KEYS.ben, change: { decision: "seen" } })],
    }),
  };
  for (const [how, given] of Object.entries(alarms)) {
    assert.throws(() => demandGivenUp(given, seen, about), { code: "VAULT_ROLLED_BACK" }, how);
  }
  const later = { ...seen, head: { ...seen.head, seq: seen.head.seq + 1 } };
  assert.throws(() => demandGivenUp(bytes(), later, about), { code: "VAULT_ROLLED_BACK" }, "a later record");
  assert.throws(() => demandGivenUp(bytes(), { ...seen, boot: someHash("other") }, about), { code: "VAULT_ROLLED_BACK" });
  const { lost: _, ...whole } = old.start();
  const nothing = bytes({ start: encode(Start, whole) });
  assert.throws(() => demandGivenUp(nothing, seen, about), { code: "VAULT_ROLLED_BACK" }, "a start that lost nothing");
  assert.throws(() => demandGivenUp(Uint8Array.of(0), seen, about), { code: "RECEIPT_FORGED" });
});

/** Hands over to `HEIR`. */
function handOver(vault: MemoryVault): Rulebook {
  const { seq, head: hash, vault: from, book } = vault.state;
  const next = world.nextRulebook(book as Book, { vault: HEIR.id, handover: { vault: from, head: { seq, hash } } });
  const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  must(vault.send(world.command({ command: "rulebook", rulebook, approvals: [] })));
  vault.wait(DAY);
  const seen = world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "seen" });
  must(vault.send(world.command({ command: "rulebook", rulebook, approvals: [seen] })));
  return next;
}

test("a device follows the rulebook to the successor, and takes no other vault from then on", async () => {
  const { vault } = foundedVault();
  const before = vault.journal.length;
  const [memory, late] = [shortMemory(), shortMemory()];
  await open(vault, { memory });
  await open(vault, { memory: late });
  handOver(vault);
  const heir = on(vault, HEIR);
  const session = await open(heir, { memory, signer: HEIR });
  assert.deepEqual([session.vault, session.vaultKey, session.book().document.epoch], [HEIR.id, toHex(HEIR.publicKey), 2]);
  await session.refresh();
  await open(heir, { memory, signer: HEIR });
  await assert.rejects(open(vault, { memory }), { code: "VAULT_INACTIVE" }, "it has met the successor");
  const old = on(vault, KEYS.vault, before);
  await assert.rejects(open(old, { memory }), { code: "VAULT_INACTIVE" }, "a twin that was put back");
  await assert.rejects(open(vault, { memory: late }), { code: "VAULT_INACTIVE" }, "a retired vault says who follows");
  assert.equal((await keptBook(late))?.document.epoch, 2);
  await open(heir, { memory: late, signer: HEIR });
});

test("a head that the retired vault has written since keeps no device from its successor; one from before does", async () => {
  const { vault } = foundedVault();
  const memory = shortMemory();
  await open(vault, { memory });
  handOver(vault);
  const heir = on(vault, HEIR);
  await assert.rejects(open(vault, { memory }), { code: "VAULT_INACTIVE" });
  vault.boot();
  const { body } = must(vault.send(world.command({ command: "head" })));
  await memory.write("head", world.sign(Head, body, KEYS.vault));
  await open(heir, { memory, signer: HEIR });
  const head = { ...decode(Head, body), rulebook: someHash("before"), epoch: 1 };
  await memory.write("head", world.signValue(Head, head, KEYS.vault));
  await assert.rejects(open(heir, { memory, signer: HEIR }), { code: "VAULT_ROLLED_BACK" });
});

test("a vault that nobody has named is no successor", async () => {
  const { vault } = foundedVault();
  const poser = on(vault, KEYS.mallory);
  poser.state = { ...poser.state, line: [...poser.state.line, toHex(KEYS.mallory.publicKey)] };
  await assert.rejects(open(poser, { memory: shortMemory(), signer: KEYS.mallory }), { code: "VAULT_INACTIVE" });
});
