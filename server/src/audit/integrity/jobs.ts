/** Goes over the whole log as it lies in the database and names the first thing that somebody has changed: leaves against
 *  their columns and data, tiles against leaves, roots against what the vault has signed. Reads only. */
import { TILE_WIDTH as WIDTH } from "@strongroom/core/audit/tile";
import { append, type Frontier, NO_LEAVES, rootOf } from "@strongroom/core/audit/tree";
import { fromHex, toHex } from "@strongroom/core/bytes";
import type { Reader } from "../../db/tables.ts";
import { wrongIn } from "../../events/rules.ts";
import { countEvents, type EventRow, readEvents } from "../../events/store.ts";
import { limits } from "../../host/limits.ts";
import type { View } from "../../vault/link.ts";
import { wrongInCheckpoint } from "../checkpoints/jobs.ts";
import * as store from "../store.ts";

/** `number`: the first leaf that is wrong, or the first that a wrong tile or checkpoint covers. */
export type Wrong = { readonly number: number; readonly detail: string };
/** How many leaves and checkpoints hold, up to the first thing that does not. */
export type Checked = { readonly size: number; readonly checkpoints: number; readonly wrong: Wrong | null };

type Self = Pick<View, "deployment" | "line">;
type Walk = { readonly db: Reader; readonly view: Self; readonly signal?: AbortSignal };

/** Checks all that is there now; what is appended meanwhile is left to the next time. */
export async function checkLog({ db, view, signal }: Walk): Promise<Checked> {
  const size = await countEvents(db);
  const signed = checkpointsOf(db);
  let tree: Frontier = NO_LEAVES;
  let [due, held, checkpoints] = [await signed(), 0, 0];
  const done = (wrong: Wrong | null): Checked => ({ size: tree.size, checkpoints, wrong });
  while (tree.size < size && signal?.aborted !== true) {
    // No further than the end of a tile and the next checkpoint, whichever comes first.
    const range = { from: tree.size, to: Math.min(size, tree.size + WIDTH - (tree.size % WIDTH), due?.size ?? size) };
    const rows = await readEvents(db, range);
    const wrong = wrongLeaf(rows, range, view);
    if (wrong !== null) return done(wrong);
    const hashes = rows.map((row) => fromHex(row.leaf_hash));
    const grown = append(tree, hashes).tree;
    const tile = await wrongTile(db, grown.size);
    if (tile !== null) return done(tile);
    if (grown.size === due?.size) {
      const bad = wrongCheckpoint(due, { root: toHex(rootOf(grown)), held, view });
      if (bad !== null) return done(bad);
      [held, checkpoints, due] = [grown.size, checkpoints + 1, await signed()];
    }
    tree = grown;
  }
  // A checkpoint over what was appended meanwhile is left to the next time, too.
  const isLater = due !== undefined && due.size > size && due.size <= (await countEvents(db));
  if (due === undefined || isLater || signal?.aborted === true) return done(null);
  const detail = wrongInCheckpoint(due, view) ?? `there are only ${size} leaves`;
  return done({ number: size, detail: `The checkpoint over ${due.size} leaves: ${detail}.` });
}

/** Gives the checkpoints one after the other, by their sizes. */
function checkpointsOf(db: Reader): () => Promise<store.CheckpointRow | undefined> {
  const take = limits.log.checkRows;
  let page: store.CheckpointRow[] = [];
  let after = 0;
  return async () => {
    if (page.length === 0) page = await store.listCheckpoints(db, { after, take });
    const next = page.shift();
    after = next?.size ?? after;
    return next;
  };
}

type Standing = { readonly root: string; readonly held: number; readonly view: Self };

function wrongCheckpoint(row: store.CheckpointRow, { root, held, view }: Standing): Wrong | null {
  const changed = wrongInCheckpoint(row, view);
  const [number, last] = [held, row.size - 1];
  if (changed !== null)
    return { number: last, detail: `The checkpoint over ${row.size} leaves: ${changed} is not as it was signed.` };
  if (row.root === root) return null;
  return {
    number,
    detail: `Leaves ${held} to ${last} are not those that the vault has signed: some were replaced as a whole.`,
  };
}

function wrongLeaf(rows: readonly EventRow[], { from, to }: { from: number; to: number }, view: Self): Wrong | null {
  for (let number = from; number < to; number++) {
    const row = rows[number - from];
    if (row?.number !== number) return { number, detail: `Leaf ${number} is missing.` };
    const column = wrongIn(row, { deployment: view.deployment, number });
    if (column !== null) return { number, detail: `Leaf ${number}: ${column} is not what was logged.` };
  }
  return null;
}

/** The stored tiles that hold leaf `size - 1`: on the lowest level up to that leaf, on others where it completes them. */
async function wrongTile(db: Reader, size: number): Promise<Wrong | null> {
  for (let level = 0, count = size; Number.isInteger(count) && count > 0; level++, count /= WIDTH) {
    const index = Math.ceil(count / WIDTH) - 1;
    const width = count - index * WIDTH;
    if (level > 0 && width < WIDTH) return null;
    const stored = await store.storedTile(db, { level, index });
    if (stored === null && width < WIDTH) return null;
    const first = index * WIDTH ** (level + 1);
    if (stored === null) return { number: first, detail: `Tile ${level}/${index} is missing.` };
    const made = await store.makeTile(db, { level, index, width });
    const at = made.findIndex((byte, place) => byte !== stored.bytes[place]);
    const number = first + Math.floor(at / 32) * WIDTH ** level;
    if (at >= 0) return { number, detail: `Tile ${level}/${index} is not made of what lies below it, from leaf ${number} on.` };
    if (width === WIDTH && toHex(store.hashOver(made)) !== stored.hash)
      return { number: first, detail: `The hash of tile ${level}/${index} is not that of the tile.` };
  }
  return null;
}
