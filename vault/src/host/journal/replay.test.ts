/** Which snapshot a start uses, and what a whole reading makes of each: with the real judgement, on snapshots that are sealed
 *  as they must be and say the wrong thing. What others can do to the files is in test/attacks. */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { openRecord } from "@strongroom/core/journal/record";
import { snapshotName } from "@strongroom/core/journal/segment";
import { mind } from "../../mind.ts";
import type { State } from "../../state/state.ts";
import { bootVault, initialise, type Vault } from "../boot.ts";
import { openKeystore } from "../keys/software.ts";
import { programHash } from "../launch/programHash.ts";
import { limits } from "../limits.ts";
import { type Batch, readJournal } from "./read.ts";
import { type Reading, replay, verify } from "./replay.ts";
import { writeSnapshot } from "./snapshot.ts";
import type { Boundary } from "./write.ts";

const passphrase = Buffer.from("correct horse battery");
const work = { memoryKiB: 19 * 1024, passes: 1, lanes: 1 };
const program = programHash();
const other = "7f".repeat(32) as Hash;

/** A journal of three starts, with what reads it and the boundary after each of its segments but the last. */
async function sample(t: TestContext): Promise<{ reading: Reading<State>; boundaries: readonly Boundary[]; data: string }> {
  const folder = await fs.mkdtemp(join(tmpdir(), "replay-"));
  t.after(() => fs.rm(folder, { recursive: true }));
  const data = join(folder, "data");
  await initialise(data, passphrase, work);
  for (let at = 0; at < 3; at++) {
    const vault = await bootVault(data, passphrase, mind);
    await started(vault);
    await vault.close();
  }
  const keystore = await openKeystore(join(data, "keystore"), passphrase);
  t.after(() => keystore.close());
  const place = { folder: join(data, "journal"), owner: keystore.owner };
  const batches: Batch[] = [];
  for await (const batch of readJournal(place)) batches[batch.end.segment - 1] = batch;
  const boundaries = batches.slice(0, -1).map(({ end, files }) => ({ end, files }));
  return { reading: { place, identityKey: toHex(keystore.identity.publicKey), mind, program }, boundaries, data };
}

/** Waits until the boot is recorded. */
async function started({ loop }: Vault<State>): Promise<void> {
  await new Promise<Uint8Array>((answered) => loop.ask(Buffer.from("anything"), answered));
}

type Sample = Awaited<ReturnType<typeof sample>>;

/** The state at a boundary. */
async function stateAt({ reading }: Sample, { end }: Boundary): Promise<State> {
  let state = mind.empty(reading.identityKey);
  for await (const batch of readJournal(reading.place)) {
    if (batch.end.segment > end.segment) break;
    for (const bytes of batch.records) state = mind.apply(state, openRecord(bytes));
  }
  return state;
}

/** Writes a snapshot, right or wrong. */
async function write({ reading }: Sample, boundary: Boundary, pieces: Iterable<Uint8Array>, by = program): Promise<void> {
  await writeSnapshot(reading.place, { boundary, program: by, pieces, pause: () => Promise.resolve() });
}

const codes = (refused: readonly string[]) => refused.map((line) => / (\w+) at /.exec(line)?.[1]);

test("a start uses the newest snapshot that holds, and comes to the same state", async (t) => {
  const made = await sample(t);
  const { reading, boundaries } = made;
  const whole = await replay(reading);
  assert.deepEqual([whole.from.end.segment, whole.records], [0, 3]);
  for (const boundary of boundaries) {
    await write(made, boundary, mind.encode(await stateAt(made, boundary)));
    const short = await replay(reading);
    assert.deepEqual([short.from, short.refused, short.last], [boundary, [], whole.last]);
    assert.deepEqual({ ...short.state, positions: null }, { ...whole.state, positions: null });
    const long = await verify(reading);
    assert.deepEqual([long.from.end.segment, long.last], [0, whole.last]);
  }
});

test("a snapshot of another program is neither used nor told; a whole reading looks at its seals only", async (t) => {
  const made = await sample(t);
  const boundary = made.boundaries[1] as Boundary;
  await write(made, boundary, [Buffer.from("in another layout")], other);
  const { from, refused } = await replay(made.reading);
  assert.deepEqual([from.end.segment, refused], [0, []]);
  assert.equal((await verify(made.reading)).records, 3);
  await fs.truncate(join(made.reading.place.folder, snapshotName(2)), 300);
  await assert.rejects(verify(made.reading), { code: "SNAPSHOT_CORRUPT" });
});

test("a snapshot that says the wrong thing under right seals is refused", async (t) => {
  const made = await sample(t);
  const { reading, boundaries } = made;
  const [first, second] = boundaries.slice(1) as [Boundary, Boundary];
  const right = await stateAt(made, second);
  const pieces = [...mind.encode(right)].map((piece) => piece.slice());
  const wrong: { readonly [what: string]: readonly Uint8Array[] } = {
    "no state": [Buffer.from("no state")],
    "less than a state": pieces.map((piece) => piece.subarray(0, 40)),
    "the state of another place": [...mind.encode(await stateAt(made, first))].map((piece) => piece.slice()),
  };
  for (const [what, list] of Object.entries(wrong)) {
    await write(made, second, list);
    const { from, refused } = await replay(reading);
    assert.deepEqual([from.end.segment, codes(refused)], [0, ["SNAPSHOT_CORRUPT"]], what);
    await assert.rejects(verify(reading), { code: "SNAPSHOT_CORRUPT" }, what);
  }
  const lies: { readonly [what: string]: readonly Uint8Array[] } = {
    "a state that is halted": [...mind.encode({ ...right, halted: true })].map((piece) => piece.slice()),
    "more than the state": [...pieces, Buffer.from("more")],
    nothing: [],
  };
  for (const [what, list] of Object.entries(lies)) {
    await write(made, second, list);
    await assert.rejects(verify(reading), { code: "SNAPSHOT_CORRUPT" }, what);
  }
});

test("segments that are not those of the snapshot are read again", async (t) => {
  const made = await sample(t);
  const boundary = made.boundaries[1] as Boundary;
  await write(made, { ...boundary, files: other }, mind.encode(await stateAt(made, boundary)));
  const { from, refused } = await replay(made.reading);
  assert.deepEqual([from.end.segment, codes(refused)], [0, ["SNAPSHOT_CORRUPT"]]);
  await assert.rejects(verify(made.reading), { code: "SNAPSHOT_CORRUPT" });
});

test("what is no refusal of a snapshot is not taken for one", async (t) => {
  const made = await sample(t);
  const boundary = made.boundaries[1] as Boundary;
  await write(made, boundary, mind.encode(await stateAt(made, boundary)));
  const decoder = () => {
    throw new Error("a bug");
  };
  await assert.rejects(replay({ ...made.reading, mind: { ...mind, decoder } }), /a bug/);
});

test("a long start writes a snapshot at once, and the next one uses it", async (t) => {
  const { data } = await sample(t);
  const usual = limits.startRecords;
  Object.assign(limits, { startRecords: 3 });
  t.after(() => Object.assign(limits, { startRecords: usual }));
  const used: number[] = [];
  for (let at = 0; at < 3; at++) {
    const vault = await bootVault(data, passphrase, mind, assert.fail);
    const { keeper, replayed, close } = vault;
    await started(vault);
    while (!keeper.isDue(Number.MAX_SAFE_INTEGER, 0)) await new Promise((next) => setTimeout(next, 2));
    used.push(replayed.from.end.sequence);
    await close();
  }
  assert.deepEqual(used, [0, 3, 3]);
});

test("a start tells what it did not use", async (t) => {
  const made = await sample(t);
  await write(made, made.boundaries[1] as Boundary, [Buffer.from("no state")]);
  const told: string[] = [];
  const vault = await bootVault(made.data, passphrase, mind, (line) => told.push(line));
  await vault.close();
  assert.match(told.join("\n"), /^not used: 00000002\.snap SNAPSHOT_CORRUPT at 00000002\.snap: MALFORMED/);
});

test("a program is known by its sources, and by nothing else", async (t) => {
  const folder = await fs.mkdtemp(join(tmpdir(), "program-"));
  t.after(() => fs.rm(folder, { recursive: true }));
  await fs.mkdir(join(folder, "below"));
  const path = join(folder, "below", "one.ts");
  await fs.writeFile(path, "one");
  const first = programHash([folder]);
  await fs.writeFile(join(folder, "below", "one.test.ts"), "a test");
  await fs.writeFile(join(folder, "note.md"), "a note");
  assert.equal(programHash([folder]), first);
  await fs.writeFile(path, "two");
  assert.notEqual(programHash([folder]), first);
  await fs.writeFile(path, "one");
  await fs.rename(path, join(folder, "one.ts"));
  assert.notEqual(programHash([folder]), first);
  assert.equal(programHash(), program);
});
