/** Two vaults hold one seed: the one that hands over goes on, or is put back to before; another one poses as its successor; or
 *  two rulebooks carry one epoch number. */
import assert from "node:assert/strict";
import { toHex } from "../../core/src/bytes.ts";
import { openRecord } from "../../core/src/journal/record.ts";
import type { Book } from "../../core/src/rulebook/book.ts";
import { openBook } from "../../core/src/rulebook/book.ts";
import { Head } from "../../core/src/signed/head.ts";
import type { Intent } from "../../core/src/signed/intent.ts";
import { decode } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { apply } from "../../vault/src/state/apply.ts";
import { emptyState } from "../../vault/src/state/state.ts";
import { device, someHash } from "../world/keys.ts";
import { execution, MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, fails, honestlySigned, refused, request, TWO } from "./attack.ts";

const { KEYS, DAY, HOUR } = world;
const HEIR = device("heir");
const LATER = world.NOW + 60 * DAY;

/** The rulebook that hands over to a vault at the head where this one stands. */
function handover({ state }: MemoryVault, to = HEIR): Rulebook {
  const { vault, seq, head: hash } = state;
  return world.nextRulebook(state.book as Book, { vault: to.id, handover: { vault, head: { seq, hash } } });
}

function send(vault: MemoryVault, next: Rulebook, approvals: readonly Uint8Array[] = []) {
  const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  return vault.send(world.command({ command: "rulebook", rulebook, approvals }));
}

/** Proposes it, waits, and adopts it as cleo has seen it. */
function adopt(vault: MemoryVault, next: Rulebook): void {
  must(send(vault, next));
  vault.wait((vault.state.book as Book).document.governance.delayMs);
  must(send(vault, next, [world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "seen" })]));
}

/** A vault with this identity on the first `length` records of a journal. */
function on({ journal, now }: MemoryVault, identity: { readonly publicKey: Uint8Array }, length = journal.length): MemoryVault {
  const records = journal.slice(0, length);
  const vault = new MemoryVault(records.map(openRecord).reduce(apply, emptyState(toHex(identity.publicKey))), now);
  vault.journal.unshift(...records);
  return vault;
}

const pay = (book: Book, reference: string) => world.pay(book, { reference, notAfter: LATER });
const slotsOf = (vault: MemoryVault, intent: Intent) =>
  execution(must(vault.run(intent, TWO))).transactions.flatMap(({ slots }) => slots);

attacks("the vault that has handed over signs once more", () => {
  const { vault, book } = besiege();
  honestlySigned(vault, () => vault.run(pay(book, "before"), TWO));
  const approved = request(vault, pay(book, "approved"));
  vault.hold = true;
  vault.send(request(vault, pay(book, "committed")));
  adopt(vault, handover(vault));
  refused(vault, "VAULT_RETIRED", "what was approved before", () => vault.send(approved));
  const next = vault.state.book as Book;
  refused(vault, "VAULT_RETIRED", "what is approved now", () => vault.run(pay(next, "after"), TWO));
  refused(vault, "VAULT_RETIRED", "a confirmed start", () => vault.confirm());
  refused(vault, "VAULT_RETIRED", "a rulebook that takes it back", () =>
    send(vault, world.nextRulebook(next, { vault: KEYS.vault.id })),
  );
  assert.deepEqual(
    vault.release().map(({ code }) => code),
    ["VAULT_RETIRED"],
    "a signature that comes late",
  );
  vault.hold = true;
  vault.restart();
  assert.equal(vault.held.length, 0, "nothing is given to the key store after a start");
  refused(vault, "VAULT_RETIRED", "after a start", () => vault.run(pay(next, "after"), TWO));
});

attacks("the successor is made to sign while the old vault still may", () => {
  const { vault, book } = besiege();
  const approved = request(vault, pay(book, "approved"));
  adopt(vault, handover(vault));
  const heir = on(vault, HEIR);
  const next = heir.state.book as Book;
  refused(heir, "SUCCESSION_WAITS", "approvals for it", () => heir.run(pay(next, "first"), TWO));
  heir.wait(DAY - 1);
  refused(heir, "SUCCESSION_WAITS", "at the last moment", () => heir.run(pay(next, "first"), TWO));
  heir.restart();
  heir.now = { lo: heir.state.at, hi: heir.now.hi + 30 * DAY };
  refused(heir, "SUCCESSION_WAITS", "with the wall clock far ahead, after a start", () => heir.run(pay(next, "first"), TWO));
  heir.wait(DAY);
  refused(heir, "WRONG_VAULT", "approvals for the old vault", () => heir.send(approved));
  honestlySigned(heir, () => heir.run(pay(next, "first"), TWO));
});

attacks("the old vault is put back to before the hand-over and goes on beside its successor", async () => {
  const { vault, book } = besiege();
  const before = vault.journal.length;
  const approved = request(vault, pay(book, "approved"));
  must(vault.run(pay(book, "signed"), TWO));
  adopt(vault, handover(vault));
  const seen = vault.ground().head;
  const heir = on(vault, HEIR);
  const old = on(vault, KEYS.vault, before);
  old.feed({ now: old.now, booted: someHash("put back") });
  refused(old, "BOOT_STALE", "approvals from before its start", () => old.send(approved));
  const ground = { ...old.ground(), head: seen };
  refused(old, "HEAD_UNKNOWN", "a device that has seen the hand-over", () =>
    old.send(world.execute([pay(book, "new")], world.approveAll(ground, pay(book, "new"), TWO))),
  );
  const next = heir.state.book as Book;
  const toHeir = world.approveAll({ ...heir.ground(), notAfter: LATER }, pay(next, "new"), TWO);
  refused(old, "WRONG_VAULT", "approvals for the successor", () => old.send(world.execute([pay(book, "new")], toHeir)));
  const toOld = world.approveAll(old.ground(), pay(book, "new"), TWO);
  heir.wait(DAY);
  refused(heir, "WRONG_VAULT", "approvals for the old one", () => heir.send(world.execute([pay(next, "new")], toOld)));
  await fails(() => {
    // No approval lives longer than its rulebook allows, so whatever the old vault may still sign has ended by now.
    assert.ok((heir.state.succession?.until ?? 0) >= vault.now.hi + book.document.approvalLifeMs);
  });
  refused(old, "NOT_AFTER_TOO_FAR", "an approval for the old one that outlives the wait", () => {
    const until = old.now.hi + book.document.approvalLifeMs + 1;
    const longer = world.approveAll({ ...old.ground(), notAfter: until }, pay(book, "new"), TWO);
    return old.send(world.execute([pay(book, "new")], longer));
  });
});

attacks("the life of approvals is shortened before the hand-over, so that the successor signs while older ones live", () => {
  const { vault, book } = besiege();
  const { governance } = book.document;
  const shorter = world.nextRulebook(book, { approvalLifeMs: HOUR, governance: { ...governance, delayMs: HOUR } });
  must(send(vault, shorter));
  vault.wait(DAY);
  const { state } = vault;
  const toOld = world.approveAll({ ...vault.ground(), notAfter: vault.now.hi + DAY }, pay(book, "old"), TWO);
  must(send(vault, shorter, [world.approveRulebook(vault.ground(), shorter, { key: KEYS.cleo, decision: "seen" })]));
  adopt(vault, handover(vault));
  const first = on(vault, HEIR);
  const second = on(vault, HEIR);
  adopt(second, handover(second, device("second heir")));
  const heirs = [
    ["at once", first, DAY - HOUR],
    ["by handing over once more", on(second, device("second heir")), DAY - 2 * HOUR],
  ] as const;
  for (const [how, heir, left] of heirs) {
    const paying = () => heir.run(pay(heir.state.book as Book, "new"), TWO);
    heir.wait(left - 1);
    refused(heir, "SUCCESSION_WAITS", how, paying);
    heir.wait(1);
    honestlySigned(heir, paying);
  }
  // The machine of the old vault, put back as it ran.
  vault.state = state;
  honestlySigned(vault, () => vault.send(world.execute([pay(book, "old")], toOld)));
});

attacks("one slot is signed with two contents by the two of them", async () => {
  const { vault, book } = besiege();
  const first = slotsOf(vault, pay(book, "first"));
  vault.hold = true;
  vault.run(pay(book, "committed"), TWO);
  vault.held.length = 0;
  vault.hold = false;
  adopt(vault, handover(vault));
  const heir = on(vault, HEIR);
  heir.wait(DAY);
  const next = heir.state.book as Book;
  await fails(() => {
    // What the old vault had committed is signed with the same bytes, whoever signs it; all else takes later slots.
    const again = must(heir.send(request(heir, pay(book, "committed"))));
    const slots = [...first, ...execution(again).transactions.flatMap((one) => one.slots), ...slotsOf(heir, pay(next, "new"))];
    assert.equal(new Set(slots).size, 3);
  });
  await fails(() => {
    assert.deepEqual(
      [pay(book, "committed"), pay(next, "new")].map((intent) => vault.run(intent, TWO).code),
      ["VAULT_RETIRED", "VAULT_RETIRED"],
    );
  });
});

attacks("another vault poses as the successor", () => {
  const { vault, book } = besiege();
  const early = on(vault, HEIR);
  refused(early, "VAULT_RETIRED", "before anything was adopted", () => early.run(pay(book, "first"), TWO));
  refused(early, "VAULT_RETIRED", "by having the hand-over adopted itself", () => send(early, handover(vault)));
  adopt(vault, handover(vault));
  const other = on(vault, device("other heir"));
  refused(other, "VAULT_RETIRED", "with the journal and the keys", () =>
    other.run(pay(other.state.book as Book, "first"), TWO),
  );
  const cut = on(vault, HEIR, vault.journal.length - 1);
  refused(cut, "VAULT_RETIRED", "with a journal that lacks the adoption", () => cut.run(pay(book, "first"), TWO));
});

attacks("a hand-over goes round the waiting, the veto and the signatures", () => {
  const { vault, book } = besiege();
  const next = handover(vault);
  must(send(vault, next));
  refused(vault, "DELAY_RUNNING", "at once", () => send(vault, next));
  const alone = (rulebook: Uint8Array) => () => vault.send(world.command({ command: "rulebook", rulebook, approvals: [] }));
  refused(vault, "GOVERNANCE_MISSING", "by one administrator", alone(world.signValue(Rulebook, next, KEYS.ada)));
  refused(vault, "KEY_UNKNOWN", "by a stranger", alone(world.signValue(Rulebook, next, KEYS.ada, KEYS.mallory)));
  vault.wait(DAY);
  refused(vault, "SEEN_MISSING", "unseen", () => send(vault, next));
  const veto = world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "veto" });
  must(vault.send(world.command({ command: "object", approval: veto })));
  refused(vault, "RULEBOOK_VETOED", "against a veto", () => send(vault, next));
  refused(vault, "WRONG_VAULT", "without saying so", () => send(vault, world.nextRulebook(book, { vault: HEIR.id })));
  refused(vault, "HEAD_UNKNOWN", "at a head that the journal lacks", () => {
    const head = { seq: vault.state.seq, hash: someHash("other") };
    return send(vault, { ...next, handover: { vault: vault.state.vault, head } });
  });
});

attacks("two rulebooks carry one epoch number", () => {
  const { vault, book } = besiege();
  const one = handover(vault);
  const two = handover(vault, device("other heir"));
  assert.deepEqual([one.epoch, one.base], [two.epoch, two.base]);
  adopt(vault, one);
  refused(vault, "VAULT_RETIRED", "the other one afterwards", () => send(vault, two));
  const heir = on(vault, HEIR);
  refused(heir, "RULEBOOK_BASE", "the other one at the successor", () => send(heir, two));
  refused(heir, "RULEBOOK_BASE", "the same again", () => send(heir, one));
  const other = on(vault, device("other heir"));
  refused(other, "VAULT_RETIRED", "the other one at whom it names", () => send(other, two));
  const shown = { ...heir.ground(), book: openBook(two) };
  const intent = pay(book, "first");
  heir.wait(DAY);
  refused(heir, "WRONG_VAULT", "approvals under the other one", () =>
    heir.send(world.execute([intent], world.approveAll({ ...shown, notAfter: heir.now.hi + 1 }, intent, TWO))),
  );
});

attacks("the successor is shown heads of the vault before, to stop it", () => {
  const { vault } = besiege();
  adopt(vault, handover(vault));
  const heir = on(vault, HEIR);
  vault.boot();
  const head = decode(Head, must(vault.send(world.command({ command: "head" }))).body);
  const shown = world.command({ command: "witness", head: world.signValue(Head, head, KEYS.vault) });
  refused(heir, "HEAD_UNKNOWN", "one that the retired vault has written since", () => heir.send(shown));
  assert.equal(heir.state.halted, false);
  const own = { ...head, vault: HEIR.id };
  refused(heir, "SIGNATURE_INVALID", "in its own name", () => {
    const posed = { ...HEIR, sign: (challenge: Uint8Array) => ({ ...KEYS.vault.sign(challenge), key: HEIR.id }) };
    return heir.send(world.command({ command: "witness", head: world.signValue(Head, own, posed) }));
  });
});
