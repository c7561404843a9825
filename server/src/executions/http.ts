/** Executions over the API: what was reserved, signed and sent for a request, with every version of its transactions. */
import { Id, Time } from "@strongroom/sdk/contract/fields";
import type { Execution } from "@strongroom/sdk/contract/requests";
import { sendAgain, transactionsOf } from "../chain/store.ts";
import type { ChainTransaction } from "../chain/types.ts";
import { emit } from "../events/store.ts";
import { type Call, type Handlers, problem } from "../http/call.ts";
import { paged } from "../http/pages.ts";
import type { View } from "../vault/link.ts";
import { isReceiptWhole } from "./rules.ts";
import { type ExecutionRow, listExecutions, visibleExecution } from "./store.ts";

type Shown = Execution["transactions"][number];

function showTransaction(it: ChainTransaction, processed: number | null): Shown {
  const { chain, id, state, block, succeeded, fee, sends, raw } = it;
  const confirmations = block === null || processed === null ? 0 : Math.max(0, processed - block + 1);
  return { chain, id, state, block, confirmations, succeeded, fee, sends, raw };
}

/** An execution as it is shown. Fails: RECORD_TAMPERED. */
async function show({ house, tx }: Pick<Call, "house" | "tx">, row: ExecutionRow, view: View): Promise<Execution> {
  if (!isReceiptWhole(row, view))
    problem("RECORD_TAMPERED", "execution", `the record of execution ${row.id} is not what the vault signed`);
  const processed = house.chains.view().find(({ id }) => id === row.chain)?.processed ?? null;
  const transactions = (await transactionsOf(tx, row.id)).map((it) => showTransaction(it, processed));
  const { id, request, unit, state, receipt } = row;
  const dates = { createdAt: row.created_at.toISOString(), updatedAt: row.updated_at.toISOString() };
  return { id, request, unit, state, receipt, transactions, ...dates };
}

async function demandExecution({ tx, caller }: Call, id: string): Promise<ExecutionRow> {
  return (
    (await visibleExecution(tx, caller, id)) ?? problem("NOT_FOUND", "params.id", "there is no such execution that you may see")
  );
}

export const executions: Handlers<"executions"> = {
  async "executions.list"(call, { query }) {
    const { house, tx, caller } = call;
    const view = await house.vault.view();
    const { state, request } = query;
    const page = await paged({
      list: "executions.list",
      query,
      key: [Time, Id],
      keyOf: (row: ExecutionRow) => [row.created_at.toISOString(), row.id] as const,
      read: ({ after, take }) => {
        const before = after === null ? null : { at: new Date(after[0]), id: after[1] };
        return listExecutions(tx, caller, { before, limit: take, state, request });
      },
      show: (row) => row,
    });
    const items: Execution[] = [];
    for (const row of page.items) items.push(await show(call, row, view));
    return { items, next: page.next };
  },
  async "executions.get"(call, { params }) {
    return show(call, await demandExecution(call, params.id), await call.house.vault.view());
  },
  async "executions.rebroadcast"(call, { params }) {
    const { house, tx, caller } = call;
    const row = await demandExecution(call, params.id);
    const newest = (await transactionsOf(tx, row.id)).at(-1);
    const open = newest !== undefined && (row.state === "signed" || row.state === "broadcasting");
    if (!open) problem("STATE_CONFLICT", "params.id", `this execution is ${row.state}`);
    await sendAgain(tx, newest, new Date(house.now()));
    const { unit, client } = row;
    const subject = `execution:${row.id}`;
    const data = { transaction: newest.id };
    await emit(tx, { type: "execution.rebroadcast", subject, actor: caller.name, unit, client, data });
    return show(call, row, await house.vault.view());
  },
};
