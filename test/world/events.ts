/** A log in a real database for tests: events told and numbered as the server does it. */
import type { Hash } from "../../core/src/bytes.ts";
import { type Uuid, uuid } from "../../server/src/db/ids.ts";
import type { Reader } from "../../server/src/db/tables.ts";
import { transact } from "../../server/src/db/transact.ts";
import { sequence } from "../../server/src/events/jobs.ts";
import { emit } from "../../server/src/events/store.ts";
import { type Lease, takeLease } from "../../server/src/jobs/store.ts";

/** Tells `count` events in one transaction; their subjects are `<name>:<n>`. */
export async function tell(db: Reader, name: string, count: number, unit = "desk"): Promise<void> {
  await transact(db, async (tx) => {
    for (let at = 0; at < count; at++) {
      const data = { amount: "1250000000000000000", note: `payment ${at} of ${name}` };
      await emit(tx, { type: "payment.made", subject: `${name}:${at}`, actor: "tom", client: "c-1", unit, data });
    }
  });
}

/** The lease of the one who numbers. */
export async function leaseOf(db: Reader, holder: Uuid = uuid()): Promise<Lease> {
  const lease = await takeLease(db, { name: "sequencer", holder, leaseMs: 60_000 });
  if (lease === null) throw new Error("somebody else numbers events");
  return lease;
}

/** Numbers all that waits, and gives how many that were. */
export async function number(db: Reader, { lease, deployment }: { lease: Lease; deployment: Hash }): Promise<number> {
  for (let all = 0; ; ) {
    const count = await sequence(db, { lease, deployment });
    if (count === 0) return all;
    all += count;
  }
}
