/** Sets of points of a finite space, as shared decision diagrams: exact union, intersection, difference, emptiness, an example,
 *  and the few boxes that make a set up. The space is a list of dimensions, each with so many values.
 *
 *  A node asks for the value of one dimension and has a child for each; equal nodes exist once, and a node whose children are
 *  all equal is its child. So equal sets are equal numbers, and a step that was done once is looked up.
 *  Source: Srinivasan, Kam, Malik, Brayton, "Algorithms for Discrete Function Manipulation" (1990), multi-valued diagrams. */
import { demand } from "../../errors.ts";

/** A set of points: the number of its diagram. Means something only to the `Diagrams` that gave it. */
export type PointSet = number;
export const NOTHING: PointSet = 0;
export const EVERYTHING: PointSet = 1;

/** For each dimension which of its values are meant; null for all of them. */
export type Box = readonly (Uint8Array | null)[];

/** Most values in the nodes of all diagrams together. What needs more is refused, so that no rulebook can stall its reader. */
export const MAX_CELLS = 40_000_000;
const OPERATIONS = { and: 0, or: 1, minus: 2 } as const;
type Operation = keyof typeof OPERATIONS;
/** More than there can be nodes, so that a pair of them is one number. */
const PAIR = 2 ** 26;

export class Diagrams {
  readonly sizes: readonly number[];
  /** Of each node its dimension and its children; the two ends ask for nothing. */
  readonly #level: number[];
  readonly #children: Int32Array[] = [new Int32Array(0), new Int32Array(0)];
  readonly #byHash = new Map<number, number[]>();
  readonly #done: readonly Map<number, PointSet>[] = [new Map(), new Map(), new Map()];
  readonly #met = new Map<number, boolean>();
  readonly #most: number;
  #cells = 0;

  constructor(sizes: readonly number[], most = MAX_CELLS) {
    this.sizes = sizes;
    this.#level = [sizes.length, sizes.length];
    this.#most = most;
  }

  /** Fails: TOO_LARGE. */
  #node(level: number, children: Int32Array): PointSet {
    const first = children[0] as number;
    if (children.every((child) => child === first)) return first;
    let hash = level;
    for (const child of children) hash = Math.imul(hash ^ child, 0x01000193) + (hash >>> 15);
    const same = this.#byHash.get(hash) ?? [];
    const known = same.find((id) => this.#level[id] === level && areEqual(this.#children[id] as Int32Array, children));
    if (known !== undefined) return known;
    this.#cells += children.length;
    demand(this.#cells <= this.#most, "TOO_LARGE", "rules", "these rules are too entangled to be analysed");
    const id = this.#children.push(children) - 1;
    this.#level.push(level);
    this.#byHash.set(hash, [...same, id]);
    return id;
  }

  #at(set: PointSet, level: number, value: number): PointSet {
    return this.#level[set] === level ? ((this.#children[set] as Int32Array)[value] as number) : set;
  }

  box(parts: Box): PointSet {
    let set = EVERYTHING;
    for (let level = this.sizes.length - 1; level >= 0; level--) {
      const values = parts[level] ?? null;
      if (values === null) continue;
      const children = new Int32Array(values.length);
      for (let value = 0; value < values.length; value++) children[value] = values[value] === 0 ? NOTHING : set;
      set = this.#node(level, children);
    }
    return set;
  }

  and(a: PointSet, b: PointSet): PointSet {
    if (a === NOTHING || b === NOTHING) return NOTHING;
    if (a === EVERYTHING || a === b) return b;
    return b === EVERYTHING ? a : this.#apply("and", Math.min(a, b), Math.max(a, b));
  }

  or(a: PointSet, b: PointSet): PointSet {
    if (a === EVERYTHING || b === EVERYTHING) return EVERYTHING;
    if (a === NOTHING || a === b) return b;
    return b === NOTHING ? a : this.#apply("or", Math.min(a, b), Math.max(a, b));
  }

  minus(a: PointSet, b: PointSet): PointSet {
    if (a === NOTHING || b === EVERYTHING || a === b) return NOTHING;
    return b === NOTHING ? a : this.#apply("minus", a, b);
  }

  /** The union of many: of halves, so that what is alike meets early. */
  union(sets: readonly PointSet[]): PointSet {
    if (sets.length <= 1) return sets[0] ?? NOTHING;
    const half = sets.length >> 1;
    return this.or(this.union(sets.slice(0, half)), this.union(sets.slice(half)));
  }

  isWithin(a: PointSet, b: PointSet): boolean {
    return !this.meets(a, this.minus(EVERYTHING, b));
  }

  /** Whether two sets share a point; nothing is built for it. */
  meets(a: PointSet, b: PointSet): boolean {
    if (a === NOTHING || b === NOTHING) return false;
    if (a === EVERYTHING || b === EVERYTHING || a === b) return true;
    const key = Math.min(a, b) * PAIR + Math.max(a, b);
    const known = this.#met.get(key);
    if (known !== undefined) return known;
    const level = Math.min(this.#level[a] as number, this.#level[b] as number);
    const size = this.sizes[level] as number;
    let found = false;
    let [lastA, lastB] = [-1, -1];
    for (let value = 0; value < size && !found; value++) {
      const [nextA, nextB] = [this.#at(a, level, value), this.#at(b, level, value)];
      if (nextA !== lastA || nextB !== lastB) found = this.meets(nextA, nextB);
      [lastA, lastB] = [nextA, nextB];
    }
    this.#met.set(key, found);
    return found;
  }

  #apply(operation: Operation, a: PointSet, b: PointSet): PointSet {
    const done = this.#done[OPERATIONS[operation]] as Map<number, PointSet>;
    const key = a * PAIR + b;
    const known = done.get(key);
    if (known !== undefined) return known;
    const level = Math.min(this.#level[a] as number, this.#level[b] as number);
    const children = new Int32Array(this.sizes[level] as number);
    let [lastA, lastB, last] = [-1, -1, NOTHING];
    for (let value = 0; value < children.length; value++) {
      const [nextA, nextB] = [this.#at(a, level, value), this.#at(b, level, value)];
      if (nextA !== lastA || nextB !== lastB) {
        last = this[operation](nextA, nextB);
        [lastA, lastB] = [nextA, nextB];
      }
      children[value] = last;
    }
    const set = this.#node(level, children);
    done.set(key, set);
    return set;
  }

  /** The first point of a set that is not empty: of each dimension the first value that still leads somewhere. */
  first(set: PointSet): readonly number[] {
    let at = set;
    return this.sizes.map((_, level) => {
      if (this.#level[at] !== level) return 0;
      const children = this.#children[at] as Int32Array;
      const value = children.findIndex((child) => child !== NOTHING);
      at = children[value] as number;
      return value;
    });
  }

  /** Which values of one dimension occur in a set, in the part of it that lies in a box that is not empty, in all other
   *  dimensions. */
  values(set: PointSet, level: number, box: Box = []): Uint8Array {
    const found = new Uint8Array(this.sizes[level] as number);
    const seen = new Map<PointSet, boolean>([
      [NOTHING, false],
      [EVERYTHING, true],
    ]);
    /** Whether a node leads to a point, coming from the dimension `from`. What passes the dimension over has all of it. */
    const leads = (node: PointSet, from: number): boolean => {
      const known = seen.get(node) ?? search(node);
      if (known && from < level && (this.#level[node] as number) > level) found.fill(1);
      return known;
    };
    const search = (node: PointSet): boolean => {
      const own = this.#level[node] as number;
      const within = own === level ? undefined : box[own];
      let any = false;
      for (const [value, child] of (this.#children[node] as Int32Array).entries()) {
        if (within?.[value] === 0 || !leads(child, own)) continue;
        any = true;
        if (own === level) found[value] = 1;
      }
      seen.set(node, any);
      return any;
    };
    leads(set, -1);
    return found;
  }

  /** The values of one dimension with which the rest of `box` lies in the set as a whole, for a box that lies in it. */
  #reach(set: PointSet, box: readonly Uint8Array[], level: number): Uint8Array {
    const inside = this.#insideOf(box);
    const rows = new Map<PointSet, Uint8Array>();
    const row = (node: PointSet): Uint8Array => {
      const known = rows.get(node);
      if (known !== undefined) return known;
      const own = this.#level[node] as number;
      const children = this.#children[node] as Int32Array;
      const found = new Uint8Array(this.sizes[level] as number).fill(1);
      if (own === level) {
        for (const [value, child] of children.entries()) found[value] = inside(child) ? 1 : 0;
      } else if (own < level) {
        const meant = new Set(children.filter((_, value) => (box[own] as Uint8Array)[value] === 1));
        for (const child of meant) for (const [value, bit] of row(child).entries()) if (bit === 0) found[value] = 0;
      }
      rows.set(node, found);
      return found;
    };
    return row(set);
  }

  /** Whether all of a box below a node lies in the node's set. */
  #insideOf(box: readonly Uint8Array[]): (node: PointSet) => boolean {
    const whole = new Map<PointSet, boolean>([
      [NOTHING, false],
      [EVERYTHING, true],
    ]);
    const inside = (node: PointSet): boolean => {
      const known = whole.get(node);
      if (known !== undefined) return known;
      const own = box[this.#level[node] as number] as Uint8Array;
      const found = (this.#children[node] as Int32Array).every((child, value) => own[value] === 0 || inside(child));
      whole.set(node, found);
      return found;
    };
    return inside;
  }

  /** The set as boxes none of which shares a point of it with another, each as large as it can be around its first point: in
   *  one of some orders, the one that leaves most dimensions open. Points outside `real` may lie in any box. `left`: what is
   *  not in the first `most` boxes. */
  boxes(set: PointSet, { real, most, orders }: BoxWish): { readonly boxes: readonly Piece[]; readonly left: PointSet } {
    const boxes: Piece[] = [];
    const unreal = this.minus(EVERYTHING, real);
    let left = set;
    while (left !== NOTHING && boxes.length < most) {
      const point = this.first(left);
      const free = this.or(left, unreal);
      const tried = orders.map((order) => this.#widened(free, point, order));
      const fewest = Math.min(...tried.map(closedIn));
      const box = tried.find((one) => closedIn(one) === fewest) as readonly Uint8Array[];
      boxes.push({ box, point });
      left = this.minus(left, this.box(box));
    }
    return { boxes, left };
  }

  /** A box around a point of the set, made as wide as it can be in one dimension after another. */
  #widened(set: PointSet, point: readonly number[], order: readonly number[]): readonly Uint8Array[] {
    const box: Uint8Array[] = point.map((value, level) =>
      Uint8Array.from({ length: this.sizes[level] as number }, (_, at) => (at === value ? 1 : 0)),
    );
    for (const level of order) box[level] = this.#reach(set, box, level);
    return box;
  }

  /** The set in cells, told apart by which of the sets `by` they lie in. `left`: what more than `most` of them would hold. */
  cells(set: PointSet, by: readonly PointSet[], most: number): { readonly cells: readonly Cell[]; readonly left: PointSet } {
    let cells: readonly Cell[] = set === NOTHING ? [] : [{ set, within: [] }];
    let left = NOTHING;
    for (const [at, other] of by.entries()) {
      const next = cells.flatMap(({ set: cell, within }) => [
        { set: this.and(cell, other), within: [...within, at] },
        { set: this.minus(cell, other), within },
      ]);
      const full = next.filter((cell) => cell.set !== NOTHING);
      cells = full.slice(0, most);
      left = this.or(left, this.union(full.slice(most).map((cell) => cell.set)));
    }
    return { cells, left };
  }
}

/** A box, and a point of the set that lies in it and in no box before. */
export type Piece = { readonly box: readonly Uint8Array[]; readonly point: readonly number[] };
/** Points that lie in the same of some sets; `within`: the numbers of these. */
export type Cell = { readonly set: PointSet; readonly within: readonly number[] };
/** `orders`: each all dimensions, the one that is to become as wide as it can first. */
export type BoxWish = { readonly real: PointSet; readonly most: number; readonly orders: readonly (readonly number[])[] };

/** How many dimensions a box says something of. */
function closedIn(box: readonly Uint8Array[]): number {
  return box.filter((values) => values.includes(0)).length;
}

function areEqual(a: Int32Array, b: Int32Array): boolean {
  return a.every((child, at) => child === b[at]);
}
