/** A rulebook makes governance unsatisfiable, or contradicts itself so that a rule never binds. Two administrators send it. */

import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import { alternatives } from "../../core/src/rulebook/quorum.ts";
import type { Quorum, Rule } from "../../core/src/signed/rulebook.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { device, passkey } from "../world/keys.ts";
import { keyOf } from "../world/rulebook.ts";
import type { MemoryVault } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { attacks, besiege, honest, passkeyLine, refused, withKeys, withRule } from "./attack.ts";

const { KEYS, ETH } = world;

function sender(vault: MemoryVault, book: ReturnType<typeof besiege>["book"]) {
  const send = (change: Partial<Rulebook>) => {
    const rulebook = world.signValue(Rulebook, world.nextRulebook(book, change), KEYS.ada, KEYS.ben);
    return vault.send(world.command({ command: "rulebook", rulebook, approvals: [] }));
  };
  honest(vault, () => send({}));
  return send;
}

const group = (name: string, count: number): Quorum => ({ type: "group", group: name, count });

attacks("governance becomes unsatisfiable", () => {
  const { vault, book } = besiege();
  const send = sender(vault, book);
  const { document } = book;
  const { governance, persons } = document;
  const unsatisfiable = (how: string, change: Partial<Rulebook>) =>
    refused(vault, "GOVERNANCE_UNSATISFIABLE", how, () => send(change));
  unsatisfiable("all must sign", { governance: { ...governance, threshold: 3 } });
  unsatisfiable("more must sign than there are", { governance: { ...governance, threshold: 16 } });
  unsatisfiable("none is left to see", { governance: { ...governance, administrators: ["ada", "ben"] } });
  const exchanged = (key: (name: string) => Rulebook["persons"][number]["keys"][number], ...names: readonly string[]) => ({
    persons: persons.map((person) => (names.includes(person.id) ? { ...person, keys: [key(person.id)] } : person)),
  });
  const served = (name: string) => ({ ...keyOf(device(name)), class: "served" }) as const;
  honest(vault, () => send(exchanged(served, "bob")));
  unsatisfiable("one has a served key only", exchanged(served, "cleo"));
  unsatisfiable(
    "all have passkeys only",
    exchanged((name) => passkeyLine(passkey(name), "device"), "ada", "ben", "cleo"),
  );
  unsatisfiable(
    "one has a served passkey only",
    exchanged((name) => passkeyLine(passkey(name), "served"), "ben"),
  );
  const invalid = (how: string, change: Partial<Rulebook>) => refused(vault, "RULEBOOK_INVALID", how, () => send(change));
  invalid("an administrator who is nobody", { governance: { ...governance, administrators: ["ada", "ben", "cleo", "dan"] } });
  invalid("one administrator twice", { governance: { ...governance, administrators: ["ada", "ben", "cleo", "cleo"] } });
  invalid("officers who are no group", { governance: { ...governance, officers: "sheriffs" } });
  invalid("officers who cannot freeze", exchanged(served, "olga", "otto"));
  invalid("an unfreeze quorum of no group", { governance: { ...governance, unfreeze: group("sheriffs", 1) } });
  invalid("an unfreeze quorum too large", { governance: { ...governance, unfreeze: group("officers", 3) } });
});

attacks("a quorum cannot be filled or unfolds without end", () => {
  const { vault, book } = besiege();
  const send = sender(vault, book);
  const rule = (quorum: Quorum, more: object = {}): Rule => ({ ...OPEN, ...NOTHING, id: "new", quorum, ...more });
  const invalid = (how: string, quorum: Quorum, more: object = {}) =>
    refused(vault, "RULEBOOK_INVALID", how, () => send(withRule(book.document, rule(quorum, more))));
  honest(vault, () => send(withRule(book.document, rule(group("officers", 2)))));
  invalid("more than there are", group("officers", 3));
  invalid("an unknown group", group("sheriffs", 1));
  invalid("the same person for two seats", { type: "allOf", of: [group("traders", 2), group("operations", 3)] });
  invalid("one alternative that can never be", { type: "anyOf", of: [group("traders", 1), group("traders", 3)] });
  const wide: Quorum = { type: "anyOf", of: Array.from({ length: 8 }, () => group("traders", 1)) };
  const broad: Quorum = { type: "allOf", of: [wide, wide, group("approvers", 1)] };
  invalid(`${alternatives(broad).length} alternatives on ten persons`, { type: "allOf", of: [wide, wide, wide] });
  invalid("more groups than it names", group("approvers", 2), { distinctGroups: 2 });
  const { quorum: _, ...bare } = rule(group("approvers", 1)) as Rule & { quorum: Quorum };
  refused(vault, "RULEBOOK_INVALID", "groups without a quorum", () =>
    send(withRule(book.document, { ...bare, distinctGroups: 1 } as Rule)),
  );
});

attacks("a rule can never match, or a name means two things", () => {
  const { vault, book } = besiege();
  const send = sender(vault, book);
  const { document } = book;
  const invalid = (how: string, change: Partial<Rulebook>) => refused(vault, "RULEBOOK_INVALID", how, () => send(change));
  const deny: Rule = { ...OPEN, id: "new", effect: "deny" };
  honest(vault, () => send(withRule(document, deny)));
  invalid("an unknown chain", withRule(document, { ...deny, chains: [1] }));
  invalid("an unknown asset", withRule(document, { ...deny, assets: ["btc"] }));
  invalid("unknown initiators", withRule(document, { ...deny, initiators: ["sheriffs"] }));
  invalid("amounts of any asset", withRule(document, { ...deny, amountFrom: ETH }));
  invalid("amounts of two assets", withRule(document, { ...deny, assets: ["eth", "usdx"], amountTo: ETH }));
  invalid("an empty range", withRule(document, { ...deny, assets: ["eth"], amountFrom: 2n, amountTo: 1n }));
  invalid("a rule on freezes", withRule(document, { ...deny, kinds: ["freeze"] }));
  invalid("a rule on unfreezes", withRule(document, { ...deny, kinds: ["unfreeze"] }));
  const need = { type: "screening", sources: ["screening"], atLeast: 1, maxAgeMs: 1 } as const;
  const fact = (change: object): Rule => ({ ...OPEN, ...NOTHING, id: "new", facts: [{ ...need, ...change }] });
  honest(vault, () => send(withRule(document, fact({}))));
  invalid("an unknown source", withRule(document, fact({ sources: ["mallory"] })));
  invalid("a source of another type", withRule(document, fact({ sources: ["finality-a"] })));
  invalid("more sources than named", withRule(document, fact({ atLeast: 2 })));
  invalid("one source twice", withRule(document, fact({ sources: ["screening", "screening"], atLeast: 2 })));
  for (const section of ["chains", "assets", "persons", "groups", "sources", "rules", "limits"] as const) {
    invalid(`${section}: a name twice`, { [section]: [...document[section], document[section][0]] });
  }
  invalid("a limit on nothing", { limits: document.limits.map((limit) => ({ ...limit, assets: ["btc"] })) });
});

attacks("a key belongs to two persons, or is none", () => {
  const { vault, book } = besiege();
  const send = sender(vault, book);
  const { document } = book;
  const invalid = (how: string, change: Partial<Rulebook>) => refused(vault, "RULEBOOK_INVALID", how, () => send(change));
  const small = (hex: string) => ({ ...keyOf(KEYS.amy), publicKey: new Uint8Array(Buffer.from(hex, "hex")) });
  honest(vault, () => send({ persons: withKeys(document, { bob: [keyOf(device("spare"))] }) }));
  invalid("amy's key is bob's too", { persons: withKeys(document, { bob: [keyOf(KEYS.amy)] }) });
  invalid("one key twice", { persons: withKeys(document, { amy: [keyOf(KEYS.amy)] }) });
  invalid("of small order", { persons: withKeys(document, { amy: [small(`01${"00".repeat(31)}`)] }) });
  invalid("not canonical", { persons: withKeys(document, { amy: [small("ff".repeat(32))] }) });
  invalid("no point", { persons: withKeys(document, { amy: [small(`02${"00".repeat(31)}`)] }) });
  const line = passkeyLine(passkey("spare"), "device");
  const { origin: _, ...unbound } = line;
  honest(vault, () => send({ persons: withKeys(document, { amy: [line] }) }));
  invalid("a passkey without origin", { persons: withKeys(document, { amy: [unbound] }) });
  invalid("a passkey's point that is none", {
    persons: withKeys(document, { amy: [{ ...line, publicKey: new Uint8Array(33) }] }),
  });
  invalid("a device key with an origin", {
    persons: withKeys(document, { amy: [{ ...keyOf(device("spare")), origin: "http://x" }] }),
  });
  const sources = document.sources.map((source) => ({ ...source, publicKey: new Uint8Array(32) }));
  invalid("a source's key of small order", { sources });
  const groups = document.groups.map((item) => ({ ...item, members: [...item.members, "dan"] }));
  invalid("a member who is nobody", { groups });
  invalid("a member twice", {
    groups: document.groups.map((item) => ({ ...item, members: [...item.members, ...item.members] })),
  });
});

attacks("an asset or chain is not what it seems", () => {
  const { vault, book } = besiege();
  const send = sender(vault, book);
  const { assets, chains } = book.document;
  const [chain] = chains as [(typeof chains)[number]];
  const [eth, usdx] = assets as [(typeof assets)[number], (typeof assets)[number]];
  const contract = usdx.contract as string;
  const invalid = (how: string, change: Partial<Rulebook>) => refused(vault, "RULEBOOK_INVALID", how, () => send(change));
  invalid("two names for one token", { assets: [...assets, { ...usdx, id: "dai" }] });
  invalid("two native assets", { assets: [...assets, { ...eth, id: "ether" }] });
  invalid("a native asset that is a token", { chains: [{ ...chain, native: "usdx" }] });
  invalid("a native asset that is unknown", { chains: [{ ...chain, native: "btc" }] });
  invalid("an asset of no chain", { assets: [...assets, { id: "btc", chain: 1, decimals: 8 }] });
  refused(vault, "ADDRESS_INVALID", "a contract without checksum", () =>
    send({ assets: [eth, { ...usdx, contract: contract.toLowerCase() }] }),
  );
  invalid("finality by a screening source", { chains: [{ ...chain, finality: ["screening"], finalityAtLeast: 1 }] });
  invalid("finality by one source twice", { chains: [{ ...chain, finality: ["finality-a", "finality-a"] }] });
  invalid("finality by more than named", { chains: [{ ...chain, finalityAtLeast: 3 }] });
});
