import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  ALLOW,
  DENY,
  deviceKey,
  PERSONS,
  passkey,
  publicKeyOf,
  REQUIRE,
  sampleRulebook,
  servedKey,
  TOKEN,
} from "../../test/sample.ts";
import { attempt } from "../errors.ts";
import type { Key, Quorum, Rule, Rulebook } from "../signed/rulebook.ts";
import { checkRulebook, governs, MAX_SEATS, MAX_UNIT_DEPTH } from "./check.ts";
import { OPEN } from "./open.ts";
import { fillsQuorum } from "./quorum.ts";

const outcome = (change: Partial<Rulebook>) => {
  const result = attempt(() => checkRulebook(sampleRulebook(change)));
  return result.ok ? "OK" : `${result.code} ${result.field}`;
};
const base = sampleRulebook();
const [anvil, mainnet] = base.chains as [Rulebook["chains"][number], Rulebook["chains"][number]];
const [eth, usdx, ether] = base.assets as [Rulebook["assets"][number], Rulebook["assets"][number], Rulebook["assets"][number]];
const twice = <T>(items: readonly T[]) => [...items, items[0] as T];

test("a sound rulebook passes", () => {
  assert.equal(outcome({}), "OK");
  assert.equal(outcome({ rules: [], limits: [] }), "OK");
});

test("names are unique in their section", () => {
  for (const section of ["chains", "assets", "persons", "groups", "sources", "rules", "limits"] as const)
    assert.equal(outcome({ [section]: twice(base[section] as readonly unknown[]) } as never), `RULEBOOK_INVALID ${section}`);
});

test("a chain's native asset is one of its own without a contract", () => {
  for (const native of ["nothing", "usdx", "ether"])
    assert.equal(outcome({ chains: [{ ...anvil, native }, mainnet] }), "RULEBOOK_INVALID chains.anvil.native", native);
});

test("a chain's finality comes from finality sources, enough of them", () => {
  const chain = (change: Partial<typeof anvil>) => outcome({ chains: [{ ...anvil, ...change }, mainnet] });
  assert.equal(chain({ finality: ["screener"] }), "RULEBOOK_INVALID chains.anvil.finality");
  assert.equal(chain({ finality: ["nobody"] }), "RULEBOOK_INVALID chains.anvil.finality");
  assert.equal(chain({ finality: ["watcher", "watcher"] }), "RULEBOOK_INVALID chains.anvil.finality");
  assert.equal(chain({ finalityAtLeast: 2 }), "RULEBOOK_INVALID chains.anvil.finalityAtLeast");
  assert.equal(chain({ finality: [], finalityAtLeast: 2 }), "OK");
});

test("an asset is on a known chain, with a contract of its own or as the native one", () => {
  const assets = (...more: Rulebook["assets"]) => outcome({ assets: [eth, usdx, ether, ...more] });
  assert.equal(assets({ id: "new", chain: 5, contract: TOKEN, decimals: 0 }), "RULEBOOK_INVALID assets.new.chain");
  assert.equal(assets({ id: "new", chain: 1, decimals: 0 }), "RULEBOOK_INVALID assets.new");
  assert.equal(assets({ id: "new", chain: 1, contract: TOKEN, decimals: 0 }), "OK");
  assert.equal(assets({ id: "new", chain: 31337, contract: TOKEN, decimals: 0 }), "RULEBOOK_INVALID assets");
  const lower = TOKEN.toLowerCase();
  assert.equal(assets({ id: "new", chain: 1, contract: lower, decimals: 0 }), "ADDRESS_INVALID assets.new.contract");
});

test("a key is one that can be verified, and of one person", () => {
  const withKey = (key: Key) => outcome({ persons: [...PERSONS, { id: "max", keys: [key] }] });
  assert.equal(withKey(deviceKey("max")), "OK");
  assert.equal(withKey(passkey("max")), "OK");
  assert.equal(withKey({ ...deviceKey("max"), publicKey: new Uint8Array(32) }), "RULEBOOK_INVALID persons.max.publicKey");
  assert.equal(withKey({ ...passkey("max"), publicKey: new Uint8Array(33) }), "RULEBOOK_INVALID persons.max.publicKey");
  assert.equal(withKey({ ...passkey("max"), publicKey: publicKeyOf("max") }), "RULEBOOK_INVALID persons.max.publicKey");
  const { origin: _, ...unbound } = passkey("max");
  assert.equal(withKey(unbound), "RULEBOOK_INVALID persons.max");
  assert.equal(withKey({ ...deviceKey("max"), synced: true }), "RULEBOOK_INVALID persons.max");
  assert.equal(withKey(deviceKey("ada")), "RULEBOOK_INVALID persons.keys");
  assert.equal(withKey(servedKey("ada")), "RULEBOOK_INVALID persons.keys");
});

test("groups have known members, each once", () => {
  const groups = (members: readonly string[]) => outcome({ groups: [...base.groups, { id: "new", members }] });
  assert.equal(groups(["ada", "tom"]), "OK");
  assert.equal(groups(["ada", "ada"]), "RULEBOOK_INVALID groups.new");
  assert.equal(groups(["nobody"]), "RULEBOOK_INVALID groups.new");
});

test("a source has a key that can be verified", () => {
  const sources = [...base.sources, { id: "new", type: "price" as const, publicKey: new Uint8Array(32) }];
  assert.equal(outcome({ sources }), "RULEBOOK_INVALID sources.new");
});

const rule = (change: Partial<Rule>) => outcome({ rules: [{ ...ALLOW, id: "new", ...change } as Rule] });

test("rules name what exists", () => {
  assert.equal(rule({ chains: [31337, 1], assets: ["eth"], initiators: ["traders"], wallets: ["any-wallet"] }), "OK");
  assert.equal(rule({ chains: [2] }), "RULEBOOK_INVALID rules.new.chains");
  assert.equal(rule({ assets: ["eth", "doge"] }), "RULEBOOK_INVALID rules.new.assets");
  assert.equal(rule({ initiators: ["nobody"] }), "RULEBOOK_INVALID rules.new.initiators");
});

test("rules mean calls by canonical signatures and by the kinds that are known", () => {
  for (const method of ["deposit(uint256)", "approve(address,uint256)", "unlimited allowance", "delegatecall", "proxy upgrade"])
    assert.equal(rule({ kinds: ["call"], methods: [method] }), "OK", method);
  for (const method of ["deposit(uint)", "deposit", "any method", "token transfer", "unknown call", "deposit(uint256) "])
    assert.equal(rule({ methods: ["burn(uint256)", method] }), "RULEBOOK_INVALID rules.new.methods", method);
});

test("rules are not asked about freezing, so none may speak of it", () => {
  assert.equal(rule({ kinds: ["pay", "freeze"] }), "RULEBOOK_INVALID rules.new.kinds");
  assert.equal(rule({ kinds: ["unfreeze"] }), "RULEBOOK_INVALID rules.new.kinds");
  assert.equal(rule({ kinds: "any" }), "OK");
});

test("amounts are of one asset and a range that is not empty", () => {
  assert.equal(rule({ amountFrom: 1n }), "RULEBOOK_INVALID rules.new.assets");
  assert.equal(rule({ amountTo: 1n }), "RULEBOOK_INVALID rules.new.assets");
  assert.equal(rule({ amountTo: 1n, assets: ["eth", "usdx"] }), "RULEBOOK_INVALID rules.new.assets");
  assert.equal(rule({ amountFrom: 2n, amountTo: 1n, assets: ["eth"] }), "RULEBOOK_INVALID rules.new.amountTo");
  assert.equal(rule({ amountFrom: 2n, amountTo: 2n, assets: ["eth"] }), "OK");
  assert.equal(rule({ amountFrom: 2n, assets: ["eth"] }), "OK");
  assert.equal(rule({ amountTo: 0n, assets: ["eth"] }), "OK");
});

const group = (name: string, count: number): Quorum => ({ type: "group", group: name, count });
const quorum = (tree: Quorum, distinctGroups = 0) =>
  outcome({ rules: [{ ...REQUIRE, id: "new", quorum: tree, distinctGroups }] });

test("a quorum names known groups and can be filled in each of its alternatives", () => {
  assert.equal(quorum(group("approvers", 3)), "OK");
  assert.equal(quorum(group("nobody", 1)), "RULEBOOK_INVALID rules.new.quorum");
  assert.equal(quorum(group("approvers", 4)), "RULEBOOK_INVALID rules.new.quorum");
  assert.equal(
    quorum({ type: "anyOf", of: [group("approvers", 1), group("traders", 3)] }),
    "RULEBOOK_INVALID rules.new.quorum",
  );
  assert.equal(quorum({ type: "allOf", of: [group("traders", 1), group("traders", 2)] }), "RULEBOOK_INVALID rules.new.quorum");
});

test("a quorum unfolds into a bounded number of alternatives and persons", () => {
  const eight: Quorum = { type: "anyOf", of: Array.from({ length: 8 }, () => group("approvers", 1)) };
  assert.equal(quorum(eight), "OK");
  assert.equal(quorum({ type: "allOf", of: [group("traders", 1), eight] }), "OK");
  assert.equal(quorum({ type: "allOf", of: [eight, eight, eight] }), "RULEBOOK_INVALID rules.new.quorum");
  const many = Array.from({ length: 70 }, (_, at) => ({ id: `p${at}`, keys: [deviceKey(`p${at}`)] }));
  const groups = [...base.groups, { id: "many", members: many.map((person) => person.id) }];
  const seats = (count: number): Rule => ({
    ...REQUIRE,
    quorum: { type: "allOf", of: [group("many", 60), group("many", count)] },
  });
  assert.equal(outcome({ persons: [...PERSONS, ...many], groups, rules: [seats(4)] }), "OK");
  assert.equal(outcome({ persons: [...PERSONS, ...many], groups, rules: [seats(5)] }), "RULEBOOK_INVALID rules.require.quorum");
});

const crowd = Array.from({ length: 90 }, (_, at) => ({ id: `p${at}`, keys: [deviceKey(`p${at}`)] }));
/** Groups of the crowd: so many of its members from one on. */
const groupsOf = (cuts: readonly (readonly [number, number])[]) =>
  cuts.map(([from, length], at) => ({ id: `g${at}`, members: crowd.slice(from, from + length).map(({ id }) => id) }));

test("a quorum passes exactly when all of its groups together could fill it", () => {
  const cut = fc.tuple(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 1, max: 70 }));
  const counts = fc.array(fc.integer({ min: 1, max: 40 }), { minLength: 3, maxLength: 3 });
  const seen = new Set<boolean>();
  fc.assert(
    fc.property(fc.tuple(cut, cut, cut), counts, (cuts, [one = 1, two = 1, three = 1]) => {
      fc.pre(one + two + three <= MAX_SEATS);
      const groups = groupsOf(cuts);
      const tree: Quorum = { type: "allOf", of: [group("g0", one), group("g1", two), group("g2", three)] };
      const members = new Map(groups.map(({ id, members }) => [id, new Set(members)]));
      const fills = fillsQuorum(tree, members, new Set(crowd.map(({ id }) => id)));
      const rules = [{ ...REQUIRE, quorum: tree }];
      const found = outcome({ persons: [...PERSONS, ...crowd], groups: [...base.groups, ...groups], rules });
      assert.equal(found, fills ? "OK" : "RULEBOOK_INVALID rules.require.quorum");
      seen.add(fills);
    }),
    { numRuns: 60, seed: 5 },
  );
  assert.equal(seen.size, 2);
});

test("hundreds of the widest quorums of large groups are looked at in no time", () => {
  const groups = groupsOf(Array.from({ length: 12 }, (_, at) => [at, 78] as const));
  const either = (at: number): Quorum => ({ type: "anyOf", of: [group(`g${at}`, 10), group(`g${at + 6}`, 10)] });
  const tree: Quorum = { type: "allOf", of: [0, 1, 2, 3, 4, 5].map(either) };
  const rules = Array.from({ length: 1_000 }, (_, at) => ({ ...REQUIRE, id: `r${at}`, quorum: tree }));
  const begun = performance.now();
  assert.equal(outcome({ persons: [...PERSONS, ...crowd], groups: [...base.groups, ...groups], rules }), "OK");
  const ms = performance.now() - begun;
  assert.ok(ms < 2_000, `${Math.round(ms)} ms`);
});

test("distinct groups are groups of the quorum", () => {
  const two: Quorum = { type: "allOf", of: [group("approvers", 1), group("traders", 1), group("approvers", 1)] };
  assert.equal(quorum(two, 2), "OK");
  assert.equal(quorum(two, 3), "RULEBOOK_INVALID rules.new.distinctGroups");
  const { quorum: _, ...bare } = { ...REQUIRE, id: "new" };
  assert.equal(outcome({ rules: [bare] }), "OK");
  assert.equal(outcome({ rules: [{ ...bare, distinctGroups: 1 }] }), "RULEBOOK_INVALID rules.new.distinctGroups");
});

test("facts come from enough sources of their type", () => {
  const facts = (sources: readonly string[], atLeast: number) => {
    const needed = [{ type: "screening" as const, sources, atLeast, maxAgeMs: 1 }];
    return outcome({ rules: [{ ...REQUIRE, ...OPEN, id: "new", facts: needed }] });
  };
  assert.equal(facts(["screener"], 1), "OK");
  assert.equal(facts(["screener"], 2), "RULEBOOK_INVALID rules.new.facts");
  assert.equal(facts(["watcher"], 1), "RULEBOOK_INVALID rules.new.facts");
  assert.equal(facts(["screener", "screener"], 2), "RULEBOOK_INVALID rules.new.facts");
});

const YEAR_2100 = 4_102_444_800_000;
const zurich: Rulebook["calendars"][number] = { id: "zurich", offset: 60, changes: [], until: YEAR_2100 };
const pricer: Rulebook["sources"][number] = { id: "pricer", type: "price", publicKey: publicKeyOf("pricer") };
const valuation: Rulebook["valuation"] & object = {
  currency: "eur",
  decimals: 2,
  sources: ["pricer"],
  atLeast: 1,
  maxAgeMs: 60_000,
  maxMovePpm: 100_000,
  moveMs: 600_000,
};
const valued = { valuation, sources: [...base.sources, pricer] };

test("a limit is of known assets, in a measure that adds up, over a window that is known", () => {
  const limit = (change: Partial<Rulebook["limits"][number]>, more: Partial<Rulebook> = {}) =>
    outcome({ ...more, limits: [{ ...(base.limits[0] as Rulebook["limits"][number]), id: "new", ...change }] });
  assert.equal(limit({}), "OK");
  assert.equal(limit({ assets: ["doge"] }), "RULEBOOK_INVALID limits.new.assets");
  assert.equal(limit({ assets: ["eth", "usdx"] }), "RULEBOOK_INVALID limits.new.assets");
  assert.equal(limit({ assets: "any" }), "RULEBOOK_INVALID limits.new.assets");
  assert.equal(limit({ measure: "count", assets: "any" }), "OK");
  assert.equal(limit({ measure: "value", assets: "any" }), "RULEBOOK_INVALID limits.new.measure");
  assert.equal(limit({ measure: "value", assets: "any" }, valued), "OK");
  const window = { type: "fixed", calendar: "zurich", period: "day" } as const;
  assert.equal(limit({ window }), "RULEBOOK_INVALID limits.new.window.calendar");
  assert.equal(limit({ window }, { calendars: [zurich] }), "OK");
});

test("units lie within units that are there, not too deep, and none above itself", () => {
  const units = (...list: readonly (readonly [id: string, parent?: string])[]) =>
    outcome({ units: list.map(([id, parent]) => (parent === undefined ? { id } : { id, parent })) });
  assert.equal(units(["a"], ["b", "a"], ["c", "b"]), "OK");
  assert.equal(units(["a"], ["a"]), "RULEBOOK_INVALID units");
  assert.equal(units(["b", "a"]), "RULEBOOK_INVALID units.b.parent");
  assert.equal(units(["a", "a"]), "RULEBOOK_INVALID units.a.parent");
  assert.equal(units(["a", "b"], ["b", "a"]), "RULEBOOK_INVALID units.a.parent");
  const deep = (count: number) =>
    units(...Array.from({ length: count }, (_, at) => (at === 0 ? (["u0"] as const) : ([`u${at}`, `u${at - 1}`] as const))));
  assert.equal(deep(MAX_UNIT_DEPTH), "OK");
  assert.equal(deep(MAX_UNIT_DEPTH + 1), `RULEBOOK_INVALID units.u${MAX_UNIT_DEPTH}.parent`);
});

test("a calendar's changes ascend and lie before its end", () => {
  const calendar = (changes: readonly number[], until = 100) =>
    outcome({ calendars: [{ id: "c", offset: 0, changes: changes.map((at) => ({ at, offset: 60 })), until }] });
  assert.equal(calendar([]), "OK");
  assert.equal(calendar([1, 2, 99]), "OK");
  for (const wrong of [[2, 1], [1, 1], [100], [101]]) assert.equal(calendar(wrong), "RULEBOOK_INVALID calendars.c.changes");
  assert.equal(outcome({ calendars: [zurich, zurich] }), "RULEBOOK_INVALID calendars");
});

test("a valuation rests on enough sources of prices", () => {
  const wrong = (change: Partial<typeof valuation>) => outcome({ ...valued, valuation: { ...valuation, ...change } });
  assert.equal(wrong({}), "OK");
  assert.equal(wrong({ sources: ["screener"] }), "RULEBOOK_INVALID valuation.sources");
  assert.equal(wrong({ sources: ["pricer", "pricer"] }), "RULEBOOK_INVALID valuation.sources");
  assert.equal(wrong({ atLeast: 2 }), "RULEBOOK_INVALID valuation.atLeast");
});

test("the time is stated by enough sources of the time", () => {
  const sources = [...base.sources, { id: "clock", type: "clock" as const, publicKey: publicKeyOf("clock") }];
  const clock = (named: readonly string[], atLeast: number) => outcome({ sources, clock: { sources: named, atLeast } });
  assert.equal(clock(["clock"], 1), "OK");
  assert.equal(clock(["clock"], 2), "RULEBOOK_INVALID clock.atLeast");
  assert.equal(clock(["screener"], 1), "RULEBOOK_INVALID clock.sources");
});

test("values are compared only where they are valued", () => {
  const values = (change: Partial<Rule>, more: Partial<Rulebook> = valued) =>
    outcome({ ...more, rules: [{ ...DENY, id: "new", ...change } as Rule] });
  assert.equal(values({ valueFrom: 1n }), "OK");
  assert.equal(values({ valueTo: 1n }), "OK");
  assert.equal(values({ valueFrom: 1n }, {}), "RULEBOOK_INVALID rules.new.valueFrom");
  assert.equal(values({ valueTo: 1n }, {}), "RULEBOOK_INVALID rules.new.valueFrom");
  assert.equal(values({ valueFrom: 2n, valueTo: 1n }), "RULEBOOK_INVALID rules.new.valueTo");
  const facts = [{ type: "price" as const, sources: ["pricer"], atLeast: 1, maxAgeMs: 1 }];
  assert.equal(outcome({ ...valued, rules: [{ ...REQUIRE, facts }] }), "OK");
  assert.equal(outcome({ sources: valued.sources, rules: [{ ...REQUIRE, facts }] }), "RULEBOOK_INVALID rules.require.facts");
});

test("a rule names known units, persons and calendars, and times that are not empty", () => {
  const rule = (change: Partial<Rule>) =>
    outcome({ calendars: [zurich], units: [{ id: "desk" }], rules: [{ ...DENY, id: "new", ...change } as Rule] });
  assert.equal(rule({ units: ["desk"], persons: ["tom"] }), "OK");
  assert.equal(rule({ units: ["other"] }), "RULEBOOK_INVALID rules.new.units");
  assert.equal(rule({ persons: ["nobody"] }), "RULEBOOK_INVALID rules.new.persons");
  const times = { calendar: "zurich", days: ["monday"], from: 540, to: 1020 } as const;
  assert.equal(rule({ times: [times] }), "OK");
  assert.equal(rule({ times: [{ ...times, calendar: "bern" }] }), "RULEBOOK_INVALID rules.new.times");
  assert.equal(rule({ times: [{ ...times, to: 540 }] }), "RULEBOOK_INVALID rules.new.times");
});

test("the least number of approvers of a wallet class can be found", () => {
  const minimum = (persons: number) => governance({ minimums: [{ class: "cold", persons }] });
  const able = PERSONS.length;
  assert.equal(minimum(able - 1), "OK");
  assert.equal(minimum(able), "RULEBOOK_INVALID governance.minimums.cold");
  const twice = [{ class: "cold" as const, persons: 1 }];
  assert.equal(governance({ minimums: [...twice, ...twice] }), "RULEBOOK_INVALID governance.minimums");
});

const governance = (change: Partial<Rulebook["governance"]>, more: Partial<Rulebook> = {}) =>
  outcome({ ...more, governance: { ...base.governance, ...change } });
const withKeys = (id: string, keys: readonly Key[]) => PERSONS.map((person) => (person.id === id ? { id, keys } : person));

test("administrators are persons, each once", () => {
  assert.equal(governance({ administrators: ["ada", "ben", "nobody"] }), "RULEBOOK_INVALID governance.administrators");
  assert.equal(governance({ administrators: ["ada", "ben", "ben"] }), "RULEBOOK_INVALID governance.administrators");
});

test("more administrators can act than must sign", () => {
  const unsatisfiable = "GOVERNANCE_UNSATISFIABLE governance.threshold";
  assert.equal(governance({ threshold: 3 }), unsatisfiable);
  assert.equal(governance({ administrators: ["ada", "ben"] }), unsatisfiable);
  assert.equal(governance({}, { persons: withKeys("cleo", [servedKey("cleo")]) }), unsatisfiable);
  assert.equal(governance({}, { persons: withKeys("cleo", [passkey("cleo")]) }), unsatisfiable);
  assert.equal(governance({}, { persons: withKeys("cleo", [servedKey("other"), deviceKey("cleo")]) }), "OK");
  assert.deepEqual([deviceKey("a"), servedKey("a"), passkey("a")].map(governs), [true, false, false]);
});

test("the officers are a group in which somebody can freeze", () => {
  assert.equal(governance({ officers: "nobody" }), "RULEBOOK_INVALID governance.officers");
  const served = withKeys("olga", [servedKey("olga")]).map((person) =>
    person.id === "otto" ? { id: "otto", keys: [servedKey("otto")] } : person,
  );
  assert.equal(governance({}, { persons: served }), "RULEBOOK_INVALID governance.officers");
  assert.equal(governance({}, { persons: withKeys("olga", [servedKey("olga")]) }), "OK");
});

test("the unfreeze quorum can be filled", () => {
  assert.equal(governance({ unfreeze: group("officers", 3) }), "RULEBOOK_INVALID governance.unfreeze");
  assert.equal(governance({ unfreeze: group("nobody", 1) }), "RULEBOOK_INVALID governance.unfreeze");
});
