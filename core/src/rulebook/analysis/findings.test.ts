import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ALLOW, DENY, REQUIRE, sampleRulebook } from "../../../test/sample.ts";
import { books, isAllowed, isApproved, isEnrolled, isInReach, isInScope, universes } from "../../../test/universe.ts";
import type { Rule, Rulebook } from "../../signed/rulebook.ts";
import { type Book, matching, openBook } from "../book.ts";
import { judge } from "../judge.ts";
import { OPEN } from "../open.ts";
import { type Finding, findingJson, findingsOf } from "./findings.ts";
import { type Action, subjectOf } from "./space.ts";

const partsOf = (findings: readonly Finding[], code: Finding["code"]) =>
  findings.filter((finding) => finding.code === code).flatMap(({ scope }) => scope?.parts ?? []);

test("what one person can do alone, and what is out of reach, is exactly what the judgement says", () => {
  const seen = { alone: 0, beyond: 0 };
  const property = fc.property(books, universes, (book, universe) => {
    const findings = findingsOf(book);
    const beyond = findings.filter(({ code }) => code === "out-of-reach");
    const alone = partsOf(findings, "one-person");
    for (const action of universe.filter((one) => isEnrolled(book, one))) {
      const allowed = isAllowed(book, action);
      const byHim = allowed && isApproved(book, action, [action.initiator]);
      const never = allowed && !isInReach(book, action);
      assert.equal(isInScope(alone, action, [book]), byHim);
      assert.equal(
        beyond.some(({ scope }) => isInScope(scope?.parts ?? [], action, [book])),
        never,
      );
      seen.alone += byHim ? 1 : 0;
      seen.beyond += never ? 1 : 0;
    }
    for (const { example } of [...alone, ...partsOf(findings, "out-of-reach")]) assert.ok(isAllowed(book, example));
  });
  fc.assert(property, { numRuns: 80 });
  assert.ok(seen.alone > 100 && seen.beyond > 0, JSON.stringify(seen));
});

/** Whether nothing in the universe speaks against a finding about a rule. */
function agrees(book: Book, { code, at }: Finding, actions: readonly Action[]): boolean {
  const rule = book.document.rules.find(({ id }) => at === `rules.${id}`);
  const met = actions.filter((action) => matching(book, subjectOf(book, action)).includes(rule as Rule));
  const allowed = (action: Action) => isAllowed(book, action);
  const permits = (action: Action) => judge(book, subjectOf(book, action)).allows.length;
  if (code === "never-applies") return met.length === 0;
  if (code === "dead-allow" || code === "idle-require") return !met.some(allowed);
  if (code === "redundant-allow") return met.filter(allowed).every((action) => permits(action) > 1);
  return code !== "idle-deny" || !met.some((action) => permits(action) > 0);
}

test("nothing in the universe contradicts what is found about a rule", () => {
  const found = new Set<string>();
  const property = fc.property(books, universes, (book, universe) => {
    const actions = universe.filter((action) => isEnrolled(book, action));
    for (const finding of findingsOf(book)) {
      found.add(finding.code);
      assert.ok(agrees(book, finding, actions), JSON.stringify(finding.at));
    }
  });
  fc.assert(property, { numRuns: 80 });
  for (const code of ["never-applies", "dead-allow", "redundant-allow", "idle-deny", "idle-require"])
    assert.ok(found.has(code), code);
});

/** What is found in the sample with other rules, or other parts, as `code at`. */
function found(change: Partial<Rulebook>): readonly string[] {
  return findingsOf(openBook(sampleRulebook(change))).map(({ code, at }) => `${code} ${at}`);
}
function words(change: Partial<Rulebook>, code: Finding["code"]): readonly string[] {
  return findingsOf(openBook(sampleRulebook(change))).flatMap((one) => (one.code === code ? [one.what] : []));
}
const QUIET = [
  "idle-deny rules.deny",
  "no-allow kinds.call",
  "no-allow kinds.cancel",
  "no-allow kinds.wallet",
  "no-allow kinds.entry",
  "no-allow kinds.retire",
  "no-limit assets.ether",
];

test("the sample's oddities: what nobody may do, and an asset without a limit", () => {
  assert.deepEqual(
    found({}),
    QUIET.filter((line) => !line.startsWith("idle")),
  );
});

test("a rule that never applies is told why", () => {
  const rule = (conditions: Partial<Rule>) => ({ ...ALLOW, id: "odd", ...conditions }) as Rule;
  const why = (conditions: Partial<Rule>) => words({ rules: [ALLOW, REQUIRE, rule(conditions)] }, "never-applies");
  assert.deepEqual(why({ kinds: ["cancel"], assets: ["usdx"] }), ["never applies: no action is cancel and usdx"]);
  assert.deepEqual(why({ chains: [1], assets: ["usdx"] }), ["never applies: its assets, chains and amounts leave nothing"]);
  assert.deepEqual(why({ initiators: ["traders"], persons: ["olga"] }), [
    "never applies: none of its persons is in one of its groups",
  ]);
  assert.deepEqual(why({ kinds: ["wallet"], destinations: ["shop"], wallets: ["hall"] }), [
    "never applies: no action is wallet and to shop",
  ]);
  assert.deepEqual(why({ kinds: ["pay"], classes: ["one-time"], destinations: ["shop"] }), [
    "never applies: no action is to class one-time and to shop",
  ]);
  assert.deepEqual(why({ assets: ["eth"], amountTo: 0n }), ["never applies: no action is pay and up to 0 eth"]);
});

test("an allow that is denied as a whole is dead, and says by what", () => {
  const deny: Rule = { ...DENY, id: "no-traders", classes: "any", initiators: ["traders"] };
  assert.deepEqual(words({ rules: [ALLOW, deny] }, "dead-allow"), ["everything that it allows is denied by no-traders"]);
  const partly: Rule = { ...deny, kinds: ["pay"], assets: ["eth"] };
  assert.deepEqual(words({ rules: [ALLOW, partly] }, "dead-allow"), []);
});

test("an allow is dead, too, where a value is asked for that nobody states", () => {
  const valued: Rule = { ...REQUIRE, id: "valued", valueFrom: 0n };
  const allow: Rule = { ...ALLOW, valueTo: 5n };
  const never: Rule = { ...REQUIRE, id: "never", kinds: ["cancel"], valueFrom: 1n };
  assert.ok(found({ rules: [allow, valued, never] }).includes("never-applies rules.never"));
});

test("quorums that the initiator's own absence leaves unfilled are out of reach", () => {
  const group = { type: "group", group: "traders", count: 2 } as const;
  const [finding] = findingsOf(openBook(sampleRulebook({ rules: [ALLOW, { ...REQUIRE, quorum: group }] })));
  assert.equal(finding?.code, "out-of-reach");
  assert.equal(finding?.what, "allowed, and never to be carried out: it takes 2 of traders, initiator excluded");
  assert.equal(finding?.scope?.parts[0]?.words, "pay; by tom, tina");
  const counted = { ...REQUIRE, quorum: group, initiatorCounts: true };
  assert.deepEqual(
    found({ rules: [ALLOW, counted] }),
    QUIET.filter((line) => !line.startsWith("idle")),
  );
});

test("facts that an action cannot have, and the age of no entry, are out of reach", () => {
  const facts = [{ type: "screening", sources: ["screener"], atLeast: 1, maxAgeMs: 1 }] as const;
  const wallets: Rule = { ...ALLOW, id: "open", kinds: ["wallet"] };
  assert.ok(found({ rules: [ALLOW, wallets, { ...REQUIRE, facts }] }).includes("out-of-reach rules.require"));
  const code = [{ ...facts[0], type: "code" as const }];
  const natively = findingsOf(openBook(sampleRulebook({ rules: [ALLOW, { ...REQUIRE, facts: code }] })));
  assert.equal(natively[0]?.scope?.parts[0]?.words, "pay; eth, ether; by tom, tina");
  for (const type of ["price", "travel-rule", "nonce", "simulation", "clock"] as const) {
    const lines = found({ rules: [ALLOW, wallets, { ...REQUIRE, facts: [{ ...facts[0], type }] }] });
    assert.equal(lines.includes("out-of-reach rules.require"), !["simulation", "clock"].includes(type), type);
  }
  const aged = findingsOf(openBook(sampleRulebook({ rules: [ALLOW, { ...REQUIRE, entryAgeMs: 1000 }] })));
  assert.equal(aged[0]?.level, "note");
  assert.equal(aged[0]?.what, "allowed, and never to be carried out: it takes destination in the book for 1 s");
});

test("what one person can do alone is shown with an example, also as JSON", () => {
  const [finding] = findingsOf(openBook(sampleRulebook({ rules: [{ ...OPEN, id: "a", effect: "allow", kinds: ["entry"] }] })));
  assert.equal(finding?.code, "one-person");
  assert.match(
    finding?.scope?.parts[0]?.exampleWords ?? "",
    /^ada enters another-destination \(exchange\) on anvil into the address book$/,
  );
  const json = findingJson(finding as Finding) as { scope: { complete: boolean; parts: readonly { box: unknown }[] } };
  assert.deepEqual(json.scope.parts[0]?.box, { kind: [{ kind: "entry" }] });
  assert.equal(json.scope.complete, true);
});
