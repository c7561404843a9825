/** The Merkle tree of the audit log: hashes, roots, and proofs that a leaf is in it or that one tree continues another.
 *
 *  Nothing here keeps a tree. A prover names the complete sub-trees that a root or proof consists of (`Plan`), fetches their
 *  hashes from wherever it has them, and puts them together; a verifier needs the proof alone. Hashes are 32 bytes.
 *  Source: RFC 6962, section 2.1 (hashes and proofs); RFC 9162, sections 2.1.3.2 and 2.1.4.2 (verification). */
import { sha256 } from "@noble/hashes/sha2.js";
import { equal } from "../bytes.ts";
import { demand } from "../errors.ts";

const HASH_BYTES = 32;
/** More levels than a tree of 2^53−1 leaves has, so no proof is longer. */
export const MAX_PROOF = 64;

/** Root of the tree without leaves: SHA-256 of nothing.   Source: RFC 6962, section 2.1. */
export function emptyRoot(): Uint8Array {
  return sha256(new Uint8Array());
}

/** SHA-256(0x00 ‖ leaf).   Source: RFC 6962, section 2.1. */
export function leafHash(leaf: Uint8Array): Uint8Array {
  const whole = new Uint8Array(1 + leaf.length);
  whole.set(leaf, 1);
  return sha256(whole);
}

/** Where a node's parts are put together; a buffer for each would cost as much as its hash. */
const room = new Uint8Array(1 + 2 * HASH_BYTES);
room[0] = 1;

/** SHA-256(0x01 ‖ left ‖ right).   Source: RFC 6962, section 2.1. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Uint8Array {
  room.set(left, 1);
  room.set(right, 1 + HASH_BYTES);
  return sha256(room);
}

/** A complete sub-tree: the 2^level leaves from index · 2^level on. */
export type Node = { readonly level: number; readonly index: number };
export type NodeHash = Node & { readonly hash: Uint8Array };

/** For each hash that is wanted the complete sub-trees that it covers, left to right; their sizes fall. */
export type Plan = readonly (readonly Node[])[];

/** The hashes that `plan` names; `hashOf` must know each of its nodes. */
export function gather(plan: Plan, hashOf: (node: Node) => Uint8Array): readonly Uint8Array[] {
  return plan.map((nodes) => join(nodes.map(hashOf)));
}

/** Root of neighbours whose sizes fall: the smaller is always to the right. */
function join(hashes: readonly Uint8Array[]): Uint8Array {
  return hashes.reduceRight((right, left) => nodeHash(left, right));
}

/** Largest power of two that is below `count`, which is 2 or more. */
function splitOf(count: number): number {
  return 2 ** levelOf(count - 1);
}

/** Height of the largest complete tree of at most `count` leaves, 1 to 2^53−1. */
function levelOf(count: number): number {
  const high = Math.floor(count / 2 ** 32);
  return high > 0 ? 63 - Math.clz32(high) : 31 - Math.clz32(count);
}

/** The leaves from `from` up to `to`, as complete sub-trees. */
function cover({ from, to }: Range): readonly Node[] {
  const nodes: Node[] = [];
  for (let at = from; at < to; at += 2 ** (nodes.at(-1) as Node).level) {
    const level = levelOf(to - at);
    nodes.push({ level, index: at / 2 ** level });
  }
  return nodes;
}

/** What the proof that leaf number `leaf` is among the first `size` is made of. Fails: BAD_VALUE.
 *  Source: RFC 6962, section 2.1.1. */
export function planInclusion({ leaf, size }: { leaf: number; size: number }): Plan {
  demand(isSize(size), "BAD_VALUE", "size", "a number of leaves is expected");
  demand(isSize(leaf) && leaf < size, "BAD_VALUE", "leaf", "the tree has no such leaf");
  const { plan } = descend(size, { isThere: ({ from, to }) => to - from === 1, isLeft: (middle) => leaf < middle });
  return plan.reverse();
}

/** What the proof that the first `size` leaves continue the first `first` is made of. Fails: BAD_VALUE.
 *  Source: RFC 6962, section 2.1.2; from no leaves and from all leaves the proof is empty. */
export function planConsistency({ first, size }: { first: number; size: number }): Plan {
  demand(isSize(size), "BAD_VALUE", "size", "a number of leaves is expected");
  demand(isSize(first) && first <= size, "BAD_VALUE", "first", "the first tree is not the larger one");
  if (first === 0) return [];
  const { plan, range } = descend(size, { isThere: ({ to }) => to === first, isLeft: (middle) => first <= middle });
  if (range.from > 0) plan.push(cover(range));
  return plan.reverse();
}

type Range = { readonly from: number; readonly to: number };

/** From the root down to a sub-tree: what is left aside at each level, the highest first, and where the way ends. */
function descend(
  size: number,
  way: { readonly isThere: (range: Range) => boolean; readonly isLeft: (middle: number) => boolean },
): { readonly plan: (readonly Node[])[]; readonly range: Range } {
  const plan: (readonly Node[])[] = [];
  let range: Range = { from: 0, to: size };
  while (!way.isThere(range)) {
    const middle = range.from + splitOf(range.to - range.from);
    const [left, right] = [
      { ...range, to: middle },
      { ...range, from: middle },
    ];
    const isLeft = way.isLeft(middle);
    plan.push(cover(isLeft ? right : left));
    range = isLeft ? left : right;
  }
  return { plan, range };
}

function isSize(value: number): boolean {
  return Number.isSafeInteger(value) && value >= 0;
}

type Root = { readonly size: number; readonly root: Uint8Array };
type Proof = readonly Uint8Array[];

/** Whether `hash` is that of leaf number `leaf` of the tree.   Source: RFC 9162, section 2.1.3.2. */
export function isIncluded(it: { leaf: number; hash: Uint8Array }, { size, root }: Root, proof: Proof): boolean {
  if (!isSize(it.leaf) || !isSize(size) || it.leaf >= size || !areHashes([it.hash, root, ...proof])) return false;
  const walk = climb(it.leaf, size - 1, proof);
  if (walk === null) return false;
  let hash = it.hash;
  for (const { isLeft, sibling } of walk) hash = isLeft ? nodeHash(sibling, hash) : nodeHash(hash, sibling);
  return equal(hash, root);
}

/** Whether the second tree is the first one with leaves appended, or none.   Source: RFC 9162, section 2.1.4.2. */
export function isConsistent(first: Root, second: Root, proof: Proof): boolean {
  const formed = isSize(first.size) && isSize(second.size) && first.size <= second.size;
  if (!formed || !areHashes([first.root, second.root, ...proof])) return false;
  if (first.size === second.size) return proof.length === 0 && equal(first.root, second.root);
  if (first.size === 0) return proof.length === 0 && equal(first.root, emptyRoot());
  const isComplete = first.size === 2 ** levelOf(first.size);
  const [start, ...path] = isComplete ? [first.root, ...proof] : proof;
  if (start === undefined) return false;
  let number = first.size - 1;
  let last = second.size - 1;
  for (; number % 2 === 1; number = half(number)) last = half(last);
  const walk = climb(number, last, path);
  if (walk === null) return false;
  let before = start;
  let after = start;
  for (const { isLeft, sibling } of walk) {
    if (isLeft) before = nodeHash(sibling, before);
    after = isLeft ? nodeHash(sibling, after) : nodeHash(after, sibling);
  }
  return equal(before, first.root) && equal(after, second.root);
}

/** One step upwards: beside what is known lies `sibling`, to its left or to its right. */
type Step = { readonly isLeft: boolean; readonly sibling: Uint8Array };

/** The way from node `number` of a level whose last node is `last` up to the root; null when `path` is too short or too long
 *  for it. Steps 4 to 6 of RFC 9162, section 2.1.3.2. */
function climb(number: number, last: number, path: Proof): readonly Step[] | null {
  const steps: Step[] = [];
  let at = number;
  let end = last;
  for (const sibling of path) {
    if (end === 0) return null;
    const isLeft = at % 2 === 1 || at === end;
    // The last node of an odd number goes up alone, through every level where it has no neighbour.
    for (; isLeft && at % 2 === 0 && at > 0; at = half(at)) end = half(end);
    steps.push({ isLeft, sibling });
    at = half(at);
    end = half(end);
  }
  return end === 0 ? steps : null;
}

function half(value: number): number {
  return Math.floor(value / 2);
}

function areHashes(hashes: readonly Uint8Array[]): boolean {
  return hashes.every((hash) => hash.length === HASH_BYTES);
}

/** All that appending needs of a tree: its size and the hashes of its largest complete sub-trees, left to right. */
export type Frontier = { readonly size: number; readonly hashes: readonly Uint8Array[] };

export const NO_LEAVES: Frontier = { size: 0, hashes: [] };

/** The sub-trees whose hashes make up the frontier of the first `size` leaves. Fails: BAD_VALUE. */
export function planFrontier(size: number): readonly Node[] {
  demand(isSize(size), "BAD_VALUE", "size", "a number of leaves is expected");
  return cover({ from: 0, to: size });
}

/** Root of the tree. */
export function rootOf({ hashes }: Frontier): Uint8Array {
  return hashes.length === 0 ? emptyRoot() : join(hashes);
}

/** The tree with these leaves more, and every sub-tree that they complete, leaves first: what a server has to store. */
export function append(
  tree: Frontier,
  leaves: readonly Uint8Array[],
): { readonly tree: Frontier; readonly made: readonly NodeHash[] } {
  const hashes = [...tree.hashes];
  const made: NodeHash[] = [];
  let { size } = tree;
  for (const leaf of leaves) {
    let node: NodeHash = { level: 0, index: size, hash: leaf };
    made.push(node);
    for (; node.index % 2 === 1; made.push(node)) {
      const hash = nodeHash(hashes.pop() as Uint8Array, node.hash);
      node = { level: node.level + 1, index: half(node.index), hash };
    }
    hashes.push(node.hash);
    size += 1;
  }
  return { tree: { size, hashes }, made };
}
