/** The journal on disk: round trips, every way of damaging it, and writes that fail. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { Refused } from "@strongroom/core/errors";
import { advance, CHAIN_START, demandChain, FILES_START, HEADER_BYTES, segmentName } from "@strongroom/core/journal/segment";
import { type Files, FRESH, realFiles, sweep } from "../disk.ts";
import { Fault } from "../fault.ts";
import { type Batch, mend, readJournal } from "./read.ts";
import { follow, type Owner } from "./seal.ts";
import { continueJournal, createJournal, type Journal, type Place } from "./write.ts";

const owner: Owner = { journal: "1a".repeat(32) as Hash, identity: "2b".repeat(32) as Hash, key: randomBytes(32) };
const records = [0, 1, 30, 300, 7].map((size, at) => Buffer.alloc(size, at + 1));

async function folderOf(t: TestContext): Promise<string> {
  const folder = await fs.mkdtemp(join(tmpdir(), "journal-"));
  t.after(() => fs.rm(folder, { recursive: true }));
  return folder;
}

async function read(place: Place): Promise<{ records: Buffer[]; last: Batch }> {
  const found: Buffer[] = [];
  let last: Batch | undefined;
  for await (const batch of readJournal(place)) {
    found.push(...batch.records);
    last = batch;
  }
  assert.ok(last);
  return { records: found, last };
}

/** What a boot does. */
async function boot(place: Place) {
  const { last } = await read(place);
  await mend(place, last);
  return continueJournal(place, last);
}

/** A journal of two boots: segment 1 is empty, 2 holds the first three records, 3 the others. */
async function sample(t: TestContext): Promise<Place> {
  const place: Place = { folder: await folderOf(t), owner };
  await createJournal(place);
  for (const part of [records.slice(0, 3), records.slice(3)]) {
    const journal = await boot(place);
    for (const record of part) await journal.append([record]);
    await journal.close();
  }
  return place;
}

const refusal =
  (...codes: string[]) =>
  (error: unknown) =>
    error instanceof Refused && codes.includes(error.code);

test("records come back in order over several boots, with one chain", async (t) => {
  const place = await sample(t);
  const found = await read(place);
  assert.deepEqual(found.records, records);
  assert.equal(found.last.end.sequence, records.length);
  assert.equal(found.last.end.segment, 3);
  demandChain(records, CHAIN_START, found.last.end.chain);
  const chain = randomBytes(32);
  for (const record of records) assert.equal(toHex(follow(chain, record)), toHex(advance(chain, record)));
});

test("a batch is appended with one sync, and a full segment is followed by another", async (t) => {
  const folder = await folderOf(t);
  const seen = { syncs: 0 };
  const place: Place = { folder, owner, segmentBytes: 1000, files: watched((call) => (seen.syncs += call === "sync" ? 1 : 0)) };
  await createJournal(place);
  const journal = await continueJournal(place, (await read(place)).last);
  seen.syncs = 0;
  await journal.append(records);
  assert.equal(seen.syncs, 1);
  for (let at = 0; at < 9; at++) await journal.append([Buffer.alloc(400, at)]);
  const head = await journal.append([]);
  assert.deepEqual(head, journal.head());
  await journal.close();
  const found = await read(place);
  assert.equal(found.last.end.chain, head.chain);
  assert.equal(found.records.length, records.length + 9);
  assert.ok(found.last.end.segment >= 4);
});

test("the head is that of what is durable, not of what is being written", async (t) => {
  const gate = Promise.withResolvers<void>();
  let held = false;
  const files = watched((call) => (held && call === "sync" ? gate.promise : null));
  const place: Place = { folder: await folderOf(t), owner, files };
  await createJournal(place);
  const journal = await boot(place);
  held = true;
  const appended = journal.append([Buffer.from("one")]);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.deepEqual(journal.head(), { sequence: 0, chain: CHAIN_START });
  gate.resolve();
  assert.deepEqual(await appended, journal.head());
  assert.equal(journal.head().sequence, 1);
  await journal.close();
});

test("what a process still writes that has lost the folder does not damage the journal", async (t) => {
  const place: Place = { folder: await folderOf(t), owner };
  await createJournal(place);
  const older = await boot(place);
  await older.append([Buffer.from("acknowledged")]);
  const { last } = await read(place);
  await older.append([Buffer.from("after the newer one has read")]);
  await mend(place, last);
  await older.append([Buffer.from("after it has gone on")]);
  const newer = await continueJournal(place, last);
  await newer.append([Buffer.from("newer")]);
  await older.append([Buffer.from("at any time")]);
  await older.close();
  await newer.close();
  assert.deepEqual((await read(place)).records.map(String), ["acknowledged", "newer"]);
  await (await boot(place)).close();
});

test("records larger than the reader's window come back", async (t) => {
  const place: Place = { folder: await folderOf(t), owner };
  await createJournal(place);
  const journal = await boot(place);
  const large = Array.from({ length: 9 }, (_, at) => Buffer.alloc(1 << 20, at));
  await journal.append(large);
  await assert.rejects(
    journal.append([Buffer.alloc((1 << 20) + 1)]),
    (error) => error instanceof Fault && error.code === "BUG",
  );
  await assert.rejects(journal.append(Array(17).fill(large[0])), (error) => error instanceof Fault && error.code === "BUG");
  await journal.close();
  assert.deepEqual((await read(place)).records, large);
});

test("every flipped bit of the files is refused", async (t) => {
  const place = await sample(t);
  let tried = 0;
  for (const name of await fs.readdir(place.folder)) {
    const path = join(place.folder, name);
    const bytes = await fs.readFile(path);
    for (let at = 0; at < bytes.length; at++) {
      const flipped = Buffer.from(bytes);
      flipped[at] = (flipped[at] ?? 0) ^ (1 << (at % 8));
      await fs.writeFile(path, flipped);
      await assert.rejects(
        read(place),
        refusal("JOURNAL_CORRUPT", "JOURNAL_VERSION", "JOURNAL_FOREIGN", "JOURNAL_GAP", "JOURNAL_CHAIN", "JOURNAL_KEY"),
        `${name} ${at}`,
      );
      tried += 1;
    }
    await fs.writeFile(path, bytes);
  }
  t.diagnostic(`${tried} flips refused`);
  assert.deepEqual((await read(place)).records, records);
});

test("a file cut at any byte gives a prefix of the records or is refused", async (t) => {
  const place = await sample(t);
  for (const [name, isLast] of [
    [segmentName(2), false],
    [segmentName(3), true],
  ] as const) {
    const path = join(place.folder, name);
    const bytes = await fs.readFile(path);
    for (let size = 0; size < bytes.length; size++) {
      await fs.writeFile(path, bytes.subarray(0, size));
      if (!isLast || size < HEADER_BYTES) {
        await assert.rejects(read(place), refusal("JOURNAL_TRUNCATED", "JOURNAL_CORRUPT", "JOURNAL_GAP"), `${name} ${size}`);
        continue;
      }
      const found = await read(place);
      assert.deepEqual(found.records, records.slice(0, found.records.length));
      assert.equal(found.last.size + found.last.torn, size);
      assert.ok(found.records.length < records.length);
    }
    await fs.writeFile(path, bytes);
  }
});

test("a torn end is cut off and the journal goes on", async (t) => {
  const place = await sample(t);
  const path = join(place.folder, segmentName(3));
  const bytes = await fs.readFile(path);
  await fs.writeFile(path, bytes.subarray(0, bytes.length - 1));
  const journal = await boot(place);
  await journal.append([Buffer.from("after")]);
  await journal.close();
  assert.deepEqual((await read(place)).records, [...records.slice(0, 4), Buffer.from("after")]);
});

test("zeros that a power loss leaves at the end are a torn end", async (t) => {
  const place = await sample(t);
  const path = join(place.folder, segmentName(3));
  const bytes = await fs.readFile(path);
  for (const zeros of [1, 7, 8, 5000]) {
    await fs.writeFile(path, Buffer.concat([bytes, Buffer.alloc(zeros)]));
    const found = await read(place);
    assert.deepEqual(found.records, records);
    assert.equal(found.last.torn, zeros);
  }
  await fs.writeFile(path, Buffer.concat([Buffer.from(bytes).fill(0, 300), Buffer.alloc(600)]));
  await assert.rejects(read(place), refusal("JOURNAL_CORRUPT"), "no power loss leaves half a sector");
});

test("a sector that was not written is a torn end, one in the middle is refused", async (t) => {
  const place: Place = { folder: await folderOf(t), owner };
  await createJournal(place);
  const journal = await boot(place);
  await journal.append([Buffer.alloc(100, 1)]);
  await journal.append([Buffer.alloc(2000, 2)]);
  await journal.close();
  const path = join(place.folder, segmentName(2));
  const bytes = await fs.readFile(path);
  await fs.writeFile(path, Buffer.from(bytes).fill(0, 1024));
  const found = await read(place);
  assert.equal(found.records.length, 1);
  assert.ok(found.last.torn > 2000);
  await fs.writeFile(path, Buffer.from(bytes).fill(0, 1024, 1536));
  await assert.rejects(read(place), refusal("JOURNAL_CORRUPT"));
  await fs.writeFile(path, Buffer.from(bytes).fill(1, 1024, 1025).fill(0, 1025));
  await assert.rejects(read(place), refusal("JOURNAL_CORRUPT"));
});

test("segments that are missing, doubled, swapped or of another journal are refused", async (t) => {
  const place = await sample(t);
  const at = (number: number) => join(place.folder, segmentName(number));
  const second = await fs.readFile(at(2));
  const third = await fs.readFile(at(3));

  await fs.rm(at(3));
  await assert.rejects(read(place), refusal("JOURNAL_MISSING"), "the newest is missing");
  await fs.writeFile(at(3), third);
  await fs.rm(at(2));
  await assert.rejects(read(place), refusal("JOURNAL_GAP"), "one in the middle is missing");
  await fs.writeFile(at(2), third);
  await fs.writeFile(at(3), second);
  await assert.rejects(read(place), refusal("JOURNAL_GAP"), "swapped");
  await fs.writeFile(at(2), second);
  await assert.rejects(read(place), refusal("JOURNAL_GAP"), "doubled");
  await fs.writeFile(at(3), third);

  const otherKey = { ...owner, key: randomBytes(32) };
  await assert.rejects(read({ ...place, owner: otherKey }), refusal("JOURNAL_CORRUPT"), "the file `last` is read first");
  const other: Place = { folder: await folderOf(t), owner: { ...owner, journal: "9f".repeat(32) as Hash } };
  await createJournal(other);
  await fs.copyFile(join(other.folder, segmentName(1)), at(1));
  await assert.rejects(read(place), refusal("JOURNAL_FOREIGN"));
  const twin: Place = { folder: await folderOf(t), owner: otherKey };
  await createJournal(twin);
  await fs.copyFile(join(twin.folder, segmentName(1)), at(1));
  await assert.rejects(read(place), refusal("JOURNAL_KEY"));
});

test("a segment of another history of the same journal is refused", async (t) => {
  const place = await sample(t);
  const other: Place = { folder: await folderOf(t), owner };
  await fs.cp(place.folder, other.folder, { recursive: true });
  await fs.rm(join(other.folder, segmentName(3)));
  await fs.rm(join(other.folder, segmentName(2)));
  const forked = await continueJournal(other, { end: { segment: 1, sequence: 0, chain: CHAIN_START }, files: FILES_START });
  for (const size of [5, 6, 7]) await forked.append([Buffer.alloc(size)]);
  await forked.close();
  await fs.copyFile(join(other.folder, segmentName(2)), join(place.folder, segmentName(2)));
  await assert.rejects(read(place), refusal("JOURNAL_CHAIN"));
});

test("frames that are doubled, swapped or moved to another segment are refused", async (t) => {
  const place: Place = { folder: await folderOf(t), owner };
  await createJournal(place);
  const journal = await boot(place);
  for (const value of [1, 2, 3]) await journal.append([Buffer.alloc(10, value)]);
  await journal.close();
  const path = join(place.folder, segmentName(2));
  const bytes = await fs.readFile(path);
  const [one, two, three] = [0, 1, 2].map((at) => bytes.subarray(HEADER_BYTES + at * 34, HEADER_BYTES + (at + 1) * 34));
  assert.ok(one && two && three);
  const header = bytes.subarray(0, HEADER_BYTES);
  for (const frames of [
    [one, one, two, three],
    [two, one, three],
    [one, three],
    [two, three],
    [one, two, three, three],
  ]) {
    await fs.writeFile(path, Buffer.concat([header, ...frames]));
    await assert.rejects(read(place), refusal("JOURNAL_CORRUPT"));
  }
  await fs.writeFile(path, bytes);
  const next = await boot(place);
  await next.append([Buffer.alloc(10, 4)]);
  await next.close();
  const newest = join(place.folder, segmentName(3));
  await fs.writeFile(newest, Buffer.concat([(await fs.readFile(newest)).subarray(0, HEADER_BYTES), three]));
  await assert.rejects(read(place), refusal("JOURNAL_CORRUPT"));
});

test("as many segments as a long life leaves are counted", async (t) => {
  const place = await sample(t);
  const names = Array.from({ length: 300_000 }, (_, at) => segmentName(at + 1));
  const readdir = (() => Promise.resolve(names)) as unknown as Files["readdir"];
  await assert.rejects(read({ ...place, files: { ...realFiles, readdir } }), refusal("JOURNAL_GAP"));
});

test("a copy for which there is no room ends the start and harms nothing", async (t) => {
  const place = await sample(t);
  const { last } = await read(place);
  const files = watched((call) => {
    if (call === "write") throw Object.assign(new Error(call), { code: "ENOSPC" });
  });
  await assert.rejects(mend({ ...place, files }, last), (error) => error instanceof Fault && error.code === "JOURNAL_WRITE");
  assert.deepEqual((await read(place)).records, records);
  const fresh = async () => (await fs.readdir(place.folder)).filter((name) => name.endsWith(FRESH)).length;
  assert.equal(await fresh(), 0, "what takes the room is removed");
  await fs.writeFile(join(place.folder, `left by a crash${FRESH}`), "");
  await sweep(place.folder, realFiles);
  assert.equal(await fresh(), 0);
});

test("nothing is created where there is no journal", async (t) => {
  const place: Place = { folder: join(await folderOf(t), "none"), owner };
  await assert.rejects(read(place), refusal("JOURNAL_MISSING"));
  await fs.mkdir(place.folder);
  await assert.rejects(read(place), refusal("JOURNAL_MISSING"));
  await createJournal(place);
  await fs.rm(join(place.folder, "last"));
  await assert.rejects(read(place), refusal("JOURNAL_MISSING"));
  await fs.writeFile(join(place.folder, "last"), Buffer.alloc(33));
  await assert.rejects(read(place), refusal("JOURNAL_CORRUPT"));
});

test("a segment that is already there is never replaced", async (t) => {
  const place = await sample(t);
  const { last } = await read(place);
  const one = await continueJournal(place, last);
  await assert.rejects(continueJournal(place, last), (error) => error instanceof Fault && error.code === "JOURNAL_WRITE");
  await one.append([Buffer.from("kept")]);
  await one.close();
  assert.equal((await read(place)).records.length, records.length + 1);
});

/** Files whose handles call `each` before every write and sync; it fails the call by throwing. */
function watched(each: (call: "write" | "sync") => unknown): Files {
  return {
    ...realFiles,
    async open(...args) {
      const handle = await realFiles.open(...args);
      return new Proxy(handle, {
        get(target, key) {
          const value: unknown = Reflect.get(target, key);
          if (typeof value !== "function") return value;
          return async (...rest: unknown[]) => {
            if (key === "datasync") await each("sync");
            if (key === "write") await each("write");
            return Reflect.apply(value, target, rest);
          };
        },
      });
    },
  };
}

test("a write or sync that fails stops the journal, wherever it happens", async (t) => {
  const place = await sample(t);
  let calls = 0;
  for (let failing = 1; ; failing++) {
    calls = 0;
    const files = watched((call) => {
      calls += 1;
      if (calls === failing) throw Object.assign(new Error(call), { code: call === "write" ? "ENOSPC" : "EIO" });
    });
    const { last } = await read(place);
    const before = (await read(place)).records.length;
    let acknowledged = 0;
    let opened: Journal | undefined;
    try {
      const journal = await continueJournal({ ...place, files, segmentBytes: 250 }, last);
      opened = journal;
      for (let at = 0; at < 3; at++) {
        await journal.append([Buffer.alloc(100, at)]).catch(async (error) => {
          await assert.rejects(journal.append([Buffer.alloc(1)]), (after) => after instanceof Fault && after.code === "BUG");
          throw error;
        });
        acknowledged += 1;
      }
    } catch (error) {
      assert.ok(error instanceof Fault && error.code === "JOURNAL_WRITE", String(error));
    } finally {
      await opened?.close();
    }
    const found = await read(place);
    assert.ok(found.records.length >= before + acknowledged);
    await mend(place, found.last);
    if (calls < failing) break;
  }
  assert.ok(calls > 10);
});

test("a disk that is really full stops the journal, and what was acknowledged is still there", async (t) => {
  const folder = await folderOf(t);
  try {
    execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], { stdio: "ignore" });
  } catch {
    t.diagnostic("no file system can be mounted by this user; the failing handles above stand for it");
    return;
  }
  try {
    const place: Place = { folder, owner };
    await createJournal(place);
    const journal = await boot(place);
    let acknowledged = 0;
    await assert.rejects(
      async () => {
        for (;;) {
          await journal.append([Buffer.alloc(3000, acknowledged)]);
          acknowledged += 1;
        }
      },
      (error) => error instanceof Fault && error.code === "JOURNAL_WRITE",
    );
    await journal.close();
    const found = await read(place);
    assert.equal(found.records.length, acknowledged);
    assert.ok(found.last.torn > 0);
  } finally {
    execFileSync("umount", [folder]);
  }
});
