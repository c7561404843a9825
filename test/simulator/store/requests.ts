/** Requests and decisions in memory; what each statement does is said in the server's own `requests/store.ts`. */
import type * as own from "../../../server/src/requests/store.ts";
import type { DecisionRow, RequestRow } from "../../../server/src/requests/store.ts";
import { byTime, type Database, enter, Table } from "./database.ts";

export const requestsIn = (base: Database) => new Table<RequestRow>(base, "request");
export const decisionsIn = (base: Database) => new Table<DecisionRow>(base, "decision");
const isAlive = ({ state }: RequestRow) => state === "open" || state === "approved";

export const insertRequest: typeof own.insertRequest = async (tx, row) => {
  const table = requestsIn(await enter(tx));
  const taken =
    row.kind !== "freeze" && table.where((one) => one.reference === row.reference && one.kind !== "freeze").length > 0;
  return !taken && table.add(row.id, { ...row, version: 1 });
};

export const findRequest: typeof own.findRequest = async (db, id) => requestsIn(await enter(db)).get(id);
export const lockRequest: typeof own.lockRequest = async (tx, id) => requestsIn(await enter(tx)).get(id);

export const requestByReference: typeof own.requestByReference = async (db, reference) =>
  requestsIn(await enter(db)).where((row) => row.reference === reference && row.kind !== "freeze")[0];

/** Everybody here is of the root unit and of no client. */
export const visibleRequest: typeof own.visibleRequest = async (db, _caller, id) => requestsIn(await enter(db)).get(id);
export const lockVisibleRequest: typeof own.lockVisibleRequest = async (db, _caller, id) => requestsIn(await enter(db)).get(id);

export const overdueRequests: typeof own.overdueRequests = async (db, { at, limit }) =>
  requestsIn(await enter(db))
    .where((row) => isAlive(row) && row.not_after <= at)
    .sort((a, b) => a.not_after.getTime() - b.not_after.getTime())
    .slice(0, limit);

export const refusedRequests: typeof own.refusedRequests = async (db, { codes, limit }) =>
  requestsIn(await enter(db))
    .where((row) => isAlive(row) && row.answer_code !== null && codes.includes(row.answer_code))
    .sort((a, b) => a.created_at.getTime() - b.created_at.getTime())
    .slice(0, limit);

export const changeRequest: typeof own.changeRequest = async (tx, id, change) => {
  const table = requestsIn(await enter(tx));
  return table.change(id, { ...change, version: (table.get(id)?.version ?? 0) + 1 });
};

export const insertDecision: typeof own.insertDecision = async (tx, row) => decisionsIn(await enter(tx)).add(row.id, row);

export const decisionsOn: typeof own.decisionsOn = async (db, requests) =>
  decisionsIn(await enter(db))
    .where(({ request }) => requests.includes(request))
    .sort(byTime(({ created_at }) => created_at));
