/** What the API takes: payments created and listed through a whole house, and beside it, in the same run and on the same
 *  PostgreSQL, what one would write instead. Its callers run on the same machine. */
import { spawn } from "node:child_process";
import { join } from "node:path";
import process from "node:process";
import type { Figure, Options, Table } from "../figure.ts";
import { percentile } from "../stats.ts";
import { type BenchHouse, familyOf, openBenchHouse, type Prepared, preparePayments, RULES } from "../world/house.ts";
import { type Call, callAll, openLanes } from "../world/lanes.ts";
import { cpuMs } from "../world/process.ts";

const CONNECTIONS = [1, 16, 64] as const;
const LIST: Call = { method: "GET", path: "/v1/requests?limit=50" };

/** `server`, `database`: processor time of each per call, milliseconds. */
type Result = {
  readonly perSecond: number;
  readonly p50: number;
  readonly p99: number;
  readonly server: number;
  readonly database: number;
};
type Results = { readonly ours: Result[]; readonly plain: Result[] };

/** The best of some rounds: what a call costs when the machine is least busy with others. */
async function measure(it: Asking, rounds: readonly (readonly Call[])[]): Promise<Result> {
  const lanes = openLanes(it.url, { tokens: it.tokens, count: it.count });
  const results: Result[] = [];
  for (const calls of rounds) {
    const before = [cpuMs(it.pid), sumOf(familyOf(it.postgres), cpuMs)] as const;
    const { ms, latencies } = await callAll(lanes, calls, it.status);
    const [server, database] = [cpuMs(it.pid) - before[0], sumOf(familyOf(it.postgres), cpuMs) - before[1]];
    const [p50, p99] = [percentile(latencies, 0.5), percentile(latencies, 0.99)];
    const perCall = { server: server / calls.length, database: database / calls.length };
    results.push({ perSecond: (calls.length * 1000) / ms, p50, p99, ...perCall });
  }
  for (const lane of lanes) lane.close();
  const least = (of: (one: Result) => number) => Math.min(...results.map(of));
  const best = results.reduce((a, b) => (a.perSecond > b.perSecond ? a : b));
  return { ...best, server: least(({ server }) => server), database: least(({ database }) => database) };
}

/** A server by its process, that of its PostgreSQL, and what is expected of it. */
type Asked = { readonly url: string; readonly pid: number; readonly postgres: number; readonly tokens: readonly string[] };
type Asking = Asked & { readonly count: number; readonly status: number };

const sumOf = (pids: readonly number[], of: (pid: number) => number) => pids.reduce((sum, pid) => sum + of(pid), 0);

/** The bare server on a database of the same PostgreSQL. */
async function startPlain(ownerUrl: string): Promise<{ url: string; pid: number; stop: () => void }> {
  const child = spawn(process.execPath, [join(import.meta.dirname, "../world/plain.ts")], {
    env: { ...process.env, BENCH_DATABASE: ownerUrl },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const url = await new Promise<string>((resolve, reject) => {
    child.stdout.once("data", (line: Buffer) => resolve(line.toString().trim()));
    child.once("close", (code) => reject(new Error(`the bare server ended with ${code}`)));
  });
  return { url, pid: child.pid ?? 0, stop: () => child.stdin.destroy() };
}

/** Waits until no job is left that could take the processor from what is measured next. */
async function settleDown({ house }: BenchHouse): Promise<number> {
  const since = performance.now();
  const waiting = () => house.database.db.selectFrom("job").select("id").where("kind", "=", "carry-out");
  while ((await waiting().where("state", "in", ["waiting", "running"]).limit(1).execute()).length > 0) {
    await new Promise((done) => setTimeout(done, 20));
  }
  return performance.now() - since;
}

const creating = (prepared: readonly Prepared[]): Call[] =>
  prepared.map(({ create }) => ({ method: "POST", path: "/v1/requests", body: create }));

const ROUNDS = 3;

async function run({ quick, scratch, say }: Options) {
  const house = await openBenchHouse(scratch);
  const plain = await startPlain(house.postgres.ownerUrl);
  const shared = { postgres: house.postgres.pid, tokens: house.tokens };
  const ours: Asked = { url: house.url, pid: house.house.servers[0]?.child.pid ?? 0, ...shared };
  const bare: Asked = { url: plain.url, pid: plain.pid, ...shared };
  const [create, list]: Results[] = [
    { ours: [], plain: [] },
    { ours: [], plain: [] },
  ];
  const behind: number[] = [];
  try {
    const warmth = creating(await preparePayments(house, "warm", 200));
    for (const one of [ours, bare]) await measure({ ...one, count: 4, status: 201 }, [warmth]);
    await settleDown(house);
    for (const count of CONNECTIONS) {
      const size = (quick ? 100 : 400) * (count === 1 ? 1 : 2);
      say(`api: ${count} connections`);
      const prepared: Call[][] = [];
      for (let round = 0; round < ROUNDS; round++)
        prepared.push(creating(await preparePayments(house, `api-${count}-${round}`, size)));
      create?.ours.push(await measure({ ...ours, count, status: 201 }, prepared));
      behind.push((await settleDown(house)) / (size * ROUNDS));
      create?.plain.push(await measure({ ...bare, count, status: 201 }, prepared));
      const listing = Array.from({ length: ROUNDS }, () => Array.from({ length: size / 2 }, () => LIST));
      list?.ours.push(await measure({ ...ours, count, status: 200 }, listing));
      list?.plain.push(await measure({ ...bare, count, status: 200 }, listing));
    }
  } finally {
    plain.stop();
    await house.close();
  }
  return { create, list, behind };
}

function tableOf(title: string, { ours, plain }: Results, more: Table["rows"], notes: readonly string[]): Table {
  const ratios = ours.map((one, at) => (plain[at]?.perSecond ?? Number.NaN) / one.perSecond);
  return {
    title,
    columns: CONNECTIONS.map((count) => (count === 1 ? "1 connection" : `${count} connections`)),
    rows: [
      { what: "calls", unit: "/s", values: ours.map((one) => one.perSecond) },
      { what: "p50", unit: "ms", values: ours.map((one) => one.p50) },
      { what: "p99", unit: "ms", values: ours.map((one) => one.p99) },
      { what: "bare Fastify and pg", unit: "/s", values: plain.map((one) => one.perSecond) },
      { what: "bare, p99", unit: "ms", values: plain.map((one) => one.p99) },
      { what: "bare / ours", unit: "×", values: ratios },
      { what: "processor time of the server, per call", unit: "ms", values: ours.map((one) => one.server) },
      { what: "processor time of PostgreSQL, per call", unit: "ms", values: ours.map((one) => one.database) },
      { what: "bare, both", unit: "ms", values: plain.map((one) => one.server + one.database) },
      ...more,
    ],
    notes,
  };
}

export const api: Figure = async (options) => {
  const { create, list, behind } = await run(options);
  if (create === undefined || list === undefined) throw new Error("nothing was measured");
  const notes = [
    `One server process, PostgreSQL with fsync, ${RULES} rules; all of them and the callers share the machine.`,
    `Best of ${ROUNDS} rounds.`,
    "A created payment is also put to the vault, which misses approvals: by the same process, while calls go on.",
    "Bare: one insert, or one select of a page, without any check, event or job.",
  ];
  const left = { what: "work left when the last call was answered, per payment", unit: "ms", values: behind };
  return [
    tableOf("API: creating payments", create, [left], notes),
    tableOf(
      "API: listing payments, pages of 50",
      list,
      [],
      ["Every payment that is shown is checked against what was signed."],
    ),
  ];
};
