/** Breadth-first search over every order in which the letters of a world can happen, each point visited once. */
import type { Letter } from "./alphabet.ts";
import { Broken } from "./ghost.ts";
import { beginning, keyOf, type Mind, type Node, step } from "./node.ts";

/** `boots`: how often the vault may be killed in the middle of an input. `goals`: what must happen somewhere. `most`: how many
 *  points are visited of a world that is too large to be exhausted. */
export type World = {
  readonly name: string;
  readonly boots: number;
  readonly letters: readonly Letter[];
  readonly goals: readonly string[];
  readonly most?: number;
};

export type Found = {
  readonly states: number;
  readonly transitions: number;
  readonly depth: number;
  /** Whether nothing was left to visit. */
  readonly exhausted: boolean;
  readonly goals: ReadonlySet<string>;
  readonly codes: ReadonlySet<string>;
  /** The shortest way to a broken promise. */
  readonly broken: { readonly promise: string; readonly why: string; readonly trace: readonly string[] } | null;
};

export type Bounds = { readonly states?: number };

/** Where a visited point came from: its number, and the number of the event's name. */
type Way = { readonly parents: number[]; readonly names: number[] };

/** Visits the points of a world, nearest first, until nothing is left, a promise is broken or `states` points are known. */
export function search(
  mind: Mind,
  world: World,
  { states: most = world.most ?? Number.POSITIVE_INFINITY }: Bounds = {},
): Found {
  const goals = new Set<string>();
  const codes = new Set<string>();
  const notes = { goal: (goal: string) => goals.add(goal), code: (code: string) => codes.add(code) };
  const words = new Words();
  const seen = new Set<string>();
  const way: Way = { parents: [-1], names: [words.number("start")] };
  const first = beginning(mind);
  seen.add(keyOf(first));
  let frontier: (readonly [number, Node])[] = [[0, first]];
  let transitions = 0;
  let depth = 0;
  const result = (exhausted: boolean, broken: Found["broken"] = null): Found => {
    return { states: seen.size, transitions, depth, exhausted, goals, codes, broken };
  };
  for (; frontier.length > 0; depth++) {
    const next: (readonly [number, Node])[] = [];
    for (const [number, node] of frontier) {
      for (const { name, event } of world.letters.flatMap((letter) => letter(node))) {
        try {
          for (const [at, point] of step(mind, node, event, notes, world.boots).entries()) {
            transitions += 1;
            const key = keyOf(point);
            if (seen.has(key)) continue;
            if (seen.size >= most) return result(false);
            seen.add(key);
            way.parents.push(number);
            way.names.push(words.number(at === 0 ? name : `${name}, killed before it acts, started again`));
            next.push([seen.size - 1, point]);
          }
        } catch (error) {
          if (!(error instanceof Broken)) throw error;
          const trace = [...words.trace(way, number), name];
          return result(false, { promise: error.promise, why: error.message, trace });
        }
      }
    }
    frontier = next;
  }
  return result(frontier.length === 0);
}

/** Names of events, each kept once. */
class Words {
  readonly #texts: string[] = [];
  readonly #numbers = new Map<string, number>();

  number(text: string): number {
    const known = this.#numbers.get(text);
    if (known !== undefined) return known;
    this.#numbers.set(text, this.#texts.length);
    return this.#texts.push(text) - 1;
  }

  /** The names on the way to a point. */
  trace({ parents, names }: Way, number: number): string[] {
    const trace: string[] = [];
    for (let at = number; at > 0; at = parents[at] as number) trace.unshift(this.#texts[names[at] as number] as string);
    return trace;
  }
}
