/** The ceremony, and how the rulebook changes: tightenings at once, everything else slowly and seen. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../core/src/bytes.ts";
import type { RefusalCode } from "../../core/src/errors.ts";
import { DelayBody, StatusBody } from "../../core/src/protocol/command.ts";
import { Genesis } from "../../core/src/signed/genesis.ts";
import { decode } from "../../core/src/signed/object.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { MAX_VETOED } from "../../vault/src/limits.ts";
import { emptyState } from "../../vault/src/state/state.ts";
import type { Answer } from "../../vault/src/types.ts";
import { type Device, device, passkey, someHash } from "../world/keys.ts";
import { keyOf } from "../world/rulebook.ts";
import { MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { adopt, bookOf, kinds, payment, propose, refused, send, vaultWith } from "./ground.ts";

const { KEYS } = world;
const ADMINISTRATORS = [KEYS.ada, KEYS.ben, KEYS.cleo] as const;
type Parts = Parameters<typeof world.makeWorld>[0];

/** Holds the ceremony of these parts with these signatures. */
function found(parts: Parts, by: { genesis?: readonly Device[]; rulebook?: readonly Device[] } = {}, vaultKey?: string) {
  const made = world.makeWorld(parts);
  const vault = new MemoryVault(emptyState(vaultKey ?? made.genesis.vaultKey));
  const genesis = world.signValue(Genesis, made.genesis, ...(by.genesis ?? ADMINISTRATORS));
  const rulebook = world.signValue(Rulebook, made.rulebook, ...(by.rulebook ?? [KEYS.ada, KEYS.ben]));
  return { vault, send: () => vault.send(world.command({ command: "found", genesis, rulebook })) };
}

function refusedToFound(code: RefusalCode, ...how: Parameters<typeof found>): void {
  const { vault, send } = found(...how);
  refused(vault, code, send);
  assert.equal(vault.state.deployment, null);
}

test("nothing but status, head and witness is answered before the ceremony", () => {
  const vault = new MemoryVault();
  must(vault.send(world.command({ command: "status" })));
  must(vault.send(world.command({ command: "head" })));
  refused(vault, "NOT_FOUNDED", () => vault.send(world.command({ command: "show", what: "rulebook", name: "" })));
  refused(vault, "NOT_FOUNDED", () => vault.send(world.command({ command: "inform", facts: [] })));
  refused(vault, "NOT_FOUNDED", () => vault.send(world.command({ command: "address", wallet: "treasury", index: 0 })));
});

test("the ceremony is held once, by all administrators and a threshold of them", () => {
  const { vault, send } = found({});
  must(send());
  refused(vault, "ALREADY_FOUNDED", send);
  refusedToFound("GOVERNANCE_MISSING", {}, { genesis: [KEYS.ada, KEYS.ben] });
  refusedToFound("GOVERNANCE_MISSING", {}, { rulebook: [KEYS.ada] });
  refusedToFound("KEY_UNKNOWN", {}, { genesis: [...ADMINISTRATORS, KEYS.mallory] });
  refusedToFound("KEY_UNKNOWN", {}, { rulebook: [KEYS.ada, KEYS.tom] });
  refusedToFound("APPROVAL_TWICE", {}, { rulebook: [KEYS.ada, KEYS.ada] });
  const forger: Device = { ...KEYS.cleo, sign: (challenge) => ({ ...KEYS.mallory.sign(challenge), key: KEYS.cleo.id }) };
  refusedToFound("SIGNATURE_INVALID", {}, { genesis: [KEYS.ada, KEYS.ben, forger] });
});

test("genesis and first rulebook belong together and to this vault", () => {
  const administrators = world.demoGenesis().administrators;
  const [ada, ...others] = administrators as [(typeof administrators)[number]];
  const passkeyLine = { ...ada, scheme: "webauthn-es256" } as const;
  const weak = { ...ada, publicKey: `01${"00".repeat(31)}` };
  const governance = world.demoRulebook().governance;
  const cases: readonly [RefusalCode, Parts][] = [
    ["KEY_CLASS", { genesis: { administrators: [passkeyLine, ...others] } }],
    ["KEY_REJECTED", { genesis: { administrators: [weak, ...others] } }],
    ["BAD_VALUE", { genesis: { administrators: [...administrators, { ...ada, person: "ada-2" }] } }],
    ["BAD_VALUE", { genesis: { administrators: [ada, { ...ada, publicKey: toHex(device("ada's other").publicKey) }] } }],
    ["WRONG_DEPLOYMENT", { rulebook: { deployment: someHash("other") } }],
    ["WRONG_VAULT", { rulebook: { vault: someHash("other") } }],
    ["RULEBOOK_INVALID", { rulebook: { demonstration: false } }],
    ["RULEBOOK_BASE", { rulebook: { epoch: 2 } }],
    ["RULEBOOK_BASE", { rulebook: { base: someHash("other") } }],
    [
      "RULEBOOK_INVALID",
      { rulebook: { limits: [{ ...(world.demoRulebook().limits[0] as Rulebook["limits"][number]), assets: ["doge"] }] } },
    ],
    ["RULEBOOK_INVALID", { rulebook: { governance: { ...governance, threshold: 1 } } }],
    ["RULEBOOK_INVALID", { rulebook: { governance: { ...governance, administrators: ["ada", "ben", "cleo", "tom"] } } }],
    ["RULEBOOK_INVALID", { rulebook: { governance: { ...governance, administrators: ["ada", "ben", "tom"] } } }],
    ["GOVERNANCE_UNSATISFIABLE", { rulebook: { governance: { ...governance, threshold: 3 } } }],
  ];
  for (const [code, parts] of cases) refusedToFound(code, parts);
  refusedToFound("WRONG_VAULT", {}, {}, toHex(KEYS.mallory.publicKey));
  refusedToFound("KEY_REJECTED", { vaultKey: new Uint8Array(32) });
  const persons = world
    .demoRulebook()
    .persons.map((one) => (one.id === "ada" ? { ...one, keys: [keyOf(device("ada's other"))] } : one));
  refusedToFound("RULEBOOK_INVALID", { rulebook: { persons } });
});

test("a weakening waits, is seen by somebody who did not sign it, and only then holds", () => {
  const vault = vaultWith();
  const next = world.nextRulebook(bookOf(vault), { limits: [] });
  const { since, until, subject } = decode(DelayBody, must(propose(vault, next)).body);
  assert.equal((until ?? 0) - since, world.DAY);
  const status = () => decode(StatusBody, must(vault.send(world.command({ command: "status" }))).body);
  assert.deepEqual([status().waiting, status().waitingUntil], [subject, until]);
  const seen = (key: Device) => world.approveRulebook(vault.ground(), next, { key, decision: "seen" });
  vault.wait(world.DAY - 1);
  refused(vault, "DELAY_RUNNING", () => propose(vault, next, [seen(KEYS.cleo)]));
  vault.now = { lo: vault.now.lo, hi: vault.now.hi + world.DAY };
  refused(vault, "DELAY_RUNNING", () => propose(vault, next, [seen(KEYS.cleo)]));
  vault.wait(1);
  refused(vault, "SEEN_MISSING", () => propose(vault, next));
  refused(vault, "SEEN_MISSING", () => propose(vault, next, [seen(KEYS.ada)]));
  refused(vault, "SEEN_MISSING", () => propose(vault, next, [seen(KEYS.tom)]));
  const other = world.nextRulebook(bookOf(vault), { rules: [] });
  const foreign = world.approveRulebook(vault.ground(), other, { key: KEYS.cleo, decision: "seen" });
  refused(vault, "APPROVAL_FOREIGN", () => propose(vault, next, [foreign]));
  must(propose(vault, next, [seen(KEYS.cleo)]));
  assert.equal(bookOf(vault).document.epoch, 2);
  assert.deepEqual([status().waiting, status().waitingUntil], [undefined, undefined]);
  refused(vault, "RULEBOOK_BASE", () => propose(vault, next));
});

test("who signed a proposal at first does not become its witness by leaving his signature out", () => {
  const vault = vaultWith();
  const next = world.nextRulebook(bookOf(vault), { limits: [] });
  const sentBy = (keys: readonly Device[], approvals: readonly Uint8Array[] = []): Answer => {
    const rulebook = world.signValue(Rulebook, next, ...keys);
    return vault.send(world.command({ command: "rulebook", rulebook, approvals }));
  };
  must(sentBy(ADMINISTRATORS));
  vault.wait(world.DAY);
  const seen = world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "seen" });
  refused(vault, "SEEN_MISSING", () => sentBy([KEYS.ada, KEYS.ben], [seen]));
});

test("a tightening holds at once, takes no approvals along and voids what waits", () => {
  const vault = vaultWith();
  const waiting = world.nextRulebook(bookOf(vault), { limits: [] });
  must(propose(vault, waiting));
  const tighter = world.nextRulebook(bookOf(vault), {
    limits: bookOf(vault).document.limits.map((limit) => ({ ...limit, most: limit.most - 1n })),
  });
  const before = vault.journal.length;
  assert.equal(must(propose(vault, tighter, [new Uint8Array(4096).fill(1)])).body.length, 0);
  assert.deepEqual(kinds(vault, before), ["adopted"]);
  assert.ok((vault.journal.at(-1) as Uint8Array).length < 4096 + 2048);
  assert.equal(vault.state.waiting, null);
  refused(vault, "RULEBOOK_BASE", () => propose(vault, waiting));
});

test("a veto ends what waits, not something else, and binds before it is proposed", () => {
  const vault = vaultWith();
  const next = world.nextRulebook(bookOf(vault), { limits: [] });
  const other = world.nextRulebook(bookOf(vault), { rules: [] });
  const veto = (rulebook: Rulebook, key: Device) => {
    const approval = world.approveRulebook(vault.ground(), rulebook, { key, decision: "veto" });
    return vault.send(world.command({ command: "object", approval }));
  };
  must(propose(vault, next));
  refused(vault, "KEY_UNKNOWN", () => veto(next, KEYS.tom));
  must(veto(other, KEYS.cleo));
  assert.notEqual(vault.state.waiting, null);
  refused(vault, "RULEBOOK_VETOED", () => propose(vault, other));
  must(veto(next, KEYS.cleo));
  assert.equal(vault.state.waiting, null);
  const length = vault.journal.length;
  must(veto(next, KEYS.ada));
  assert.equal(vault.journal.length, length);
  refused(vault, "RULEBOOK_VETOED", () => propose(vault, next));
});

test("nobody fills the table of vetoes before the veto that matters", () => {
  const vault = vaultWith();
  const next = world.nextRulebook(bookOf(vault), { limits: [] });
  must(propose(vault, next));
  vault.state = { ...vault.state, vetoed: { ...vault.state.vetoed, size: MAX_VETOED } };
  const veto = (rulebook: Rulebook) => {
    const approval = world.approveRulebook(vault.ground(), rulebook, { key: KEYS.cleo, decision: "veto" });
    return vault.send(world.command({ command: "object", approval }));
  };
  refused(vault, "TABLE_FULL", () => veto(world.nextRulebook(bookOf(vault), { rules: [] })));
  must(veto(next));
});

test("a new proposal takes the place of the one that waits, and its delay begins anew", () => {
  const vault = vaultWith();
  const one = world.nextRulebook(bookOf(vault), { limits: [] });
  const other = world.nextRulebook(bookOf(vault), { rules: [] });
  must(propose(vault, one));
  vault.wait(world.DAY);
  must(propose(vault, other));
  const seen = world.approveRulebook(vault.ground(), other, { key: KEYS.cleo, decision: "seen" });
  refused(vault, "DELAY_RUNNING", () => propose(vault, other, [seen]));
});

test("only Ed25519 device keys of administrators change the rulebook", () => {
  const key = passkey("ben");
  const vault = vaultWith();
  adopt(vault, (book) => ({
    persons: book.persons.map((one) =>
      one.id === "ben" ? { ...one, keys: [...one.keys, keyOf(device("ben's second"))] } : one,
    ),
  }));
  const next = world.nextRulebook(bookOf(vault), { limits: [] });
  const by = (...keys: readonly Device[]) => {
    const rulebook = world.signValue(Rulebook, next, ...keys);
    return () => vault.send(world.command({ command: "rulebook", rulebook, approvals: [] }));
  };
  refused(vault, "KEY_UNKNOWN", by(KEYS.ada, key));
  refused(vault, "KEY_UNKNOWN", by(KEYS.ada, KEYS.tom));
  refused(vault, "GOVERNANCE_MISSING", by(KEYS.ada));
  refused(vault, "APPROVAL_TWICE", by(KEYS.ben, device("ben's second")));
  must(by(KEYS.ada, device("ben's second"))());
});

test("a rulebook for another vault, place or sense is refused", () => {
  const vault = vaultWith();
  const cases: readonly [RefusalCode, Partial<Rulebook>][] = [
    ["WRONG_DEPLOYMENT", { deployment: someHash("other") }],
    ["WRONG_VAULT", { vault: someHash("other") }],
    ["RULEBOOK_INVALID", { demonstration: false }],
    ["RULEBOOK_BASE", { epoch: 3 }],
    ["RULEBOOK_BASE", { base: someHash("other") }],
    ["RULEBOOK_INVALID", { groups: [...bookOf(vault).document.groups, ...bookOf(vault).document.groups] }],
  ];
  for (const [code, change] of cases) refused(vault, code, () => propose(vault, world.nextRulebook(bookOf(vault), change)));
  must(send(vault, payment(vault)));
});
