/** Transactions that bear what databases do: refuse one for another's sake, go away, or go away in the middle of a commit.
 *
 *  Each writing transaction leaves a mark, a row with an id of its own. Whoever lost the answer to a commit enters the same
 *  mark again: the database makes that wait for the lost one's end, and then either takes the mark, so the lost one is dead and
 *  may be done again, or has it already, so it was done. That needs nothing but a primary key. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Generated } from "kysely";
import { Fault } from "../host/fault.ts";
import { limits } from "../host/limits.ts";
import { troubleOf } from "./fault.ts";
import { type Uuid, uuid } from "./ids.ts";
import type { Reader, Tx } from "./tables.ts";

export type CommitTables = { commit_mark: { id: Uuid; at: Generated<Date> } };

/** Runs `work` in a transaction, which takes effect once or not at all, and gives what it returns.
 *
 *  `work` runs again, from its start, when the database rolled it back for another transaction's sake (40001, 40P01) or the
 *  connection was lost, so besides `tx` it may only change what bears that. It locks rows in the order of their keys. What it
 *  throws rolls back and comes out as it is. A statement that failed must not be swallowed: the transaction is dead from then
 *  on.
 *
 *  Throws Fault DATABASE_BUSY or DATABASE_UNREACHABLE when the tries are used up and nothing was done, OUTCOME_UNKNOWN when it
 *  may have been done. */
export function transact<T>(db: Reader, work: (tx: Tx) => Promise<T>): Promise<T> {
  const id = uuid();
  /** What the newest try whose commit got no answer had returned. */
  let unanswered: { readonly result: T } | null = null;
  return persist(
    async () => {
      let committing: { readonly result: T } | null = null;
      try {
        return await db.transaction().execute(async (tx) => {
          if (unanswered !== null && !(await mark(tx, id))) return unanswered.result;
          const result = await work(tx);
          if (unanswered === null) await mark(tx, id);
          committing = { result };
          return result;
        });
      } catch (error) {
        if (committing !== null && troubleOf(error) === "lost") unanswered = committing;
        throw error;
      }
    },
    () => unanswered !== null,
  );
}

/** Reads one state of the database, whatever is written meanwhile. Tried again as `transact` does. */
export function look<T>(db: Reader, work: (tx: Tx) => Promise<T>): Promise<T> {
  const snapshot = db.transaction().setIsolationLevel("repeatable read").setAccessMode("read only");
  return persist(
    () => snapshot.execute(work),
    () => false,
  );
}

/** Whether the mark is new. Waits for whoever is entering the same one. */
async function mark(tx: Tx, id: Uuid): Promise<boolean> {
  const { numInsertedOrUpdatedRows = 0n } = await tx
    .insertInto("commit_mark")
    .values({ id })
    .onConflict((on) => on.doNothing())
    .executeTakeFirst();
  return numInsertedOrUpdatedRows === 1n;
}

/** Forgets marks that nobody can ask for any more; gives how many. */
export async function sweepMarks(db: Reader, now: number): Promise<number> {
  const { numDeletedRows } = await db
    .deleteFrom("commit_mark")
    .where("at", "<", new Date(now - limits.commitMarkMs))
    .executeTakeFirst();
  return Number(numDeletedRows);
}

/** Tries until something else than trouble comes out, with growing pauses of random length. */
async function persist<T>(attempt: () => Promise<T>, isUnknown: () => boolean): Promise<T> {
  for (let tried = 1; ; tried++) {
    try {
      return await attempt();
    } catch (error) {
      const trouble = troubleOf(error);
      if (trouble === null) throw error;
      if (tried >= limits.tries) throw exhausted(isUnknown() ? "unknown" : trouble, error);
      const longest = Math.min(limits.retryMs * 2 ** (tried - 1), limits.retryMsMax);
      await sleep(Math.random() * longest);
    }
  }
}

function exhausted(trouble: "unknown" | "contended" | "lost", cause: unknown): Fault {
  const code = { unknown: "OUTCOME_UNKNOWN", contended: "DATABASE_BUSY", lost: "DATABASE_UNREACHABLE" } as const;
  return new Fault(code[trouble], `Tried ${limits.tries} times; last: ${cause instanceof Error ? cause.message : ""}`, cause);
}
