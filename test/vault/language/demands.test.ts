/** What requirements demand beside quorums and delays: facts of every kind, an age of the entry, a short life of approvals; and
 *  what governance demands of every payment from a class of wallets. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { NOTHING, OPEN } from "../../../core/src/rulebook/open.ts";
import type { Fact } from "../../../core/src/signed/fact.ts";
import type { IntentOf } from "../../../core/src/signed/intent.ts";
import type { Needed, Requirement, Rulebook } from "../../../core/src/signed/rulebook.ts";
import { device, someHash } from "../../world/keys.ts";
import { TOKEN } from "../../world/rulebook.ts";
import { type MemoryVault, must } from "../../world/vault.ts";
import * as world from "../../world/world.ts";
import { addressOf, bookOf, bumped, cancelOf, LATER, payment, refused, send, vaultWith } from "../ground.ts";

const { KEYS, NOW, HOUR, DAY } = world;
const TWO = [KEYS.amy, KEYS.bob];

/** A vault with one more requirement for payments. */
function demanding(demands: Partial<Requirement>, more: (book: Rulebook) => Partial<Rulebook> = () => ({})): MemoryVault {
  return vaultWith((book) => ({
    ...more(book),
    rules: [...book.rules, { ...OPEN, ...NOTHING, id: "new", kinds: ["pay"], ...demands }],
  }));
}

// facts

type Type = Exclude<Needed["type"], "screening" | "price">;
const ORACLE = device("oracle");
const CODE = someHash("code of the token");

/** A vault whose payments take one fact of this type. */
function informed(type: Type, more: (book: Rulebook) => Partial<Rulebook> = () => ({})): MemoryVault {
  return demanding({ facts: [{ type, sources: ["oracle"], atLeast: 1, maxAgeMs: HOUR }] }, (book) => ({
    sources: [...book.sources, { id: "oracle", type, publicKey: ORACLE.publicKey }],
    assets: book.assets.map((asset) => (asset.id === "usdx" ? { ...asset, codeHash: CODE } : asset)),
    ...more(book),
  }));
}

type Saying = { readonly type: Type; readonly subject: string } & { readonly [field: string]: unknown };

function said(vault: MemoryVault, fact: Saying, at = vault.now.hi): Uint8Array {
  const { deployment } = bookOf(vault).document;
  return world.signFact({ version: 1, deployment, source: "oracle", at, ...fact } as unknown as Fact, ORACLE);
}

/** For each type: what speaks for the payment, what against it, and what is about something else. */
const SAYINGS: { readonly [T in Type]: (vault: MemoryVault, intent: IntentOf<"pay">) => readonly [good: object, bad: object] } =
  {
    code: () => [{ codeHash: CODE }, { codeHash: someHash("other code") }],
    nonce: () => [{ next: 0 }, { next: 1 }],
    clock: () => [{}, {}],
    "travel-rule": () => [{ exchange: "complete" }, { exchange: "refused" }],
    simulation: () => [{ effect: "as-stated" }, { effect: "differs" }],
  };

function subjectOf(vault: MemoryVault, type: Type, intent: IntentOf<"pay">): string {
  const id = world.intentId(intent);
  const from = addressOf(vault, "treasury");
  return {
    code: `code:${world.CHAIN}:${TOKEN}`,
    nonce: `nonce:${world.CHAIN}:${from}`,
    clock: "clock",
    "travel-rule": `intent:${id}`,
    simulation: `intent:${id}`,
  }[type];
}

for (const type of Object.keys(SAYINGS) as Type[]) {
  test(`${type}: a fresh fact about this very action lets it pass; missing, stale, foreign or adverse refuses`, () => {
    const vault = informed(type);
    const intent = payment(vault, { asset: "usdx", amount: 5n });
    const subject = subjectOf(vault, type, intent);
    const [good, bad] = SAYINGS[type](vault, intent);
    const run = (...facts: readonly Uint8Array[]) => vault.run(intent, TWO, { facts });
    refused(vault, "FACT_MISSING", () => run(), "rules.new.facts");
    refused(vault, "FACT_MISSING", () => run(said(vault, { type, subject: `${subject}0`, ...good })), "rules.new.facts");
    refused(vault, "FACT_STALE", () => run(said(vault, { type, subject, ...good }, NOW - HOUR - 1)), "rules.new.facts");
    must(run(said(vault, { type, subject, ...good })));
    if (type === "clock") return;
    const other = informed(type);
    const facts = [said(other, { type, subject: subjectOf(other, type, payment(other, intent)), ...bad })];
    refused(other, "FACT_ADVERSE", () => other.run(payment(other, intent), TWO, { facts }), "rules.new.facts");
  });
}

test("an adverse word of the travel rule or a simulation is remembered against the intent, whatever is sent later", () => {
  for (const [type, field, bad] of [
    ["travel-rule", "exchange", "refused"],
    ["simulation", "effect", "differs"],
  ] as const) {
    const facts: Requirement["facts"] = [{ type, sources: ["oracle", "second"], atLeast: 1, maxAgeMs: HOUR }];
    const vault = demanding({ facts }, (book) => ({
      sources: [
        ...book.sources,
        { id: "oracle", type, publicKey: ORACLE.publicKey },
        { id: "second", type, publicKey: KEYS.mallory.publicKey },
      ],
    }));
    const intent = payment(vault);
    const subject = `intent:${world.intentId(intent)}`;
    must(vault.send(world.command({ command: "inform", facts: [said(vault, { type, subject, [field]: bad })] })));
    const { deployment } = bookOf(vault).document;
    const good = type === "simulation" ? { effect: "as-stated" } : { exchange: "complete" };
    const fact = { version: 1, deployment, source: "second", type, subject, at: NOW, ...good } as unknown as Fact;
    const sent = { facts: [world.signFact(fact, KEYS.mallory)] };
    refused(vault, "FACT_ADVERSE", () => vault.run(intent, TWO, sent), "rules.new.facts");
  }
});

test("another code, or a number that is ahead, counts until its source says otherwise, whatever others say", () => {
  for (const type of ["code", "nonce"] as const) {
    const facts: Requirement["facts"] = [{ type, sources: ["oracle", "second"], atLeast: 1, maxAgeMs: HOUR }];
    const second = { id: "second", type, publicKey: KEYS.mallory.publicKey };
    const vault = demanding({ facts }, (book) => ({
      sources: [...book.sources, { id: "oracle", type, publicKey: ORACLE.publicKey }, second],
      assets: book.assets.map((asset) => (asset.id === "usdx" ? { ...asset, codeHash: CODE } : asset)),
    }));
    const intent = payment(vault, { asset: "usdx", amount: 5n });
    const subject = subjectOf(vault, type, intent);
    const [good, bad] = SAYINGS[type](vault, intent);
    const { deployment } = bookOf(vault).document;
    const fact = { version: 1, deployment, source: "second", type, subject, at: NOW, ...good } as unknown as Fact;
    const others = { facts: [world.signFact(fact, KEYS.mallory)] };
    must(vault.send(world.command({ command: "inform", facts: [said(vault, { type, subject, ...bad })] })));
    refused(vault, "FACT_ADVERSE", () => vault.run(intent, TWO, others), "rules.new.facts");
    vault.wait(1);
    must(vault.send(world.command({ command: "inform", facts: [said(vault, { type, subject, ...good })] })));
    must(vault.run(intent, TWO, others));
  }
});

test("what was stated about an intent is forgotten once it is signed", () => {
  const vault = informed("simulation");
  const intent = payment(vault);
  const subject = `intent:${world.intentId(intent)}`;
  const before = vault.state.facts.size;
  must(vault.run(intent, TWO, { facts: [said(vault, { type: "simulation", subject, effect: "as-stated" })] }));
  assert.equal(vault.state.facts.size, before);
});

test("a number of the chain that is ahead of the vault's means that somebody else uses the key", () => {
  const vault = informed("nonce");
  const subject = `nonce:${world.CHAIN}:${addressOf(vault, "treasury")}`;
  const pay = (reference: string, next: number) => {
    vault.wait(1);
    return vault.run(payment(vault, { reference }), TWO, { facts: [said(vault, { type: "nonce", subject, next })] });
  };
  must(pay("a", 0));
  must(pay("b", 0));
  must(pay("c", 2));
  refused(vault, "FACT_ADVERSE", () => pay("d", 4), "rules.new.facts");
  must(pay("e", 3));
});

test("a replacement is judged by the number that it replaces", () => {
  const vault = informed("nonce");
  const subject = `nonce:${world.CHAIN}:${addressOf(vault, "treasury")}`;
  const facts = (next: number, at: number) => [said(vault, { type: "nonce", subject, next }, NOW + at)];
  const first = payment(vault);
  must(vault.run(first, TWO, { facts: facts(0, 0) }));
  const replaces = world.intentId(first);
  const again = (reference: string) => payment(vault, { reference, replaces });
  const context = bumped();
  refused(vault, "FACT_ADVERSE", () => vault.run(again("mined"), TWO, { facts: facts(1, 2), context }), "rules.new.facts");
});

test("a fact on something that the action does not have is never there", () => {
  const vault = informed("code");
  refused(vault, "FACT_MISSING", () => send(vault, payment(vault)), "rules.new.facts");
  const bare = informed("code", (book) => ({ assets: book.assets }));
  const intent = payment(bare, { asset: "usdx", amount: 5n });
  const facts = [said(bare, { type: "code", subject: subjectOf(bare, "code", intent), codeHash: CODE })];
  refused(bare, "FACT_ADVERSE", () => bare.run(intent, TWO, { facts }), "rules.new.facts");
});

test("a price can be demanded of its own, as young as the rule wants it", () => {
  const vault = demanding({ facts: [{ type: "price", sources: ["pricer-a"], atLeast: 1, maxAgeMs: 1_000 }] }, (book) =>
    world.valued(book),
  );
  const at = (time: number) => {
    const fact = { asset: "eth", source: "pricer-a", numerator: 1n, denominator: 1n, at: time, key: KEYS.pricerA };
    return [world.price(bookOf(vault), fact)];
  };
  const intent = payment(vault);
  refused(vault, "FACT_MISSING", () => vault.run(intent, TWO), "rules.new.facts");
  refused(vault, "FACT_STALE", () => vault.run(intent, TWO, { facts: at(NOW - 1_001) }), "rules.new.facts");
  must(vault.run(intent, TWO, { facts: at(NOW - 1_000) }));
});

// ages

test("an entry is paid only when it is in the book for long enough, by the vault's lower bound", () => {
  const vault = demanding({ entryAgeMs: DAY });
  const intent = payment(vault, { notAfter: LATER });
  refused(vault, "ENTRY_TOO_YOUNG", () => send(vault, intent), "rules.new");
  vault.now = { lo: NOW + DAY - 1, hi: NOW + 10 * DAY };
  refused(vault, "ENTRY_TOO_YOUNG", () => send(vault, intent), "rules.new");
  vault.now = { lo: NOW + DAY, hi: NOW + DAY };
  must(send(vault, intent));
});

test("an entry that was retired and entered again begins anew", () => {
  const vault = demanding({ entryAgeMs: DAY });
  const book = bookOf(vault);
  vault.wait(DAY);
  const later = { notAfter: LATER };
  must(vault.run(world.retire(book, world.acme(book), later), [KEYS.carl]));
  must(vault.run(world.enter(book, world.acme(book), { ...later, reference: "again" }), [KEYS.carl]));
  refused(vault, "ENTRY_TOO_YOUNG", () => send(vault, payment(vault)), "rules.new");
});

test("an address outside the book has no age, and a cancellation needs none", () => {
  const once = demanding({ entryAgeMs: 1 });
  once.wait(DAY);
  const destination = { address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" };
  refused(once, "ENTRY_TOO_YOUNG", () => send(once, payment(once, { destination })), "rules.new");
  const vault = demanding({ kinds: "any", entryAgeMs: DAY });
  vault.wait(DAY);
  const paid = payment(vault);
  must(send(vault, paid));
  must(send(vault, cancelOf(vault, paid), bumped()));
});

test("approvals count only when what is left of their life is short enough", () => {
  const vault = demanding({ approvalLifeMs: HOUR });
  const intent = payment(vault);
  const by = (notAfter: number) => {
    const approvals = world.approveAll(vault.ground({ notAfter }), intent, TWO);
    return vault.send(world.execute([intent], approvals));
  };
  refused(vault, "NOT_AFTER_TOO_FAR", () => by(NOW + HOUR + 1), "rules.new");
  const mixed = [
    ...world.approveAll(vault.ground({ notAfter: NOW + HOUR }), intent, [KEYS.amy]),
    ...world.approveAll(vault.ground({ notAfter: NOW + HOUR + 1 }), intent, [KEYS.bob]).slice(1),
  ];
  refused(vault, "NOT_AFTER_TOO_FAR", () => vault.send(world.execute([intent], mixed)), "rules.new");
  must(by(NOW + HOUR));
  const behind = demanding({ approvalLifeMs: HOUR });
  behind.now = { lo: NOW, hi: NOW + 60_000 };
  must(behind.send(world.execute([intent], world.approveAll(behind.ground({ notAfter: behind.now.hi + HOUR }), intent, TWO))));
});

// governance

test("a class of wallets takes so many persons beside the initiator, whatever the rules say", () => {
  const vault = vaultWith((book) => ({
    rules: [...book.rules.filter((rule) => rule.effect !== "require"), { ...OPEN, id: "all", effect: "allow", kinds: ["pay"] }],
    governance: { ...book.governance, minimums: [{ class: "hot", persons: 2 }] },
  }));
  const intent = payment(vault);
  const at = "governance.minimums.hot";
  refused(vault, "QUORUM_MISSING", () => vault.run(intent, []), at);
  refused(vault, "QUORUM_MISSING", () => vault.run(intent, [KEYS.amy]), at);
  const twice = world.approve(vault.ground(), intent, { key: KEYS.tom });
  const approvals = [...world.approveAll(vault.ground(), intent, [KEYS.amy]), twice];
  assert.notEqual(vault.send(world.execute([intent], approvals)).code, "OK");
  must(vault.run(intent, TWO));
});

test("each class of wallets has a minimum of its own, and several have theirs at once", () => {
  const classes = ["hot", "warm", "cold"] as const;
  type Minimums = Rulebook["governance"]["minimums"];
  const each = classes.map((one): Minimums => [{ class: one, persons: 2 }]);
  const all = classes.map((one, at) => ({ class: one, persons: at + 1 }));
  for (const minimums of [...each, all, all.toReversed()]) {
    const vault = vaultWith((book) => ({
      rules: [...book.rules.filter((rule) => rule.effect !== "require"), { ...OPEN, id: "all", effect: "allow" }],
      governance: { ...book.governance, minimums },
    }));
    for (const walletClass of classes) {
      const wallet = `${walletClass}-1`;
      must(vault.run(world.wallet(bookOf(vault), { wallet, walletClass }), []));
      must(vault.send(world.command({ command: "address", wallet, index: 0 })));
      const persons = minimums.find((one) => one.class === walletClass)?.persons ?? 0;
      const approvers = [KEYS.amy, KEYS.bob, KEYS.carl].slice(0, persons);
      const run = (by: typeof approvers) => vault.run(payment(vault, { wallet, reference: wallet }), by);
      const at = `governance.minimums.${walletClass}`;
      if (persons > 0) refused(vault, "QUORUM_MISSING", () => run(approvers.slice(1)), at);
      must(run(approvers));
    }
  }
});

test("a key that the server's page uses does not count for the minimum of a class of wallets", () => {
  const vault = vaultWith((book) => ({
    rules: [...book.rules.filter((rule) => rule.effect !== "require"), { ...OPEN, id: "all", effect: "allow", kinds: ["pay"] }],
    governance: { ...book.governance, minimums: [{ class: "hot", persons: 2 }] },
    persons: book.persons.map(({ id, keys }) => {
      return id === "amy" ? { id, keys: keys.map((key) => ({ ...key, class: "served" as const })) } : { id, keys };
    }),
  }));
  refused(vault, "QUORUM_MISSING", () => vault.run(payment(vault), TWO), "governance.minimums.hot");
  must(vault.run(payment(vault), [KEYS.bob, KEYS.carl]));
});

test("a minimum is for its class of wallets and for payments only", () => {
  const vault = vaultWith((book) => ({
    rules: [...book.rules.filter((rule) => rule.effect !== "require"), { ...OPEN, id: "all", effect: "allow" }],
    governance: { ...book.governance, minimums: [{ class: "cold", persons: 1 }] },
  }));
  must(vault.run(payment(vault), []));
  must(vault.run(world.wallet(bookOf(vault), { wallet: "cold-1", walletClass: "cold" }), []));
  must(vault.send(world.command({ command: "address", wallet: "cold-1", index: 0 })));
  const cold = payment(vault, { wallet: "cold-1", reference: "b" });
  refused(vault, "QUORUM_MISSING", () => vault.run(cold, []), "governance.minimums.cold");
  must(vault.run(cold, [KEYS.amy]));
  must(vault.run(cancelOf(vault, cold, { wallet: "cold-1" }), [], { context: bumped() }));
});
