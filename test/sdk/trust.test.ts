/** The chain of trust that a device follows: the pinned genesis, rulebooks since, and heads that only go forward. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { Genesis } from "../../core/src/signed/genesis.ts";
import type { Head } from "../../core/src/signed/head.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { checkHead } from "../../sdk/src/verify/receipt.ts";
import { asDeployment, openGenesis, openRulebook, openRulebooks } from "../../sdk/src/verify/rulebook.ts";
import { type Device, someHash } from "../world/keys.ts";
import { deploymentOf, KEYS, makeWorld, nextRulebook, signValue } from "../world/world.ts";

const { ada, ben, cleo, tom, amy, bob, olga } = KEYS;
const { genesis, signedGenesis, signedRulebook } = makeWorld();
const pin = deploymentOf(genesis);
const all = [ada, ben, cleo];
const rulebook = (document: Rulebook, ...keys: readonly Device[]) => signValue(Rulebook, document, ...keys);

test("the pinned genesis is taken, another one and an unsigned one are not", () => {
  assert.equal(openGenesis(signedGenesis, pin).institution, genesis.institution);
  const other = { ...genesis, institution: "Fake" };
  for (const bytes of [
    signValue(Genesis, other, ...all),
    signValue(Genesis, genesis, ...all.slice(1)),
    signValue(Genesis, genesis, ada, ben, tom),
    Uint8Array.of(1, 2),
  ]) {
    assert.throws(() => openGenesis(bytes, pin), { code: "GENESIS_FOREIGN" });
  }
  assert.equal(asDeployment(pin), pin);
  for (const text of ["", pin.slice(1), `${pin}0`, pin.toUpperCase()]) assert.equal(asDeployment(text), null);
});

test("a rulebook is taken with the signatures of the administrators that are known", () => {
  const book = openRulebook(signedRulebook, genesis, null);
  const first = book.document;
  const refused = (document: Rulebook, keys: readonly Device[], known: typeof book | null = book) =>
    assert.throws(() => openRulebook(rulebook(document, ...keys), genesis, known), { code: "RULEBOOK_UNTRUSTED" });
  refused(first, [ada], null);
  refused(first, [ada, tom], null);
  refused({ ...first, deployment: someHash("another deployment") }, [ada, ben], null);
  const second = nextRulebook(book, { rules: first.rules.slice(1) });
  assert.equal(openRulebook(rulebook(second, ben, cleo), genesis, book).document.epoch, 2);
  refused(second, [ben]);
  refused(second, [amy, bob]);
  refused({ ...second, base: someHash("another base") }, [ada, ben]);
  // two rulebooks of one epoch
  refused({ ...first, createdAt: 5 }, [ada, ben]);
  assert.throws(() => openRulebook(Uint8Array.of(1), genesis, book), { code: "RULEBOOK_UNTRUSTED" });
});

test("who signs the next rulebook is said by the newest that is known, not by the genesis", () => {
  const known = openRulebook(signedRulebook, genesis, null);
  const administrators = ["ben", "cleo", "olga"];
  const second = nextRulebook(known, { governance: { ...known.document.governance, administrators } });
  const now = openRulebook(rulebook(second, ada, ben), genesis, known);
  const third = nextRulebook(now);
  assert.throws(() => openRulebook(rulebook(third, ada, ben), genesis, now), { code: "RULEBOOK_UNTRUSTED" });
  assert.equal(openRulebook(rulebook(third, ben, olga), genesis, now).document.epoch, 3);
});

test("a whole chain of rulebooks is followed from the genesis, without a gap", () => {
  const first = openRulebook(signedRulebook, genesis, null);
  const second = nextRulebook(first, { rules: first.document.rules.slice(1) });
  const signedSecond = rulebook(second, ada, ben);
  const third = nextRulebook(openRulebook(signedSecond, genesis, first));
  const chain = [signedRulebook, signedSecond, rulebook(third, ada, cleo)];
  assert.equal(openRulebooks(chain, genesis).document.epoch, 3);
  for (const wrong of [[], chain.slice(1), [chain[0], chain[2]], [chain[0], chain[0]]]) {
    assert.throws(() => openRulebooks(wrong as Uint8Array[], genesis), { code: "RULEBOOK_UNTRUSTED" });
  }
});

test("a head that is older, or another one at the same place, raises the alarm", () => {
  const head = (seq: number, at: string, epoch = 1): Head => ({
    version: 1,
    deployment: pin,
    vault: KEYS.vault.id,
    rulebook: someHash("rulebook"),
    epoch,
    head: { seq, hash: someHash(at) },
    boot: someHash("boot"),
    at: 1,
    halted: false,
  });
  checkHead(head(5, "a"), head(5, "a"));
  checkHead(head(5, "a"), head(6, "b"));
  assert.throws(() => checkHead(head(5, "a"), head(4, "a")), { code: "VAULT_ROLLED_BACK" });
  assert.throws(() => checkHead(head(5, "a"), head(5, "b")), { code: "VAULT_ROLLED_BACK" });
  assert.throws(() => checkHead(head(5, "a", 2), head(6, "b", 1)), { code: "VAULT_ROLLED_BACK" });
});
