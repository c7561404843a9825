/** What is odd in one rulebook: rules that never apply or change nothing, what nobody can approve and what limits never let
 *  through, what one person can do alone, what no rule allows and no limit bounds. It advises; nothing is refused by it. */

import type { Json } from "../../signed/codec.ts";
import type { Rule, Rulebook } from "../../signed/rulebook.ts";
import type { Book } from "../book.ts";
import { OPEN } from "../open.ts";
import { type Asked, canBeMet, isMetBy, wordsOf } from "./demand.ts";
import { type Diagrams, NOTHING, type PointSet } from "./diagram.ts";
import { type Demand, openSets, type RuleSet, type Sets } from "./sets.ts";
import {
  type Action,
  type Atom,
  axisOf,
  boxOf,
  type Conditions,
  type DimensionName,
  firstOf,
  KINDS,
  MOVING,
  selectOf,
  setOf,
  statableFor,
  type Test,
  WALLET_CLASSES,
} from "./space.ts";
import { conditionWords, type Scope, scopeJson, scopeOf } from "./words.ts";

/** `code`: what kind of finding it is. A warning should be looked at; a note may be meant. */
export type Finding = {
  readonly level: "warning" | "note";
  readonly code:
    | "never-applies"
    | "dead-allow"
    | "redundant-allow"
    | "idle-deny"
    | "idle-require"
    | "over-limit"
    | "out-of-reach"
    | "one-person"
    | "no-allow"
    | "no-limit";
  readonly at: string;
  readonly what: string;
  readonly scope?: Scope;
};

/** Everything that is odd in a book that `checkRulebook` accepts. Fails: TOO_LARGE for rules that are too entangled. */
export function findingsOf(book: Book): readonly Finding[] {
  const ceilings = book.document.limits.flatMap(ceilingOf);
  const questions = ceilings.map(({ above }) => above);
  const [sets] = openSets([book], questions) as readonly [Sets];
  const own = sets.rules.filter(({ by }) => by.startsWith("rules."));
  const rules = own.map((one) => ({ ...one, set: sets.space.diagrams.and(one.box, sets.real) }));
  const over = ceilings.map(({ id, above }) => ({ id, set: setOf(sets.space, selectOf(above, book)) }));
  return [
    ...rules.flatMap((one) => ruleFindings(sets, one, rules)),
    ...overLimits(sets, rules, over),
    ...redundantAllows(sets, rules),
    ...sets.demands.flatMap((demand) => unreachable(sets, demand)),
    ...onePerson(sets),
    ...gaps(sets),
  ];
}

export function findingJson({ scope, ...finding }: Finding): Json {
  return { ...finding, ...(scope !== undefined && { scope: scopeJson(scope) }) };
}

/** A rule with the real actions that it is about. */
type Applied = RuleSet & { readonly set: PointSet };

function ruleFindings(sets: Sets, { rule, by: at, set }: Applied, rules: readonly Applied[]): readonly Finding[] {
  const { diagrams } = sets.space;
  if (set === NOTHING)
    return [{ level: "warning", code: "never-applies", at, what: `never applies: ${conflictOf(sets, rule)}` }];
  if (rule.effect === "allow") {
    if (!diagrams.isWithin(set, sets.refuses)) return [];
    const denies = rules.filter((other) => other.rule.effect === "deny" && diagrams.meets(other.set, set));
    const by = denies.map((deny) => deny.rule.id).join(", ");
    return [{ level: "warning", code: "dead-allow", at, what: `everything that it allows is denied by ${by}` }];
  }
  if (rule.effect === "deny") {
    const what = "denies nothing that a rule allows; it guards against allows that come later";
    return !diagrams.meets(set, sets.permits) ? [{ level: "note", code: "idle-deny", at, what }] : [];
  }
  const what = "binds nothing that is allowed";
  return !diagrams.meets(set, sets.allowed) ? [{ level: "warning", code: "idle-require", at, what }] : [];
}

type Limit = Rulebook["limits"][number];

/** What alone is more than a limit lets through, whatever was paid before. A limit of payments stops one only when it is 0. */
function ceilingOf({ id, measure, assets, most }: Limit): readonly { readonly id: string; readonly above: Conditions }[] {
  const moved = { ...OPEN, effect: "require", kinds: MOVING, assets } as const;
  if (measure === "amount") return [{ id, above: { ...moved, amountFrom: most + 1n } }];
  if (measure === "value") return [{ id, above: { ...moved, valueFrom: most + 1n } }];
  return most === 0n ? [{ id, above: moved }] : [];
}

/** Rules that allow something, or bind something allowed, of which all is over some limit. Nothing allowed is denied. */
function overLimits(
  { space: { diagrams }, allowed }: Sets,
  rules: readonly Applied[],
  over: readonly Over[],
): readonly Finding[] {
  const within = diagrams.minus(allowed, diagrams.union(over.map(({ set }) => set)));
  const mine = rules.filter(({ set }) => diagrams.meets(set, allowed) && !diagrams.meets(set, within));
  return mine.map(({ rule, by: at, set }) => {
    const bound = diagrams.and(set, allowed);
    const limits = over.filter((one) => diagrams.meets(one.set, bound)).map(({ id }) => id);
    const all = rule.effect === "allow" ? "all that it allows" : "all allowed that it binds";
    const what = `${all} is by itself more than a limit lets through: ${limits.join(", ")}`;
    return { level: "warning", code: "over-limit", at, what };
  });
}

type Over = { readonly id: string; readonly set: PointSet };

/** Which of the conditions of a rule that never applies exclude each other: those of which none can be left out. */
function conflictOf({ space, book, real }: Sets, rule: Rule): string {
  const select = selectOf(rule, book);
  const names = space.axes.flatMap(({ name }) => (select[name] === undefined ? [] : [name]));
  let left: readonly DimensionName[] = names;
  for (const name of names) {
    const fewer = left.filter((other) => other !== name);
    const only = Object.fromEntries(fewer.map((other) => [other, select[other] as Test]));
    if (!space.diagrams.meets(setOf(space, only), real)) left = fewer;
  }
  return conditionWords(
    space,
    book,
    left.map((name) => ({ name, test: select[name] as Test })),
  );
}

/** An allow is redundant when whatever it allows that is not refused is allowed by another rule too. */
function redundantAllows({ space: { diagrams }, refuses }: Sets, rules: readonly Applied[]): readonly Finding[] {
  const allows = rules.filter(({ rule, set }) => rule.effect === "allow" && !diagrams.isWithin(set, refuses));
  const { twice } = coveredBy(
    diagrams,
    allows.map(({ set }) => set),
  );
  const redundant = allows.filter(({ set }) => diagrams.isWithin(diagrams.minus(set, refuses), twice));
  return redundant.map(({ by: at }) => {
    const what = "other rules allow all of it too: alone it could be left out";
    return { level: "note", code: "redundant-allow", at, what };
  });
}

/** What lies in one of the sets, and what in two of them. */
function coveredBy(diagrams: Diagrams, sets: readonly PointSet[]): { readonly once: PointSet; readonly twice: PointSet } {
  if (sets.length <= 1) return { once: sets[0] ?? NOTHING, twice: NOTHING };
  const half = sets.length >> 1;
  const [left, right] = [coveredBy(diagrams, sets.slice(0, half)), coveredBy(diagrams, sets.slice(half))];
  const both = diagrams.and(left.once, right.once);
  return { once: diagrams.or(left.once, right.once), twice: diagrams.union([left.twice, right.twice, both]) };
}

/** What is allowed and takes what cannot be had: more approvals than there are, because the initiator's own does not count or
 *  keys of a group do not; facts on something that the action has not; the age of an entry for an address outside the book. */
function unreachable(sets: Sets, { asked, by, set }: Demand): readonly Finding[] {
  const { diagrams } = sets.space;
  const bound = diagrams.and(sets.allowed, set);
  const beyond = diagrams.and(bound, beyondOf(sets, asked, bound));
  if (beyond === NOTHING) return [];
  const what = `allowed, and never to be carried out: it takes ${wordsOf(asked)}`;
  // To ask for an age is also a way to say that destinations must be in the address book.
  const level = asked.aspect === "age" ? "note" : "warning";
  return [{ level, code: "out-of-reach", at: by.join(", "), what, scope: scopeOf(sets, beyond) }];
}

/** Where what is asked cannot be had, among the actions of which it is asked. */
function beyondOf(sets: Sets, asked: Asked, bound: PointSet): PointSet {
  const { space, book } = sets;
  switch (asked.aspect) {
    case "approvals":
      return byInitiators(sets, bound, (person) => !canBeMet(book, asked.rule, person));
    case "facts":
      return space.diagrams.minus(
        bound,
        space.diagrams.union(statableFor(book, asked.need.type).map((select) => setOf(space, select))),
      );
    case "age":
      return setOf(space, { destination: ({ role }) => role === "none" });
    default:
      return NOTHING;
  }
}

/** All actions of those initiators of a set for whom `holds`. */
function byInitiators({ space }: Sets, set: PointSet, holds: (person: string) => boolean): PointSet {
  const { level, atoms } = axisOf(space, "initiator");
  const chosen = space.diagrams
    .values(set, level)
    .map((bit, at) => (bit === 1 && holds(firstOf(atoms[at] as Atom).part.initiator as string) ? 1 : 0));
  return space.diagrams.box(boxOf(space, {}).with(level, chosen));
}

function onePerson(sets: Sets): readonly Finding[] {
  const { space, book, allowed, demands } = sets;
  let alone = allowed;
  for (const { asked, set } of demands) {
    if (asked.aspect !== "approvals") continue;
    const bound = space.diagrams.and(alone, set);
    const needs = byInitiators(sets, bound, (person) => !isMetBy(book, asked.rule, person, [person]));
    alone = space.diagrams.minus(alone, space.diagrams.and(bound, needs));
  }
  if (alone === NOTHING) return [];
  const what = "one person alone can do this: nobody else has to approve";
  return [{ level: "warning", code: "one-person", at: "rules", what, scope: scopeOf(sets, alone) }];
}

/** Kinds, assets and classes of wallets that no rule allows anything for, and assets that are moved without a limit. */
function gaps({ space, book, allowed }: Sets): readonly Finding[] {
  const { diagrams } = space;
  const { assets, limits } = book.document;
  const found = (kinds: readonly Action["kind"][], name: DimensionName) => {
    const set = diagrams.and(allowed, setOf(space, { kind: ({ part }) => kinds.some((kind) => kind === part.kind) }));
    const { level, atoms } = axisOf(space, name);
    const bits = diagrams.values(set, level);
    return atoms.flatMap((atom, at) => (bits[at] === 1 ? atom : []));
  };
  const kinds = new Set(found(KINDS, "kind").map(({ part }) => part.kind));
  const paid = new Set(found(["pay"], "money").map(({ part }) => part.asset));
  const classes = new Set(found(["pay"], "walletClass").map(({ part }) => part.walletClass));
  const moved = new Set(found(MOVING, "money").flatMap(({ part, to }) => (to === 0n ? [] : [part.asset])));
  const isBounded = (id: string) =>
    limits.some((limit) => limit.measure !== "count" && (limit.assets === "any" || limit.assets.includes(id)));
  const none = (at: string, what: string): Finding => ({ level: "note", code: "no-allow", at, what });
  return [
    ...KINDS.filter((kind) => !kinds.has(kind)).map((kind) => none(`kinds.${kind}`, `no rule allows any ${kind}`)),
    ...assets.filter(({ id }) => !paid.has(id)).map(({ id }) => none(`assets.${id}`, "no rule allows that it is paid")),
    ...WALLET_CLASSES.filter((name) => !classes.has(name)).map((name) =>
      none(`walletClasses.${name}`, "no rule allows a payment from such a wallet"),
    ),
    ...assets
      .filter(({ id }) => moved.has(id) && !isBounded(id))
      .map(({ id }): Finding => {
        return { level: "warning", code: "no-limit", at: `assets.${id}`, what: "can be moved, and no limit bounds how much" };
      }),
  ];
}
