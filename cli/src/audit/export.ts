/** Brings a log from a server into a folder that needs no server any more. What is there already and full is not fetched
 *  again. The checkpoint comes last, so that a folder with one is whole. */
import { join } from "node:path";
import { formatTile, TILE_WIDTH, type Tile, widthOf } from "@strongroom/core/audit/tile";
import { decode, Signed } from "@strongroom/core/signed/object";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import type { Client } from "@strongroom/sdk/client";
import { readIfThere, writeWhole } from "../device/files.ts";

const READABLE = 0o644;

/** Gives how many leaves there are and how many files were fetched. */
export async function exportLog(client: Client, folder: string): Promise<{ size: number; root: string; fetched: number }> {
  const { size, root, checkpoint, note } = await client.call("audit.checkpoint");
  const vault = await client.call("vault.get");
  let fetched = 0;
  for (const tile of tilesOf(size)) {
    const path = formatTile(tile);
    if (tile.width === TILE_WIDTH && (await readIfThere(join(folder, path))) !== null) continue;
    const bytes = await client.call("audit.tile", { params: { "*": path.slice("tile/".length) } });
    await writeWhole(join(folder, path), bytes, READABLE);
    fetched += 1;
  }
  for (const [epoch, signed] of await rulebooksOf(client, vault.rulebook)) {
    await writeWhole(join(folder, "rulebooks", `${epoch}.cbor`), signed, READABLE);
  }
  await writeWhole(join(folder, "genesis.cbor"), vault.genesis, READABLE);
  await writeWhole(join(folder, "checkpoint.cbor"), checkpoint, READABLE);
  await writeWhole(join(folder, "checkpoint"), note, READABLE);
  return { size, root, fetched };
}

/** Every tile and bundle of a log. */
function* tilesOf(size: number): Generator<Tile> {
  for (const level of ["entries", 0, 1, 2, 3, 4, 5, 6] as const) {
    for (let index = 0; ; index++) {
      const width = widthOf({ level, index }, size);
      if (width === 0) break;
      yield { level, index, width };
    }
  }
}

/** The rulebooks that were in force, by their epochs. */
async function rulebooksOf(client: Client, current: Uint8Array): Promise<ReadonlyMap<number, Uint8Array>> {
  const signed = [current];
  for await (const { state, rulebook } of client.each("rulebooks.list")) if (state === "adopted") signed.push(rulebook);
  return new Map(signed.map((bytes) => [decode(Rulebook, decode(Signed, bytes).body).epoch, bytes]));
}
