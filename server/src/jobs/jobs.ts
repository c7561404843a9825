/** Runs what is due: workers take jobs, keepers hold leases. One of these runs in each process that works; together they share
 *  what is there, and each takes over what another one left behind. */

import { troubleOf } from "../db/fault.ts";
import { type Uuid, uuid } from "../db/ids.ts";
import { sweepMarks } from "../db/transact.ts";
import type { Check } from "../health/http.ts";
import { Bell } from "../host/bell.ts";
import type { House } from "../host/context.ts";
import { Fault } from "../host/fault.ts";
import { limits } from "../host/limits.ts";
import { endAfter } from "./rules.ts";
import * as store from "./store.ts";

/** One job as its worker is given it. `fence`: for `transactHolding`, which every transaction is that writes for it. `signal`:
 *  it was lost, or the process is to end; what is awaited then should be given up. */
export type Job = {
  readonly id: Uuid;
  readonly kind: string;
  readonly subject: string;
  readonly data: unknown;
  readonly attempts: number;
  readonly fence: store.JobFence;
  readonly signal: AbortSignal;
};
/** By kind. A worker runs at least once for a job and may run again for the same one; what it throws is a try that failed. */
export type Workers = { readonly [kind: string]: (house: House, job: Job) => Promise<"done" | { readonly again: Date }> };

/** Something that exactly one process does as long as it lives. `run` works until `signal`; when it ends before that it is
 *  begun anew. Everything that it writes is fenced by `lease`. */
export type Keeper = {
  readonly name: string;
  readonly run: (house: House, turn: { readonly lease: store.Lease; readonly signal: AbortSignal }) => Promise<void>;
};

/** `leaseMs`: after how long a silence something is taken over. */
export type Work = {
  readonly house: House;
  readonly workers: Workers;
  readonly keepers: readonly Keeper[];
  readonly leaseMs?: number;
};
export type Working = {
  /** A job was committed: looks at once. */
  readonly wake: () => void;
  /** Takes nothing more, waits for what is under way, and lets go of leases. */
  readonly stop: () => Promise<void>;
};

type Running = { readonly job: Job; readonly abort: AbortController };

export function startWork(given: Work): Working {
  const work = { leaseMs: limits.leaseMs, ...given };
  const bell = new Bell();
  const ending = new AbortController();
  const running = new Map<Uuid, Running>();
  const beat = setInterval(() => void keepAlive(work, running), work.leaseMs / 3);
  const sweep = setInterval(() => void tidyUp(work.house), limits.sweepMs);
  const taking = takeDue(work, { bell, running, ending: ending.signal });
  const keeping = work.keepers.map((keeper) => keep(work, keeper, ending.signal));
  const stop = async () => {
    ending.abort();
    bell.ring();
    await taking;
    const late = setTimeout(() => {
      for (const { abort } of running.values()) abort.abort();
    }, limits.drainMs);
    const patience = new Bell();
    const left = Promise.all([...keeping, drained(running, bell)]);
    await Promise.race([left, patience.wait(limits.drainMs + limits.abandonMs)]);
    patience.ring();
    for (const timer of [late, beat, sweep]) clearTimeout(timer);
  };
  return { wake: () => bell.ring(), stop };
}

async function drained(running: ReadonlyMap<Uuid, Running>, bell: Bell): Promise<void> {
  while (running.size > 0) await bell.wait(limits.jobPollMs);
}

type Taking = { readonly bell: Bell; readonly running: Map<Uuid, Running>; readonly ending: AbortSignal };

async function takeDue({ house, workers, leaseMs }: Required<Work>, { bell, running, ending }: Taking): Promise<void> {
  const kinds = Object.keys(workers);
  while (!ending.aborted) {
    const most = limits.jobsAtOnce - running.size;
    const rows = await quietly(house, () => store.takeJobs(house.db, { kinds, most, leaseMs }), []);
    for (const row of rows) {
      const abort = new AbortController();
      const { id, kind, subject, data, attempts, epoch } = row;
      const job: Job = { id, kind, subject, data, attempts, fence: { job: id, epoch }, signal: abort.signal };
      running.set(id, { job, abort });
      void runJob({ house, workers }, job).finally(() => {
        // The same job may have come to this process again.
        if (running.get(id)?.job === job) running.delete(id);
        bell.ring();
      });
    }
    if (rows.length < most || most === 0) await bell.wait(limits.jobPollMs);
  }
}

async function runJob({ house, workers }: Omit<Work, "keepers">, job: Job): Promise<void> {
  const end = await tryJob({ house, workers }, job);
  if ("error" in end)
    house.log.warn({ job: job.id, kind: job.kind, attempts: job.attempts, end: end.state, error: end.error }, "job failed");
  await quietly(house, () => store.endJob(house.db, job.fence, end), false);
}

async function tryJob({ house, workers }: Omit<Work, "keepers">, job: Job): Promise<store.End> {
  const { attempts } = limits.jobBackoff;
  // Only a job that takes its process down with it comes here.
  if (job.attempts > attempts) return { state: "failed", error: `Its workers died ${attempts} times.` };
  try {
    const run = workers[job.kind];
    if (run === undefined) throw new Fault("CONFIG", `Nobody does jobs of the kind ${job.kind}.`);
    const end = await house.metrics.measure("job", job.kind, () => run(house, job));
    // What a worker names is by this machine's clock, and jobs are due by the database's.
    return end === "done" ? { state: "done" } : { state: "again", inMs: Math.max(0, end.again.getTime() - house.now()) };
  } catch (error) {
    return endAfter(error, { attempts: job.attempts, chance: Math.random() });
  }
}

/** Says that the workers of this process live, and breaks off those that lost their job. */
async function keepAlive({ house, leaseMs }: Required<Work>, running: ReadonlyMap<Uuid, Running>): Promise<void> {
  const all = [...running.values()];
  const fences = all.map(({ job }) => job.fence);
  const kept = await quietly(house, () => store.keepJobs(house.db, fences, leaseMs), null);
  if (kept === null) return;
  for (const { job, abort } of all) {
    if (!kept.has(job.id) && running.get(job.id)?.job === job) abort.abort();
  }
}

async function tidyUp(house: House): Promise<void> {
  await quietly(house, () => store.sweepJobs(house.db), undefined);
  await quietly(house, () => sweepMarks(house.db, house.now()), 0);
}

/** Tries to hold a lease until `ending`, and runs the keeper whenever it does. */
async function keep(work: Required<Work>, keeper: Keeper, ending: AbortSignal): Promise<void> {
  const { house, leaseMs } = work;
  const holder = uuid();
  const pause = new Bell();
  ending.addEventListener("abort", () => pause.ring(), { once: true });
  while (!ending.aborted) {
    const lease = await quietly(house, () => store.takeLease(house.db, { name: keeper.name, holder, leaseMs }), null);
    if (lease !== null) await hold(work, keeper, { lease, ending });
    if (!ending.aborted) await pause.wait(limits.leasePollMs);
  }
}

type Turn = { readonly lease: store.Lease; readonly ending: AbortSignal };

async function hold({ house, leaseMs }: Required<Work>, keeper: Keeper, { lease, ending }: Turn): Promise<void> {
  const lost = new AbortController();
  const signal = AbortSignal.any([lost.signal, ending]);
  let heard = performance.now();
  let beating: Promise<void> = Promise.resolve();
  const sayAlive = async () => {
    const isKept = await quietly(house, () => store.keepLease(house.db, lease, leaseMs), null);
    if (isKept === true) heard = performance.now();
    else if (isKept === false || performance.now() - heard > leaseMs) lost.abort();
  };
  const beat = setInterval(() => {
    beating = sayAlive();
  }, leaseMs / 3);
  try {
    await keeper.run(house, { lease, signal });
  } catch (error) {
    if (!signal.aborted) house.log.warn({ keeper: keeper.name, error }, "keeper failed");
  } finally {
    clearInterval(beat);
    // A sign of life that came after the lease was let go of would keep everybody else waiting.
    await beating;
    await quietly(house, () => store.dropLease(house.db, lease), undefined);
  }
}

/** What `ask` gives, or `otherwise` while the database is away: the loops here go on, and come again. Bugs come out. */
async function quietly<T>(house: House, ask: () => Promise<T>, otherwise: T): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (troubleOf(error) === null) throw error;
    house.log.warn({ error }, "the database does not answer");
    return otherwise;
  }
}

/** Trouble: jobs that were given up, or one that waits for long although it is due. */
export const lookAtJobs: Check = {
  name: "jobs",
  async look(house) {
    const { failed, overdueMs } = await store.readBacklog(house.db);
    const words = `${failed} have failed; the most overdue one has waited ${Math.round(overdueMs)} ms.`;
    return [{ name: "jobs", ok: failed === 0 && overdueMs < limits.overdueMs, detail: words }];
  },
};
