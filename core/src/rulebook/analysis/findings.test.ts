import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ALLOW, DENY, REQUIRE, sampleRulebook } from "../../../test/sample.ts";
import { books, isAllowed, isApproved, isEnrolled, isInReach, isInScope, universes, wholes } from "../../../test/universe.ts";
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

/** An action of a universe, and what the judgement says of it. `isOver`: whether some limit never lets it through. */
type Seen = {
  readonly action: Action;
  readonly met: readonly Rule[];
  readonly permits: number;
  readonly isAllowed: boolean;
  readonly isOver: boolean;
};

function seenOf(book: Book, action: Action): Seen {
  const subject = subjectOf(book, action);
  const { kind, asset, amount = 0n, value = 0n } = action;
  const stops = ({ measure, assets, most }: Rulebook["limits"][number]) => {
    if (assets !== "any" && !assets.includes(asset as string)) return false;
    return measure === "count" ? most === 0n : (measure === "amount" ? amount : value) > most;
  };
  return {
    action,
    met: matching(book, subject),
    permits: judge(book, subject).allows.length,
    isAllowed: isAllowed(book, action),
    isOver: ["pay", "call"].includes(kind) && book.document.limits.some(stops),
  };
}

/** What there is to find about a rule. `met`: the actions that it is about. */
function expectedOf({ effect }: Rule, met: readonly Seen[]): readonly Finding["code"][] {
  if (met.length === 0) return ["never-applies"];
  if (effect === "deny") return met.some(({ permits }) => permits > 0) ? [] : ["idle-deny"];
  const allowed = met.filter((one) => one.isAllowed);
  if (allowed.length === 0) return [effect === "allow" ? "dead-allow" : "idle-require"];
  return [
    ...(allowed.every(({ isOver }) => isOver) ? (["over-limit"] as const) : []),
    ...(effect === "allow" && allowed.every(({ permits }) => permits > 1) ? (["redundant-allow"] as const) : []),
  ];
}

/** What nothing is allowed of, and what is moved without a limit on how much. */
function gapsOf({ document: { assets, limits } }: Book, allowed: readonly Action[]): readonly string[] {
  const paid = allowed.filter(({ kind }) => kind === "pay");
  const moved = allowed.filter(({ kind, amount = 0n }) => ["pay", "call"].includes(kind) && amount > 0n);
  const bounds = limits.filter(({ measure }) => measure === "amount" || measure === "value");
  const isOpen = (id: string) => !bounds.some((limit) => limit.assets === "any" || limit.assets.includes(id));
  const missing = <T>(where: string, names: readonly T[], isThere: (name: T) => boolean) =>
    names.filter((name) => !isThere(name)).map((name) => `no-allow ${where}.${name}`);
  const ids = assets.map(({ id }) => id);
  return [
    ...missing("kinds", ["pay", "call", "cancel", "wallet", "entry", "retire"], (name) =>
      allowed.some((one) => one.kind === name),
    ),
    ...missing("assets", ids, (id) => paid.some(({ asset }) => asset === id)),
    ...missing("walletClasses", ["hot", "warm", "cold"], (name) => paid.some(({ walletClass }) => walletClass === name)),
    ...ids.filter((id) => isOpen(id) && moved.some(({ asset }) => asset === id)).map((id) => `no-limit assets.${id}`),
  ];
}

test("of every rule, kind, asset and class of wallets exactly that is found which the judgement of every action shows", () => {
  const codes = new Set<string>();
  const property = fc.property(wholes, ({ book, universe }) => {
    const seen = universe.map((action) => seenOf(book, action));
    const rules = book.document.rules.flatMap((rule) => {
      const met = seen.filter((one) => one.met.includes(rule));
      return expectedOf(rule, met).map((code) => `${code} rules.${rule.id}`);
    });
    const allowed = seen.filter((one) => one.isAllowed).map(({ action }) => action);
    const expected = [...rules, ...gapsOf(book, allowed)];
    const told = findingsOf(book).filter(({ code }) => code !== "one-person" && code !== "out-of-reach");
    assert.deepEqual(told.map(({ code, at }) => `${code} ${at}`).sort(), expected.toSorted());
    for (const { code } of told) codes.add(code);
  });
  fc.assert(property, { numRuns: 200 });
  assert.equal(codes.size, 8, [...codes].join());
});

/** What is found in the sample with other rules, or other parts, as `code at`. */
function found(change: Partial<Rulebook>): readonly string[] {
  return findingsOf(openBook(sampleRulebook(change))).map(({ code, at }) => `${code} ${at}`);
}
function words(change: Partial<Rulebook>, code: Finding["code"]): readonly string[] {
  return findingsOf(openBook(sampleRulebook(change))).flatMap((one) => (one.code === code ? [one.what] : []));
}
/** The sample's limit of eth. */
const [DAILY] = sampleRulebook().limits as readonly [Rulebook["limits"][number]];
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

test("an allow is redundant when others allow what of it is not denied", () => {
  const wide: Rule = { ...ALLOW, id: "wide", classes: ["exchange", "contract"] };
  const narrow: Rule = { ...ALLOW, id: "narrow", classes: ["exchange"] };
  const redundant = (rules: readonly Rule[]) => found({ rules }).filter((line) => line.startsWith("redundant"));
  assert.deepEqual(redundant([wide, narrow, DENY]), ["redundant-allow rules.wide", "redundant-allow rules.narrow"]);
  assert.deepEqual(redundant([wide, narrow]), ["redundant-allow rules.narrow"]);
});

test("a rule about nothing but what a limit never lets through is over that limit", () => {
  const large: Rule = { ...ALLOW, id: "large", assets: ["eth"], amountFrom: 1001n };
  const eyes: Rule = { ...REQUIRE, id: "eyes", assets: ["usdx"], amountFrom: 5001n };
  assert.deepEqual(words({ rules: [ALLOW, large, eyes] }, "over-limit"), [
    "all that it allows is by itself more than a limit lets through: day",
    "all allowed that it binds is by itself more than a limit lets through: week",
  ]);
  const least = [
    { ...large, amountFrom: 1000n },
    { ...eyes, amountFrom: 5000n },
  ];
  assert.deepEqual(words({ rules: [ALLOW, ...least] }, "over-limit"), []);
  const over = (rule: Rule, limit: Pick<Rulebook["limits"][number], "measure" | "most">) =>
    words({ rules: [rule], limits: [{ ...DAILY, ...limit, assets: "any" }] }, "over-limit").length;
  assert.equal(over({ ...ALLOW, valueFrom: 11n }, { measure: "value", most: 10n }), 1);
  assert.equal(over({ ...ALLOW, valueFrom: 10n }, { measure: "value", most: 10n }), 0);
  assert.equal(over(ALLOW, { measure: "count", most: 0n }), 1);
  assert.equal(over(ALLOW, { measure: "count", most: 1n }), 0);
});

test("an asset is without a limit when it can be moved, and only its payments are counted or nothing is", () => {
  const call: Rule = { ...ALLOW, kinds: ["call"], chains: [31337] };
  const open = (rule: Rule, limits: Rulebook["limits"]) =>
    found({ rules: [rule], limits }).filter((line) => line.startsWith("no-limit"));
  assert.deepEqual(open(call, []), ["no-limit assets.eth"]);
  assert.deepEqual(open(call, [{ ...DAILY, measure: "count" }]), ["no-limit assets.eth"]);
  assert.deepEqual(open(call, [DAILY]), []);
  assert.deepEqual(open({ ...call, assets: ["eth"], amountTo: 0n }, []), []);
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
