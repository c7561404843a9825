/** Which facts go to the vault with an intent: exactly those without which it refuses, judged by the production judgement; and
 *  what its refusals mean for a request. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openBook } from "../../core/src/rulebook/book.ts";
import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import type { Entry } from "../../core/src/signed/entry.ts";
import { Fact, SUBJECT } from "../../core/src/signed/fact.ts";
import type { Intent } from "../../core/src/signed/intent.ts";
import type { Needed, Requirement, Rulebook } from "../../core/src/signed/rulebook.ts";
import { chosenFacts, type Facing, type Wish, wishesOf } from "../../server/src/facts/rules.ts";
import { isOver, meaningOf, nextTurnOf, restOfDelay } from "../../server/src/requests/rules.ts";
import { get } from "../../vault/src/state/map.ts";
import { device, someHash } from "../world/keys.ts";
import { TOKEN } from "../world/rulebook.ts";
import { foundedVault, type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";

const { KEYS, NOW, HOUR, ETH } = world;
const CODE = someHash("code");
const TYPES = ["screening", "price", "code", "travel-rule", "simulation", "nonce", "clock"] as const;
const need = (type: Needed["type"]): Needed => ({ type, sources: [`s-${type}`], atLeast: 1, maxAgeMs: HOUR });
const requires = (change: Partial<Requirement>): Requirement => ({ ...OPEN, ...NOTHING, id: "facts", ...change });

/** A rulebook that knows a source of each type, values in EUR, and these rules and limits besides. */
function bookWith(rules: readonly Requirement[], change: Partial<Rulebook> = {}): Partial<Rulebook> {
  const plain = world.makeWorld().rulebook;
  const sources = TYPES.map((type) => ({ id: `s-${type}`, type, publicKey: device(`s-${type}`).publicKey }));
  const valuation = { currency: "eur", decimals: 2, sources: ["s-price"], atLeast: 1, maxAgeMs: HOUR };
  return {
    assets: plain.assets.map((asset) => (asset.contract === undefined ? asset : { ...asset, codeHash: CODE })),
    sources: [...plain.sources, ...sources],
    valuation: { ...valuation, maxMovePpm: 100_000, moveMs: HOUR },
    rules: [...plain.rules.filter(({ id }) => id !== "screened"), ...rules],
    ...change,
  };
}

/** What every source would state of a subject. */
function stated(deployment: Fact["deployment"], type: Needed["type"], subject: string): Fact {
  const common = { version: 1, deployment, source: `s-${type}`, subject, at: NOW } as const;
  switch (type) {
    case "screening":
      return { ...common, type, verdict: "clean" };
    case "price":
      return { ...common, type, numerator: 300_000n, denominator: ETH };
    case "code":
      return { ...common, type, codeHash: CODE };
    case "travel-rule":
      return { ...common, type, exchange: "complete" };
    case "simulation":
      return { ...common, type, effect: "as-stated" };
    case "nonce":
      return { ...common, type, next: 0 };
    case "clock":
      return { ...common, type };
  }
}

function facing(vault: MemoryVault, intent: Intent, entry: Entry | null = null): Facing {
  const from = get(vault.state.addresses, "treasury/0")?.address ?? null;
  const pays = intent.kind === "pay" || intent.kind === "cancel";
  return { id: world.intentId(intent), intent, from: pays ? from : null, entry };
}

/** The facts that the server would send. */
function factsFor(vault: MemoryVault, it: Facing) {
  const { book } = vault.ground();
  const { deployment } = book.document;
  const typeOf = (wish: Wish) => wish.sources[0]?.slice(2) as Needed["type"];
  const all = wishesOf(it, book).map((wish) => stated(deployment, typeOf(wish), wish.subject));
  const newest = [...new Map(all.map((fact) => [fact.subject + fact.source, { fact }])).values()];
  return chosenFacts(newest, wishesOf(it, book), NOW).map(({ fact }) => ({
    type: fact.type,
    bytes: encodeFact(fact),
  }));
}

const encodeFact = (fact: Fact) => world.signValue(Fact, fact, device(fact.source));

/** With these facts the vault carries it out, with any of them left out it refuses for want of it. */
function wantsExactly(vault: () => MemoryVault, make: (vault: MemoryVault) => Facing, types: readonly Needed["type"][]) {
  const facts = (one: MemoryVault) => factsFor(one, make(one));
  assert.deepEqual(
    facts(vault())
      .map(({ type }) => type)
      .sort(),
    [...types].sort(),
  );
  const run = (one: MemoryVault, left: number) => {
    const { intent } = make(one);
    const sent = facts(one).flatMap(({ bytes }, at) => (at === left ? [] : [bytes]));
    const context = { gasLimit: 90_000 };
    return one.run(intent, [KEYS.amy, KEYS.bob, KEYS.carl], { facts: sent, context });
  };
  must(run(vault(), -1));
  for (const at of types.keys()) assert.equal(run(vault(), at).code, "FACT_MISSING", `without fact ${at}`);
}

const usdx = (vault: MemoryVault) => {
  const { book } = vault.ground();
  return facing(vault, world.pay(book, { asset: "usdx", amount: 5n, destination: world.destinationOf(world.acme(book)) }));
};
const eth = (vault: MemoryVault) => facing(vault, world.pay(vault.ground().book));

test("each kind of fact that a requirement names is sent with what it may bind, and no other", () => {
  const every = TYPES.filter((type) => type !== "code");
  const all = bookWith([requires({ kinds: ["pay"], facts: every.slice(0, 3).map(need) })]);
  const more = bookWith([requires({ kinds: ["pay"], facts: every.slice(3).map(need) })]);
  const token = bookWith([requires({ kinds: ["pay"], assets: ["usdx"], facts: [need("code")] })]);
  const vaultOf = (rulebook: Partial<Rulebook>) => () => foundedVault({ rulebook }).vault;
  wantsExactly(vaultOf(all), eth, every.slice(0, 3));
  wantsExactly(vaultOf(more), eth, every.slice(3));
  wantsExactly(vaultOf(token), usdx, ["code"]);
  wantsExactly(vaultOf(token), eth, []);
  const elsewhere = [
    { wallets: ["other"] },
    { destinations: ["zoe"] },
    { chains: [31337], assets: ["usdx"] },
    { kinds: ["cancel"] },
  ] as const;
  for (const scope of elsewhere)
    wantsExactly(vaultOf(bookWith([requires({ kinds: ["pay"], ...scope, facts: [need("clock")] })])), eth, []);
});

test("prices go where a rule compares a value, of the fees too where a limit counts values", () => {
  const vaultOf = (rulebook: Partial<Rulebook>) => () => foundedVault({ rulebook }).vault;
  wantsExactly(vaultOf(bookWith([])), usdx, []);
  wantsExactly(vaultOf(bookWith([requires({ kinds: ["pay"], valueFrom: 1n })])), usdx, ["price"]);
  const window = { type: "rolling", ms: HOUR } as const;
  const limit = { id: "worth", measure: "value", level: "institution", most: 10n ** 30n, window } as const;
  const limited = bookWith([], { limits: [{ ...limit, assets: "any" }] });
  wantsExactly(vaultOf(limited), usdx, ["price", "price"]);
  wantsExactly(vaultOf(limited), eth, ["price"]);
  wantsExactly(vaultOf(bookWith([], { limits: [{ ...limit, assets: ["usdx"] }] })), usdx, ["price"]);
  wantsExactly(vaultOf(bookWith([], { limits: [{ ...limit, assets: ["usdx"] }] })), eth, []);
});

test("a call wants the code of its contract, and the price of the native asset where its value counts", () => {
  const { vault } = foundedVault();
  const { book } = vault.ground();
  const facts = TYPES.map(need);
  const calls = bookWith([requires({ kinds: ["call"], facts: facts.slice(0, 4), valueFrom: 1n })]);
  const { destination } = world.call(book);
  const subjects = wishesOf(facing(vault, world.call(book)), openBook({ ...book.document, ...calls })).map(
    ({ subject }) => subject,
  );
  const id = world.intentId(world.call(book));
  assert.deepEqual(
    [...new Set(subjects)].sort(),
    [
      SUBJECT.address(31337, destination.address),
      SUBJECT.code(31337, destination.address),
      SUBJECT.intent(id),
      SUBJECT.price("eth", "eur"),
    ].sort(),
  );
});

test("where schedules go by sources of the time, these are asked with every intent whose rules read it", () => {
  const always = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;
  const times = [{ calendar: "utc", days: always, from: 0, to: 1440 }];
  const calendars = [{ id: "utc", offset: 0, changes: [], until: NOW + 1_000 * HOUR }];
  const timed = bookWith([requires({ kinds: ["pay"], times })], { calendars });
  const kinds = (rulebook: Partial<Rulebook>) => {
    const { vault } = foundedVault({ rulebook });
    return wishesOf(eth(vault), vault.ground().book).map(({ subject }) => subject);
  };
  assert.deepEqual(kinds(timed), []);
  assert.deepEqual(kinds({ ...timed, clock: { sources: ["s-clock"], atLeast: 1 } }), ["clock"]);
  assert.deepEqual(kinds(bookWith([], { calendars, clock: { sources: ["s-clock"], atLeast: 1 } })), []);
});

test("wallets, entries and their ends want what speaks of them", () => {
  const rulebook = bookWith([requires({ kinds: ["entry", "retire", "wallet"], facts: [need("clock"), need("simulation")] })]);
  const screened = bookWith([requires({ kinds: ["entry", "retire"], facts: [need("screening")] })]);
  const address = "0x90F79bf6EB2c4f870365E785982E1f101E93b906";
  const entering = (vault: MemoryVault) => {
    const entry = world.entryOf(vault.ground().book, { name: "new", address });
    return facing(vault, world.enter(vault.ground().book, entry), entry);
  };
  const ending = (vault: MemoryVault) => {
    const entry = world.acme(vault.ground().book);
    return facing(vault, world.retire(vault.ground().book, entry), entry);
  };
  const opening = (vault: MemoryVault) => facing(vault, world.wallet(vault.ground().book, { wallet: "new" }));
  const { made } = foundedVault();
  // What furnishes a vault would need facts of its own under such a rulebook.
  const bare = (book: Partial<Rulebook>) => () => {
    const { vault } = foundedVault();
    vault.state = { ...vault.state, book: openBook({ ...made.rulebook, ...book }) };
    return vault;
  };
  for (const make of [entering, ending, opening]) wantsExactly(bare(rulebook), make, ["clock", "simulation"]);
  for (const make of [entering, ending]) wantsExactly(bare(screened), make, ["screening"]);
  wantsExactly(bare(screened), opening, []);
  const freeze = (vault: MemoryVault) => facing(vault, world.freeze(vault.ground().book));
  assert.deepEqual(wishesOf(freeze(bare(rulebook)()), openBook({ ...made.rulebook, ...rulebook })), []);
});

test("what is too old is left out where the others are enough; what speaks against it never is", () => {
  const subject = SUBJECT.address(1, TOKEN);
  const wish = { subject, sources: ["a", "b", "c"], atLeast: 2, maxAgeMs: 100 };
  const fact = (source: string, at: number, verdict: "clean" | "adverse" = "clean") => ({
    fact: { version: 1, deployment: CODE, type: "screening", source, subject, at, verdict } as const,
  });
  const sources = (facts: ReturnType<typeof fact>[], wishes: readonly Wish[] = [wish]) =>
    chosenFacts(facts, wishes, 1_000).map((one) => one.fact.source);
  assert.deepEqual(sources([fact("a", 950), fact("b", 900), fact("c", 899)]), ["a", "b"]);
  assert.deepEqual(sources([fact("a", 950), fact("c", 899)]), ["a", "c"]);
  assert.deepEqual(sources([fact("a", 950), fact("b", 900), fact("c", 1, "adverse")]), ["a", "b", "c"]);
  assert.deepEqual(sources([fact("a", 950), fact("stranger", 990)]), ["a"]);
  assert.deepEqual(sources([fact("a", 950)], []), []);
  const patient = { ...wish, sources: ["c"], atLeast: 1, maxAgeMs: 5_000 };
  assert.deepEqual(sources([fact("a", 950), fact("b", 990), fact("c", 1)], [wish, patient]), ["a", "b", "c"]);
});

test("a refusal leaves a request waiting, open or over", () => {
  for (const code of ["FACT_MISSING", "FACT_STALE", "FACT_MOVED", "FACT_SUPERSEDED", "ENTRY_TOO_YOUNG", "DELAY_RUNNING"])
    assert.equal(meaningOf(code, "rules.x"), "wait", code);
  for (const code of ["UNIT_UNKNOWN", "NOT_AFTER_TOO_FAR", "NOT_ALLOWED", "FACT_ADVERSE", "SOMETHING_NEW"])
    assert.equal(meaningOf(code, "rules.x"), "open", code);
  assert.equal(meaningOf("EXPIRED", "intent.notAfter"), "expired");
  assert.equal(meaningOf("EXPIRED", "approvals.0"), "open");
  assert.equal(meaningOf("INTENT_REJECTED", "intent"), "rejected");
  assert.deepEqual(
    [isOver("EXPIRED", "approvals.1"), isOver("EXPIRED", "intent.notAfter"), isOver("INTENT_REJECTED", "intent")],
    [false, true, true],
  );
});

test("how long something still runs is told by the vault's own time", () => {
  const words = "its cooling-off time ends at 1795337520733, the vault's time is at least 1795337520000";
  assert.equal(restOfDelay(words), 733);
  assert.equal(restOfDelay("it ends at 5, the vault's time is at least 9"), 0);
  assert.equal(restOfDelay("an address outside the address book is of no age"), null);
});

test("what rules refuse at one hour is asked again at the next turn of their times, by either clock", () => {
  const start = Date.parse("2026-11-23T00:00:00Z");
  const office = { calendar: "utc", days: ["monday", "tuesday"], from: 9 * 60, to: 17 * 60 } as const;
  const rules = [requires({ kinds: ["pay"], times: [office] }), requires({ id: "always" })];
  const document = { ...world.makeWorld().rulebook, rules };
  const calendars = [{ id: "utc", offset: 0, changes: [], until: start + 30 * 24 * HOUR }];
  const book = openBook({ ...document, calendars });
  const turn = (at: number, lagMs = 0, kind: Intent["kind"] = "pay") => nextTurnOf(book, kind, { at: start + at, lagMs });
  assert.equal(turn(0), start + 9 * HOUR);
  assert.equal(turn(10 * HOUR), start + 17 * HOUR);
  assert.equal(turn(18 * HOUR), start + 33 * HOUR);
  assert.equal(turn(10 * HOUR, 2 * HOUR), start + 11 * HOUR);
  assert.equal(turn(10 * HOUR, 0, "entry"), null);
  assert.equal(turn(31 * 24 * HOUR, HOUR), null);
});
