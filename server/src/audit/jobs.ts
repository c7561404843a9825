/** What goes on with the log by itself: checkpoints every few seconds, and a look at everything again and again. */
import { setTimeout as sleep } from "node:timers/promises";
import { transact } from "../db/transact.ts";
import type { Check } from "../health/http.ts";
import type { House } from "../host/context.ts";
import { limits } from "../host/limits.ts";
import { Problem } from "../http/call.ts";
import type { Keeper } from "../jobs/jobs.ts";
import { demandFence, type Lease } from "../jobs/store.ts";
import { signCheckpoint } from "./checkpoints/jobs.ts";
import { checkLog } from "./integrity/jobs.ts";
import { type LookRow, readLooks, saveLook } from "./store.ts";

/** Has what is new signed. A refusal that means that the log was rewritten is kept for health and tried again. */
export const checkpointer: Keeper = {
  name: "checkpointer",
  async run(house, { lease, signal }) {
    let last = "";
    while (!signal.aborted) {
      const found = await sign(house);
      const isNews = found !== null && found.detail !== last;
      if (isNews) await keepLook(house, lease, found);
      last = found?.detail ?? last;
      await pause(isNews ? limits.log.checkpointMs : limits.log.checkpointPollMs, signal);
    }
  },
};

type Found = Pick<LookRow, "name" | "ok" | "detail" | "number" | "size">;

async function sign(house: House): Promise<Found | null> {
  try {
    const row = await signCheckpoint(house);
    if (row === null) return null;
    return { name: "audit", ok: true, detail: `The vault has signed ${row.size} leaves.`, number: null, size: row.size };
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    house.log.error({ error }, "no checkpoint");
    const { code, detail, vaultCode } = error;
    const words = `${vaultCode ?? code}: ${detail}`.slice(0, 400);
    return { name: "audit", ok: false, detail: words, number: null, size: 0 };
  }
}

/** Goes over the whole log; at most a tenth of the time goes into it. */
export const auditor: Keeper = {
  name: "auditor",
  async run(house, { lease, signal }) {
    while (!signal.aborted) {
      const since = house.now();
      const view = await house.vault.view();
      const { size, checkpoints, wrong } = await checkLog({ db: house.db, view, signal });
      if (signal.aborted) return;
      if (wrong !== null) house.log.error({ number: wrong.number, detail: wrong.detail }, "the log was changed");
      const detail = wrong?.detail ?? `${size} leaves and ${checkpoints} checkpoints hold.`;
      await keepLook(house, lease, { name: "integrity", ok: wrong === null, detail, number: wrong?.number ?? null, size });
      await pause(Math.max(limits.log.checkMs, 10 * (house.now() - since)), signal);
    }
  },
};

async function keepLook(house: House, lease: Lease, found: Found): Promise<void> {
  await transact(house.db, async (tx) => {
    await demandFence(tx, lease);
    await saveLook(tx, { ...found, at: new Date(house.now()) });
  });
}

async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await sleep(ms, undefined, { signal }).catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}

/** What the last looks have found. */
export const lookAtLog: Check = {
  name: "audit",
  async look({ db }) {
    const looks = await readLooks(db);
    return looks.map(({ name, ok, detail }) => ({ name: name === "integrity" ? "integrity:log" : name, ok, detail }));
  },
};
