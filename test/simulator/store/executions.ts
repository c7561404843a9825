/** Executions in memory; what each statement does is said in the server's own `executions/store.ts`. */
import type * as own from "../../../server/src/executions/store.ts";
import type { ExecutionRow } from "../../../server/src/executions/store.ts";
import { byText, type Database, enter, Table } from "./database.ts";

export const executionTable = (base: Database) => new Table<ExecutionRow>(base, "execution");

export const insertExecution: typeof own.insertExecution = async (tx, row) => {
  const table = executionTable(await enter(tx));
  const open = table.where(({ request, state }) => request === row.request && state !== "aborted");
  if (open.length > 0 || !table.add(row.id, row)) throw new Error(`request ${row.request} has an execution`);
};

export const findExecution: typeof own.findExecution = async (db, id) => executionTable(await enter(db)).get(id);

export const executionOf: typeof own.executionOf = async (db, request) =>
  executionTable(await enter(db)).where((row) => row.request === request && row.state !== "aborted")[0];

export const lockSlot: typeof own.lockSlot = async (tx, slot) =>
  executionTable(await enter(tx))
    .where((row) => row.slot === slot)
    .sort(byText(({ id }) => id));

export const lockExecution: typeof own.lockExecution = async (tx, id) => {
  const row = executionTable(await enter(tx)).get(id);
  if (row === undefined) throw new Error(`no execution ${id}`);
  return row;
};

export const changeExecution: typeof own.changeExecution = async (tx, id, change, at) =>
  executionTable(await enter(tx)).change(id, { ...change, updated_at: at });

export const executionsIn: typeof own.executionsIn = async (db, slot) =>
  executionTable(await enter(db))
    .where((row) => row.slot === slot && row.state !== "aborted")
    .sort(byText(({ id }) => id));
