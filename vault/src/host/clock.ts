/** What the vault knows of the time, although the network can lie about it. Source: DESIGN §5, "Time".
 *
 *  `lo` is the last journaled time plus the monotonic time since: time during which the vault was down or the machine slept
 *  does not count, and no wall clock can push it. `hi` is the later of `lo` and the wall clock: setting the clock back revives
 *  nothing that expired before `lo`. What remains: `lo` lags by the time that the vault was down, and whoever moves the wall
 *  clock can keep something alive for that long; and a time service that slews the clock speeds up or slows down `lo` too,
 *  ordinarily by 0.05 %, by 10 % at most. Not for measuring. */
import type { Now } from "../types.ts";

/** Where time comes from, in milliseconds: one source that only goes forward, and the wall clock. */
export type TimeSource = { readonly monotonicMs: () => number; readonly wallMs: () => number };

export const systemTime: TimeSource = { monotonicMs: () => performance.now(), wallMs: () => Date.now() };

/** A clock that goes on from `journaled`, the lower bound in the newest record (milliseconds since 1970). A vault without any
 *  record begins at the wall clock: the ceremony's participants look at it. */
export function clockFrom(journaled: number | null, source: TimeSource = systemTime): () => Now {
  const base = journaled ?? whole(source.wallMs());
  const start = source.monotonicMs();
  return () => {
    const lo = base + Math.max(0, whole(source.monotonicMs() - start));
    return { lo, hi: Math.max(lo, whole(source.wallMs())) };
  };
}

function whole(ms: number): number {
  return Number.isFinite(ms) ? Math.floor(ms) : 0;
}
