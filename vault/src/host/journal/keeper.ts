/** Writes snapshots beside the running vault, one at a time, and removes the old ones.
 *
 *  A snapshot is only a shorter way to what the journal says, so whatever goes wrong here is told and nothing ends because of
 *  it. The state never changes, so it is written piece by piece while the vault goes on; between two pieces everything else has
 *  its turn. */

import { join } from "node:path";
import { setImmediate as turn } from "node:timers/promises";
import type { Hash } from "@strongroom/core/bytes";
import { snapshotName } from "@strongroom/core/journal/segment";
import { realFiles } from "../disk.ts";
import { systemCode } from "../fault.ts";
import { limits } from "../limits.ts";
import { listSnapshots, writeSnapshot } from "./snapshot.ts";
import type { Boundary, Place } from "./write.ts";

/** What the keeper works with. `from`: the snapshot that this start used. */
export type KeeperParts<State> = {
  readonly place: Place;
  readonly program: Hash;
  readonly encode: (state: State) => Iterable<Uint8Array>;
  readonly from: Boundary;
  readonly tell: (failure: string) => void;
};

export class Keeper<State> {
  readonly #parts: KeeperParts<State>;
  /** The newest snapshot that is whole, and how many records there were at the last attempt. */
  #good: number;
  #since: number;
  #work: Promise<void> | null = null;
  #open = true;
  #failure: string | null = null;

  constructor(parts: KeeperParts<State>) {
    this.#parts = parts;
    this.#good = parts.from.end.segment;
    this.#since = parts.from.end.sequence;
  }

  /** Why the last attempt failed, null when it did not. */
  get failure(): string | null {
    return this.#failure;
  }

  /** Whether so many records make a new snapshot worth while. */
  isDue(sequence: number, least: number = limits.snapshotRecords): boolean {
    return this.#work === null && sequence - this.#since >= least;
  }

  /** Begins to write the state at a boundary of the journal that is durable. */
  begin(state: State, boundary: Boundary): void {
    this.#since = boundary.end.sequence;
    this.#work = this.#write(state, boundary).finally(() => {
      this.#work = null;
    });
  }

  /** Gives up what is being written. */
  async close(): Promise<void> {
    this.#open = false;
    await this.#work;
  }

  async #write(state: State, boundary: Boundary): Promise<void> {
    const { place, program, encode, tell } = this.#parts;
    try {
      await writeSnapshot(place, { boundary, program, pieces: encode(state), pause: () => this.#pause() });
      await this.#prune(boundary.end.segment);
      this.#failure = null;
    } catch (error) {
      if (!this.#open) return;
      this.#failure = systemCode(error) || String(error);
      tell(`snapshot of ${boundary.end.sequence} records: ${this.#failure}`);
    }
  }

  /** Gives way to all else, and up when there is no more room than the journal may need. */
  async #pause(): Promise<void> {
    await turn();
    const { folder, files = realFiles } = this.#parts.place;
    const { bavail, bsize } = await files.statfs(folder);
    if (bavail * bsize < limits.spareBytes) throw Object.assign(new Error("the disk is nearly full"), { code: "ENOSPC" });
    if (!this.#open) throw new Error("the vault stops");
  }

  /** Removes all snapshots but the newest and the one before it that is known to be good. */
  async #prune(newest: number): Promise<void> {
    const { place } = this.#parts;
    const { folder, files = realFiles } = place;
    const kept = [newest, this.#good];
    for (const number of await listSnapshots(place)) {
      if (!kept.includes(number)) await files.unlink(join(folder, snapshotName(number)));
    }
    this.#good = newest;
  }
}
