/** Rows of the ledger: one per transfer, linked to the row before on both of its accounts, and what is wrong with one that was
 *  edited, deleted, inserted or moved. Layout: docs/spec/ledger.md. */
import { ascii, type Hash, hash, type Time } from "../bytes.ts";
import { type AccountKey, keyText, NO_TOTALS, type Side, type Totals } from "./account.ts";
import { move, type TransferKind } from "./transfer.ts";

/** One side of a row. `sequence`: the number of the row on its account, from 1. `before`: hash of the one before, zeros for the
 *  first. `totals`: after this row. */
export type Leg = {
  readonly account: string;
  readonly key: AccountKey;
  readonly sequence: number;
  readonly before: Hash;
  readonly totals: Totals;
};

/** `pending`: the transfer that is resolved, or null; `resolved`: its amount, or 0. `epoch`: that of the fence. */
export type Row = {
  readonly id: string;
  readonly kind: TransferKind;
  readonly pending: string | null;
  readonly amount: bigint;
  readonly resolved: bigint;
  readonly asset: string;
  readonly debit: Leg;
  readonly credit: Leg;
  readonly cause: string;
  readonly epoch: number;
  readonly at: Time;
  readonly hash: Hash;
};

/** Where an account stands. */
export type Head = { readonly sequence: number; readonly hash: Hash; readonly totals: Totals };

export const NO_ROW = "0".repeat(64) as Hash;
export const NO_HEAD: Head = { sequence: 0, hash: NO_ROW, totals: NO_TOTALS };

/** What is wrong with a row. `EDITED`: its hash is another one. `GAP`: a row before it is missing, or one too many is there.
 *  `LINK`: it continues another row than the one before. `TOTALS`: its totals do not follow. `PENDING`: what it resolves is
 *  another transfer, or none. */
export type Flaw = "EDITED" | "GAP" | "LINK" | "TOTALS" | "PENDING";

/** The hash of a row: over its lines of text, of which none can hold a line feed. */
export function rowHash(row: Omit<Row, "hash">): Hash {
  const { id, kind, pending, amount, resolved, asset, debit, credit, cause, epoch, at } = row;
  const fields = [
    id,
    kind,
    pending ?? "",
    amount,
    resolved,
    asset,
    ...legFields(debit),
    ...legFields(credit),
    cause,
    epoch,
    at,
  ];
  return hash("strongroom/ledger-row/1", ascii(fields.join("\n")));
}

function legFields({ account, key, sequence, before, totals }: Leg): (string | number | bigint)[] {
  const { debitsPosted, creditsPosted, debitsPending, creditsPending } = totals;
  return [account, keyText(key), sequence, before, debitsPosted, creditsPosted, debitsPending, creditsPending];
}

export function headOf(row: Row, side: Side): Head {
  const { sequence, totals } = row[side];
  return { sequence, hash: row.hash, totals };
}

/** What is wrong with one side of a row that follows `before` on its account. */
export function flawOfLeg(row: Row, side: Side, before: Head): Flaw | null {
  const leg = row[side];
  if (rowHash(row) !== row.hash) return "EDITED";
  if (leg.sequence !== before.sequence + 1) return "GAP";
  if (leg.before !== before.hash) return "LINK";
  return isSame(leg.totals, move(before.totals, side, row)) ? null : "TOTALS";
}

function isSame(a: Totals, b: Totals): boolean {
  const posted = a.debitsPosted === b.debitsPosted && a.creditsPosted === b.creditsPosted;
  return posted && a.debitsPending === b.debitsPending && a.creditsPending === b.creditsPending;
}

/** What is wrong with what a row resolves. `pending`: the row of that id. */
export function flawOfResolution(row: Row, pending: Row | null): Flaw | null {
  if (row.kind === "posted" || row.kind === "pending") return row.pending === null && row.resolved === 0n ? null : "PENDING";
  const fits = pending?.kind === "pending" && pending.amount === row.resolved && row.amount <= row.resolved;
  const isBetweenSame = pending?.debit.account === row.debit.account && pending.credit.account === row.credit.account;
  return fits && isBetweenSame ? null : "PENDING";
}
