/** What left our addresses in transactions of others, in memory; what each statement does is said in the server's own
 *  `outflows/store.ts`. */
import type { Outflow } from "../../../server/src/chain/types.ts";
import type * as own from "../../../server/src/outflows/store.ts";
import { executionsBehind } from "./chain.ts";
import { byText, type Database, enter, Table } from "./database.ts";

export const outflowsIn = (base: Database) => new Table<Outflow>(base, "outflow");
const byId = byText(({ id }: { readonly id: string }) => id);

export const insertOutflows: typeof own.insertOutflows = async (tx, outflows) => {
  const [first] = outflows;
  if (first === undefined) return [];
  const table = outflowsIn(await enter(tx));
  const ours = await executionsBehind(
    tx,
    first.chain,
    outflows.map((one) => one.tx),
  );
  return outflows.filter((one) => !ours.has(one.tx)).map((one) => table.put(one.id, one));
};

async function changed(
  tx: Parameters<typeof own.finishOutflows>[0],
  fits: (row: Outflow) => boolean,
  state: Outflow["state"],
): Promise<readonly Outflow[]> {
  const table = outflowsIn(await enter(tx));
  return table
    .where(fits)
    .map(({ id }) => table.change(id, { state }))
    .sort(byId);
}

export const finishOutflows: typeof own.finishOutflows = (tx, chain, number) =>
  changed(tx, (row) => row.chain === chain && row.state === "seen" && row.finalAt <= number, "final");

export const coverOutflow: typeof own.coverOutflow = async (tx, id, covered) => {
  outflowsIn(await enter(tx)).change(id, { covered });
};

export const undoOutflows: typeof own.undoOutflows = (tx, chain, { number, hash }) =>
  changed(
    tx,
    (row) => row.chain === chain && row.block === number && row.blockHash === hash && row.state === "seen",
    "reorged",
  );

export const explainOutflows: typeof own.explainOutflows = (tx, chain, id) =>
  changed(tx, (row) => row.chain === chain && row.tx === id && (row.state === "seen" || row.state === "final"), "explained");

export const newestFinalOutflow: typeof own.newestFinalOutflow = async (db, chain) => {
  const final = outflowsIn(await enter(db)).where((row) => row.chain === chain && row.state === "final");
  return final.length === 0 ? null : Math.max(...final.map(({ block }) => block));
};
