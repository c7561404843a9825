/** A hand-over: the vault that adopts it is retired, and its successor goes on with the same journal and keys. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toHex } from "../../core/src/bytes.ts";
import { openRecord } from "../../core/src/journal/record.ts";
import { StatusBody } from "../../core/src/protocol/command.ts";
import { openBook } from "../../core/src/rulebook/book.ts";
import { onlyTightens } from "../../core/src/rulebook/change.ts";
import { OPEN } from "../../core/src/rulebook/open.ts";
import { Head } from "../../core/src/signed/head.ts";
import { decode } from "../../core/src/signed/object.ts";
import type { Rulebook } from "../../core/src/signed/rulebook.ts";
import { apply } from "../../vault/src/state/apply.ts";
import { emptyState } from "../../vault/src/state/state.ts";
import { device, someHash } from "../world/keys.ts";
import { execution, MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import {
  adopt,
  bookOf,
  bumped,
  freezeBy,
  kinds,
  payment,
  propose,
  refused,
  reject,
  send,
  settle,
  vaultWith,
} from "./ground.ts";

const { KEYS, DAY } = world;
const HEIR = device("heir");

/** The rulebook that makes another vault the active one. */
function handover({ state, ...vault }: MemoryVault, to = HEIR): Partial<Rulebook> {
  assert.ok(vault.now);
  return { vault: to.id, handover: { vault: state.vault, head: { seq: state.seq, hash: state.head } } };
}

/** Hands over, and starts the successor on the old vault's journal. */
function succeed(vault: MemoryVault, to = HEIR): MemoryVault {
  adopt(vault, () => handover(vault, to));
  return heirOf(vault, to);
}

function heirOf({ journal, now }: MemoryVault, to = HEIR): MemoryVault {
  const heir = new MemoryVault(journal.map(openRecord).reduce(apply, emptyState(toHex(to.publicKey))), now);
  heir.journal.unshift(...journal);
  return heir;
}

const statusOf = (vault: MemoryVault) => decode(StatusBody, must(vault.send(world.command({ command: "status" }))).body);
const headOf = (vault: MemoryVault) => decode(Head, must(vault.send(world.command({ command: "head" }))).body);

test("a hand-over waits like any weakening, and retires the vault", () => {
  const vault = vaultWith();
  must(send(vault, payment(vault)));
  const next = world.nextRulebook(bookOf(vault), handover(vault));
  assert.equal(onlyTightens(bookOf(vault).document, next), false);
  assert.ok(must(propose(vault, next)).body.length > 0, "it waits");
  refused(vault, "DELAY_RUNNING", () => propose(vault, next));
  vault.wait(DAY);
  refused(vault, "SEEN_MISSING", () => propose(vault, next));
  must(propose(vault, next, [world.approveRulebook(vault.ground(), next, { key: KEYS.cleo, decision: "seen" })]));
  assert.equal(statusOf(vault).retired, HEIR.id);
  const head = headOf(vault);
  assert.equal(head.rulebook, openBook(next).id, "its final head names the rulebook that retired it");
  must(vault.send(world.command({ command: "witness", head: world.signValue(Head, head, KEYS.vault) })));
  const { body } = must(
    vault.send(world.command({ command: "show", what: "execution", name: world.intentId(payment(vault)) })),
  );
  assert.ok(body.length > 0);
  const commands: Parameters<typeof world.command>[0][] = [
    { command: "address", wallet: "treasury", index: 0 },
    { command: "inform", facts: [] },
    { command: "confirm", approvals: [] },
    { command: "checkpoint", origin: "log.example/1", size: 1, root: someHash("root"), proof: [] },
  ];
  for (const command of commands) refused(vault, "VAULT_RETIRED", () => vault.send(world.command(command)));
  refused(vault, "VAULT_RETIRED", () => vault.run(freezeBy(vault), []));
  refused(vault, "VAULT_RETIRED", () => vault.send(world.reprice(payment(vault), bumped())));
});

test("a rulebook that names another vault hands over from this one, at a position that it has", () => {
  const vault = vaultWith();
  const change = handover(vault);
  const { handover: given } = change as Required<Pick<Rulebook, "handover">>;
  const proposing = (rulebook: Partial<Rulebook>) => () => propose(vault, world.nextRulebook(bookOf(vault), rulebook));
  refused(vault, "WRONG_VAULT", proposing({ vault: HEIR.id }));
  refused(vault, "WRONG_VAULT", proposing({ ...change, handover: { ...given, vault: HEIR.id } }));
  refused(vault, "HEAD_UNKNOWN", proposing({ ...change, handover: { ...given, head: { seq: 1, hash: world.ZERO } } }));
  refused(vault, "RULEBOOK_INVALID", proposing({ handover: given }));
  const { signedGenesis: genesis } = world.makeWorld();
  const rulebook = world.makeWorld({ rulebook: { handover: given } }).signedRulebook;
  const fresh = new MemoryVault();
  refused(fresh, "WRONG_VAULT", () => fresh.send(world.command({ command: "found", genesis, rulebook })));
});

test("the successor says that it has taken over, and signs nothing before the old approvals have ended", () => {
  const vault = vaultWith();
  const before = payment(vault, { reference: "before" });
  const old = world.approveAll(vault.ground(), before, [KEYS.amy, KEYS.bob]);
  const signed = execution(must(send(vault, payment(vault))));
  const heir = succeed(vault);
  assert.deepEqual(kinds(heir).slice(-2), ["succeeded", "booted"]);
  assert.deepEqual(statusOf(heir).line, [toHex(KEYS.vault.publicKey), toHex(HEIR.publicKey)]);
  assert.equal(statusOf(heir).succession, heir.now.lo + DAY);
  assert.equal(statusOf(heir).retired, undefined);
  refused(heir, "SUCCESSION_WAITS", () => send(heir, payment(heir, { reference: "second" })));
  refused(heir, "SUCCESSION_WAITS", () => heir.run(world.call(bookOf(heir)), [KEYS.amy, KEYS.bob]));
  refused(heir, "SUCCESSION_WAITS", () => heir.send(world.reprice(payment(heir), bumped())));
  must(reject(heir, payment(heir, { reference: "third" })));
  must(heir.send(world.command({ command: "address", wallet: "treasury", index: 1 })));
  heir.wait(DAY - 1);
  heir.restart();
  assert.deepEqual(kinds(heir).slice(-1), ["booted"], "it says so once");
  refused(heir, "SUCCESSION_WAITS", () => send(heir, payment(heir, { reference: "second" })));
  heir.wait(1);
  assert.equal(statusOf(heir).succession, undefined);
  refused(heir, "WRONG_VAULT", () => heir.send(world.execute([before], old)));
  const second = execution(must(send(heir, payment(heir, { reference: "second" }))));
  assert.notEqual(second.transactions[0]?.slots[0], signed.transactions[0]?.slots[0], "the next nonce");
  refused(heir, "BOOT_STALE", () => heir.send(world.reprice(payment(heir), bumped())));
  must(settle(heir, signed.transactions[0]?.id as string, { at: heir.now.hi }));
  adopt(heir, ({ rules }) => ({ rules: [...rules, { ...OPEN, id: "stop", effect: "deny" }] }));
  assert.equal(bookOf(heir).document.handover, undefined, "the next rulebook tightens at once and says it no more");
});

test("a shorter life of approvals, or one hand-over after another, does not shorten the wait", () => {
  const vault = vaultWith();
  adopt(vault, (book) => ({
    approvalLifeMs: world.HOUR,
    governance: { ...book.governance, delayMs: world.HOUR, unfreezeDelayMs: world.HOUR },
  }));
  const ends = vault.now.lo + DAY;
  const first = succeed(vault);
  assert.equal(statusOf(first).succession, ends, "approvals under the rulebook before the last one may live as long");
  const second = succeed(first, device("second heir"));
  assert.equal(statusOf(second).succession, ends, "and so they may after another hand-over");
  second.wait(2 * DAY);
  const third = succeed(second, device("third heir"));
  assert.equal(statusOf(third).succession, third.now.lo + world.HOUR, "what has ended does not count any more");
});

test("time passes in the successor's journal while it waits", () => {
  const heir = succeed(vaultWith());
  heir.wait(world.HOUR);
  heir.feed({ now: heir.now, tick: true });
  assert.equal(kinds(heir).at(-1), "ticked");
  heir.wait(DAY);
  heir.feed({ now: heir.now, tick: true });
  heir.wait(DAY);
  const { length } = heir.journal;
  heir.feed({ now: heir.now, tick: true });
  assert.equal(heir.journal.length, length, "and no more afterwards");
});

test("what was committed and not signed is signed by the successor alone, after its wait, with the same bytes", () => {
  const vault = vaultWith();
  vault.hold = true;
  send(vault, payment(vault));
  vault.run(world.wallet(bookOf(vault), { wallet: "second", notAfter: payment(vault).notAfter }), [KEYS.carl]);
  const unsigned = openRecord(vault.journal.at(-2) as Uint8Array).value;
  adopt(vault, () => handover(vault));
  const copy = heirOf(vault);
  assert.equal(kinds(copy).at(-1), "opened", "the key is made at once");
  refused(copy, "SUCCESSION_WAITS", () => send(copy, payment(copy)));
  copy.wait(DAY - 1);
  assert.deepEqual(copy.restart(), [], "nothing is signed at a start before its wait is over");
  copy.wait(1);
  const [answer] = copy.restart();
  assert.equal(answer?.code, "OK");
  assert.ok(unsigned.kind === "committed");
  assert.deepEqual(
    vault.release().map(({ code }) => code),
    ["VAULT_RETIRED"],
    "the old vault withholds what comes late",
  );
  assert.equal(vault.state.openings.size, 1, "and takes no key");
  vault.restart();
  assert.equal(vault.held.length, 0, "nor does it ask for any after a start");
});

test("a vault that the rulebook does not name is retired wherever it gets the journal from", () => {
  const vault = vaultWith();
  adopt(vault, () => handover(vault));
  const other = heirOf(vault, device("other heir"));
  assert.equal(kinds(other).at(-1), "booted");
  refused(other, "VAULT_RETIRED", () => send(other, payment(other)));
  const early = vaultWith();
  const heir = heirOf(early);
  refused(heir, "VAULT_RETIRED", () => send(heir, payment(heir)));
});

test("a successor hands over in its turn, and back", () => {
  const first = succeed(vaultWith());
  first.wait(DAY);
  const second = succeed(first, KEYS.vault);
  assert.equal(statusOf(second).line?.length, 3);
  second.wait(DAY);
  must(send(second, payment(second)));
});
