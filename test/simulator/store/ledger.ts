/** The ledger in memory: rows are made by the production `draft`, and stand in one table. */
import { type AccountKey, balance, keyText } from "../../../core/src/ledger/account.ts";
import { draft, type Ground } from "../../../core/src/ledger/draft.ts";
import { headOf, NO_HEAD, type Row } from "../../../core/src/ledger/row.ts";
import { problem } from "../../../server/src/http/call.ts";
import type * as own from "../../../server/src/ledger/store.ts";
import { type Database, enter, Table } from "./database.ts";

type HeadRow = { readonly row: Row; readonly side: "debit" | "credit" };

export const rowsIn = (base: Database) => new Table<Row>(base, "ledger_transfer");
const headsIn = (base: Database) => new Table<HeadRow>(base, "ledger_head");
const resolvedIn = (base: Database) => new Table<{ readonly by: string }>(base, "ledger_resolved");

function headAt(base: Database, key: AccountKey) {
  const last = headsIn(base).get(keyText(key));
  return last === undefined ? NO_HEAD : headOf(last.row, last.side);
}

export const post: typeof own.post = async (tx, transfers) => {
  const base = await enter(tx);
  const rows = rowsIn(base);
  const ground: Ground = {
    account: (key) => ({ id: keyText(key), head: headAt(base, key) }),
    row: (id) => rows.get(id) ?? null,
    isResolved: (pending) => resolvedIn(base).get(pending) !== undefined,
  };
  const made = draft(ground, transfers, { epoch: 1, at: base.time.now });
  if (!made.ok) {
    const { fault, transfer } = made;
    if (fault === "SHORT") problem("POSITION_SHORT", "amount", `${transfer.amount} of ${keyText(transfer.debit)}`);
    throw new Error(`transfer ${transfer.id} (${transfer.cause}) cannot be booked: ${fault}`);
  }
  for (const row of made.rows) {
    rows.put(row.id, row);
    if (row.pending !== null) resolvedIn(base).put(row.pending, { by: row.id });
    for (const side of ["debit", "credit"] as const) headsIn(base).put(keyText(row[side].key), { row, side });
  }
};

export const partiesOf: typeof own.partiesOf = async (db, transfers) => {
  const rows = rowsIn(await enter(db));
  const found = transfers.flatMap((id) => rows.get(id) ?? []);
  return new Map(found.map(({ id, debit, credit }) => [id, { debit: debit.key, credit: credit.key }]));
};

export const balanceOf: typeof own.balanceOf = async (db, key) => balance(key.type, headAt(await enter(db), key).totals);
