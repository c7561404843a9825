/** A persistent map with text keys: `set` and `delete` give a new map and share everything that did not change, so that the
 *  state before a record stays whole while the state after it is built.
 *
 *  A hash trie of 32-way nodes over FNV-1a; keys whose hashes are equal share a list. Not ordered by insertion. */

type Leaf<V> = { readonly hash: number; readonly entries: readonly (readonly [string, V])[] };
type Branch<V> = { readonly mask: number; readonly nodes: readonly Node<V>[] };
type Node<V> = Leaf<V> | Branch<V>;

export type PMap<V> = { readonly size: number; readonly root: Node<V> | undefined };

const EMPTY: PMap<never> = { size: 0, root: undefined };

export function emptyMap<V>(): PMap<V> {
  return EMPTY;
}

function hashOf(key: string): number {
  let hash = 0x811c9dc5;
  for (let at = 0; at < key.length; at++) hash = Math.imul(hash ^ key.charCodeAt(at), 0x01000193);
  return hash >>> 0;
}

function isLeaf<V>(node: Node<V>): node is Leaf<V> {
  return "entries" in node;
}

function position(mask: number, bit: number): number {
  let rest = mask & (bit - 1);
  let count = 0;
  for (; rest !== 0; rest &= rest - 1) count += 1;
  return count;
}

/** The value under `key`. */
export function get<V>(map: PMap<V>, key: string): V | undefined {
  const hash = hashOf(key);
  let node = map.root;
  for (let shift = 0; node !== undefined && !isLeaf(node); shift += 5) {
    const bit = 1 << ((hash >>> shift) & 31);
    node = (node.mask & bit) === 0 ? undefined : node.nodes[position(node.mask, bit)];
  }
  return node?.entries.find(([name]) => name === key)?.[1];
}

export function has<V>(map: PMap<V>, key: string): boolean {
  return get(map, key) !== undefined;
}

/** The map with `value` under `key`. */
export function set<V>(map: PMap<V>, key: string, value: V): PMap<V> {
  const known = has(map, key);
  const leaf: Leaf<V> = { hash: hashOf(key), entries: [[key, value]] };
  return { size: map.size + (known ? 0 : 1), root: map.root === undefined ? leaf : insert(map.root, leaf, 0) };
}

function insert<V>(node: Node<V>, leaf: Leaf<V>, shift: number): Node<V> {
  if (isLeaf(node)) {
    if (node.hash !== leaf.hash) return insert(spread(node, shift), leaf, shift);
    const others = node.entries.filter(([name]) => name !== leaf.entries[0]?.[0]);
    return { hash: leaf.hash, entries: [...others, ...leaf.entries] };
  }
  const bit = 1 << ((leaf.hash >>> shift) & 31);
  const at = position(node.mask, bit);
  const nodes = node.nodes.slice();
  if ((node.mask & bit) === 0) nodes.splice(at, 0, leaf);
  else nodes[at] = insert(node.nodes[at] as Node<V>, leaf, shift + 5);
  return { mask: node.mask | bit, nodes };
}

function spread<V>(leaf: Leaf<V>, shift: number): Branch<V> {
  return { mask: 1 << ((leaf.hash >>> shift) & 31), nodes: [leaf] };
}

/** The map without `key`. */
export function remove<V>(map: PMap<V>, key: string): PMap<V> {
  if (map.root === undefined || !has(map, key)) return map;
  return { size: map.size - 1, root: without(map.root, { key, hash: hashOf(key) }, 0) };
}

/** The values for which `test` holds, in no particular order. */
export function values<V>(map: PMap<V>, test: (value: V) => boolean): readonly V[] {
  const found: V[] = [];
  for (const [, value] of entries(map)) if (test(value)) found.push(value);
  return found;
}

type Target = { readonly key: string; readonly hash: number };

function without<V>(node: Node<V>, target: Target, shift: number): Node<V> | undefined {
  if (isLeaf(node)) {
    const entries = node.entries.filter(([name]) => name !== target.key);
    return entries.length === 0 ? undefined : { hash: node.hash, entries };
  }
  const bit = 1 << ((target.hash >>> shift) & 31);
  const at = position(node.mask, bit);
  const child = without(node.nodes[at] as Node<V>, target, shift + 5);
  const nodes = node.nodes.slice();
  if (child !== undefined) {
    nodes[at] = child;
    return { mask: node.mask, nodes };
  }
  nodes.splice(at, 1);
  return nodes.length === 0 ? undefined : { mask: node.mask & ~bit, nodes };
}

/** All values, each with its key. */
export function* entries<V>(map: PMap<V>): Generator<readonly [string, V]> {
  const open = map.root === undefined ? [] : [map.root];
  for (let node = open.pop(); node !== undefined; node = open.pop()) {
    if (isLeaf(node)) yield* node.entries;
    else open.push(...node.nodes);
  }
}
