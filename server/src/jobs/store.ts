/** The queue of jobs and the leases by name, both fenced: whoever lost a job or a lease can write nothing for it any more.
 *
 *  A job is committed with the change that asks for it, runs at least once, and belongs to one worker until that worker has
 *  been silent for too long. All times are the database's, so machines need not agree. */
import { type Generated, type Selectable, sql } from "kysely";
import { type Uuid, uuid } from "../db/ids.ts";
import type { Reader, Tx } from "../db/tables.ts";
import { transact } from "../db/transact.ts";
import { Fault } from "../host/fault.ts";
import { limits } from "../host/limits.ts";

export type JobState = "waiting" | "running" | "done" | "failed";
export type JobTables = {
  job: {
    id: Uuid;
    kind: string;
    subject: string;
    state: Generated<JobState>;
    data: Generated<unknown>;
    due_at: Generated<Date>;
    attempts: Generated<number>;
    epoch: Generated<number>;
    asked: Generated<number>;
    taken: Generated<number>;
    last_error: Generated<string>;
    created_at: Generated<Date>;
  };
  lease: { name: string; holder: Uuid; epoch: number; until: Date };
};
export type JobRow = Selectable<JobTables["job"]>;

/** What is fenced: a job by its id or a lease by its name, and the epoch at which it was taken. */
export type Fence =
  | { readonly job: Uuid; readonly epoch: number }
  | { readonly lease: string; readonly epoch: number; readonly holder: Uuid };
export type JobFence = Extract<Fence, { job: Uuid }>;
export type Lease = Extract<Fence, { lease: string }>;

/** `data` is JSON. Without `dueAt` it is due at once. */
export type Asked = { kind: string; subject: string; dueAt?: Date; data?: unknown };

/** Asks for a job. There is one that waits or runs for a kind and subject: a second wish makes it due no later, and, where it
 *  runs already, run once more, since it may have read what has changed now. Its data stays that of the first wish. */
export async function enqueue(tx: Tx, { kind, subject, dueAt, data = {} }: Asked): Promise<void> {
  const due = dueAt === undefined ? sql<Date>`now()` : sql<Date>`${dueAt}::timestamptz`;
  await tx
    .insertInto("job")
    .values({ id: uuid(), kind, subject, data: JSON.stringify(data), due_at: due })
    .onConflict((on) =>
      on.columns(["kind", "subject"]).where("state", "in", ["waiting", "running"]).doUpdateSet({
        asked: sql`job.asked + 1`,
        due_at: sql`case when job.state = 'waiting' then least(job.due_at, excluded.due_at) else job.due_at end`,
      }),
    )
    .execute();
}

const after = (ms: number) => sql<Date>`clock_timestamp() + ${ms} * interval '1 millisecond'`;

/** Takes up to `most` due jobs of these kinds, the longest due first; also jobs whose worker has fallen silent. Should the
 *  answer be lost, so is that worker, and the jobs are taken again when its time is up. */
export async function takeJobs(db: Reader, { kinds, most, leaseMs }: Taking): Promise<JobRow[]> {
  if (most === 0 || kinds.length === 0) return [];
  const taken = await db
    .with("due", (cte) =>
      cte
        .selectFrom("job")
        .select("id")
        .where("state", "in", ["waiting", "running"])
        .where("due_at", "<=", sql<Date>`clock_timestamp()`)
        .where("kind", "in", kinds)
        .orderBy("due_at")
        .orderBy("id")
        .limit(most)
        .forUpdate()
        .skipLocked(),
    )
    .updateTable("job")
    .from("due")
    .whereRef("job.id", "=", "due.id")
    .set({
      state: "running",
      attempts: sql`job.attempts + 1`,
      epoch: sql`job.epoch + 1`,
      taken: sql`job.asked`,
      due_at: after(leaseMs),
    })
    .returningAll("job")
    .execute();
  return taken;
}

type Taking = { kinds: readonly string[]; most: number; leaseMs: number };

/** Says that the workers of these jobs live; gives the jobs that are still theirs. */
export async function keepJobs(db: Reader, fences: readonly JobFence[], leaseMs: number): Promise<Set<Uuid>> {
  const kept = new Set<Uuid>();
  for (const { job, epoch } of fences) {
    const { numUpdatedRows } = await ownJob(db, { job, epoch })
      .set({ due_at: after(leaseMs) })
      .executeTakeFirst();
    if (numUpdatedRows === 1n) kept.add(job);
  }
  return kept;
}

function ownJob(db: Reader, { job, epoch }: JobFence) {
  return db.updateTable("job").where("id", "=", job).where("epoch", "=", epoch).where("state", "=", "running");
}

/** How a try ended: done, given up, to run again later, or to be tried again. `counts`: whether the try counts
 *  towards the greatest number of them. */
export type End =
  | { readonly state: "done" }
  | { readonly state: "failed"; readonly error: string }
  | { readonly state: "again"; readonly inMs: number }
  | { readonly state: "retry"; readonly inMs: number; readonly error: string; readonly counts: boolean };

/** Gives a job back. Whoever lost it changes nothing; gives whether it was still his. A job that was asked for again meanwhile
 *  is due at once and begins anew, whatever its end was. */
export async function endJob(db: Reader, fence: JobFence, end: End): Promise<boolean> {
  const state = end.state === "done" || end.state === "failed" ? end.state : "waiting";
  const due = after("inMs" in end ? end.inMs : 0);
  const attempts = end.state === "again" ? sql`0` : end.state === "retry" && !end.counts ? sql`attempts - 1` : sql`attempts`;
  const { numUpdatedRows } = await ownJob(db, fence)
    .set({
      state: sql`case when asked > taken then 'waiting' else ${state} end`,
      due_at: sql`case when asked > taken then clock_timestamp() else ${due} end`,
      attempts: sql`case when asked > taken then 0 else ${attempts} end`,
      last_error: "error" in end ? end.error : "",
    })
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Fails with LEASE_LOST unless the job or lease is still held at that epoch, and keeps it so until the transaction ends:
 *  nobody can take it over in between, while its holder can go on saying that he lives. */
export async function demandFence(tx: Tx, fence: Fence): Promise<void> {
  const row = "job" in fence ? await holdJob(tx, fence) : await holdLease(tx, fence);
  if (row === undefined) throw new Fault("LEASE_LOST", "job" in fence ? `Job ${fence.job}.` : fence.lease);
}

/** `transact` in the name of a job or lease. Fails with LEASE_LOST, and changes nothing, once somebody else has it. */
export function transactHolding<T>(db: Reader, fence: Fence, work: (tx: Tx) => Promise<T>): Promise<T> {
  return transact(db, async (tx) => {
    await demandFence(tx, fence);
    return work(tx);
  });
}

function holdJob(tx: Tx, { job, epoch }: JobFence) {
  const own = tx.selectFrom("job").select("epoch").where("id", "=", job).where("epoch", "=", epoch);
  return own.where("state", "=", "running").forKeyShare().executeTakeFirst();
}

function holdLease(tx: Tx, { lease, epoch }: Lease) {
  const own = tx.selectFrom("lease").select("epoch").where("name", "=", lease).where("epoch", "=", epoch);
  return own.forKeyShare().executeTakeFirst();
}

/** Takes a lease that is free, has run out, or is the holder's own. Gives null when somebody else has it. The epoch grows with
 *  every taking, so what a former holder still has under way is refused by `demandFence`. */
export async function takeLease(db: Reader, { name, holder, leaseMs }: Claim): Promise<Lease | null> {
  const isFree = sql<boolean>`until < clock_timestamp() or holder = ${holder}`;
  const known = await db.selectFrom("lease").select(isFree.as("free")).where("name", "=", name).executeTakeFirst();
  if (known?.free === false) return null;
  if (known === undefined) {
    const row = { name, holder, epoch: 0, until: sql<Date>`'-infinity'::timestamptz` };
    await db
      .insertInto("lease")
      .values(row)
      .onConflict((on) => on.doNothing())
      .execute();
  }
  // While a transaction of the former holder is fenced the lease is not taken; somebody comes again soon.
  const taken = await db
    .with("own", (cte) =>
      cte.selectFrom("lease").select("name").where("name", "=", name).where(isFree).forUpdate().skipLocked(),
    )
    .updateTable("lease")
    .from("own")
    .whereRef("lease.name", "=", "own.name")
    .set({ holder, epoch: sql`lease.epoch + 1`, until: after(leaseMs) })
    .returning("lease.epoch")
    .executeTakeFirst();
  return taken === undefined ? null : { lease: name, epoch: taken.epoch, holder };
}

type Claim = { name: string; holder: Uuid; leaseMs: number };

/** Says that the holder lives; false when he has lost it. */
export async function keepLease(db: Reader, lease: Lease, leaseMs: number): Promise<boolean> {
  const { numUpdatedRows } = await ownLease(db, lease)
    .set({ until: after(leaseMs) })
    .executeTakeFirst();
  return numUpdatedRows === 1n;
}

/** Lets the next one have it at once. */
export async function dropLease(db: Reader, lease: Lease): Promise<void> {
  await ownLease(db, lease).set({ until: sql<Date>`'-infinity'::timestamptz` }).execute();
}

function ownLease(db: Reader, { lease, epoch }: Lease) {
  return db.updateTable("lease").where("name", "=", lease).where("epoch", "=", epoch);
}

/** Jobs by when they are due, for people: of one state, or all that are not done. */
export function listJobs(db: Reader, { state, kind, after: past, take }: Listing): Promise<JobRow[]> {
  let query = db.selectFrom("job").selectAll().orderBy("due_at").orderBy("id").limit(take);
  query = state === undefined ? query.where("state", "!=", "done") : query.where("state", "=", state);
  if (kind !== undefined) query = query.where("kind", "=", kind);
  if (past !== null)
    query = query.where(({ eb, refTuple, tuple }) => eb(refTuple("due_at", "id"), ">", tuple(past.dueAt, past.id)));
  return query.execute();
}
export type Listing = {
  readonly state?: JobState | undefined;
  readonly kind?: string | undefined;
  /** The key of the last one that was seen. */
  readonly after: { readonly dueAt: Date; readonly id: Uuid } | null;
  readonly take: number;
};

/** What health shows: how many have failed, and for how long the most overdue one has waited. */
export async function readBacklog(db: Reader): Promise<{ failed: number; overdueMs: number }> {
  const overdue = sql<number>`coalesce(extract(epoch from clock_timestamp() - min(due_at)) * 1000, 0)::bigint`;
  const waiting = await db
    .selectFrom("job")
    .select(overdue.as("ms"))
    .where("state", "in", ["waiting", "running"])
    .executeTakeFirstOrThrow();
  const failed = await db
    .selectFrom("job")
    .select(({ fn }) => fn.countAll<number>().as("count"))
    .where("state", "=", "failed")
    .executeTakeFirstOrThrow();
  return { failed: failed.count, overdueMs: Math.max(waiting.ms, 0) };
}

/** Forgets jobs that were done long ago; failed ones stay. */
export async function sweepJobs(db: Reader): Promise<void> {
  await db.deleteFrom("job").where("state", "=", "done").where("due_at", "<", after(-limits.jobKeptMs)).execute();
}
