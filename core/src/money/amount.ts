/** Exact amounts: decimal text to base units and back, and products with exact ratios.
 *
 *  An amount is a bigint of base units from 0 to 2^256−1. There is no floating point and no rounding that is not named. */
import { demand } from "../errors.ts";

/** Largest amount, in base units. */
export const AMOUNT_MAX = 2n ** 256n - 1n;
/** Most decimals of an asset: 10^77 is the largest power of ten below 2^256. */
export const DECIMALS_MAX = 77;

const SHAPE = /^(0|[1-9]\d*)(?:\.(\d*[1-9]))?$/;
const TEXT_MAX = 80;

/** An exact quotient of whole numbers, for prices: `num` units of the quote per `den` base units. */
export type Ratio = { readonly num: bigint; readonly den: bigint };
/** Which whole number a remainder goes to. */
export type Rounding = "up" | "down";

/** Base units of `1.25`. Each amount has one text: no sign, exponent, spaces, separators, leading or trailing zeros.
 *  Fails: BAD_VALUE for any other form, more decimals than the asset has, or above 2^256−1. */
export function parseAmount(text: string, decimals: number, field = "amount"): bigint {
  checkDecimals(decimals);
  const parts = text.length <= TEXT_MAX ? SHAPE.exec(text) : null;
  demand(parts !== null, "BAD_VALUE", field, "digits, at most one point and no superfluous zeros are expected");
  const [, whole, fraction = ""] = parts;
  demand(fraction.length <= decimals, "BAD_VALUE", field, `at most ${decimals} decimals are expected`);
  const amount = BigInt(`${whole}${fraction.padEnd(decimals, "0")}`);
  demand(amount <= AMOUNT_MAX, "BAD_VALUE", field, "it is above 2^256-1");
  return amount;
}

/** The one text of an amount; `parseAmount` gives the amount back. Fails: BAD_VALUE. */
export function formatAmount(amount: bigint, decimals: number): string {
  checkDecimals(decimals);
  checkAmount(amount);
  const digits = amount.toString().padStart(decimals + 1, "0");
  const point = digits.length - decimals;
  const fraction = digits.slice(point).replace(/0+$/, "");
  return fraction === "" ? digits.slice(0, point) : `${digits.slice(0, point)}.${fraction}`;
}

/** amount × num / den, rounded as named. Fails: BAD_VALUE for a ratio that is none or a result above 2^256−1. */
export function multiply(amount: bigint, ratio: Ratio, rounding: Rounding): bigint {
  checkAmount(amount);
  checkRatio(ratio);
  const product = amount * ratio.num;
  const result = (rounding === "up" ? product + ratio.den - 1n : product) / ratio.den;
  checkAmount(result);
  return result;
}

/** amount × den / num, rounded as named. Fails: BAD_VALUE as `multiply`, and for a ratio of zero. */
export function divide(amount: bigint, ratio: Ratio, rounding: Rounding): bigint {
  checkRatio(ratio);
  return multiply(amount, { num: ratio.den, den: ratio.num }, rounding);
}

function checkDecimals(decimals: number): void {
  const isInRange = Number.isSafeInteger(decimals) && decimals >= 0 && decimals <= DECIMALS_MAX;
  demand(isInRange, "BAD_VALUE", "decimals", `0 to ${DECIMALS_MAX} is expected`);
}

function checkRatio({ num, den }: Ratio): void {
  demand(num >= 0n && den > 0n, "BAD_VALUE", "ratio", "num of at least 0 and den of at least 1 are expected");
}

function checkAmount(amount: bigint): void {
  demand(amount >= 0n && amount <= AMOUNT_MAX, "BAD_VALUE", "amount", "0 to 2^256-1 is expected");
}
