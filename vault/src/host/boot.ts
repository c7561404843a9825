/** From a data folder to a running vault: opens the keystore, takes the folder, replays the journal, begins the loop.
 *
 *  No state is made implicitly: only `initialise` creates, and it refuses where there is anything. Knows no command line. */
import { randomBytes } from "node:crypto";
import { chmod, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { openRecord } from "@strongroom/core/journal/record";
import { CHAIN_START } from "@strongroom/core/journal/segment";
import type { Suspicion } from "@strongroom/core/signed/head";
import { clockFrom } from "./clock.ts";
import { diskOf, realFiles, sweep } from "./disk.ts";
import { Fault, systemCode } from "./fault.ts";
import { type Fence, takeFence } from "./journal/fence.ts";
import { readMark, suspicionOf, writeMark } from "./journal/mark.ts";
import { type Batch, mend, readJournal } from "./journal/read.ts";
import { continueJournal, createJournal, type Head, type Place } from "./journal/write.ts";
import { readNames, type Work } from "./keys/file.ts";
import { createKeystore, openKeystore, type SoftwareKeystore } from "./keys/software.ts";
import { receiptsOf } from "./receipts.ts";
import { Loop, type Mind } from "./run.ts";

/** The pure side with what a start needs of it. `empty`: state of an empty journal, for the identity key in lower-case hex.
 *  `journaledAt`: lower bound of the time in the newest record, null without one. `head`: chain hash after the newest.
 *  `hashAt`: chain hash after so many records. */
export type WholeMind<State> = Mind<State> & {
  empty(identityKey: string): State;
  journaledAt(state: State): number | null;
  head(state: State): Hash;
  hashAt(state: State, seq: number): Hash | undefined;
};

/** What a replay found. */
export type Replayed<State> = {
  readonly state: State;
  readonly last: Batch;
  readonly records: number;
  readonly suspicion: Suspicion | null;
  readonly ms: number;
};

export type Vault<State> = {
  readonly loop: Loop<State>;
  readonly keystore: SoftwareKeystore;
  readonly boot: Hash;
  readonly replayed: Replayed<State>;
  /** Ends after the batch that is under way, closes the journal and clears the secrets. */
  close(): Promise<void>;
};

export const keystorePath = (data: string) => join(data, "keystore");
export const placeOf = (data: string, keystore: SoftwareKeystore): Place => ({
  folder: join(data, "journal"),
  owner: keystore.owner,
});

/** Makes a vault: keystore, empty journal, intake and outtake. The folder may exist, but empty and this user's. Gives the
 *  identity key in lower-case hex. Fails: DATA_EXISTS, DATA_OWNER, PASSPHRASE, JOURNAL_WRITE. */
export async function initialise(data: string, passphrase: Buffer, work?: Work): Promise<string> {
  await makeFolders(data, ["journal", "intake", "outtake"]);
  await createKeystore(keystorePath(data), passphrase, work === undefined ? {} : { work });
  const keystore = await openKeystore(keystorePath(data), passphrase);
  try {
    const place = placeOf(data, keystore);
    await writeMark(place, { sequence: 0, chain: CHAIN_START });
    await createJournal(place);
    return toHex(keystore.identity.publicKey);
  } finally {
    keystore.close();
  }
}

/** A data folder with these folders in it; it may be there already, but empty and this user's. Fails: DATA_EXISTS,
 *  DATA_OWNER. */
export async function makeFolders(data: string, names: readonly string[]): Promise<void> {
  await mkdir(dirname(data), { recursive: true });
  await mkdir(data, { mode: 0o700 }).catch((error: unknown) => {
    if (systemCode(error) !== "EEXIST") throw error;
  });
  await demandOwn(data);
  await demandEmpty(data);
  await chmod(data, 0o700);
  // Once more, now that nobody else can put anything in it.
  await demandEmpty(data);
  await diskOf(realFiles).syncFolder(dirname(data));
  for (const name of names) await mkdir(join(data, name), { mode: 0o700 });
}

async function demandEmpty(data: string): Promise<void> {
  if ((await realFiles.readdir(data)).length > 0) throw new Fault("DATA_EXISTS", data);
}

/** What this process makes in another user's folder the other one could exchange, or could not read. Fails: DATA_OWNER. */
async function demandOwn(data: string): Promise<void> {
  const { uid } = await realFiles.stat(data);
  if (uid !== process.geteuid?.()) throw new Fault("DATA_OWNER", `${data} belongs to user ${uid}.`);
}

/** Fails: DATA_MISSING where there is no vault. */
export async function demandVault(data: string): Promise<void> {
  await readNames(keystorePath(data)).catch((error: unknown) => {
    if (systemCode(error) === "ENOTDIR") throw new Fault("DATA_MISSING", data);
    throw error;
  });
}

/** Reads and verifies all of a journal and folds it into a state; changes nothing.
 *  Fails: as `openKeystore` and `readJournal`, and with the codes of records that are not of their format. */
export async function verifyData<State>(data: string, passphrase: Buffer, mind: WholeMind<State>): Promise<Replayed<State>> {
  const keystore = await openKeystore(keystorePath(data), passphrase);
  try {
    return await replay(placeOf(data, keystore), toHex(keystore.identity.publicKey), mind);
  } finally {
    keystore.close();
  }
}

/** Starts the vault of a folder. The caller clears the passphrase. Fails: as `verifyData`, DATA_OWNER and JOURNAL_WRITE. */
export async function bootVault<State>(data: string, passphrase: Buffer, mind: WholeMind<State>): Promise<Vault<State>> {
  await demandOwn(data);
  const keystore = await openKeystore(keystorePath(data), passphrase);
  let fence: Fence | undefined;
  try {
    const place = placeOf(data, keystore);
    const held = await takeFence(data, realFiles);
    fence = held;
    for (const folder of [data, place.folder, join(data, "outtake")]) await sweep(folder, realFiles);
    const replayed = await replay(place, toHex(keystore.identity.publicKey), mind);
    await mend(place, replayed.last);
    const journal = await continueJournal(place, replayed.last.end);
    const boot = toHex(randomBytes(32)) as Hash;
    const { state } = replayed;
    const clock = clockFrom(mind.journaledAt(state));
    const receipts = receiptsOf(keystore.identity, boot);
    const suspicion = replayed.suspicion ?? undefined;
    const mark = (head: Head) => writeMark(place, head);
    const loop = new Loop({ mind, state, boot, suspicion, journal, mark, fence: held, keystore, receipts, clock });
    const close = async () => {
      await loop.stop();
      await journal.close();
      await held.close();
      keystore.close();
    };
    return { loop, keystore, boot, replayed, close };
  } catch (error) {
    await fence?.close();
    keystore.close();
    throw error;
  }
}

async function replay<State>(place: Place, identityKey: string, mind: WholeMind<State>): Promise<Replayed<State>> {
  const begun = performance.now();
  // Before the journal, which only grows while somebody verifies it.
  const mark = await readMark(place);
  let state = mind.empty(identityKey);
  let last: Batch | undefined;
  for await (const batch of readJournal(place)) {
    for (const bytes of batch.records) state = mind.apply(state, openRecord(bytes));
    last = { ...batch, records: [] };
  }
  if (last === undefined || mind.head(state) !== last.end.chain) throw new Fault("BUG", "The fold leads to another head.");
  const suspicion = suspicionOf(mark, (seq) => mind.hashAt(state, seq));
  return { state, last, records: last.end.sequence, suspicion, ms: Math.round(performance.now() - begun) };
}
