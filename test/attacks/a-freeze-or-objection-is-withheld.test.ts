/** A freeze, rejection, veto or removal of a key is withheld and comes late, or an old one is replayed; and a freeze comes
 *  between commitment and signature. Freezes and objections bind however late; a signature that was not given out never is. */
import assert from "node:assert/strict";
import { FreezeBody } from "../../core/src/protocol/command.ts";
import type { Approval } from "../../core/src/signed/approval.ts";
import type { IntentOf } from "../../core/src/signed/intent.ts";
import { Intent } from "../../core/src/signed/intent.ts";
import { decode, encode } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { someHash } from "../world/keys.ts";
import { execution, type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { aside, attacks, besiege, fails, honest, honestlySigned, refused, type Siege, TWO } from "./attack.ts";

const { KEYS, HOUR, ETH } = world;
const BUMP = { maxFeePerGas: 40_000_000_000n, maxPriorityFeePerGas: 4_000_000_000n };

/** What was made under another boot, rulebook and history. */
const LATE: Partial<Approval> = {
  rulebook: world.ZERO,
  epoch: 77,
  boot: world.ZERO,
  head: { seq: 99, hash: someHash("other") },
  textHash: world.ZERO,
};

attacks("a freeze comes after restarts and under an older rulebook, and holds", () => {
  const { vault, book } = besiege();
  const intent = world.freeze(book);
  const approval = world.approve(vault.ground(), intent, { key: KEYS.olga, decision: "initiate", change: LATE });
  const pay = () => vault.run(world.pay(book), TWO);
  honestlySigned(vault, pay);
  vault.boot();
  must(vault.send(world.execute([intent], [approval])));
  refused(vault, "FROZEN", "a payment", pay);
  refused(vault, "FROZEN", "a new entry", () =>
    vault.run(world.enter(book, world.entryOf(book, { name: "new", address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" })), [
      KEYS.carl,
    ]),
  );
  refused(vault, "FROZEN", "the end of an entry", () => vault.run(world.retire(book, world.acme(book)), [KEYS.carl]));
  refused(vault, "FROZEN", "a new wallet", () => vault.run(world.wallet(book, { wallet: "second" }), [KEYS.carl]));
  vault.restart();
  refused(vault, "FROZEN", "after a restart", pay);
});

const LEVELS: readonly [IntentOf<"freeze">["level"], string][] = [
  ["institution", ""],
  ["chain", String(world.CHAIN)],
  ["asset", "eth"],
  ["wallet", "treasury"],
  ["destination", "acme"],
  ["destination", "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"],
  ["person", "tom"],
  ["person", "amy"],
];

for (const [level, subject] of LEVELS) {
  attacks(`a payment goes around a freeze of ${level} ${subject}`, () => {
    const { vault, book } = besiege();
    const pay = world.pay(book);
    honestlySigned(vault, () => vault.run(pay, TWO));
    aside(vault, () => {
      vault.hold = true;
      vault.run(pay, TWO);
      vault.hold = false;
      must(vault.run(world.freeze(book, { level, subject }), []));
      assert.deepEqual(codes(vault), ["FROZEN"], "committed before, signed after: withheld");
      refused(vault, "FROZEN", "resumed", () => vault.run(pay, TWO));
      refused(vault, "INTENT_UNKNOWN", "shown", () => shown(vault, "unknown"));
      assert.equal(transactionsShown(vault, pay), 0, "the signature is not shown");
    });
    must(vault.run(world.freeze(book, { level, subject }), []));
    refused(vault, "FROZEN", "a new payment", () => vault.run(pay, TWO));
    vault.restart();
    refused(vault, "FROZEN", "after a restart", () => vault.run(pay, TWO));
  });
}

/** Codes of the answers when the key store is done. */
function codes(vault: MemoryVault): readonly string[] {
  return vault.release().map((answer) => answer.code);
}

function shown(vault: MemoryVault, name: string) {
  return vault.send(world.command({ command: "show", what: "execution", name }));
}

function transactionsShown(vault: MemoryVault, intent: Intent): number {
  return execution(shown(vault, world.intentId(intent))).transactions.length;
}

attacks("a freeze of one thing is taken for a freeze of another", () => {
  const { vault, book } = besiege();
  must(vault.run(world.wallet(book, { wallet: "eth" }), [KEYS.carl]));
  must(vault.send(world.command({ command: "address", wallet: "eth", index: 0 })));
  const zoe = world.pay(book, {
    destination: world.destinationOf(world.zoe(book)),
    initiator: KEYS.tina.id,
    wallet: "eth",
    asset: "usdx",
    amount: 1n,
  });
  const facts = [world.screening(book, world.zoe(book))];
  const others: readonly (typeof LEVELS)[number][] = [...LEVELS.slice(2), ["wallet", "treasury"]];
  for (const [level, subject] of others) {
    aside(vault, () => {
      must(vault.run(world.freeze(book, { level, subject }), []));
      honestlySigned(vault, () => vault.run(zoe, [KEYS.bob, KEYS.carl], { facts }));
      refused(vault, "FROZEN", `${level} ${subject}`, () => vault.run(world.pay(book), TWO));
    });
  }
  aside(vault, () => {
    must(vault.run(world.freeze(book, { level: "destination", subject: world.acme(book).address }), []));
    honest(vault, () => vault.run(world.wallet(book, { wallet: "third" }), [KEYS.carl]));
    honest(vault, () => vault.run(world.retire(book, world.zoe(book)), [KEYS.carl]));
    refused(vault, "FROZEN", "the end of the frozen entry", () => vault.run(world.retire(book, world.acme(book)), [KEYS.carl]));
  });
  must(vault.run(world.freeze(book, { level: "asset", subject: "eth" }), []));
  const otto = (change: Parameters<typeof world.freeze>[1]) =>
    vault.run(world.freeze(book, { initiator: KEYS.otto.id, reference: "freeze-2", ...change }), []);
  honest(vault, () => otto({ level: "asset", subject: "usdx" }));
  honest(vault, () => otto({ level: "wallet", subject: "eth" }));
  refused(vault, "ALREADY_FROZEN", "the very same", () => otto({ level: "asset", subject: "eth" }));
});

attacks("a freeze hides what can no longer be stopped", async () => {
  const { vault, book } = besiege();
  const pay = (reference: string) => world.pay(book, { reference });
  const ids = (answer: ReturnType<typeof vault.send>) => execution(answer).transactions.map(({ id }) => id);
  const [a, b] = ["a", "b"].map((reference) => ids(vault.run(pay(reference), TWO))) as [string[], string[]];
  const bumped = world.pay(book, { reference: "c", replaces: world.intentId(pay("b")) });
  const c = ids(vault.run(bumped, TWO, { context: BUMP }));
  const batch = [pay("d"), pay("e")];
  const de = ids(
    vault.send(
      world.execute(
        batch,
        batch.flatMap((item) => world.approveAll(vault.ground(), item, TWO)),
      ),
    ),
  );
  vault.hold = true;
  vault.run(pay("f"), TWO);
  vault.hold = false;
  must(vault.send(world.command({ command: "inform", facts: world.finality(book, a[0] as string) })));
  await fails(() => {
    const { body } = honest(vault, () => vault.run(world.freeze(book), []));
    const { live } = decode(FreezeBody, body);
    assert.deepEqual(
      live.map(({ id }) => id),
      [...de, ...c, ...b],
      "every version that is out and not final, newest first",
    );
  });
});

attacks("the name behind a frozen address is changed", () => {
  const { vault, book } = besiege();
  const acme = world.acme(book);
  const alias = { ...acme, name: "alias" };
  must(vault.run(world.enter(book, alias), [KEYS.carl]));
  const pay = world.pay(book, { destination: world.destinationOf(alias) });
  honestlySigned(vault, () => vault.run(pay, TWO));
  must(vault.run(world.freeze(book, { level: "destination", subject: "acme" }), []));
  refused(vault, "FROZEN", "another name of the same address", () => vault.run(pay, TWO));
  refused(vault, "FROZEN", "the name itself", () => vault.run(world.pay(book), TWO));
});

attacks("a freeze is stopped by a rejection, a used reference or a misspelling", async () => {
  const { vault, book } = besiege();
  const intent = world.freeze(book);
  const reject = world.approve(vault.ground(), intent, { key: KEYS.tom, decision: "reject" });
  await fails(() => {
    aside(vault, () => {
      vault.send(world.command({ command: "object", approval: reject }));
      must(vault.run(intent, []));
      refused(vault, "FROZEN", "the freeze holds", () => vault.run(world.pay(book), TWO));
    });
  });
  await fails(() => {
    aside(vault, () => {
      must(vault.run(world.retire(book, world.zoe(book), { reference: intent.reference }), [KEYS.carl]));
      must(vault.run(intent, []));
    });
  });
  const odd: readonly [IntentOf<"freeze">["level"], string][] = [
    ["institution", "acme"],
    ["chain", "1"],
    ["asset", "btc"],
    ["wallet", "treasure"],
    ["destination", "acmee"],
    ["person", "dan"],
  ];
  for (const [level, subject] of odd) {
    refused(vault, "BAD_VALUE", `${level} ${subject}`, () => vault.run(world.freeze(book, { level, subject }), []));
  }
});

attacks("an old freeze is replayed after it was lifted", () => {
  const { vault, book } = besiege();
  const intent = world.freeze(book);
  const command = world.execute([intent], world.approveAll(vault.ground(), intent, []));
  honest(vault, () => vault.send(command));
  must(vault.send(command));
  must(vault.send(command));
  lift(vault, book, intent);
  refused(vault, "INTENT_USED", "the same", () => vault.send(command));
  refused(vault, "INTENT_USED", "signed again", () => vault.run(intent, []));
  honestlySigned(vault, () => vault.run(world.pay(book, { notAfter: vault.now.hi + HOUR }), TWO));
  vault.wait(HOUR);
  const old = world.freeze(book, { reference: "freeze-2" });
  refused(vault, "EXPIRED", "one that was never sent and has expired", () => vault.run(old, []));
});

/** Lifts a freeze with honest approvals, after its delay. */
function lift(vault: MemoryVault, book: Siege["book"], freeze: IntentOf<"freeze">): void {
  const intent = world.unfreeze(book, world.intentId(freeze), {
    notAfter: vault.now.hi + 2 * HOUR,
    reference: `lift ${freeze.reference}`,
  });
  const approvals = world.approveAll(vault.ground(), intent, []);
  must(vault.send(world.command({ command: "register", intent: encode(Intent, intent), approvals })));
  vault.wait(HOUR);
  must(vault.run(intent, [KEYS.ben, KEYS.otto]));
}

attacks("a freeze is lifted by too few, too early, or without being registered", () => {
  const { vault, book } = besiege();
  const freeze = world.freeze(book);
  must(vault.run(freeze, []));
  const intent = world.unfreeze(book, world.intentId(freeze));
  const register = () =>
    vault.send(
      world.command({
        command: "register",
        intent: encode(Intent, intent),
        approvals: world.approveAll(vault.ground(), intent, []),
      }),
    );
  refused(vault, "NOT_REGISTERED", "not registered", () => vault.run(intent, [KEYS.ben, KEYS.otto]));
  must(register());
  refused(vault, "DELAY_RUNNING", "at once", () => vault.run(intent, [KEYS.ben, KEYS.otto]));
  vault.wait(HOUR - 1);
  must(register());
  refused(vault, "DELAY_RUNNING", "a millisecond early", () => vault.run(intent, [KEYS.ben, KEYS.otto]));
  vault.wait(1);
  honest(vault, () => vault.run(intent, [KEYS.ben, KEYS.otto]));
  refused(vault, "QUORUM_MISSING", "by one administrator", () => vault.run(intent, [KEYS.otto]));
  refused(vault, "QUORUM_MISSING", "without an officer", () => vault.run(intent, [KEYS.ben, KEYS.cleo]));
  refused(vault, "QUORUM_MISSING", "by officers", () => vault.run(intent, [KEYS.olga, KEYS.otto]));
  const other = world.unfreeze(book, world.ZERO, { reference: "unfreeze-2" });
  refused(vault, "NOT_FROZEN", "one that is none", () => vault.run(other, [KEYS.ben, KEYS.otto]));
  const now = must(vault.send(world.command({ command: "status" })));
  assert.ok(now.body.length > 0);
});

attacks("one person keeps a freeze in force by rejecting every end of it", () => {
  const { vault, book } = besiege();
  const freeze = world.freeze(book);
  must(vault.run(freeze, []));
  const intent = world.unfreeze(book, world.intentId(freeze));
  const approvals = world.approveAll(vault.ground(), intent, []);
  must(vault.send(world.command({ command: "register", intent: encode(Intent, intent), approvals })));
  const approval = world.approve(vault.ground(), intent, { key: KEYS.tom, decision: "reject" });
  vault.send(world.command({ command: "object", approval }));
  refused(vault, "FROZEN", "until then it holds", () => vault.run(world.pay(book), TWO));
  vault.wait(HOUR);
  honest(vault, () => vault.run(intent, [KEYS.ben, KEYS.otto]));
});

attacks("a rejection is withheld until the payment is committed, and still holds the signature back", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book);
  const approval = world.approve(vault.ground(), intent, { key: KEYS.carl, decision: "reject", change: LATE });
  const reject = () => vault.send(world.command({ command: "object", approval }));
  honestlySigned(vault, () => vault.run(intent, TWO));
  aside(vault, () => {
    vault.hold = true;
    vault.run(intent, TWO);
    vault.hold = false;
    must(reject());
    assert.deepEqual(codes(vault), ["INTENT_REJECTED"]);
    refused(vault, "INTENT_REJECTED", "resumed", () => vault.run(intent, TWO));
    assert.equal(transactionsShown(vault, intent), 0);
  });
  aside(vault, () => {
    must(vault.run(intent, TWO));
    refused(vault, "INTENT_USED", "after the signature it is too late, and said so", reject);
  });
  aside(vault, () => {
    must(reject());
    const { seq } = vault.state;
    must(reject());
    assert.equal(vault.state.seq, seq, "twice is as once");
  });
  const done = world.approve(vault.ground(), world.enter(book, world.acme(book)), { key: KEYS.carl, decision: "reject" });
  refused(vault, "INTENT_USED", "what was done at once", () =>
    vault.send(world.command({ command: "object", approval: done })),
  );
  const forged = world.approve(vault.ground(), intent, { key: { ...KEYS.carl, sign: KEYS.mallory.sign }, decision: "reject" });
  refused(vault, "KEY_UNKNOWN", "forged", () => vault.send(world.command({ command: "object", approval: forged })));
  const foreign = world.approve(vault.ground(), intent, {
    key: KEYS.carl,
    decision: "reject",
    change: { deployment: world.ZERO },
  });
  refused(vault, "WRONG_DEPLOYMENT", "of another deployment", () =>
    vault.send(world.command({ command: "object", approval: foreign })),
  );
  const elsewhere = world.approve(vault.ground(), intent, {
    key: KEYS.carl,
    decision: "reject",
    change: { vault: KEYS.mallory.id },
  });
  refused(vault, "WRONG_VAULT", "to another vault", () =>
    vault.send(world.command({ command: "object", approval: elsewhere })),
  );
  const approve = world.approve(vault.ground(), intent, { key: KEYS.carl });
  refused(vault, "DECISION_WRONG", "an approval", () => vault.send(world.command({ command: "object", approval: approve })));
  const [expired, far] = [vault.now.hi, vault.now.hi + 2 * world.DAY].map((notAfter) =>
    world.approve(vault.ground({ notAfter }), intent, { key: KEYS.carl, decision: "reject" }),
  ) as [Uint8Array, Uint8Array];
  refused(vault, "EXPIRED", "from long ago", () => vault.send(world.command({ command: "object", approval: expired })));
  refused(vault, "NOT_AFTER_TOO_FAR", "for ever", () => vault.send(world.command({ command: "object", approval: far })));
});

attacks("a withheld payment is resumed with what was spent on it", () => {
  const { vault, book } = besiege();
  const intent = world.pay(book, { notAfter: vault.now.hi + 8 * HOUR });
  const approvals = world.approveAll(vault.ground({ notAfter: vault.now.hi + 6 * HOUR }), intent, TWO);
  const freeze = world.freeze(book);
  vault.hold = true;
  vault.send(world.execute([intent], approvals));
  vault.hold = false;
  must(vault.run(freeze, []));
  assert.deepEqual(codes(vault), ["FROZEN"]);
  lift(vault, book, freeze);
  honestlySigned(vault, () => vault.run(intent, TWO));
  refused(vault, "APPROVAL_SPENT", "the approvals from before", () => vault.send(world.execute([intent], approvals)));
  refused(vault, "QUORUM_MISSING", "one approver less", () => vault.run(intent, [KEYS.amy]));
  const cancel = world.cancel(book, world.intentId(intent), { notAfter: vault.now.hi + HOUR });
  honestlySigned(vault, () => vault.run(cancel, TWO, { context: BUMP }));
  aside(vault, () => {
    must(vault.run(cancel, TWO, { context: BUMP }));
    refused(vault, "SLOT_TAKEN", "after it was cancelled", () => vault.run(intent, TWO));
  });
  aside(vault, () => {
    const limits = book.document.limits.map((limit) => (limit.assets.includes("eth") ? { ...limit, most: ETH / 2n } : limit));
    tighten(vault, { limits });
    refused(vault, "LIMIT_EXCEEDED", "under a limit that was lowered since", () => vault.run(intent, TWO));
  });
  aside(vault, () => {
    vault.wait(24 * HOUR);
    refused(vault, "EXPIRED", "after it expired", () => vault.run(intent, TWO));
  });
});

/** A vault with a withheld payment of this intent, thawed again. */
function withheld(intent: (book: Siege["book"]) => IntentOf<"pay">, before: (siege: Siege) => void = () => undefined) {
  const siege = besiege();
  const { vault, book } = siege;
  before(siege);
  const pay = intent(book);
  const freeze = world.freeze(book);
  const more = pay.replaces === undefined ? {} : { context: BUMP };
  vault.hold = true;
  vault.run(pay, TWO, more);
  vault.hold = false;
  must(vault.run(freeze, []));
  assert.deepEqual(codes(vault), ["FROZEN"]);
  lift(vault, book, freeze);
  return { ...siege, pay };
}

/** Has a weakening adopted, after its delay. */
function weaken({ vault }: Siege, change: Partial<Rulebook>): void {
  const book = vault.state.book as Siege["book"];
  const next = world.nextRulebook(book, change);
  const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  const send = (...approvals: readonly Uint8Array[]) =>
    must(vault.send(world.command({ command: "rulebook", rulebook, approvals })));
  send();
  vault.wait(world.DAY);
  send(world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "seen" }));
}

for (const gone of ["bob", "tom"]) {
  attacks(`a payment is committed before ${gone}'s key is removed, and signed after`, () => {
    const { vault, book } = besiege();
    const pay = world.pay(book);
    const approvals = world.approveAll(vault.ground(), pay, TWO);
    const run = () => vault.send(world.execute([pay], approvals));
    honestlySigned(vault, run);
    vault.hold = true;
    run();
    vault.hold = false;
    const { persons, groups } = book.document;
    const asked = vault.held.splice(0);
    tighten(vault, {
      persons: persons.filter(({ id }) => id !== gone),
      groups: groups.map((group) => ({ ...group, members: group.members.filter((id) => id !== gone) })),
    });
    aside(vault, () => {
      vault.held.push(...asked);
      assert.deepEqual(codes(vault), [], "the key store was asked before, and answers after");
      refused(vault, "WRONG_RULEBOOK", "resumed with what he had signed", run);
      refused(vault, "KEY_UNKNOWN", "signed by him once more", () => vault.run(pay, TWO));
      assert.equal(transactionsShown(vault, pay), 0, "the signature is not shown");
    });
    vault.hold = true;
    vault.restart();
    vault.hold = false;
    assert.deepEqual(vault.held, [], "a start that comes after asks for nothing");
  });
}

const LONG = { notAfter: world.NOW + 9 * world.DAY };

attacks("a withheld payment is resumed under a rulebook that it no longer fits", () => {
  const usdx = (book: Siege["book"]) => world.pay(book, { ...LONG, asset: "usdx", amount: 5n });
  const run = ({ vault, pay }: ReturnType<typeof withheld>) => vault.run(pay, TWO);
  const dear = withheld(usdx);
  honestlySigned(dear.vault, () => run(dear));
  weaken(dear, { chains: dear.book.document.chains.map((chain) => ({ ...chain, maxFee: 1n })) });
  refused(dear.vault, "FEE_TOO_HIGH", "a fee that is no longer allowed", () => run(dear));
  const moved = withheld(usdx);
  const contract = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
  weaken(moved, { assets: moved.book.document.assets.map((asset) => (asset.id === "usdx" ? { ...asset, contract } : asset)) });
  refused(moved.vault, "EFFECT_MISMATCH", "a token that moved", () => run(moved));
});

attacks("a withheld payment is resumed outside of the limits", () => {
  const eth = (book: Siege["book"]) => world.pay(book, LONG);
  const FEE = 90_000n * 20_000_000_000n;
  const capped = ({ vault, book }: Siege, amount: bigint) => {
    const limits = book.document.limits.map((limit) => (limit.id === "institution-eth" ? { ...limit, most: amount } : limit));
    tighten(vault, { limits });
  };
  const exact = withheld(eth);
  capped(exact, ETH + FEE);
  honestlySigned(exact.vault, () => exact.vault.run(exact.pay, TWO));
  const less = withheld(eth);
  capped(less, ETH + FEE - 1n);
  refused(less.vault, "LIMIT_EXCEEDED", "one wei too much", () => less.vault.run(less.pay, TWO));
  const added = withheld(eth);
  const extra = {
    id: "extra",
    measure: "amount",
    level: "institution",
    assets: ["eth"],
    most: 100n * ETH,
    window: { type: "rolling", ms: world.DAY },
  } as const;
  tighten(added.vault, { limits: [...added.book.document.limits, extra] });
  refused(added.vault, "LIMIT_EXCEEDED", "a limit that it was never counted in", () => added.vault.run(added.pay, TWO));
  const old = withheld(eth);
  old.vault.wait(2 * world.DAY);
  refused(old.vault, "LIMIT_EXCEEDED", "a window that has rolled on", () => old.vault.run(old.pay, TWO));
});

attacks("a withheld replacement is resumed", () => {
  const first = (book: Siege["book"]) => world.pay(book, { ...LONG, reference: "first" });
  const again = withheld(
    (book) => world.pay(book, { ...LONG, reference: "again", replaces: world.intentId(first(book)) }),
    ({ vault, book }) => must(vault.run(first(book), TWO)),
  );
  const { vault, book, pay } = again;
  honestlySigned(vault, () => vault.run(pay, TWO));
  const facts = world.finality(book, execution(vault.run(first(book), TWO)).transactions[0]?.id as string, {
    at: vault.now.hi,
  });
  must(vault.send(world.command({ command: "inform", facts })));
  refused(vault, "SLOT_TAKEN", "after what it replaces was final", () => vault.run(pay, TWO));
});

function tighten(vault: MemoryVault, change: Partial<Rulebook>): void {
  const next = world.nextRulebook(vault.state.book as Siege["book"], change);
  const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
  must(vault.send(world.command({ command: "rulebook", rulebook, approvals: [] })));
  assert.equal(vault.state.book?.document.epoch, next.epoch);
}
