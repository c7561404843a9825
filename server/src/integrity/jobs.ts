/** Goes over all records again and again, and keeps for health what it found. */
import { setTimeout as sleep } from "node:timers/promises";
import { saveLook } from "../audit/store.ts";
import { transact } from "../db/transact.ts";
import type { House } from "../host/context.ts";
import { Fault } from "../host/fault.ts";
import { limits } from "../host/limits.ts";
import type { Keeper } from "../jobs/jobs.ts";
import { demandFence, type Lease } from "../jobs/store.ts";
import { textOf } from "./rules.ts";
import { verifyRecords } from "./store.ts";

/** At most a tenth of the time goes into it. What it finds is shown until a look finds nothing. */
export const recordsKeeper: Keeper = {
  name: "records-check",
  async run(house, { lease, signal }) {
    while (!signal.aborted) {
      const since = house.now();
      const found = await lookOver(house, signal);
      if (signal.aborted) return;
      await keepLook(house, lease, found);
      const pauseMs = Math.max(limits.integrity.checkMs, 10 * (house.now() - since));
      await sleep(pauseMs, undefined, { signal }).catch(() => null);
    }
  },
};

type Found = { readonly ok: boolean; readonly detail: string; readonly size: number };

/** Rows that cannot even be read, because their form was changed, are a finding too. */
async function lookOver(house: House, signal: AbortSignal): Promise<Found> {
  const view = await house.vault.view();
  try {
    const { findings, rows } = await verifyRecords(house.db, view, signal);
    const [first] = findings;
    if (first === undefined) return { ok: true, detail: `${rows} records hold.`, size: rows };
    house.log.error({ findings: findings.map(textOf) }, "records were changed by hand");
    const detail = `${findings.length} findings, the first: ${textOf(first)}.`;
    return { ok: false, detail: detail.slice(0, limits.reason), size: rows };
  } catch (error) {
    if (error instanceof Fault) throw error;
    house.log.error({ error }, "records cannot be read");
    const words = error instanceof Error ? error.message : String(error);
    return { ok: false, detail: `The records cannot be read: ${words}`.slice(0, limits.reason), size: 0 };
  }
}

async function keepLook(house: House, lease: Lease, found: Found): Promise<void> {
  await transact(house.db, async (tx) => {
    await demandFence(tx, lease);
    await saveLook(tx, { ...found, name: "integrity:records", number: null, at: new Date(house.now()) });
  });
}
