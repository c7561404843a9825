/** From a journal to the state that it says: the newest snapshot that holds, and then every record after it.
 *
 *  The journal is what counts. A snapshot that does not hold is not used and its refusal is told, because somebody or something
 *  has changed it; one that holds and contradicts the journal shows that the journal was rolled back, and then nothing starts.
 *  Source: docs/spec/journal.md, "Snapshots". */
import type { Hash } from "@strongroom/core/bytes";
import { Refused, refuse } from "@strongroom/core/errors";
import { openRecord } from "@strongroom/core/journal/record";
import { snapshotName } from "@strongroom/core/journal/segment";
import type { Suspicion } from "@strongroom/core/signed/head";
import { Fault } from "../fault.ts";
import type { Mind } from "../run.ts";
import { readMark, suspicionOf } from "./mark.ts";
import { type Batch, hasFiles, JOURNAL_START, placeOf, readJournal } from "./read.ts";
import { listSnapshots, type Snapshot, withSnapshot } from "./snapshot.ts";
import type { Boundary, Place } from "./write.ts";

/** The pure side with what a start needs of it. `empty`: state of an empty journal, for the identity key in lower-case hex.
 *  `journaledAt`: lower bound of the time in the newest record, null without one. `head`: chain hash after the newest,
 *  `hashAt`: after so many records. `encode`: the state in pieces for a snapshot, `decoder`: puts them together again. */
export type WholeMind<State> = Mind<State> & {
  empty(identityKey: string): State;
  journaledAt(state: State): number | null;
  head(state: State): Hash;
  hashAt(state: State, seq: number): Hash | undefined;
  encode(state: State): Iterable<Uint8Array>;
  decoder(): { add(piece: Uint8Array): void; done(): State };
};

/** What a start has found. `from`: where the snapshot ends that was used, or the journal's beginning. `refused`: snapshots that
 *  do not hold, each with its code. */
export type Replayed<State> = {
  readonly state: State;
  readonly last: Batch;
  readonly from: Boundary;
  readonly refused: readonly string[];
  readonly records: number;
  readonly suspicion: Suspicion | null;
  readonly ms: number;
};

/** Whose journal, and what it is read with. */
export type Reading<State> = {
  readonly place: Place;
  readonly identityKey: string;
  readonly mind: WholeMind<State>;
  readonly program: Hash;
};

/** The state of a journal. Fails: codes of `readJournal` and `openRecord`, SNAPSHOT_AHEAD, SNAPSHOT_CHAIN. */
export async function replay<State>(reading: Reading<State>): Promise<Replayed<State>> {
  const begun = performance.now();
  const { place, identityKey, mind } = reading;
  // Before the journal, which only grows while somebody verifies it.
  const mark = await readMark(place);
  const { found, refused } = await newest(reading);
  const { from, state: start } = found ?? { from: JOURNAL_START, state: mind.empty(identityKey) };
  const { state, last } = await fold(mind, start, readJournal(place, from));
  const suspicion = suspicionOf(mark, (seq) => mind.hashAt(state, seq));
  const ms = Math.round(performance.now() - begun);
  return { state, last, from, refused, records: last.end.sequence, suspicion, ms };
}

type Found<State> = { readonly from: Boundary; readonly state: State };

async function newest<State>(reading: Reading<State>): Promise<{ found: Found<State> | null; refused: readonly string[] }> {
  const refused: string[] = [];
  for (const number of await listSnapshots(reading.place)) {
    try {
      const found = await withSnapshot(reading.place, number, (snapshot) => load(reading, snapshot));
      if (found !== null) return { found, refused };
    } catch (error) {
      const harmless = error instanceof Refused && ["SNAPSHOT_CORRUPT", "SNAPSHOT_FOREIGN"].includes(error.code);
      if (!harmless) throw error;
      refused.push(`${snapshotName(number)} ${error.message}`);
    }
  }
  return { found: null, refused };
}

/** The state in a snapshot; null when another program wrote it. Fails: SNAPSHOT_ codes, JOURNAL_ codes of the segment after. */
async function load<State>({ place, mind, program }: Reading<State>, snapshot: Snapshot): Promise<Found<State> | null> {
  await demandPlace(place, snapshot);
  if (snapshot.program !== program) return null;
  const name = snapshotName(snapshot.boundary.end.segment);
  if (!(await hasFiles(place, snapshot.boundary))) refuse("SNAPSHOT_CORRUPT", name, "the segments before it are others");
  const decoder = mind.decoder();
  try {
    for await (const piece of snapshot.pieces) decoder.add(piece);
    const state = decoder.done();
    if (mind.head(state) !== snapshot.boundary.end.chain) refuse("SNAPSHOT_CORRUPT", name, "its state has another head");
    return { from: snapshot.boundary, state };
  } catch (error) {
    if (!(error instanceof Refused) || error.code === "SNAPSHOT_CORRUPT") throw error;
    return refuse("SNAPSHOT_CORRUPT", name, error.message);
  }
}

/** Refuses a journal that does not have what this vault wrote a snapshot of. Fails: SNAPSHOT_AHEAD, SNAPSHOT_CHAIN. */
async function demandPlace(place: Place, { boundary: { end } }: Snapshot): Promise<void> {
  const name = snapshotName(end.segment);
  const found = await placeOf(place, end);
  if (found === "ahead") refuse("SNAPSHOT_AHEAD", name, `it holds ${end.sequence} records, and the journal ends before`);
  if (found === "other") refuse("SNAPSHOT_CHAIN", name, `its head after ${end.sequence} records is not the journal's`);
}

/** Folds batches; `ended` is called at the end of each segment that another one follows, before the first record of that. */
async function fold<State>(
  mind: WholeMind<State>,
  start: State,
  batches: AsyncIterable<Batch>,
  ended: (segment: number, state: State) => Promise<void> = () => Promise.resolve(),
): Promise<{ state: State; last: Batch }> {
  let state = start;
  let last: Batch | undefined;
  for await (const batch of batches) {
    if (last !== undefined && batch.end.segment !== last.end.segment) await ended(last.end.segment, state);
    for (const bytes of batch.records) state = mind.apply(state, openRecord(bytes));
    last = { ...batch, records: [] };
  }
  if (last === undefined || mind.head(state) !== last.end.chain) throw new Fault("BUG", "The fold leads to another head.");
  return { state, last };
}

/** Reads everything, believes no snapshot, and compares each with what the records before it come to.
 *  Fails: codes of `readJournal` and `openRecord`, every SNAPSHOT_ code. */
export async function verify<State>(reading: Reading<State>): Promise<Replayed<State>> {
  const begun = performance.now();
  const { place, identityKey, mind } = reading;
  const mark = await readMark(place);
  const snapshots = await listSnapshots(place);
  for (const number of snapshots) await withSnapshot(place, number, (snapshot) => demandPlace(place, snapshot));
  const compare = async (segment: number, state: State): Promise<void> => {
    if (snapshots.includes(segment)) await withSnapshot(place, segment, (snapshot) => demandSame(reading, snapshot, state));
  };
  const { state, last } = await fold(mind, mind.empty(identityKey), readJournal(place), compare);
  const suspicion = suspicionOf(mark, (seq) => mind.hashAt(state, seq));
  const ms = Math.round(performance.now() - begun);
  return { state, last, from: JOURNAL_START, refused: [], records: last.end.sequence, suspicion, ms };
}

/** Refuses a snapshot that says anything else than its records. Of one that another program wrote only the tags are looked
 *  at. */
async function demandSame<State>({ place, mind, program }: Reading<State>, snapshot: Snapshot, state: State): Promise<void> {
  const name = snapshotName(snapshot.boundary.end.segment);
  if (!(await hasFiles(place, snapshot.boundary))) refuse("SNAPSHOT_CORRUPT", name, "the segments before it are others");
  const expected = snapshot.program === program ? mind.encode(state)[Symbol.iterator]() : null;
  for await (const piece of snapshot.pieces) {
    const { value } = expected?.next() ?? { value: piece };
    const same = value instanceof Uint8Array && piece.equals(value);
    if (!same) refuse("SNAPSHOT_CORRUPT", name, "it says something else than the records before it");
  }
  if (expected?.next().done === false) refuse("SNAPSHOT_CORRUPT", name, "it says less than the records before it");
}
