/** Transfers: one amount of one asset from one account to another, and when such a thing may be booked.
 *
 *  A fault is a value. Only `SHORT` is anybody's expected answer; every other one is a bug of whoever made the transfer. */
import { ascii, hashBytes, toHex } from "../bytes.ts";
import { AMOUNT_MAX } from "../money/amount.ts";
import { type AccountKey, balance, keyText, type Side, sideOf, type Totals } from "./account.ts";

/** `posted`: booked for good at once. `pending`: announced or set aside. `post`: books a pending one, or less of it, and
 *  releases the rest. `void`: releases a pending one. A pending transfer is resolved once, by a transfer between the same
 *  accounts. */
export type TransferKind = "posted" | "pending" | "post" | "void";

/** `id`: a UUID; a transfer is booked once under it. `pending`: the one that is resolved. `amount`: for `void` that of the
 *  pending one. `cause`: why, as `<noun>:<id>`. */
export type Transfer = {
  readonly id: string;
  readonly amount: bigint;
  readonly asset: string;
  readonly debit: AccountKey;
  readonly credit: AccountKey;
  readonly cause: string;
} & ({ readonly kind: "posted" | "pending" } | { readonly kind: "post" | "void"; readonly pending: string });

export type Fault =
  | "AMOUNT_INVALID"
  | "CAUSE_INVALID"
  | "SAME_ACCOUNT"
  | "OTHER_ASSET"
  | "OTHER_POOL"
  | "PENDING_UNKNOWN"
  | "PENDING_RESOLVED"
  | "PENDING_OTHER"
  | "ABOVE_PENDING"
  | "OVERFLOW"
  | "SHORT"
  | "ID_REUSED";

/** What moves on either side. `resolved`: the amount of the pending transfer that is resolved, 0 where there is none. */
export type Movement = { readonly kind: TransferKind; readonly amount: bigint; readonly resolved: bigint };

const CAUSE = /^[!-~][ -~]{0,199}$/;

/** Totals of one side after a movement. */
export function move(totals: Totals, side: Side, { kind, amount, resolved }: Movement): Totals {
  const posted = kind === "posted" || kind === "post" ? amount : 0n;
  const pending = kind === "pending" ? amount : -resolved;
  const { debitsPosted, creditsPosted, debitsPending, creditsPending } = totals;
  return side === "debit"
    ? { debitsPosted: debitsPosted + posted, creditsPosted, debitsPending: debitsPending + pending, creditsPending }
    : { debitsPosted, creditsPosted: creditsPosted + posted, debitsPending, creditsPending: creditsPending + pending };
}

/** What is wrong with the transfer by itself. */
export function faultOfTransfer({ amount, asset, debit, credit, cause }: Transfer): Fault | null {
  if (amount <= 0n || amount > AMOUNT_MAX) return "AMOUNT_INVALID";
  if (!CAUSE.test(cause)) return "CAUSE_INVALID";
  if (debit.asset !== asset || credit.asset !== asset) return "OTHER_ASSET";
  if (keyText(debit) === keyText(credit)) return "SAME_ACCOUNT";
  return debit.pool === credit.pool ? null : "OTHER_POOL";
}

/** What is wrong with the totals that a movement leads to. Accounts on the credit side pay only what is available; resolving
 *  takes nothing that was not set aside. A wallet follows its chain, which may spend what is not final yet. */
export function faultOfTotals({ type }: AccountKey, side: Side, { kind }: Movement, after: Totals): Fault | null {
  const { debitsPosted, creditsPosted, debitsPending, creditsPending } = after;
  if ([debitsPosted, creditsPosted, debitsPending, creditsPending].some((total) => total > AMOUNT_MAX)) return "OVERFLOW";
  const pays = side === "debit" && sideOf(type) === "credit" && (kind === "posted" || kind === "pending");
  return pays && balance(type, after).available < 0n ? "SHORT" : null;
}

/** The id of a transfer that a cause leads to: the same whenever it is derived again. UUID version 7 with the time of the
 *  cause, the rest from H("strongroom/transfer-id/1", cause ‖ LF ‖ step).   Source: RFC 9562, section 5.7. */
export function transferId({
  cause,
  step,
  at,
}: {
  readonly cause: string;
  readonly step: string;
  readonly at: number;
}): string {
  const digest = hashBytes("strongroom/transfer-id/1", ascii(`${cause}\n${step}`));
  const variant = toHex(Uint8Array.of(((digest[2] as number) & 0x3f) | 0x80));
  const time = at.toString(16).padStart(12, "0");
  const hex = toHex(digest);
  return `${time.slice(0, 8)}-${time.slice(8)}-7${hex.slice(0, 3)}-${variant}${hex.slice(6, 8)}-${hex.slice(8, 20)}`;
}
