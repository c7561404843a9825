/** Snapshots on disk: round trips, every way of damaging one, a disk that fails, and when they are written and removed. */
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import type { Hash } from "@strongroom/core/bytes";
import { Refused } from "@strongroom/core/errors";
import { HEADER_BYTES, PIECE_BYTES_MAX, segmentName, snapshotName } from "@strongroom/core/journal/segment";
import { type Files, FRESH, realFiles } from "../disk.ts";
import { limits } from "../limits.ts";
import { Keeper, type KeeperParts } from "./keeper.ts";
import { type Batch, hasFiles, JOURNAL_START, placeOf, readJournal } from "./read.ts";
import type { Owner } from "./seal.ts";
import { listSnapshots, withSnapshot, writeSnapshot } from "./snapshot.ts";
import { type Boundary, continueJournal, createJournal, type Journal, type Place } from "./write.ts";

const owner: Owner = { journal: "1a".repeat(32) as Hash, identity: "2b".repeat(32) as Hash, key: randomBytes(32) };
const program = "3c".repeat(32) as Hash;
const PIECES = [0, 1, 70_000, 5, limits.snapshotWriteBytes + 7].map((size, at) => Buffer.alloc(size, at + 1));
const pause = () => Promise.resolve();

async function placeFor(t: TestContext, files: Files = realFiles): Promise<Place> {
  const folder = await fs.mkdtemp(join(tmpdir(), "snapshot-"));
  t.after(() => fs.rm(folder, { recursive: true }));
  return { folder, owner, files };
}

async function lastOf(place: Place): Promise<Batch> {
  let last: Batch | undefined;
  for await (const batch of readJournal(place)) last = batch;
  return last as Batch;
}

async function journalIn(place: Place): Promise<Journal> {
  await createJournal(place);
  return continueJournal(place, await lastOf(place));
}

/** What a snapshot says, read to its end. */
async function read(place: Place, number: number) {
  return withSnapshot(place, number, async ({ boundary, program: by, pieces, bytes }) => {
    const found: Buffer[] = [];
    for await (const piece of pieces) found.push(Buffer.from(piece));
    return { boundary, program: by, pieces: found, bytes };
  });
}

const draft = (boundary: Boundary, pieces: Iterable<Uint8Array> = PIECES) => ({ boundary, program, pieces, pause });

const refusal =
  (...codes: string[]) =>
  (error: unknown) =>
    error instanceof Refused && codes.includes(error.code);

/** A journal that was cut once, with the snapshot of what came before. */
async function sample(t: TestContext, pieces?: Iterable<Uint8Array>) {
  const place = await placeFor(t);
  const journal = await journalIn(place);
  t.after(() => journal.close());
  await journal.append([Buffer.from("one"), Buffer.from("two")]);
  const boundary = await journal.cut();
  const size = await writeSnapshot(place, draft(boundary, pieces));
  return { place, journal, boundary, size, path: join(place.folder, snapshotName(boundary.end.segment)) };
}

test("a snapshot comes back as it was written, with what it stands for", async (t) => {
  const { place, boundary, size, path } = await sample(t);
  assert.deepEqual(boundary.end, { ...boundary.end, segment: 2, sequence: 2 });
  assert.deepEqual(await read(place, 2), { boundary, program, pieces: PIECES, bytes: size });
  assert.equal((await fs.stat(path)).mode & 0o777, 0o600);
  assert.deepEqual(await listSnapshots(place), [2]);
  assert.equal(await read(place, 3), null);
  assert.deepEqual(await listSnapshots({ ...place, folder: join(place.folder, "none") }), []);
  assert.ok(!(await fs.readFile(path)).includes(PIECES[2]?.subarray(0, 64) as Buffer), "it is sealed");
});

test("no two snapshots of the same are sealed alike", async (t) => {
  const { place, boundary, path } = await sample(t);
  const first = await fs.readFile(path);
  await writeSnapshot(place, draft(boundary));
  const second = await fs.readFile(path);
  assert.equal(first.length, second.length);
  assert.deepEqual(first.subarray(0, 120), second.subarray(0, 120));
  assert.ok(!first.subarray(120, HEADER_BYTES).equals(second.subarray(120, HEADER_BYTES)));
  const headBytes = HEADER_BYTES + 8;
  assert.ok(!first.subarray(headBytes, headBytes + 64).equals(second.subarray(headBytes, headBytes + 64)), "a key of its own");
});

test("every flipped bit and every cut is refused", async (t) => {
  const { place, path } = await sample(t, [Buffer.from("a piece"), Buffer.from("another")]);
  const bytes = await fs.readFile(path);
  for (let at = 0; at < bytes.length; at++) {
    const flipped = Buffer.from(bytes);
    flipped[at] = (flipped[at] as number) ^ (1 << (at % 8));
    await fs.writeFile(path, flipped);
    await assert.rejects(read(place, 2), refusal("SNAPSHOT_CORRUPT", "SNAPSHOT_FOREIGN"), `byte ${at}`);
    await fs.writeFile(path, bytes.subarray(0, at));
    await assert.rejects(read(place, 2), refusal("SNAPSHOT_CORRUPT"), `${at} bytes`);
  }
  await fs.writeFile(path, Buffer.concat([bytes, Buffer.alloc(1)]));
  await assert.rejects(read(place, 2), refusal("SNAPSHOT_CORRUPT"), "longer");
  await fs.writeFile(path, bytes);
  await read(place, 2);
});

test("pieces that are left out, doubled, swapped or of another snapshot are refused", async (t) => {
  const texts = ["one", "two", "six"].map((text) => Buffer.from(text));
  const { place, boundary, path } = await sample(t, texts);
  const bytes = await fs.readFile(path);
  const header = bytes.subarray(0, HEADER_BYTES);
  const sizes = [64, 3, 3, 3, 0].map((size) => size + 24);
  const frames = sizes.map((size, at) => {
    const from = HEADER_BYTES + sizes.slice(0, at).reduce((sum, one) => sum + one, 0);
    return bytes.subarray(from, from + size);
  });
  await writeSnapshot(place, draft(boundary, texts));
  const other = await fs.readFile(path);
  const [preface, one, two, six, end] = frames as [Buffer, Buffer, Buffer, Buffer, Buffer];
  for (const list of [
    [preface, one, two, end],
    [preface, one, two, six],
    [preface, two, one, six, end],
    [preface, one, one, two, six, end],
    [one, two, six, end],
    [preface, one, two, six, end, end],
    [],
  ]) {
    await fs.writeFile(path, Buffer.concat([header, ...list]));
    await assert.rejects(read(place, 2), refusal("SNAPSHOT_CORRUPT"));
  }
  await fs.writeFile(path, Buffer.concat([header, other.subarray(HEADER_BYTES)]));
  await assert.rejects(read(place, 2), refusal("SNAPSHOT_CORRUPT"), "the pieces of another one");
});

test("a snapshot under another number, of another vault, or that is no file is refused", async (t) => {
  const { place, path } = await sample(t);
  const renamed = join(place.folder, snapshotName(7));
  await fs.copyFile(path, renamed);
  await assert.rejects(read(place, 7), refusal("SNAPSHOT_CORRUPT"));
  for (const other of [
    { ...owner, journal: "9f".repeat(32) as Hash },
    { ...owner, identity: "9f".repeat(32) as Hash },
  ])
    await assert.rejects(read({ ...place, owner: other }, 2), refusal("SNAPSHOT_FOREIGN"));
  await assert.rejects(read({ ...place, owner: { ...owner, key: randomBytes(32) } }, 2), refusal("SNAPSHOT_CORRUPT"));
  await fs.copyFile(join(place.folder, segmentName(2)), path);
  await assert.rejects(read(place, 2), refusal("SNAPSHOT_CORRUPT"), "a segment is no snapshot");
  await fs.rm(path);
  await fs.symlink(renamed, path);
  await assert.rejects(read(place, 2), refusal("SNAPSHOT_CORRUPT"), "a link");
  await fs.rm(path);
  await fs.mkdir(path);
  await assert.rejects(read(place, 2), refusal("SNAPSHOT_CORRUPT"), "a folder");
});

test("a piece that is larger than any may be is no piece", async (t) => {
  const { place } = await sample(t, [Buffer.alloc(PIECE_BYTES_MAX)]);
  await read(place, 2);
  const larger = await sample(t, [Buffer.alloc(PIECE_BYTES_MAX + 1)]);
  await assert.rejects(read(larger.place, 2), refusal("SNAPSHOT_CORRUPT"));
});

test("the journal says whether it has what a snapshot stands for", async (t) => {
  const { place, journal, boundary } = await sample(t);
  const { end } = boundary;
  await journal.append([Buffer.from("three")]);
  assert.equal(await placeOf(place, end), "here");
  assert.equal(await placeOf(place, { ...end, segment: 3, sequence: 3 }), "ahead");
  assert.equal(await placeOf(place, { ...end, sequence: 1 }), "other");
  assert.equal(await placeOf(place, { ...end, chain: owner.journal }), "other");
  assert.equal(await hasFiles(place, boundary), true);
  assert.equal(await hasFiles(place, JOURNAL_START), true);
  const [first, second] = [1, 2].map((number) => join(place.folder, segmentName(number))) as [string, string];
  const bytes = await fs.readFile(second);
  for (const damage of [
    () => fs.truncate(second, bytes.length - 1),
    () => fs.writeFile(second, Buffer.concat([bytes, Buffer.alloc(1)])),
    () => fs.writeFile(second, Buffer.from(bytes).fill(7, 100, 101)),
    () => fs.rm(first),
  ]) {
    await damage();
    assert.equal(await hasFiles(place, boundary), false);
    await fs.writeFile(second, bytes);
  }
  await fs.rm(join(place.folder, segmentName(3)));
  await fs.writeFile(join(place.folder, segmentName(4)), "");
  await assert.rejects(placeOf(place, end), refusal("JOURNAL_GAP"));
});

test("reading goes on where a snapshot ends, and a cut changes nothing for a whole reading", async (t) => {
  const { place, journal, boundary } = await sample(t);
  await journal.append([Buffer.from("three")]);
  const again = await journal.cut();
  assert.equal(again.end.segment, 3);
  await journal.append([Buffer.from("four")]);
  const after = async (from?: Boundary) => {
    const found: string[] = [];
    let last: Boundary | undefined;
    for await (const batch of readJournal(place, from)) {
      found.push(...batch.records.map(String));
      last = { end: batch.end, files: batch.files };
    }
    return { found, last };
  };
  const whole = await after();
  assert.deepEqual(whole.found, ["one", "two", "three", "four"]);
  assert.deepEqual(await after(boundary), { ...whole, found: ["three", "four"] });
  assert.deepEqual(await after(again), { ...whole, found: ["four"] });
});

/** A keeper with what it has told. */
function keeperOf(place: Place, parts: Partial<KeeperParts<string>> = {}) {
  const told: string[] = [];
  const keeper = new Keeper<string>({
    place,
    program,
    encode: (state) => [Buffer.from(state)],
    from: JOURNAL_START,
    tell: (line) => told.push(line),
    ...parts,
  });
  const done = async (): Promise<void> => {
    while (!keeper.isDue(Number.MAX_SAFE_INTEGER)) await sleep(1);
  };
  /** Writes a snapshot and waits for its end. */
  const keep = (state: string, boundary: Boundary): Promise<void> => {
    keeper.begin(state, boundary);
    return done();
  };
  return { keeper, told, keep, done };
}

test("a snapshot is due after so many records, one at a time, and the two newest that are good stay", async (t) => {
  const place = await placeFor(t);
  const journal = await journalIn(place);
  t.after(() => journal.close());
  const { keeper, told, done } = keeperOf(place);
  const most = limits.snapshotRecords;
  assert.deepEqual([keeper.isDue(most - 1), keeper.isDue(most), keeper.isDue(5, 5)], [false, true, true]);
  const kept: (readonly number[])[] = [];
  for (const text of ["a", "b", "c", "d"]) {
    await journal.append([Buffer.from(text)]);
    const boundary = await journal.cut();
    keeper.begin(text, boundary);
    assert.equal(keeper.isDue(Number.MAX_SAFE_INTEGER), false, "one is being written");
    await done();
    assert.equal(keeper.isDue(boundary.end.sequence + most - 1), false);
    kept.push(await listSnapshots(place));
  }
  assert.deepEqual(kept, [[2], [3, 2], [4, 3], [5, 4]]);
  assert.deepEqual([told, keeper.failure], [[], null]);
  assert.deepEqual((await read(place, 5))?.pieces.map(String), ["d"]);
  const next = keeperOf(place, { from: { ...(await lastOf(place)), end: { segment: 4, sequence: 3, chain: owner.journal } } });
  assert.equal(next.keeper.isDue(3 + most - 1), false, "it counts from the one that the start has used");
});

/** Files of which each handle's `call` fails, as long as `broken`. */
function failing(broken: { now: boolean }, call: "write" | "datasync", code: string): Files {
  return {
    ...realFiles,
    async open(...from) {
      const handle = await realFiles.open(...from);
      return new Proxy(handle, {
        get(target, key) {
          const value: unknown = Reflect.get(target, key);
          if (typeof value !== "function") return value;
          if (key === call && broken.now) return () => Promise.reject(Object.assign(new Error(call), { code }));
          return value.bind(target);
        },
      });
    },
  };
}

test("a disk that is full or fails leaves no snapshot, is told, and ends nothing; the next attempt may work", async (t) => {
  for (const [call, code] of [
    ["write", "ENOSPC"],
    ["datasync", "EIO"],
  ] as const) {
    const broken = { now: false };
    const place = await placeFor(t, failing(broken, call, code));
    const journal = await journalIn(place);
    const { keeper, told, keep } = keeperOf(place);
    const boundary = await journal.cut();
    broken.now = true;
    await keep("state", boundary);
    assert.deepEqual([told.length, keeper.failure], [1, code]);
    assert.deepEqual(
      (await fs.readdir(place.folder)).filter((name) => name.endsWith(FRESH) || name.endsWith(".snap")),
      [],
    );
    broken.now = false;
    await keep("state", boundary);
    assert.deepEqual([await listSnapshots(place), keeper.failure], [[2], null]);
    await journal.close();
  }
});

test("a snapshot leaves the journal its room on the disk", async (t) => {
  const room = { blocks: 0 };
  const statfs = (async () => ({ bavail: room.blocks, bsize: 4096 })) as unknown as Files["statfs"];
  const place = await placeFor(t, { ...realFiles, statfs });
  const journal = await journalIn(place);
  const { keeper, keep } = keeperOf(place);
  const boundary = await journal.cut();
  room.blocks = limits.spareBytes / 4096 - 1;
  await keep("state", boundary);
  assert.deepEqual([keeper.failure, await listSnapshots(place)], ["ENOSPC", []]);
  room.blocks += 1;
  await keep("state", boundary);
  assert.deepEqual([keeper.failure, await listSnapshots(place)], [null, [2]]);
  await journal.close();
});

test("a vault that stops gives up the snapshot that it is writing, and a bug in writing is told", async (t) => {
  const place = await placeFor(t);
  const journal = await journalIn(place);
  const boundary = await journal.cut();
  const endless = function* () {
    for (;;) yield Buffer.alloc(10);
  };
  const { keeper, told } = keeperOf(place, { encode: endless });
  keeper.begin("state", boundary);
  await sleep(20);
  await keeper.close();
  assert.deepEqual([told, await fs.readdir(place.folder)], [[], ["00000001.seg", "00000002.seg", "00000003.seg", "last"]]);
  const broken = keeperOf(place, {
    encode: () => {
      throw new Error("a field that cannot be written");
    },
  });
  await broken.keep("state", boundary);
  assert.match(broken.told.join(), /a field that cannot be written/);
  await journal.close();
});
