/** From a data folder to a running vault: opens the keystore, takes the folder, replays the journal, begins the loop.
 *
 *  No state is made implicitly: only `initialise` creates, and it refuses where there is anything. Knows no command line. */
import { randomBytes } from "node:crypto";
import { chmod, mkdir } from "node:fs/promises";
import { dirname, join } from "node:path";
import { type Hash, toHex } from "@strongroom/core/bytes";
import { CHAIN_START } from "@strongroom/core/journal/segment";
import { clockFrom } from "./clock.ts";
import { diskOf, realFiles, sweep } from "./disk.ts";
import { Fault, systemCode } from "./fault.ts";
import { type Fence, takeFence } from "./journal/fence.ts";
import { Keeper } from "./journal/keeper.ts";
import { writeMark } from "./journal/mark.ts";
import { mend } from "./journal/read.ts";
import { type Reading, type Replayed, replay, verify, type WholeMind } from "./journal/replay.ts";
import { continueJournal, createJournal, type Head, type Place } from "./journal/write.ts";
import { readNames, type Work } from "./keys/file.ts";
import { createKeystore, openKeystore, type SoftwareKeystore } from "./keys/software.ts";
import { programHash } from "./launch/programHash.ts";
import { limits } from "./limits.ts";
import { receiptsOf } from "./receipts.ts";
import { Loop } from "./run.ts";

export type Vault<State> = {
  readonly loop: Loop<State>;
  readonly keystore: SoftwareKeystore;
  readonly boot: Hash;
  readonly replayed: Replayed<State>;
  readonly keeper: Keeper<State>;
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

/** Reads and verifies all of a journal, folds it into a state, and compares the snapshots with it; changes nothing, and may be
 *  run beside the vault. Fails: as `openKeystore` and `verify`. */
export async function verifyData<State>(data: string, passphrase: Buffer, mind: WholeMind<State>): Promise<Replayed<State>> {
  const keystore = await openKeystore(keystorePath(data), passphrase);
  try {
    return await verify(readingOf(data, keystore, mind));
  } finally {
    keystore.close();
  }
}

function readingOf<State>(data: string, keystore: SoftwareKeystore, mind: WholeMind<State>): Reading<State> {
  const identityKey = toHex(keystore.identity.publicKey);
  return { place: placeOf(data, keystore), identityKey, mind, program: programHash() };
}

/** Starts the vault of a folder. The caller clears the passphrase. `tell` hears what goes wrong with snapshots, one line each.
 *  Fails: as `openKeystore` and `replay`, DATA_OWNER and JOURNAL_WRITE. */
export async function bootVault<State>(
  data: string,
  passphrase: Buffer,
  mind: WholeMind<State>,
  tell: (line: string) => void = () => undefined,
): Promise<Vault<State>> {
  await demandOwn(data);
  const keystore = await openKeystore(keystorePath(data), passphrase);
  let fence: Fence | undefined;
  try {
    const reading = readingOf(data, keystore, mind);
    const { place, program } = reading;
    const held = await takeFence(data, realFiles);
    fence = held;
    for (const folder of [data, place.folder, join(data, "outtake")]) await sweep(folder, realFiles);
    const replayed = await replay(reading);
    const { state, last, from, refused, records } = replayed;
    for (const snapshot of refused) tell(`not used: ${snapshot}`);
    await mend(place, last);
    const journal = await continueJournal(place, last);
    const keeper = new Keeper<State>({ place, program, encode: mind.encode, from, tell });
    if (keeper.isDue(records, limits.startRecords)) keeper.begin(state, last);
    const boot = toHex(randomBytes(32)) as Hash;
    const clock = clockFrom(mind.journaledAt(state));
    const receipts = receiptsOf(keystore.identity, boot);
    const suspicion = replayed.suspicion ?? undefined;
    const mark = (head: Head) => writeMark(place, head);
    const loop = new Loop({ mind, state, boot, suspicion, journal, mark, keeper, fence: held, keystore, receipts, clock });
    const close = async () => {
      await loop.stop();
      await keeper.close();
      await journal.close();
      await held.close();
      keystore.close();
    };
    return { loop, keystore, boot, replayed, keeper, close };
  } catch (error) {
    await fence?.close();
    keystore.close();
    throw error;
  }
}
