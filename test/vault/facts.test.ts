/** Facts: who states them, how old they are, which is the newest, and what is remembered of them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Hash } from "../../core/src/bytes.ts";
import type { RefusalCode } from "../../core/src/errors.ts";
import { Fact } from "../../core/src/signed/fact.ts";
import { decode, encode, Signed } from "../../core/src/signed/object.ts";
import { FACT_AHEAD_MS, MAX_FACTS_KNOWN } from "../../vault/src/limits.ts";
import { device, someHash } from "../world/keys.ts";
import { type MemoryVault, must } from "../world/vault.ts";
import * as world from "../world/world.ts";
import { bookOf, kinds, payment, refused, send, settle, transactionOf, vaultWith } from "./ground.ts";

const { KEYS, NOW } = world;

/** Two sources of screening, each enough. */
function twoSources(): MemoryVault {
  return vaultWith((book) => ({
    sources: [...book.sources, { id: "second", type: "screening", publicKey: device("second").publicKey }],
    rules: book.rules.map((rule) => {
      if (rule.effect !== "require" || rule.facts.length === 0) return rule;
      return { ...rule, facts: rule.facts.map((need) => ({ ...need, sources: ["screening", "second"] })) };
    }),
  }));
}

function toZoe(vault: MemoryVault, facts: readonly Uint8Array[], reference = "to zoe") {
  const intent = payment(vault, { reference, destination: world.destinationOf(world.zoe(bookOf(vault))) });
  return () => vault.run(intent, [KEYS.amy, KEYS.bob], { facts });
}

function verdict(vault: MemoryVault, change: Parameters<typeof world.screening>[2] = {}): Uint8Array {
  return world.screening(bookOf(vault), world.zoe(bookOf(vault)), change);
}

function inform(vault: MemoryVault, facts: readonly Uint8Array[]) {
  return vault.send(world.command({ command: "inform", facts }));
}

test("a fact is by its source, for this deployment, not from the future", () => {
  const vault = vaultWith();
  const cases: readonly [Parameters<typeof verdict>[1], RefusalCode][] = [
    [{ deployment: someHash("other") }, "WRONG_DEPLOYMENT"],
    [{ source: "nobody" }, "SOURCE_UNKNOWN"],
    [{ source: "finality-a", key: KEYS.finalityA }, "SOURCE_UNKNOWN"],
    [{ key: KEYS.mallory }, "SIGNATURE_INVALID"],
    [{ at: NOW + FACT_AHEAD_MS + 1 }, "FACT_FUTURE"],
  ];
  for (const [change, code] of cases) refused(vault, code, () => inform(vault, [verdict(vault, change)]));
  const { body, signatures } = decode(Signed, verdict(vault));
  const [signature] = signatures as [Signed["signatures"][number]];
  refused(vault, "BAD_VALUE", () => inform(vault, [encode(Signed, { body, signatures: [signature, signature] })]));
  const forged = { ...signature, signature: signature.signature.with(0, (signature.signature[0] as number) ^ 1) };
  refused(vault, "SIGNATURE_INVALID", () => inform(vault, [encode(Signed, { body, signatures: [forged] })]));
  must(inform(vault, [verdict(vault, { at: NOW + FACT_AHEAD_MS })]));
});

test("enough sources state it, fresh by the upper bound of the time", () => {
  const vault = vaultWith();
  refused(vault, "FACT_MISSING", toZoe(vault, []));
  refused(vault, "FACT_MISSING", toZoe(vault, [world.screening(bookOf(vault), world.acme(bookOf(vault)))]));
  refused(vault, "FACT_STALE", toZoe(vault, [verdict(vault, { at: NOW - world.HOUR - 1 })]));
  const oldest = vaultWith();
  must(toZoe(oldest, [verdict(oldest, { at: NOW - world.HOUR })])());
  vault.now = { lo: vault.now.lo, hi: vault.now.hi + world.HOUR + 1 };
  refused(vault, "FACT_STALE", toZoe(vault, [verdict(vault)]));
});

test("two of two sources must agree", () => {
  const vault = vaultWith((book) => ({
    sources: [...book.sources, { id: "second", type: "screening", publicKey: device("second").publicKey }],
    rules: book.rules.map((rule) => {
      if (rule.effect !== "require" || rule.facts.length === 0) return rule;
      return { ...rule, facts: rule.facts.map((need) => ({ ...need, atLeast: 2, sources: ["screening", "second"] })) };
    }),
  }));
  const both = [verdict(vault), verdict(vault, { source: "second", key: device("second") })];
  refused(vault, "FACT_MISSING", toZoe(vault, both.slice(1)));
  must(toZoe(vault, both)());
});

test("an older word of a source is never taken again, and two words at one time contradict each other", () => {
  const vault = vaultWith();
  must(inform(vault, [verdict(vault, { at: NOW - 10 })]));
  refused(vault, "FACT_SUPERSEDED", () => inform(vault, [verdict(vault, { at: NOW - 11 })]));
  refused(vault, "FACT_SUPERSEDED", () => inform(vault, [verdict(vault, { at: NOW - 10, verdict: "adverse" })]));
  refused(vault, "FACT_SUPERSEDED", () => inform(vault, [verdict(vault), verdict(vault, { verdict: "adverse" })]));
  const length = vault.journal.length;
  must(inform(vault, [verdict(vault, { at: NOW - 10 })]));
  assert.equal(vault.journal.length, length);
  must(toZoe(vault, [verdict(vault)])());
});

test("an adverse verdict is remembered: with a refusal, after a restart, and against another source's clean one", () => {
  const vault = twoSources();
  const clean = (at: number) => verdict(vault, { at, source: "second", key: device("second") });
  const length = vault.journal.length;
  assert.equal(toZoe(vault, [verdict(vault, { verdict: "adverse", at: NOW - 20 })])().code, "FACT_ADVERSE");
  assert.deepEqual(kinds(vault, length), ["noticed"]);
  refused(vault, "FACT_ADVERSE", toZoe(vault, [clean(NOW - 10)]));
  vault.restart();
  refused(vault, "FACT_ADVERSE", toZoe(vault, [clean(NOW - 9)]));
  refused(vault, "FACT_SUPERSEDED", toZoe(vault, [verdict(vault, { at: NOW - 30 })]));
  must(toZoe(vault, [verdict(vault, { at: NOW - 5 })])());
});

test("finality takes enough sources that agree, sent together, about a transaction of this vault", () => {
  const vault = vaultWith();
  const id = transactionOf(send(vault, payment(vault)));
  const [a, b] = world.finality(bookOf(vault), id) as [Uint8Array, Uint8Array];
  const [, failed] = world.finality(bookOf(vault), id, { outcome: "failed", at: NOW + 1 }) as [Uint8Array, Uint8Array];
  must(inform(vault, [a]));
  must(inform(vault, [b]));
  assert.equal(vault.state.final.size, 0);
  refused(vault, "FACT_ADVERSE", () => inform(vault, [a, failed]));
  refused(vault, "FACT_SUPERSEDED", () => inform(vault, [a, b]));
  must(settle(vault, id, { at: NOW + 2 }));
  assert.equal(vault.state.final.size, 1);
  const length = vault.journal.length;
  for (const subject of [`31337:${id}`, "transaction:", `transaction:1:${id}`, `transaction:31337:0x${"00".repeat(32)}`]) {
    const facts = world.finality(bookOf(vault), id, { subject });
    must(inform(vault, facts));
  }
  assert.equal(vault.journal.length, length);
});

test("two versions of one transaction are never both final", () => {
  const vault = vaultWith();
  const first = payment(vault);
  const old = transactionOf(send(vault, first));
  const rates = { maxFeePerGas: 40_000_000_000n, maxPriorityFeePerGas: 2_000_000_000n };
  const again = payment(vault, { reference: "b", replaces: world.intentId(first), totalFee: world.ETH / 100n });
  const young = transactionOf(send(vault, again, rates));
  const facts = [...world.finality(bookOf(vault), old), ...world.finality(bookOf(vault), young)];
  refused(vault, "FACT_ADVERSE", () => inform(vault, facts));
  assert.equal(vault.state.outstanding.size, 1);
});

test("a full table of facts refuses new ones", () => {
  const vault = vaultWith();
  const facts = { ...vault.state.facts, size: MAX_FACTS_KNOWN };
  vault.state = { ...vault.state, facts };
  must(inform(vault, []));
  refused(vault, "TABLE_FULL", () => inform(vault, [verdict(vault)]));
  refused(vault, "TABLE_FULL", toZoe(vault, [verdict(vault)]));
});

test("facts of kinds that no rule reads are kept as the newest word too", () => {
  const vault = vaultWith((book) => ({
    sources: [...book.sources, { id: "rates", type: "price", publicKey: device("rates").publicKey }],
  }));
  const { deployment } = bookOf(vault).document;
  const common = { version: 1, deployment: deployment as Hash, source: "rates", at: NOW } as const;
  const fact: Fact = { ...common, type: "price", subject: "price:eth:chf", numerator: 3000n, denominator: 1n };
  must(inform(vault, [world.signValue(Fact, fact, device("rates"))]));
  assert.equal(vault.state.facts.size, 1);
});
