/** A draft against the rulebook in force: which actions are newly allowed and newly refused, where the demands on what stays
 *  allowed become weaker or stronger, and what else differs. Exact, and each with an example. It advises those who sign;
 *  whether a change waits is decided by `change.ts`, which knows nothing of this. */

import type { Json } from "../../signed/codec.ts";
import { Rulebook } from "../../signed/rulebook.ts";
import { demandWords } from "../../text/demand.ts";
import type { Book } from "../book.ts";
import { judge } from "../judge.ts";
import {
  type Aspect,
  type Change,
  compareApprovals,
  type InTime,
  implies,
  type Quorate,
  strictnessOf,
  votersIn,
  wordsOf,
} from "./demand.ts";
import { NOTHING, type PointSet } from "./diagram.ts";
import { type Demand, openSets, type Sets } from "./sets.ts";
import { type Action, axisOf, boxOf, firstOf, subjectOf } from "./space.ts";
import { MAX_BOXES, type Part, partJson, type Scope, scopeJson, scopeOf } from "./words.ts";

/** A part of what is newly allowed or refused. `before` and `after`: what each book says of its example. */
export type Moved = Part & { readonly before: string; readonly after: string };

/** Actions that stay allowed and for which another demand binds. `before` and `after`: what only one of the books demands. */
export type Redemand = Omit<Change, "verdict"> & {
  readonly aspect: Aspect;
  readonly verdict: "weaker" | "stronger" | "differs";
  readonly scope: Scope;
  readonly before: readonly string[];
  readonly after: readonly string[];
};

/** Something else that differs: `weaker` and `stronger` only where that is certain. */
export type Other = {
  readonly at: string;
  readonly before?: Json;
  readonly after?: Json;
  readonly verdict?: "weaker" | "stronger";
};

export type Difference = {
  readonly allowed: { readonly parts: readonly Moved[]; readonly complete: boolean };
  readonly refused: { readonly parts: readonly Moved[]; readonly complete: boolean };
  readonly demands: readonly Redemand[];
  readonly others: readonly Other[];
};

/** Most combinations of quorums that are told apart. */
export const MAX_DEMANDS = 400;
/** How much is told. `boxes`: of what is newly allowed or refused; `parts`: of where one demand changes. */
export type Most = { readonly boxes?: number; readonly parts?: number; readonly demands?: number };

/** What `after` changes of `before`; both pass `checkRulebook`. Fails: TOO_LARGE for rules that are too entangled. */
export function differenceOf(
  before: Book,
  after: Book,
  { boxes = MAX_BOXES, parts = 20, demands = MAX_DEMANDS }: Most = {},
): Difference {
  const [old, now] = openSets([before, after]) as readonly [Sets, Sets];
  const { diagrams } = old.space;
  return {
    allowed: moved(old, now, now, diagrams.minus(now.allowed, old.allowed), boxes),
    refused: moved(old, now, old, diagrams.minus(old.allowed, now.allowed), boxes),
    demands: redemands(old, now, { parts, demands }),
    others: othersOf(before.document, after.document),
  };
}

function moved(old: Sets, now: Sets, named: Sets, set: PointSet, most: number): Difference["allowed"] {
  const { parts, complete } = scopeOf(named, set, most);
  const told = parts.map((part) => ({ ...part, before: verdictOn(old, part.example), after: verdictOn(now, part.example) }));
  return { parts: told, complete };
}

/** What a book says of an action, in words. */
function verdictOn({ book }: Sets, action: Action): string {
  const missing = missingIn(book, action);
  if (missing !== undefined) return missing;
  const { denies, allows, requirements, unvalued } = judge(book, subjectOf(book, action));
  if (denies.length > 0) return `denied by ${denies.join(", ")}`;
  if (unvalued !== undefined) return `refused: ${unvalued} waits for its value`;
  if (allows.length === 0) return "no rule allows it";
  const demands = requirements.map((rule) => `${demandWords(rule)} (${rule.id})`);
  return `allowed by ${allows.join(", ")}; takes ${demands.join("; ") || "nobody's approval"}`;
}

function missingIn(book: Book, { initiator, asset, chain }: Action): string | undefined {
  const { persons } = book.document;
  if (!persons.some((person) => person.id === initiator)) return `${initiator} is not enrolled`;
  if (asset !== undefined && book.assets.get(asset)?.chain !== chain) return `asset ${asset} is not defined on this chain`;
  return book.chains.has(chain as number) ? undefined : `chain ${chain} is not defined`;
}

/** Where an action that stays allowed meets another demand: in time, of facts, of approvals. */
function redemands(old: Sets, now: Sets, { parts, demands }: Required<Omit<Most, "boxes">>): readonly Redemand[] {
  const both = old.space.diagrams.and(old.allowed, now.allowed);
  const moves = [
    ...approvalMoves(old, now, both, demands),
    ...factMoves(old, now, both),
    ...(["delay", "life", "age"] as const).flatMap((aspect) => timeMoves(old, now, both, aspect)),
  ];
  return moves.map(({ set, ...told }) => ({ ...told, scope: scopeOf(now, set, parts) }));
}

type Move = Omit<Redemand, "scope"> & { readonly set: PointSet };

const saying = ({ asked, by }: Demand) => `${wordsOf(asked)} (${by.join(", ")})`;

/** A demand in time that becomes another one, or comes or goes. */
function timeMoves(old: Sets, now: Sets, both: PointSet, aspect: InTime["aspect"]): readonly Move[] {
  const { diagrams } = old.space;
  const values = ({ demands }: Sets) => {
    const mine = demands.filter(({ asked }) => asked.aspect === aspect);
    const asked = mine.map((demand) => ({
      rank: strictnessOf(demand.asked as InTime),
      words: [saying(demand)],
      set: demand.set,
    }));
    const none = diagrams.minus(both, diagrams.union(mine.map(({ set }) => set)));
    return [...asked, { rank: Number.NEGATIVE_INFINITY, words: [], set: none }];
  };
  const after = values(now);
  return values(old).flatMap((was) =>
    after.flatMap((is): readonly Move[] => {
      const set = was.rank === is.rank ? NOTHING : diagrams.and(both, diagrams.and(was.set, is.set));
      const verdict = is.rank < was.rank ? "weaker" : "stronger";
      return set === NOTHING ? [] : [{ aspect, verdict, before: was.words, after: is.words, set }];
    }),
  );
}

/** Facts that are needed in one book and follow from no single need of the other. */
function factMoves(old: Sets, now: Sets, both: PointSet): readonly Move[] {
  const { diagrams } = old.space;
  const needs = ({ demands }: Sets) =>
    demands.flatMap((demand) => (demand.asked.aspect === "facts" ? [{ ...demand, need: demand.asked.need }] : []));
  const alone = (mine: Sets, others: Sets) =>
    needs(mine).flatMap((one) => {
      const implying = needs(others).filter((other) => implies(other.need, one.need));
      const set = diagrams.minus(diagrams.and(both, one.set), diagrams.union(implying.map((other) => other.set)));
      return set === NOTHING ? [] : [{ words: [saying(one)], set }];
    });
  return [
    ...alone(old, now).map(
      ({ words, set }) => ({ aspect: "facts", verdict: "weaker", before: words, after: [], set }) as const,
    ),
    ...alone(now, old).map(
      ({ words, set }) => ({ aspect: "facts", verdict: "stronger", before: [], after: words, set }) as const,
    ),
  ];
}

/** Approvals, case by case: where one is asked for in one of the books only, all that are asked for there are compared. */
function approvalMoves(old: Sets, now: Sets, both: PointSet, most: number): readonly Move[] {
  const { diagrams } = old.space;
  const [was, is] = [quorumsOf(old), quorumsOf(now)];
  const setIn = (list: readonly Quorum[], key: string) => list.find((one) => one.key === key)?.set ?? NOTHING;
  const changed = diagrams.union([
    ...was.map(({ key, set }) => diagrams.and(both, diagrams.minus(set, setIn(is, key)))),
    ...is.map(({ key, set }) => diagrams.and(both, diagrams.minus(set, setIn(was, key)))),
  ]);
  const binding = [...was.map((one) => ({ one, side: 0 })), ...is.map((one) => ({ one, side: 1 }))].filter(({ one }) =>
    diagrams.meets(one.set, changed),
  );
  const { cells, left } = diagrams.cells(
    changed,
    binding.map(({ one }) => one.set),
    most,
  );
  const found = new Map<string, Move>();
  const add = (move: Move) => {
    const { set, ...told } = move;
    const key = JSON.stringify(told);
    found.set(key, { ...told, set: diagrams.or(found.get(key)?.set ?? NOTHING, set) });
  };
  for (const { set, within } of cells) {
    const asked = (side: number) =>
      binding.flatMap(({ one, side: own }, at) => (own === side && within.includes(at) ? [one] : []));
    compareCell(old, now, set, { was: asked(0), is: asked(1) }).forEach(add);
  }
  if (left !== NOTHING) add({ aspect: "approvals", verdict: "differs", unknown: true, before: [], after: [], set: left });
  return [...found.values()];
}

type Quorum = Demand & { readonly rule: Quorate };

function quorumsOf({ demands }: Sets): readonly Quorum[] {
  return demands.flatMap((demand) => (demand.asked.aspect === "approvals" ? [{ ...demand, rule: demand.asked.rule }] : []));
}

/** The verdict on actions that meet the same demands, initiator by initiator, because his own approval may not count. */
function compareCell(
  old: Sets,
  now: Sets,
  set: PointSet,
  { was, is }: { readonly was: readonly Quorum[]; readonly is: readonly Quorum[] },
): readonly Move[] {
  const { space } = now;
  const { level, atoms } = axisOf(space, "initiator");
  const present = space.diagrams.values(set, level);
  const only = (demands: readonly Quorum[], others: readonly Quorum[]) =>
    demands.filter(({ key }) => !others.some((other) => other.key === key)).map(saying);
  const told = { aspect: "approvals", before: only(was, is), after: only(is, was) } as const;
  const [first, second] = [
    { book: old.book, rules: was.map(({ rule }) => rule) },
    { book: now.book, rules: is.map(({ rule }) => rule) },
  ];
  // Initiators who could not approve anyway are alike.
  const voters = new Set([first, second].flatMap(votersIn));
  const known = new Map<string, Change>();
  const compare = (initiator: string): Change => {
    const change = known.get(initiator) ?? compareApprovals(first, second, initiator);
    known.set(initiator, change);
    return change;
  };
  const verdicts = atoms.map((atom, at) => {
    const initiator = firstOf(atom).part.initiator as string;
    return present[at] === 1 ? compare(voters.has(initiator) ? initiator : "") : undefined;
  });
  return [...new Set(verdicts)].flatMap((change): readonly Move[] => {
    if (change === undefined || change.verdict === "same") return [];
    const { verdict, ...crowds } = change;
    const chosen = Uint8Array.from(verdicts, (other) => (other === change ? 1 : 0));
    const part = space.diagrams.and(set, space.diagrams.box(boxOf(space, {}).with(level, chosen)));
    return [{ ...told, ...crowds, verdict, set: part }];
  });
}

type Document = Book["document"];

/** Everything that differs beside rules, which are told above by what they do. */
function othersOf(before: Document, after: Document): readonly Other[] {
  const [old, now] = [itemsOf(before), itemsOf(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])];
  return names.flatMap((at) => {
    const [was, is] = [old.get(at), now.get(at)];
    if (JSON.stringify(was) === JSON.stringify(is)) return [];
    const verdict = verdictOf(at, was, is);
    return [
      {
        at,
        ...(was !== undefined && { before: was }),
        ...(is !== undefined && { after: is }),
        ...(verdict !== undefined && { verdict }),
      },
    ];
  });
}

/** What every rulebook has anew, and the rules. */
const PASSED_OVER = ["epoch", "base", "createdAt", "rules"];

function itemsOf(document: Document): ReadonlyMap<string, Json> {
  const items = new Map<string, Json>();
  for (const [section, value] of Object.entries(Rulebook.shape.toJson(document) as { readonly [section: string]: Json })) {
    if (PASSED_OVER.includes(section)) continue;
    if (Array.isArray(value))
      for (const item of value) items.set(`${section}.${(item as { readonly id: string | number }).id}`, item);
    else if (section === "governance")
      for (const [name, item] of Object.entries(value as object)) items.set(`governance.${name}`, item);
    else items.set(section, value);
  }
  return items;
}

/** For limits and for numbers of which more, or less, is stronger. */
function verdictOf(at: string, was: Json | undefined, is: Json | undefined): Other["verdict"] {
  if (at.startsWith("limits.")) {
    if (was === undefined) return "stronger";
    if (is === undefined) return "weaker";
    const [{ most: old, ...first }, { most: now, ...second }] = [was, is] as [{ most: string }, { most: string }];
    if (JSON.stringify(first) !== JSON.stringify(second)) return undefined;
    return BigInt(now) < BigInt(old) ? "stronger" : "weaker";
  }
  if (["governance.threshold", "governance.delayMs", "governance.unfreezeDelayMs"].includes(at))
    return (is as number) > (was as number) ? "stronger" : "weaker";
  if (at === "approvalLifeMs") return (is as number) < (was as number) ? "stronger" : "weaker";
  return undefined;
}

/** A difference as JSON. */
export function differenceJson({ allowed, refused, demands, others }: Difference): Json {
  const movedJson = ({ parts, complete }: Difference["allowed"]) => ({
    parts: parts.map((part) => ({ ...partJson(part), before: part.before, after: part.after })),
    complete,
  });
  return {
    allowed: movedJson(allowed),
    refused: movedJson(refused),
    demands: demands.map(({ scope, ...demand }) => ({ ...demand, scope: scopeJson(scope) })),
    others: others.map((other) => ({ ...other })),
  };
}
