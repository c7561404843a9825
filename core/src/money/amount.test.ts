/** Amounts: text and back, and products that name their rounding. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { AMOUNT_MAX, DECIMALS_MAX, divide, formatAmount, multiply, parseAmount } from "./amount.ts";

const SEED = { seed: 1_025 };
const amounts = fc.bigInt({ min: 0n, max: AMOUNT_MAX });
const decimals = fc.integer({ min: 0, max: DECIMALS_MAX });

test("amounts have one text", () => {
  const rows: [string, number, bigint][] = [
    ["0", 18, 0n],
    ["0", 0, 0n],
    ["1", 0, 1n],
    ["1.25", 2, 125n],
    ["1.25", 18, 1_250_000_000_000_000_000n],
    ["0.000000000000000001", 18, 1n],
    ["1000000", 6, 1_000_000_000_000n],
    [AMOUNT_MAX.toString(), 0, AMOUNT_MAX],
  ];
  for (const [text, places, amount] of rows) {
    assert.equal(parseAmount(text, places), amount);
    assert.equal(formatAmount(amount, places), text);
  }
});

test("every amount comes back from its text", () => {
  fc.assert(
    fc.property(amounts, decimals, (amount, places) => parseAmount(formatAmount(amount, places), places) === amount),
    SEED,
  );
});

test("every other text is refused", () => {
  const bad = [
    "",
    "-1",
    "+1",
    "01",
    "00",
    "1.",
    ".5",
    "1.0",
    "1.250",
    "0.0",
    "1e3",
    "0x1",
    "1,5",
    "1 000",
    "1_000",
    " 1",
    "1 ",
  ];
  const more = ["1\n", "１", "NaN", "Infinity", "1.2.3", "1..2", "1.2345678", "9".repeat(81), `0.${"1".repeat(79)}`];
  for (const text of [...bad, ...more]) assert.throws(() => parseAmount(text, 6), { code: "BAD_VALUE", field: "amount" }, text);
  assert.throws(() => parseAmount("0.1", 0), { code: "BAD_VALUE" });
  assert.throws(() => parseAmount((AMOUNT_MAX + 1n).toString(), 0), { code: "BAD_VALUE" });
  assert.throws(() => parseAmount("2", DECIMALS_MAX), { code: "BAD_VALUE" });
});

test("amounts and decimals out of range are refused", () => {
  for (const amount of [-1n, AMOUNT_MAX + 1n]) {
    assert.throws(() => formatAmount(amount, 18), { code: "BAD_VALUE", field: "amount" });
    assert.throws(() => multiply(amount, { num: 1n, den: 1n }, "up"), { code: "BAD_VALUE", field: "amount" });
  }
  for (const places of [-1, 78, 1.5, Number.NaN]) {
    assert.throws(() => formatAmount(1n, places), { code: "BAD_VALUE", field: "decimals" });
    assert.throws(() => parseAmount("1", places), { code: "BAD_VALUE", field: "decimals" });
  }
});

test("products round as they say", () => {
  const third = { num: 1n, den: 3n };
  assert.equal(multiply(10n, third, "down"), 3n);
  assert.equal(multiply(10n, third, "up"), 4n);
  assert.equal(multiply(9n, third, "up"), 3n);
  assert.equal(divide(10n, { num: 3n, den: 1n }, "down"), 3n);
  assert.equal(divide(10n, { num: 3n, den: 1n }, "up"), 4n);
  assert.equal(multiply(5n, { num: 0n, den: 1n }, "up"), 0n);
});

test("ratios that are none, and results too large, are refused", () => {
  for (const ratio of [
    { num: 1n, den: 0n },
    { num: -1n, den: 1n },
    { num: 1n, den: -1n },
  ]) {
    assert.throws(() => multiply(1n, ratio, "up"), { code: "BAD_VALUE", field: "ratio" });
    assert.throws(() => divide(1n, ratio, "up"), { code: "BAD_VALUE", field: "ratio" });
  }
  assert.throws(() => divide(1n, { num: 0n, den: 1n }, "up"), { code: "BAD_VALUE", field: "ratio" });
  assert.throws(() => multiply(AMOUNT_MAX, { num: 2n, den: 1n }, "down"), { code: "BAD_VALUE", field: "amount" });
});

test("rounding never errs by a unit or more", () => {
  const whole = fc.bigInt({ min: 1n, max: 2n ** 96n });
  fc.assert(
    fc.property(fc.bigInt({ min: 0n, max: 2n ** 128n }), whole, whole, (amount, num, den) => {
      const low = multiply(amount, { num, den }, "down");
      const high = multiply(amount, { num, den }, "up");
      assert.ok(low * den <= amount * num && amount * num <= high * den && high - low <= 1n);
      assert.equal(high === low, (amount * num) % den === 0n);
    }),
    SEED,
  );
});
