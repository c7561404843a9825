import assert from "node:assert/strict";
import { test } from "node:test";
import { hashOf } from "../../test/sample.ts";
import { decode, encode } from "../signed/object.ts";
import { MAX_FACTS, MAX_INTENTS } from "./command.ts";
import { type Explained, ExplanationBody, MAX_APPROVED, MAX_SEATS_TOLD, MAX_UNFIT, MAX_WAYS, MOST } from "./explanation.ts";

const many = <T>(count: number, item: T): T[] => Array.from({ length: count }, () => item);
const NAME = "n".repeat(32);
const words = (size: number) => "w".repeat(size);
const HUGE = 2n ** 256n - 1n;
const TIME = 253_402_300_799_999;

/** An intent of which everything is told, as much as its share of the answer holds. */
function fullest(orders: number): Explained {
  const share = (most: number) => Math.floor(most / orders);
  const names = many(share(MOST.rules), NAME);
  const step = { rule: words(64), words: words(200), met: false, code: words(32), field: words(64), detail: words(200) };
  const way = many(MAX_SEATS_TOLD, { group: NAME, count: 64 });
  return {
    ...{ intent: hashOf("intent"), done: false, code: words(32), field: words(96), detail: words(400) },
    ...{ denies: names, allows: names, requires: names, steps: many(share(MOST.steps), step), more: true },
    lacking: many(share(MOST.lacking), { rule: words(64), ways: many(MAX_WAYS, way), groups: 64, persons: 64 }),
    approved: many(Math.floor(MAX_APPROVED / orders), NAME),
    could: many(share(MOST.could), NAME),
    missing: many(share(MOST.missing), { rule: words(64), type: "travel-rule", subject: words(160), sources: many(8, NAME) }),
    limits: many(share(MOST.limits), { limit: NAME, of: words(110), used: HUGE, adding: HUGE, most: HUGE }),
    ...{ value: HUGE, price: { numerator: HUGE, denominator: HUGE } },
  };
}

test("the fullest answer fits into a receipt, whatever it is about", () => {
  for (const orders of [1, 2, 7, MAX_INTENTS]) {
    const body: ExplanationBody = {
      ...{ code: words(32), field: words(96), detail: words(400), rulebook: hashOf("rulebook"), draft: true },
      orders: many(orders, fullest(orders)),
      facts: many(MAX_FACTS, { source: NAME, subject: words(160), type: "travel-rule", at: TIME, id: hashOf("fact") }),
      unfit: many(MAX_UNFIT, { at: words(96), code: words(32), detail: words(200) }),
    };
    const bytes = encode(ExplanationBody, body);
    assert.ok(bytes.length < 1_000_000, `${bytes.length}`);
    assert.deepEqual(decode(ExplanationBody, bytes), body);
  }
});
