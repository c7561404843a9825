/** When a job that went wrong is tried again, and when it is given up. Pure. */
import { troubleOf } from "../db/fault.ts";
import { Fault } from "../host/fault.ts";
import { limits } from "../host/limits.ts";
import { Problem } from "../http/call.ts";
import type { End } from "./store.ts";

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

/** What becomes of a job after so many `attempts`, when its worker threw this. A vault that has stopped is
 *  asked again seldom. `chance`: as for `pauseAfter`. */
export function endAfter(thrown: unknown, { attempts, chance }: { attempts: number; chance: number }): End {
  const counts = !isOutage(thrown);
  const outageMs = Math.max(limits.jobBackoff.outageMs, thrown instanceof Problem ? thrown.pauseMs : 0);
  const pause = pauseAfter({ attempts, counts }, { backoff: { ...limits.jobBackoff, outageMs }, chance });
  const error = wordsOf(thrown, limits.jobErrorLength);
  return pause === null ? { state: "failed", error } : { state: "retry", inMs: pause, error, counts };
}

/** Whether something else is down, which is no reason ever to give a job up. */
function isOutage(error: unknown): boolean {
  const isDown =
    error instanceof Problem && ["VAULT_UNREACHABLE", "CHAIN_UNREACHABLE", "DATABASE_UNREACHABLE"].includes(error.code);
  return isDown || (error instanceof Fault && error.next === "retry") || troubleOf(error) !== null;
}

/** What is kept of an error: one line of printable ASCII. */
export function wordsOf(error: unknown, most: number): string {
  const text = error instanceof Error ? error.message : String(error);
  return text
    .replace(/\s+/g, " ")
    .replace(/[^ -~]/g, "?")
    .slice(0, most);
}
