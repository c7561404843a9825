/** How much of a limit is used: amounts in numbered buckets, of which the newest count.
 *
 *  A rolling window is cut into 64 buckets. One leaves the window only when all of it is older than the window, so an amount
 *  may count up to 1/64 of the window too long, never too short. A fixed window has one bucket for each local day, week or
 *  month. The time is the vault's lower bound. */
import type { Time } from "@strongroom/core/bytes";
import { periodOf } from "@strongroom/core/rulebook/calendar";
import type { Calendar, Window } from "@strongroom/core/signed/rulebook";
import { WINDOW_BUCKETS } from "../limits.ts";

type Buckets = readonly (readonly [number, bigint])[];
/** `buckets`: number of the bucket and what was committed in it, ascending. `rolls`: whether older ones may count too. `sum`:
 *  of all buckets. `oldest`, `newest`: numbers of the first and last of them, 0 where there are none. */
export type Usage = {
  readonly rolls: boolean;
  readonly buckets: Buckets;
  readonly sum: bigint;
  readonly oldest: number;
  readonly newest: number;
};

/** The bucket of now, and the oldest one that still counts. */
export type Span = { readonly bucket: number; readonly since: number };

/** The buckets of a window at `lo`. `calendar`: that of a fixed one. */
export function spanOf(window: Window, lo: Time, calendar: (id: string) => Calendar): Span {
  if (window.type === "rolling") return rollingSpan(window.ms, lo);
  const bucket = periodOf(calendar(window.calendar), window.period, lo);
  return { bucket, since: bucket };
}

/** A bucket counts as long as its end plus the window is later than `lo`. */
export function rollingSpan(windowMs: number, lo: Time): Span {
  const width = Math.ceil(windowMs / WINDOW_BUCKETS);
  return { bucket: Math.floor(lo / width), since: Math.floor((lo - windowMs) / width) };
}

export function usageOf(rolls: boolean, buckets: Buckets): Usage {
  return summed(
    rolls,
    buckets,
    buckets.reduce((sum, [, amount]) => sum + amount, 0n),
  );
}

function summed(rolls: boolean, buckets: Buckets, sum: bigint): Usage {
  return { rolls, buckets, sum, oldest: buckets[0]?.[0] ?? 0, newest: buckets.at(-1)?.[0] ?? 0 };
}

/** A window in which nothing was committed. */
export function unused(rolls: boolean): Usage {
  return summed(rolls, [], 0n);
}

/** What still counts, in the measure of the limit. */
export function used({ buckets, sum, oldest }: Usage, { since }: Pick<Span, "since">): bigint {
  if (oldest >= since) return sum;
  let left = sum;
  for (const part of buckets) {
    if (part[0] >= since) break;
    left -= part[1];
  }
  return left;
}

/** Whether `amount` on top of `before` stays within `most`. Two that are not above its `half` need no adding up. */
export function fits(
  before: bigint,
  amount: bigint,
  { most, half }: { readonly most: bigint; readonly half: bigint },
): boolean {
  return (before <= half && amount <= half) || before + amount <= most;
}

/** The usage with `amount` more in `bucket`, which is not older than the newest. What can never count again is dropped. */
export function add(usage: Usage, amount: bigint, bucket: number): Usage {
  const { rolls, buckets, sum } = forget(usage, usage.rolls ? bucket - WINDOW_BUCKETS - 1 : bucket);
  const last = buckets.at(-1);
  const added = last?.[0] === bucket ? buckets.with(-1, [bucket, last[1] + amount]) : [...buckets, [bucket, amount] as const];
  return summed(rolls, added, sum + amount);
}

/** The usage without what is older than the bucket `oldest`. */
function forget(usage: Usage, oldest: number): Usage {
  const { rolls, buckets } = usage;
  const kept = buckets.findIndex(([bucket]) => bucket >= oldest);
  if (kept === 0) return usage;
  return kept < 0 ? unused(rolls) : summed(rolls, buckets.slice(kept), used(usage, { since: oldest }));
}

/** The usage with `amount` less in `bucket`, if that is still there. */
export function subtract({ rolls, buckets }: Usage, amount: bigint, bucket: number): Usage {
  return usageOf(
    rolls,
    buckets.map(([number, sum]) => [number, number === bucket ? sum - amount : sum] as const),
  );
}
