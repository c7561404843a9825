/** When a job that went wrong is tried again, and when it is given up. Pure. */

/** `attempts`: tries up to now. `counts`: whether it is the job's own fault, rather than that something else is down. */
export type Failure = { readonly attempts: number; readonly counts: boolean };
export type Backoff = {
  readonly attempts: number;
  readonly firstMs: number;
  readonly mostMs: number;
  readonly outageMs: number;
};

/** Milliseconds until the next try, or null when there is none. `chance`: from 0 up to, but not, 1; it shortens by up to half,
 *  so that what failed together is not tried together. */
export function pauseAfter(
  { attempts, counts }: Failure,
  { backoff, chance }: { backoff: Backoff; chance: number },
): number | null {
  if (counts && attempts >= backoff.attempts) return null;
  const growing = Math.min(backoff.firstMs * 2 ** Math.max(attempts - 1, 0), backoff.mostMs);
  return Math.floor((counts ? growing : backoff.outageMs) * (1 - chance / 2));
}

/** What is kept of an error: one line of printable ASCII. */
export function wordsOf(error: unknown, most: number): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .replace(/\s+/g, " ")
    .replace(/[^ -~]/g, "?")
    .slice(0, most);
}
