import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { test } from "node:test";
import { findingsOf } from "@strongroom/core/rulebook/analysis/findings";
import { openBook } from "@strongroom/core/rulebook/book";
import { checkRulebook } from "@strongroom/core/rulebook/check";
import type { Nonce } from "@strongroom/core/signed/fields";
import type { Rulebook } from "@strongroom/core/signed/rulebook";
import { demoRulebook, PERSONS, SOURCES } from "../../demo/rulebook.ts";
import { warningsOf } from "./lint.ts";

const publicKeys = new Map(
  [...PERSONS, ...SOURCES].map((name) => {
    const { x } = generateKeyPairSync("ed25519").publicKey.export({ format: "jwk" });
    return [name, new Uint8Array(Buffer.from(x as string, "base64url"))];
  }),
);
const book = demoRulebook(
  {
    version: 1,
    institution: "Test",
    demonstration: true,
    createdAt: 1,
    vaultKey: "11".repeat(32),
    administrators: [{ person: "ada", scheme: "ed25519", publicKey: "22".repeat(32) }],
    threshold: 2,
    nonce: "00".repeat(16) as Nonce,
  },
  publicKeys,
);

/** Places that are warned about in a changed rulebook, line by line and by what its rules mean together. */
function places(change: Partial<Rulebook>): readonly string[] {
  const changed = { ...book, ...change };
  checkRulebook(changed);
  const findings = findingsOf(openBook(changed)).filter(({ level }) => level === "warning");
  return [...warningsOf(changed), ...findings].map(({ at }) => at);
}

test("the demonstration's rulebook is sound and gives no warning", () => {
  checkRulebook(book);
  assert.deepEqual(warningsOf(book), []);
});

test("what one person can do alone is warned about", () => {
  const without = book.rules.filter((rule) => rule.id !== "two-approvers");
  assert.deepEqual(places({ rules: without }), ["rules"]);
  const narrowed = book.rules.map((rule) => (rule.id === "two-approvers" ? { ...rule, classes: ["vasp" as const] } : rule));
  assert.ok(places({ rules: narrowed }).includes("rules"));
});

test("open scopes and served keys are warned about", () => {
  const rules = book.rules.map((rule) => {
    if (rule.id === "traders-pay") return { ...rule, classes: "any" as const, initiators: "any" as const };
    return rule.effect === "require" ? { ...rule, servedCounts: true } : rule;
  });
  assert.deepEqual(places({ rules }), [
    "rules.traders-pay",
    "rules.traders-pay",
    "rules.two-approvers",
    "rules.two-of-operations",
    "rules.cooling-off",
  ]);
});

test("groups of one, officers who administer, and persons without a group are warned about", () => {
  const groups = book.groups.map((group) => (group.id === "officers" ? { ...group, members: ["ada"] } : group));
  const found = places({ groups });
  assert.ok(found.includes("groups.officers"));
  assert.equal(found.filter((at) => at === "governance.officers").length, 2);
  assert.ok(found.includes("persons.olga") && found.includes("persons.otto"));
});

test("assets without a limit, short windows and weak governance are warned about", () => {
  assert.deepEqual(places({ limits: [] }), ["assets.eth", "assets.usdx"]);
  const limits = book.limits
    .filter((limit) => limit.id !== "usdx-a-day")
    .map((limit) => ({ ...limit, window: { type: "rolling" as const, ms: 1_000 } }));
  const short = ["eth-a-day", "usdx-per-trader", "value-a-day", "payments-a-day"].map((id) => `limits.${id}`);
  assert.deepEqual(places({ limits }), ["assets.usdx", ...short]);
  const governance = { ...book.governance, threshold: 1 };
  assert.deepEqual(places({ governance, demonstration: false }), [
    "governance.threshold",
    "governance.delayMs",
    "governance.unfreezeDelayMs",
  ]);
});

test("too few sources of finality are warned about", () => {
  const chains = book.chains.map((chain) => ({ ...chain, finality: ["finality-a"], finalityAtLeast: 1 }));
  assert.deepEqual(places({ chains }), ["chains.anvil.finality", "chains.anvil.finalityAtLeast"]);
});
