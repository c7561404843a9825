/** Appends to the journal on disk: all records of a batch with one sync, before any effect.
 *
 *  The layout is in core (`journal/segment.ts`), reading in `read.ts`, keys in `seal.ts`. A new segment begins
 *  at each boot and when one is full. The file `last` names the highest segment that was begun, so that a folder copied
 *  without its newest file is noticed; like the segments it can be rolled back as a whole (see segment.ts). */
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { fromHex, type Hash, toHex } from "@strongroom/core/bytes";
import { advanceFiles, CHAIN_START, type Position, RECORD_BYTES_MAX, segmentName } from "@strongroom/core/journal/segment";
import { diskOf, type Files, realFiles, writeAll } from "../disk.ts";
import { Fault } from "../fault.ts";
import { limits } from "../limits.ts";
import { type FileKey, follow, type Owner, sealLast, sealRecord, sealSegment } from "./seal.ts";

/** Where a journal lies and whose it is. `files` and `segmentBytes` are for tests. */
export type Place = { readonly folder: string; readonly owner: Owner; readonly files?: Files; readonly segmentBytes?: number };

/** Where a journal stands at the end of a segment. `files`: what stands for all segments up to there (`advanceFiles`). */
export type Boundary = { readonly end: Position; readonly files: Hash };

/** The newest record: how many there are and the chain hash over them. */
export type Head = { readonly sequence: number; readonly chain: Hash };

export type Journal = {
  /** Makes all records durable with one sync. Fails: JOURNAL_WRITE, after which no call succeeds. */
  append(records: readonly Uint8Array[]): Promise<Head>;
  /** Ends the segment, begins the next one, and gives where the journal stands between them. Fails: JOURNAL_WRITE. */
  cut(): Promise<Boundary>;
  /** The newest durable record. */
  head(): Head;
  close(): Promise<void>;
};

type Segment = FileKey & { readonly handle: FileHandle; readonly number: number; size: number; count: number };

/** Makes an empty journal in a folder that exists and is empty. Only `init` calls this. */
export async function createJournal(place: Place): Promise<void> {
  const { handle } = await newSegment(place, { segment: 0, sequence: 0, chain: CHAIN_START });
  await handle.close();
}

/** Begins a new segment after all that was read. `after` is the last batch of `readJournal`. */
export async function continueJournal(place: Place, after: Boundary): Promise<Journal> {
  const full = place.segmentBytes ?? limits.segmentBytes;
  const { sequence, chain } = after.end;
  let { files } = after;
  let segment = await newSegment(place, after.end);
  let head: Head = { sequence, chain };
  let ready = true;

  async function next(): Promise<void> {
    const { number, tie, size, handle } = segment;
    await handle.close();
    files = advanceFiles(files, tie, size);
    segment = await newSegment(place, { segment: number, ...head });
  }

  async function write(records: readonly Uint8Array[]): Promise<void> {
    if (segment.size >= full) await next();
    let { sequence } = head;
    let chain = fromHex(head.chain);
    const frames: Uint8Array[] = [];
    for (const record of records) {
      frames.push(...sealRecord(segment, { count: segment.count, sequence, chain }, record));
      chain = follow(chain, record);
      sequence += 1;
      segment.count += 1;
    }
    const bytes = Buffer.concat(frames);
    await writeAll(segment.handle, bytes, segment.size);
    await segment.handle.datasync();
    segment.size += bytes.length;
    head = { sequence, chain: toHex(chain) as Hash };
  }

  /** One call after the other, and none after a failure. */
  async function alone(work: () => Promise<void>): Promise<void> {
    if (!ready) throw new Fault("BUG", "Two calls at once, or one after a failure.");
    ready = false;
    await work().catch(stopWriting);
    ready = true;
  }

  return {
    head: () => head,
    async append(records) {
      const size = records.reduce((sum, record) => sum + record.length, 0);
      if (size > limits.appendBytes || records.some((record) => record.length > RECORD_BYTES_MAX)) {
        throw new Fault("BUG", "More is to be written at once than the journal's limits allow.");
      }
      await alone(() => (records.length === 0 ? Promise.resolve() : write(records)));
      return head;
    },
    async cut() {
      await alone(next);
      return { end: { segment: segment.number - 1, ...head }, files };
    },
    close: () => segment.handle.close(),
  };
}

/** Names the highest segment. Fails: JOURNAL_WRITE. */
export async function nameLast(place: Place, segment: number): Promise<void> {
  await diskOf(place.files ?? realFiles)
    .replace(join(place.folder, "last"), sealLast(place.owner, segment))
    .catch(stopWriting);
}

/** A header is written whole to a file of another name, synced, and only then named as a segment; a segment that is already
 *  there is never replaced. */
async function newSegment(place: Place, end: Position): Promise<Segment> {
  const files = place.files ?? realFiles;
  const disk = diskOf(files);
  const number = end.segment + 1;
  const { key, tie, header } = sealSegment(place.owner, end);
  const path = join(place.folder, segmentName(number));
  const create = async (): Promise<FileHandle> => {
    await disk.place(path, header);
    await nameLast(place, number);
    return await files.open(path, "r+");
  };
  return { key, tie, number, handle: await create().catch(stopWriting), size: header.length, count: 0 };
}

/** Whatever the disk says, nothing is written after it. Fails: JOURNAL_WRITE. */
export function stopWriting(error: unknown): never {
  throw new Fault("JOURNAL_WRITE", error instanceof Error ? error.message : String(error), error);
}
