/** Snapshots on disk: the vault's state at the end of a segment, so that a start need not read what came before.
 *
 *  Written under another name and named when it is durable; sealed as segments are, under a key of its own. The first frame
 *  says which program wrote it and which files it stands for, the others hold the state, which this file does not look into.
 *  A snapshot is never believed against the journal. Source: docs/spec/journal.md, "Snapshots". */
import { constants } from "node:fs";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { demand, refuse } from "@strongroom/core/errors";
import {
  decodeFrameHead,
  FRAME_HEAD_BYTES,
  HEADER_BYTES,
  PIECE_BYTES_MAX,
  snapshotName,
  TAG_BYTES,
} from "@strongroom/core/journal/segment";
import { diskOf, realFiles, writeAll } from "../disk.ts";
import { absent, systemCode } from "../fault.ts";
import { limits } from "../limits.ts";
import { type FileKey, openPiece, openSnapshot, sealPiece, sealSnapshot } from "./seal.ts";
import { fill, openWindow, type Window } from "./window.ts";
import type { Boundary, Place } from "./write.ts";

/** A snapshot that is open. `program`: the code that wrote it. `pieces` may be read once. Fails: SNAPSHOT_CORRUPT. */
export type Snapshot = {
  readonly boundary: Boundary;
  readonly program: Hash;
  readonly pieces: AsyncGenerator<Buffer, void>;
  readonly bytes: number;
};

/** What is to be written. `pause`: waits until the next piece is welcome; it may fail. */
export type Draft = {
  readonly boundary: Boundary;
  readonly program: Hash;
  readonly pieces: Iterable<Uint8Array>;
  readonly pause: () => Promise<void>;
};

/** Numbers of the snapshots that are there, the newest first. */
export async function listSnapshots({ folder, files = realFiles }: Place): Promise<readonly number[]> {
  const names = await files.readdir(folder).catch(absent);
  const numbers = (names ?? []).flatMap((name) => (/^[0-9]{8}\.snap$/.test(name) ? [Number(name.slice(0, 8))] : []));
  return numbers.sort((a, b) => b - a);
}

/** Makes a snapshot durable; how many bytes it has. One that is there already under its name is replaced. Fails: the system's
 *  errors, whatever `pause` and `pieces` throw; then nothing is left. */
export async function writeSnapshot(place: Place, { boundary, program, pieces, pause }: Draft): Promise<number> {
  const path = join(place.folder, snapshotName(boundary.end.segment));
  const file = sealSnapshot(place.owner, boundary.end);
  const disk = diskOf(place.files ?? realFiles);
  let size = 0;
  await disk.refill(path, async (handle) => {
    const out = outTo(handle);
    await out.put(file.header);
    let count = 0;
    const put = async (piece: Uint8Array, isLast: boolean): Promise<void> => {
      for (const part of sealPiece(file, { count, isLast }, piece)) await out.put(part);
      count += 1;
    };
    await put(Buffer.from(program + boundary.files, "hex"), false);
    for (const piece of pieces) {
      await put(piece, false);
      await pause();
    }
    await put(new Uint8Array(0), true);
    size = await out.flush();
  });
  return size;
}

/** Gathers what is written to a file, because each call to the disk costs as much as sealing a piece; syncs now and then. */
function outTo(handle: FileHandle): { put(bytes: Uint8Array): Promise<void>; flush(): Promise<number> } {
  const room = Buffer.allocUnsafe(limits.snapshotWriteBytes);
  let used = 0;
  let size = 0;
  let synced = 0;
  const flush = async (): Promise<number> => {
    await writeAll(handle, room.subarray(0, used), size);
    size += used;
    used = 0;
    if (size - synced >= limits.snapshotSyncBytes) {
      await handle.datasync();
      synced = size;
    }
    return size;
  };
  return {
    async put(bytes) {
      for (let done = 0; done < bytes.length; ) {
        const part = bytes.subarray(done, done + room.length - used);
        room.set(part, used);
        used += part.length;
        done += part.length;
        if (used === room.length) await flush();
      }
    },
    flush,
  };
}

/** Opens a snapshot, has `use` work with it and closes it. Null when there is none of this number.
 *  Fails: SNAPSHOT_CORRUPT, SNAPSHOT_FOREIGN, whatever `use` throws. */
export async function withSnapshot<T>(
  place: Place,
  number: number,
  use: (snapshot: Snapshot) => Promise<T>,
): Promise<T | null> {
  const name = snapshotName(number);
  const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK;
  const handle = await (place.files ?? realFiles).open(join(place.folder, name), flags).catch((error: unknown) => {
    if (systemCode(error) === "ELOOP") return refuse("SNAPSHOT_CORRUPT", name, "it is no file of its own");
    return absent(error);
  });
  if (handle === null) return null;
  try {
    return await use(await open(place, number, handle));
  } finally {
    await handle.close();
  }
}

async function open(place: Place, number: number, handle: FileHandle): Promise<Snapshot> {
  const name = snapshotName(number);
  const stat = await handle.stat();
  demand(stat.isFile(), "SNAPSHOT_CORRUPT", name, "it is no file of its own");
  const window = await openWindow(handle, Math.min(limits.readBytes, stat.size + 1));
  const header = Buffer.from(window.bytes.subarray(0, Math.min(HEADER_BYTES, window.end)));
  const { end, ...file } = openSnapshot(place.owner, header);
  demand(end.segment === number, "SNAPSHOT_CORRUPT", name, `it is the snapshot after segment ${end.segment}`);
  window.start = HEADER_BYTES;
  const pieces = readPieces({ name, file, window, size: stat.size });
  const { value: preface } = await pieces.next();
  const fits = preface?.length === 64;
  if (!fits) return refuse("SNAPSHOT_CORRUPT", name, "it does not say what it stands for");
  const files = toHex(preface.subarray(32)) as Hash;
  return { boundary: { end, files }, program: toHex(preface.subarray(0, 32)) as Hash, pieces, bytes: stat.size };
}

type Reading = { readonly name: string; readonly file: FileKey; readonly window: Window; readonly size: number };

async function* readPieces({ name, file, window, size }: Reading): AsyncGenerator<Buffer, void> {
  const bad = (count: number): never => refuse("SNAPSHOT_CORRUPT", name, `piece ${count} does not verify`);
  for (let count = 0; ; count++) {
    const length = await frameIn(window);
    if (length === null) return bad(count);
    const body = window.start + FRAME_HEAD_BYTES;
    const next = body + length + TAG_BYTES;
    const isLast = window.offset + next === size;
    const piece = openPiece(file, { count, isLast }, window.bytes.subarray(body, next));
    if (piece === null) return bad(count);
    // The last one only says that nothing follows.
    if (isLast) return;
    window.start = next;
    yield piece;
  }
}

/** Length of the next frame's content once all of the frame is in the window; null when there is no whole frame. */
async function frameIn(window: Window): Promise<number | null> {
  for (const isFilled of [false, true]) {
    if (isFilled) await fill(window);
    const left = window.end - window.start;
    if (left < FRAME_HEAD_BYTES) continue;
    const length = decodeFrameHead(window.bytes.subarray(window.start, window.start + FRAME_HEAD_BYTES), PIECE_BYTES_MAX);
    if (length === null || left >= FRAME_HEAD_BYTES + length + TAG_BYTES) return length;
  }
  return null;
}
