/** What people are told of an explanation: what can still be added and by whom, what stands against it, and a table of all. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Hash } from "@strongroom/core/bytes";
import type { Explained, ExplainedStep } from "@strongroom/core/protocol/explanation";
import type { Book } from "@strongroom/core/rulebook/book";
import { paintsFor } from "../screen.ts";
import { adviceIn, describe } from "./explain.ts";

const ID = "11".repeat(32) as Hash;
const ETH = 10n ** 18n;
const limit = {
  id: "a-day",
  measure: "amount",
  level: "client",
  assets: ["eth"],
  most: 5n * ETH,
  window: { type: "rolling", ms: 1 },
};
const book = {
  document: { epoch: 3, limits: [limit], valuation: { currency: "eur", decimals: 2 } },
  assets: new Map([["eth", { decimals: 18 }]]),
} as unknown as Book;

const met = (rule: string, words: string): ExplainedStep => ({ rule, words, met: true });
const unmet = (rule: string, words: string, code: string, detail = "no"): ExplainedStep => {
  return { rule, words, met: false, code, field: rule, detail };
};
const explained = (change: Partial<Explained>): Explained => ({
  ...{
    intent: ID,
    done: false,
    code: "OK",
    field: "",
    detail: "",
    denies: [],
    allows: [],
    requires: [],
    steps: [],
    more: false,
  },
  ...{ lacking: [], approved: [], could: [], missing: [], limits: [] },
  ...change,
});
const plain = paintsFor({ isTTY: false });
const tell = (order: Explained, change = {}) =>
  describe(
    {
      ...{ code: order.code, field: order.field, detail: order.detail, rulebook: ID, draft: false },
      orders: [order],
      facts: [],
      unfit: [],
      at: 1_795_330_800_000,
      ...change,
    },
    book,
    plain,
  );

test("what is missing is said with who could add it, and times as people say them", () => {
  const order = explained({
    steps: [
      met("rules", "no rule denies"),
      unmet("rules.two", "2 of approvers", "QUORUM_MISSING"),
      unmet("governance.minimums.hot", "3 persons", "QUORUM_MISSING"),
      unmet("rules.spread", "2 of approvers, from 2 groups", "QUORUM_MISSING"),
      unmet("rules.large", "3600000 ms since the registration", "NOT_REGISTERED"),
      unmet("governance.unfreeze", "1 of officers", "QUORUM_MISSING"),
    ],
    lacking: [
      {
        rule: "rules.two",
        ways: [[{ group: "approvers", count: 1 }], [{ group: "officers", count: 2 }]],
        groups: 0,
        persons: 0,
      },
      { rule: "governance.minimums.hot", ways: [], groups: 0, persons: 2 },
      { rule: "rules.spread", ways: [], groups: 1, persons: 0 },
    ],
    could: ["bob", "carl"],
  });
  assert.deepEqual(adviceIn(order, book), {
    missing: [
      "1 of approvers or 2 of officers (bob, carl), by rule two",
      "2 more of any group",
      "persons of 1 more group (bob, carl), by rule spread",
      "1 h since the registration, by rule large",
      "1 of officers",
    ],
  });
  const many = explained({ ...order, could: Array.from({ length: 9 }, (_, at) => `p${at}`) });
  assert.match(adviceIn(many, book).missing[0] ?? "", /\(p0, .*, p7, …\), by rule two$/);
  assert.deepEqual(adviceIn(explained({}), book), { missing: [] });
});

test("what nobody can add to is said alone", () => {
  const steps = [
    unmet("rules.two", "2 of approvers", "QUORUM_MISSING"),
    unmet("rules", "a rule allows", "NOT_ALLOWED", "no rule allows this pay"),
  ];
  assert.deepEqual(adviceIn(explained({ steps }), book), { against: "no rule allows this pay", missing: [] });
  const limits = [unmet("limits.a-day", "within every limit", "LIMIT_EXCEEDED", `${4n * ETH} of ${5n * ETH} are used`)];
  assert.equal(adviceIn(explained({ steps: limits }), book).against, "4 eth of 5 eth are used");
});

test("a table shows every demand, evidence, value and limits", () => {
  const order = explained({
    ...{ code: "QUORUM_MISSING", field: "rules.two", detail: "1 persons do not meet it: tom" },
    steps: [met("freezes", "nothing is frozen"), unmet("rules.two", "2 of approvers", "QUORUM_MISSING", "1 persons: tom")],
    lacking: [{ rule: "rules.two", ways: [[{ group: "approvers", count: 1 }]], groups: 0, persons: 0 }],
    ...{ approved: ["tom", "amy"], could: ["bob"], value: 75_000n, more: true },
    missing: [
      { rule: "rules.screened", type: "screening", subject: "address:1:0x00", sources: ["kyt-a", "kyt-b"] },
      { rule: "rules.code", type: "code", subject: "", sources: ["coder"] },
    ],
    limits: [
      { limit: "a-day", of: "acme", used: ETH, adding: ETH, most: 5n * ETH },
      { limit: "gone", of: "", used: 9n, adding: 3n, most: 10n },
    ],
  });
  const fact = { source: "pricer", subject: "price:eth:eur", type: "price", at: 1_795_330_740_000, id: ID };
  const text = tell(order, {
    facts: [fact, { ...fact, at: 1_795_330_800_000 }],
    unfit: [{ at: "approvals.1", code: "BOOT_STALE", detail: "old" }],
  });
  for (const line of [
    /^verdict {4}QUORUM_MISSING {2}rules\.two: 1 persons do not meet it: tom$/m,
    /^judged by {2}the rulebook in force, epoch 3, at 2026-11-22 07:00:00 UTC/m,
    /^✓ {2}freezes {4}nothing is frozen$/m,
    /^✗ {2}rules\.two {2}2 of approvers {5}QUORUM_MISSING: 1 persons: tom$/m,
    /^and more, which did not fit into the answer$/m,
    /^unfit {10}approvals\.1: BOOT_STALE, old$/m,
    /^approved {7}tom, amy$/m,
    /^missing {8}1 of approvers, for rules\.two$/m,
    /^ {15}screening on address:1:0x00 by kyt-a, kyt-b$/m,
    /^ {15}code on nothing here by coder$/m,
    /^could approve {2}bob$/m,
    /^facts {10}price by pricer on price:eth:eur, 1 min ago$/m,
    /^ {15}price by pricer on price:eth:eur, just now$/m,
    /^value {10}750 eur$/m,
    /^limits {9}a-day of acme: 1 eth used, 1 eth added, leaves 3 eth of 5 eth$/m,
    /^ {15}gone: 9 used, 3 added, 2 too much of 10$/m,
  ])
    assert.match(text, line);
  const good = tell(explained({}), { draft: true });
  assert.match(good, /^verdict {4}it would be carried out\njudged by {2}a draft, epoch 3/);
  assert.match(tell(explained({ done: true })), /it was carried out before/);
});

test("who is bound to a client is told whose word it is, and of limits whether they hold", () => {
  const limits = [
    { limit: "a-day", holds: false },
    { limit: "client-day", holds: true },
  ];
  const text = tell(explained({}), { limits });
  assert.match(text, /told by +the server, without the vault's signature: you are bound to a client/);
  assert.match(text, /limits +a-day: does not hold\n +client-day: holds/);
});
