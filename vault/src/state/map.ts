/** A persistent map with text keys: `set` and `delete` give a new map and share everything that did not change, so that the
 *  state before a record stays whole while the state after it is built.
 *
 *  A hash trie of 32-way nodes over FNV-1a, and below it over SHA-256: whoever makes up keys can make any number of them with
 *  one FNV-1a hash, and then nothing may become slow or deep. Not ordered by insertion. */
import { hashText } from "./hash.ts";

/** A leaf has no nodes. */
type Leaf<V> = { readonly nodes?: never; readonly hash: number; readonly key: string; readonly value: V };
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

/** From this depth on the hash is used up, and each byte of a stronger one gives a digit. */
const HASH_BITS = 35;

export type Hashed = Pick<Leaf<unknown>, "hash" | "key">;

function digitOf({ hash, key }: Hashed, shift: number): number {
  if (shift < HASH_BITS) return (hash >>> shift) & 31;
  return (hashText(key)[(shift - HASH_BITS) / 5] as number) & 31;
}

function bitOf(hashed: Hashed, shift: number): number {
  return 1 << digitOf(hashed, shift);
}

/** How many bits of `mask` are below `bit`. Source: Warren, Hacker's Delight, section 5-1. */
function position(mask: number, bit: number): number {
  let rest = mask & (bit - 1);
  rest -= (rest >>> 1) & 0x55555555;
  rest = (rest & 0x33333333) + ((rest >>> 2) & 0x33333333);
  return Math.imul((rest + (rest >>> 4)) & 0x0f0f0f0f, 0x01010101) >>> 24;
}

function find<V>(root: Node<V> | undefined, hashed: Hashed): Leaf<V> | undefined {
  let node = root;
  for (let shift = 0; node?.nodes !== undefined; shift += 5) {
    const bit = bitOf(hashed, shift);
    node = (node.mask & bit) === 0 ? undefined : node.nodes[position(node.mask, bit)];
  }
  return node?.key === hashed.key ? node : undefined;
}

function leafOf<V>({ root }: PMap<V>, key: string): Leaf<V> | undefined {
  return find(root, hashed(key));
}

/** A key made ready to be looked up again and again. */
export function hashed(key: string): Hashed {
  return { hash: hashOf(key), key };
}

/** The value under `key`. */
export function get<V>(map: PMap<V>, key: string | Hashed): V | undefined {
  return find(map.root, typeof key === "string" ? hashed(key) : key)?.value;
}

export function has<V>(map: PMap<V>, key: string): boolean {
  return leafOf(map, key) !== undefined;
}

/** The very text under which `key` is kept, so that another table can hold it too instead of a copy. */
export function keptKey(map: PMap<unknown>, key: string): string | undefined {
  return leafOf(map, key)?.key;
}

/** The map with `value` under `key`; a text that is there already stays the one that is kept. */
export function set<V>(map: PMap<V>, key: string, value: V): PMap<V> {
  const known = leafOf(map, key);
  const leaf: Leaf<V> = { hash: known?.hash ?? hashOf(key), key: known?.key ?? key, value };
  const size = known === undefined ? map.size + 1 : map.size;
  return { size, root: map.root === undefined ? leaf : insert(map.root, leaf, 0) };
}

function insert<V>(node: Node<V>, leaf: Leaf<V>, shift: number): Node<V> {
  if (node.nodes === undefined) {
    if (node.key === leaf.key) return leaf;
    return insert({ mask: bitOf(node, shift), nodes: [node] }, leaf, shift);
  }
  const { mask, nodes } = node;
  const bit = bitOf(leaf, shift);
  const at = position(mask, bit);
  if ((mask & bit) === 0) return { mask: mask | bit, nodes: nodes.toSpliced(at, 0, leaf) };
  return { mask, nodes: nodes.with(at, insert(nodes[at] as Node<V>, leaf, shift + 5)) };
}

/** The map without `key`. */
export function remove<V>(map: PMap<V>, key: string): PMap<V> {
  const leaf = leafOf(map, key);
  if (map.root === undefined || leaf === undefined) return map;
  return { size: map.size - 1, root: prune(map.root, leaf, 0) };
}

function prune<V>(node: Node<V>, leaf: Leaf<V>, shift: number): Node<V> | undefined {
  if (node.nodes === undefined) return undefined;
  const { mask, nodes } = node;
  const bit = bitOf(leaf, shift);
  const at = position(mask, bit);
  const child = prune(nodes[at] as Node<V>, leaf, shift + 5);
  if (child !== undefined) return { mask, nodes: nodes.with(at, child) };
  return nodes.length === 1 ? undefined : { mask: mask & ~bit, nodes: nodes.toSpliced(at, 1) };
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
    else yield [node.key, node.value];
  }
}

/** Builds a map in one pass from entries in the order in which `entries` gives them: no node is made twice. */
export class MapBuilder<V> {
  readonly #leaves: Leaf<V>[] = [];

  /** Takes the next entry, or gives false: the key is there already or belongs before one that is. */
  add(key: string, value: V): boolean {
    const leaf = { hash: hashOf(key), key, value };
    const last = this.#leaves.at(-1);
    if (last !== undefined && !precedes(last, leaf)) return false;
    this.#leaves.push(leaf);
    return true;
  }

  done(): PMap<V> {
    const { length } = this.#leaves;
    return length === 0 ? EMPTY : { size: length, root: this.#grow(0, length, 0) };
  }

  /** The node at depth `shift` over the leaves from `from` up to `to`. The last of them have the lowest digits. */
  #grow(from: number, to: number, shift: number): Node<V> {
    const leafAt = (at: number) => this.#leaves[at] as Leaf<V>;
    if (to - from === 1) return leafAt(from);
    let mask = 0;
    const nodes: Node<V>[] = [];
    for (let end = to; end > from; ) {
      const digit = digitOf(leafAt(end - 1), shift);
      let start = end - 1;
      while (start > from && digitOf(leafAt(start - 1), shift) === digit) start -= 1;
      mask |= 1 << digit;
      nodes.push(this.#grow(start, end, shift + 5));
      end = start;
    }
    // A list that has grown keeps room for more.
    return { mask, nodes: nodes.slice() };
  }
}

/** Whether a key comes before another one in the order of `entries`: that with the higher digit where they first differ, from
 *  the lowest digit up. */
function precedes(left: Hashed, right: Hashed): boolean {
  if (left.key === right.key) return false;
  let shift = 0;
  while (digitOf(left, shift) === digitOf(right, shift)) shift += 5;
  return digitOf(left, shift) > digitOf(right, shift);
}
