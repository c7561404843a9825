/** The tree of the log in the database: full tiles beside the leaves, and what the vault has signed of it. */

import * as tiles from "@strongroom/core/audit/tile";
import { append, gather, leafHash, NO_LEAVES, type Node, type Plan, planFrontier, rootOf } from "@strongroom/core/audit/tree";
import { fromHex, type Hash, toHex } from "@strongroom/core/bytes";
import type { ColumnType, Selectable } from "kysely";
import type { Reader, Tx } from "../db/tables.ts";
import { problem } from "../http/call.ts";

type TileTable = { level: number; index: number; bytes: Uint8Array; hash: string };
type CheckpointTable = {
  size: number;
  root: string;
  at: Date;
  checkpoint: Uint8Array;
  note: string;
};
type LookTable = {
  name: ColumnType<string, string, never>;
  ok: boolean;
  detail: string;
  number: number | null;
  size: number;
  at: Date;
};
export type AuditTables = {
  audit_tile: TileTable;
  audit_asked: { size: number };
  audit_checkpoint: CheckpointTable;
  audit_look: LookTable;
};
export type CheckpointRow = Selectable<CheckpointTable>;
export type LookRow = Selectable<LookTable>;

const WIDTH = tiles.TILE_WIDTH;

/** Adds the full tiles that the leaves from `from` up to `to` complete. The leaves are there already. Fails: RECORD_TAMPERED.
 *  */
export async function growTree(tx: Tx, { from, to }: { from: number; to: number }): Promise<void> {
  let [first, end] = [Math.floor(from / WIDTH), Math.floor(to / WIDTH)];
  for (let level = 0; first < end; level++) {
    for (let index = first; index < end; index++) {
      const bytes = await makeTile(tx, { level, index, width: WIDTH });
      await tx
        .insertInto("audit_tile")
        .values({ level, index, bytes, hash: toHex(hashOver(bytes)) })
        .execute();
    }
    [first, end] = [Math.floor(first / WIDTH), Math.floor(end / WIDTH)];
  }
}

/** Root of the complete tree over the hashes of a full tile. */
export function hashOver(tile: Uint8Array): Uint8Array {
  const hashes = Array.from({ length: tile.length / 32 }, (_, at) => tile.subarray(at * 32, at * 32 + 32));
  return rootOf(append(NO_LEAVES, hashes).tree);
}

type HashTile = { readonly level: number; readonly index: number; readonly width: number };

/** A tile from what lies below it: leaves, or the hashes of full tiles. Fails: RECORD_TAMPERED when some of it is not there. */
export async function makeTile(db: Reader, { level, index, width }: HashTile): Promise<Uint8Array> {
  const [from, to] = [index * WIDTH, index * WIDTH + width];
  const hashes = level === 0 ? await leafHashes(db, { from, to }) : await tileHashes(db, level - 1, { from, to });
  if (hashes.length !== width)
    problem("RECORD_TAMPERED", `log.${level}.${index}`, `${width - hashes.length} hashes are missing`);
  return fromHex(hashes.join(""));
}

type Range = { readonly from: number; readonly to: number };

async function leafHashes(db: Reader, { from, to }: Range): Promise<string[]> {
  const query = db.selectFrom("event").select("leaf_hash").where("number", ">=", from).where("number", "<", to);
  return (await query.orderBy("number").execute()).map((row) => row.leaf_hash);
}

async function tileHashes(db: Reader, level: number, { from, to }: Range): Promise<string[]> {
  const query = db.selectFrom("audit_tile").select("hash").where("level", "=", level);
  const rows = await query.where("index", ">=", from).where("index", "<", to).orderBy("index").execute();
  return rows.map((row) => row.hash);
}

/** A full tile as it was stored, with the hash over it; null when there is none. */
export async function storedTile(
  db: Reader,
  { level, index }: { level: number; index: number },
): Promise<Pick<TileTable, "bytes" | "hash"> | null> {
  const query = db.selectFrom("audit_tile").select(["bytes", "hash"]).where("level", "=", level).where("index", "=", index);
  return (await query.executeTakeFirst()) ?? null;
}

/** The first `width` hashes of a tile. Fails: RECORD_TAMPERED. */
export async function readTile(db: Reader, tile: HashTile): Promise<Uint8Array> {
  const stored = await storedTile(db, tile);
  return stored === null ? makeTile(db, tile) : stored.bytes.subarray(0, tile.width * 32);
}

/** A bundle of leaves. Fails: RECORD_TAMPERED. */
export async function readBundle(db: Reader, { index, width }: { index: number; width: number }): Promise<Uint8Array> {
  const from = index * WIDTH;
  const query = db
    .selectFrom("event")
    .select("leaf")
    .where("number", ">=", from)
    .where("number", "<", from + width);
  const rows = await query.orderBy("number").execute();
  if (rows.length !== width) problem("RECORD_TAMPERED", `log.entries.${index}`, `${width - rows.length} leaves are missing`);
  return tiles.writeEntries(rows.map((row) => row.leaf));
}

/** The hash of one leaf. Fails: RECORD_TAMPERED. */
export async function readLeafHash(db: Reader, number: number): Promise<Hash> {
  const row = await db.selectFrom("event").select("leaf").where("number", "=", number).executeTakeFirst();
  if (row === undefined) problem("RECORD_TAMPERED", `log.${number}`, "the leaf is missing");
  return toHex(leafHash(row.leaf)) as Hash;
}

/** The hashes that a plan names, from tiles alone. Fails: RECORD_TAMPERED. */
export async function readPlan(db: Reader, plan: Plan): Promise<readonly Uint8Array[]> {
  const needed = new Map<string, HashTile>();
  const name = ({ level, index }: HashTile) => `${level}/${index}`;
  for (const tile of plan.flat().map(tiles.tileOf)) {
    const known = needed.get(name(tile));
    if (known === undefined || known.width < tile.width) needed.set(name(tile), tile);
  }
  const read = new Map<string, Uint8Array>();
  for (const [key, tile] of needed) read.set(key, await readTile(db, tile));
  return gather(plan, (node: Node) => tiles.hashIn(node, read.get(name(tiles.tileOf(node))) ?? new Uint8Array()));
}

/** Root of the first `size` leaves. Fails: RECORD_TAMPERED. */
export async function readRoot(db: Reader, size: number): Promise<Hash> {
  const hashes = await readPlan(
    db,
    planFrontier(size).map((node) => [node]),
  );
  return toHex(rootOf({ size, hashes })) as Hash;
}

/** The newest checkpoint, or null. */
export async function newestCheckpoint(db: Reader): Promise<CheckpointRow | null> {
  const query = db.selectFrom("audit_checkpoint").selectAll().orderBy("size", "desc").limit(1);
  return (await query.executeTakeFirst()) ?? null;
}

/** How many checkpoints were signed since then. */
export async function countCheckpoints(db: Reader, since: Date): Promise<number> {
  const query = db.selectFrom("audit_checkpoint").select((eb) => eb.fn.countAll<number>().as("count"));
  return (await query.where("at", ">=", since).executeTakeFirstOrThrow()).count;
}

/** Checkpoints by size, those over more leaves than `after`. */
export async function listCheckpoints(db: Reader, { after, take }: { after: number; take: number }): Promise<CheckpointRow[]> {
  return db.selectFrom("audit_checkpoint").selectAll().where("size", ">", after).orderBy("size").limit(take).execute();
}

/** Says that the vault is about to be asked, and gives the sizes of earlier askings whose answer is not stored. */
export async function noteAsking(tx: Tx, size: number): Promise<number[]> {
  const open = await tx.selectFrom("audit_asked").select("size").where("size", "<", size).orderBy("size", "desc").execute();
  await tx
    .insertInto("audit_asked")
    .values({ size })
    .onConflict((on) => on.doNothing())
    .execute();
  return open.map((row) => row.size);
}

/** Whether somebody is asking, or has asked, for more leaves than these. Looked at before the checkpoints, into which it
 *  turns. */
export async function isAsked(db: Reader, size: number): Promise<boolean> {
  return (await db.selectFrom("audit_asked").select("size").where("size", ">", size).limit(1).executeTakeFirst()) !== undefined;
}

/** Stores a checkpoint and forgets the askings up to it. */
export async function insertCheckpoint(tx: Tx, row: CheckpointRow): Promise<void> {
  await tx.deleteFrom("audit_asked").where("size", "<=", row.size).execute();
  await tx
    .insertInto("audit_checkpoint")
    .values(row)
    .onConflict((on) => on.doNothing())
    .execute();
}

export async function saveLook(tx: Tx, row: LookRow): Promise<void> {
  const { name, ...found } = row;
  await tx
    .insertInto("audit_look")
    .values(row)
    .onConflict((on) => on.column("name").doUpdateSet(found))
    .execute();
}

export async function readLooks(db: Reader): Promise<LookRow[]> {
  return db.selectFrom("audit_look").selectAll().orderBy("name").execute();
}
