/** Every limit of the vault's host, named once. Sizes in bytes, times in milliseconds. */
import { MAX_COMMAND_BYTES } from "@strongroom/core/protocol/command";

export const limits = {
  /** One request on the wire or in a file. */
  frameBytes: MAX_COMMAND_BYTES,
  /** Open connections; a further one is closed at once. Far below the 1024 files that a process may at least have open. */
  connections: 256,
  /** What all connections hold together of requests that were not taken, and of replies that did not get out. */
  requestBytes: 64 * 1024 * 1024,
  replyBytes: 64 * 1024 * 1024,
  /** Requests of one connection that have no answer yet; then it is not read any further. Times the connections it is no more
   *  than the queue holds, so that a flood costs no signed refusals. */
  inFlight: 16,
  /** Inputs that wait for the run loop; a further request is answered OVERLOADED. */
  queue: 4096,
  queueBytes: 64 * 1024 * 1024,
  /** Inputs that are decided under one sync, and for how long; the last one is decided to its end. */
  batch: 512,
  batchMs: 20,
  /** Requests that wait for a job's end. */
  waiting: 4096,
  /** Keystore calls under way at once. */
  keystoreCalls: 4,
  /** A job that failed and may be tried again: from the first to the longest pause. */
  retryMs: 100,
  retryMsMax: 30_000,
  /** From the first byte of a request to its last. */
  bodyMs: 10_000,
  /** A connection without any request. */
  idleMs: 300_000,
  /** A reply that the peer does not read. */
  writeMs: 30_000,
  /** The command that the host answers itself is no larger. */
  smallBytes: 128,
  /** From one look whether the starter still lives to the next. */
  parentMs: 500,
  /** Somebody who may be answering on a socket file. */
  probeMs: 2_000,
  /** From one look at the clock to the next. */
  tickMs: 1_000,
  /** From one look into the intake folder to the next, and files taken in one look. */
  intakeMs: 1_000,
  intakeFiles: 64,
  /** One line of the console: base64 of one request. */
  lineBytes: Math.ceil(MAX_COMMAND_BYTES / 3) * 4,
  /** One segment of the journal and the records of one sync. */
  segmentBytes: 64 * 1024 * 1024,
  appendBytes: 16 * 1024 * 1024,
  /** What the journal's reader holds at once. */
  readBytes: 4 * 1024 * 1024,
  /** Records after which the state is written down anew, and how many a start reads without doing so at once. */
  snapshotRecords: 100_000,
  startRecords: 20_000,
  /** What of a snapshot is written with one call. */
  snapshotWriteBytes: 1024 * 1024,
  /** What of a snapshot may be written and not synced, so that no sync of the journal waits for much more than its own. */
  snapshotSyncBytes: 8 * 1024 * 1024,
  /** What a snapshot leaves free on the disk: the journal needs it. */
  spareBytes: 256 * 1024 * 1024,
  /** Passphrase of the keystore. */
  passphraseBytesMin: 8,
  passphraseBytes: 1024,
  /** Child keys held in memory. */
  childKeys: 256,
  /** Packages that the read list follows. */
  packages: 32,
  /** Highest account and address index. */
  accountIndex: 0x7fff_ffff,
  /** Parts of one job. */
  jobParts: 64,
  /** From a request to stop until the process ends regardless. */
  stopMs: 5_000,
} as const;
