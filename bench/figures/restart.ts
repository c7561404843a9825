/** How long a vault with a long history takes to be back: the real process, from its start until it answers, by all of its
 *  journal and by the snapshot that it then writes. */
import { mkdirSync, readdirSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { limits } from "../../vault/src/host/limits.ts";
import type { Figure, Options, Table } from "../figure.ts";
import { makeHistory } from "../world/history.ts";
import { startVault, type VaultProcess } from "../world/process.ts";

/** What a vault may need at most. */
const MOST_MIB = 8 * 1024;

/** The longest that writing a snapshot may take. */
const MOST_WAIT_MS = 600_000;

/** One start. `diskMiB`: of what it reads first, segments or snapshot. `writtenMs`: how long the vault wrote the snapshot while
 *  it ran. `heap`: whether it needed more of it than Node takes by itself. */
type Start = {
  readonly title: string;
  readonly records: number;
  readonly readyMs: number;
  readonly replayMs: number;
  readonly cpuMs: number;
  readonly diskMiB: number;
  readonly writtenMs: number | null;
  readonly peakMiB: number;
  readonly restMiB: number;
  readonly heap: boolean;
};

/** A start on so many records, and if they are enough for a snapshot, one on that. */
async function measure(options: Options, count: number): Promise<readonly Start[]> {
  const { scratch, say } = options;
  const folder = join(scratch, `restart-${count}`);
  mkdirSync(folder);
  const words = `${count.toLocaleString("en-US")} records`;
  say(`restart: writing ${words}`);
  const data = await makeHistory(folder, count, (done) => say(`restart: ${done.toLocaleString("en-US")} of ${words}`));
  const journal = join(data, "journal");
  const first = { title: words, diskMiB: mibOf(journal, ".seg"), writtenMs: null };
  const hasSnapshot = count > limits.startRecords;
  const [whole, writtenMs] = await once(options, data, {
    ...first,
    meanwhile: () => (hasSnapshot ? snapshotIn(journal) : null),
  });
  if (writtenMs === null) return end(folder, [whole]);
  const second = { title: "their snapshot", diskMiB: mibOf(journal, SNAPSHOT), writtenMs };
  const [short] = await once(options, data, { ...second, meanwhile: () => null });
  return end(folder, [whole, short]);
}

function end(folder: string, starts: readonly Start[]): readonly Start[] {
  rmSync(folder, { recursive: true });
  return starts;
}

const SNAPSHOT = ".snap";

function mibOf(folder: string, kind: string): number {
  const names = readdirSync(folder).filter((name) => name.endsWith(kind));
  return names.reduce((sum, name) => sum + statSync(join(folder, name)).size, 0) / 2 ** 20;
}

/** Waits until the running vault has written its snapshot, and gives how long that took. */
async function snapshotIn(journal: string): Promise<number> {
  for (const since = performance.now(); performance.now() - since < MOST_WAIT_MS; await sleep(50)) {
    if (mibOf(journal, SNAPSHOT) > 0) return performance.now() - since;
  }
  throw new Error("the vault wrote no snapshot");
}

type Asked<T> = Pick<Start, "title" | "diskMiB" | "writtenMs"> & { readonly meanwhile: () => T | Promise<T> };

/** `meanwhile`: what is waited for while it runs. */
async function once<T>({ root, say }: Options, data: string, { meanwhile, ...asked }: Asked<T>): Promise<[Start, T]> {
  say(`restart: starting on ${asked.title}`);
  const { vault, heap } = await started(root, data, say);
  const { records, fromSnapshot, replayMs } = vault.ready;
  if (fromSnapshot > 0 !== (asked.writtenMs !== null)) throw new Error(`${fromSnapshot} records came from a snapshot`);
  const [cpuMs, restMiB] = [vault.cpuMs(), vault.memoryMiB("VmRSS")];
  const waited = await meanwhile();
  const start = {
    ...asked,
    records,
    readyMs: vault.readyMs,
    replayMs,
    cpuMs,
    peakMiB: vault.memoryMiB("VmHWM"),
    restMiB,
    heap,
  };
  await vault.stop();
  return [start, waited];
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
  const starts: Start[] = [];
  for (const count of counts) starts.push(...(await measure(options, count)));
  const values = (of: (start: Start) => number | null) => starts.map(of);
  const table: Table = {
    title: "Restart: the vault's process, from its start until it answers",
    columns: starts.map(({ title }) => title),
    rows: [
      { what: "start until it answers (with Argon2id)", unit: "s", values: values((one) => one.readyMs / 1000) },
      { what: "of it reading, verifying and folding", unit: "s", values: values((one) => one.replayMs / 1000) },
      { what: "processor time, all threads", unit: "s", values: values((one) => one.cpuMs / 1000) },
      { what: "records", unit: "/s", values: values((one) => (one.records * 1000) / one.replayMs) },
      { what: "per record", unit: "µs", values: values((one) => (one.replayMs * 1000) / one.records) },
      { what: "what it reads, on disk", unit: "MiB", values: values((one) => one.diskMiB) },
      {
        what: "written beside the running vault in",
        unit: "s",
        values: values((one) => one.writtenMs && one.writtenMs / 1000),
      },
      {
        what: "memory at its peak, the snapshot's writing included",
        unit: "MiB",
        values: values((one) => one.peakMiB),
        most: MOST_MIB,
      },
      { what: "memory when it answers", unit: "MiB", values: values((one) => one.restMiB) },
    ],
    notes: [
      "Two records per payment (committed, signed), none settled; every payment stays known for ever, by intent and reference.",
      "The journal was just written, so it is read from the page cache as far as that holds it.",
      ...(starts.some(({ heap }) => heap)
        ? [`Needed --max-old-space-size=${MOST_MIB}: Node's own heap limit was too small.`]
        : []),
    ],
  };
  return [table];
};
