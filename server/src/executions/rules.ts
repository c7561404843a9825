/** What an execution is made of, and what the vault's signed answer must say of it. Pure. */
import type { Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { ExecutionBody } from "@strongroom/core/protocol/command";
import type { Book } from "@strongroom/core/rulebook/book";
import type { Intent, IntentOf } from "@strongroom/core/signed/intent";
import { decode } from "@strongroom/core/signed/object";
import { Receipt } from "@strongroom/core/signed/receipt";
import { openSigned } from "../vault/signed.ts";

export type OnChain = IntentOf<"pay"> | IntentOf<"cancel">;

export function isOnChain(intent: Intent): intent is OnChain {
  return intent.kind === "pay" || intent.kind === "cancel";
}

/** What a transaction moves: a cancellation moves nothing of the native asset. `contract`: the token's, if it is one. */
export type Movement = {
  readonly chain: number;
  readonly native: string;
  readonly asset: string;
  readonly contract: string | undefined;
  readonly wallet: string;
  readonly amount: bigint;
  readonly totalFee: bigint;
};

/** The movement of an intent, or null when the rulebook does not know its chain or asset. */
export function movementOf(intent: OnChain, book: Pick<Book, "chains" | "assets">): Movement | null {
  const chain = book.chains.get(intent.chain);
  if (chain === undefined) return null;
  const asset = book.assets.get(intent.kind === "pay" ? intent.asset : chain.native);
  if (asset === undefined || asset.chain !== intent.chain) return null;
  const { wallet, totalFee } = intent;
  const amount = intent.kind === "pay" ? intent.amount : 0n;
  return { chain: chain.id, native: chain.native, asset: asset.id, contract: asset.contract, wallet, amount, totalFee };
}

export type SignedTransaction = ExecutionBody["transactions"][number];

/** What the vault answered to `execute` or `show execution`: how far it is, and the transaction of this intent, if it is out. */
export type Progress = { readonly state: string; readonly transaction: SignedTransaction | null };

/** Reads the body of an execution's receipt, or null when it is none. */
export function progressOf(body: Uint8Array, intent: string): Progress | null {
  const read = attempt(() => decode(ExecutionBody, body));
  if (!read.ok) return null;
  const transaction = read.value.transactions.find((item) => item.intent === intent) ?? null;
  return { state: read.value.state, transaction };
}

/** Whether a stored execution's receipt is the vault's and is about its request; one without a receipt has nothing to show yet. */
export function isReceiptWhole(
  row: { readonly request: string; readonly receipt: Uint8Array | null },
  { vaultKey, deployment }: { readonly vaultKey: Uint8Array; readonly deployment: Hash },
): boolean {
  if (row.receipt === null) return true;
  const receipt = openSigned(Receipt, row.receipt, vaultKey);
  if (receipt === null || receipt.deployment !== deployment || receipt.code !== "OK") return false;
  return progressOf(receipt.body, row.request)?.transaction != null;
}
