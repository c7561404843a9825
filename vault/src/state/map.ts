/** A persistent map with text keys: `set` and `delete` give a new map and share everything that did not change, so that the
 *  state before a record stays whole while the state after it is built.
 *
 *  A hash trie of 32-way nodes over FNV-1a; keys whose hashes are equal hang on one another. Not ordered by insertion. */

/** `next`: another key with the same hash, only where there is one: there are millions of leaves. A leaf has no nodes. */
type Leaf<V> = {
  readonly nodes?: never;
  readonly hash: number;
  readonly key: string;
  readonly value: V;
  readonly next?: Leaf<V>;
};
/** `mask` has a bit for every node that is there. */
type Branch<V> = { readonly nodes: readonly Node<V>[]; readonly mask: number };
type Node<V> = Leaf<V> | Branch<V>;

export type PMap<V> = { readonly size: number; readonly root: Node<V> | undefined };

const EMPTY: PMap<never> = { size: 0, root: undefined };

export function emptyMap<V>(): PMap<V> {
  return EMPTY;
}

/** A signed number of 32 bits, because an unsigned one would be an object of its own in every second leaf. */
function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return hash | 0;
}

function digitOf(hash: number, shift: number): number {
  return (hash >>> shift) & 31;
}

function bitOf(hash: number, shift: number): number {
  return 1 << digitOf(hash, shift);
}

/** How many bits of `mask` are below `bit`. Source: Warren, Hacker's Delight, section 5-1. */
function position(mask: number, bit: number): number {
  let rest = mask & (bit - 1);
  rest -= (rest >>> 1) & 0x55555555;
  rest = (rest & 0x33333333) + ((rest >>> 2) & 0x33333333);
  return Math.imul((rest + (rest >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

function find<V>(root: Node<V> | undefined, key: string, hash: number): Leaf<V> | undefined {
  let node = root;
  for (let shift = 0; node?.nodes !== undefined; shift += 5) {
    const bit = bitOf(hash, shift);
    node = (node.mask & bit) === 0 ? undefined : node.nodes[position(node.mask, bit)];
  }
  while (node !== undefined && node.key !== key) node = node.next;
  return node;
}

/** The value under `key`. */
export function get<V>(map: PMap<V>, key: string): V | undefined {
  return find(map.root, key, hashOf(key))?.value;
}

export function has<V>(map: PMap<V>, key: string): boolean {
  return find(map.root, key, hashOf(key)) !== undefined;
}

/** The very text under which `key` is kept, so that another table can hold it too instead of a copy. */
export function keptKey(map: PMap<unknown>, key: string): string | undefined {
  return find(map.root, key, hashOf(key))?.key;
}

/** The map with `value` under `key`; a text that is there already stays the one that is kept. */
export function set<V>(map: PMap<V>, key: string, value: V): PMap<V> {
  const hash = hashOf(key);
  const known = find(map.root, key, hash);
  const leaf: Leaf<V> = { hash, key: known?.key ?? key, value };
  const size = known === undefined ? map.size + 1 : map.size;
  return { size, root: map.root === undefined ? leaf : insert(map.root, leaf, 0) };
}

function insert<V>(node: Node<V>, leaf: Leaf<V>, shift: number): Node<V> {
  if (node.nodes === undefined) {
    if (node.hash === leaf.hash) return link(leaf, without(node, leaf.key));
    return insert({ mask: bitOf(node.hash, shift), nodes: [node] }, leaf, shift);
  }
  const { mask, nodes } = node;
  const bit = bitOf(leaf.hash, shift);
  const at = position(mask, bit);
  if ((mask & bit) === 0) return { mask: mask | bit, nodes: nodes.toSpliced(at, 0, leaf) };
  return { mask, nodes: nodes.with(at, insert(nodes[at] as Node<V>, leaf, shift + 5)) };
}

/** The map without `key`. */
export function remove<V>(map: PMap<V>, key: string): PMap<V> {
  const leaf = find(map.root, key, hashOf(key));
  if (map.root === undefined || leaf === undefined) return map;
  return { size: map.size - 1, root: prune(map.root, leaf, 0) };
}

function prune<V>(node: Node<V>, leaf: Leaf<V>, shift: number): Node<V> | undefined {
  if (node.nodes === undefined) return without(node, leaf.key);
  const { mask, nodes } = node;
  const bit = bitOf(leaf.hash, shift);
  const at = position(mask, bit);
  const child = prune(nodes[at] as Node<V>, leaf, shift + 5);
  if (child !== undefined) return { mask, nodes: nodes.with(at, child) };
  return nodes.length === 1 ? undefined : { mask: mask & ~bit, nodes: nodes.toSpliced(at, 1) };
}

/** The leaves of one hash without that of `key`. */
function without<V>(leaf: Leaf<V>, key: string): Leaf<V> | undefined {
  if (leaf.key === key) return leaf.next;
  return link(leaf, leaf.next && without(leaf.next, key));
}

function link<V>({ hash, key, value }: Leaf<V>, next: Leaf<V> | undefined): Leaf<V> {
  return next === undefined ? { hash, key, value } : { hash, key, value, next };
}

/** The values for which `test` holds, in no particular order. */
export function values<V>(map: PMap<V>, test: (value: V) => boolean): readonly V[] {
  const found: V[] = [];
  for (const [, value] of entries(map)) if (test(value)) found.push(value);
  return found;
}

/** All values, each with its key. */
export function* entries<V>(map: PMap<V>): Generator<readonly [string, V]> {
  const open = map.root === undefined ? [] : [map.root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (node.nodes !== undefined) open.push(...node.nodes);
    else for (let leaf: Leaf<V> | undefined = node; leaf !== undefined; leaf = leaf.next) yield [leaf.key, leaf.value];
  }
}

/** Builds a map in one pass from entries in the order in which `entries` gives them: no node is made twice. */
export class MapBuilder<V> {
  readonly #leaves: Leaf<V>[] = [];

  /** Takes the next entry, or gives false: the key is there already or belongs before one that is. */
  add(key: string, value: V): boolean {
    const hash = hashOf(key);
    const last = this.#leaves.at(-1);
    if (last !== undefined && !this.#follows(hash, key, last)) return false;
    this.#leaves.push({ hash, key, value });
    return true;
  }

  #follows(hash: number, key: string, last: Leaf<V>): boolean {
    if (hash !== last.hash) return rankOf(hash) < rankOf(last.hash);
    for (let at = this.#leaves.length - 1; this.#leaves[at]?.hash === hash; at--) {
      if (this.#leaves[at]?.key === key) return false;
    }
    return true;
  }

  done(): PMap<V> {
    const { length } = this.#leaves;
    return length === 0 ? EMPTY : { size: length, root: this.#grow(0, length, 0) };
  }

  /** The node at depth `shift` over the leaves from `from` up to `to`. The last of them have the lowest digits. */
  #grow(from: number, to: number, shift: number): Node<V> {
    const hashAt = (at: number) => (this.#leaves[at] as Leaf<V>).hash;
    if (hashAt(from) === hashAt(to - 1)) return this.#chain(from, to);
    let mask = 0;
    const nodes: Node<V>[] = [];
    for (let end = to; end > from; ) {
      const digit = digitOf(hashAt(end - 1), shift);
      let start = end - 1;
      while (start > from && digitOf(hashAt(start - 1), shift) === digit) start -= 1;
      mask |= 1 << digit;
      nodes.push(this.#grow(start, end, shift + 5));
      end = start;
    }
    // A list that has grown keeps room for more.
    return { mask, nodes: nodes.slice() };
  }

  /** Leaves of one hash. */
  #chain(from: number, to: number): Leaf<V> {
    let leaf = this.#leaves[to - 1] as Leaf<V>;
    for (let at = to - 2; at >= from; at--) leaf = link(this.#leaves[at] as Leaf<V>, leaf);
    return leaf;
  }
}

/** Where a hash comes in the order of `entries`: the highest first. Its digits are read from the lowest up. */
function rankOf(hash: number): number {
  let rank = 0;
  for (let shift = 0; shift < 35; shift += 5) rank = rank * 32 + digitOf(hash, shift);
  return rank;
}
