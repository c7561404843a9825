import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ALLOW, DAY_MS, DENY, deviceKey, PERSONS, REQUIRE, sampleRulebook } from "../../../test/sample.ts";
import { drafts, isAllowed, isApproved, isEnrolled, isInScope, universes } from "../../../test/universe.ts";
import type { Rule, Rulebook } from "../../signed/rulebook.ts";
import { EVERYBODY } from "../../text/demand.ts";
import { type Book, openBook } from "../book.ts";
import { judge } from "../judge.ts";
import { type Asked, type Aspect, askedBy, compareApprovals, type InTime, implies, strictnessOf, votersOf } from "./demand.ts";
import { type Difference, differenceJson, differenceOf, type Redemand } from "./difference.ts";
import { type Action, subjectOf } from "./space.ts";

/** What binds for one action, as `judge` and the vault's minimums say. */
function boundTo(plain: Book, action: Action): readonly Asked[] {
  const { requirements } = judge(plain, subjectOf(plain, action));
  const moves = action.amount !== undefined;
  const minimum = plain.document.governance.minimums.find((one) => moves && one.class === action.walletClass);
  const least = { type: "group", group: EVERYBODY, count: minimum?.persons ?? 0 } as const;
  const all = minimum === undefined ? requirements : [...requirements, { ...REQUIRE, quorum: least }];
  return all.flatMap((rule) => askedBy(moves ? rule : { ...rule, entryAgeMs: 0 }));
}

/** Every verdict that there is to tell about one action, aspect by aspect, each as often as it is to be told. */
function verdictsOn(first: Book, second: Book, action: Action): readonly string[] {
  const [was, is] = [boundTo(first, action), boundTo(second, action)];
  const asking = (book: Book, list: readonly Asked[]) => ({
    book: votersOf(book),
    rules: list.flatMap((asked) => (asked.aspect === "approvals" ? [asked.rule] : [])),
  });
  const { verdict } = compareApprovals(asking(first, was), asking(second, is), action.initiator);
  const needs = (list: readonly Asked[]) =>
    new Map(list.flatMap((asked) => (asked.aspect === "facts" ? [[JSON.stringify(asked.need), asked.need]] : [])));
  const alone = (mine: readonly Asked[], others: readonly Asked[]) =>
    [...needs(mine).values()].filter((need) => ![...needs(others).values()].some((other) => implies(other, need)));
  const rank = (list: readonly Asked[], aspect: Aspect) =>
    Math.max(...list.flatMap((asked) => (asked.aspect === aspect ? [strictnessOf(asked as InTime)] : [])));
  const inTime = (["delay", "life", "age"] as const).flatMap((aspect) => {
    const [old, now] = [rank(was, aspect), rank(is, aspect)];
    return old === now ? [] : [`${aspect} ${now < old ? "weaker" : "stronger"}`];
  });
  return [
    ...(verdict === "same" ? [] : [`approvals ${verdict}`]),
    ...alone(was, is).map(() => "facts weaker"),
    ...alone(is, was).map(() => "facts stronger"),
    ...inTime,
  ];
}

test("newly allowed, newly refused and demanded anew are exactly the actions for which the judgement says so", () => {
  const seen = new Map<string, number>();
  const see = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);
  const property = fc.property(drafts, universes, ([first, second], universe) => {
    const both = [first, second];
    const found = differenceOf(first, second, { boxes: 10_000, parts: 10_000 });
    for (const { complete } of [found.allowed, found.refused, ...found.demands.map(({ scope }) => scope)]) assert.ok(complete);
    for (const action of universe) {
      const [was, is] = [isAllowed(first, action), isAllowed(second, action)];
      const [wasReal, isReal] = [isEnrolled(first, action), isEnrolled(second, action)];
      if (isReal) assert.equal(isInScope(found.allowed.parts, action, both), is && !was);
      if (wasReal) assert.equal(isInScope(found.refused.parts, action, both), was && !is);
      if (was !== is) see(is ? "allowed" : "refused");
      if (!isReal) continue;
      const told = found.demands.filter(({ scope }) => isInScope(scope.parts, action, both));
      const verdicts = was && is ? verdictsOn(first, second, action) : [];
      assert.deepEqual(told.map(({ aspect, verdict }) => `${aspect} ${verdict}`).sort(), verdicts.toSorted());
      verdicts.forEach(see);
    }
  });
  fc.assert(property, { numRuns: 80 });
  for (const what of ["allowed", "refused", "approvals weaker", "approvals stronger"]) assert.ok(seen.has(what), what);
});

test("every example is what it is an example of, and the crowds told for it are enough and short", () => {
  const property = fc.property(drafts, ([first, second]) => {
    const { allowed, refused, demands } = differenceOf(first, second);
    for (const { example } of allowed.parts) assert.ok(isAllowed(second, example) && !isAllowed(first, example));
    for (const { example } of refused.parts) assert.ok(isAllowed(first, example) && !isAllowed(second, example));
    for (const { scope, enough, short } of demands) {
      for (const { example } of scope.parts) {
        assert.ok(isAllowed(first, example) && isAllowed(second, example));
        if (enough) assert.ok(isApproved(second, example, enough) && !isApproved(first, example, enough));
        if (short) assert.ok(isApproved(first, example, short) && !isApproved(second, example, short));
      }
    }
  });
  fc.assert(property, { numRuns: 80 });
});

const diff = (before: Partial<Rulebook>, after: Partial<Rulebook>): Difference =>
  differenceOf(openBook(sampleRulebook(before)), openBook(sampleRulebook(after)));
const wordsOf = ({ demands }: Difference) =>
  demands.map(({ verdict, scope, before, after }: Redemand) => [verdict, scope.parts.map(({ words }) => words), before, after]);

test("a rulebook changes nothing against itself", () => {
  assert.deepEqual(diff({}, { epoch: 2 }), {
    allowed: { parts: [], complete: true },
    refused: { parts: [], complete: true },
    demands: [],
    others: [],
  });
});

test("a deny that leaves out one class newly allows it, and says what stood in the way", () => {
  const deny: Rule = { ...DENY, classes: ["contract", "self-hosted"] };
  const { allowed, refused } = diff({ rules: [ALLOW, deny, REQUIRE] }, { rules: [ALLOW, DENY, REQUIRE] });
  const [part] = allowed.parts;
  assert.deepEqual([allowed.parts.length, allowed.complete, refused.parts], [1, true, []]);
  assert.equal(part?.words, "pay; to class self-hosted; by tom, tina");
  assert.equal(part?.exampleWords, "tom pays 1 eth from wallet another-wallet (hot) to another-destination (self-hosted)");
  assert.equal(part?.before, "denied by deny");
  assert.equal(part?.after, "allowed by allow; takes 2 of approvers, initiator excluded (require)");
});

test("whoever and whatever is new or gone is said so", () => {
  const newcomer = { id: "nina", keys: [deviceKey("nina")] };
  const groups = sampleRulebook().groups.map((group) =>
    group.id === "traders" ? { ...group, members: ["tom", "tina", "nina"] } : group,
  );
  const { allowed } = diff({}, { persons: [...PERSONS, newcomer], groups });
  assert.deepEqual(
    allowed.parts.map(({ words, before }) => [words, before]),
    [["pay; to class any but contract; by nina", "nina is not enrolled"]],
  );
  const assets = sampleRulebook().assets.filter(({ id }) => id !== "usdx");
  const { refused } = diff({ rules: [ALLOW] }, { rules: [ALLOW], assets });
  assert.deepEqual(
    refused.parts.map(({ words, before, after }) => [words, before, after]),
    [["pay; usdx; by tom, tina", "allowed by allow; takes nobody's approval", "asset usdx is not defined on this chain"]],
  );
  const open: Rule = { ...ALLOW, kinds: ["wallet"] };
  const chains = sampleRulebook().chains.filter(({ id }) => id !== 1);
  assert.deepEqual(
    diff({ rules: [open] }, { rules: [open], chains }).refused.parts.map(({ after }) => after),
    ["chain 1 is not defined"],
  );
});

test("a value that is asked for stops what nobody values", () => {
  const valued: Rule = { ...REQUIRE, id: "large", valueFrom: 100n };
  const valuation = { currency: "chf", decimals: 0, sources: ["pricer"], atLeast: 1, maxAgeMs: 1, maxMovePpm: 1, moveMs: 1 };
  const { refused, demands } = diff({ valuation, rules: [ALLOW] }, { valuation, rules: [ALLOW, valued] });
  assert.deepEqual(
    refused.parts.map(({ words, after }) => [words, after]),
    [["pay; by tom, tina; worth an amount that nobody states", "refused: large waits for its value"]],
  );
  assert.deepEqual(wordsOf({ demands } as Difference), [
    ["stronger", ["pay; by tom, tina; worth from 100 chf"], [], ["2 of approvers, initiator excluded (rules.large)"]],
  ]);
  assert.match(demands[0]?.scope.parts[0]?.exampleWords ?? "", /^tom pays 1 eth worth 100 chf from /);
});

test("a weaker demand is shown with a crowd that is enough now", () => {
  const found = diff({}, { rules: [ALLOW, DENY, { ...REQUIRE, quorum: { type: "group", group: "approvers", count: 1 } }] });
  assert.deepEqual(wordsOf(found), [
    [
      "weaker",
      ["pay; to class any but contract; by tom, tina"],
      ["2 of approvers, initiator excluded (rules.require)"],
      ["1 of approvers, initiator excluded (rules.require)"],
    ],
  ]);
  assert.deepEqual([found.demands[0]?.enough, found.demands[0]?.short], [["amy"], undefined]);
  assert.deepEqual(found.allowed.parts, []);
});

test("facts and times that are needed anew, or no more, are told one by one", () => {
  const fact = { type: "screening", sources: ["screener"], atLeast: 1, maxAgeMs: DAY_MS } as const;
  const plain: Rule = { ...REQUIRE, kinds: ["pay"] };
  const much: Rule = { ...plain, facts: [fact], delayMs: 60_000, approvalLifeMs: DAY_MS, entryAgeMs: DAY_MS };
  const more: Rule = {
    ...much,
    facts: [{ ...fact, maxAgeMs: 1_000 }],
    delayMs: 120_000,
    approvalLifeMs: 60_000,
    entryAgeMs: 1_000,
  };
  const told = (before: Rule, after: Rule) =>
    diff({ rules: [ALLOW, before] }, { rules: [ALLOW, after] }).demands.map(({ aspect, verdict, before: was, after: is }) => [
      `${aspect} ${verdict}`,
      ...was.map((line) => `- ${line}`),
      ...is.map((line) => `+ ${line}`),
    ]);
  assert.deepEqual(told(plain, much), [
    ["facts stronger", "+ 1 of screener on screening, at most 1 d old (rules.require)"],
    ["delay stronger", "+ after 1 min (rules.require)"],
    ["life stronger", "+ approvals valid for at most 1 d (rules.require)"],
    ["age stronger", "+ destination in the book for 1 d (rules.require)"],
  ]);
  assert.deepEqual(told(much, more), [
    ["facts stronger", "+ 1 of screener on screening, at most 1 s old (rules.require)"],
    ["delay stronger", "- after 1 min (rules.require)", "+ after 2 min (rules.require)"],
    [
      "life stronger",
      "- approvals valid for at most 1 d (rules.require)",
      "+ approvals valid for at most 1 min (rules.require)",
    ],
    ["age weaker", "- destination in the book for 1 d (rules.require)", "+ destination in the book for 1 s (rules.require)"],
  ]);
  assert.deepEqual(
    told(more, plain).map(([what]) => what),
    ["facts weaker", "delay weaker", "life weaker", "age weaker"],
  );
});

test("a person who joins the approvers weakens what they approve", () => {
  const groups = sampleRulebook().groups.map((group) =>
    group.id === "approvers" ? { ...group, members: [...group.members, "tom"] } : group,
  );
  const { demands, others } = diff({}, { groups });
  assert.deepEqual(
    demands.map(({ verdict, enough, scope }) => [verdict, enough, scope.parts.map(({ words }) => words)]),
    [["weaker", ["amy", "tom"], ["pay; to class any but contract; by tina"]]],
  );
  assert.deepEqual(
    others.map(({ at }) => at),
    ["groups.approvers"],
  );
});

test("what else differs is listed, with a verdict where one is certain", () => {
  const { limits, governance, approvalLifeMs } = sampleRulebook();
  const [day, week] = limits as [Rulebook["limits"][number], Rulebook["limits"][number]];
  const list = (before: Partial<Rulebook>, after: Partial<Rulebook>) =>
    diff(before, after).others.map(({ at, verdict }) => [at, verdict]);
  assert.deepEqual(list({}, { limits: [{ ...day, most: 999n }] }), [
    ["limits.day", "stronger"],
    ["limits.week", "weaker"],
  ]);
  assert.deepEqual(
    list(
      { limits: [day] },
      {
        limits: [
          { ...day, most: 1001n },
          { ...week, id: "new" },
        ],
      },
    ),
    [
      ["limits.day", "weaker"],
      ["limits.new", "stronger"],
    ],
  );
  assert.deepEqual(list({}, { limits: [{ ...day, level: "client" }, week] }), [["limits.day", undefined]]);
  const changed = { ...governance, threshold: 3, delayMs: 1, unfreezeDelayMs: 9 * DAY_MS, officers: "traders" };
  assert.deepEqual(list({}, { governance: changed, approvalLifeMs: approvalLifeMs + 1 }), [
    ["approvalLifeMs", "weaker"],
    ["governance.threshold", "stronger"],
    ["governance.delayMs", "weaker"],
    ["governance.officers", undefined],
    ["governance.unfreezeDelayMs", "stronger"],
  ]);
  assert.deepEqual(list({ approvalLifeMs }, { approvalLifeMs: approvalLifeMs - 1 }), [["approvalLifeMs", "stronger"]]);
});

test("the difference as JSON holds everything", () => {
  const found = diff({}, { rules: [ALLOW, { ...REQUIRE, delayMs: 1 }], limits: [] });
  const json = JSON.parse(JSON.stringify(differenceJson(found))) as { [name: string]: { parts: readonly unknown[] } };
  assert.deepEqual(Object.keys(json), ["allowed", "refused", "demands", "others"]);
  assert.equal(json["allowed"]?.parts.length, 1);
  assert.deepEqual(json["demands"], [
    {
      aspect: "delay",
      verdict: "stronger",
      before: [],
      after: ["after 1 ms (rules.require)"],
      scope: (json["demands"] as unknown as readonly { scope: unknown }[])[0]?.scope,
    },
  ]);
});

test("quorums in too many combinations are told as one", () => {
  const seats = { approvers: 3, officers: 2, administrators: 3, traders: 1 };
  const quorums = Object.entries(seats).flatMap(([group, most]) =>
    Array.from({ length: most }, (_, at) => ({ type: "group", group, count: at + 1 }) as const),
  );
  const rules = quorums.map((quorum, at): Rule => ({ ...REQUIRE, id: `r${at}`, wallets: [`w${at}`], quorum }));
  const before = openBook(sampleRulebook({ rules: [ALLOW] }));
  const { demands } = differenceOf(before, openBook(sampleRulebook({ rules: [ALLOW, ...rules] })), { demands: 4 });
  assert.deepEqual(
    demands.map(({ verdict, unknown }) => [verdict, unknown]),
    [...Array.from({ length: 4 }, () => ["stronger", undefined]), ["differs", true]],
  );
});
