/** The ledger: accounts, balances, statements. */
import { z } from "zod";
import { endpoint } from "./endpoint.ts";
import { Amount, Count, Id, page, paging, QueryCount, SignedAmount, Slug, Text, Time } from "./fields.ts";

/** `client`: what we owe a client (credit side). `house`: what is ours (credit side). `wallet`: what a wallet holds on its
 *  chain (debit side). `unassigned`: what came in and is nobody's yet (credit side). `unexplained`: what left a wallet without
 *  a payment of ours, beyond what the position of its owner covers (debit side). */
export const AccountType = z.enum(["client", "house", "wallet", "unassigned", "unexplained"]);

/** An account of one asset. `posted`: booked for good, on the account's own side. `incoming`: seen and not final. `held`: set
 *  aside for payments. `available`: posted less held. */
export const Account = z.strictObject({
  id: Id,
  type: AccountType,
  /** Client, wallet, or "" for the institution. */
  subject: z.string().max(32),
  /** Pool of segregation: the wallet of a segregated client, else `omnibus`. */
  pool: Slug,
  asset: Slug,
  posted: SignedAmount,
  incoming: Amount,
  held: Amount,
  available: SignedAmount,
  sequence: Count,
});
export type Account = z.output<typeof Account>;

/** One line of an account: a transfer seen from its side. */
export const Line = z.strictObject({
  id: Id,
  sequence: Count,
  kind: z.enum(["posted", "pending", "post", "void"]),
  side: z.enum(["debit", "credit"]),
  amount: Amount,
  counterpart: Id,
  /** Why, as `<noun>:<id>`. */
  cause: Text,
  posted: SignedAmount,
  at: Time,
});
export type Line = z.output<typeof Line>;

export const BOOKS = {
  "accounts.list": endpoint({
    method: "GET",
    path: "/v1/accounts",
    summary: "Accounts with their balances, by id.",
    permission: "ledger:read",
    query: z.strictObject({
      ...paging,
      type: AccountType.optional(),
      client: Slug.optional(),
      wallet: Slug.optional(),
      asset: Slug.optional(),
    }),
    returns: page(Account),
    status: 200,
    problems: ["RECORD_TAMPERED"],
  }),
  "accounts.get": endpoint({
    method: "GET",
    path: "/v1/accounts/:id",
    summary: "One account.",
    permission: "ledger:read",
    params: z.strictObject({ id: Id }),
    returns: Account,
    status: 200,
    problems: ["RECORD_TAMPERED"],
  }),
  "accounts.statement": endpoint({
    method: "GET",
    path: "/v1/accounts/:id/lines",
    summary: "The statement of an account: its lines by their sequence, from and to a sequence.",
    permission: "ledger:read",
    params: z.strictObject({ id: Id }),
    query: z.strictObject({
      ...paging,
      from: QueryCount(0, Number.MAX_SAFE_INTEGER).optional(),
      to: QueryCount(0, Number.MAX_SAFE_INTEGER).optional(),
    }),
    returns: page(Line),
    status: 200,
    problems: ["RECORD_TAMPERED"],
  }),
  "ledger.check": endpoint({
    method: "GET",
    path: "/v1/ledger/check",
    summary: "Per asset: sums of debits and credits, what clients have, and what backs them.",
    permission: "ledger:read",
    returns: z.strictObject({
      assets: z.array(
        z.strictObject({
          asset: Slug,
          debits: Amount,
          credits: Amount,
          clients: SignedAmount,
          wallets: SignedAmount,
          balanced: z.boolean(),
          backed: z.boolean(),
        }),
      ),
      transfers: Count,
    }),
    status: 200,
  }),
};
