/** Explanations: every step shows met and unmet, with what people and sources can still add; a draft is judged as if it were in
 *  force; nothing comes of asking. That the verdict is the one of `execute` is held at every `execute` of every test with a
 *  vault in memory (`test/world/explain.ts`). */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import type { RefusalCode } from "../../core/src/errors.ts";
import { Command, MAX_INTENTS } from "../../core/src/protocol/command.ts";
import { type Explained, ExplanationBody } from "../../core/src/protocol/explanation.ts";
import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import { Intent, type IntentOf } from "../../core/src/signed/intent.ts";
import { encode } from "../../core/src/signed/object.ts";
import { type Quorum, type Rule, Rulebook } from "../../core/src/signed/rulebook.ts";
import { decide } from "../../vault/src/decide/decide.ts";
import { explained, explainOf, onlyAnswer } from "../world/explain.ts";
import { type Device, device, someHash } from "../world/keys.ts";
import { type MemoryVault, must, signJob } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { dump } from "./dump.ts";
import { bookOf, cancelOf, freezeBy, kinds, LATER, payment, refused, register, reject, send, vaultWith } from "./ground.ts";

const { ETH, KEYS, DAY, HOUR } = world;

type More = {
  readonly facts?: readonly Uint8Array[];
  readonly draft?: Uint8Array;
  readonly approvals?: readonly Uint8Array[];
  readonly context?: typeof world.CONTEXT;
  readonly index?: number;
};

/** Asks about intents with the approvals of these people; without any when `by` is null. */
function asking(vault: MemoryVault, intents: readonly Intent[], by: readonly Device[] | null, more: More = {}) {
  const { facts = [], draft, context, index } = more;
  const given =
    more.approvals ?? (by === null ? [] : intents.flatMap((intent) => world.approveAll(vault.ground(), intent, by)));
  const order = { ...(context !== undefined && { context }), ...(index !== undefined && { index }) };
  const orders = intents.map((intent) => ({ intent: encode(Intent, intent), ...order }));
  return { ...explainOf({ ...world.execute([], given), facts, orders }), ...(draft !== undefined && { draft }) };
}

function ask(vault: MemoryVault, intents: readonly Intent[], by: readonly Device[] | null, more: More = {}): ExplanationBody {
  return explained(vault.state, vault.now, asking(vault, intents, by, more));
}

/** The only intent of an answer. */
function one(vault: MemoryVault, intent: Intent, by: readonly Device[] | null, more: More = {}): Explained {
  const { orders } = ask(vault, [intent], by, more);
  return orders[0] as Explained;
}

/** The step of a rule, and whether it is met: `OK` or its code. */
function step({ steps }: Explained, rule: string, words = /./): string {
  const found = steps.filter((item) => item.rule === rule && words.test(item.words));
  assert.equal(found.length, 1, `${found.length} steps of ${rule} ${words}: ${JSON.stringify(steps)}`);
  return found[0]?.code ?? "OK";
}

const TWO = [KEYS.amy, KEYS.bob];

/** One person of any of these groups. */
function anyOf(...groups: readonly string[]): Quorum {
  return { type: "anyOf", of: groups.map((group) => ({ type: "group", group, count: 1 })) };
}

/** A vault with one more rule. */
function withRule(rule: Partial<Rule> & { readonly id: string }, change: (book: Rulebook) => Partial<Rulebook> = () => ({})) {
  return vaultWith((book) => ({ ...change(book), rules: [...book.rules, { ...OPEN, ...NOTHING, ...rule } as Rule] }));
}

test("without any approval all is judged, and it is said who could approve", () => {
  const vault = vaultWith();
  const order = one(vault, payment(vault), null);
  assert.deepEqual([order.code, order.field], ["INITIATOR_MISSING", "approvals"]);
  assert.deepEqual([order.allows, order.denies, order.requires], [["allow-eth"], [], ["two-approvers"]]);
  assert.equal(step(order, "approvals"), "INITIATOR_MISSING");
  assert.equal(step(order, "rules.two-approvers"), "QUORUM_MISSING");
  assert.deepEqual([order.approved, order.could], [[], ["amy", "bob", "carl"]]);
  const ways = [[{ group: "approvers", count: 2 }]];
  assert.deepEqual(order.lacking, [{ rule: "rules.two-approvers", ways, groups: 0, persons: 0 }]);
  const half = one(vault, payment(vault), [KEYS.amy]);
  assert.deepEqual([half.code, half.approved, half.could], ["QUORUM_MISSING", ["tom", "amy"], ["bob", "carl"]]);
  assert.deepEqual(half.lacking[0]?.ways, [[{ group: "approvers", count: 1 }]]);
  const whole = ask(vault, [payment(vault)], TWO);
  assert.deepEqual([whole.code, whole.orders[0]?.code, whole.orders[0]?.lacking, whole.orders[0]?.could], ["OK", "OK", [], []]);
  assert.ok(whole.orders[0]?.steps.every(({ met, code, detail }) => met && code === undefined && detail === undefined));
  assert.deepEqual([whole.rulebook, whole.draft, whole.unfit], [bookOf(vault).id, false, []]);
});

test("an approval that does not count is named, and all else is judged without it", () => {
  const vault = vaultWith();
  const intent = payment(vault);
  const [tom, amy, bob] = world.approveAll(vault.ground(), intent, TWO) as [Uint8Array, Uint8Array, Uint8Array];
  const stale = world.approve(vault.ground(), intent, { key: KEYS.carl, change: { boot: someHash("earlier") } });
  const body = ask(vault, [intent], null, { approvals: [tom, stale, amy, amy, bob] });
  assert.deepEqual([body.code, body.field], ["BOOT_STALE", "approvals.1"]);
  assert.deepEqual(
    body.unfit.map(({ at, code }) => [at, code]),
    [
      ["approvals.1", "BOOT_STALE"],
      ["approvals.3", "APPROVAL_TWICE"],
    ],
  );
  assert.deepEqual([body.orders[0]?.code, body.orders[0]?.approved], ["OK", ["tom", "amy", "bob"]]);
});

test("what is open, named and readable is a step of its own", () => {
  const vault = vaultWith();
  const cases: readonly [Partial<IntentOf<"pay">>, RefusalCode, RegExp][] = [
    [{ notAfter: vault.now.hi }, "EXPIRED", /^for this/],
    [{ deployment: someHash("other") }, "WRONG_DEPLOYMENT", /^for this/],
    [{ asset: "gold" }, "ASSET_UNKNOWN", /^people/],
    [{ wallet: "none" }, "WALLET_UNKNOWN", /^everything/],
    [{ destination: { ...world.destinationOf(world.acme(bookOf(vault))), entry: "gone" } }, "ENTRY_UNKNOWN", /^everything/],
  ];
  for (const [change, code, words] of cases) {
    const order = one(vault, payment(vault, change), null);
    assert.equal(step(order, "intent", words), code);
    assert.equal(order.code, code);
  }
  must(reject(vault, payment(vault, { reference: "no" })));
  assert.equal(step(one(vault, payment(vault, { reference: "no" }), TWO), "intent", /^for this/), "INTENT_REJECTED");
  const stranger = world.wallet(bookOf(vault), { wallet: "w", initiator: KEYS.mallory.id });
  assert.equal(one(vault, stranger, null).code, "INITIATOR_MISSING");
  assert.equal(step(one(vault, stranger, null), "intent", /enrolled/), "KEY_UNKNOWN");
  const missing = one(vault, payment(vault), null, { index: 7 });
  assert.equal(step(missing, "intent", /^everything/), "ADDRESS_UNKNOWN");
});

test("freezes, deny list, denies and allows show, met and unmet", () => {
  const vault = vaultWith();
  const good = one(vault, payment(vault), TWO);
  for (const rule of ["freezes", "entries", "rules", "valuation", "rules.allow-eth"]) assert.equal(step(good, rule), "OK");
  const much = one(vault, payment(vault, { amount: 11n * ETH }), TWO);
  assert.equal(step(much, "rules", /allows/), "NOT_ALLOWED");
  assert.deepEqual(much.allows, []);
  const contract = world.entryOf(bookOf(vault), {
    name: "desk",
    address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906",
    class: "contract",
  });
  must(vault.run(world.enter(bookOf(vault), contract, { notAfter: LATER }), [KEYS.carl]));
  const denied = one(vault, payment(vault, { destination: world.destinationOf(contract) }), TWO);
  assert.deepEqual([step(denied, "rules.no-contracts"), denied.denies], ["DENIED", ["no-contracts"]]);
  must(vault.run(freezeBy(vault), []));
  const frozen = one(vault, payment(vault), TWO);
  assert.deepEqual([step(frozen, "freezes"), frozen.field], ["FROZEN", "freeze.institution"]);
  const listed = world.entryOf(bookOf(vault), { name: "bad", address: world.acme(bookOf(vault)).address, class: "denied" });
  const other = vaultWith();
  must(other.run(world.enter(bookOf(other), listed, { notAfter: LATER }), [KEYS.carl]));
  assert.equal(step(one(other, payment(other), TWO), "entries"), "DENIED");
});

test("minimums, lives, ages and delays show, met and unmet", () => {
  const minimums = [{ class: "hot", persons: 3 }] as const;
  const vault = vaultWith((book) => ({ governance: { ...book.governance, minimums } }));
  const few = one(vault, payment(vault), TWO);
  assert.equal(step(few, "governance.minimums.hot"), "QUORUM_MISSING");
  assert.deepEqual(few.lacking, [{ rule: "governance.minimums.hot", ways: [], groups: 0, persons: 1 }]);
  assert.equal(step(one(vault, payment(vault), [...TWO, KEYS.carl]), "governance.minimums.hot"), "OK");
  const short = withRule({ id: "short", kinds: ["pay"], approvalLifeMs: 60_000 });
  assert.equal(step(one(short, payment(short), TWO), "rules.short"), "NOT_AFTER_TOO_FAR");
  const soon = world.approveAll(short.ground({ notAfter: short.now.hi + 60_000 }), payment(short), TWO);
  assert.equal(step(one(short, payment(short), null, { approvals: soon }), "rules.short"), "OK");
  const young = withRule({ id: "old", kinds: ["pay"], entryAgeMs: HOUR });
  assert.equal(step(one(young, payment(young), TWO), "rules.old"), "ENTRY_TOO_YOUNG");
  young.wait(HOUR);
  assert.equal(step(one(young, payment(young), TWO), "rules.old"), "OK");
  const large = vaultWith();
  const intent = payment(large, { amount: 6n * ETH });
  const by = [...TWO, KEYS.otto];
  assert.equal(step(one(large, intent, by), "rules.large-eth", /registration/), "NOT_REGISTERED");
  must(register(large, intent));
  assert.equal(step(one(large, intent, by), "rules.large-eth", /registration/), "DELAY_RUNNING");
  large.wait(HOUR);
  assert.equal(step(one(large, intent, by), "rules.large-eth", /registration/), "OK");
});

test("a quorum says each way in which it can be filled, and from how many groups more", () => {
  const vault = vaultWith();
  const large = one(vault, payment(vault, { amount: 6n * ETH }), TWO);
  const lack = large.lacking.find(({ rule }) => rule === "rules.large-eth");
  assert.deepEqual([lack?.ways, lack?.groups, large.could], [[[{ group: "officers", count: 1 }]], 1, ["olga", "otto"]]);
  const either = anyOf("officers", "operations");
  const any = withRule({ id: "any", kinds: ["pay"], quorum: either });
  const order = one(any, payment(any), TWO);
  const ways = order.lacking[0]?.ways;
  assert.deepEqual(ways, [[{ group: "officers", count: 1 }], [{ group: "operations", count: 1 }]]);
  assert.deepEqual(order.could, ["carl", "cleo", "olga", "otto", "tina"]);
  const spread = withRule({ id: "spread", kinds: ["pay"], quorum: either, distinctGroups: 2 });
  const filled = one(spread, payment(spread), [...TWO, KEYS.olga]);
  assert.deepEqual(filled.lacking, [{ rule: "rules.spread", ways: [], groups: 1, persons: 0 }]);
});

/** Two sources of screening, both needed. */
function screened(): MemoryVault {
  return vaultWith((book) => ({
    sources: [...book.sources, { id: "second", type: "screening", publicKey: device("second").publicKey }],
    rules: book.rules.map((rule) => {
      if (rule.effect !== "require" || rule.facts.length === 0) return rule;
      return { ...rule, facts: rule.facts.map((need) => ({ ...need, atLeast: 2, sources: ["screening", "second"] })) };
    }),
  }));
}

test("facts: which are used, which are missing, from whom; an adverse one is not missing", () => {
  const vault = screened();
  const zoe = world.zoe(bookOf(vault));
  const intent = payment(vault, { destination: world.destinationOf(zoe) });
  const first = world.screening(bookOf(vault), zoe);
  const second = world.screening(bookOf(vault), zoe, { source: "second", key: device("second") });
  const subject = `address:${world.CHAIN}:${zoe.address}`;
  const missing = (facts: readonly Uint8Array[]) => one(vault, intent, TWO, { facts }).missing;
  const from = (...sources: readonly string[]) => [{ rule: "rules.screened", type: "screening", subject, sources }];
  assert.deepEqual(missing([]), from("screening", "second"));
  assert.deepEqual(missing([first]), from("second"));
  assert.deepEqual(missing([first, second]), []);
  const old = world.screening(bookOf(vault), zoe, { at: world.NOW - HOUR - 1 });
  assert.deepEqual(missing([old, second]), from("screening"));
  const adverse = world.screening(bookOf(vault), zoe, { verdict: "adverse" });
  const against = ask(vault, [intent], TWO, { facts: [adverse, second] });
  assert.deepEqual([step(against.orders[0] as Explained, "rules.screened"), against.orders[0]?.missing], ["FACT_ADVERSE", []]);
  assert.deepEqual(
    against.facts.map((fact) => [fact.source, fact.subject, fact.type, fact.at]),
    ["screening", "second"].map((source) => [source, subject, "screening", world.NOW]),
  );
  const forged = ask(vault, [intent], TWO, { facts: [world.screening(bookOf(vault), zoe, { key: KEYS.mallory }), second] });
  assert.deepEqual([forged.code, forged.field, forged.unfit[0]?.at], ["SIGNATURE_INVALID", "facts.0", "facts.0"]);
  assert.deepEqual(missing([first, first, second]), [], "the same twice is used once");
  assert.equal(step(one(vault, intent, TWO, { facts: [first, second] }), "rules.screened"), "OK");
  const unscreened = withRule(
    { id: "code", kinds: ["retire"], facts: [{ type: "code", sources: ["coder"], atLeast: 1, maxAgeMs: HOUR }] },
    (book) => ({
      sources: [...book.sources, { id: "coder", type: "code", publicKey: device("coder").publicKey }],
    }),
  );
  const retire = world.retire(bookOf(unscreened), world.acme(bookOf(unscreened)), { notAfter: LATER });
  assert.deepEqual(one(unscreened, retire, [KEYS.carl]).missing, [
    { rule: "rules.code", type: "code", subject: "", sources: ["coder"] },
  ]);
});

test("values: the price, what is worth what, and prices that rules and limits wait for", () => {
  const limit = {
    id: "worth",
    measure: "value",
    level: "institution",
    assets: "any",
    most: 500_000n,
    window: { type: "rolling", ms: DAY },
  } as const;
  const vault = withRule({ id: "dear", kinds: ["pay"], valueFrom: 1n }, (book) => ({ ...world.valued(book), limits: [limit] }));
  const subject = "price:eth:eur";
  const none = one(vault, payment(vault), TWO);
  assert.equal(step(none, "valuation"), "FACT_MISSING");
  assert.deepEqual(none.missing, [{ rule: "valuation", type: "price", subject, sources: ["pricer-a", "pricer-b"] }]);
  assert.deepEqual([none.value, none.price, none.limits], [undefined, undefined, []]);
  const price = { asset: "eth", source: "pricer-a", key: KEYS.pricerA, at: world.NOW, numerator: 300_000n, denominator: ETH };
  const facts = [world.price(bookOf(vault), price)];
  const told = one(vault, payment(vault), TWO, { facts });
  assert.deepEqual([step(told, "valuation"), told.value, told.missing], ["OK", 300_000n, []]);
  assert.deepEqual(told.price, { numerator: 300_000n, denominator: ETH });
  const used = () => ask(vault, [payment(vault)], TWO, { facts }).facts.map((fact) => [fact.source, fact.subject]);
  assert.deepEqual(used(), [["pricer-a", subject]]);
  must(vault.send(world.command({ command: "inform", facts })));
  assert.deepEqual(used(), [["pricer-a", subject]], "once");
  assert.equal(one(vault, payment(vault), TWO).value, 300_000n);
  assert.equal(ask(vault, [payment(vault)], TWO).facts.length, 1);
  const [standing] = told.limits;
  assert.deepEqual([standing?.limit, standing?.used, standing?.adding, standing?.most], ["worth", 0n, 303_000n, 500_000n]);
  const only = vaultWith((book) => ({ ...world.valued(book), limits: [limit] }));
  assert.deepEqual(
    one(only, payment(only), TWO).missing.map((one) => one.subject),
    [subject],
  );
  assert.equal(step(one(only, payment(only), TWO), "limits"), "FACT_MISSING");
});

test("limits: what is used, what is added, for what; intents of one command add up", () => {
  const vault = vaultWith(({ limits }) => ({
    limits: limits.map((limit) => (limit.id === "initiator-eth" ? { ...limit, most: 8n * ETH } : limit)),
  }));
  must(send(vault, payment(vault, { reference: "before" })));
  const fee = BigInt(world.CONTEXT.gasLimit) * world.CONTEXT.maxFeePerGas;
  const intents = ["a", "b"].map((reference) => payment(vault, { reference, amount: 4n * ETH }));
  const body = ask(vault, intents, TWO, { context: world.CONTEXT });
  const [a, b] = body.orders as [Explained, Explained];
  const standing = ({ limits }: Explained, name: string) => limits.find(({ limit }) => limit === name);
  const most = 100n * ETH;
  assert.deepEqual(standing(a, "institution-eth"), {
    limit: "institution-eth",
    of: "",
    used: ETH + fee,
    adding: 4n * ETH + fee,
    most,
  });
  assert.equal(standing(b, "institution-eth")?.used, 5n * ETH + 2n * fee);
  assert.deepEqual([standing(b, "initiator-eth")?.of, standing(b, "wallet-usdx")], ["tom", undefined]);
  assert.deepEqual([a.code, b.code, body.code, body.field], ["OK", "LIMIT_EXCEEDED", "LIMIT_EXCEEDED", "limits.initiator-eth"]);
  assert.equal(step(b, "limits"), "LIMIT_EXCEEDED");
  const twice = ask(vault, [payment(vault, { reference: "c" }), payment(vault, { reference: "c", amount: 2n })], TWO);
  assert.deepEqual([twice.orders[1]?.code, twice.code], ["REFERENCE_USED", "REFERENCE_USED"]);
});

test("without a context the whole total fee counts; with one its own", () => {
  const vault = vaultWith();
  const adding = (more: More, change: Partial<IntentOf<"pay">> = {}) =>
    one(vault, payment(vault, change), TWO, more).limits.find(({ limit }) => limit === "initiator-eth")?.adding ?? 0n;
  const { totalFee } = payment(vault);
  const rest = ETH + totalFee - adding({});
  assert.ok(rest >= 0n && rest < 21_000n, `${rest}`);
  assert.equal(adding({ context: { ...world.CONTEXT, maxFeePerGas: 2n * 10n ** 9n } }), ETH + 90_000n * 2n * 10n ** 9n);
  assert.ok(adding({}, { asset: "usdx", amount: 5n }) > totalFee - 100_000n);
  assert.equal(step(one(vault, payment(vault, { totalFee: ETH }), TWO), "transaction", /just this/), "FEE_TOO_HIGH");
  const low = { ...world.CONTEXT, gasLimit: 1 };
  assert.equal(step(one(vault, payment(vault), TWO, { context: low }), "transaction", /just this/), "GAS_TOO_LOW");
  assert.equal(one(vault, payment(vault, { totalFee: 0n }), TWO).code, "OK");
});

test("replacements: their place, and rates that rise", () => {
  const vault = vaultWith();
  const paid = payment(vault, { reference: "paid" });
  must(send(vault, paid));
  assert.equal(one(vault, cancelOf(vault, paid), TWO).code, "OK");
  const poor = cancelOf(vault, paid, { totalFee: 21_000n });
  assert.equal(step(one(vault, poor, TWO), "transaction", /place/), "FEE_TOO_LOW");
});

test("what was carried out is not judged again, what was withheld is", () => {
  const vault = vaultWith();
  const [paid, held] = ["paid", "held"].map((reference) => payment(vault, { reference })) as [IntentOf<"pay">, IntentOf<"pay">];
  must(send(vault, paid));
  const done = ask(vault, [paid], null);
  assert.deepEqual([done.code, done.orders[0]?.done, done.orders[0]?.steps], ["OK", true, []]);
  const wallet = world.wallet(bookOf(vault));
  assert.deepEqual(ask(vault, [wallet], null).orders[0]?.done, true);
  vault.hold = true;
  send(vault, held);
  vault.hold = false;
  const [effect] = vault.held.splice(0);
  assert.ok(effect !== undefined && "sign" in effect);
  assert.equal(ask(vault, [held], null).orders[0]?.done, true);
  must(vault.run(freezeBy(vault, { level: "person", subject: "tom" }), []));
  vault.feed({ now: vault.now, signed: effect.sign.id, result: signJob(effect.sign) });
  const again = one(vault, held, TWO);
  assert.deepEqual([again.done, again.code, step(again, "freezes")], [false, "FROZEN", "FROZEN"]);
  assert.equal(step(again, "transaction"), "OK");
});

test("wallets, entries, freezes and what lifts them are explained too", () => {
  const vault = vaultWith();
  const book = bookOf(vault);
  const wallet = world.wallet(book, { wallet: "second", notAfter: LATER });
  assert.deepEqual([one(vault, wallet, []).code, one(vault, wallet, [KEYS.carl]).code], ["QUORUM_MISSING", "OK"]);
  assert.deepEqual(one(vault, wallet, []).could, ["carl", "cleo"]);
  assert.equal(step(one(vault, wallet, [KEYS.carl]), "tables"), "OK");
  assert.equal(
    step(one(vault, world.wallet(book, { notAfter: LATER, reference: "x" }), [KEYS.carl]), "intent", /^every/),
    "WALLET_EXISTS",
  );
  const entry = world.entryOf(book, { name: "new", address: "0x90F79bf6EB2c4f870365E785982E1f101E93b906" });
  assert.equal(one(vault, world.enter(book, entry, { notAfter: LATER }), [KEYS.carl]).code, "OK");
  assert.equal(one(vault, world.retire(book, world.acme(book), { notAfter: LATER }), [KEYS.carl]).code, "OK");
  assert.equal(one(vault, world.retire(book, entry, { notAfter: LATER }), [KEYS.carl]).code, "ENTRY_UNKNOWN");
  const freeze = freezeBy(vault);
  assert.deepEqual([one(vault, freeze, []).code, one(vault, freeze, null).code], ["OK", "INITIATOR_MISSING"]);
  const lift = world.unfreeze(book, world.intentId(freeze), { notAfter: LATER });
  assert.equal(step(one(vault, lift, [KEYS.ben]), "freezes"), "NOT_FROZEN");
  must(vault.run(freeze, []));
  const half = one(vault, lift, [KEYS.ben]);
  assert.deepEqual([step(half, "freezes"), step(half, "governance.unfreeze", /of/)], ["OK", "QUORUM_MISSING"]);
  assert.deepEqual([half.lacking[0]?.ways, half.could], [[[{ group: "officers", count: 1 }]], ["olga", "otto"]]);
  assert.equal(step(half, "governance.unfreeze", /since/), "NOT_REGISTERED");
  assert.equal(step(one(vault, lift, [KEYS.ben, KEYS.otto]), "governance.unfreeze", /of/), "OK");
  assert.equal(one(vault, freezeBy(vault, { reference: "again" }), []).code, "OFFICER_SPENT");
});

// drafts

/** The bytes of the next rulebook with these fields changed. */
function draftOf(vault: MemoryVault, change: Partial<Rulebook>): { readonly document: Rulebook; readonly bytes: Uint8Array } {
  const document = world.nextRulebook(bookOf(vault), change);
  return { document, bytes: encode(Rulebook, document) };
}

test("a draft is judged as if it were in force, with the decisions that were given under the rulebook in force", () => {
  const vault = vaultWith();
  const intent = payment(vault, { amount: 20n * ETH });
  assert.equal(ask(vault, [intent], TWO).code, "NOT_ALLOWED");
  const open: Rule = { ...OPEN, id: "more", effect: "allow", kinds: ["pay"] };
  const { document, bytes } = draftOf(vault, { rules: [...bookOf(vault).document.rules, open], limits: [] });
  const by = [...TWO, KEYS.otto];
  for (const draft of [bytes, world.signValue(Rulebook, document, KEYS.mallory)]) {
    const body = ask(vault, [intent], by, { draft });
    assert.deepEqual([body.draft, body.rulebook === bookOf(vault).id], [true, false]);
    assert.deepEqual([body.orders[0]?.allows, body.code], [["more"], "NOT_REGISTERED"]);
  }
  const { persons, groups } = bookOf(vault).document;
  const without = draftOf(vault, {
    persons: persons.filter(({ id }) => id !== "amy"),
    groups: groups.map((group) => ({ ...group, members: group.members.filter((member) => member !== "amy") })),
  });
  const gone = ask(vault, [payment(vault)], TWO, { draft: without.bytes });
  assert.deepEqual(
    [gone.code, gone.unfit.map(({ at }) => at), gone.orders[0]?.could],
    ["KEY_UNKNOWN", ["approvals.1"], ["carl"]],
  );
});

test("a draft may know assets that the rulebook in force does not", () => {
  const vault = vaultWith();
  const gold = { id: "gold", chain: world.CHAIN, contract: "0x90F79bf6EB2c4f870365E785982E1f101E93b906", decimals: 0 };
  const open: Rule = { ...OPEN, id: "gold", effect: "allow", kinds: ["pay"], assets: ["gold"] };
  const { assets, rules } = bookOf(vault).document;
  const { bytes } = draftOf(vault, { assets: [...assets, gold], rules: [...rules, open] });
  const intent = payment(vault, { asset: "gold", amount: 3n });
  assert.equal(ask(vault, [intent], null).code, "ASSET_UNKNOWN");
  const body = ask(vault, [intent], null, { draft: bytes });
  assert.deepEqual([body.code, body.orders[0]?.allows], ["INITIATOR_MISSING", ["gold"]]);
});

test("a draft must be sound and follow the rulebook in force", () => {
  const vault = vaultWith();
  const asked = (draft: Uint8Array) =>
    onlyAnswer(
      decide(vault.state, { now: vault.now, command: encode(Command, asking(vault, [payment(vault)], null, { draft })) }),
    );
  const cases: readonly [Partial<Rulebook>, RefusalCode][] = [
    [{ base: someHash("other") }, "RULEBOOK_BASE"],
    [{ epoch: 7 }, "RULEBOOK_BASE"],
    [{ deployment: someHash("other") }, "WRONG_DEPLOYMENT"],
    [{ vault: someHash("other") }, "WRONG_VAULT"],
    [{ demonstration: false }, "RULEBOOK_INVALID"],
    [{ assets: [] as never }, "BAD_VALUE"],
    [{ rules: [{ ...OPEN, id: "x", effect: "allow", kinds: ["freeze"] }] }, "RULEBOOK_INVALID"],
  ];
  for (const [change, code] of cases.filter(([, code]) => code !== "BAD_VALUE"))
    assert.equal(asked(draftOf(vault, change).bytes).code, code);
  assert.equal(asked(Uint8Array.of(1)).code, "MALFORMED");
  assert.equal(asked(encode(Rulebook, bookOf(vault).document)).code, "RULEBOOK_BASE");
});

// what comes of asking

test("nothing comes of asking: no record, no fact remembered, no work for the key store", () => {
  const vault = screened();
  const zoe = world.zoe(bookOf(vault));
  const intent = payment(vault, { destination: world.destinationOf(zoe) });
  const facts = [
    world.screening(bookOf(vault), zoe, { verdict: "adverse" }),
    world.screening(bookOf(vault), zoe, { source: "second", key: device("second") }),
  ];
  const [before, length] = [dump(vault.state), vault.journal.length];
  const answer = vault.send(asking(vault, [intent], TWO, { facts }));
  assert.equal(answer.code, "OK");
  assert.equal(vault.send(asking(vault, [payment(vault, { reference: "good" })], TWO)).code, "OK");
  assert.deepEqual([dump(vault.state), vault.journal.length, vault.held], [before, length, []]);
  refused(vault, "QUORUM_MISSING", () => vault.run(payment(vault, { reference: "good" }), []));
  const clean = [world.screening(bookOf(vault), zoe, { at: world.NOW - 1 }), facts[1] as Uint8Array];
  must(vault.run(intent, TWO, { facts: clean }));
  assert.ok(kinds(vault, length).includes("noticed"));
});

test("what `execute` cannot read, `explain` refuses; so does a halted vault", () => {
  const vault = vaultWith();
  const mixed = [payment(vault), world.wallet(bookOf(vault), { wallet: "w" })];
  assert.equal(vault.send(asking(vault, mixed, null)).code, "BATCH_MIXED");
  assert.equal(
    vault.send({ ...asking(vault, [payment(vault)], null), orders: [{ intent: Uint8Array.of(1) }] }).code,
    "MALFORMED",
  );
  const paid = payment(vault, { reference: "paid" });
  must(send(vault, paid));
  assert.equal(vault.send(asking(vault, [paid, payment(vault, { reference: "b" })], null)).code, "INTENT_USED");
  const halted = { ...vault.state, halted: true };
  const command = encode(Command, asking(vault, [payment(vault)], null));
  assert.equal(onlyAnswer(decide(halted, { now: vault.now, command })).code, "ROLLED_BACK");
});

test("the fullest command gets an answer, with what did not fit left off", () => {
  const many = Array.from({ length: 300 }, (_, at): Rule => {
    const quorum = anyOf("administrators", "approvers", "officers", "operations", "traders");
    return { ...OPEN, ...NOTHING, id: `rule-${at}`, kinds: ["pay"], quorum };
  });
  const vault = vaultWith((book) => ({ rules: [...book.rules, ...many] }));
  const intents = Array.from({ length: MAX_INTENTS }, (_, at) => payment(vault, { reference: `r${at}`, amount: 1n }));
  const all = ask(vault, intents, null);
  assert.equal(all.orders.length, MAX_INTENTS);
  assert.ok(
    all.orders.every(({ more, steps }) => more && steps.length <= 13 && steps.some(({ code }) => code === "INITIATOR_MISSING")),
  );
  const single = one(vault, payment(vault), null);
  assert.deepEqual([single.more, single.lacking.length], [true, 64]);
  const good = one(vault, payment(vault), [...TWO, KEYS.olga, KEYS.otto]);
  assert.equal(good.code, "OK");
  const share = ask(vault, intents.slice(0, 16), TWO);
  assert.ok(share.orders.every(({ code, more }) => code === "OK" && more));
  assert.ok(encode(ExplanationBody, all).length < 1_048_576);
});

test("a rule that is not met shows, however many are met before it", () => {
  const many = Array.from({ length: 30 }, (_, at): Rule => {
    const group = at === 29 ? "officers" : "approvers";
    return { ...OPEN, ...NOTHING, id: `rule-${at}`, kinds: ["pay"], quorum: { type: "group", group, count: 1 } };
  });
  const vault = vaultWith((book) => ({ rules: [...book.rules, ...many] }));
  const intents = Array.from({ length: MAX_INTENTS }, (_, at) => payment(vault, { reference: `r${at}`, amount: 1n })).slice(
    0,
    48,
  );
  const [first] = ask(vault, intents, TWO).orders as [Explained];
  assert.deepEqual([first.code, step(first, "rules.rule-29")], ["QUORUM_MISSING", "QUORUM_MISSING"]);
});

test("explaining costs little more than executing", (t) => {
  const vault = vaultWith();
  const intent = payment(vault);
  const command = world.execute([intent], world.approveAll(vault.ground(), intent, TWO));
  const time = (bytes: Uint8Array) => {
    const since = process.cpuUsage();
    for (let at = 0; at < 60; at++) decide(vault.state, { now: vault.now, command: bytes });
    const { user, system } = process.cpuUsage(since);
    return (user + system) / 60_000;
  };
  const [execute, explain] = [encode(Command, command), encode(Command, explainOf(command))];
  const best = (bytes: Uint8Array) => Math.min(...Array.from({ length: 5 }, () => time(bytes)));
  const [dear, cheap] = [best(explain), best(execute)];
  t.diagnostic(`explain ${dear.toFixed(2)} ms, execute ${cheap.toFixed(2)} ms`);
  assert.ok(dear < cheap * 2, `${dear} against ${cheap}`);
});
