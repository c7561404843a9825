/** How long a vault with a long history takes to be back: the real process, from its start until it answers. */
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Figure, Options, Table } from "../figure.ts";
import { makeHistory } from "../world/history.ts";
import { startVault, type VaultProcess } from "../world/process.ts";

/** What a vault may need at most. */
const MOST_MIB = 8 * 1024;

type Result = {
  readonly records: number;
  readonly readyMs: number;
  readonly replayMs: number;
  readonly cpuMs: number;
  readonly journalMiB: number;
  readonly peakMiB: number;
  readonly restMiB: number;
  readonly heap: boolean;
};

async function measure({ root, scratch, say }: Options, count: number): Promise<Result> {
  const folder = join(scratch, `restart-${count}`);
  mkdirSync(folder);
  say(`restart: writing ${count.toLocaleString("en-US")} records`);
  const data = await makeHistory(folder, count, (done) => say(`restart: ${done.toLocaleString("en-US")} records`));
  const journal = join(data, "journal");
  const bytes = readdirSync(journal).reduce((sum, name) => sum + statSync(join(journal, name)).size, 0);
  say(`restart: starting on ${count.toLocaleString("en-US")} records`);
  const { vault, heap } = await started(root, data, say);
  const { records, replayMs } = vault.ready;
  const cpuMs = vault.cpuMs();
  const peakMiB = vault.memoryMiB("VmHWM");
  const restMiB = vault.memoryMiB("VmRSS");
  await vault.stop();
  rmSync(folder, { recursive: true });
  return { records, readyMs: vault.readyMs, replayMs, cpuMs, journalMiB: bytes / 2 ** 20, peakMiB, restMiB, heap };
}

/** With the heap that Node takes by itself; when that is not enough, with all that is allowed. */
async function started(
  root: string,
  data: string,
  say: (line: string) => void,
): Promise<{ vault: VaultProcess; heap: boolean }> {
  const flags = ["--disable-warning=ExperimentalWarning"];
  try {
    return { vault: await startVault(root, data, { verb: "run", flags }), heap: false };
  } catch (error) {
    say(
      `restart: it failed with Node's own heap limit (${error instanceof Error ? error.message : error}); once more with more`,
    );
    const more = [...flags, `--max-old-space-size=${MOST_MIB}`];
    return { vault: await startVault(root, data, { verb: "run", flags: more }), heap: true };
  }
}

export const restart: Figure = async (options) => {
  const counts = options.quick ? [10_000] : [10_000, 1_000_000];
  const results: Result[] = [];
  for (const count of counts) results.push(await measure(options, count));
  const values = (of: (result: Result) => number) => results.map(of);
  const table: Table = {
    title: "Restart: the vault's process, from its start until it answers",
    columns: results.map(({ records }) => `${records.toLocaleString("en-US")} records`),
    rows: [
      { what: "start until it answers (with Argon2id)", unit: "s", values: values((one) => one.readyMs / 1000) },
      { what: "of it reading, verifying and folding the journal", unit: "s", values: values((one) => one.replayMs / 1000) },
      { what: "processor time, all threads", unit: "s", values: values((one) => one.cpuMs / 1000) },
      { what: "records", unit: "/s", values: values((one) => (one.records * 1000) / one.replayMs) },
      { what: "per record", unit: "µs", values: values((one) => (one.replayMs * 1000) / one.records) },
      { what: "journal on disk", unit: "MiB", values: values((one) => one.journalMiB) },
      { what: "memory at its peak", unit: "MiB", values: values((one) => one.peakMiB), most: MOST_MIB },
      { what: "memory when it answers", unit: "MiB", values: values((one) => one.restMiB) },
    ],
    notes: [
      "Two records per payment (committed, signed), none settled; every payment stays known for ever, by intent and reference.",
      "The journal was just written, so it is read from the page cache as far as that holds it.",
      ...(results.some(({ heap }) => heap)
        ? [`Needed --max-old-space-size=${MOST_MIB}: Node's own heap limit was too small.`]
        : []),
    ],
  };
  return [table];
};
