/** The sequencer: gives what waits in the outbox its numbers, each exactly once and without a gap, and grows the tree by its
 *  leaves, all in one transaction. However many processes run, one of them does it, and whoever has lost the lease writes
 *  nothing. */
import { randomBytes } from "node:crypto";
import { SALT_BYTES } from "@strongroom/core/audit/leaf";
import type { Hash } from "@strongroom/core/bytes";
import { growTree } from "../audit/store.ts";
import type { Reader } from "../db/tables.ts";
import { transact } from "../db/transact.ts";
import type { Check } from "../health/http.ts";
import { Bell } from "../host/bell.ts";
import { limits } from "../host/limits.ts";
import type { Keeper } from "../jobs/jobs.ts";
import { demandFence, type Lease } from "../jobs/store.ts";
import { eventOf } from "./rules.ts";
import { countEvents, hasOutbox, insertEvents, readBacklog, takeOutbox } from "./store.ts";

/** One batch; gives how many events it numbered. Fails: LEASE_LOST, RECORD_TAMPERED. */
export async function sequence(db: Reader, { lease, deployment }: { lease: Lease; deployment: Hash }): Promise<number> {
  return transact(db, async (tx) => {
    await demandFence(tx, lease);
    const waiting = await takeOutbox(tx, limits.log.batch);
    if (waiting.length === 0) return 0;
    const size = await countEvents(tx);
    const place = (at: number) => ({ deployment, number: size + at, salt: new Uint8Array(randomBytes(SALT_BYTES)) });
    const events = waiting.map((row, at) => eventOf(row, place(at)));
    await insertEvents(tx, events);
    await growTree(tx, { from: size, to: size + events.length });
    return events.length;
  });
}

export const sequencer: Keeper = {
  name: "sequencer",
  async run(house, { lease, signal }) {
    const pause = new Bell();
    const stop = () => pause.ring();
    signal.addEventListener("abort", stop, { once: true });
    while (!signal.aborted) {
      const isBusy = await hasOutbox(house.db);
      const count = isBusy ? await sequence(house.db, { lease, deployment: house.config.genesis }) : 0;
      if (count < limits.log.batch) await pause.wait(limits.log.pollMs);
    }
    signal.removeEventListener("abort", stop);
  },
};

/** Trouble: events that nobody numbers, so that nobody hears of them and no auditor ever will. */
export const lookAtEvents: Check = {
  name: "events",
  async look({ db }) {
    const { waiting, oldestMs } = await readBacklog(db);
    const detail = `${waiting} wait for a number, the oldest for ${oldestMs} ms.`;
    return [{ name: "events", ok: oldestMs < limits.log.overdueMs, detail }];
  },
};
