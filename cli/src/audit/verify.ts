/** Verifies a whole log from files alone: the genesis that is pinned, the vault's signatures in both forms, every leaf, every
 *  tile and the root; and, with a checkpoint that somebody has kept, that nothing before it was rewritten. Believes nobody.
 *  */
import { Leaf } from "@strongroom/core/audit/leaf";
import { formatTile, readEntries, TILE_WIDTH, type Tile } from "@strongroom/core/audit/tile";
import { append, type Frontier, leafHash, NO_LEAVES, rootOf } from "@strongroom/core/audit/tree";
import { concat, type Hash, toHex } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import type { Book } from "@strongroom/core/rulebook/book";
import type { Genesis } from "@strongroom/core/signed/genesis";
import { decode } from "@strongroom/core/signed/object";
import { raise } from "@strongroom/sdk/faults";
import { type Extent, openCheckpoint, openLogNote } from "@strongroom/sdk/verify/log";
import { openGenesis, openRulebook } from "@strongroom/sdk/verify/rulebook";
import { demandFile, type Place } from "./place.ts";

const HASH_BYTES = 32;

export type Verified = {
  readonly institution: string;
  readonly deployment: Hash;
  readonly origin: string;
  readonly size: number;
  readonly root: Hash;
  /** The vault's time of the checkpoint; null where only the note is there. */
  readonly at: number | null;
  readonly since: Extent | null;
  readonly tiles: number;
  /** Epoch of the newest rulebook in the folder. */
  readonly epoch: number | null;
};

/** `genesis`: the signed record where it is not to be taken from the place. `since`: a checkpoint that an outsider kept, as a
 *  note or as the signed object. */
export type Given = { readonly pin: Hash; readonly genesis: Uint8Array | null; readonly since: Uint8Array | null };

/** Fails: GENESIS_FOREIGN, LOG_FORGED, RULEBOOK_UNTRUSTED for a lie; FILE_UNFIT for what is missing. */
export async function verifyLog(place: Place, { pin, genesis: own, since }: Given): Promise<Verified> {
  const genesis = openGenesis(own ?? (await demandFile(place, "genesis.cbor")), pin);
  const self = { vaultKey: genesis.vaultKey, deployment: pin };
  const note = openLogNote(textOf(await demandFile(place, "checkpoint")), self);
  const signed = await place.read("checkpoint.cbor");
  const object = signed === null ? null : openCheckpoint(signed, { ...self, origin: note.origin });
  if (object !== null && (object.size !== note.size || object.root !== note.root))
    raise("LOG_FORGED", "checkpoint", `the note is about ${note.size} leaves and root ${note.root}, the signed object is not`);
  const kept = since === null ? null : openKept(since, { ...self, origin: note.origin });
  const tiles = await verifyTree(place, { head: note, deployment: pin, kept });
  const epoch = (await openRulebooks(place, genesis))?.document.epoch ?? null;
  const { origin, size, root } = note;
  return {
    institution: genesis.institution,
    deployment: pin,
    origin,
    size,
    root,
    at: object?.at ?? null,
    since: kept,
    tiles,
    epoch,
  };
}

/** A checkpoint that was kept, in either form. */
function openKept(bytes: Uint8Array, self: { vaultKey: string; deployment: Hash; origin: string }): Extent {
  const isNote = bytes.includes(0x0a) && /^[ -~]+\n\d+\n/.test(textOf(bytes.subarray(0, 256)));
  return isNote ? openLogNote(textOf(bytes), self) : openCheckpoint(bytes, self);
}

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

type Aim = { readonly head: Extent; readonly deployment: Hash; readonly kept: Extent | null };

/** Walks over all leaves, holds every tile against them, and the roots against what was signed. Gives the number of tiles. */
async function verifyTree(place: Place, { head, deployment, kept }: Aim): Promise<number> {
  if (kept !== null && kept.size > head.size)
    raise("LOG_FORGED", "since", `the vault has signed ${kept.size} leaves before, and this log has ${head.size}`);
  const levels = levelsOf(place);
  let tree: Frontier = NO_LEAVES;
  const demandKept = (): void => {
    if (kept?.size === tree.size && toHex(rootOf(tree)) !== kept.root)
      raise("LOG_FORGED", "since", `the first ${kept.size} leaves are not those of the checkpoint that was kept`);
  };
  demandKept();
  while (tree.size < head.size) {
    const index = tree.size / TILE_WIDTH;
    const width = Math.min(TILE_WIDTH, head.size - tree.size);
    const leaves = await readLeaves(place, { index, width, deployment });
    const hashes = leaves.map(leafHash);
    await levels.take(0, hashes);
    const before = kept === null ? 0 : Math.min(Math.max(kept.size - tree.size, 0), width);
    tree = append(tree, hashes.slice(0, before)).tree;
    demandKept();
    tree = append(tree, hashes.slice(before)).tree;
  }
  await levels.end();
  if (toHex(rootOf(tree)) !== head.root)
    raise("LOG_FORGED", "root", `these ${head.size} leaves have the root ${toHex(rootOf(tree))}, signed is ${head.root}`);
  return levels.count();
}

type Bundle = { readonly index: number; readonly width: number; readonly deployment: Hash };

async function readLeaves(place: Place, { index, width, deployment }: Bundle): Promise<readonly Uint8Array[]> {
  const path = formatTile({ level: "entries", index, width });
  const bundle = await demandFile(place, path);
  const entries = attempt(() => readEntries(bundle, width));
  if (!entries.ok) raise("LOG_FORGED", path, entries.detail);
  for (const [at, bytes] of entries.value.entries()) {
    const number = index * TILE_WIDTH + at;
    const leaf = attempt(() => decode(Leaf, bytes));
    if (!leaf.ok) raise("LOG_FORGED", path, `leaf ${number} cannot be read: ${leaf.code} at ${leaf.field}`);
    if (leaf.value.number !== number) raise("LOG_FORGED", path, `leaf ${number} says that it is leaf ${leaf.value.number}`);
    if (leaf.value.deployment !== deployment) raise("LOG_FORGED", path, `leaf ${number} is of another deployment`);
  }
  return entries.value;
}

/** Collects hashes level by level and holds each tile against them as soon as it is full, or at the end. */
function levelsOf(place: Place) {
  const levels: { index: number; hashes: Uint8Array[] }[] = [];
  let count = 0;
  const demandTile = async (level: number): Promise<Uint8Array> => {
    const { index, hashes } = levels[level] ?? { index: 0, hashes: [] };
    const tile: Tile = { level, index, width: hashes.length };
    const path = formatTile(tile);
    const found = await demandFile(place, path);
    const made = concat(...hashes);
    const at = made.findIndex((byte, place) => byte !== found[place]);
    const first = (index * TILE_WIDTH + Math.floor(Math.max(at, 0) / HASH_BYTES)) * TILE_WIDTH ** level;
    if (at >= 0) raise("LOG_FORGED", path, `from leaf ${first} on it is not made of the leaves`);
    if (found.length !== made.length) raise("LOG_FORGED", path, `it has ${found.length} bytes, expected are ${made.length}`);
    count += 1;
    return rootOf(append(NO_LEAVES, hashes).tree);
  };
  const take = async (level: number, hashes: readonly Uint8Array[]): Promise<void> => {
    levels[level] ??= { index: 0, hashes: [] };
    const own = levels[level];
    own.hashes.push(...hashes);
    if (own.hashes.length < TILE_WIDTH) return;
    const root = await demandTile(level);
    levels[level] = { index: own.index + 1, hashes: [] };
    await take(level + 1, [root]);
  };
  return {
    take,
    async end() {
      for (const [level, { hashes }] of levels.entries()) if (hashes.length > 0) await demandTile(level);
    },
    count: () => count,
  };
}

/** The rulebooks of the folder in their order, each signed by administrators of the one before. */
async function openRulebooks(place: Place, genesis: Genesis): Promise<Book | null> {
  let book: Book | null = null;
  for (let epoch = 1; ; epoch++) {
    const signed = await place.read(`rulebooks/${epoch}.cbor`);
    if (signed === null) return book;
    book = openRulebook(signed, genesis, book);
    if (book.document.epoch !== epoch)
      raise("RULEBOOK_UNTRUSTED", `rulebooks/${epoch}.cbor`, `it is of epoch ${book.document.epoch}`);
  }
}
