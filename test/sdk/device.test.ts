/** A device that makes, reads and decides requests while the server lies about everything: it raises, or signs only what it
 *  has shown. What it signs is judged by the production judgement. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../core/src/bytes.ts";
import { ExecutionBody } from "../../core/src/protocol/command.ts";
import { openBook } from "../../core/src/rulebook/book.ts";
import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import { Approval } from "../../core/src/signed/approval.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { challengeOf, decode, encode, idOf, type Kind, Signed } from "../../core/src/signed/object.ts";
import type { Rulebook } from "../../core/src/signed/rulebook.ts";
import { decide, initiate } from "../../sdk/src/device/decision.ts";
import * as make from "../../sdk/src/device/make.ts";
import { openRequest, type Shown, wordsOf } from "../../sdk/src/device/show.ts";
import { openSecret, openSigner } from "../../sdk/src/device/signer.ts";
import { HERE, type Here } from "../../sdk/src/here.ts";
import { openSession, type Session, shortMemory } from "../../sdk/src/vault/session.ts";
import { fetchWallet } from "../../sdk/src/vault/show.ts";
import { openApproval, openDecision } from "../../sdk/src/verify/approval.ts";
import { transactionOf } from "../../sdk/src/verify/transaction.ts";
import { type Device, ORIGIN, passkey, RP_ID_HASH, someHash } from "../world/keys.ts";
import { foundedVault, type MemoryVault, must } from "../world/vault.ts";
import { CONTEXT, command, ETH, KEYS, makeWorld, NOW, nextRulebook } from "../world/world.ts";
import { wireTo } from "./wire.ts";

const { tom, tina, carl, amy, bob, olga, otto, ada, ben, mallory } = KEYS;
const here: Here = { ...HERE, now: () => NOW };

async function start(rulebook: Partial<Rulebook> = {}): Promise<{ vault: MemoryVault; session: Session }> {
  const { vault, made } = foundedVault({ rulebook });
  const session = await openSession({ wire: wireTo(vault), memory: shortMemory(), pin: made.deployment });
  return { vault, session };
}
const by = (known: Session, signer: Device, purpose = "test") => ({ known, signer, words: { purpose }, here });
const plain = { wallet: "treasury", to: "acme", asset: "eth", amount: ETH / 4n, totalFee: ETH / 100n };

/** As `requests.create`, then decisions, then the vault. */
async function carryOut(session: Session, shown: Shown, people: readonly [Device, ...Device[]]) {
  const [initiator, ...approvers] = people;
  const { intent, approval } = await initiate(session, initiator, shown, here);
  const approvals = [approval];
  const request = { id: idOf(Intent, intent), intent };
  for (const person of approvers) {
    const read = openRequest(session, request);
    approvals.push((await decide(session, person, { shown: read, decision: "approve" }, here)).approval);
  }
  const { kind } = shown.intent;
  const chained = kind === "pay" || kind === "cancel";
  const orders = [chained ? { intent, context: CONTEXT } : { intent }];
  return session.demand({ command: "execute", orders, approvals, facts: [] });
}

test("a payment is made, read, approved and judged, and its transaction does what was signed", async () => {
  const { session } = await start();
  const shown = await make.makePayment(by(session, tom, "invoice 4711"), plain);
  assert.match(shown.text, /0\.25 eth[\s\S]*acme[\s\S]*invoice 4711/);
  assert.equal(wordsOf(shown.intent, session.book()), "pay 0.25 eth to acme");
  const body = await carryOut(session, shown, [tom, amy, bob]);
  assert.equal(transactionOf(session.book(), body, shown).intent, shown.id);
  const other = await make.makePayment(by(session, tom), { ...plain, amount: 1n });
  assert.throws(() => transactionOf(session.book(), body, other), { code: "EXECUTION_WRONG" });
});

test("what is on its way is replaced or stopped by what its own bytes say", async () => {
  const { session, vault } = await start();
  const shown = await make.makePayment(by(session, tom), plain);
  await carryOut(session, shown, [tom, amy, bob]);
  const again = make.makeReplacement(by(session, tom), { former: shown, totalFee: ETH / 50n });
  assert.deepEqual([again.intent.kind, again.text.includes(shown.id)], ["pay", true]);
  const stop = make.makeCancellation(by(session, tom), { former: shown, totalFee: ETH / 50n });
  assert.equal(wordsOf(stop.intent, null), `cancel ${shown.id.slice(0, 12)}`);
  vault.wait(1);
  const dearer = {
    ...CONTEXT,
    maxFeePerGas: 2n * CONTEXT.maxFeePerGas,
    maxPriorityFeePerGas: 2n * CONTEXT.maxPriorityFeePerGas,
  };
  const { intent, approval } = await initiate(session, tom, stop, here);
  const read = openRequest(session, { id: stop.id, intent });
  const approvals = [approval];
  for (const person of [amy, bob])
    approvals.push((await decide(session, person, { shown: read, decision: "approve" }, here)).approval);
  const orders = [{ intent, context: dearer }];
  const body = await session.demand({ command: "execute", orders, approvals, facts: [] });
  assert.equal(decode(ExecutionBody, body).transactions[0]?.intent, stop.id);
  assert.equal(transactionOf(session.book(), body, stop).intent, stop.id);
  const wallet = make.makeWallet(by(session, tina), { chain: 31337, wallet: "w", walletClass: "hot" });
  for (const wrong of [make.makeReplacement, make.makeCancellation]) {
    assert.throws(() => wrong(by(session, tom), { former: wallet, totalFee: 1n }), { code: "REPLACES_MISMATCH" });
  }
});

test("wallets, entries and freezes are made and carried out", async () => {
  const { session, vault } = await start();
  const wallet = make.makeWallet(by(session, tina), { chain: 31337, wallet: "acme-1", walletClass: "cold", client: "acme" });
  await carryOut(session, wallet, [tina, carl]);
  const address = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65";
  const entry = { name: "new", party: "New Ltd.", chain: 31337, address, class: "exchange", assets: "any" } as const;
  assert.throws(() => make.makeEntry(by(session, tina), { ...entry, address: address.toLowerCase() }), {
    code: "ADDRESS_INVALID",
  });
  await carryOut(session, make.makeEntry(by(session, tina), entry), [tina, carl]);
  await carryOut(session, await make.makeRetirement(by(session, tina), "new"), [tina, carl]);
  const freeze = make.makeFreeze(by(session, olga), { level: "wallet", subject: "treasury" });
  await carryOut(session, freeze, [olga]);
  const shown = await make.makePayment(by(session, tom), plain);
  await assert.rejects(carryOut(session, shown, [tom, amy, bob]), /FROZEN/);
  const lift = make.makeUnfreeze(by(session, ada), freeze.id);
  const { intent, approval } = await initiate(session, ada, lift, here);
  const read = openRequest(session, { id: lift.id, intent });
  const approvals = [approval];
  for (const person of [ben, otto])
    approvals.push((await decide(session, person, { shown: read, decision: "approve" }, here)).approval);
  must(vault.send(command({ command: "register", intent, approvals })));
  assert.equal(wordsOf(lift.intent, null), `lift freeze ${freeze.id.slice(0, 12)}`);
});

test("an address that is in no book is paid once; one that is on the deny list is paid by no name", async () => {
  const rules = [
    { ...OPEN, id: "operations", effect: "allow", kinds: ["wallet", "entry"], initiators: ["operations"] },
    { ...OPEN, id: "pay-once", effect: "allow", kinds: ["pay"], classes: ["one-time", "self-hosted"], initiators: ["traders"] },
  ] as const;
  const units = [{ id: "bank" }, { id: "desk", parent: "bank" }];
  const { session, vault } = await start({ rules, units });
  const opening = { chain: 31337, wallet: "desk-1", walletClass: "hot", unit: "desk" } as const;
  assert.throws(() => make.makeWallet(by(session, tina), { ...opening, unit: "moon" }), { code: "UNIT_UNKNOWN" });
  const opened = make.makeWallet(by(session, tina), opening);
  assert.match(opened.text, /unit +desk/);
  await carryOut(session, opened, [tina]);
  assert.equal((await fetchWallet(session, "desk-1")).unit, "desk");
  must(vault.send(command({ command: "address", wallet: "desk-1", index: 0 })));
  const address = "0x15d34AAf54267DB7D7c367839AAf71A00a2C6A65";
  const once = { ...plain, wallet: "desk-1", to: { address } };
  await assert.rejects(make.makePayment(by(session, tom), { ...once, to: { address: address.toLowerCase() } }), {
    code: "ADDRESS_INVALID",
  });
  const shown = await make.makePayment(by(session, tom), once);
  assert.equal(wordsOf(shown.intent, session.book()), `pay 0.25 eth to ${address}`);
  await carryOut(session, shown, [tom]);
  const listed = { name: "bad", party: "A thief", chain: 31337, address, class: "denied", assets: "any" } as const;
  await carryOut(session, make.makeEntry(by(session, tina), listed), [tina]);
  const more = await make.makePayment(by(session, tom), once);
  await assert.rejects(carryOut(session, more, [tom]), /ENTRY_MISMATCH/);
  const named = await make.makePayment(by(session, tom), { ...once, to: "bad" });
  await assert.rejects(carryOut(session, named, [tom]), /DENIED/);
  const freeze = make.makeFreeze(by(session, olga), { level: "unit", subject: "bank" });
  await carryOut(session, freeze, [olga]);
  const other = { address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" };
  const held = await make.makePayment(by(session, tom), { ...once, to: other });
  await assert.rejects(carryOut(session, held, [tom]), /FROZEN/);
});

test("a signature lives no longer than the shortest requirement that may bind its intent", async () => {
  const short = { ...OPEN, ...NOTHING, id: "short", kinds: ["pay"], approvalLifeMs: 600_000 } as const;
  const allow = { ...OPEN, id: "all", effect: "allow" } as const;
  const { session } = await start({ rules: [allow, short] });
  const shown = await make.makePayment(by(session, tom), plain);
  await carryOut(session, shown, [tom]);
  const lifeOf = async (it: Shown) => {
    const { approval } = await initiate(session, it === shown ? tom : tina, it, here);
    return decode(Approval, decode(Signed, approval).body).notAfter - NOW;
  };
  assert.equal(await lifeOf(shown), 300_000);
  const wallet = make.makeWallet(by(session, tina), { chain: 31337, wallet: "w", walletClass: "hot" });
  assert.ok((await lifeOf(wallet)) > 600_000);
});

test("an unknown asset or entry, nothing, and another chain are refused before anything is made", async () => {
  const { session } = await start();
  const refused = (change: Partial<typeof plain>, code: RegExp) =>
    assert.rejects(make.makePayment(by(session, tom), { ...plain, ...change }), code);
  await refused({ asset: "doge" }, /ASSET_UNKNOWN/);
  await refused({ amount: 0n }, /AMOUNT_ZERO/);
  await refused({ to: "nobody" }, /ENTRY_UNKNOWN/);
});

test("a request is what its id says and of this deployment, whatever the server calls it", async () => {
  const { session } = await start();
  const shown = await make.makePayment(by(session, tom), plain);
  const other = await make.makePayment(by(session, tom), { ...plain, amount: ETH });
  assert.equal(openRequest(session, { id: shown.id, intent: shown.bytes }).text, shown.text);
  const foreign = encode(Intent, { ...shown.intent, deployment: someHash("other") });
  for (const request of [
    { id: shown.id, intent: other.bytes },
    { id: idOf(Intent, foreign), intent: foreign },
    { id: idOf(Intent, Uint8Array.of(1)), intent: Uint8Array.of(1) },
  ]) {
    assert.throws(() => openRequest(session, request), { code: "REQUEST_FORGED" });
  }
});

test("nothing is signed but what was shown, by who may, under the rulebook that it was shown under", async () => {
  const { session } = await start();
  const shown = await make.makePayment(by(session, tom), plain);
  const other = await make.makePayment(by(session, tom), { ...plain, amount: ETH });
  const decided = (it: Shown, signer: Device = amy, known: Session = session) =>
    decide(known, signer, { shown: it, decision: "approve" }, here);
  await assert.rejects(decided({ ...shown, bytes: other.bytes }), { code: "TEXT_CHANGED" });
  await assert.rejects(decided({ ...shown, text: other.text }), { code: "TEXT_CHANGED" });
  await assert.rejects(decided({ ...shown, id: other.id }), { code: "TEXT_CHANGED" });
  await assert.rejects(decided(shown, mallory), { code: "KEY_UNKNOWN" });
  await assert.rejects(initiate(session, amy, shown, here), { code: "DECISION_WRONG" });
  const later = { ...session, book: () => openBook(nextRulebook(session.book())) };
  await assert.rejects(decided(shown, amy, later), { code: "TEXT_CHANGED" });
  // The intent that is signed comes from the bytes, not from what lies beside them.
  const { approval } = await decided({ ...shown, intent: other.intent });
  assert.equal(decode(Approval, decode(Signed, approval).body).subject, shown.id);
});

test("a rejection ends a request for good, and an initiator's approval renews his own", async () => {
  const { session } = await start();
  const shown = await make.makePayment(by(session, tom), plain);
  const renewed = await decide(session, tom, { shown, decision: "approve" }, here);
  assert.equal(openDecision(renewed.approval, shown.bytes, session.book()).approval.decision, "initiate");
  const { approval } = await decide(session, bob, { shown, decision: "reject" }, here);
  await session.demand({ command: "object", approval });
  await assert.rejects(carryOut(session, shown, [tom, amy, carl]), /INTENT_REJECTED/);
});

test("approvals are verified by key, signature, intent, rulebook and text, whichever kind of key it is", async () => {
  const key = passkey("amy's passkey");
  const enrolled = { scheme: key.scheme, publicKey: key.publicKey, class: "served", origin: ORIGIN, synced: false } as const;
  const { rulebook } = makeWorld();
  const persons = rulebook.persons.map((person) =>
    person.id === "amy"
      ? { ...person, keys: [...person.keys, { ...enrolled, rpIdHash: toHex(RP_ID_HASH) as ReturnType<typeof someHash> }] }
      : person,
  );
  const { vault, made } = foundedVault({ rulebook: { persons } });
  const session = await openSession({ wire: wireTo(vault), memory: shortMemory(), pin: made.deployment });
  const book = session.book();
  const shown = await make.makePayment(by(session, tom), plain);
  const seeded = openSecret("amy", amy.seed);
  const late = openSigner({ name: "amy", publicKey: amy.publicKey, sign: async (challenge) => amy.sign(challenge).signature });
  for (const [signer, kind] of [
    [amy, "device"],
    [seeded, "device"],
    [late, "device"],
    [key, "served"],
  ] as const) {
    const { approval } = await decide(session, signer, { shown, decision: "approve" }, here);
    const given = openDecision(approval, shown.bytes, book);
    assert.deepEqual([given.person, given.class, given.approval.decision], ["amy", kind, "approve"]);
    for (let at = 0; at < approval.length; at += 7) {
      const flipped = approval.with(at, (approval[at] ?? 0) ^ 1);
      assert.throws(() => openDecision(flipped, shown.bytes, book), { code: "APPROVAL_FORGED" });
    }
  }
  const { approval } = await decide(session, amy, { shown, decision: "approve" }, here);
  const body = decode(Approval, decode(Signed, approval).body);
  const forged = (change: Partial<Approval>, signer: Device = amy, intent = shown.bytes) => {
    const changed = encode(Approval, { ...body, key: signer.id, ...change });
    const bytes = encode(Signed, { body: changed, signatures: [signer.sign(challengeOf(Approval as Kind<unknown>, changed))] });
    assert.throws(() => openDecision(bytes, intent, book), { code: "APPROVAL_FORGED" }, JSON.stringify(Object.keys(change)));
  };
  forged({}, mallory);
  forged({ deployment: someHash("x") });
  forged({ vault: someHash("x") });
  forged({ rulebook: someHash("x") });
  forged({ epoch: 9 });
  forged({ textHash: someHash("x") });
  forged({ subject: someHash("x") });
  forged({ decision: "veto" });
  forged({ decision: "initiate" });
  forged({}, amy, Uint8Array.of(1));
  const both = decode(Signed, approval);
  const twice = encode(Signed, { ...both, signatures: [...both.signatures, ...both.signatures] });
  assert.throws(() => openApproval(twice, book), { code: "APPROVAL_FORGED" });
});
