/** A pending weakening overwrites a tightening that came later, and two rulebooks carry one epoch. */
import assert from "node:assert/strict";
import type { Book } from "../../core/src/rulebook/book.ts";
import { Rulebook } from "../../core/src/signed/rulebook.ts";
import { someHash } from "../world/keys.ts";
import { type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { aside, attacks, besiege, honest, refused, TWO } from "./attack.ts";

const { KEYS, DAY } = world;

function send(vault: MemoryVault, next: Rulebook, seen = false) {
  const ground = vault.ground();
  const approvals = seen ? [world.approveRulebook(ground, next, { key: KEYS.cleo, decision: "seen" })] : [];
  return vault.send(
    world.command({ command: "rulebook", rulebook: world.signValue(Rulebook, next, KEYS.ada, KEYS.ben), approvals }),
  );
}

function siegeOf() {
  const { vault, book } = besiege();
  const weak = world.nextRulebook(book, { limits: [] });
  const limits = book.document.limits.map((limit) => ({ ...limit, most: 1n }));
  return { vault, book, weak, tight: world.nextRulebook(book, { limits }) };
}

attacks("the weakening is adopted after the tightening", () => {
  const { vault, book, weak, tight } = siegeOf();
  must(send(vault, weak));
  vault.wait(DAY);
  honest(vault, () => send(vault, weak, true));
  must(send(vault, tight));
  refused(vault, "RULEBOOK_BASE", "with its delay over and seen", () => send(vault, weak, true));
  const now = vault.state.book as Book;
  refused(vault, "LIMIT_EXCEEDED", "the tightening holds", () =>
    vault.run(world.pay(now, { notAfter: vault.now.hi + DAY }), TWO),
  );
  const rewritten = world.nextRulebook(now, { limits: [] });
  aside(vault, () => {
    must(send(vault, rewritten));
    assert.equal(vault.state.book?.id, now.id);
    refused(vault, "DELAY_RUNNING", "written again on the new one: its delay starts again", () => send(vault, rewritten, true));
  });
  refused(vault, "RULEBOOK_BASE", "on the old base with the new epoch", () => send(vault, { ...weak, epoch: 3 }, true));
  refused(vault, "RULEBOOK_BASE", "on the new base with the old epoch", () => send(vault, { ...weak, base: now.id }, true));
  assert.notEqual(now.id, book.id);
});

attacks("two weakenings take turns to shorten each other's delay", () => {
  const { vault, book, weak } = siegeOf();
  const other = world.nextRulebook(book, { approvalLifeMs: 2 * DAY });
  must(send(vault, weak));
  vault.wait(DAY / 2);
  must(send(vault, other));
  vault.wait(DAY / 2);
  refused(vault, "DELAY_RUNNING", "the second by the first's time", () => send(vault, other, true));
  must(send(vault, weak));
  refused(vault, "DELAY_RUNNING", "the first by its own first time", () => send(vault, weak, true));
  vault.wait(DAY);
  honest(vault, () => send(vault, weak, true));
});

attacks("two rulebooks carry one epoch, or an epoch is skipped or repeated", () => {
  const { vault, book, weak, tight } = siegeOf();
  honest(vault, () => send(vault, tight));
  for (const epoch of [0, 1, 3, 2 ** 40])
    refused(vault, "RULEBOOK_BASE", `epoch ${epoch}`, () => send(vault, { ...tight, epoch }));
  for (const base of [book.document.deployment, someHash("other"), world.ZERO]) {
    refused(vault, "RULEBOOK_BASE", `base ${base}`, () => send(vault, { ...tight, base }));
  }
  must(send(vault, tight));
  refused(vault, "RULEBOOK_BASE", "the same again", () => send(vault, tight));
  refused(vault, "RULEBOOK_BASE", "another of its epoch", () => send(vault, weak));
  refused(vault, "RULEBOOK_BASE", "back to the first", () => send(vault, book.document));
});

attacks("a rulebook names another deployment, another vault, or hides that it is a demonstration", () => {
  const { vault, tight } = siegeOf();
  honest(vault, () => send(vault, tight));
  refused(vault, "WRONG_DEPLOYMENT", "deployment", () => send(vault, { ...tight, deployment: someHash("other") }));
  refused(vault, "WRONG_VAULT", "vault", () => send(vault, { ...tight, vault: KEYS.mallory.id }));
  refused(vault, "RULEBOOK_INVALID", "demonstration", () => send(vault, { ...tight, demonstration: false }));
});
