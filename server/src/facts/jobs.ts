/** Telling the vault what its sources state: finality ends transactions there, and with them what they hold. */
import { transact } from "../db/transact.ts";
import type { Workers } from "../jobs/jobs.ts";
import { factsOn, markInformed } from "./store.ts";

export const factWorkers: Workers = {
  /** All that was stated on one subject goes in one command, because the vault counts sources within a command. */
  async inform(house, { subject }) {
    const newest = await factsOn(house.db, subject);
    const left = newest.filter(({ informed }) => !informed);
    if (left.length === 0) return "done";
    await house.vault.demand({ command: "inform", facts: newest.map(({ fact }) => fact) });
    await transact(house.db, (tx) =>
      markInformed(
        tx,
        left.map(({ id }) => id),
      ),
    );
    return "done";
  },
};
