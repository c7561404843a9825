import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ALLOW, DAY_MS, sampleRulebook } from "../../../test/sample.ts";
import { MONDAY, rulebooks } from "../../../test/universe.ts";
import type { Calendar, Rule, Rulebook } from "../../signed/rulebook.ts";
import { openBook } from "../book.ts";
import { isWithin, touches } from "../calendar.ts";
import { findingsOf } from "./findings.ts";
import { momentsOf } from "./moments.ts";

const HOUR_MS = 3_600_000;
const HOURS = { calendar: "zone", days: ["monday"], from: 480, to: 1080 } as const;
const zone = (change: Partial<Calendar> = {}): Calendar => ({
  id: "zone",
  offset: 60,
  changes: [],
  until: MONDAY + 400 * DAY_MS,
  ...change,
});
const book = (rules: readonly Rule[], calendars: readonly Calendar[], change: Partial<Rulebook> = {}) =>
  openBook(sampleRulebook({ createdAt: MONDAY, rules, calendars, ...change }));
const timed = (times: Rule["times"], effect: "allow" | "deny" = "allow"): Rule => ({ ...ALLOW, id: effect, effect, times });

test("without times there is one moment: when the newest book was written", () => {
  const later = book([ALLOW], [], { createdAt: MONDAY + 5 });
  assert.deepEqual(momentsOf([book([ALLOW], [zone()]), later]), [MONDAY + 5]);
});

test("a week is cut where times begin and end, by the local clock, and where the calendar ends", () => {
  const moments = momentsOf([book([timed([HOURS]), timed([HOURS], "deny")], [zone()])]);
  assert.deepEqual(moments, [MONDAY, MONDAY + 7 * HOUR_MS, MONDAY + 400 * DAY_MS]);
});

test("summers that are like one another are looked at once", () => {
  const changes = Array.from({ length: 40 }, (_, at) => ({
    at: MONDAY + (at + 1) * 9 * DAY_MS,
    offset: at % 2 === 0 ? 120 : 60,
  }));
  const started = performance.now();
  const moments = momentsOf([book([timed([HOURS])], [zone({ changes })])]);
  assert.equal(moments.length, 2);
  assert.ok(performance.now() - started < 2_000);
});

test("every moment of four weeks is like one of those that are found", () => {
  const property = fc.property(rulebooks, rulebooks, fc.integer({ min: 0, max: 4 * 7 * 48 }), (first, second, halfHours) => {
    const books = [openBook(first), openBook(second)];
    const sign = (at: number) =>
      books
        .flatMap(({ document, calendars }) =>
          document.rules.flatMap(({ times, effect }) =>
            times === "any" ? [] : times.map((one) => ({ one, effect, calendars })),
          ),
        )
        .map(({ one, effect, calendars }) => {
          const holds = effect === "allow" ? isWithin : touches;
          return holds(calendars.get(one.calendar) as Calendar, one, { lo: at, hi: at });
        })
        .join();
    const moments = momentsOf(books).map(sign);
    assert.equal(new Set(moments).size, moments.length);
    assert.ok(moments.includes(sign(MONDAY + halfHours * (HOUR_MS / 2))));
  });
  fc.assert(property, { numRuns: 300 });
});

test("times that are over when the rulebook is written never apply", () => {
  const over = zone({ until: MONDAY - 1 });
  const [first] = findingsOf(book([timed([HOURS])], [over]));
  assert.equal(first?.what, "never applies: its times lie before the rulebook was written");
});
