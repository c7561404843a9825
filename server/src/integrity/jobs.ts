/** Goes over all records again and again, and keeps for health what it found. */
import { setTimeout as sleep } from "node:timers/promises";
import { saveLook } from "../audit/store.ts";
import { transact } from "../db/transact.ts";
import type { House } from "../host/context.ts";
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
      const { findings, rows } = await verifyRecords(house.db, await house.vault.view(), signal);
      if (signal.aborted) return;
      const [first] = findings;
      if (first !== undefined) house.log.error({ findings: findings.map(textOf) }, "records were changed by hand");
      const detail =
        first === undefined ? `${rows} records hold.` : `${findings.length} findings, the first: ${textOf(first)}.`;
      await keepLook(house, lease, { ok: first === undefined, detail: detail.slice(0, limits.reason), size: rows });
      const pauseMs = Math.max(limits.integrity.checkMs, 10 * (house.now() - since));
      await sleep(pauseMs, undefined, { signal }).catch(() => null);
    }
  },
};

type Found = { readonly ok: boolean; readonly detail: string; readonly size: number };

async function keepLook(house: House, lease: Lease, found: Found): Promise<void> {
  await transact(house.db, async (tx) => {
    await demandFence(tx, lease);
    await saveLook(tx, { ...found, name: "integrity:records", number: null, at: new Date(house.now()) });
  });
}
