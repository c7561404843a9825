/** Between which prices a source has moved of late. Only the extremes of two windows are kept, however often it speaks, and
 *  together they reach back at least as far as one window is long. */
import type { Time } from "@strongroom/core/bytes";
import { isDearer, type Price } from "@strongroom/core/money/value";

/** The lowest and the highest price of a window that began at `since`. */
export type Range = { readonly since: Time; readonly low: Price; readonly high: Price };

/** A source's newest price, and the windows before it that may still count, the newest last. */
export type Moved = { readonly at: Time; readonly ranges: readonly Range[] };

/** The windows of `windowMs` that hold all that was stated so shortly before `at`, and nothing that is twice as old. After a
 *  silence as long as a window there are none. */
export function rangesAt({ at: newest, ranges }: Moved, at: Time, windowMs: number): Moved["ranges"] {
  return at - newest >= windowMs ? [] : ranges.filter(({ since }) => at - since < 2 * windowMs);
}

/** The same once a newer price is known. */
export function rangesWith(
  before: Moved | undefined,
  { at, price }: { at: Time; price: Price },
  windowMs: number,
): Moved["ranges"] {
  const ranges = before === undefined ? [] : rangesAt(before, at, windowMs);
  const last = ranges.at(-1);
  if (last === undefined || at - last.since >= windowMs) return [...ranges, { since: at, low: price, high: price }];
  const low = isDearer(last.low, price) ? price : last.low;
  const high = isDearer(price, last.high) ? price : last.high;
  return [...ranges.slice(0, -1), { since: last.since, low, high }];
}
