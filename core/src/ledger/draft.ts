/** Makes the rows of one posting from where its accounts stand. Nothing is changed: whoever keeps the ledger writes the rows,
 *  all or none. */
import type { Time } from "../bytes.ts";
import { type AccountKey, keyText, type Side } from "./account.ts";
import { type Head, headOf, type Leg, type Row, rowHash } from "./row.ts";
import { type Fault, faultOfTotals, faultOfTransfer, type Movement, move, type Transfer } from "./transfer.ts";

export type Account = { readonly id: string; readonly head: Head };

/** What a posting builds on; it stays as it is until the rows are written. */
export type Ground = {
  readonly account: (key: AccountKey) => Account;
  /** The row of a transfer. */
  readonly row: (id: string) => Row | null;
  /** Whether a pending transfer was resolved. */
  readonly isResolved: (pending: string) => boolean;
};

/** Where and when the rows are made. */
export type Stamp = { readonly epoch: number; readonly at: Time };

export type Draft =
  | { readonly ok: true; readonly rows: readonly Row[] }
  | { readonly ok: false; readonly fault: Fault; readonly transfer: Transfer };

/** The rows of `transfers`, in their order, each built on those before. A transfer that is booked already gives no row. */
export function draft(ground: Ground, transfers: readonly Transfer[], stamp: Stamp): Draft {
  const rows: Row[] = [];
  const heads = new Map<string, Head>();
  const ahead: Ground = {
    account: (key) => {
      const { id, head } = ground.account(key);
      return { id, head: heads.get(id) ?? head };
    },
    row: (id) => rows.find((row) => row.id === id) ?? ground.row(id),
    isResolved: (pending) => rows.some((row) => row.pending === pending) || ground.isResolved(pending),
  };
  for (const transfer of transfers) {
    const known = ahead.row(transfer.id);
    if (known !== null) {
      if (!isRowOf(known, transfer)) return { ok: false, fault: "ID_REUSED", transfer };
      continue;
    }
    const row = rowOf(ahead, transfer, stamp);
    if (typeof row === "string") return { ok: false, fault: row, transfer };
    rows.push(row);
    for (const side of ["debit", "credit"] as const) heads.set(row[side].account, headOf(row, side));
  }
  return { ok: true, rows };
}

function pendingOf(transfer: Transfer): string | null {
  return "pending" in transfer ? transfer.pending : null;
}

/** Whether the row of this id books just that transfer. */
function isRowOf(row: Row, transfer: Transfer): boolean {
  const { kind, amount, asset, cause } = transfer;
  const sameTerms = row.kind === kind && row.pending === pendingOf(transfer) && row.amount === amount && row.asset === asset;
  return sameTerms && row.cause === cause && isBetweenSame(row, transfer);
}

function isBetweenSame(row: Row, { debit, credit }: Transfer): boolean {
  return keyText(row.debit.key) === keyText(debit) && keyText(row.credit.key) === keyText(credit);
}

function rowOf(ground: Ground, transfer: Transfer, { epoch, at }: Stamp): Row | Fault {
  const { id, kind, amount, asset, cause } = transfer;
  const wrong = faultOfTransfer(transfer);
  if (wrong !== null) return wrong;
  const pending = pendingOf(transfer);
  const resolved = pending === null ? 0n : resolve(ground, transfer, pending);
  if (typeof resolved === "string") return resolved;
  const movement: Movement = { kind, amount, resolved };
  const debit = legOf(ground, transfer, "debit", movement);
  if (typeof debit === "string") return debit;
  const credit = legOf(ground, transfer, "credit", movement);
  if (typeof credit === "string") return credit;
  const row = { id, kind, pending, amount, resolved, asset, debit, credit, cause, epoch, at };
  return { ...row, hash: rowHash(row) };
}

/** The amount of the pending transfer that is resolved. */
function resolve(ground: Ground, transfer: Transfer, pending: string): bigint | Fault {
  const row = ground.row(pending);
  if (row?.kind !== "pending") return "PENDING_UNKNOWN";
  if (ground.isResolved(pending)) return "PENDING_RESOLVED";
  if (!isBetweenSame(row, transfer)) return "PENDING_OTHER";
  if (transfer.amount > row.amount) return "ABOVE_PENDING";
  return transfer.kind === "void" && transfer.amount < row.amount ? "PENDING_OTHER" : row.amount;
}

function legOf(ground: Ground, transfer: Transfer, side: Side, movement: Movement): Leg | Fault {
  const key = transfer[side];
  const { id, head } = ground.account(key);
  const totals = move(head.totals, side, movement);
  return (
    faultOfTotals(key, side, movement, totals) ?? { account: id, key, sequence: head.sequence + 1, before: head.hash, totals }
  );
}
