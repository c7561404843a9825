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

/** What still counts at `lo`. Base units of the limit's asset. */
export function used(usage: Usage, lo: Time): bigint {
  return alive(usage, lo).reduce((sum, [, amount]) => sum + amount, 0n);
}

function alive(usage: Usage, lo: Time): Usage["buckets"] {
  const size = width(usage.windowMs);
  return usage.buckets.filter(([bucket]) => (bucket + 1) * size + usage.windowMs > lo);
}

/** The usage with `amount` more, committed at `lo`. */
export function add(usage: Usage, amount: bigint, lo: Time): Usage {
  const now = Math.floor(lo / width(usage.windowMs));
  const before = alive(usage, lo).filter(([bucket]) => bucket !== now);
  const current = usage.buckets.find(([bucket]) => bucket === now)?.[1] ?? 0n;
  return { windowMs: usage.windowMs, buckets: [...before, [now, current + amount]] };
}
