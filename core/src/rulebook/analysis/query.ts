/** Who can do what: the actions that a question is about and a rulebook allows, by what they demand. */

import type { Json } from "../../signed/codec.ts";
import type { Book } from "../book.ts";
import { wordsOf } from "./demand.ts";
import { NOTHING } from "./diagram.ts";
import { demandsOn, openSets, type Sets } from "./sets.ts";
import { axisOf, type Conditions, selectOf, setOf } from "./space.ts";
import { type Scope, scopeJson, scopeOf } from "./words.ts";

/** What is asked about: conditions as a requirement has them. `outside`: only destinations that are not in the address book. */
export type Question = Conditions & { readonly effect: "require" } & { readonly outside?: boolean };

/** Actions with one demand. `takes`: what it is, each with the places in the rulebook that say so; nothing when nobody else has
 *  to do anything. `more`: these are the rest, with several demands. */
export type Answer = {
  readonly initiators: readonly string[];
  readonly takes: readonly string[];
  readonly more?: true;
  readonly scope: Scope;
};

/** Most answers. */
export const MAX_ANSWERS = 100;

/** Who can do what is asked. Empty when nobody can. Fails: TOO_LARGE for rules that are too entangled. */
export function answersTo(book: Book, { outside = false, ...question }: Question, most = MAX_ANSWERS): readonly Answer[] {
  const [sets] = openSets([book], [question]) as readonly [Sets];
  const { space, allowed } = sets;
  const { diagrams } = space;
  const asked = diagrams.and(setOf(space, selectOf(question, sets.book)), allowed);
  const where = outside ? diagrams.and(asked, setOf(space, { destination: ({ role }) => role === "none" })) : asked;
  const demands = demandsOn(sets, where);
  const { cells, left } = diagrams.cells(
    where,
    demands.map(({ set }) => set),
    most,
  );
  const { level, atoms } = axisOf(space, "initiator");
  const answer = (set: number, takes: readonly string[]): Answer => {
    const bits = diagrams.values(set, level);
    const initiators = atoms.flatMap((atom, at) => (bits[at] === 1 ? atom.map(({ part }) => part.initiator as string) : []));
    return { initiators, takes, scope: scopeOf(sets, set) };
  };
  const told = cells.map(({ set, within }) => {
    const bound = demands.filter((_, at) => within.includes(at));
    return answer(
      set,
      bound.map(({ asked, by }) => `${wordsOf(asked)} (${by.join(", ")})`),
    );
  });
  return left === NOTHING ? told : [...told, { ...answer(left, []), more: true }];
}

/** Answers as JSON. */
export function answersJson(answers: readonly Answer[]): Json {
  return answers.map(({ scope, ...answer }) => ({ ...answer, scope: scopeJson(scope) }));
}
