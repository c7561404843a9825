import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import type { Calendar, Times } from "../signed/rulebook.ts";
import { civil, isWithin, localTime, nextTurn, periodOf, touches } from "./calendar.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;

/** The offsets of Zurich from 2024 to 2027, as the time-zone database has them. */
const zurich: Calendar = {
  id: "zurich",
  offset: 60,
  changes: [
    ["2024-03-31T01:00:00Z", 120],
    ["2024-10-27T01:00:00Z", 60],
    ["2025-03-30T01:00:00Z", 120],
    ["2025-10-26T01:00:00Z", 60],
    ["2026-03-29T01:00:00Z", 120],
    ["2026-10-25T01:00:00Z", 60],
  ].map(([at, offset]) => ({ at: Date.parse(at as string), offset: offset as number })),
  until: Date.parse("2027-03-28T01:00:00Z"),
};
const START = Date.parse("2024-01-01T00:00:00Z");

/** The same by the runtime's own time-zone database. */
const oracle = new Intl.DateTimeFormat("en-GB", {
  timeZone: "Europe/Zurich",
  year: "numeric",
  month: "numeric",
  day: "numeric",
  weekday: "long",
  hour: "numeric",
  minute: "numeric",
  hourCycle: "h23",
});

function local(at: number) {
  const parts = Object.fromEntries(oracle.formatToParts(at).map(({ type, value }) => [type, value]));
  const number = (name: string) => Number(parts[name]);
  const day = Date.UTC(number("year"), number("month") - 1, number("day")) / DAY;
  const weekday = (parts["weekday"] as string).toLowerCase();
  return { day, weekday, minute: number("hour") * 60 + number("minute"), month: number("month"), year: number("year") };
}

const moment = fc.integer({ min: START, max: zurich.until - 1 });

test("local time, day, week and month are those of the time-zone database", () => {
  const edges = zurich.changes.flatMap(({ at }) => [at - 1, at, at + 1, at - HOUR, at + HOUR]);
  const check = (at: number) => {
    const { day, weekday, minute, month, year } = local(at);
    assert.equal(Math.floor(localTime(zurich, at) / DAY), day);
    assert.equal(Math.floor((localTime(zurich, at) % DAY) / 60_000), minute);
    assert.equal(periodOf(zurich, "day", at), day + 1);
    assert.equal(periodOf(zurich, "month", at), (year - 1970) * 12 + month);
    const monday = periodOf(zurich, "week", at) !== periodOf(zurich, "week", at - (minute + 60 * 4) * 60_000);
    if (weekday === "monday") assert.ok(monday, new Date(at).toISOString());
  };
  edges.forEach(check);
  fc.assert(fc.property(moment, check), { numRuns: 2000 });
});

test("days before 1970 are counted too", () => {
  assert.deepEqual(civil(-1), { year: 1969, month: 12, day: 31 });
  assert.deepEqual(civil(0), { year: 1970, month: 1, day: 1 });
  assert.deepEqual(civil(11_016), { year: 2000, month: 2, day: 29 });
});

const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;
const anyTimes: fc.Arbitrary<Times> = fc
  .record({
    days: fc.subarray([...DAYS], { minLength: 1 }),
    from: fc.integer({ min: 0, max: 1439 }),
    length: fc.integer({ min: 1, max: 1440 }),
  })
  .map(({ days, from, length }) => ({ calendar: "zurich", days, from, to: Math.min(1440, from + length) }));

function inside(times: Times, at: number): boolean {
  const { weekday, minute } = local(at);
  return times.days.some((day) => day === weekday) && minute >= times.from && minute < times.to;
}

test("within and touched are what looking at every quarter of an hour says", () => {
  const seen = { within: 0, touched: 0, neither: 0 };
  const property = fc.property(anyTimes, moment, fc.integer({ min: 0, max: 30 * HOUR }), (times, lo, length) => {
    const hi = Math.min(lo + length, zurich.until - 1);
    const samples = [lo, hi];
    for (let at = lo - (lo % 900_000) + 900_000; at < hi; at += 900_000) samples.push(at - 1, at);
    const all = samples.every((at) => inside(times, at));
    const any = samples.some((at) => inside(times, at));
    const within = isWithin(zurich, times, { lo, hi });
    const touched = touches(zurich, times, { lo, hi });
    seen.within += within ? 1 : 0;
    seen.touched += touched && !within ? 1 : 0;
    seen.neither += touched ? 0 : 1;
    if (within) assert.ok(all);
    if (any) assert.ok(touched);
    if (lo === hi) assert.equal(within, all);
  });
  fc.assert(property, { numRuns: 1500 });
  assert.ok(Math.min(...Object.values(seen)) > 30, JSON.stringify(seen));
});

test("an office day, to the millisecond, on both sides of the change to summer time", () => {
  const office: Times = { calendar: "zurich", days: ["monday"], from: 9 * 60, to: 17 * 60 };
  const at = (text: string) => Date.parse(text);
  const [opens, closes] = [at("2026-03-30T07:00:00Z"), at("2026-03-30T15:00:00Z")];
  assert.ok(isWithin(zurich, office, { lo: opens, hi: closes - 1 }));
  assert.ok(!isWithin(zurich, office, { lo: opens - 1, hi: opens }));
  assert.ok(!isWithin(zurich, office, { lo: opens, hi: closes }));
  assert.ok(touches(zurich, office, { lo: opens - 1, hi: opens }));
  assert.ok(touches(zurich, office, { lo: closes - 1, hi: closes }));
  assert.ok(!touches(zurich, office, { lo: opens - 5, hi: opens - 1 }));
  assert.ok(!touches(zurich, office, { lo: closes, hi: closes + 5 }));
  assert.ok(isWithin(zurich, office, { lo: at("2026-03-23T08:00:00Z"), hi: at("2026-03-23T15:59:59Z") }));
  assert.ok(!isWithin(zurich, office, { lo: at("2026-03-23T07:00:00Z"), hi: at("2026-03-23T07:00:00Z") }));
});

test("what the calendar does not know is within nothing and touches everything, and so is what is very long", () => {
  const never: Times = { calendar: "zurich", days: [...DAYS], from: 0, to: 1440 };
  const { until } = zurich;
  assert.ok(isWithin(zurich, never, { lo: until - 1, hi: until - 1 }));
  assert.ok(!isWithin(zurich, never, { lo: until - 1, hi: until }));
  assert.ok(touches(zurich, { ...never, to: 1 }, { lo: until, hi: until }));
  const long = { lo: START, hi: START + 33 * DAY };
  assert.ok(!isWithin(zurich, never, long));
  assert.ok(touches(zurich, { ...never, to: 1 }, long));
  assert.ok(isWithin(zurich, never, { lo: START, hi: START + 32 * DAY }));
});

test("a time turns at its beginning and end, and where the calendar changes or ends", () => {
  const office: Times = { calendar: "zurich", days: ["monday", "friday"], from: 9 * 60, to: 17 * 60 };
  const turn = (at: string) => {
    const next = nextTurn(zurich, office, Date.parse(at));
    return next === undefined ? undefined : new Date(next).toISOString();
  };
  assert.equal(turn("2026-01-05T07:59:59.999Z"), "2026-01-05T08:00:00.000Z");
  assert.equal(turn("2026-01-05T08:00:00Z"), "2026-01-05T16:00:00.000Z");
  assert.equal(turn("2026-01-05T16:00:00Z"), "2026-01-09T08:00:00.000Z");
  assert.equal(turn("2026-01-09T16:00:00Z"), "2026-01-12T08:00:00.000Z");
  assert.equal(turn("2026-03-27T20:00:00Z"), "2026-03-29T01:00:00.000Z");
  assert.equal(turn("2026-03-29T01:00:00Z"), "2026-03-30T07:00:00.000Z");
  assert.equal(turn("2027-03-26T20:00:00Z"), "2027-03-28T01:00:00.000Z");
  assert.equal(turn("2027-03-28T01:00:00Z"), undefined);
});

test("until the next turn of a time nothing changes", () => {
  const names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;
  const window = fc.record({
    days: fc.subarray([...names], { minLength: 1 }),
    from: fc.integer({ min: 0, max: 1439 }),
    to: fc.integer({ min: 1, max: 1440 }),
  });
  const check = (at: number, part: number, { days, from, to }: Pick<Times, "days" | "from" | "to">) => {
    const times: Times = { calendar: "zurich", days, from: Math.min(from, to - 1), to };
    const turn = nextTurn(zurich, times, at) as number;
    const between = at + Math.floor((turn - 1 - at) * part);
    for (const asks of [isWithin, touches])
      assert.equal(asks(zurich, times, { lo: between, hi: between }), asks(zurich, times, { lo: at, hi: at }));
  };
  fc.assert(fc.property(moment, fc.double({ min: 0, max: 1, noNaN: true }), window, check), { numRuns: 2000 });
});
