/** Snapshots are deleted, edited, exchanged or rolled back by whoever can write to the vault's disk but does not know its
 *  passphrase. He gains nothing: a snapshot that does not hold is not used and is told, and one that holds but contradicts the
 *  journal shows that the journal was rolled back, and nothing starts. */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { RefusalCode } from "../../core/src/errors.ts";
import { HEADER_BYTES, segmentName, snapshotName } from "../../core/src/journal/segment.ts";
import type { Intent } from "../../core/src/signed/intent.ts";
import { verifyData } from "../../vault/src/host/boot.ts";
import { markPath } from "../../vault/src/host/journal/mark.ts";
import { limits } from "../../vault/src/host/limits.ts";
import { mind } from "../../vault/src/mind.ts";
import * as world from "../world/world.ts";
import { attacks, fails, TWO } from "./attack.ts";
import { fresh, PASSPHRASE, type RealVault, realVault } from "./real.ts";

const EVERY = 4;
const journalOf = (house: RealVault) => join(house.data, "journal");
const snapshot = (house: RealVault, number: number) => join(journalOf(house), snapshotName(number));
const segment = (house: RealVault, number: number) => join(journalOf(house), segmentName(number));

async function snapshotsOf(house: RealVault): Promise<number[]> {
  const names = await fs.readdir(journalOf(house));
  return names.filter((name) => name.endsWith(".snap")).map((name) => Number(name.slice(0, 8)));
}

/** Waits until nothing is being written. */
async function settled({ running }: RealVault): Promise<void> {
  while (!running.keeper.isDue(Number.MAX_SAFE_INTEGER, 0)) await sleep(2);
}

/** A vault with the first payment that it made, and what it answered. */
type Paid = RealVault & { readonly first: { readonly intent: Intent; readonly body: Uint8Array } };

/** Runs `work` with a stopped vault that has written two snapshots and some records after each. */
async function stopped(work: (house: Paid, good: readonly number[]) => Promise<void>): Promise<void> {
  const usual = { snapshotRecords: limits.snapshotRecords, startRecords: limits.startRecords };
  Object.assign(limits, { snapshotRecords: EVERY });
  const { house, clean } = await realVault();
  try {
    const intent = house.pay("first");
    const { receipt } = await house.ask(await house.request(intent, TWO));
    for (let at = 0; at < 4; at++) {
      await settled(house);
      assert.equal(await house.code(await house.request(house.pay(`pay-${at}`), TWO)), "OK");
    }
    await settled(house);
    Object.assign(limits, usual);
    await house.stop();
    const good = await snapshotsOf(house);
    assert.equal(good.length, 2);
    await work(Object.assign(house, { first: { intent, body: receipt.body } }), good);
  } finally {
    Object.assign(limits, usual);
    await clean();
  }
}

/** The journal as it is now, with the mark beside it; `restore` brings both back. */
async function saved(house: RealVault): Promise<() => Promise<void>> {
  const copy = `${house.data}.copy`;
  const mark = markPath({ folder: journalOf(house) });
  await fs.rm(copy, { recursive: true, force: true });
  await fs.cp(journalOf(house), copy, { recursive: true });
  await fs.copyFile(mark, `${copy}.mark`);
  return async () => {
    await fs.rm(journalOf(house), { recursive: true });
    await fs.cp(copy, journalOf(house), { recursive: true });
    await fs.copyFile(`${copy}.mark`, mark);
  };
}

/** The vault starts, from the end of segment `from` (0: the beginning) and with these refusals, remembers all that it paid and
 *  pays on. */
async function startsFrom(house: Paid, from: number, refused: readonly RefusalCode[] = []): Promise<void> {
  await fails(async () => {
    await house.start();
    const { replayed } = house.running;
    assert.equal(replayed.from.end.segment, from);
    assert.deepEqual(
      replayed.refused.map((line) => / (\w+) at /.exec(line)?.[1]),
      refused,
    );
    const { intent, body } = house.first;
    const show = fresh({ command: "show", what: "execution", name: world.intentId(intent) });
    assert.deepEqual((await house.ask(show)).receipt.body, body, "the same transaction as ever");
    assert.equal(await house.code(await house.request(house.pay(intent.reference), TWO)), "REFERENCE_USED");
    assert.equal(await house.code(await house.request(house.pay(`after ${Math.random()}`), TWO)), "OK");
    await house.stop();
  });
}

async function startFails(house: RealVault, code: RefusalCode): Promise<void> {
  await fails(async () => {
    await assert.rejects(house.start(), { name: "Refused", code });
    const passphrase = Buffer.from(PASSPHRASE);
    await assert.rejects(verifyData(house.data, passphrase, mind), { name: "Refused", code });
  });
}

async function verifyFails(house: RealVault, code: RefusalCode): Promise<void> {
  await fails(() => assert.rejects(verifyData(house.data, Buffer.from(PASSPHRASE), mind), { name: "Refused", code }));
}

async function flip(path: string, at: number): Promise<void> {
  const bytes = await fs.readFile(path);
  const place = at < 0 ? bytes.length + at : at;
  bytes[place] = (bytes[place] as number) ^ 1;
  await fs.writeFile(path, bytes);
}

attacks("snapshots are deleted, or replaced by older ones", async () => {
  await stopped(async (house, [older, newer]) => {
    const restore = await saved(house);
    const [one, two] = [snapshot(house, older as number), snapshot(house, newer as number)] as const;
    await startsFrom(house, newer as number);
    await restore();
    await fs.rm(two);
    await startsFrom(house, older as number);
    await restore();
    await fs.rm(one);
    await fs.rm(two);
    await startsFrom(house, 0);
    await restore();
    await fs.copyFile(one, two);
    await startsFrom(house, older as number, ["SNAPSHOT_CORRUPT"]);
    await restore();
    await fs.copyFile(one, snapshot(house, 99));
    await startsFrom(house, newer as number, ["SNAPSHOT_CORRUPT"]);
  });
});

attacks("snapshots are edited, cut or exchanged for another vault's", async () => {
  await stopped(async (house, [older, newer]) => {
    const restore = await saved(house);
    const path = snapshot(house, newer as number);
    const { size } = await fs.stat(path);
    for (const damage of [
      () => flip(path, 0),
      () => flip(path, 8),
      () => flip(path, 80),
      () => flip(path, 100),
      () => flip(path, HEADER_BYTES - 1),
      () => flip(path, HEADER_BYTES + 20),
      () => flip(path, Math.floor(size / 2)),
      () => flip(path, -1),
      () => fs.truncate(path, size - 1),
      () => fs.truncate(path, HEADER_BYTES),
      () => fs.writeFile(path, ""),
      () => fs.appendFile(path, "more"),
      () => fs.copyFile(segment(house, newer as number), path),
    ]) {
      await damage();
      await verifyFails(house, "SNAPSHOT_CORRUPT");
      await startsFrom(house, older as number, ["SNAPSHOT_CORRUPT"]);
      await restore();
    }
    await stopped(async (foreign, [, theirs]) => {
      await fs.copyFile(snapshot(foreign, theirs as number), path);
      await verifyFails(house, "SNAPSHOT_FOREIGN");
      await startsFrom(house, older as number, ["SNAPSHOT_FOREIGN"]);
    });
  });
});

attacks("what is before a snapshot is removed, cut or exchanged, because it is not read any more", async () => {
  await stopped(async (house, [, newer]) => {
    const restore = await saved(house);
    const two = await fs.readFile(segment(house, 2));
    const damage: readonly [RefusalCode, () => Promise<unknown>][] = [
      ["JOURNAL_GAP", () => fs.rm(segment(house, 1))],
      ["JOURNAL_GAP", () => fs.rm(segment(house, 2))],
      ["JOURNAL_TRUNCATED", () => fs.truncate(segment(house, 2), two.length - 1)],
      ["JOURNAL_GAP", () => fs.truncate(segment(house, 2), HEADER_BYTES)],
      ["JOURNAL_CORRUPT", () => fs.appendFile(segment(house, 2), Buffer.alloc(40, 7))],
      ["JOURNAL_GAP", () => fs.copyFile(segment(house, 3), segment(house, 2))],
      ["JOURNAL_KEY", () => flip(segment(house, 2), HEADER_BYTES - 1)],
      ["JOURNAL_GAP", () => fs.copyFile(segment(house, 1), segment(house, newer as number))],
    ];
    for (const [code, act] of damage) {
      await act();
      await startFails(house, code);
      await restore();
    }
    // A byte inside a frame changes neither size nor header: nothing depends on it, and only a whole reading finds it.
    await flip(segment(house, 2), HEADER_BYTES + 20);
    await verifyFails(house, "JOURNAL_CORRUPT");
    await startsFrom(house, newer as number);
    for (const number of await snapshotsOf(house)) await fs.rm(snapshot(house, number));
    await startFails(house, "JOURNAL_CORRUPT");
  });
});

attacks("the journal is rolled back, and a snapshot of what it has lost stays", async () => {
  await stopped(async (house, [, newer]) => {
    const restore = await saved(house);
    const numbers = (await fs.readdir(journalOf(house))).filter((name) => name.endsWith(".seg")).length;
    for (let number = (newer as number) + 1; number <= numbers; number++) await fs.rm(segment(house, number));
    await startFails(house, "JOURNAL_MISSING");
    await restore();
    await rolledBack(house);
  });
});

/** Brings the whole folder back to an older copy, with the file `last` that fits, and lays a newer snapshot beside it. */
async function rolledBack(house: RealVault): Promise<void> {
  const usual = limits.snapshotRecords;
  await house.start();
  await house.stop();
  const before = await saved(house);
  Object.assign(limits, { snapshotRecords: EVERY });
  await house.start();
  for (const name of ["a", "b", "c"]) {
    assert.equal(await house.code(await house.request(house.pay(name), TWO)), "OK");
    await settled(house);
  }
  await house.stop();
  Object.assign(limits, { snapshotRecords: usual });
  const late = Math.max(...(await snapshotsOf(house)));
  const bytes = await fs.readFile(snapshot(house, late));
  await before();
  await fs.writeFile(snapshot(house, late), bytes);
  await startFails(house, "SNAPSHOT_AHEAD");
  await fs.rm(snapshot(house, late));
  // The rolled-back vault goes on in another way until it has as many segments.
  for (;;) {
    await house.start();
    await house.ground();
    await house.stop();
    if ((await fs.readdir(journalOf(house))).includes(segmentName(late + 1))) break;
  }
  await fs.writeFile(snapshot(house, late), bytes);
  await startFails(house, "SNAPSHOT_CHAIN");
}
