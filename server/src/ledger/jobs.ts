/** Goes over the books without end: what is new often, everything now and then. When something was touched, nothing is booked
 *  any more until a person has looked. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Reader } from "../db/tables.ts";
import { transact } from "../db/transact.ts";
import { emit } from "../events/store.ts";
import type { Check } from "../health/http.ts";
import { limits } from "../host/limits.ts";
import type { Keeper } from "../jobs/jobs.ts";
import { demandFence, type Lease } from "../jobs/store.ts";
import { type Finding, saveMarks, type Verdict, verifyLedger } from "./integrity/store.ts";
import { checkLedger, closeBooks, readFence } from "./store.ts";

export const ledgerKeeper: Keeper = {
  name: "ledger-check",
  run: async (house, { lease, signal }) => {
    let fullAt = Number.NEGATIVE_INFINITY;
    while (!signal.aborted) {
      const now = house.now();
      const from = now - fullAt >= limits.ledger.checkAllMs ? "start" : "marks";
      await keepBooks(house.db, { from, lease });
      if (from === "start") fullAt = now;
      await sleep(limits.ledger.checkMs, null, { signal }).catch(() => null);
    }
  },
};

/** Checks the books once. Whole ones are marked, and the log commits to the marks; others are closed. */
export async function keepBooks(
  db: Reader,
  { from, lease }: { from: "start" | "marks"; lease: Lease | null },
): Promise<Verdict> {
  const verdict = await verifyLedger(db, { from });
  const { findings, marks } = verdict;
  if (findings.length === 0 && marks.length === 0) return verdict;
  await transact(db, async (tx) => {
    if (lease !== null) await demandFence(tx, lease);
    const told = { subject: "ledger", actor: "system" };
    if (findings.length > 0) {
      if (await closeBooks(tx)) await emit(tx, { ...told, type: "ledger.closed", data: { findings: findings.map(textOf) } });
      return;
    }
    const saved = await saveMarks(tx, marks);
    if (saved !== null) await emit(tx, { ...told, type: "ledger.checked", subject: `ledger:${saved.batch}`, data: saved });
  });
  return verdict;
}

function textOf({ flaw, account, transfer, after, sequence }: Finding): string {
  if (flaw === "SUM") return `SUM of ${account}`;
  return `${flaw} on account ${account} at ${sequence}: transfer ${transfer ?? "none"} after ${after ?? "none"}`;
}

/** For health: all of a small ledger, what is new of a large one, and whether the books are open. */
export const ledgerHealth: Check = {
  name: "integrity:ledger",
  look: async ({ db }) => {
    const { open } = await readFence(db);
    const { transfers } = await checkLedger(db);
    const from = transfers <= limits.ledger.checkAtOnce ? "start" : "marks";
    const { findings, rows } = await verifyLedger(db, { from });
    const [first] = findings;
    const name = "integrity:ledger";
    if (first !== undefined) return [{ name, ok: false, detail: `${findings.length} findings, the first: ${textOf(first)}` }];
    const detail = `${transfers} transfers, ${rows} sides followed${open ? "" : "; the books are closed"}`;
    return [{ name, ok: open, detail }];
  },
};
