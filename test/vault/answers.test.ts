/** What the vault tells: status, heads, what it shows, and that whatever it does not understand is refused. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../core/src/bytes.ts";
import { Command, ExecutionBody, StatusBody, WalletBody } from "../../core/src/protocol/command.ts";
import { Entry } from "../../core/src/signed/entry.ts";
import { Head } from "../../core/src/signed/head.ts";
import { challengeOf, decode, encode, Signed } from "../../core/src/signed/object.ts";
import { decide } from "../../vault/src/decide/decide.ts";
import { refusal } from "../../vault/src/decide/draft.ts";
import { type Device, someHash } from "../world/keys.ts";
import { execution, foundedVault, MemoryVault, must, signJob } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { bookOf, kinds, payment, refused, send, vaultWith } from "./ground.ts";

const { KEYS } = world;

function headOf(vault: MemoryVault): Head {
  const answer = must(vault.send(world.command({ command: "head" })));
  assert.equal(answer.object, "head");
  return decode(Head, answer.body);
}

/** Shows the vault a head, signed by its own key or by `key`. */
function witness(vault: MemoryVault, head: Head, key: Device = KEYS.vault) {
  return vault.send(world.command({ command: "witness", head: world.signValue(Head, head, key) }));
}

test("the head says where the vault stands", () => {
  const empty = headOf(new MemoryVault());
  assert.deepEqual([empty.deployment, empty.rulebook, empty.epoch, empty.head.seq], [world.ZERO, world.ZERO, 0, 1]);
  const { vault, made } = foundedVault();
  const { seq, head: hash, boot } = vault.state;
  assert.deepEqual(headOf(vault), {
    ...{ version: 1, deployment: made.deployment, vault: made.vault, rulebook: made.book.id, epoch: 1 },
    ...{ head: { seq, hash }, boot, at: vault.now.lo, halted: false },
  });
  const bare = decide(
    { ...vault.state, boot: null },
    { now: vault.now, command: encode(Command, world.command({ command: "head" })) },
  );
  const [effect] = bare.effects;
  assert.ok(effect !== undefined && "reply" in effect && "body" in effect.reply);
  assert.equal(decode(Head, effect.reply.body).boot, world.ZERO);
});

test("a head that the vault has is fine; one that it signed and lacks stops it for good", () => {
  const vault = vaultWith();
  const known = headOf(vault);
  must(send(vault, payment(vault)));
  must(witness(vault, known));
  refused(vault, "WRONG_VAULT", () => witness(vault, { ...known, vault: someHash("other") }));
  refused(vault, "WRONG_VAULT", () => witness(vault, known, KEYS.mallory));
  const twice = world.signValue(Head, known, KEYS.vault, KEYS.vault);
  refused(vault, "WRONG_VAULT", () => vault.send(world.command({ command: "witness", head: twice })));
  const forged = { ...KEYS.mallory.sign(challengeOf(Head, encode(Head, known))), key: KEYS.vault.id };
  const head = encode(Signed, { body: encode(Head, known), signatures: [forged] });
  refused(vault, "SIGNATURE_INVALID", () => vault.send(world.command({ command: "witness", head })));
  const fork = { ...known, head: { ...known.head, hash: someHash("fork") } };
  assert.equal(witness(vault, fork).code, "ROLLED_BACK");
  assert.equal(kinds(vault).at(-1), "halted");
  assert.equal(headOf(vault).halted, true);
  refused(vault, "ROLLED_BACK", () => witness(vault, known));
  refused(vault, "ROLLED_BACK", () => send(vault, payment(vault, { reference: "b" })));
  refused(vault, "ROLLED_BACK", () => vault.run(world.freeze(bookOf(vault)), []));
});

test("a vault that lost all of its journal is stopped too, before anybody founds it again", () => {
  const { vault: old, made } = foundedVault();
  const fresh = new MemoryVault();
  assert.equal(witness(fresh, headOf(old)).code, "ROLLED_BACK");
  const found = world.command({ command: "found", genesis: made.signedGenesis, rulebook: made.signedRulebook });
  refused(fresh, "ROLLED_BACK", () => fresh.send(found));
});

test("it shows rulebook, wallets, entries and executions by name", () => {
  const { vault, made } = foundedVault();
  const show = (what: "rulebook" | "wallet" | "entry" | "execution", name: string) =>
    vault.send(world.command({ command: "show", what, name }));
  assert.deepEqual(must(show("rulebook", "")).body, made.signedRulebook);
  assert.equal(decode(WalletBody, must(show("wallet", "treasury")).body).walletClass, "hot");
  assert.deepEqual(decode(Entry, must(show("entry", "acme")).body), world.acme(made.book));
  const intent = payment(vault);
  refused(vault, "INTENT_UNKNOWN", () => show("execution", world.intentId(intent)));
  refused(vault, "INTENT_UNKNOWN", () => show("execution", world.intentId(world.wallet(made.book))));
  refused(vault, "WALLET_UNKNOWN", () => show("wallet", "nobody"));
  refused(vault, "ENTRY_UNKNOWN", () => show("entry", "nobody"));
  vault.hold = true;
  send(vault, intent);
  const state = () => execution(show("execution", world.intentId(intent)));
  assert.deepEqual([state().state, state().transactions.length], ["committed", 0]);
  vault.release();
  assert.deepEqual([state().state, state().transactions.length], ["signed", 1]);
});

test("the status says what waits and what is live", () => {
  const vault = vaultWith();
  must(send(vault, payment(vault)));
  const body = decode(StatusBody, must(vault.send(world.command({ command: "status" }))).body);
  assert.deepEqual([body.live, body.freezes, body.waiting], [1, [], undefined]);
  assert.ok(body.genesis !== undefined);
  assert.equal(decode(StatusBody, must(new MemoryVault().send(world.command({ command: "status" }))).body).genesis, undefined);
});

test("what is no command, or not for the judgement, is refused", () => {
  const vault = vaultWith();
  refused(vault, "MALFORMED", () => vault.send(Uint8Array.of(1, 2, 3)));
  refused(vault, "BAD_VALUE", () => vault.send(world.command({ command: "protections" })));
});

test("a state that the vault does not know is refused, and nothing is recorded", () => {
  const { vault } = foundedVault();
  vault.state = { ...vault.state, freezes: { size: 1, root: null as never } };
  refused(vault, "INTERNAL", () => send(vault, payment(vault)));
});

test("a refusal's words are short and plain", () => {
  const effect = refusal("BAD_VALUE", { field: `${"f".repeat(200)}`, detail: `caf\u00e9 ${"d".repeat(600)}` });
  assert.ok("reply" in effect && "detail" in effect.reply);
  assert.deepEqual([effect.reply.field.length, effect.reply.detail.length], [96, 400]);
  assert.ok(effect.reply.detail.startsWith("caf? "));
});

test("an outcome that nobody asked for is ignored", () => {
  const empty = new MemoryVault();
  const length = empty.journal.length;
  assert.deepEqual(empty.feed({ now: empty.now, signed: world.ZERO, result: [] }), []);
  assert.deepEqual(empty.feed({ now: empty.now, created: world.ZERO, result: { publicKey: "", chainCode: "" } }), []);
  assert.equal(empty.journal.length, length);
});

test("an answer to a signature goes to whoever waits for the job", () => {
  const vault = vaultWith();
  vault.hold = true;
  send(vault, payment(vault));
  const [effect] = vault.held.splice(0);
  assert.ok(effect !== undefined && "sign" in effect);
  const [answer] = vault.feed({ now: vault.now, signed: effect.sign.id, result: signJob(effect.sign) });
  assert.equal(answer?.to, effect.sign.id);
  const { job, transactions } = decode(ExecutionBody, answer?.body ?? new Uint8Array());
  assert.deepEqual([job, transactions[0]?.intent], [effect.sign.id, world.intentId(payment(vault))]);
  assert.match(toHex(transactions[0]?.raw ?? new Uint8Array()), /^02/);
});
