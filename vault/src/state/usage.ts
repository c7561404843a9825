/** How much of a limit is used: amounts in numbered buckets, of which the newest count.
 *
 *  A rolling window is cut into 64 buckets. One leaves the window only when all of it is older than the window, so an amount
 *  may count up to 1/64 of the window too long, never too short. A fixed window has one bucket for each local day, week or
 *  month. The time is the vault's lower bound. */
import type { Time } from "@strongroom/core/bytes";
import { periodOf } from "@strongroom/core/rulebook/calendar";
import type { Calendar, Window } from "@strongroom/core/signed/rulebook";
import { WINDOW_BUCKETS } from "../limits.ts";

/** `buckets`: number of the bucket and what was committed in it, ascending. `rolls`: whether older ones may count too. */
export type Usage = { readonly rolls: boolean; readonly buckets: readonly (readonly [number, bigint])[] };

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

/** A window in which nothing was committed. */
export function unused(rolls: boolean): Usage {
  return { rolls, buckets: [] };
}

/** What still counts, in the measure of the limit. */
export function used({ buckets }: Usage, { since }: Pick<Span, "since">): bigint {
  return buckets.reduce((sum, [bucket, amount]) => (bucket < since ? sum : sum + amount), 0n);
}

/** The newest bucket in which something was committed; a later commitment never lies in an older one. */
export function newestBucket({ buckets }: Usage): number {
  return buckets.at(-1)?.[0] ?? 0;
}

/** The usage with `amount` more in `bucket`, which is not older than the newest. What can never count again is dropped. */
export function add({ rolls, buckets }: Usage, amount: bigint, bucket: number): Usage {
  const oldest = rolls ? bucket - WINDOW_BUCKETS - 1 : bucket;
  const left = buckets.filter(([number]) => number >= oldest);
  const last = left.at(-1);
  if (last?.[0] !== bucket) return { rolls, buckets: [...left, [bucket, amount]] };
  return { rolls, buckets: [...left.slice(0, -1), [bucket, last[1] + amount]] };
}

/** The usage with `amount` less in `bucket`, if that is still there. */
export function subtract({ rolls, buckets }: Usage, amount: bigint, bucket: number): Usage {
  return { rolls, buckets: buckets.map(([number, sum]) => [number, number === bucket ? sum - amount : sum] as const) };
}
