/** Making a successor: a vault with another one's key tree and an identity of its own, and then with its journal.
 *
 *  Both run at the vaults' own console. First `makeHeir`, so that the administrators can name the successor's identity in the
 *  rulebook that hands over; then, once the other vault has adopted it and was stopped, `inherit`. The journal is sealed anew
 *  under the successor's own key, record by record, so that it leads to the same head. Killed at any step there is no journal
 *  at all, or all of it. Source: docs/operate/ceremonies.md. */
import { timingSafeEqual } from "node:crypto";
import { rm } from "node:fs/promises";
import { toHex } from "@strongroom/core/bytes";
import { openRecord } from "@strongroom/core/journal/record";
import { keystorePath, makeFolders, placeOf } from "../boot.ts";
import { diskOf, realFiles } from "../disk.ts";
import { absent, Fault } from "../fault.ts";
import { takeFence } from "../journal/fence.ts";
import { writeMark } from "../journal/mark.ts";
import { JOURNAL_START, readJournal } from "../journal/read.ts";
import type { WholeMind } from "../journal/replay.ts";
import { type Boundary, continueJournal, createJournal, type Head, type Journal, type Place } from "../journal/write.ts";
import { clearSecrets, openKeystoreFile, type Work } from "../keys/file.ts";
import { createKeystore, openKeystore, type SoftwareKeystore } from "../keys/software.ts";
import { limits } from "../limits.ts";

/** The pure side with what a succession needs of it. `isHeir`: whether the state's rulebook has made this vault the active one
 *  after another one. */
export type HeirMind<State> = WholeMind<State> & { isHeir(state: State): boolean };

/** A vault's folder, and the passphrase of its keystore. */
export type Opened = { readonly data: string; readonly passphrase: Buffer };

/** Makes a vault without a journal that holds the key tree of `from`. Gives its identity key in lower-case hex.
 *  Fails: as `initialise` for the new one, as `openKeystore` for the other one. */
export async function makeHeir({ data, passphrase }: Opened, from: Opened, work?: Work): Promise<string> {
  const { secrets } = await openKeystoreFile(keystorePath(from.data), from.passphrase);
  try {
    await makeFolders(data, ["intake", "outtake"]);
    const { entropy } = secrets;
    await createKeystore(keystorePath(data), passphrase, { entropy, ...(work === undefined ? {} : { work }) });
  } finally {
    clearSecrets(secrets);
  }
  const keystore = await openKeystore(keystorePath(data), passphrase);
  keystore.close();
  return toHex(keystore.identity.publicKey);
}

/** Takes over the journal of `from`, which stops if it still runs. Gives where it stands.
 *  Fails: as `openKeystore` and `readJournal`, DATA_EXISTS, SUCCESSION_UNFIT, JOURNAL_WRITE. */
export async function inherit<State>(to: Opened, from: Opened, mind: HeirMind<State>): Promise<Head> {
  await demandSameTree(to, from);
  const own = await openKeystore(keystorePath(to.data), to.passphrase);
  const other = await openKeystore(keystorePath(from.data), from.passphrase);
  const fence = await takeFence(from.data, realFiles);
  try {
    const place = placeOf(to.data, own);
    if ((await realFiles.stat(place.folder).catch(absent)) !== null) throw new Fault("DATA_EXISTS", place.folder);
    const fresh = { ...place, folder: `${place.folder}.fresh` };
    await rm(fresh.folder, { recursive: true, force: true });
    await realFiles.mkdir(fresh.folder, { mode: 0o700 });
    const { state, head } = await copy(placeOf(from.data, other), fresh, mind, own);
    if (!mind.isHeir(state)) {
      await rm(fresh.folder, { recursive: true });
      throw new Fault("SUCCESSION_UNFIT", "The rulebook in that journal does not make this vault the active one.");
    }
    if (!fence.held()) throw new Fault("DATA_FENCED", "");
    await writeMark(place, head);
    await realFiles.rename(fresh.folder, place.folder);
    await diskOf(realFiles).syncFolder(to.data);
    return head;
  } finally {
    await fence.close();
    own.close();
    other.close();
  }
}

/** Two vaults with different seeds would have different addresses under the same names. Fails: SUCCESSION_UNFIT. */
async function demandSameTree(to: Opened, from: Opened): Promise<void> {
  const [own, other] = [
    (await openKeystoreFile(keystorePath(to.data), to.passphrase)).secrets,
    (await openKeystoreFile(keystorePath(from.data), from.passphrase)).secrets,
  ];
  const same = timingSafeEqual(own.entropy, other.entropy);
  clearSecrets(own);
  clearSecrets(other);
  if (!same) throw new Fault("SUCCESSION_UNFIT", "It holds another key tree.");
}

/** Seals every record anew, and folds them as the vault `own` will. */
async function copy<State>(
  from: Place,
  to: Place,
  mind: HeirMind<State>,
  own: SoftwareKeystore,
): Promise<{ state: State; head: Head }> {
  await createJournal(to);
  let made: Boundary = JOURNAL_START;
  for await (const batch of readJournal(to)) made = batch;
  const journal = await continueJournal(to, made);
  try {
    let state = mind.empty(toHex(own.identity.publicKey));
    for await (const { records } of readJournal(from)) {
      for (const bytes of records) state = mind.apply(state, openRecord(bytes));
      await appendAll(journal, records);
    }
    return { state, head: journal.head() };
  } finally {
    await journal.close();
  }
}

async function appendAll(journal: Journal, records: readonly Buffer[]): Promise<void> {
  let batch: Buffer[] = [];
  let bytes = 0;
  for (const record of records) {
    if (bytes + record.length > limits.appendBytes) {
      await journal.append(batch);
      [batch, bytes] = [[], 0];
    }
    batch.push(record);
    bytes += record.length;
  }
  await journal.append(batch);
}
