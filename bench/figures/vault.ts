/** What one payment costs in the real vault: its own process behind its protections, Unix socket, signed answers, durable
 *  journal with one sync for each batch. Beside it the bare cryptography, measured before and after. */
import { mkdirSync, readdirSync, readFileSync, statSync } from "node:fs";
import type { Profiler } from "node:inspector";
import { join } from "node:path";
import type { Figure, Options, Table } from "../figure.ts";
import { nowUs, stacksOf } from "../profile.ts";
import { median, percentile } from "../stats.ts";
import { firstPair, timeBare } from "../world/bare.ts";
import { found, receiptOf } from "../world/founding.ts";
import { type Payment, paymentOf } from "../world/payments.ts";
import { type Caller, makeData, openCallers, startVault, type VaultProcess } from "../world/process.ts";
import { CALLERS, LEAST_RATIO, MOST_US, profileTables, RULES } from "./decide.ts";

type Result = {
  readonly perSecond: number;
  readonly cpuUs: number;
  readonly bytes: number;
  readonly p50: number;
  readonly p99: number;
};

/** All payments, each caller sending its next one when it has its answer. */
async function pay(callers: readonly Caller[], payments: readonly Payment[]): Promise<{ ms: number; latencies: number[] }> {
  const latencies: number[] = [];
  const replies: Buffer[] = [];
  let next = 0;
  const work = async (caller: Caller) => {
    for (let payment = payments[next++]; payment !== undefined; payment = payments[next++]) {
      const since = performance.now();
      replies.push(await caller(payment.bytes));
      latencies.push(performance.now() - since);
    }
  };
  const since = performance.now();
  await Promise.all(callers.map(work));
  const ms = performance.now() - since;
  for (const reply of replies) receiptOf(reply);
  return { ms, latencies };
}

async function founded(vault: VaultProcess): ReturnType<typeof found> {
  const callers = await openCallers(vault.socket, 1);
  const [first] = callers.all;
  if (first === undefined) throw new Error("no connection");
  const ground = await found(first, vault.ready.identityKey, RULES);
  callers.close();
  return ground;
}

function journalBytes(data: string): number {
  const folder = join(data, "journal");
  return readdirSync(folder).reduce((sum, name) => sum + statSync(join(folder, name)).size, 0);
}

async function measure(vault: VaultProcess, data: string, payments: readonly Payment[], count: number): Promise<Result> {
  const callers = await openCallers(vault.socket, count);
  const before = { cpu: vault.cpuMs(), bytes: journalBytes(data) };
  const { ms, latencies } = await pay(callers.all, payments);
  const after = { cpu: vault.cpuMs(), bytes: journalBytes(data) };
  callers.close();
  return {
    perSecond: (payments.length * 1000) / ms,
    cpuUs: ((after.cpu - before.cpu) * 1000) / payments.length,
    bytes: (after.bytes - before.bytes) / payments.length,
    p50: percentile(latencies, 0.5),
    p99: percentile(latencies, 0.99),
  };
}

/** Payments per case, and before the first one to warm up. */
function sizesOf(quick: boolean) {
  return quick ? { warm: 512, counts: [256, 1024, 1024] } : { warm: 2048, counts: [1024, 4096, 4096] };
}

type Bare = { readonly crypto: number; readonly receipt: number };

function bareNow(payments: readonly Payment[]): Bare {
  const pair = firstPair(new Uint8Array(64).fill(7));
  const rounds = Array.from({ length: 5 }, () => timeBare(payments.slice(0, 256), pair)).slice(1);
  return { crypto: median(rounds.map(({ together }) => together)), receipt: median(rounds.map(({ receipt }) => receipt)) };
}

async function measureAll({ quick, root, say, scratch }: Options): Promise<{ results: Result[]; bare: Bare; idleMiB: number }> {
  const data = await makeData(scratch);
  const vault = await startVault(root, data, { verb: "launch" });
  const idleMiB = vault.memoryMiB("VmRSS");
  try {
    const ground = await founded(vault);
    const { warm, counts } = sizesOf(quick);
    const make = (name: string, count: number) =>
      Array.from({ length: count }, (_, at) => paymentOf(ground, name, at, ground.notAfter));
    say("vault: warming up");
    const warmth = make("warm", warm);
    await measure(vault, data, warmth, 64);
    const bares = [bareNow(warmth)];
    const results: Result[] = [];
    for (const [at, callers] of CALLERS.entries()) {
      say(`vault: preparing payments for ${callers} callers`);
      const payments = make(`vault-${callers}`, counts[at] ?? 0);
      say(`vault: ${callers} callers`);
      results.push(await measure(vault, data, payments, callers));
      bares.push(bareNow(payments));
    }
    const bare = { crypto: median(bares.map((one) => one.crypto)), receipt: median(bares.map((one) => one.receipt)) };
    return { results, bare, idleMiB };
  } finally {
    await vault.stop();
  }
}

/** A shorter run of the same in a plain process under V8's profiler. */
async function profiled({ quick, root, say, scratch }: Options, totalUs: number): Promise<Table[]> {
  const folder = join(scratch, "profiled");
  const out = join(folder, "profile");
  mkdirSync(out, { recursive: true });
  const data = await makeData(folder);
  const flags = ["--cpu-prof", `--cpu-prof-dir=${out}`, "--cpu-prof-interval=200", "--disable-warning=ExperimentalWarning"];
  const vault = await startVault(root, data, { verb: "run", flags });
  const { warm, count } = quick ? { warm: 512, count: 1024 } : { warm: 2048, count: 4096 };
  const window = { from: 0, to: 0 };
  try {
    const ground = await founded(vault);
    const callers = await openCallers(vault.socket, 64);
    say("vault: preparing payments for the profile");
    const payments = Array.from({ length: warm + count }, (_, at) => paymentOf(ground, "profile", at, ground.notAfter));
    say("vault: profile");
    await pay(callers.all, payments.slice(0, warm));
    window.from = nowUs();
    await pay(callers.all, payments.slice(warm));
    window.to = nowUs();
    callers.close();
  } finally {
    await vault.stop();
  }
  const [name] = readdirSync(out);
  if (name === undefined) throw new Error("the vault left no profile");
  const stacks = stacksOf(JSON.parse(readFileSync(join(out, name), "utf8")) as Profiler.Profile, window);
  const busy = stacks.filter(({ frames }) => !frames.some((frame) => /^\(idle\)|^\(program\)/.test(frame)));
  return profileTables("In the vault's process, 64 callers", busy, totalUs);
}

export const throughSocket: Figure = async (options) => {
  const { results, bare, idleMiB } = await measureAll(options);
  const crypto = bare.crypto + bare.receipt;
  const values = (of: (result: Result) => number) => results.map(of);
  const table: Table = {
    title: `A payment through the vault's process: socket, durable journal, signed answer; ${RULES} rules`,
    columns: CALLERS.map((callers) => (callers === 1 ? "1 caller" : `${callers} callers`)),
    rows: [
      { what: "payments", unit: "/s", values: values((one) => one.perSecond) },
      { what: "bare cryptography", unit: "/s", values: values(() => 1e6 / crypto) },
      {
        what: "payments / bare cryptography",
        unit: "×",
        values: values((one) => (one.perSecond * crypto) / 1e6),
        least: LEAST_RATIO,
      },
      { what: "latency p50", unit: "ms", values: values((one) => one.p50) },
      { what: "latency p99", unit: "ms", values: values((one) => one.p99) },
      { what: "total, by the clock", unit: "µs", values: values((one) => 1e6 / one.perSecond) },
      { what: "total, processor time of the vault", unit: "µs", values: values((one) => one.cpuUs) },
      { what: "cryptography alone", unit: "µs", values: values(() => crypto) },
      { what: "  of it the signature under the answer", unit: "µs", values: values(() => bare.receipt) },
      { what: "everything else, processor time", unit: "µs", values: values((one) => one.cpuUs - crypto), most: MOST_US },
      { what: "processor time / cryptography alone", unit: "×", values: values((one) => one.cpuUs / crypto) },
      { what: "journal", unit: "bytes", values: values((one) => one.bytes) },
    ],
    notes: [
      "Callers share up to 64 connections, as behind a server. Payments per second and latencies are by the clock.",
      "Everything else includes socket, journal encryption, the calls that write and sync, all threads and the collector.",
      "Bare cryptography runs in the bench's process before, between and after the cases, never while the vault works.",
      `The vault's process right after its start: ${Math.round(idleMiB)} MiB resident.`,
    ],
  };
  return [table, ...(await profiled(options, results[1]?.cpuUs ?? Number.NaN))];
};
