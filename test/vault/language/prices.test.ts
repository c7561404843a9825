/** Prices: by named sources, fresh, near one another, steady; the dearest counts, and the one that was used is written down. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { openRecord } from "../../../core/src/journal/record.ts";
import { OPEN } from "../../../core/src/rulebook/open.ts";
import { type MemoryVault, must } from "../../world/vault.ts";
import * as world from "../../world/world.ts";
import { bookOf, payment, refused, vaultWith } from "../ground.ts";

const { ETH, KEYS, HOUR } = world;
const TWO = [KEYS.amy, KEYS.bob];
const LIMIT = 300_000n;

/** A vault that allows payments worth up to 3,000 EUR, by two sources of prices. */
function priced(change: Parameters<typeof world.valued>[1] = {}): MemoryVault {
  return vaultWith((book) => ({
    ...world.valued(book, change),
    rules: [...book.rules, { ...OPEN, id: "large", effect: "deny", kinds: ["pay"], valueFrom: LIMIT + 1n }],
  }));
}

type Said = { readonly by?: "a" | "b"; readonly numerator: bigint; readonly denominator?: bigint; readonly later?: number };

function price(vault: MemoryVault, { by = "a", numerator, denominator = ETH, later = 0 }: Said): Uint8Array {
  const key = by === "a" ? KEYS.pricerA : KEYS.pricerB;
  return world.price(bookOf(vault), { asset: "eth", source: key.name, numerator, denominator, at: vault.now.hi + later, key });
}

const inform = (vault: MemoryVault, ...said: readonly Said[]) =>
  vault.send(world.command({ command: "inform", facts: said.map((one) => price(vault, one)) }));
let references = 0;
const pay = (vault: MemoryVault, amount: bigint) => {
  references += 1;
  return vault.run(payment(vault, { amount, reference: `priced ${references}` }), TWO);
};

test("the dearest of the newest words counts, also when only the cheaper one is sent", () => {
  const vault = priced();
  must(inform(vault, { numerator: 250_000n }, { by: "b", numerator: 260_000n }));
  const amount = (LIMIT * ETH) / 260_000n;
  refused(vault, "DENIED", () => pay(vault, amount + 1n), "rules.large");
  must(pay(vault, amount));
  const facts = [price(vault, { numerator: 240_000n, later: 1 })];
  refused(vault, "DENIED", () => vault.run(payment(vault, { amount: amount + 1n, reference: "cheap" }), TWO, { facts }));
});

test("as many sources as the rulebook says have to speak", () => {
  const vault = priced({ atLeast: 2 });
  must(inform(vault, { numerator: 250_000n }));
  refused(vault, "FACT_MISSING", () => pay(vault, ETH), "rules.large");
  must(inform(vault, { by: "b", numerator: 250_000n }));
  must(pay(vault, ETH));
});

test("a price that is too old does not count, however many there are", () => {
  const vault = priced({ atLeast: 2 });
  must(inform(vault, { numerator: 250_000n }, { by: "b", numerator: 250_000n }));
  vault.wait(HOUR);
  must(pay(vault, 1n));
  vault.wait(1);
  must(inform(vault, { numerator: 250_000n }));
  refused(vault, "FACT_STALE", () => pay(vault, 1n), "rules.large");
});

test("a price is too old by the upper bound of the time, however low the lower one is", () => {
  const vault = priced();
  must(inform(vault, { numerator: 250_000n }));
  vault.now = { lo: world.NOW, hi: world.NOW + HOUR };
  must(pay(vault, 1n));
  vault.now = { lo: world.NOW, hi: world.NOW + HOUR + 1 };
  refused(vault, "FACT_STALE", () => pay(vault, 1n), "rules.large");
});

test("sources that contradict each other decide nothing", () => {
  const vault = priced();
  must(inform(vault, { numerator: 250_000n }, { by: "b", numerator: 275_000n }));
  must(pay(vault, 1n));
  const apart = priced();
  must(inform(apart, { numerator: 250_000n }, { by: "b", numerator: 275_001n }));
  refused(apart, "FACT_ADVERSE", () => pay(apart, 1n), "rules.large");
});

test("a price moves only so far in so long, up and down, and is accepted when the time has passed", () => {
  for (const [start, far, near] of [
    [250_000n, 275_001n, 275_000n],
    [275_000n, 249_999n, 250_000n],
  ] as const) {
    const vault = priced();
    must(inform(vault, { numerator: start }));
    refused(vault, "FACT_MOVED", () => inform(vault, { numerator: far, later: 1 }), "facts.0");
    assert.equal(must(inform(vault, { numerator: near, later: 1 })).code, "OK");
    const later = priced();
    must(inform(later, { numerator: start }));
    later.wait(HOUR - 1);
    refused(later, "FACT_MOVED", () => inform(later, { numerator: far }));
    later.wait(1);
    must(inform(later, { numerator: far }));
  }
});

test("many small moves are as little as one, up and down, and go on when the time has passed", () => {
  for (const sign of [1n, -1n]) {
    const vault = priced();
    const [step, far] = [sign * 11_000n, sign * 22_000n];
    must(inform(vault, { numerator: 250_000n }));
    must(inform(vault, { numerator: 250_000n + step, later: 1 }));
    refused(vault, "FACT_MOVED", () => inform(vault, { numerator: 250_000n + 2n * far, later: 2 }));
    must(inform(vault, { numerator: 250_000n + step, later: 2 }));
    vault.wait(HOUR / 2);
    refused(vault, "FACT_MOVED", () => inform(vault, { numerator: 250_000n + far + step }));
    must(inform(vault, { numerator: 250_000n - step }));
    refused(vault, "FACT_MOVED", () => inform(vault, { numerator: 250_000n + far, later: 1 }));
    vault.wait(HOUR / 2);
    refused(vault, "FACT_MOVED", () => inform(vault, { numerator: 250_000n + far }), "facts.0");
    must(inform(vault, { numerator: 250_000n }));
    vault.wait(HOUR / 2);
    must(inform(vault, { numerator: 250_000n }));
    vault.wait(HOUR / 2);
    must(inform(vault, { numerator: 250_000n + far }));
  }
});

test("a price of nothing or by nothing is refused", () => {
  const vault = priced();
  refused(vault, "BAD_VALUE", () => inform(vault, { numerator: 0n }), "facts.0");
  refused(vault, "BAD_VALUE", () => inform(vault, { numerator: 1n, denominator: 0n }), "facts.0");
});

test("the price that was used is part of the commitment", () => {
  const vault = priced();
  must(inform(vault, { numerator: 250_000n }));
  const from = vault.journal.length;
  must(pay(vault, ETH));
  const [record] = vault.journal.slice(from).map((bytes) => openRecord(bytes).value);
  assert.ok(record?.kind === "committed");
  assert.deepEqual(record.parts[0]?.prices, [{ asset: "eth", price: { numerator: 250_000n, denominator: ETH } }]);
});

test("without a valuation a price is remembered and used for nothing", () => {
  const vault = vaultWith((book) => ({ sources: world.valued(book).sources }));
  must(inform(vault, { numerator: 250_000n }));
  must(inform(vault, { numerator: 900_000n, later: 1 }));
  must(pay(vault, ETH));
});
