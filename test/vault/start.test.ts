/** Starts that administrators confirm: what counts again, what a suspected vault still does, and what a repair gives up. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openRecord } from "../../core/src/journal/record.ts";
import { ExecutionBody, GivenUpBody, StatusBody } from "../../core/src/protocol/command.ts";
import { countsAt, Head, MAX_EARLIER_STARTS, MAX_LOST, Start } from "../../core/src/signed/head.ts";
import { decode, encode } from "../../core/src/signed/object.ts";
import { repaired } from "../../vault/src/decide/govern/start.ts";
import { apply } from "../../vault/src/state/apply.ts";
import { emptyState, isSuspect } from "../../vault/src/state/state.ts";
import { someHash } from "../world/keys.ts";
import { MemoryVault, must, signJob } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { bookOf, bumped, freezeBy, kinds, payment, refused, reject, send, thaw, vaultWith } from "./ground.ts";

const { KEYS } = world;
const TWO = [KEYS.amy, KEYS.bob];
const TAIL = { why: "JOURNAL_CORRUPT", segments: 3, bytes: 17, tail: someHash("tail") } as const;

function headOf(vault: MemoryVault): Head {
  return decode(Head, must(vault.send(world.command({ command: "head" }))).body);
}

/** A head as this vault signs it. */
const signedHead = (head: Head) => world.signValue(Head, head, KEYS.vault);
const witness = (head: Head) => world.command({ command: "witness", head: signedHead(head) });

function repair(vault: MemoryVault): void {
  const record = repaired(vault.now, TAIL);
  vault.journal.push(record.bytes);
  vault.state = apply(vault.state, record);
}

test("a confirmed start brings back the approvals of the start before, and of those that it had brought back", () => {
  const vault = vaultWith();
  const intents = ["zero", "one", "two"].map((reference) => payment(vault, { reference }));
  const given = intents.map((intent) => {
    const approvals = world.approveAll(vault.ground(), intent, TWO);
    vault.boot();
    must(vault.confirm());
    return world.execute([intent], approvals);
  });
  const boots = vault.state.boots;
  assert.deepEqual(headOf(vault).earlier, boots.slice(1));
  assert.ok(boots.every((boot) => countsAt(headOf(vault), boot)));
  assert.equal(countsAt({ boot: someHash("this") }, someHash("other")), false);
  for (const command of given) must(vault.send(command));
});

test("an unconfirmed start in between ends the line", () => {
  const vault = vaultWith();
  const before = world.approveAll(vault.ground(), payment(vault), TWO);
  vault.boot();
  const between = world.approveAll(vault.ground(), payment(vault), TWO);
  vault.boot();
  must(vault.confirm());
  refused(vault, "BOOT_STALE", () => vault.send(world.execute([payment(vault)], before)));
  must(vault.send(world.execute([payment(vault)], between)));
});

test("confirming twice writes once, and status shows the start", () => {
  const vault = vaultWith();
  vault.boot();
  const status = () => decode(StatusBody, must(vault.send(world.command({ command: "status" }))).body);
  assert.deepEqual([decode(Start, status().start as Uint8Array), status().confirmed], [vault.start(), false]);
  assert.deepEqual([vault.start().number, vault.start().head.seq], [2, vault.state.seq - 1]);
  must(vault.confirm());
  assert.equal(status().confirmed, true);
  const { length } = vault.journal;
  must(vault.confirm([KEYS.ben, KEYS.cleo]));
  assert.equal(vault.journal.length, length);
  const unfounded = new MemoryVault();
  refused(unfounded, "NOT_FOUNDED", () => unfounded.send(world.command({ command: "confirm", approvals: [] })));
  assert.equal(decode(StatusBody, must(unfounded.send(world.command({ command: "status" }))).body).start, undefined);
});

test("a dearer version rests on approvals that a confirmed start has brought back", () => {
  const vault = vaultWith();
  must(send(vault, payment(vault)));
  vault.boot();
  refused(vault, "BOOT_STALE", () => vault.send(world.reprice(payment(vault), bumped())));
  must(vault.confirm());
  must(vault.send(world.reprice(payment(vault), bumped())));
});

test("only so many starts are remembered", () => {
  const vault = vaultWith();
  for (let at = 0; at < MAX_EARLIER_STARTS + 3; at++) {
    vault.boot();
    must(vault.confirm());
  }
  assert.equal(headOf(vault).earlier?.length, MAX_EARLIER_STARTS);
});

test("a suspected vault only stops things, until its administrators have confirmed it", () => {
  const vault = vaultWith();
  must(send(vault, payment(vault)));
  vault.restart("behind");
  assert.equal(vault.start().suspicion, "behind");
  const { signedGenesis: genesis, signedRulebook: rulebook } = world.makeWorld();
  const commands: Parameters<typeof world.command>[0][] = [
    { command: "found", genesis, rulebook },
    { command: "inform", facts: [] },
    { command: "address", wallet: "treasury", index: 1 },
    { command: "rulebook", rulebook, approvals: [] },
    { command: "register", intent: Uint8Array.of(0), approvals: [] },
    { command: "checkpoint", origin: "log.example/1", size: 1, root: someHash("root"), proof: [] },
  ];
  for (const command of commands) refused(vault, "START_UNCONFIRMED", () => vault.send(world.command(command)));
  refused(vault, "START_UNCONFIRMED", () => vault.send(world.reprice(payment(vault), bumped())));
  refused(vault, "START_UNCONFIRMED", () => send(vault, payment(vault, { reference: "second" })));
  const shown = must(vault.send(world.command({ command: "show", what: "execution", name: world.intentId(payment(vault)) })));
  assert.equal(decode(ExecutionBody, shown.body).transactions.length, 1);
  must(vault.send(witness(headOf(vault))));
  must(reject(vault, payment(vault, { reference: "third" })));
  const frozen = freezeBy(vault);
  must(vault.run(frozen, []));
  must(vault.confirm());
  must(thaw(vault, frozen));
  must(send(vault, payment(vault, { reference: "second" })));
});

test("a suspicion stays over starts until it is confirmed, and then brings back no approval", () => {
  const vault = vaultWith();
  const before = world.approveAll(vault.ground(), payment(vault), TWO);
  vault.restart("unmarked");
  vault.restart();
  vault.restart("behind");
  assert.equal(vault.start().suspicion, "unmarked");
  refused(vault, "START_UNCONFIRMED", () => send(vault, payment(vault)));
  const during = world.approveAll(vault.ground(), payment(vault), TWO);
  must(vault.confirm());
  refused(vault, "BOOT_STALE", () => vault.send(world.execute([payment(vault)], before)));
  must(vault.send(world.execute([payment(vault)], during)));
  vault.restart();
  assert.equal(isSuspect(vault.state), false);
});

test("a suspected vault that has no deployment is not founded", () => {
  const vault = new MemoryVault();
  vault.restart("unmarked");
  const { signedGenesis: genesis, signedRulebook: rulebook } = world.makeWorld();
  refused(vault, "START_UNCONFIRMED", () => vault.send(world.command({ command: "found", genesis, rulebook })));
});

test("what a suspected vault had committed is withheld, and keys that it had asked for are made", () => {
  const vault = vaultWith();
  vault.hold = true;
  send(vault, payment(vault));
  vault.run(world.wallet(bookOf(vault), { wallet: "second", notAfter: payment(vault).notAfter }), [KEYS.carl]);
  const [sign, create] = vault.held as [{ sign: Parameters<typeof signJob>[0] }, { create: { id: typeof world.ZERO } }];
  vault.held.length = 0;
  vault.restart("behind");
  assert.equal(vault.held.length, 0, "nothing is given to the key store");
  const late = { signed: sign.sign.id, result: signJob(sign.sign) };
  assert.deepEqual(vault.feed({ now: vault.now, ...late }), [], "nor is its answer taken");
  assert.deepEqual(vault.feed({ now: vault.now, created: create.create.id, result: { publicKey: "", chainCode: "" } }), []);
  vault.hold = false;
  must(vault.confirm());
  assert.deepEqual(kinds(vault).slice(-3), ["confirmed", "withheld", "opened"]);
  refused(vault, "BOOT_STALE", () => {
    const ground = vault.ground({ boot: someHash("earlier") });
    return vault.send(world.execute([payment(vault)], world.approveAll(ground, payment(vault), TWO)));
  });
  must(send(vault, payment(vault)));
});

test("a repair lifts a halt, shows what is lost, and gives it up by the administrators' word", () => {
  const vault = vaultWith();
  const line = vault.journal.length;
  must(send(vault, payment(vault)));
  const late = headOf(vault);
  const cut = vault.journal.slice(0, line);
  const old = new MemoryVault(cut.map(openRecord).reduce(apply, emptyState(vault.state.vaultKey)));
  old.journal.unshift(...cut);
  old.feed({ now: old.now, booted: someHash("another start") });
  refusedOnce(old, "ROLLED_BACK", witness(late));
  refused(old, "ROLLED_BACK", () => old.confirm());
  repair(old);
  old.restart();
  assert.deepEqual(old.start().lost, [{ boot: late.boot, seq: late.head.seq }]);
  refusedOnce(old, "HEAD_LOST", witness(late));
  const later = { ...late, head: { seq: late.head.seq + 5, hash: someHash("later") } };
  refusedOnce(old, "HEAD_LOST", witness(later));
  refusedOnce(old, "HEAD_LOST", witness(late));
  assert.deepEqual(kinds(old).slice(-2), ["booted", "missed"]);
  assert.deepEqual(old.start().lost, [{ boot: late.boot, seq: later.head.seq }]);
  const start = encode(Start, old.start());
  must(old.confirm());
  for (const head of [late, later]) {
    const { body } = must(old.send(witness(head)));
    assert.deepEqual(decode(GivenUpBody, body).start, start);
    assert.equal(decode(GivenUpBody, body).approvals.length, 2);
  }
  old.restart("behind");
  must(old.send(witness(late)));
  must(old.confirm());
  const newest = { ...late, head: { seq: later.head.seq + 1, hash: someHash("newest") } };
  refusedOnce(old, "ROLLED_BACK", witness(newest));
});

function refusedOnce(vault: MemoryVault, code: string, command: Parameters<MemoryVault["send"]>[0]): void {
  const answer = vault.send(command);
  assert.deepEqual([answer.code, answer.body.length], [code, 0], answer.detail);
}

test("the lost heads of only so many starts are remembered", () => {
  const vault = vaultWith();
  repair(vault);
  vault.restart();
  const base = headOf(vault);
  for (let at = 0; at <= MAX_LOST; at++) {
    vault.send(witness({ ...base, boot: someHash(`start ${at}`), head: { seq: 1_000, hash: world.ZERO } }));
  }
  assert.equal(vault.start().lost?.length, MAX_LOST);
  must(vault.confirm());
});
