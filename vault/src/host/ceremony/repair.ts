/** The ceremony of a repair: what can still be read of a journal becomes the journal, and all that was there is kept aside.
 *
 *  For a journal that a start refuses, for one that was brought back from a copy, and for a vault that was halted. It runs at
 *  the vault's own console only. Nothing is deleted: the folder `aside-N` holds every file as it was. What could be read is cut
 *  to its newest record, a record `repaired` names what followed, and from then on every start is suspected until the
 *  administrators have confirmed it. Killed at any step it leaves a journal that no start takes for whole and confirmed; it
 *  is then simply held again. Source: docs/operate/ceremonies.md. */
import { createHash, type Hash as Hasher } from "node:crypto";
import type { FileHandle } from "node:fs/promises";
import { join } from "node:path";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { type RefusalCode, Refused } from "@strongroom/core/errors";
import { openRecord, type RecordOf, type Sealed } from "@strongroom/core/journal/record";
import { segmentName, snapshotName } from "@strongroom/core/journal/segment";
import type { Now } from "../../types.ts";
import { keystorePath, placeOf } from "../boot.ts";
import { clockFrom } from "../clock.ts";
import { diskOf, realFiles, sweep, writeAll } from "../disk.ts";
import { absent, Fault } from "../fault.ts";
import { takeFence } from "../journal/fence.ts";
import { markPath } from "../journal/mark.ts";
import { type Batch, highestSegment, mend, readSegments } from "../journal/read.ts";
import type { WholeMind } from "../journal/replay.ts";
import { listSnapshots } from "../journal/snapshot.ts";
import { continueJournal, nameLast, type Place, stopWriting } from "../journal/write.ts";
import { openKeystore } from "../keys/software.ts";
import { limits } from "../limits.ts";

/** The pure side with what a repair needs of it. */
export type RepairMind<State> = WholeMind<State> & {
  repaired(now: Now, tail: Pick<RecordOf<"repaired">, "why" | "segments" | "bytes" | "tail">): Sealed;
};

/** What of a journal can be read. `why`: the code with which reading ended. `bytes`: what follows the newest good record, in
 *  its own segment and all later ones. `tail`: their SHA-256. */
export type Salvage<State> = {
  readonly state: State;
  readonly last: Batch;
  readonly why: RefusalCode | "";
  readonly segments: number;
  readonly bytes: number;
  readonly tail: Hash;
};

/** Shows what is there, and repairs once `agreed` says so. Gives the folder in which everything is kept.
 *  Fails: as `openKeystore`, REPAIR_HOPELESS, NOT_CONFIRMED, JOURNAL_WRITE. */
export async function repairData<State>(
  data: string,
  passphrase: Buffer,
  mind: RepairMind<State>,
  agreed: (found: Salvage<State>) => Promise<boolean>,
): Promise<string> {
  const keystore = await openKeystore(keystorePath(data), passphrase);
  const fence = await takeFence(data, realFiles);
  try {
    const place = placeOf(data, keystore);
    for (const folder of [data, place.folder]) await sweep(folder, realFiles);
    const found = await salvage(place, toHex(keystore.identity.publicKey), mind);
    if (!(await agreed(found))) throw new Fault("NOT_CONFIRMED", "");
    if (!fence.held()) throw new Fault("DATA_FENCED", "");
    const aside = await setAside(data, place).catch(stopWriting);
    await cut(data, place, found);
    const { why, segments, bytes, tail } = found;
    const now = clockFrom(mind.journaledAt(found.state))();
    const record = mind.repaired(now, { why, segments, bytes, tail });
    const journal = await continueJournal(place, found.last);
    await journal.append([record.bytes]).finally(() => journal.close());
    return aside;
  } finally {
    await fence.close();
    keystore.close();
  }
}

/** Reads as far as everything verifies. Fails: REPAIR_HOPELESS. */
async function salvage<State>(place: Place, identityKey: string, mind: WholeMind<State>): Promise<Salvage<State>> {
  const segments = await highestSegment(place);
  let state = mind.empty(identityKey);
  let last: Batch | null = null;
  let why: RefusalCode | "" = "";
  try {
    for await (const batch of readSegments(place, segments)) {
      for (const bytes of batch.records) state = mind.apply(state, openRecord(bytes));
      last = { ...batch, records: [] };
    }
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    why = error.code;
  }
  if (last === null || mind.deployment(state) === null) {
    throw new Fault("REPAIR_HOPELESS", `${segments} segments; ${why || "nothing was founded"}.`);
  }
  const { bytes, tail } = await digestTail(place, last, segments);
  return { state, last, why, segments, bytes, tail };
}

/** What follows the newest good record, of its segment and the later ones, in their order. */
async function digestTail(place: Place, { end, size }: Batch, segments: number): Promise<{ bytes: number; tail: Hash }> {
  const hasher = createHash("sha256");
  let bytes = await digestFile(join(place.folder, segmentName(end.segment)), size, hasher);
  for (let number = end.segment + 1; number <= segments; number++) {
    bytes += await digestFile(join(place.folder, segmentName(number)), 0, hasher);
  }
  return { bytes, tail: hasher.digest("hex") as Hash };
}

/** A file that is not there has no bytes. */
async function digestFile(path: string, from: number, hasher: Hasher): Promise<number> {
  const handle = await realFiles.open(path, "r").catch(absent);
  if (handle === null) return 0;
  try {
    return await eachPart(handle, from, async (part) => {
      hasher.update(part);
    });
  } finally {
    await handle.close();
  }
}

/** Reads a file to its end; gives how many bytes that were. */
async function eachPart(handle: FileHandle, from: number, use: (part: Buffer, at: number) => Promise<void>): Promise<number> {
  const room = Buffer.allocUnsafe(limits.readBytes);
  let at = from;
  for (;;) {
    const { bytesRead } = await handle.read(room, 0, room.length, at);
    if (bytesRead === 0) return at - from;
    await use(room.subarray(0, bytesRead), at - from);
    at += bytesRead;
  }
}

/** Copies every file of the journal, and its mark, into a new folder, durably. */
async function setAside(data: string, place: Place): Promise<string> {
  const disk = diskOf(realFiles);
  const names = await realFiles.readdir(data);
  const numbers = names.flatMap((name) => (/^aside-[0-9]{1,6}$/.test(name) ? [Number(name.slice(6))] : []));
  const aside = join(data, `aside-${numbers.reduce((most, number) => Math.max(most, number), 0) + 1}`);
  await realFiles.mkdir(aside, { mode: 0o700 });
  const files = (await realFiles.readdir(place.folder)).map((name) => [join(place.folder, name), name] as const);
  for (const [from, name] of [...files, [markPath(place), "journal.mark"] as const]) await copy(from, join(aside, name));
  await disk.syncFolder(data);
  return aside;
}

async function copy(from: string, to: string): Promise<void> {
  const source = await realFiles.open(from, "r").catch(absent);
  if (source === null) return;
  try {
    await diskOf(realFiles).refill(to, async (target) => {
      await eachPart(source, 0, (part, at) => writeAll(target, part, at));
    });
  } finally {
    await source.close();
  }
}

/** Cuts the journal to its newest good record. The mark goes first, so that what is left is suspected from here on; then the
 *  snapshots, which may hold what is cut off; the newest segments go before the older ones, so that no gap is left. */
async function cut<State>(data: string, place: Place, { last, segments }: Salvage<State>): Promise<void> {
  const disk = diskOf(realFiles);
  const drop = async () => {
    await realFiles.unlink(markPath(place)).catch(absent);
    await disk.syncFolder(data);
    for (const number of await listSnapshots(place)) await realFiles.unlink(join(place.folder, snapshotName(number)));
    for (let number = segments; number > last.end.segment; number--) {
      await realFiles.unlink(join(place.folder, segmentName(number))).catch(absent);
      await disk.syncFolder(place.folder);
    }
  };
  await drop().catch(stopWriting);
  await mend(place, last);
  await nameLast(place, last.end.segment);
}
