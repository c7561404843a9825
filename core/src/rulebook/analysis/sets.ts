/** What a rulebook says of all actions, as sets: which are real, permitted by an allow, refused by a deny, allowed in the end,
 *  and which demand binds where. The same meaning as `judge`, held against it by the tests, action by action. */
import type { Requirement, Rule } from "../../signed/rulebook.ts";
import { EVERYBODY } from "../../text/demand.ts";
import { type Book, hasValues } from "../book.ts";
import { OPEN } from "../open.ts";
import { type Asked, askedBy, type InTime, keyOf, strictnessOf, type Voters, votersOf } from "./demand.ts";
import { type Diagrams, NOTHING, type PointSet } from "./diagram.ts";
import {
  type Conditions,
  MOVING,
  openSpace,
  realActions,
  type Select,
  type Space,
  selectOf,
  setOf,
  type Test,
} from "./space.ts";

/** One demand, however many rules make it, and where it counts: of demands in time only where no stricter one does. `by`: where
 *  in the rulebook. */
export type Demand = {
  readonly key: string;
  readonly asked: Asked;
  readonly by: readonly string[];
  readonly set: PointSet;
};

/** A rule, or what governance demands as if it were one, with all points for which its conditions hold, real or not. */
export type RuleSet = { readonly rule: Rule; readonly by: string; readonly box: PointSet };

/** A rulebook as sets of one space. */
export type Sets = {
  readonly space: Space;
  readonly book: Voters;
  /** All actions that can come before its rules. */
  readonly real: PointSet;
  readonly rules: readonly RuleSet[];
  readonly permits: PointSet;
  /** Denied, or waiting for a value that nobody states. */
  readonly refuses: PointSet;
  /** Real, permitted, not refused; what it demands may still be out of reach. */
  readonly allowed: PointSet;
  readonly demands: readonly Demand[];
};

/** The sets of one or two books, in one space that also tells apart what `questions` ask. */
export function openSets(books: readonly Book[], questions: readonly Conditions[] = []): readonly Sets[] {
  const sides = books.map(sideOf);
  const conditions = [...sides.flatMap(({ rulings }) => rulings.map(({ rule }) => rule)), ...questions];
  const selects = sides.flatMap(({ book, rulings }) => [
    ...rulings.flatMap(({ select, waiting }) => [select, ...(waiting === undefined ? [] : [waiting])]),
    ...questions.map((question) => selectOf(question, book)),
  ]);
  const space = openSpace({ books, conditions }, selects);
  return sides.map((side) => setsOf(space, side));
}

/** A rule, or what governance demands as if it were one. `waiting`: what it stops until somebody states the value. */
type Ruling = {
  readonly rule: Rule;
  readonly by: string;
  readonly select: Select;
  readonly waiting: Select | undefined;
};
type Side = { readonly book: Voters; readonly rulings: readonly Ruling[] };

function sideOf(plain: Book): Side {
  const book = votersOf(plain);
  const { rules, governance } = book.document;
  const ruling = (rule: Rule, by: string): Ruling => {
    const select = selectOf(rule, book);
    return { rule, by, select, waiting: rule.effect !== "allow" && hasValues(rule) ? unvalued(select) : undefined };
  };
  return {
    book,
    rulings: [
      ...rules.map((rule) => ruling(rule, `rules.${rule.id}`)),
      ...minimumsOf(governance).map((rule) => ruling(rule, `governance.minimums.${rule.id}`)),
    ],
  };
}

function unvalued(select: Select): Select {
  return {
    ...select,
    kind: (value) => isMoving(value) && select.kind?.(value) !== false,
    value: ({ role }) => role === "none",
  };
}

const isMoving: Test = ({ part }) => MOVING.some((kind) => kind === part.kind);

/** What governance takes of a payment or call whatever the rules say, as requirements. */
function minimumsOf({ minimums }: Book["document"]["governance"]): readonly Requirement[] {
  return minimums.map(({ class: walletClass, persons: count }) => ({
    ...OPEN,
    effect: "require",
    id: walletClass,
    kinds: MOVING,
    walletClasses: [walletClass],
    quorum: { type: "group", group: EVERYBODY, count },
    initiatorCounts: false,
    servedCounts: false,
    distinctGroups: 0,
    facts: [],
    delayMs: 0,
    entryAgeMs: 0,
  }));
}

function setsOf(space: Space, { book, rulings }: Side): Sets {
  const { diagrams } = space;
  const real = diagrams.union(realActions(book).map((select) => setOf(space, select)));
  const rules = rulings.map(({ rule, by, select }) => ({ rule, by, box: setOf(space, select) }));
  const of = (effect: Rule["effect"]) =>
    diagrams.union(rules.flatMap(({ rule, box }) => (rule.effect === effect ? [box] : [])));
  const waiting = rulings.flatMap((ruling) => (ruling.waiting === undefined ? [] : [setOf(space, ruling.waiting)]));
  const permits = diagrams.and(of("allow"), real);
  const refuses = diagrams.and(diagrams.or(of("deny"), diagrams.union(waiting)), real);
  const demands = demandsOf({ space, book, real }, rules);
  return { space, book, real, rules, permits, refuses, allowed: diagrams.minus(permits, refuses), demands };
}

type Bound = { readonly key: string; readonly asked: Asked; readonly by: string; readonly box: PointSet };

/** What is demanded of real actions, the same demand of several rules as one. */
function demandsOf({ space, book, real }: Pick<Sets, "space" | "book" | "real">, rules: readonly RuleSet[]): readonly Demand[] {
  const { diagrams } = space;
  const moving = setOf(space, { kind: isMoving });
  const bound = rules.flatMap(({ rule, by, box }): readonly Bound[] =>
    rule.effect === "require" ? askedBy(rule).map((asked) => ({ key: keyOf(book, asked), asked, by, box })) : [],
  );
  const demands = [...Map.groupBy(bound, ({ key }) => key)].map(([key, group]) => {
    const { asked } = group[0] as Bound;
    // The age of an address-book entry is asked of what moves an amount.
    const where = asked.aspect === "age" ? diagrams.and(real, moving) : real;
    const set = diagrams.and(diagrams.union(group.map(({ box }) => box)), where);
    return { key, asked, by: group.map(({ by }) => by), set };
  });
  return ["delay", "life", "age"].reduce((all: readonly Demand[], aspect) => strictestOnly(diagrams, aspect, all), demands);
}

/** Each demand of an aspect without what a stricter one is asked of. */
function strictestOnly(diagrams: Diagrams, aspect: string, demands: readonly Demand[]): readonly Demand[] {
  const rank = ({ asked }: Demand) => strictnessOf(asked as InTime);
  const mine = demands.filter(({ asked }) => asked.aspect === aspect).toSorted((a, b) => rank(b) - rank(a));
  let stricter: PointSet = NOTHING;
  const parted = mine.map((demand) => {
    const set = diagrams.minus(demand.set, stricter);
    stricter = diagrams.or(stricter, demand.set);
    return { ...demand, set };
  });
  return [...demands.filter(({ asked }) => asked.aspect !== aspect), ...parted];
}

/** The demands that some action of the set meets. */
export function demandsOn({ space, demands }: Sets, set: PointSet): readonly Demand[] {
  return demands.filter((demand) => space.diagrams.meets(demand.set, set));
}
