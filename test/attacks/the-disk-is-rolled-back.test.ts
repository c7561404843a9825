/** The vault's disk is rolled back to before a payment, and the same approvals are sent again; or two vaults live on one
 *  history. */
import assert from "node:assert/strict";
import { openRecord } from "../../core/src/journal/record.ts";
import { Head } from "../../core/src/signed/head.ts";
import { decode } from "../../core/src/signed/object.ts";
import { apply } from "../../vault/src/state/apply.ts";
import { emptyState } from "../../vault/src/state/state.ts";
import { someHash } from "../world/keys.ts";
import { MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { aside, attacks, besiege, fails, honest, honestlySigned, refused, request, TWO } from "./attack.ts";

const { KEYS, ETH } = world;

/** A vault that starts on the first `length` records of another's journal. */
function restored(from: MemoryVault, length: number): MemoryVault {
  const journal = from.journal.slice(0, length);
  const vault = new MemoryVault(journal.map(openRecord).reduce(apply, emptyState(from.state.vaultKey)));
  vault.journal.unshift(...journal);
  // A start draws fresh entropy; the deterministic one of the tests would be the same in both histories.
  vault.feed({ now: vault.now, booted: someHash(`another start ${length}`) });
  return vault;
}

/** The head of a vault as it signs it. */
function headOf(vault: MemoryVault): Uint8Array {
  const { body } = must(vault.send(world.command({ command: "head" })));
  return world.sign(Head, body, KEYS.vault);
}

const witness = (head: Uint8Array) => world.command({ command: "witness", head });

attacks("the same approvals are sent to the restored vault", () => {
  const { vault, book } = besiege();
  const before = vault.journal.length;
  const intent = world.pay(book);
  const command = request(vault, intent);
  honestlySigned(vault, () => vault.send(command));
  must(vault.send(command));
  const seen = vault.ground();
  const old = restored(vault, before);
  refused(old, "BOOT_STALE", "the payment again", () => old.send(command));
  refused(old, "BOOT_STALE", "the payment again with another context", () =>
    old.send(world.execute([intent], command.approvals, { context: { gasLimit: 21_000 } })),
  );
  const second = world.pay(book, { reference: "pay-2", amount: 2n * ETH });
  const { boot } = old.ground();
  const onNewest = world.approveAll({ ...seen, boot }, second, TWO);
  refused(old, "HEAD_UNKNOWN", "approvals that name a head which it lost", () => old.send(world.execute([second], onNewest)));
  const mixed = [...world.approveAll(old.ground(), second, [KEYS.amy]), onNewest[2] as Uint8Array];
  refused(old, "HEAD_UNKNOWN", "one such approval among others", () => old.send(world.execute([second], mixed)));
  honestlySigned(old, () => old.run(second, TWO));
});

attacks("the restored vault is shown the head that it lost", () => {
  const { vault, book } = besiege();
  const before = vault.journal.length;
  const early = headOf(vault);
  must(vault.run(world.pay(book), TWO));
  const late = headOf(vault);
  honest(vault, () => vault.send(witness(late)));
  const old = restored(vault, before);
  honest(old, () => old.send(witness(early)));
  refused(old, "ROLLED_BACK", "it stops", () => old.send(witness(late)));
  old.send(witness(late));
  assert.equal(decode(Head, must(old.send(world.command({ command: "head" }))).body).halted, true);
  const second = world.pay(book, { reference: "pay-2" });
  const { signedGenesis: genesis, signedRulebook: rulebook } = world.makeWorld();
  const commands: Parameters<typeof world.command>[0][] = [
    { command: "found", genesis, rulebook },
    { command: "inform", facts: [] },
    { command: "address", wallet: "treasury", index: 0 },
    { command: "rulebook", rulebook, approvals: [] },
    { command: "register", intent: Uint8Array.of(0), approvals: [] },
    { command: "object", approval: Uint8Array.of(0) },
    { command: "witness", head: early },
  ];
  for (const command of commands) refused(old, "ROLLED_BACK", command.command, () => old.send(world.command(command)));
  refused(old, "ROLLED_BACK", "execute", () => old.run(second, TWO));
  const show = (what: "execution" | "wallet", name: string) => old.send(world.command({ command: "show", what, name }));
  refused(old, "ROLLED_BACK", "a signature that it made", () => show("execution", world.intentId(world.pay(book))));
  must(show("wallet", "treasury"));
  old.restart();
  refused(old, "ROLLED_BACK", "execute after a restart", () => old.run(second, TWO));
});

attacks("a payment that is being signed when the vault stops is given out", () => {
  const { vault, book } = besiege();
  const before = vault.journal.length;
  must(vault.run(world.pay(book), TWO));
  const late = headOf(vault);
  const old = restored(vault, before);
  const second = world.pay(book, { reference: "pay-2" });
  aside(old, () => {
    old.hold = true;
    old.run(second, TWO);
    old.hold = false;
    assert.deepEqual(
      old.release().map((answer) => answer.code),
      ["OK"],
    );
  });
  old.hold = true;
  old.run(second, TWO);
  old.send(witness(late));
  old.hold = false;
  refused(old, "ROLLED_BACK", "asked for again", () => old.run(second, TWO));
  assert.deepEqual(
    old.release().map((answer) => answer.code),
    ["ROLLED_BACK"],
  );
});

attacks("what a stopped vault was to sign is signed after a restart", async () => {
  for (const halted of [false, true]) {
    const { vault, book } = besiege();
    const before = vault.journal.length;
    must(vault.run(world.pay(book), TWO));
    const late = headOf(vault);
    const old = restored(vault, before);
    old.hold = true;
    old.run(world.pay(book, { reference: "pay-2" }), TWO);
    old.run(world.wallet(book, { wallet: "second" }), [KEYS.carl]);
    if (halted) old.send(witness(late));
    old.held.length = 0;
    await fails(() => {
      old.restart();
      assert.equal(old.held.length, halted ? 0 : 2, "a vault that has stopped gives nothing to its key store");
    });
  }
});

attacks("a head is forged to stop a vault, or to hide that it was rolled back", () => {
  const { vault, book } = besiege();
  const { body } = must(vault.send(world.command({ command: "head" })));
  const head = decode(Head, body);
  honest(vault, () => vault.send(witness(world.sign(Head, body, KEYS.vault))));
  const longer = { ...head, head: { seq: head.head.seq + 100, hash: someHash("other") } };
  const other = { ...head, head: { ...head.head, hash: someHash("other") } };
  for (const [how, value] of [
    ["longer", longer],
    ["another history", other],
  ] as const) {
    refused(vault, "WRONG_VAULT", `${how}, by a stranger`, () =>
      vault.send(witness(world.signValue(Head, value, KEYS.mallory))),
    );
    refused(vault, "WRONG_VAULT", `${how}, of another vault`, () =>
      vault.send(witness(world.signValue(Head, { ...value, vault: KEYS.mallory.id }, KEYS.vault))),
    );
    refused(vault, "WRONG_VAULT", `${how}, signed twice`, () =>
      vault.send(witness(world.signValue(Head, value, KEYS.vault, KEYS.mallory))),
    );
    const posed = { ...KEYS.vault, sign: (challenge: Uint8Array) => ({ ...KEYS.mallory.sign(challenge), key: KEYS.vault.id }) };
    refused(vault, "SIGNATURE_INVALID", `${how}, in the vault's name`, () =>
      vault.send(witness(world.signValue(Head, value, posed))),
    );
  }
  assert.equal(vault.state.halted, false);
  honestlySigned(vault, () => vault.run(world.pay(book), TWO));
});

attacks("two vaults hold one seed", () => {
  const { vault, book } = besiege();
  const twin = besiege({ vaultKey: KEYS.mallory.publicKey });
  const intent = world.pay(book);
  const command = request(vault, intent);
  honestlySigned(vault, () => vault.send(command));
  refused(twin.vault, "WRONG_DEPLOYMENT", "the other deployment's payment", () => twin.vault.send(command));
  const theirs = world.pay(twin.book);
  honestlySigned(twin.vault, () => twin.vault.run(theirs, TWO));
  const ours = world.approveAll(vault.ground(), { ...theirs }, TWO);
  refused(twin.vault, "WRONG_DEPLOYMENT", "its own payment with approvals for the other", () =>
    twin.vault.send(world.execute([theirs], ours)),
  );
  const named = { ...twin.vault.ground(), book: twin.book };
  const change = { vault: book.document.vault };
  const misnamed = world.approve(named, theirs, { key: KEYS.bob, change });
  const [tom, amy] = world.approveAll(named, theirs, TWO) as [Uint8Array, Uint8Array];
  refused(twin.vault, "WRONG_VAULT", "an approval that names the other vault", () =>
    twin.vault.send(world.execute([theirs], [tom, amy, misnamed])),
  );
});

attacks("a copy of the whole vault runs beside it", () => {
  const { vault, book } = besiege();
  const copy = restored(vault, vault.journal.length);
  const first = world.pay(book);
  honestlySigned(copy, () => copy.run(first, TWO));
  const command = request(vault, first);
  refused(copy, "BOOT_STALE", "a payment approved for the first", () => copy.send(command));
  must(vault.send(command));
  const second = world.pay(book, { reference: "pay-2" });
  const seen = { ...copy.ground(), head: vault.ground().head };
  refused(copy, "HEAD_UNKNOWN", "approvers who have seen the first one's head", () =>
    copy.send(world.execute([second], world.approveAll(seen, second, TWO))),
  );
  refused(copy, "ROLLED_BACK", "the first one's head is shown to it", () => copy.send(witness(headOf(vault))));
});
