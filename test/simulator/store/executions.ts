/** Executions in memory; what each statement does is said in the server's own `executions/store.ts`. */
import type * as own from "../../../server/src/executions/store.ts";
import type { ExecutionRow } from "../../../server/src/executions/store.ts";
import { byText, type Database, enter, Table } from "./database.ts";

export const executionsIn = (base: Database) => new Table<ExecutionRow>(base, "execution");

export const insertExecution: typeof own.insertExecution = async (tx, row) => {
  const table = executionsIn(await enter(tx));
  const open = table.where(({ request, state }) => request === row.request && state !== "aborted");
  if (open.length > 0 || !table.add(row.id, row)) throw new Error(`request ${row.request} has an execution`);
};

export const findExecution: typeof own.findExecution = async (db, id) => executionsIn(await enter(db)).get(id);

export const executionOf: typeof own.executionOf = async (db, request) =>
  executionsIn(await enter(db)).where((row) => row.request === request && row.state !== "aborted")[0];

export const lockSlot: typeof own.lockSlot = async (tx, slot) =>
  executionsIn(await enter(tx))
    .where((row) => row.slot === slot)
    .sort(byText(({ id }) => id));

export const lockExecution: typeof own.lockExecution = async (tx, id) => {
  const row = executionsIn(await enter(tx)).get(id);
  if (row === undefined) throw new Error(`no execution ${id}`);
  return row;
};

export const changeExecution: typeof own.changeExecution = async (tx, id, change, at) =>
  executionsIn(await enter(tx)).change(id, { ...change, updated_at: at });
