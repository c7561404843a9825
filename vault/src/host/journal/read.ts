/** Reads the journal from its first record, or from the end of a segment on, and verifies all that it reads, in bounded memory.
 *
 *  A crash may cut off the last write. Nobody was told of it, because every effect waits for the sync, so an incomplete end of
 *  the last segment is left out here and by `mend` before the vault goes on. A complete frame whose tag does not fit,
 *  and everything else that does not verify, is refused. */
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { fromHex, type Hash, toHex } from "@strongroom/core/bytes";
import { refuse } from "@strongroom/core/errors";
import {
  advanceFiles,
  CHAIN_START,
  decodeFrameHead,
  demandNext,
  FILES_START,
  FRAME_HEAD_BYTES,
  HEADER_BYTES,
  type Header,
  headerHash,
  isUnwritten,
  type Position,
  segmentName,
  TAG_BYTES,
} from "@strongroom/core/journal/segment";
import { diskOf, realFiles, writeAll } from "../disk.ts";
import { absent, Fault } from "../fault.ts";
import { limits } from "../limits.ts";
import { type FileKey, follow, LAST_BYTES, openLast, openRecord, openSegment } from "./seal.ts";
import { fill, openWindow, type Window } from "./window.ts";
import { type Boundary, type Place, stopWriting } from "./write.ts";

/** Records in order, and where the journal stands after them. `torn`: how many bytes at the end of the segment entered last
 *  belong to a write that was never acknowledged; `size`: where they begin. */
export type Batch = Boundary & {
  readonly records: readonly Buffer[];
  readonly size: number;
  readonly torn: number;
};

/** Before the first segment. */
export const JOURNAL_START: Boundary = { end: { segment: 0, sequence: 0, chain: CHAIN_START }, files: FILES_START };

/** Yields all records after `from`, in batches; the last batch (it may be empty) tells where the journal ends. There is a
 *  segment after `from`. Fails: every JOURNAL_ code of core's table. */
export async function* readJournal(place: Place, from = JOURNAL_START): AsyncGenerator<Batch, void> {
  yield* readSegments(place, await countSegments(place), from);
}

/** The same for the segments up to number `count`, whatever `last` says. What could be read is yielded before a refusal. */
export async function* readSegments(place: Place, count: number, from = JOURNAL_START): AsyncGenerator<Batch, void> {
  const files = place.files ?? realFiles;
  let before = from;
  for (let number = from.end.segment + 1; number <= count; number++) {
    const handle = await files.open(join(place.folder, segmentName(number)), "r").catch(absent);
    if (handle === null) return refuse("JOURNAL_GAP", segmentName(number), "the segment is not there");
    let last: Boundary = before;
    try {
      for await (const batch of readSegment(place, handle, before)) {
        last = batch;
        yield batch;
        if (batch.torn > 0 && number < count) {
          refuse("JOURNAL_TRUNCATED", segmentName(number), "the segment ends inside a record although another one follows");
        }
      }
    } finally {
      await handle.close();
    }
    before = last;
  }
}

/** The header of a segment and the size of its file, or null where there is none. */
async function headOf(place: Place, number: number): Promise<{ header: Buffer; size: number } | null> {
  const handle = await (place.files ?? realFiles).open(join(place.folder, segmentName(number)), "r").catch(absent);
  if (handle === null) return null;
  try {
    const { bytes, end } = await openWindow(handle, HEADER_BYTES);
    return { header: bytes.subarray(0, end), size: (await handle.stat()).size };
  } finally {
    await handle.close();
  }
}

/** Whether the first segments are those that `until` was made of, by their headers and sizes; what is in them is not read. */
export async function hasFiles(place: Place, { end, files }: Boundary): Promise<boolean> {
  let found = FILES_START;
  for (let number = 1; number <= end.segment; number++) {
    const head = await headOf(place, number);
    if (head === null) return false;
    found = advanceFiles(found, headerHash(head.header), head.size);
  }
  return found === files;
}

/** What the journal says to `end`, which claims to be the end of a segment: `here`; `ahead` when no segment follows; `other`
 *  when the one that follows continues something else. Fails: JOURNAL_ codes of that segment. */
export async function placeOf(place: Place, end: Position): Promise<"here" | "ahead" | "other"> {
  if ((await countSegments(place)) <= end.segment) return "ahead";
  const head = await headOf(place, end.segment + 1);
  if (head === null) return refuse("JOURNAL_GAP", segmentName(end.segment + 1), "the segment is not there");
  let found: Header | undefined;
  openSegment(place.owner, head.header, (header) => {
    demandNext(header, { ...end, sequence: header.first, chain: header.before }, place.owner);
    found = header;
  });
  return found?.first === end.sequence && found.before === end.chain ? "here" : "other";
}

/** Puts a copy of the last segment in its place that ends with what was read. A write that was never acknowledged is cut off
 *  so that the next segment can follow, and a process that has lost the folder, but has not noticed yet, goes on writing into
 * *  a file that has no name any more. Whoever calls this holds the fence since before he read. Fails: JOURNAL_WRITE. */
export async function mend(place: Place, last: Batch): Promise<void> {
  const files = place.files ?? realFiles;
  const path = join(place.folder, segmentName(last.end.segment));
  const old = await files.open(path, "r");
  try {
    await diskOf(files)
      .refill(path, (fresh) => copy(old, fresh, last.size))
      .catch(stopWriting);
  } finally {
    await old.close();
  }
}

/** Copies the first `size` bytes. */
async function copy(from: FileHandle, to: FileHandle, size: number): Promise<void> {
  const bytes = Buffer.allocUnsafe(Math.min(limits.readBytes, size));
  for (let done = 0; done < size; ) {
    const { bytesRead } = await from.read(bytes, 0, Math.min(bytes.length, size - done), done);
    if (bytesRead === 0) throw new Fault("BUG", "The segment is shorter than it was.");
    await writeAll(to, bytes.subarray(0, bytesRead), done);
    done += bytesRead;
  }
}

/** How many segments there are. Fails: JOURNAL_MISSING when there is none or the newest is not there. */
async function countSegments(place: Place): Promise<number> {
  const files = place.files ?? realFiles;
  const highest = await highestSegment(place);
  const last = await diskOf(files).readSmall(join(place.folder, "last"), LAST_BYTES).catch(absent);
  if (highest === 0 || last === null)
    return refuse("JOURNAL_MISSING", "journal", "there is no journal, or part of it is not there");
  if (last === "other") return refuse("JOURNAL_CORRUPT", "last", "not of this format");
  const expected = openLast(place.owner, last.bytes);
  if (highest < expected) refuse("JOURNAL_MISSING", segmentName(expected), "the newest segment is not there");
  return highest;
}

/** The highest number that a segment there has; 0 when there is none. */
export async function highestSegment({ folder, files = realFiles }: Pick<Place, "folder" | "files">): Promise<number> {
  const names = await files.readdir(folder).catch(absent);
  const numbers = (names ?? []).flatMap((name) => (/^[0-9]{8}\.seg$/.test(name) ? [Number(name.slice(0, 8))] : []));
  return numbers.reduce((most, number) => Math.max(most, number), 0);
}

async function* readSegment(place: Place, handle: FileHandle, { end: before, files }: Boundary): AsyncGenerator<Batch> {
  const { size: fileBytes } = await handle.stat();
  const window = await openWindow(handle, Math.min(limits.readBytes, fileBytes + 1));
  const header = Buffer.from(window.bytes.subarray(0, Math.min(HEADER_BYTES, window.end)));
  const segment = openSegment(place.owner, header, (found) => demandNext(found, before, place.owner));
  window.start = HEADER_BYTES;
  const reader: Reader = { segment, window, count: 0, sequence: before.sequence, chain: fromHex(before.chain) };
  for (;;) {
    const { records, stopped } = takeFrames(reader);
    const end = { segment: before.segment + 1, sequence: reader.sequence, chain: toHex(reader.chain) as Hash };
    const size = window.offset + window.start;
    const left = window.end - window.start;
    await fill(window);
    // A frame that is still incomplete although the window was filled up is the file's end.
    const isEnd = stopped === "short" && window.end === left;
    const all = { end, size, files: advanceFiles(files, segment.tie, size) };
    yield { ...all, records, torn: isEnd ? left : 0 };
    if (isEnd) return;
    if (stopped === "bad") {
      yield { ...all, records: [], torn: await unwritten(reader) };
      return;
    }
  }
}

type Reader = { readonly segment: FileKey; readonly window: Window; count: number; sequence: number; chain: Uint8Array };

/** Takes all whole frames of the window. `short`: the next one is not whole; `bad`: it is no frame, or its tag does not fit. */
function takeFrames(reader: Reader): { records: Buffer[]; stopped: "short" | "bad" } {
  const { window } = reader;
  const records: Buffer[] = [];
  for (;;) {
    if (window.end - window.start < FRAME_HEAD_BYTES) return { records, stopped: "short" };
    const length = decodeFrameHead(window.bytes.subarray(window.start, window.start + FRAME_HEAD_BYTES));
    if (length === null) return { records, stopped: "bad" };
    const body = window.start + FRAME_HEAD_BYTES;
    const next = body + length + TAG_BYTES;
    if (next > window.end) return { records, stopped: "short" };
    const record = openRecord(reader.segment, reader, window.bytes.subarray(body, next));
    if (record === null) return { records, stopped: "bad" };
    records.push(record);
    reader.chain = follow(reader.chain, record);
    reader.sequence += 1;
    reader.count += 1;
    window.start = next;
  }
}

/** How many bytes a power loss left unwritten from here on. Fails: JOURNAL_CORRUPT when that is not what happened. */
async function unwritten(reader: Reader): Promise<number> {
  const { window } = reader;
  const start = window.offset + window.start;
  let zeroFrom = start;
  while (window.end > window.start) {
    for (let at = window.end - 1; at >= window.start; at--) {
      if (window.bytes[at] !== 0) {
        zeroFrom = window.offset + at + 1;
        break;
      }
    }
    window.start = window.end;
    await fill(window);
  }
  const end = window.offset;
  if (!isUnwritten({ start, zeroFrom, end }))
    refuse("JOURNAL_CORRUPT", `record ${reader.sequence}`, "the record does not verify");
  return end - start;
}
