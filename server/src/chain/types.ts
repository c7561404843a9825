/** What the online half of a chain offers, and what the follower records of it. Adding a chain is adding a folder beside
 *  `evm/` and a line in the table of `gateway.ts`.
 *
 *  Addresses are in their chain's canonical text, or, where many are compared, as keys: one short text for each address.
 *  Hashes of blocks are lower-case hex without prefix, ids of transactions as the chain writes them. */
import type { Family } from "@strongroom/core/chain/table";
import type { ChainView } from "@strongroom/sdk/contract/chains";
import type { Uuid } from "../db/ids.ts";
import type { Tx } from "../db/tables.ts";
import type { Lease } from "../jobs/store.ts";

export type { ChainView };
export type NodeHealth = ChainView["nodes"][number];

/** How many blocks make something final: the first entry that fits asset and amount. One block is the block itself. */
export type Confirmation = { readonly asset?: string; readonly below?: bigint; readonly blocks: number };

export type ChainConfig = {
  /** By default `evm`. */
  readonly family?: Family;
  readonly nodes: readonly { readonly name: string; readonly url: string }[];
  /** How many nodes must say the same; more than half of them. */
  readonly quorum: number;
  readonly confirmations: readonly Confirmation[];
  /** Deepest reorganisation that is followed; a deeper one halts the chain. */
  readonly reorgDepth: number;
  /** Whether to ask for traces, without which deposits by internal calls are not seen. */
  readonly trace: boolean;
  readonly pollMs: number;
  /** A node this many blocks behind the others is set aside. */
  readonly lagBlocks?: number;
  /** A transaction that waits longer is reported as stuck. */
  readonly stuckMs?: number;
  readonly resendMs?: number;
  /** Deposits below are recorded as suspect and not booked. */
  readonly dust?: readonly { readonly asset: string; readonly below: bigint }[];
  /** First block that is followed; by default the newest one when the chain is first followed. */
  readonly start?: number;
};

/** What the current rulebook says of a chain. */
export type ChainAssets = {
  readonly name: string;
  readonly native: string;
  readonly tokens: readonly { readonly asset: string; readonly contract: string }[];
};

export type BlockRef = { readonly number: number; readonly hash: string; readonly parent: string; readonly at: Date };
export type Head = BlockRef & { readonly baseFee: bigint };

/** One movement of value that a block shows, its addresses as keys. `contract` null: the native asset. `place`: where in the
 *  transaction. */
export type Movement = {
  readonly tx: string;
  readonly place: string;
  readonly contract: string | null;
  readonly from: string;
  readonly to: string;
  readonly amount: bigint;
};

/** A transaction of a block. `slot`: what it makes exclusive, as the chain's offline half names it. `from`: who pays its fee
 *  and `value`, as a key. */
export type Listed = { readonly id: string; readonly slot: string; readonly from: string; readonly value: bigint };

export type BlockContent = { readonly listed: readonly Listed[]; readonly movements: readonly Movement[] };

/** How a transaction went. `fee` in base units of the native asset. `moved`: token movements that it logged. */
export type Mined = {
  readonly id: string;
  readonly block: number;
  readonly blockHash: string;
  readonly succeeded: boolean;
  readonly gasUsed: bigint;
  readonly fee: bigint;
  readonly movements: readonly Movement[];
};

/** What somebody has of a token; the address may be a key or a text. */
export type Holding = { readonly contract: string; readonly address: string };
/** What a holding came to before and after a block; null when the token does not tell. */
export type Change = { readonly before: bigint; readonly after: bigint } | null;

/** What a transfer or a call would pay. `totalFee`: `fee` with room for replacements. */
export type Quote = {
  readonly gasLimit: number;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
  readonly fee: bigint;
  readonly totalFee: bigint;
};
/** `contract`: of the token that is moved. `data`: what is sent to a contract that is called. */
export type Asked = {
  readonly from: string;
  readonly to: string;
  readonly contract?: string | null;
  readonly amount: bigint;
  readonly data?: Uint8Array | undefined;
};
export type Fees = { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint };

/** What nodes said to a broadcast. `accepted`: how many have it. */
export type Sent = {
  readonly outcome: "accepted" | "known" | "nonce-too-low" | "underpriced" | "insufficient-funds" | "refused" | "unreachable";
  readonly accepted: number;
  readonly detail: string;
};

/** What signed bytes say, read from the bytes alone. `contract`: of the token that is moved. `to`: who is paid, or what is
 *  called with native value. `raw` is what is sent. */
export type SignedTransaction = Fees & {
  readonly chain: number;
  readonly id: string;
  readonly slot: string;
  readonly from: string;
  readonly nonce: number;
  readonly contract: string | null;
  readonly to: string;
  readonly amount: bigint;
  readonly raw: Uint8Array;
};

/** The online half of one chain. Whatever it gives, enough nodes gave the same. Throws Problem CHAIN_UNREACHABLE otherwise. */
export type Online = {
  /** Asks every node for its head and judges all of them. */
  poll(): Promise<void>;
  /** Newest block that enough nodes agree on, as of the last poll; null when there is none. */
  head(): Head | null;
  health(): readonly NodeHealth[];
  addressText(key: string): string;
  addressKey(text: string): string;
  /** Why there is no head, or why it stays behind. */
  trouble(): string;
  header(number: number): Promise<BlockRef>;
  content(block: BlockRef): Promise<BlockContent>;
  /** How these transactions of that block went, in the same order. */
  outcomes(block: BlockRef, ids: readonly string[]): Promise<readonly Mined[]>;
  changes(block: BlockRef, holdings: readonly Holding[]): Promise<readonly Change[]>;
  mined(id: string): Promise<Mined | null>;
  balance(address: string, contract: string | null): Promise<{ amount: bigint; block: number; blockHash: string }>;
  /** How many transactions the address had sent by that block. */
  sentBy(address: string, block: BlockRef): Promise<number>;
  quote(asked: Asked): Promise<Quote>;
  broadcast(raw: Uint8Array): Promise<Sent>;
  /** The signed bytes of a transfer or call that any node gives, which say themselves that they are this transaction's; or
   *  null. */
  raw(id: string): Promise<Uint8Array | null>;
  close(): Promise<void>;
};

/** `suspect`: the chain logs what its balances do not show, or it is dust. `unknown`: a token that the rulebook does not
 *  know. */
export type DepositState = "seen" | "final" | "reorged" | "unknown" | "suspect";

/** A movement to one of our addresses. A row lives once, seen → final | reorged; what is included again is a new one. */
export type Deposit = {
  readonly id: Uuid;
  readonly chain: number;
  readonly tx: string;
  readonly place: string;
  readonly wallet: string;
  readonly index: number;
  readonly address: string;
  readonly client: string | null;
  readonly unit: string;
  readonly asset: string | null;
  readonly contract: string | null;
  readonly sender: string;
  /** What the chain said moved, and what was really received. */
  readonly logged: bigint;
  readonly amount: bigint;
  readonly state: DepositState;
  readonly reason: string;
  readonly block: number;
  readonly blockHash: string;
  readonly blockAt: Date;
  /** The block that makes it final. */
  readonly finalAt: number;
  readonly seenAt: Date;
};

/** `explained`: its transaction turned out to be ours. */
export type OutflowState = "seen" | "final" | "reorged" | "explained";

/** What left an address of ours in a transaction that is none of ours: of one asset, in one transaction; of the native asset
 *  with the fee. A row lives once, seen → final | reorged, and either may be explained. */
export type Outflow = {
  readonly id: Uuid;
  readonly chain: number;
  readonly tx: string;
  readonly wallet: string;
  readonly index: number;
  readonly address: string;
  readonly unit: string;
  readonly asset: string;
  readonly amount: bigint;
  /** What of it the position of the wallet's owner paid; null until it is booked. */
  readonly covered: bigint | null;
  readonly state: OutflowState;
  readonly block: number;
  readonly blockHash: string;
  readonly finalAt: number;
  readonly seenAt: Date;
};

export type TransactionState = "signed" | "seen" | "included" | "final" | "failed" | "dropped" | "reorged" | "replaced";

/** One version of one of our transactions. `fee`: what was really paid; `moved`: what really left. Both null until it is
 *  included. */
export type ChainTransaction = SignedTransaction & {
  readonly execution: Uuid;
  readonly unit: string;
  readonly asset: string;
  readonly state: TransactionState;
  readonly block: number | null;
  readonly blockHash: string | null;
  readonly succeeded: boolean | null;
  readonly fee: bigint | null;
  readonly moved: bigint | null;
  /** What took its nonce; null when that is not known. */
  readonly replacedBy: string | null;
  readonly sends: number;
  readonly reason: string;
  readonly finalAt: number | null;
  readonly createdAt: Date;
  readonly stuckAt: Date | null;
};

/** `lease`: of whoever follows the chain, in whose name it is tracked. */
export type Taking = { readonly chain: number; readonly id: string; readonly by: string; readonly lease: Lease };
type Told<T> = (tx: Tx, it: T) => Promise<void>;
/** Who hears of what a block brought, each inside that block's transaction, which may run again: writes to the database only.
 *  `depositOdd`: one that is recorded and not booked; `depositOddReorged`: its block is gone. `transactionFinal` is told of
 *  failed ones too. */
export type Observers = {
  /** Asked before anything of a block is written: transaction `by` has the place of `id`. Whether it is one of ours that was
   *  not tracked, and is from now on; then the block is read again. */
  readonly slotTaken: (it: Taking) => Promise<boolean>;
  readonly depositSeen: Told<Deposit>;
  readonly depositFinal: Told<Deposit>;
  readonly depositReorged: Told<Deposit>;
  readonly depositOdd: Told<Deposit>;
  readonly depositOddReorged: Told<Deposit>;
  readonly transactionIncluded: Told<ChainTransaction>;
  readonly transactionFinal: Told<ChainTransaction>;
  readonly transactionReorged: Told<ChainTransaction>;
  readonly transactionReplaced: Told<ChainTransaction>;
  readonly transactionStuck: Told<ChainTransaction>;
  readonly outflowSeen: Told<Outflow>;
  readonly outflowFinal: Told<Outflow>;
  readonly outflowReorged: Told<Outflow>;
  /** The last that is told of a block, or of its undoing: what was gathered is to be written now. */
  readonly blockEnded: (tx: Tx) => Promise<void>;
};
