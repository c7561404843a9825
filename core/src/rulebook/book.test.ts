import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { hashOf, keyIdOf, passkey, sampleRulebook } from "../../test/sample.ts";
import { keyId } from "../keys/id.ts";
import { encode, idOf } from "../signed/object.ts";
import { type Rule, Rulebook } from "../signed/rulebook.ts";
import { matching, openBook, type Subject } from "./book.ts";
import { OPEN } from "./open.ts";

test("a book finds persons by key, groups by person, units with all above them", () => {
  const more = { id: "max", keys: [passkey("max")] };
  const document = sampleRulebook({ persons: [...sampleRulebook().persons, more] });
  const book = openBook(document);
  assert.equal(book.id, idOf(Rulebook, encode(Rulebook, document)));
  assert.equal(book.holders.get(keyIdOf("ada"))?.person, "ada");
  const second = keyId("webauthn-es256", passkey("max").publicKey);
  assert.deepEqual(book.holders.get(second), { person: "max", key: passkey("max"), id: second });
  assert.equal(book.holders.get(hashOf("nobody")), undefined);
  assert.deepEqual(book.groupsOf.get("ada"), ["administrators"]);
  assert.equal(book.groupsOf.get("max"), undefined);
  assert.deepEqual([...(book.groups.get("traders") ?? [])], ["tom", "tina"]);
  assert.equal(book.chains.get(31337)?.name, "anvil");
  assert.equal(book.assets.get("usdx")?.decimals, 6);
  assert.equal(book.sources.get("watcher")?.type, "finality");
  const units = openBook(sampleRulebook({ units: [{ id: "bank" }, { id: "desk", parent: "bank" }] })).unitsOf;
  assert.deepEqual([units.get("bank"), units.get("desk"), units.get("other")], [["bank"], ["desk", "bank"], undefined]);
});

const KINDS = ["pay", "cancel", "wallet", "entry", "call"] as const;
const METHODS = ["burn(uint256)", "approve(address,uint256)", "allowance", "unlimited allowance"] as const;
/** An ordinary call, a dangerous one, and one whose arguments make it worse. */
const CALLS: readonly NonNullable<Subject["call"]>[] = [
  { all: [METHODS[0]], needed: null },
  { all: METHODS.slice(1, 3), needed: METHODS.slice(1, 3) },
  { all: METHODS.slice(1), needed: METHODS.slice(3) },
];
const CLASSES = ["own", "exchange", "vasp", "self-hosted", "client-owned"] as const;
const NAMES = ["a", "b", "c", "d"] as const;
const PERSONS = ["tom", "tina", "amy", "olga", "nobody"] as const;

const some = <T>(values: readonly T[]) =>
  fc.oneof({ weight: 2, arbitrary: fc.constant("any" as const) }, fc.subarray([...values], { minLength: 1 }));
const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: undefined });
const amounts = fc.bigInt({ min: 0n, max: 9n });
/** Thursday, 1 January 1970, 12:00 UTC. */
const NOON = { lo: 43_200_000, hi: 43_200_000 };
const CALENDARS: Rulebook["calendars"] = [{ id: "utc", offset: 0, changes: [], until: 86_400_000 }];
const UNITS = [{ id: "bank" }, { id: "desk", parent: "bank" }, { id: "shop", parent: "bank" }];
const VALUATION = { currency: "eur", decimals: 2, sources: ["p"], atLeast: 1, maxAgeMs: 1, maxMovePpm: 1, moveMs: 1 };
const HOURS = [
  [0, 720],
  [720, 721],
  [600, 1440],
] as const;
const times = fc
  .record({ day: fc.constantFrom("thursday" as const, "friday" as const), hours: fc.constantFrom(...HOURS) })
  .map(({ day, hours: [from, to] }) => ({ calendar: "utc", days: [day], from, to }));

const rule = fc
  .record({
    effect: fc.constantFrom("allow", "deny"),
    kinds: some(KINDS),
    chains: some([1, 2, 31337]),
    assets: some(NAMES),
    wallets: some(NAMES),
    destinations: some(NAMES),
    classes: some(CLASSES),
    initiators: some(["traders", "approvers", "both", "officers"]),
    walletClasses: some(["hot", "cold"]),
    clients: some(NAMES),
    units: some(["bank", "desk", "shop"]),
    persons: some(PERSONS),
    methods: some(METHODS),
    times: fc.oneof({ weight: 2, arbitrary: fc.constant("any" as const) }, fc.array(times, { minLength: 1, maxLength: 2 })),
    amountFrom: maybe(amounts),
    amountTo: maybe(amounts),
    valueFrom: maybe(amounts),
    valueTo: maybe(amounts),
  })
  .map((open) => Object.fromEntries(Object.entries(open).filter(([, value]) => value !== undefined)));
const rules = fc
  .array(rule, { maxLength: 90 })
  .map((list): readonly Rule[] => list.map((item, at) => ({ ...item, id: `r${at}` }) as Rule));

const subjects: fc.Arbitrary<Subject> = fc
  .record({
    kind: fc.constantFrom(...KINDS),
    initiator: fc.constantFrom(...PERSONS),
    when: fc.constantFrom(NOON, { lo: 43_199_999, hi: 43_200_000 }, { lo: 86_390_000, hi: 86_400_000 }),
    walletClass: maybe(fc.constantFrom("hot", "cold")),
    client: maybe(fc.constantFrom(...NAMES)),
    units: maybe(fc.constantFrom(["bank"], ["desk", "bank"], ["shop", "bank"])),
    value: maybe(amounts),
    chain: maybe(fc.constantFrom(1, 2, 31337)),
    asset: maybe(fc.constantFrom(...NAMES)),
    wallet: maybe(fc.constantFrom(...NAMES)),
    destination: maybe(fc.constantFrom(...NAMES)),
    class: maybe(fc.constantFrom(...CLASSES)),
    amount: maybe(amounts),
    call: maybe(fc.constantFrom(...CALLS)),
  })
  .map(
    (subject) => Object.fromEntries(Object.entries(subject).filter(([, value]) => value !== undefined)) as unknown as Subject,
  );

/** Tom has two groups of his own and one together with amy. */
const groups = [
  { id: "traders", members: ["tom", "tina"] },
  { id: "both", members: ["tom", "amy"] },
  { id: "approvers", members: ["amy"] },
  { id: "officers", members: ["olga"] },
];

/** Thursday's minutes are those since 1970; the calendar ends with that day. */
function isTime({ times, effect }: Rule, { when: { lo, hi } }: Subject): boolean {
  if (times === "any") return true;
  if (hi >= 86_400_000) return effect !== "allow";
  return times.some(({ days, from, to }) => {
    const within = (at: number) => days.includes("thursday") && at >= from * 60_000 && at < to * 60_000;
    return effect === "allow" ? within(lo) && within(hi) : within(lo) || within(hi);
  });
}

/** An allow of what is dangerous names it. */
function isMeant({ methods, effect }: Rule, { call }: Subject): boolean {
  const named = (names: readonly string[] | null | undefined) =>
    methods !== "any" && names?.some((name) => methods.includes(name)) === true;
  const meant = methods === "any" || named(call?.all);
  return effect === "allow" && call != null && call.needed !== null ? named(call.needed) : meant;
}

/** What a rule's conditions mean, written down without any index. */
function holds(rule: Rule, subject: Subject): boolean {
  const open = <T>(values: "any" | readonly T[], value: T | undefined) =>
    values === "any" || (value !== undefined && values.includes(value));
  const mine = groups.filter((group) => group.members.includes(subject.initiator)).map((group) => group.id);
  const bounded = rule.amountFrom !== undefined || rule.amountTo !== undefined;
  const valued = rule.valueFrom !== undefined || rule.valueTo !== undefined;
  return (
    open(rule.walletClasses, subject.walletClass) &&
    open(rule.clients, subject.client) &&
    (rule.units === "any" || rule.units.some((unit) => subject.units?.includes(unit) === true)) &&
    (rule.persons === "any" || rule.persons.includes(subject.initiator)) &&
    isTime(rule, subject) &&
    isMeant(rule, subject) &&
    (!valued || subject.value !== undefined) &&
    (rule.valueFrom === undefined || (subject.value as bigint) >= rule.valueFrom) &&
    (rule.valueTo === undefined || (subject.value as bigint) <= rule.valueTo) &&
    open(rule.kinds as "any" | readonly string[], subject.kind) &&
    open(rule.chains, subject.chain) &&
    open(rule.assets, subject.asset) &&
    open(rule.wallets, subject.wallet) &&
    open(rule.destinations, subject.destination) &&
    open(rule.classes as "any" | readonly string[], subject.class) &&
    (rule.initiators === "any" || rule.initiators.some((group) => mine.includes(group))) &&
    (!bounded || subject.amount !== undefined) &&
    (rule.amountFrom === undefined || (subject.amount as bigint) >= rule.amountFrom) &&
    (rule.amountTo === undefined || (subject.amount as bigint) <= rule.amountTo)
  );
}

test("the index finds exactly the rules whose conditions hold, in their order", () => {
  let found = 0;
  const property = fc.property(rules, fc.array(subjects, { minLength: 1, maxLength: 8 }), (list, tried) => {
    const book = openBook(sampleRulebook({ rules: list, groups, calendars: CALENDARS, units: UNITS, valuation: VALUATION }));
    for (const subject of tried) {
      const expected = list.filter((item) => holds(item, subject)).map((item) => item.id);
      const actual = matching(book, subject).map((item) => item.id);
      found += actual.length;
      assert.deepEqual(actual, expected);
    }
  });
  fc.assert(property, { numRuns: 1_200 });
  assert.ok(found > 100, `only ${found} rules ever matched`);
});

test("every one of 32 and more rules can match", () => {
  const list = Array.from({ length: 100 }, (_, at): Rule => ({ ...OPEN, id: `r${at}`, effect: "allow", wallets: [`w${at}`] }));
  const book = openBook(sampleRulebook({ rules: list }));
  for (const at of [0, 1, 30, 31, 32, 33, 63, 64, 95, 96, 99])
    assert.deepEqual(
      matching(book, { kind: "pay", initiator: "tom", when: NOON, wallet: `w${at}` }).map((item) => item.id),
      [`r${at}`],
    );
});

test("no rules match nothing", () => {
  assert.deepEqual(matching(openBook(sampleRulebook({ rules: [] })), { kind: "pay", initiator: "tom", when: NOON }), []);
});
