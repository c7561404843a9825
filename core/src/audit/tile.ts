/** Tiles: how the log is published, so that any web server or disk can hold it and old parts never change.
 *
 *  A hash tile holds up to 256 hashes of one level, 32 bytes each; an entry bundle holds up to 256 leaves. A tile that is not
 *  full is partial and is found under its width. Not for storing them.   Source: C2SP, tlog-tiles, version 1. */
import { concat } from "../bytes.ts";
import { demand, refuse } from "../errors.ts";
import { append, NO_LEAVES, type Node, rootOf } from "./tree.ts";

/** Levels of the tree in one tile. */
const HEIGHT = 8;
/** Hashes or entries of a full tile. */
export const TILE_WIDTH = 2 ** HEIGHT;
/** No tree of ours has more levels of tiles: 7 · 8 > 53. */
const MAX_LEVEL = 6;
const HASH_BYTES = 32;
/** Longest entry that its length prefix can state. */
export const MAX_ENTRY_BYTES = 65_535;

/** Which tile. `level`: a hash tile's level (its hashes are of the tree's level 8 · level), or the bundles of entries.
 *  `width`: how many of its 256 places are filled, at least one. */
export type Tile = { readonly level: number | "entries"; readonly index: number; readonly width: number };

/** `tile/<level>/<index>`, with `.p/<width>` when it is partial, without a slash before. Fails: BAD_VALUE. */
export function formatTile({ level, index, width }: Tile): string {
  const isLevel = level === "entries" || (Number.isSafeInteger(level) && level >= 0 && level <= MAX_LEVEL);
  demand(isLevel, "BAD_VALUE", "level", `a level up to ${MAX_LEVEL} is expected`);
  demand(Number.isSafeInteger(index) && index >= 0, "BAD_VALUE", "index", "a tile's number is expected");
  const fits = Number.isSafeInteger(width) && width > 0 && width <= TILE_WIDTH;
  demand(fits, "BAD_VALUE", "width", `1 to ${TILE_WIDTH} is expected`);
  const digits = String(index);
  const groups = digits.padStart(Math.ceil(digits.length / 3) * 3, "0").match(/.{3}/g) as string[];
  const [last, ...before] = groups.reverse();
  const path = [...before.reverse().map((group) => `x${group}`), last].join("/");
  return `tile/${level}/${path}${width === TILE_WIDTH ? "" : `.p/${width}`}`;
}

const PATH = /^tile\/(entries|[0-9])\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([0-9]{1,3}))?$/;

/** The one tile with this path. Fails: BAD_VALUE for everything but the one form that `formatTile` gives. */
export function parseTile(path: string): Tile {
  const found = PATH.exec(path);
  if (found === null) refuse("BAD_VALUE", "path", "the path of a tile is expected");
  const [, level, groups = "", width] = found;
  const index = Number(groups.replaceAll(/[x/]/g, ""));
  const tile: Tile = {
    level: level === "entries" ? level : Number(level),
    index,
    width: width === undefined ? TILE_WIDTH : Number(width),
  };
  demand(formatTile(tile) === path, "BAD_VALUE", "path", "the path of a tile has one form only");
  return tile;
}

/** How many places of a tile the tree of `size` leaves fills; 0 when it does not reach that far. */
export function widthOf({ level, index }: Omit<Tile, "width">, size: number): number {
  const count = Math.floor(size / (level === "entries" ? 1 : TILE_WIDTH ** level));
  return Math.max(0, Math.min(TILE_WIDTH, count - index * TILE_WIDTH));
}

/** The tile, with the width that suffices, from which the hash of a complete sub-tree is computed. */
export function tileOf({ level, index }: Node): Tile & { readonly level: number } {
  const below = level % HEIGHT;
  const first = index * 2 ** below;
  const place = first % TILE_WIDTH;
  return { level: (level - below) / HEIGHT, index: (first - place) / TILE_WIDTH, width: place + 2 ** below };
}

/** Hash of a complete sub-tree from the bytes of its tile, which may be wider. Fails: MALFORMED when it is narrower. */
export function hashIn(node: Node, tile: Uint8Array): Uint8Array {
  const { width } = tileOf(node);
  const count = 2 ** (node.level % HEIGHT);
  demand(tile.length >= width * HASH_BYTES, "MALFORMED", "tile", `the tile is narrower than ${width} hashes`);
  const hashes = Array.from({ length: count }, (_, at) => {
    const from = (width - count + at) * HASH_BYTES;
    return tile.subarray(from, from + HASH_BYTES);
  });
  return rootOf(append(NO_LEAVES, hashes).tree);
}

/** A bundle: for each entry its length as u16 big-endian, then its bytes. Fails: TOO_LARGE. */
export function writeEntries(entries: readonly Uint8Array[]): Uint8Array {
  demand(entries.length <= TILE_WIDTH, "TOO_LARGE", "entries", `at most ${TILE_WIDTH} entries are in a bundle`);
  const parts = entries.flatMap((entry) => {
    demand(entry.length <= MAX_ENTRY_BYTES, "TOO_LARGE", "entry", `an entry has at most ${MAX_ENTRY_BYTES} bytes`);
    return [Uint8Array.of(entry.length >> 8, entry.length & 0xff), entry];
  });
  return concat(...parts);
}

/** The entries of a bundle, exactly `width` of them. Fails: MALFORMED. */
export function readEntries(bundle: Uint8Array, width: number): readonly Uint8Array[] {
  const entries: Uint8Array[] = [];
  let at = 0;
  while (at < bundle.length) {
    const [high, low] = bundle.subarray(at, at + 2);
    if (high === undefined || low === undefined) refuse("MALFORMED", "entries", "the bundle ends inside a length");
    const end = at + 2 + high * 256 + low;
    demand(end <= bundle.length, "MALFORMED", "entries", "the bundle ends inside an entry");
    entries.push(bundle.subarray(at + 2, end));
    at = end;
  }
  demand(entries.length === width, "MALFORMED", "entries", `exactly ${width} entries are expected`);
  return entries;
}
