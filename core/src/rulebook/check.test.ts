import assert from "node:assert/strict";
import { test } from "node:test";
import {
  ALLOW,
  deviceKey,
  OPEN,
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
import { checkRulebook, governs } from "./check.ts";

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

test("a limit is of a known asset", () => {
  const limits = [{ id: "new", level: "client" as const, asset: "doge", amount: 1n, windowMs: 1 }];
  assert.equal(outcome({ limits }), "RULEBOOK_INVALID limits.new.asset");
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
