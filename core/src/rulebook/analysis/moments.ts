/** The moments that rules with times tell apart. A local week repeats itself as long as no calendar changes its offset, so a
 *  week after each change is looked at, cut at every minute where a time of some rule begins or ends.
 *
 *  An analysis is about actions at one moment. Where the vault knows the time only as an interval, an allow needs all of it. */
import type { Time } from "../../bytes.ts";
import type { Calendar, Rule, Times } from "../../signed/rulebook.ts";
import type { Book } from "../book.ts";
import { isWithin, localTime, touches } from "../calendar.ts";
import type { Test } from "./space.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
const WEEK_MS = 7 * DAY_MS;

type Item = { readonly calendar: Calendar; readonly times: Times; readonly effect: "allow" | "other" };

/** A moment of every kind from the writing of the newest book on, the earliest of each. */
export function momentsOf(books: readonly Book[]): readonly Time[] {
  const start = Math.max(...books.map(({ document }) => document.createdAt));
  const items = new Map(books.flatMap(itemsOf).map((item) => [JSON.stringify(item), item]));
  const found = new Map<string, Time>();
  for (const at of candidates([...items.values()], start)) {
    const key = [...items.values()].map((item) => holds(item, at)).join();
    if (!found.has(key)) found.set(key, at);
  }
  return [...found.values()];
}

function itemsOf(book: Book): readonly Item[] {
  return book.document.rules.flatMap((rule) => timesOf(book, rule));
}

function timesOf(book: Book, { times, effect }: Pick<Rule, "times" | "effect">): readonly Item[] {
  if (times === "any") return [];
  return times.map((one) => ({
    calendar: book.calendars.get(one.calendar) as Calendar,
    times: one,
    effect: effect === "allow" ? effect : "other",
  }));
}

/** What a calendar does not know is within no time of an allow, and within all times of other rules. */
function holds({ calendar, times, effect }: Item, at: Time): boolean {
  return (effect === "allow" ? isWithin : touches)(calendar, times, { lo: at, hi: at });
}

/** Every moment from `start` on at which something can change, but weeks of one kind only once. */
function candidates(items: readonly Item[], start: Time): readonly Time[] {
  const calendars = [...new Map(items.map(({ calendar }) => [JSON.stringify(calendar), calendar])).values()];
  const minutes = [...new Set([0, ...items.flatMap(({ times }) => [times.from, times.to])])];
  const changes = calendars.flatMap(({ changes, until }) => [...changes.map(({ at }) => at), until]);
  const starts = [start, ...new Set(changes.filter((at) => at > start))].sort((a, b) => a - b);
  const seen = new Set<string>();
  return starts.flatMap((from, at) => {
    const end = Math.min(starts[at + 1] ?? Number.POSITIVE_INFINITY, from + WEEK_MS);
    const key = calendars.map((calendar) => `${localTime(calendar, from) - from} ${from < calendar.until}`).join();
    if (seen.has(key)) return [];
    if (end - from === WEEK_MS) seen.add(key);
    return [from, ...calendars.flatMap((calendar) => edges(localTime(calendar, from) - from, minutes, { from, end }))];
  });
}

/** The moments within a part of the week at which the local clock shows one of these minutes. */
function edges(offset: number, minutes: readonly number[], { from, end }: { from: Time; end: Time }): readonly Time[] {
  const first = Math.floor((from + offset) / DAY_MS);
  const days = Array.from({ length: 9 }, (_, day) => (first + day) * DAY_MS - offset);
  return days.flatMap((day) => minutes.map((minute) => day + minute * MINUTE_MS)).filter((at) => at > from && at < end);
}

/** Whether a rule's times hold at a moment; undefined where it has none. */
export function timeTest(book: Book, rule: Pick<Rule, "times" | "effect">): Test | undefined {
  const items = timesOf(book, rule);
  return items.length === 0 ? undefined : ({ part }) => items.some((item) => holds(item, part.at as Time));
}
