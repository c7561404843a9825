/** C2SP tlog-tiles: paths, what lies in which tile, bundles of entries. */
import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { concat } from "../bytes.ts";
import {
  formatTile,
  hashIn,
  MAX_ENTRY_BYTES,
  parseTile,
  readEntries,
  TILE_WIDTH,
  type Tile,
  tileOf,
  widthOf,
  writeEntries,
} from "./tile.ts";
import {
  append,
  gather,
  isConsistent,
  isIncluded,
  leafHash,
  NO_LEAVES,
  type Node,
  planConsistency,
  planInclusion,
  rootOf,
} from "./tree.ts";

const BAD = { code: "BAD_VALUE" };
const MALFORMED = { code: "MALFORMED" };

test("paths, as the standard has them", () => {
  const cases: readonly [string, Tile][] = [
    ["tile/0/000", { level: 0, index: 0, width: 256 }],
    ["tile/0/x001/x234/067", { level: 0, index: 1_234_067, width: 256 }],
    ["tile/0/x001/x234/067.p/8", { level: 0, index: 1_234_067, width: 8 }],
    ["tile/entries/273.p/112", { level: "entries", index: 273, width: 112 }],
    ["tile/1/001.p/17", { level: 1, index: 1, width: 17 }],
    ["tile/entries/x001/000", { level: "entries", index: 1_000, width: 256 }],
    ["tile/6/999.p/255", { level: 6, index: 999, width: 255 }],
  ];
  for (const [path, tile] of cases) {
    assert.equal(formatTile(tile), path);
    assert.deepEqual(parseTile(path), tile);
  }
});

test("any tile has one path", () => {
  const level = fc.oneof(fc.integer({ min: 0, max: 6 }), fc.constant("entries" as const));
  const tiles = fc.record(
    { level, index: fc.maxSafeNat(), width: fc.integer({ min: 1, max: 256 }) },
    { noNullPrototype: true },
  );
  fc.assert(fc.property(tiles, (tile) => assert.deepEqual(parseTile(formatTile(tile)), tile)));
});

test("other paths are refused", () => {
  const paths = [
    ...["", "/tile/0/000", "tile/0/000/", "tile/0/00", "tile/0/0000", "tile/0/x000/067", "tile/0/x001/67", "tile/0/001/067"],
    ...["tile/0/x1/067", "tile/7/000", "tile/9/000", "tile/00/000", "tile/-1/000", "tile/data/000", "tile/0/X001/067"],
    ...["tile/0/000.p/0", "tile/0/000.p/256", "tile/0/000.p/08", "tile/0/000.p/", "tile/0/000.p/999", "tile/0/x001.p/3/067"],
    ...["tile/0/000.P/1", "tile/0/000\n", "tile/0/x009/x007/x199/x254/x740/992", "tile/0/x001/x001/x001/x001/x001/x001/001"],
    ...["tile/entries/0", "tile/0/٠٠٠", "tile/0/../000", "checkpoint"],
  ];
  for (const path of paths) assert.throws(() => parseTile(path), BAD, path);
  const good = { level: 0, index: 0, width: 1 };
  const tiles = [{ level: 7 }, { level: -1 }, { level: 0.5 }, { index: -1 }, { index: 2 ** 53 }, { width: 0 }, { width: 257 }];
  for (const change of tiles) assert.throws(() => formatTile({ ...good, ...change }), BAD, JSON.stringify(change));
  assert.throws(() => formatTile({ ...good, width: 1.5 }), BAD);
});

test("how much of a tile a tree fills", () => {
  const size = 70_000;
  const width = (level: Tile["level"], index: number) => widthOf({ level, index }, size);
  assert.deepEqual([width("entries", 273), width("entries", 0), width("entries", 274)], [112, 256, 0]);
  assert.deepEqual([width(0, 273), width(1, 1), width(1, 0), width(1, 2), width(2, 0), width(3, 0)], [112, 17, 256, 0, 1, 0]);
});

/** A log as a server holds it: the level-8n hashes of all complete sub-trees, in tiles. */
function tilesOf(count: number) {
  const leaves = Array.from({ length: count }, (_, at) => leafHash(Uint8Array.of(at >> 8, at & 255)));
  const { tree, made } = append(NO_LEAVES, leaves);
  const tiles = new Map<string, Uint8Array[]>();
  for (const { level, index, hash } of made) {
    if (level % 8 !== 0) continue;
    const name = `${level / 8}/${Math.floor(index / TILE_WIDTH)}`;
    tiles.set(name, [...(tiles.get(name) ?? []), hash]);
  }
  const hashOf = (node: Node) => {
    const { level, index, width } = tileOf(node);
    const tile = tiles.get(`${level}/${index}`) ?? [];
    assert.ok(width <= tile.length);
    return hashIn(node, concat(...tile));
  };
  return { leaves, tree, made, hashOf, rootAt: (size: number) => rootOf(append(NO_LEAVES, leaves.slice(0, size)).tree) };
}

test("every sub-tree's hash is found in its tile, and proofs are made from tiles alone", () => {
  const { leaves, tree, made, hashOf, rootAt } = tilesOf(700);
  for (const node of made) assert.deepEqual(hashOf(node), node.hash);
  const root = rootOf(tree);
  for (const leaf of [0, 255, 256, 511, 512, 699]) {
    const proof = gather(planInclusion({ leaf, size: 700 }), hashOf);
    assert.ok(isIncluded({ leaf, hash: leaves[leaf] as Uint8Array }, { size: 700, root }, proof));
  }
  for (const first of [1, 255, 256, 257, 512, 600]) {
    const proof = gather(planConsistency({ first, size: 700 }), hashOf);
    assert.ok(isConsistent({ size: first, root: rootAt(first) }, { size: 700, root }, proof));
  }
});

test("a tile that is too narrow is refused", () => {
  const tile = new Uint8Array(32 * 4);
  assert.deepEqual(hashIn({ level: 0, index: 3 }, tile), new Uint8Array(32));
  assert.throws(() => hashIn({ level: 0, index: 4 }, tile), MALFORMED);
  assert.throws(() => hashIn({ level: 2, index: 0 }, tile.subarray(1)), MALFORMED);
});

test("entries: what is written is read back, cuts and surplus are refused", () => {
  const entries = [new Uint8Array(), Uint8Array.of(1), new Uint8Array(MAX_ENTRY_BYTES).fill(7), new Uint8Array(300)];
  const bundle = writeEntries(entries);
  assert.deepEqual([...bundle.subarray(0, 5)], [0, 0, 0, 1, 1]);
  assert.deepEqual(readEntries(bundle, 4), entries);
  assert.deepEqual(readEntries(new Uint8Array(), 0), []);
  assert.throws(() => readEntries(bundle, 3), MALFORMED);
  assert.throws(() => readEntries(bundle, 5), MALFORMED);
  assert.throws(() => readEntries(bundle.subarray(0, -1), 4), MALFORMED);
  assert.throws(() => readEntries(Uint8Array.of(...bundle.subarray(0, 5), 0), 3), MALFORMED);
  assert.throws(() => readEntries(Uint8Array.of(0), 0), MALFORMED);
  const TOO_LARGE = { code: "TOO_LARGE" };
  assert.throws(() => writeEntries([new Uint8Array(MAX_ENTRY_BYTES + 1)]), TOO_LARGE);
  assert.throws(() => writeEntries(Array.from({ length: 257 }, () => new Uint8Array())), TOO_LARGE);
});
