import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../core/src/bytes.ts";
import { parseAddress } from "../../core/src/chain/evm/address.ts";
import { verifyEd25519 } from "../../core/src/keys/ed25519.ts";
import { checkAssertion } from "../../core/src/keys/webauthn.ts";
import { Command } from "../../core/src/protocol/command.ts";
import { checkRulebook } from "../../core/src/rulebook/check.ts";
import { Approval } from "../../core/src/signed/approval.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { challengeOf, decode, encode, idOf, Signed } from "../../core/src/signed/object.ts";
import { ORIGIN, passkey, RP_ID_HASH, someHash } from "./keys.ts";
import * as world from "./world.ts";

const { book, signedRulebook } = world.makeWorld();
const ground = { book, head: { seq: 3, hash: someHash("head") }, boot: someHash("boot") };

test("the demonstration rulebook is sound and its addresses are canonical", () => {
  checkRulebook(world.demoRulebook());
  for (const entry of [world.acme(book), world.zoe(book)]) parseAddress(entry.address, "address");
});

test("the same names give the same world", () => {
  assert.equal(world.makeWorld().book.id, book.id);
  assert.deepEqual(world.makeWorld().signedRulebook, signedRulebook);
  assert.notEqual(world.makeWorld({ vaultKey: world.KEYS.mallory.publicKey }).deployment, world.makeWorld().deployment);
});

test("approvals verify under the keys of the rulebook", () => {
  const intent = world.pay(book);
  const approvals = world.approveAll(ground, intent, [world.KEYS.amy, world.KEYS.bob]);
  const persons = approvals.map((bytes) => {
    const signed = decode(Signed, bytes);
    const approval = decode(Approval, signed.body);
    assert.equal(approval.subject, idOf(Intent, encode(Intent, intent)));
    const holder = book.holders.get(approval.key);
    const [signature] = signed.signatures;
    assert.ok(holder !== undefined && signature !== undefined);
    assert.ok(verifyEd25519(holder.key.publicKey, challengeOf(Approval, signed.body), signature.signature));
    return [holder.person, approval.decision];
  });
  assert.deepEqual(persons, [
    ["tom", "initiate"],
    ["amy", "approve"],
    ["bob", "approve"],
  ]);
});

test("a passkey's assertion is one", () => {
  const key = passkey("bob");
  const challenge = someHash("challenge");
  const { signature, clientData, authenticatorData } = key.sign(Uint8Array.from(Buffer.from(challenge, "hex")));
  assert.ok(clientData !== undefined && authenticatorData !== undefined);
  checkAssertion(
    { challenge, clientData, authenticatorData, signature },
    { publicKey: key.publicKey, rpIdHash: toHex(RP_ID_HASH) as typeof challenge, origin: ORIGIN, synced: false },
  );
});

test("every intent, fact and command encodes", () => {
  const freeze = world.freeze(book);
  const intents: Intent[] = [
    world.pay(book, { asset: "usdx", amount: world.USDX }),
    world.cancel(book, world.intentId(world.pay(book))),
    world.wallet(book),
    world.enter(book, world.zoe(book)),
    world.retire(book, world.acme(book)),
    freeze,
    world.unfreeze(book, world.intentId(freeze)),
  ];
  const facts = [world.screening(book, world.zoe(book)), ...world.finality(book, `0x${"ab".repeat(32)}`)];
  for (const intent of intents) {
    const approvals = world.approveAll(ground, intent, [world.KEYS.amy]);
    const bytes = encode(Command, world.execute([intent], approvals, { facts }));
    assert.deepEqual(decode(Command, bytes), world.execute([intent], approvals, { facts }));
  }
  const next = world.nextRulebook(book, { rules: [] });
  const seen = world.approveRulebook(ground, next, { key: world.KEYS.cleo, decision: "seen" });
  assert.equal(decode(Approval, decode(Signed, seen).body).decision, "seen");
});
