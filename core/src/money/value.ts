/** What an amount is worth in the reference currency. Prices are exact ratios; what does not divide is rounded up, against
 *  whoever asks. */
import { demand } from "../errors.ts";

/** Base units of the reference currency for base units of the asset. */
export type Price = { readonly numerator: bigint; readonly denominator: bigint };

/** Base units of the reference currency, rounded up. */
export function worth(amount: bigint, { numerator, denominator }: Price): bigint {
  return (amount * numerator + denominator - 1n) / denominator;
}

/** Refuses a price of nothing or by nothing. Fails: BAD_VALUE. */
export function demandPrice({ numerator, denominator }: Price, at: string): void {
  demand(numerator > 0n && denominator > 0n, "BAD_VALUE", at, "numerator and denominator of a price are not zero");
}

/** Whether `left` is dearer than `right`. */
export function isDearer(left: Price, right: Price): boolean {
  return left.numerator * right.denominator > right.numerator * left.denominator;
}

/** Whether two prices differ by at most `ppm` millionths of the lower one. */
export function isNear(left: Price, right: Price, ppm: number): boolean {
  const [low, high] = isDearer(left, right) ? [right, left] : [left, right];
  const part = 1_000_000n;
  return high.numerator * low.denominator * part <= low.numerator * high.denominator * (part + BigInt(ppm));
}
