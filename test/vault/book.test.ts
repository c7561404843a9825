/** Wallets, addresses and the address book; registrations and rejections. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { RefusalCode } from "../../core/src/errors.ts";
import { DelayBody, WalletBody } from "../../core/src/protocol/command.ts";
import { Attestation } from "../../core/src/signed/attestation.ts";
import type { Entry } from "../../core/src/signed/entry.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { decode, encode } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import {
  MAX_ADDRESSES,
  MAX_ENTRIES,
  MAX_REGISTERED,
  MAX_REGISTERED_EACH,
  MAX_REJECTED,
  MAX_REJECTED_EACH,
  MAX_WALLETS,
  TICK_MS,
} from "../../vault/src/limits.ts";
import { set } from "../../vault/src/state/map.ts";
import type { AccountKey, KeyFault } from "../../vault/src/types.ts";
import { type Device, someHash } from "../world/keys.ts";
import { TOKEN } from "../world/rulebook.ts";
import { createKey, foundedVault, type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { adopt, bookOf, kinds, payment, refused, register, reject, send, vaultWith } from "./ground.ts";

const { KEYS, NOW } = world;
const FREE = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";

function attest(vault: MemoryVault, wallet: string, index: number) {
  return vault.send(world.command({ command: "address", wallet, index }));
}

test("a wallet waits for its key; who asks again gets the same one", () => {
  const vault = vaultWith();
  const intent = world.wallet(bookOf(vault), { wallet: "second", client: "alice" });
  vault.hold = true;
  assert.equal(vault.run(intent, [KEYS.carl]).detail, "waiting");
  const twin = world.wallet(bookOf(vault), { wallet: "second", reference: "twin" });
  refused(vault, "WALLET_EXISTS", () => vault.run(twin, [KEYS.carl]));
  assert.equal(vault.run(intent, []).detail, "waiting");
  const [first, again] = vault.held.splice(0);
  assert.deepEqual(first, again);
  assert.ok(first !== undefined && "create" in first);
  vault.restart();
  assert.deepEqual(vault.held.splice(0), [first]);
  vault.hold = false;
  const feed = (result: AccountKey | KeyFault) => vault.feed({ now: vault.now, created: first.create.id, result });
  const good = createKey(first.create);
  const fault: KeyFault = { fault: true, code: "KEY_TROUBLE", next: "ask", culprits: [] };
  for (const bad of [
    fault,
    { ...good, publicKey: "zz" },
    { ...good, publicKey: "02" },
    { ...good, chainCode: "AB".repeat(32) },
  ]) {
    const [answer] = feed(bad);
    assert.deepEqual([answer?.to, answer?.code], [first.create.id, "KEYSTORE_FAULT"]);
  }
  vault.hold = true;
  assert.deepEqual(feed({ ...fault, next: "retry" }), []);
  assert.deepEqual(vault.held.splice(0), [first]);
  vault.hold = false;
  const [made] = feed(good);
  assert.ok(made);
  const body = decode(WalletBody, must(made).body);
  assert.deepEqual([body.wallet, body.client, body.path, body.publicKey], ["second", "alice", "m/44'/60'/1'", good.publicKey]);
  assert.deepEqual(feed(good), []);
  assert.deepEqual(must(vault.run(intent, [])).body, made.body);
  refused(vault, "WALLET_EXISTS", () => vault.run(twin, [KEYS.carl]));
});

test("a wallet is opened under the rules, on a chain of the rulebook, while there is room", () => {
  const vault = vaultWith();
  const intent = world.wallet(bookOf(vault), { wallet: "second" });
  refused(vault, "QUORUM_MISSING", () => vault.run(intent, []));
  refused(vault, "NOT_ALLOWED", () => vault.run({ ...intent, initiator: KEYS.tom.id }, [KEYS.carl, KEYS.cleo]));
  const nowhere = world.wallet(bookOf(vault), { wallet: "second", chain: 6 });
  refused(vault, "CHAIN_UNKNOWN", () => vault.send(world.execute([nowhere], [])));
  vault.state = { ...vault.state, accounts: MAX_WALLETS };
  refused(vault, "TABLE_FULL", () => vault.run(intent, [KEYS.carl]));
});

test("an attested address says whose it is, and stays what it is", () => {
  const vault = vaultWith();
  must(vault.run(world.wallet(bookOf(vault), { wallet: "second", client: "alice" }), [KEYS.carl]));
  const first = attest(vault, "second", 7);
  assert.equal(first.object, "attestation");
  const body = decode(Attestation, must(first).body);
  assert.deepEqual([body.client, body.wallet, body.index, body.path], ["alice", "second", 7, "m/44'/60'/1'/0/7"]);
  const length = vault.journal.length;
  assert.deepEqual(attest(vault, "second", 7).body, first.body);
  assert.equal(vault.journal.length, length);
  assert.equal(decode(Attestation, attest(vault, "treasury", 0).body).client, undefined);
  refused(vault, "WALLET_UNKNOWN", () => attest(vault, "nobody", 0));
  vault.state = { ...vault.state, addresses: { ...vault.state.addresses, size: MAX_ADDRESSES } };
  refused(vault, "TABLE_FULL", () => attest(vault, "second", 8));
});

test("no new address is attested on a chain that the rulebook does not know any more", () => {
  const vault = vaultWith();
  const chain = bookOf(vault).document.chains[0] as Rulebook["chains"][number];
  adopt(vault, () => ({
    chains: [{ ...chain, id: 5, native: "five" }],
    assets: [{ id: "five", chain: 5, decimals: 18 }],
    rules: [],
    limits: [],
  }));
  must(attest(vault, "treasury", 0));
  refused(vault, "CHAIN_UNKNOWN", () => attest(vault, "treasury", 1));
});

test("an entry is of this deployment, canonical, new, no token's contract, and own exactly when it is", () => {
  const vault = vaultWith();
  const own = decode(Attestation, attest(vault, "treasury", 0).body).address;
  const cases: readonly [RefusalCode, Partial<Entry>][] = [
    ["WRONG_DEPLOYMENT", { deployment: someHash("other") }],
    ["ADDRESS_INVALID", { address: FREE.toLowerCase() }],
    ["ENTRY_EXISTS", { name: "acme" }],
    ["ENTRY_MISMATCH", { address: TOKEN }],
    ["ENTRY_MISMATCH", { class: "own" }],
    ["ENTRY_MISMATCH", { class: "own", own: { wallet: "treasury", index: 0 } }],
    ["ENTRY_MISMATCH", { own: { wallet: "treasury", index: 0 } }],
    ["ENTRY_MISMATCH", { address: own }],
    ["ENTRY_MISMATCH", { address: own, class: "own", own: { wallet: "treasury", index: 1 } }],
    ["ENTRY_MISMATCH", { address: own, class: "own", own: { wallet: "other", index: 0 } }],
    ["ENTRY_MISMATCH", { address: own, class: "own" }],
  ];
  const enter = (change: Partial<Entry>) => {
    const entry = world.entryOf(bookOf(vault), { name: "new", address: FREE, ...change });
    return () => vault.run(world.enter(bookOf(vault), entry, { reference: "new" }), [KEYS.carl]);
  };
  for (const [code, change] of cases) refused(vault, code, enter(change));
  const nowhere = world.enter(bookOf(vault), world.entryOf(bookOf(vault), { name: "new", address: FREE, chain: 6 }));
  refused(vault, "CHAIN_UNKNOWN", () => vault.send(world.execute([nowhere], [])));
  const broken = { ...nowhere, entry: Uint8Array.of(1) };
  refused(vault, "MALFORMED", () => vault.send(world.execute([broken], [])));
  must(enter({ address: own, class: "own", own: { wallet: "treasury", index: 0 } })());
  vault.state = { ...vault.state, entries: { ...vault.state.entries, size: MAX_ENTRIES } };
  const other = world.enter(bookOf(vault), world.entryOf(bookOf(vault), { name: "other", address: FREE }));
  refused(vault, "TABLE_FULL", () => vault.run(other, [KEYS.carl]));
});

test("an entry that was retired is paid no more, and may come again as another one", () => {
  const { vault } = foundedVault();
  const acme = world.acme(bookOf(vault));
  refused(vault, "ENTRY_MISMATCH", () => vault.run(world.retire(bookOf(vault), acme, { hash: someHash("x") }), [KEYS.carl]));
  const retire = world.retire(bookOf(vault), acme);
  must(vault.run(retire, [KEYS.carl]));
  must(vault.run(retire, []));
  refused(vault, "ENTRY_UNKNOWN", () => vault.run({ ...retire, reference: "again" }, [KEYS.carl]));
  refused(vault, "ENTRY_UNKNOWN", () => send(vault, payment(vault)));
  const moved = world.entryOf(bookOf(vault), { name: "acme", address: FREE });
  must(vault.run(world.enter(bookOf(vault), moved, { reference: "moved" }), [KEYS.carl]));
  refused(vault, "ENTRY_MISMATCH", () => send(vault, payment(vault)));
  must(send(vault, payment(vault, { destination: world.destinationOf(moved) })));
});

test("a registration starts the delay once, by the lower bound of the time", () => {
  const vault = vaultWith();
  const large = payment(vault, { amount: 6n * world.ETH });
  const run = () => vault.run(large, [KEYS.amy, KEYS.bob, KEYS.otto]);
  refused(vault, "NOT_REGISTERED", run);
  const { since, subject } = decode(DelayBody, must(register(vault, large)).body);
  assert.deepEqual([since, subject], [NOW, world.intentId(large)]);
  vault.wait(world.HOUR - 1);
  assert.equal(decode(DelayBody, must(register(vault, large)).body).since, NOW);
  refused(vault, "DELAY_RUNNING", run);
  vault.now = { lo: vault.now.lo, hi: vault.now.hi + world.HOUR };
  refused(vault, "DELAY_RUNNING", run);
  vault.wait(1);
  must(run());
  refused(vault, "INTENT_USED", () => register(vault, large));
});

test("only an open intent is registered, with its initiator's approval", () => {
  const vault = vaultWith();
  const intent = payment(vault);
  const bytes = encode(Intent, intent);
  const bare = (approvals: readonly Uint8Array[]) => () =>
    vault.send(world.command({ command: "register", intent: bytes, approvals }));
  refused(vault, "INITIATOR_MISSING", bare([]));
  refused(vault, "APPROVAL_FOREIGN", bare(world.approveAll(vault.ground(), payment(vault, { reference: "b" }), [])));
  refused(vault, "WRONG_DEPLOYMENT", () => register(vault, payment(vault, { deployment: someHash("other") })));
  refused(vault, "EXPIRED", () => register(vault, payment(vault, { notAfter: NOW })));
  must(register(vault, intent));
  must(reject(vault, intent));
  refused(vault, "INTENT_REJECTED", () => register(vault, intent));
  refused(vault, "INTENT_REJECTED", () => send(vault, intent));
  must(send(vault, payment(vault, { reference: "b" })));
  refused(vault, "REFERENCE_USED", () => register(vault, payment(vault, { reference: "b", nonce: world.nonceOf("b2") })));
});

test("registrations expire, and nobody takes all the room", () => {
  const vault = vaultWith();
  const notAfter = NOW + world.HOUR;
  const fill = (count: number, { id: initiator }: Device) => {
    let { registered } = vault.state;
    for (let number = 0; number < count; number++) {
      registered = set(registered, someHash(`intent ${number}`), { at: NOW, notAfter, initiator });
    }
    vault.state = { ...vault.state, registered };
  };
  fill(MAX_REGISTERED_EACH, KEYS.tom);
  refused(vault, "TABLE_FULL", () => register(vault, payment(vault)));
  must(register(vault, payment(vault, { initiator: KEYS.tina.id })));
  fill(MAX_REGISTERED, KEYS.mallory);
  refused(vault, "TABLE_FULL", () => register(vault, payment(vault, { initiator: KEYS.tina.id, reference: "b" })));
  vault.wait(world.HOUR + 1);
  must(register(vault, payment(vault)));
  assert.equal(vault.state.registered.size, 2);
});

test("rejections have a limit for all and for each", () => {
  const vault = vaultWith();
  const full = (rejections: number, size: number) => {
    const mine = set(vault.state.rejections, KEYS.amy.id, rejections);
    vault.state = { ...vault.state, rejections: mine, rejected: { ...vault.state.rejected, size } };
  };
  full(MAX_REJECTED_EACH, 0);
  refused(vault, "TABLE_FULL", () => reject(vault, payment(vault)));
  must(reject(vault, payment(vault), KEYS.bob));
  full(0, MAX_REJECTED);
  refused(vault, "TABLE_FULL", () => reject(vault, payment(vault, { reference: "b" })));
});

test("time passes in the journal while something waits, and only then", () => {
  const vault = vaultWith();
  const tick = () => {
    const before = vault.journal.length;
    vault.feed({ now: vault.now, tick: true });
    return kinds(vault, before);
  };
  vault.wait(world.HOUR);
  assert.deepEqual(tick(), []);
  must(register(vault, payment(vault, { notAfter: NOW + 2 * world.HOUR })));
  assert.deepEqual(tick(), []);
  vault.wait(TICK_MS);
  assert.deepEqual(tick(), ["ticked"]);
  assert.deepEqual(tick(), []);
  vault.wait(world.HOUR);
  assert.deepEqual(tick(), ["ticked"]);
  vault.wait(world.HOUR);
  assert.deepEqual(tick(), [], "the registration has expired and is gone");
  const next = world.nextRulebook(bookOf(vault), { limits: [] });
  must(
    vault.send(
      world.command({ command: "rulebook", rulebook: world.signValue(Rulebook, next, KEYS.ada, KEYS.ben), approvals: [] }),
    ),
  );
  vault.wait(world.DAY);
  assert.deepEqual(tick(), ["ticked"]);
  vault.wait(world.DAY);
  assert.deepEqual(tick(), [], "the delay is over in the journal too");
});
