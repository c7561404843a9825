/** Accounts of the ledger, and what the totals on them mean. Layout and rules: docs/spec/ledger.md. */

/** `client`: what we owe a client; `house`: what is ours; `unassigned`: what came in and is nobody's yet. All three are on the
 *  credit side. `wallet`: what a wallet holds on its chain; `unexplained`: what left one without a payment of ours, beyond what
 *  the position of its owner covers; both on the debit side. */
export const ACCOUNT_TYPES = ["client", "house", "wallet", "unassigned", "unexplained"] as const;
export type AccountType = (typeof ACCOUNT_TYPES)[number];

/** What names an account. `subject`: client or wallet, or "" for the institution. `pool`: the pool of segregation, which is the
 *  wallet of a segregated client or `omnibus`. */
export type AccountKey = {
  readonly type: AccountType;
  readonly subject: string;
  readonly pool: string;
  readonly asset: string;
};

export type Side = "debit" | "credit";

/** Everything that was ever debited or credited for good, and what is pending now; base units, each 0 to 2^256−1. */
export type Totals = {
  readonly debitsPosted: bigint;
  readonly creditsPosted: bigint;
  readonly debitsPending: bigint;
  readonly creditsPending: bigint;
};

export const NO_TOTALS: Totals = { debitsPosted: 0n, creditsPosted: 0n, debitsPending: 0n, creditsPending: 0n };

/** An account as people read it. `posted`: booked for good, on the account's own side. `incoming`: seen and not final.
 *  `held`: set aside for payments. `available`: posted less held. */
export type Balance = {
  readonly posted: bigint;
  readonly incoming: bigint;
  readonly held: bigint;
  readonly available: bigint;
};

/** The side on which an account of this type grows. */
export function sideOf(type: AccountType): Side {
  return type === "wallet" || type === "unexplained" ? "debit" : "credit";
}

/** One text per key, for maps and hashes. Names hold no slash. */
export function keyText({ type, subject, pool, asset }: AccountKey): string {
  return `${type}/${subject}/${pool}/${asset}`;
}

export function balance(type: AccountType, totals: Totals): Balance {
  const { debitsPosted, creditsPosted, debitsPending, creditsPending } = totals;
  const grows = sideOf(type) === "debit";
  const posted = grows ? debitsPosted - creditsPosted : creditsPosted - debitsPosted;
  const held = grows ? creditsPending : debitsPending;
  return { posted, incoming: grows ? debitsPending : creditsPending, held, available: posted - held };
}
