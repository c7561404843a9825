/** Chains as the gateway sees them, deposits, and fee quotes. */
import { z } from "zod";
import { endpoint } from "./endpoint.ts";
import { AddressText, Amount, Bytes, ChainId, Count, Hash, Id, page, paging, Slug, Text, Time, TxId } from "./fields.ts";

export const NodeHealth = z.strictObject({
  name: Slug,
  state: z.enum(["good", "lagging", "lying", "forked", "unreachable"]),
  head: Count.nullable(),
  latencyMs: Count.nullable(),
  /** Why it is set aside, in words. */
  reason: z.string().max(400),
  since: Time,
});

export const ChainView = z.strictObject({
  id: ChainId,
  name: Slug,
  state: z.enum(["following", "catching-up", "halted", "unreachable"]),
  reason: z.string().max(400),
  /** Newest block that enough nodes agree on; newest that was processed. */
  head: Count.nullable(),
  processed: Count.nullable(),
  quorum: Count,
  nodes: z.array(NodeHealth).max(16),
});
export type ChainView = z.output<typeof ChainView>;

/** A movement to one of our addresses. `asset` null: a token that the rulebook does not know. `credited`: what was really
 *  received. */
export const Deposit = z.strictObject({
  id: Id,
  chain: ChainId,
  tx: TxId,
  /** Where in the transaction: `value`, `call:<path>` or `log:<index>`. */
  place: z.string().max(120),
  wallet: Slug,
  address: AddressText,
  client: Slug.nullable(),
  asset: Slug.nullable(),
  contract: AddressText.nullable(),
  sender: AddressText,
  amount: Amount,
  state: z.enum(["seen", "final", "reorged", "unknown", "suspect"]),
  /** For a deposit that is not booked: why. */
  reason: Text,
  block: Count,
  blockHash: Hash,
  booked: z.boolean(),
  seenAt: Time,
});
export type Deposit = z.output<typeof Deposit>;

export const CHAINS = {
  "chains.list": endpoint({
    method: "GET",
    path: "/v1/chains",
    summary: "Chains and their nodes, with whoever lags or lies.",
    permission: "chains:read",
    returns: z.strictObject({ items: z.array(ChainView).max(64) }),
    status: 200,
  }),
  "chains.quote": endpoint({
    method: "POST",
    path: "/v1/chains/:chain/quote",
    summary: "What a transfer or a call costs at most today; the figure for an intent's total fee.",
    permission: "chains:read",
    params: z.strictObject({ chain: z.string().regex(/^[1-9]\d{0,9}$/) }),
    /** `data`: what is sent to a contract that is called, with the native asset. */
    body: z.strictObject({ from: AddressText, to: AddressText, asset: Slug, amount: Amount, data: Bytes.optional() }),
    returns: z.strictObject({
      gasLimit: Count,
      maxFeePerGas: Amount,
      maxPriorityFeePerGas: Amount,
      fee: Amount,
      /** Fee with room for replacements; a good total fee. */
      totalFee: Amount,
    }),
    status: 200,
    problems: ["CHAIN_UNREACHABLE"],
  }),
  "deposits.list": endpoint({
    method: "GET",
    path: "/v1/deposits",
    summary: "Deposits to visible wallets, the newest first.",
    permission: "chains:read",
    query: z.strictObject({
      ...paging,
      state: Deposit.shape.state.optional(),
      wallet: Slug.optional(),
      client: Slug.optional(),
    }),
    returns: page(Deposit),
    status: 200,
  }),
  "deposits.get": endpoint({
    method: "GET",
    path: "/v1/deposits/:id",
    summary: "One deposit.",
    permission: "chains:read",
    params: z.strictObject({ id: Id }),
    returns: Deposit,
    status: 200,
  }),
};
