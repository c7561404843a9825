/** How much of a limit is used: amounts in a rolling window, kept in a fixed number of buckets.
 *
 *  A bucket leaves the window only when all of it is older than the window, so an amount may count up to one bucket (1/64 of
 *  the window) too long, never too short. The time is the vault's lower bound. */
import type { Time } from "@strongroom/core/bytes";
import { WINDOW_BUCKETS } from "../limits.ts";

/** `buckets`: number of the bucket and what was committed in it, ascending. */
export type Usage = { readonly windowMs: number; readonly buckets: readonly (readonly [number, bigint])[] };

function width(windowMs: number): number {
  return Math.ceil(windowMs / WINDOW_BUCKETS);
}

/** A window in which nothing was committed. */
export function unused(windowMs: number): Usage {
  return { windowMs, buckets: [] };
}

/** Whether what was committed at `at` still counts at `lo`. */
export function stillCounts(windowMs: number, { at, lo }: { at: Time; lo: Time }): boolean {
  return isAlive(windowMs, bucketOf(windowMs, at), lo);
}

/** What still counts at `lo`. Base units of the limit's asset. */
export function used(usage: Usage, lo: Time): bigint {
  return alive(usage, lo).reduce((sum, [, amount]) => sum + amount, 0n);
}

function bucketOf(windowMs: number, at: Time): number {
  return Math.floor(at / width(windowMs));
}

function isAlive(windowMs: number, bucket: number, lo: Time): boolean {
  return (bucket + 1) * width(windowMs) + windowMs > lo;
}

function alive({ windowMs, buckets }: Usage, lo: Time): Usage["buckets"] {
  return buckets.filter(([bucket]) => isAlive(windowMs, bucket, lo));
}

/** The usage with `amount` more, committed at `lo`, which never lies before an earlier commitment. */
export function add(usage: Usage, amount: bigint, lo: Time): Usage {
  const { windowMs } = usage;
  const now = bucketOf(windowMs, lo);
  const left = alive(usage, lo);
  const last = left.at(-1);
  if (last?.[0] !== now) return { windowMs, buckets: [...left, [now, amount]] };
  return { windowMs, buckets: [...left.slice(0, -1), [now, last[1] + amount]] };
}
