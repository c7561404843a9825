/** What the disk and the passphrase cost: the journal's own writer at several batch sizes beside bare writes with a sync, and
 *  opening the keystore. */
import { open } from "node:fs/promises";
import { join } from "node:path";
import { CHAIN_START, FILES_START } from "../../core/src/journal/segment.ts";
import { continueJournal } from "../../vault/src/host/journal/write.ts";
import { openKeystore, type SoftwareKeystore } from "../../vault/src/host/keys/software.ts";
import { type Figure, simpleTable, type Table } from "../figure.ts";
import { median, percentile } from "../stats.ts";
import { makeData, PASSPHRASE } from "../world/process.ts";

/** About what one payment's commitment takes. */
const RECORD_BYTES = 2_000;
const BATCHES = [1, 64, 512] as const;

type Result = {
  readonly batch: number;
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly sealUs: number;
};

async function appendAll(folder: string, keystore: SoftwareKeystore, rounds: number): Promise<Result[]> {
  let { segment, sequence, chain } = { segment: 1, sequence: 0, chain: CHAIN_START };
  const results: Result[] = [];
  for (const batch of BATCHES) {
    const journal = await continueJournal(
      { folder, owner: keystore.owner },
      { end: { segment, sequence, chain }, files: FILES_START },
    );
    const record = new Uint8Array(RECORD_BYTES).fill(batch & 0xff);
    const records = Array.from({ length: batch }, () => record);
    const times: number[] = [];
    const cpu = process.cpuUsage();
    for (let round = 0; round < rounds; round++) {
      const since = performance.now();
      await journal.append(records);
      times.push(performance.now() - since);
    }
    const { user } = process.cpuUsage(cpu);
    const head = journal.head();
    ({ sequence, chain } = head);
    segment += 1;
    await journal.close();
    const sealUs = user / (rounds * batch);
    results.push({
      batch,
      perSecond: (batch * 1000) / median(times),
      p50: median(times),
      p99: percentile(times, 0.99),
      sealUs,
    });
  }
  return results;
}

/** Writes of the same sizes with a sync, nothing else. */
async function bareWrites(path: string, rounds: number): Promise<number[]> {
  const handle = await open(path, "w");
  const medians: number[] = [];
  let at = 0;
  for (const batch of BATCHES) {
    const bytes = Buffer.alloc(batch * RECORD_BYTES, batch & 0xff);
    const times: number[] = [];
    for (let round = 0; round < rounds; round++) {
      const since = performance.now();
      await handle.write(bytes, 0, bytes.length, at);
      await handle.datasync();
      times.push(performance.now() - since);
      at += bytes.length;
    }
    medians.push(median(times));
  }
  await handle.close();
  return medians;
}

export const disk: Figure = async ({ quick, scratch, say }) => {
  const rounds = quick ? 50 : 200;
  const data = await makeData(scratch);
  const unlocks: number[] = [];
  say("disk: opening the keystore");
  for (let round = 0; round < (quick ? 3 : 9); round++) {
    const since = performance.now();
    (await openKeystore(join(data, "keystore"), Buffer.from(PASSPHRASE))).close();
    unlocks.push(performance.now() - since);
  }
  const keystore = await openKeystore(join(data, "keystore"), Buffer.from(PASSPHRASE));
  say("disk: appending");
  const bare = await bareWrites(join(scratch, "bare"), rounds);
  const results = await appendAll(join(data, "journal"), keystore, rounds);
  const { memoryKiB, passes, lanes } = keystore.work;
  keystore.close();
  const values = (of: (result: Result, at: number) => number) => results.map(of);
  const table: Table = {
    title: `Journal: records of ${RECORD_BYTES.toLocaleString("en-US")} bytes, sealed, chained and durable`,
    columns: BATCHES.map((batch) => `batch of ${batch}`),
    rows: [
      { what: "records", unit: "/s", values: values((one) => one.perSecond) },
      { what: "one append with its sync, p50", unit: "ms", values: values((one) => one.p50) },
      { what: "one append with its sync, p99", unit: "ms", values: values((one) => one.p99) },
      { what: "bare write of the same size and sync, p50", unit: "ms", values: bare },
      { what: "append / bare", unit: "×", values: values((one, at) => one.p50 / (bare[at] ?? Number.NaN)) },
      { what: "processor time per record (SHA-256, AES-256-GCM, calls)", unit: "µs", values: values((one) => one.sealUs) },
    ],
    notes: ["A virtual disk may acknowledge a sync before it is on a platter; what it promises is the host's matter."],
  };
  const work = `Argon2id, ${memoryKiB / 1024} MiB, ${passes} passes, ${lanes} lanes`;
  return [table, simpleTable("Keystore", [{ what: `open (${work}, key tree's seed)`, unit: "ms", value: median(unlocks) }])];
};
