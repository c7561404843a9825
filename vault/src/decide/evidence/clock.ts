/** What is known of the time for schedules. The vault's own lower bound lags by all the time that it was down, so sources of
 *  the time may raise it, for schedules only: neither a delay nor a window ever ends by their word. */
import type { Interval } from "@strongroom/core/rulebook/calendar";
import { get } from "../../state/map.ts";
import type { Founded } from "../../state/state.ts";
import type { Now } from "../../types.ts";

/** The time is at least what `atLeast` of the rulebook's sources of the time have stated, and at most `now.hi`. */
export function whenOf(state: Founded, now: Now): Interval {
  const { clock } = state.book.document;
  if (clock === undefined) return now;
  const { sources, atLeast } = clock;
  const stated = sources.map((source) => get(state.facts, `${source}|clock`)?.at ?? 0).sort((a, b) => b - a);
  const sure = stated[atLeast - 1] as number;
  return { lo: Math.min(now.hi, Math.max(now.lo, sure)), hi: now.hi };
}
