/** RFC 6962: hashes, proofs and their verification, against the definitions, vectors of our own and the third-party suite. */
import assert from "node:assert/strict";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { fromHex, toHex } from "../bytes.ts";
import * as tree from "./tree.ts";

const { append, gather, isConsistent, isIncluded, leafHash, NO_LEAVES, nodeHash, planConsistency, planInclusion } = tree;

type Inclusion = { name?: string; leaf: number; size: number; hash: string; root: string; proof: string[] };
type Consistency = { name?: string; first: number; size: number; firstRoot: string; root: string; proof: string[] };
type Pairs = readonly (readonly [number, number])[];
type Vectors = {
  leaves: string[];
  roots: string[];
  example: {
    inclusion: { leaf: number; size: number; plan: Pairs[] }[];
    consistency: { first: number; size: number; plan: Pairs[] }[];
  };
  valid: { inclusion: Inclusion[]; consistency: Consistency[] };
  invalid: { inclusion: Inclusion[]; consistency: Consistency[] };
};
const vectors: Vectors = JSON.parse(readFileSync(new URL("../../../vectors/rfc6962/vectors.json", import.meta.url), "utf8"));
const third = new URL("../../../../shared/vectors/rfc6962-merkle/testdata/", import.meta.url);

const included = ({ leaf, size, hash, root, proof }: Inclusion) =>
  isIncluded(
    { leaf, hash: fromHex(hash) },
    { size, root: fromHex(root) },
    proof.map((item) => fromHex(item)),
  );
const consistent = ({ first, size, firstRoot, root, proof }: Consistency) =>
  isConsistent(
    { size: first, root: fromHex(firstRoot) },
    { size, root: fromHex(root) },
    proof.map((item) => fromHex(item)),
  );

/** MTH of section 2.1, word for word. */
function rootOf(hashes: readonly Uint8Array[]): Uint8Array {
  if (hashes.length === 0) return tree.emptyRoot();
  if (hashes.length === 1) return hashes[0] as Uint8Array;
  let middle = 1;
  while (middle * 2 < hashes.length) middle *= 2;
  return nodeHash(rootOf(hashes.slice(0, middle)), rootOf(hashes.slice(middle)));
}

const leaves = vectors.leaves.map((leaf) => leafHash(fromHex(leaf)));
const some = Array.from({ length: 40 }, (_, at) => leafHash(Uint8Array.of(at)));
const hashOf = ({ level, index }: tree.Node) => rootOf(some.slice(index * 2 ** level, (index + 1) * 2 ** level));

test("section 2.1: roots of 0 to 8 leaves", () => {
  for (const [size, root] of vectors.roots.entries()) {
    assert.equal(toHex(rootOf(leaves.slice(0, size))), root);
    assert.equal(toHex(tree.rootOf(append(NO_LEAVES, leaves.slice(0, size)).tree)), root);
  }
});

test("section 2.1.3: the proofs of the example", () => {
  const pairs = (plan: tree.Plan) => plan.map((nodes) => nodes.map(({ level, index }) => [level, index]));
  for (const { leaf, size, plan } of vectors.example.inclusion) assert.deepEqual(pairs(planInclusion({ leaf, size })), plan);
  for (const { first, size, plan } of vectors.example.consistency)
    assert.deepEqual(pairs(planConsistency({ first, size })), plan);
});

test("vectors of our own", () => {
  for (const vector of vectors.valid.inclusion) assert.ok(included(vector), JSON.stringify(vector));
  for (const vector of vectors.valid.consistency) assert.ok(consistent(vector), JSON.stringify(vector));
  for (const vector of vectors.invalid.inclusion) assert.equal(included(vector), false, vector.name);
  for (const vector of vectors.invalid.consistency) assert.equal(consistent(vector), false, vector.name);
  assert.ok(vectors.invalid.inclusion.length > vectors.valid.inclusion.length);
  assert.ok(vectors.invalid.consistency.length > vectors.valid.consistency.length);
});

test("every leaf of every small tree is proven, and as nothing else", () => {
  for (let size = 1; size <= some.length; size++) {
    const root = rootOf(some.slice(0, size));
    for (let leaf = 0; leaf < size; leaf++) {
      const proof = gather(planInclusion({ leaf, size }), hashOf);
      const hash = some[leaf] as Uint8Array;
      assert.ok(isIncluded({ leaf, hash }, { size, root }, proof), `${leaf} of ${size}`);
      const others = [leaf - 1, leaf + 1].filter((other) => isIncluded({ leaf: other, hash }, { size, root }, proof));
      assert.deepEqual(others, []);
      assert.equal(isIncluded({ leaf, hash }, { size, root }, [...proof, root]), false);
      assert.equal(proof.length > 0 && isIncluded({ leaf, hash }, { size, root }, proof.slice(1)), false);
    }
  }
});

test("every small tree continues every smaller one, and no other", () => {
  for (let size = 0; size <= some.length; size++) {
    const root = rootOf(some.slice(0, size));
    for (let first = 0; first <= size; first++) {
      const before = { size: first, root: rootOf(some.slice(0, first)) };
      const proof = gather(planConsistency({ first, size }), hashOf);
      assert.ok(isConsistent(before, { size, root }, proof), `${first} to ${size}`);
      assert.equal(isConsistent(before, { size, root }, [...proof, root]), false);
      const other = leaves[0] as Uint8Array;
      assert.equal(isConsistent(before, { size, root: other }, proof), first === 0 && size > 0);
      assert.equal(isConsistent({ ...before, root: other }, { size, root }, proof), false);
      assert.equal(first > 0 && isConsistent({ ...before, size: first - 1 }, { size, root }, proof), false);
    }
  }
});

test("the largest trees: proofs stay short and verify", () => {
  // All leaves are the same, so a complete sub-tree's hash depends on its height alone.
  const byLevel = [leafHash(new Uint8Array())];
  for (let level = 1; level < 54; level++)
    byLevel.push(nodeHash(byLevel[level - 1] as Uint8Array, byLevel[level - 1] as Uint8Array));
  const of = ({ level }: tree.Node) => byLevel[level] as Uint8Array;
  const rootAt = (size: number) => tree.rootOf({ size, hashes: tree.planFrontier(size).map(of) });
  const sizes = fc.oneof(
    fc.maxSafeNat(),
    fc.integer({ min: 0, max: 52 }).map((level) => 2 ** level),
  );
  const property = fc.property(sizes, sizes, (one, other) => {
    const [first, size] = one < other ? [one, other] : [other, one];
    const proof = gather(planConsistency({ first, size }), of);
    assert.ok(proof.length <= tree.MAX_PROOF);
    assert.ok(isConsistent({ size: first, root: rootAt(first) }, { size, root: rootAt(size) }, proof));
    if (first === size) return;
    const path = gather(planInclusion({ leaf: first, size }), of);
    assert.ok(path.length <= tree.MAX_PROOF);
    assert.ok(isIncluded({ leaf: first, hash: of({ level: 0, index: first }) }, { size, root: rootAt(size) }, path));
  });
  fc.assert(property, { numRuns: 200 });
});

test("appending: in any portions the same tree, and each sub-tree is made once", () => {
  const portions = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 8 });
  const property = fc.property(portions, (sizes) => {
    let grown: tree.Frontier = NO_LEAVES;
    const made = new Map<string, string>();
    for (const size of sizes) {
      const step = append(grown, some.slice(grown.size, grown.size + size));
      for (const node of step.made) {
        const name = `${node.level} ${node.index}`;
        assert.equal(made.has(name), false);
        made.set(name, toHex(node.hash));
        assert.equal(toHex(node.hash), toHex(hashOf(node)));
      }
      grown = step.tree;
    }
    const all = some.slice(0, grown.size);
    assert.equal(grown.size, all.length);
    assert.deepEqual(tree.rootOf(grown), rootOf(all));
    assert.deepEqual(grown.hashes, tree.planFrontier(grown.size).map(hashOf));
    let complete = 0;
    for (let count = grown.size; count > 0; count = Math.floor(count / 2)) complete += count;
    assert.equal(made.size, complete);
  });
  fc.assert(property, { numRuns: 50 });
});

test("numbers that are none are refused, and no verdict is given on them", () => {
  const BAD = { code: "BAD_VALUE" };
  for (const size of [-1, 1.5, Number.NaN, 2 ** 53]) {
    assert.throws(() => tree.planFrontier(size), BAD);
    assert.throws(() => planInclusion({ leaf: 0, size }), BAD);
    assert.throws(() => planInclusion({ leaf: size, size: 8 }), BAD);
    assert.throws(() => planConsistency({ first: 0, size }), BAD);
    assert.throws(() => planConsistency({ first: size, size: 8 }), BAD);
    const root = tree.emptyRoot();
    assert.equal(isIncluded({ leaf: size, hash: root }, { size: 1, root }, []), false);
    assert.equal(isIncluded({ leaf: 0, hash: root }, { size, root }, []), false);
    assert.equal(isConsistent({ size, root }, { size, root }, []), false);
    assert.equal(isConsistent({ size: 0, root }, { size, root }, []), false);
  }
  assert.throws(() => planInclusion({ leaf: 8, size: 8 }), BAD);
  assert.throws(() => planConsistency({ first: 9, size: 8 }), BAD);
  const [first, second] = [leaves[0] as Uint8Array, leaves[1] as Uint8Array];
  const short = first.subarray(1);
  assert.equal(isIncluded({ leaf: 0, hash: short }, { size: 1, root: short }, []), false);
  assert.equal(isConsistent({ size: 1, root: short }, { size: 1, root: short }, []), false);
  const long = Array.from({ length: tree.MAX_PROOF + 1 }, () => second);
  assert.equal(isIncluded({ leaf: 0, hash: first }, { size: 1, root: first }, long), false);
});

type Third = {
  leafIdx: number;
  treeSize: number;
  leafHash: string;
  size1: number;
  size2: number;
  root: string;
  root1: string;
  root2: string;
  proof: string[] | null;
  wantErr: boolean;
};
const of64 = (text: string) => new Uint8Array(Buffer.from(text, "base64"));

function casesOf(folder: string): Third[] {
  const base = new URL(`${folder}/`, third);
  const files = readdirSync(base, { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".json"));
  return files.map((file) => JSON.parse(readFileSync(new URL(file, base), "utf8")));
}

test("transparency-dev/merkle: inclusion", {
  skip: existsSync(third) ? false : "needs ../shared/vectors/rfc6962-merkle",
}, () => {
  const cases = casesOf("inclusion");
  assert.equal(cases.length, 5);
  for (const { leafIdx: leaf, treeSize: size, leafHash: hash, root, proof, wantErr } of cases) {
    const verdict = isIncluded({ leaf, hash: of64(hash) }, { size, root: of64(root) }, (proof ?? []).map(of64));
    assert.equal(verdict, !wantErr);
  }
});

test("transparency-dev/merkle: consistency", {
  skip: existsSync(third) ? false : "needs ../shared/vectors/rfc6962-merkle",
}, () => {
  const cases = casesOf("consistency");
  assert.equal(cases.length, 5);
  for (const { size1, size2, root1, root2, proof, wantErr } of cases) {
    const verdict = isConsistent(
      { size: size1, root: of64(root1) },
      { size: size2, root: of64(root2) },
      (proof ?? []).map(of64),
    );
    assert.equal(verdict, !wantErr);
  }
});
