/** The rulebook lowers its own quorum, delay or limits: every weakening is signed by a threshold of administrators, waits,
 *  is seen by one who did not sign, and can be vetoed. Two of the three administrators are the attackers here. */
import assert from "node:assert/strict";
import { toHex } from "../../core/src/bytes.ts";
import { openBook } from "../../core/src/rulebook/book.ts";
import { OPEN } from "../../core/src/rulebook/open.ts";
import { Approval } from "../../core/src/signed/approval.ts";
import { Genesis } from "../../core/src/signed/genesis.ts";
import { challengeOf, decode, encode, Signed } from "../../core/src/signed/object.ts";
import { type Rule, Rulebook } from "../../core/src/signed/rulebook.ts";
import { type Device, device, passkey } from "../world/keys.ts";
import { demoDocument, keyOf } from "../world/rulebook.ts";
import { MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import {
  aside,
  attacks,
  besiege,
  honest,
  honestlySigned,
  passkeyLine,
  refused,
  type Siege,
  TWO,
  withBody,
  withKeys,
} from "./attack.ts";

const { KEYS, ETH, DAY } = world;
const [served, page, spare] = [passkey("cleo's page"), passkey("ben's page"), device("ben's spare")];

type Sent = { readonly by?: readonly Device[]; readonly seen?: readonly Device[]; readonly change?: Partial<Approval> };

/** Sends a rulebook, signed by ada and ben, seen by nobody, unless `sent` says otherwise. */
function send(vault: MemoryVault, next: Rulebook, { by = [KEYS.ada, KEYS.ben], seen = [], change = {} }: Sent = {}) {
  const approvals = seen.map((key) => world.approveRulebook(vault.ground(), next, { key, decision: "seen", change }));
  return vault.send(world.command({ command: "rulebook", rulebook: world.signValue(Rulebook, next, ...by), approvals }));
}

/** What weakens, by name. */
function weakenings({ document }: Siege["book"]): { readonly [how: string]: Partial<Rulebook> } {
  const { governance, rules, limits, chains, groups, sources } = document;
  const without = (id: string) => rules.filter((rule) => rule.id !== id);
  const altered = (id: string, change: object) =>
    rules.map((rule) => (rule.id === id ? { ...rule, ...change } : rule)) as typeof rules;
  const firstLimit = (change: object) => [{ ...limits[0], ...change } as (typeof limits)[number], ...limits.slice(1)];
  return {
    "a quorum is lowered": { rules: altered("two-approvers", { quorum: { type: "group", group: "approvers", count: 1 } }) },
    "a requirement is removed": { rules: without("two-approvers") },
    "a deny is removed": { rules: without("no-contracts") },
    "a delay is shortened": { rules: altered("large-eth", { delayMs: 0 }) },
    "the initiator counts": { rules: altered("two-approvers", { initiatorCounts: true }) },
    "served keys count": { rules: altered("two-approvers", { servedCounts: true }) },
    "a fact is no longer needed": { rules: altered("screened", { facts: [] }) },
    "an allow is added": { rules: [...rules, { ...OPEN, id: "all", effect: "allow" }] },
    "an allow is widened": { rules: altered("allow-eth", { amountTo: 11n * ETH }) },
    "an allow takes a deny's name": { rules: altered("no-contracts", { effect: "allow" }) },
    "a limit is raised": { limits: firstLimit({ most: 101n * ETH }) },
    "a limit is removed": { limits: limits.slice(1) },
    "a window is shortened": { limits: firstLimit({ window: { type: "rolling", ms: 1 } }) },
    "a limit counts for another level": { limits: firstLimit({ level: "destination" }) },
    "a limit counts another asset": { limits: firstLimit({ assets: ["usdx"] }) },
    "a person is added to a group": {
      groups: groups.map((group) => ({ ...group, members: [...new Set([...group.members, "tom"])] })),
    },
    "a member leaves a group": {
      groups: groups.map((group) => (group.id === "operations" ? { ...group, members: ["tina", "carl"] } : group)),
    },
    "a person is added": { persons: [...document.persons, { id: "mallory", keys: [keyOf(KEYS.mallory)] }] },
    "a key is added": { persons: withKeys(document, { amy: [keyOf(KEYS.mallory)] }) },
    "a key is exchanged": {
      persons: document.persons.map((person) => (person.id === "amy" ? { ...person, keys: [keyOf(KEYS.mallory)] } : person)),
    },
    "a source is exchanged": {
      sources: sources.map((source) => (source.id === "screening" ? { ...source, publicKey: KEYS.mallory.publicKey } : source)),
    },
    "fees may rise": { chains: chains.map((chain) => ({ ...chain, maxFee: ETH })) },
    "more may be outstanding": { chains: chains.map((chain) => ({ ...chain, maxOutstanding: 17 })) },
    "one source of finality is enough": { chains: chains.map((chain) => ({ ...chain, finalityAtLeast: 1 })) },
    "an administrator leaves": {
      persons: document.persons.filter(({ id }) => id !== "cleo"),
      governance: { ...governance, threshold: 1, administrators: ["ada", "ben"] },
      groups: groups.map((group) => ({ ...group, members: group.members.filter((id) => id !== "cleo") })),
    },
  };
}

/** What weakens without a word about rules, limits and persons. */
function weakenedAround({ document }: Siege["book"]): { readonly [how: string]: Partial<Rulebook> } {
  const { governance, units, calendars, valuation, clock } = document;
  assert.ok(valuation && clock);
  return {
    "approvals live longer": { approvalLifeMs: 2 * DAY },
    "approvals live shorter": { approvalLifeMs: DAY / 2 },
    "its own delay is shortened": { governance: { ...governance, delayMs: 0 } },
    "its own threshold is lowered": { governance: { ...governance, threshold: 1 } },
    "unfreezing takes one": { governance: { ...governance, unfreeze: { type: "group", group: "officers", count: 1 } } },
    "unfreezing waits shorter": { governance: { ...governance, unfreezeDelayMs: 0 } },
    "others are officers": { governance: { ...governance, officers: "traders" } },
    "a class of wallets takes nobody": { governance: { ...governance, minimums: [] } },
    "a class of wallets takes fewer": { governance: { ...governance, minimums: [{ class: "cold", persons: 1 }] } },
    "a unit leaves the one above it": { units: units.map(({ id }) => ({ id })) },
    "a calendar runs longer": { calendars: calendars.map((calendar) => ({ ...calendar, until: calendar.until + DAY })) },
    "a local time is moved": { calendars: calendars.map((calendar) => ({ ...calendar, offset: 60 })) },
    "one source of prices is enough": { valuation: { ...valuation, atLeast: 1 } },
    "prices may be older": { valuation: { ...valuation, maxAgeMs: DAY } },
    "one source of the time is enough": { clock: { ...clock, atLeast: 1 } },
  };
}

/** The demonstration rulebook with everything that could be weakened. */
function guarded(demo: Rulebook): Partial<Rulebook> {
  const { valuation, sources } = world.valued(demo, { atLeast: 2 });
  const clocks = ["clock-a", "clock-b"].map((id) => ({ id, type: "clock" as const, publicKey: device(id).publicKey }));
  return {
    valuation,
    sources: [...sources, ...clocks],
    clock: { sources: ["clock-a", "clock-b"], atLeast: 2 },
    units: [{ id: "bank" }, { id: "desk", parent: "bank" }],
    calendars: [{ id: "utc", offset: 0, changes: [], until: world.NOW + 400 * DAY }],
    governance: { ...demo.governance, minimums: [{ class: "cold", persons: 2 }] },
  };
}

/** The weakening is proposed; then `work` is done and undone. */
function proposed(vault: MemoryVault, next: Rulebook, work: () => void): void {
  aside(vault, () => {
    must(send(vault, next));
    work();
  });
}

attacks("two administrators weaken the rulebook at once, without the third", () => {
  const { vault, book } = besiege({ rulebook: guarded });
  for (const [how, change] of Object.entries({ ...weakenings(book), ...weakenedAround(book) })) {
    const next = world.nextRulebook(book, change);
    proposed(vault, next, () => {
      assert.equal(vault.state.book?.id, book.id, `${how} waits`);
      refused(vault, "DELAY_RUNNING", `${how}, at once`, () => send(vault, next, { seen: [KEYS.cleo] }));
      vault.wait(DAY - 1);
      refused(vault, "DELAY_RUNNING", `${how}, a millisecond early`, () => send(vault, next, { seen: [KEYS.cleo] }));
      vault.wait(1);
      honest(vault, () => send(vault, next, { seen: [KEYS.cleo] }));
      refused(vault, "SEEN_MISSING", `${how}, unseen`, () => send(vault, next));
    });
  }
});

attacks("a weakening hides among tightenings", () => {
  const { vault, book } = besiege();
  const { limits, rules } = book.document;
  const lowered = limits.map((limit) => ({ ...limit, most: limit.most - 1n }));
  const deny: Rule = { ...OPEN, id: "no-usdx", effect: "deny", kinds: ["pay"], assets: ["usdx"] };
  const tight = world.nextRulebook(book, { limits: lowered, rules: [deny, ...rules] });
  aside(vault, () => {
    must(send(vault, tight));
    assert.equal(vault.state.book?.id, openBook(tight).id, "a tightening holds at once");
  });
  const hidden: Rulebook = { ...tight, rules: [...tight.rules, { ...OPEN, id: "no-usdx-2", effect: "allow", kinds: ["pay"] }] };
  proposed(vault, hidden, () => {
    assert.equal(vault.state.book?.id, book.id);
    refused(vault, "DELAY_RUNNING", "an allow among denies", () => send(vault, hidden, { seen: [KEYS.cleo] }));
  });
});

attacks("a guard's last key that acts is removed as if that tightened", () => {
  const names = [KEYS.ada, KEYS.ben, KEYS.cleo, KEYS.olga];
  const administrators = names.map(
    ({ name: person, publicKey }) => ({ person, scheme: "ed25519", publicKey: toHex(publicKey) }) as const,
  );
  const genesis = world.demoGenesis({ administrators });
  const demo = demoDocument(genesis);
  const more = { cleo: [passkeyLine(page, "device")], otto: [passkeyLine(served, "served")] };
  const first: Rulebook = { ...demo, persons: withKeys(demo, more) };
  const vault = new MemoryVault();
  const signed = { genesis: world.signValue(Genesis, genesis, ...names), rulebook: world.signValue(Rulebook, first, ...names) };
  must(vault.send(world.command({ command: "found", ...signed })));
  const book = vault.state.book as Siege["book"];
  const kept = (name: string, ...keys: Rulebook["persons"][number]["keys"]) =>
    world.nextRulebook(book, { persons: first.persons.map((person) => (person.id === name ? { ...person, keys } : person)) });
  const spare = kept("cleo", keyOf(KEYS.cleo));
  aside(vault, () => {
    must(send(vault, spare));
    assert.equal(vault.state.book?.id, openBook(spare).id, "a spare key goes at once");
  });
  const takes = { "an administrator's": kept("cleo", ...more.cleo), "an officer's": kept("otto", ...more.otto) };
  for (const [how, next] of Object.entries(takes)) {
    proposed(vault, next, () => {
      assert.equal(vault.state.book?.id, book.id, `${how} waits`);
      refused(vault, "DELAY_RUNNING", `${how} key`, () => send(vault, next, { seen: [KEYS.cleo] }));
    });
  }
});

attacks("the third administrator's statement is forged, borrowed or replayed", () => {
  const { vault, book } = besiege({
    rulebook: (demo) => ({ persons: withKeys(demo, { cleo: [passkeyLine(served, "served")] }) }),
  });
  const next = world.nextRulebook(book, { approvalLifeMs: 2 * DAY });
  const other = world.nextRulebook(book, { approvalLifeMs: 3 * DAY });
  must(send(vault, next));
  const early = world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "seen" });
  vault.wait(DAY);
  const adopt = (...approvals: readonly Uint8Array[]) => {
    const rulebook = world.signValue(Rulebook, next, KEYS.ada, KEYS.ben);
    return vault.send(world.command({ command: "rulebook", rulebook, approvals }));
  };
  const by = (key: Device, change: Partial<Approval> = {}) =>
    world.approveRulebook(vault.ground(), next, { key, decision: "seen", change });
  honest(vault, () => adopt(by(KEYS.cleo)));
  refused(vault, "SEEN_MISSING", "by a signer", () => adopt(by(KEYS.ada), by(KEYS.ben)));
  refused(vault, "SEEN_MISSING", "by an officer", () => adopt(by(KEYS.olga)));
  refused(vault, "SEEN_MISSING", "with a passkey in a served page", () => adopt(by(served)));
  refused(vault, "KEY_UNKNOWN", "by a stranger", () => adopt(by(KEYS.mallory)));
  refused(vault, "DECISION_WRONG", "an approval", () => adopt(by(KEYS.cleo, { decision: "approve" })));
  refused(vault, "DECISION_WRONG", "her veto", () => adopt(by(KEYS.cleo, { decision: "veto" })));
  const foreign = world.approveRulebook(vault.ground(), other, { key: KEYS.cleo, decision: "seen" });
  refused(vault, "APPROVAL_FOREIGN", "of another rulebook", () => adopt(foreign));
  refused(vault, "EXPIRED", "one from a day ago", () => adopt(early));
  refused(vault, "APPROVAL_TWICE", "the same twice", () => adopt(by(KEYS.cleo), by(KEYS.cleo)));
  refused(vault, "SEEN_MISSING", "cleo signs instead of ada, and ada has seen it", () =>
    send(vault, next, { by: [KEYS.ben, KEYS.cleo], seen: [KEYS.ada] }),
  );
  refused(vault, "SEEN_MISSING", "cleo signs now, and has seen it", () => {
    return send(vault, next, { by: [KEYS.ben, KEYS.cleo], seen: [KEYS.cleo] });
  });
  vault.boot();
  const stale = world.approveRulebook(vault.ground({ boot: world.ZERO }), next, { key: KEYS.cleo, decision: "seen" });
  refused(vault, "BOOT_STALE", "from before a start", () => adopt(stale));
});

attacks("too few sign, or others sign", () => {
  const { vault, book } = besiege({
    rulebook: (demo) => ({ persons: withKeys(demo, { ben: [passkeyLine(page, "device"), keyOf(spare)] }) }),
  });
  const limits = book.document.limits.map((limit) => ({ ...limit, most: limit.most - 1n }));
  const next = world.nextRulebook(book, { limits });
  honest(vault, () => send(vault, next));
  honest(vault, () => send(vault, next, { by: [KEYS.ada, KEYS.ben, KEYS.cleo] }));
  refused(vault, "GOVERNANCE_MISSING", "one", () => send(vault, next, { by: [KEYS.ada] }));
  refused(vault, "KEY_UNKNOWN", "one and an officer", () => send(vault, next, { by: [KEYS.ada, KEYS.olga] }));
  refused(vault, "KEY_UNKNOWN", "two and a stranger", () => send(vault, next, { by: [KEYS.ada, KEYS.ben, KEYS.mallory] }));
  refused(vault, "KEY_UNKNOWN", "one and a passkey", () => send(vault, next, { by: [KEYS.ada, page] }));
  refused(vault, "APPROVAL_TWICE", "one person's two keys", () => send(vault, next, { by: [KEYS.ben, spare] }));
  const body = encode(Rulebook, next);
  const ada = KEYS.ada.sign(challengeOf(Rulebook, body));
  const forged = { key: KEYS.ben.id, signature: KEYS.mallory.sign(challengeOf(Rulebook, body)).signature };
  const rulebook = encode(Signed, { body, signatures: [ada, forged] });
  refused(vault, "SIGNATURE_INVALID", "one in another's name", () =>
    vault.send(world.command({ command: "rulebook", rulebook, approvals: [] })),
  );
  const swapped = withBody(world.signValue(Rulebook, next, KEYS.ada, KEYS.ben), encode(Rulebook, { ...next, limits: [] }));
  refused(vault, "SIGNATURE_INVALID", "both, under another text", () =>
    vault.send(world.command({ command: "rulebook", rulebook: swapped, approvals: [] })),
  );
});

attacks("a vetoed rulebook comes again", () => {
  const { vault, book } = besiege();
  const next = world.nextRulebook(book, { approvalLifeMs: 2 * DAY });
  const veto = (key: Device, change: Partial<Approval> = {}) => {
    const approval = world.approveRulebook(vault.ground(), next, { key, decision: "veto", change });
    return vault.send(world.command({ command: "object", approval }));
  };
  must(send(vault, next));
  vault.wait(DAY);
  honest(vault, () => send(vault, next, { seen: [KEYS.cleo] }));
  honest(vault, () => veto(KEYS.cleo));
  refused(vault, "KEY_UNKNOWN", "an officer vetoes", () => veto(KEYS.olga));
  const { body } = decode(Signed, world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "veto" }));
  const { signature } = KEYS.mallory.sign(challengeOf(Approval, body));
  const forged = encode(Signed, { body, signatures: [{ key: KEYS.cleo.id, signature }] });
  refused(vault, "SIGNATURE_INVALID", "a veto is forged", () =>
    vault.send(world.command({ command: "object", approval: forged })),
  );
  must(
    veto(KEYS.cleo, {
      rulebook: world.ZERO,
      epoch: 9,
      boot: world.ZERO,
      head: { seq: 99, hash: world.ZERO },
      textHash: world.ZERO,
    }),
  );
  refused(vault, "RULEBOOK_VETOED", "with her statement", () => send(vault, next, { seen: [KEYS.cleo] }));
  refused(vault, "RULEBOOK_VETOED", "from the start", () => send(vault, next));
  refused(vault, "RULEBOOK_VETOED", "signed by all", () => send(vault, next, { by: [KEYS.ada, KEYS.ben, KEYS.cleo] }));
  vault.restart();
  refused(vault, "RULEBOOK_VETOED", "after a restart", () => send(vault, next));
});

attacks("an administrator or approver is added and used at once", () => {
  const { vault, book } = besiege();
  const { persons, governance, groups } = book.document;
  const mallory = { id: "mallory", keys: [keyOf(KEYS.mallory)] };
  const next = world.nextRulebook(book, {
    persons: [...persons, mallory],
    governance: { ...governance, administrators: [...governance.administrators, "mallory"] },
    groups: groups.map((group) => (group.id === "approvers" ? { ...group, members: [...group.members, "mallory"] } : group)),
  });
  const intent = world.pay(book);
  honestlySigned(vault, () => vault.run(intent, TWO));
  refused(vault, "KEY_UNKNOWN", "before it is sent", () => vault.run(intent, [KEYS.amy, KEYS.mallory]));
  must(send(vault, next));
  refused(vault, "KEY_UNKNOWN", "while it waits", () => vault.run(intent, [KEYS.amy, KEYS.mallory]));
  refused(vault, "KEY_UNKNOWN", "to sign the next rulebook", () =>
    send(vault, world.nextRulebook(book, { limits: [] }), { by: [KEYS.ada, KEYS.mallory] }),
  );
  vault.wait(DAY);
  refused(vault, "KEY_UNKNOWN", "to see his own appointment", () => send(vault, next, { seen: [KEYS.mallory] }));
  const { document } = vault.state.book as Siege["book"];
  assert.equal(document.epoch, 1);
});
