/** Local time without a time-zone database: a calendar of the rulebook carries its offsets. Whoever knows only an interval of
 *  the time asks two questions: is all of it within a time, or any of it?   Source: DESIGN §5, "Time". */
import type { Time } from "../bytes.ts";
import type { Calendar, Times } from "../signed/rulebook.ts";

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** 1970-01-01 was a Thursday. */
const FIRST_WEEKDAY = 3;
const WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;
/** Longer intervals are not looked at day by day. */
const LONGEST_MS = 32 * DAY_MS;

export type Interval = { readonly lo: Time; readonly hi: Time };

/** Milliseconds since 1970 of the local clock. */
export function localTime({ offset, changes }: Calendar, at: Time): number {
  let minutes = offset;
  for (const change of changes) if (change.at <= at) minutes = change.offset;
  return at + minutes * MINUTE_MS;
}

/** Number of the local day, week (from Monday) or month that holds `at`; each counts up from 1970. */
export function periodOf(calendar: Calendar, period: "day" | "week" | "month", at: Time): number {
  const day = Math.floor(localTime(calendar, at) / DAY_MS);
  if (period === "day") return day + 1;
  if (period === "week") return Math.floor((day + FIRST_WEEKDAY) / 7) + 1;
  const { year, month } = civil(day);
  return (year - 1970) * 12 + month;
}

/** Whether every moment of the interval is within `times`. What the calendar does not know is not. */
export function isWithin(calendar: Calendar, times: Times, { lo, hi }: Interval): boolean {
  if (hi >= calendar.until || hi - lo > LONGEST_MS) return false;
  return pieces(calendar, { lo, hi }).every((piece) => stays(times, piece));
}

/** Whether some moment of the interval may be within `times`. What the calendar does not know may be. */
export function touches(calendar: Calendar, times: Times, { lo, hi }: Interval): boolean {
  if (hi >= calendar.until || hi - lo > LONGEST_MS) return true;
  return pieces(calendar, { lo, hi }).some((piece) => meets(times, piece));
}

/** The interval cut where the offset changes and at local midnight: a local day each, with its first and last millisecond. */
type Piece = { readonly day: number; readonly first: number; readonly last: number };

function pieces(calendar: Calendar, { lo, hi }: Interval): readonly Piece[] {
  const cuts = calendar.changes.map(({ at }) => at).filter((at) => at > lo && at <= hi);
  const starts = [lo, ...cuts];
  return starts.flatMap((start, at) => daysOf(localTime(calendar, start), start, (cuts[at] ?? hi + 1) - 1));
}

/** The local days between two moments that share one offset. */
function daysOf(local: number, start: Time, end: Time): readonly Piece[] {
  const found: Piece[] = [];
  const last = local + (end - start);
  for (let day = Math.floor(local / DAY_MS); day * DAY_MS <= last; day++) {
    const midnight = day * DAY_MS;
    found.push({ day, first: Math.max(local, midnight) - midnight, last: Math.min(last, midnight + DAY_MS - 1) - midnight });
  }
  return found;
}

/** The next moment after `at` at which `times` begins or ends, or the calendar's offset changes or its knowledge ends;
 *  undefined when nothing is to come. Until then whatever is asked of `times` has one answer. */
export function nextTurn(calendar: Calendar, times: Times, at: Time): Time | undefined {
  const local = localTime(calendar, at);
  const today = Math.floor(local / DAY_MS);
  const days = [0, 1, 2, 3, 4, 5, 6, 7].map((ahead) => today + ahead).filter((day) => isDay(times, day));
  const edges = days.flatMap((day) => [times.from, times.to].map((minute) => day * DAY_MS + minute * MINUTE_MS));
  const marks = [...calendar.changes.map((change) => change.at), calendar.until];
  const later = [...edges.map((edge) => at + edge - local), ...marks].filter((mark) => mark > at && mark <= calendar.until);
  return later.length === 0 ? undefined : Math.min(...later);
}

function isDay({ days }: Times, day: number): boolean {
  const name = WEEKDAYS[(((day + FIRST_WEEKDAY) % 7) + 7) % 7];
  return days.some((one) => one === name);
}

function stays(times: Times, { day, first, last }: Piece): boolean {
  return isDay(times, day) && first >= times.from * MINUTE_MS && last < times.to * MINUTE_MS;
}

function meets(times: Times, { day, first, last }: Piece): boolean {
  return isDay(times, day) && last >= times.from * MINUTE_MS && first < times.to * MINUTE_MS;
}

/** Days since 1970 to year, month and day in the proleptic Gregorian calendar, counted in 400-year eras from 1 March 0000.
 *  Source: Hinnant, "chrono-Compatible Low-Level Date Algorithms", civil_from_days. */
export function civil(days: number): { readonly year: number; readonly month: number; readonly day: number } {
  const shifted = days + 719_468;
  const era = Math.floor(shifted / 146_097);
  const dayOfEra = shifted - era * 146_097;
  const yearOfEra = Math.floor(
    (dayOfEra - Math.floor(dayOfEra / 1460) + Math.floor(dayOfEra / 36_524) - Math.floor(dayOfEra / 146_096)) / 365,
  );
  const dayOfYear = dayOfEra - (365 * yearOfEra + Math.floor(yearOfEra / 4) - Math.floor(yearOfEra / 100));
  const shiftedMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const month = shiftedMonth < 10 ? shiftedMonth + 3 : shiftedMonth - 9;
  return {
    year: yearOfEra + era * 400 + (month <= 2 ? 1 : 0),
    month,
    day: dayOfYear - Math.floor((153 * shiftedMonth + 2) / 5) + 1,
  };
}
