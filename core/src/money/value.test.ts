import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { attempt } from "../errors.ts";
import { demandPrice, isDearer, isNear, worth } from "./value.ts";

test("a value is rounded up and zero stays zero", () => {
  const price = { numerator: 250_000n, denominator: 10n ** 18n };
  assert.equal(worth(10n ** 18n, price), 250_000n);
  assert.equal(worth(1n, price), 1n);
  assert.equal(worth(0n, price), 0n);
  assert.equal(worth(4_000_000_000_001n, price), 2n);
});

test("a price of nothing or by nothing is refused", () => {
  for (const [numerator, denominator] of [
    [0n, 1n],
    [1n, 0n],
    [0n, 0n],
  ] as const) {
    const refused = attempt(() => demandPrice({ numerator, denominator }, "fact"));
    assert.ok(!refused.ok && refused.code === "BAD_VALUE");
  }
  demandPrice({ numerator: 1n, denominator: 1n }, "fact");
});

const positive = fc.bigInt({ min: 1n, max: 1n << 100n });
const price = fc.record({ numerator: positive, denominator: positive });

test("the least value that is not below the exact one, and more for a dearer price", () => {
  const property = fc.property(fc.bigInt({ min: 0n, max: 1n << 128n }), price, price, (amount, left, right) => {
    const value = worth(amount, left);
    assert.ok(value * left.denominator >= amount * left.numerator);
    assert.ok(value === 0n || (value - 1n) * left.denominator < amount * left.numerator);
    if (isDearer(left, right)) assert.ok(value >= worth(amount, right));
    assert.ok(!(isDearer(left, right) && isDearer(right, left)));
  });
  fc.assert(property, { numRuns: 500 });
});

test("near means within so many millionths of the lower price, both ways", () => {
  const of = (numerator: bigint) => ({ numerator, denominator: 1_000_000n });
  assert.ok(isNear(of(1_000_000n), of(1_100_000n), 100_000));
  assert.ok(isNear(of(1_100_000n), of(1_000_000n), 100_000));
  assert.ok(!isNear(of(1_000_000n), of(1_100_001n), 100_000));
  assert.ok(!isNear(of(1_100_001n), of(1_000_000n), 100_000));
  assert.ok(isNear(of(7n), { numerator: 14n, denominator: 2_000_000n }, 1));
});
