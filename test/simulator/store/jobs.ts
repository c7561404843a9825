/** Jobs and leases in memory, fenced as the server's own `jobs/store.ts` says. */
import { Fault } from "../../../server/src/host/fault.ts";
import type * as own from "../../../server/src/jobs/store.ts";
import type { JobRow } from "../../../server/src/jobs/store.ts";
import { byTime, type Database, enter, Table } from "./database.ts";
import { uuid } from "./ids.ts";
import { transact } from "./transact.ts";

type LeaseRow = { readonly name: string; readonly holder: string; readonly epoch: number; readonly until: number };

export const jobsIn = (base: Database) => new Table<JobRow>(base, "job");
const leasesIn = (base: Database) => new Table<LeaseRow>(base, "lease");
const isOpen = ({ state }: JobRow) => state === "waiting" || state === "running";
const after = ({ time }: Database, ms: number) => new Date(time.now + ms);

export const enqueue: typeof own.enqueue = async (tx, { kind, subject, dueAt, data = {} }) => {
  const base = await enter(tx);
  const table = jobsIn(base);
  const due = dueAt ?? after(base, 0);
  const [known] = table.where((job) => job.kind === kind && job.subject === subject && isOpen(job));
  if (known === undefined) {
    const counts = { attempts: 0, epoch: 0, asked: 1, taken: 0 };
    const row = { id: uuid(), kind, subject, state: "waiting" as const, data, due_at: due, ...counts };
    table.put(row.id, { ...row, last_error: "", created_at: after(base, 0) });
  } else {
    const sooner = known.state === "waiting" && due < known.due_at ? due : known.due_at;
    table.change(known.id, { asked: known.asked + 1, due_at: sooner });
  }
  base.onDue(due.getTime());
};

export const takeJobs: typeof own.takeJobs = async (db, { kinds, most, leaseMs }) => {
  const base = await enter(db);
  const table = jobsIn(base);
  const due = table.where((job) => isOpen(job) && job.due_at.getTime() <= base.time.now && kinds.includes(job.kind));
  const first = due.sort(byTime(({ due_at }) => due_at)).slice(0, most);
  base.onDue(base.time.now + leaseMs);
  return first.map(({ id, attempts, epoch, asked }) =>
    table.change(id, {
      ...{ state: "running", attempts: attempts + 1, epoch: epoch + 1, taken: asked },
      due_at: after(base, leaseMs),
    }),
  );
};

export const keepJobs: typeof own.keepJobs = async (db, fences, leaseMs) => {
  const base = await enter(db);
  const table = jobsIn(base);
  const mine = fences.filter(({ job, epoch }) => isHeld(table.get(job), epoch));
  for (const { job } of mine) table.change(job, { due_at: after(base, leaseMs) });
  return new Set(mine.map(({ job }) => job));
};

const isHeld = (row: JobRow | undefined, epoch: number) => row?.state === "running" && row.epoch === epoch;

export const endJob: typeof own.endJob = async (db, { job: id, epoch }, end) => {
  const base = await enter(db);
  const table = jobsIn(base);
  const row = table.get(id);
  if (row === undefined || !isHeld(row, epoch)) return false;
  const again = row.asked > row.taken;
  const ended = end.state === "done" || end.state === "failed" ? end.state : "waiting";
  const due = after(base, "inMs" in end ? end.inMs : 0);
  const attempts = end.state === "again" ? 0 : end.state === "retry" && !end.counts ? row.attempts - 1 : row.attempts;
  const changed = table.change(id, {
    state: again ? "waiting" : ended,
    due_at: again ? after(base, 0) : due,
    attempts: again ? 0 : attempts,
    last_error: "error" in end ? end.error : "",
  });
  if (changed.state === "waiting") base.onDue(changed.due_at.getTime());
  // No statement asks for what is over; each looks through all that is there.
  else table.drop(id);
  return true;
};

export const demandFence: typeof own.demandFence = async (tx, fence) => {
  const base = await enter(tx);
  const isMine =
    "job" in fence ? isHeld(jobsIn(base).get(fence.job), fence.epoch) : leasesIn(base).get(fence.lease)?.epoch === fence.epoch;
  if (!isMine) throw new Fault("LEASE_LOST", "job" in fence ? `Job ${fence.job}.` : fence.lease);
};

export const transactHolding: typeof own.transactHolding = (db, fence, work) =>
  transact(db, async (tx) => {
    await demandFence(tx, fence);
    return work(tx);
  });

export const takeLease: typeof own.takeLease = async (db, { name, holder, leaseMs }) => {
  const base = await enter(db);
  const known = leasesIn(base).get(name);
  if (known !== undefined && known.until >= base.time.now && known.holder !== holder) return null;
  const epoch = (known?.epoch ?? 0) + 1;
  leasesIn(base).put(name, { name, holder, epoch, until: base.time.now + leaseMs });
  return { lease: name, epoch, holder };
};

export const keepLease: typeof own.keepLease = async (db, { lease, epoch }, leaseMs) => {
  const base = await enter(db);
  if (leasesIn(base).get(lease)?.epoch !== epoch) return false;
  leasesIn(base).change(lease, { until: base.time.now + leaseMs });
  return true;
};

export const dropLease: typeof own.dropLease = async (db, { lease, epoch }) => {
  const base = await enter(db);
  if (leasesIn(base).get(lease)?.epoch === epoch) leasesIn(base).change(lease, { until: Number.NEGATIVE_INFINITY });
};
