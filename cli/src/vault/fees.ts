/** What a transaction may cost: the node's figures, what was approved, and what outbids an earlier version of it.
 *
 *  The vault judges all of this again. Here it keeps people from signing what could never be carried out. */

import { type Hash, toHex } from "@strongroom/core/bytes";
import { listOf, decode as rlp, uintOf } from "@strongroom/core/chain/evm/decode";
import { evm } from "@strongroom/core/chain/evm/evm";
import { attempt, demand } from "@strongroom/core/errors";
import { formatAmount } from "@strongroom/core/money/amount";
import { type EvmContext, ExecutionBody } from "@strongroom/core/protocol/command";
import type { Intent, IntentOf } from "@strongroom/core/signed/intent";
import { decode } from "@strongroom/core/signed/object";
import { findAsset, findChain } from "@strongroom/core/text/render";
import { VaultRefused } from "@strongroom/sdk/vault/session";
import { attestedAddress } from "@strongroom/sdk/vault/show";
import { balanceOf, type Call, estimateGas, type Fees, type Node, quoteFees, tokenBalanceOf } from "../chain/evm.ts";
import type { Request } from "../device/requests.ts";
import { fault } from "../faults.ts";
import type { Session } from "./session.ts";
import { versionsHere } from "./versions.ts";

/** What fees and gas depend on. */
export type Payment = Pick<IntentOf<"pay">, "kind" | "chain" | "wallet" | "destination" | "asset" | "amount">;
export type Cancellation = Pick<IntentOf<"cancel">, "kind" | "chain" | "wallet">;
export type Calling = Pick<IntentOf<"call">, "kind" | "chain" | "wallet" | "destination" | "method" | "arguments" | "amount">;
/** What takes a transaction, but for its fee. */
export type Transacting = Payment | Cancellation | Calling;

/** Whether an intent is carried out by a transaction. */
export function isOnChain(intent: Intent): intent is IntentOf<"pay" | "cancel" | "call"> {
  return intent.kind === "pay" || intent.kind === "cancel" || intent.kind === "call";
}

/** What is sent to a contract that is called, as hex. */
export function calldataOf({ method, arguments: given }: Pick<Calling, "method" | "arguments">): string {
  return `0x${evm.selector(method)}${toHex(given)}`;
}

/** What a transaction would cost at most, with these fees. `least`: the lowest fees that outbid what it replaces. `base`: what
 *  the next block takes per gas. */
export type Quote = {
  readonly fees: Fees;
  readonly gasLimit: number;
  readonly most: bigint;
  readonly from: string;
  readonly least: Fees;
  readonly base: bigint;
};

/** No fees at all. */
export const NOTHING: Fees = { maxFeePerGas: 0n, maxPriorityFeePerGas: 0n };
const PLAIN_GAS = 21_000n;

/** Asks the node for fees and gas, and raises the fees over `offers`, which earlier versions made.
 *  Fails: as `attestedAddress`, CHAIN_UNREACHABLE, CHAIN_ERROR. */
export async function quote(
  session: Session,
  node: Node,
  what: Transacting,
  { index, offers = NOTHING }: { index: number; offers?: Fees },
): Promise<Quote> {
  const { address: from } = await attestedAddress(session, what.wallet, index);
  const least = outbid(offers);
  const { base, ...today } = await quoteFees(node);
  const fees = dearest([today, least]);
  const gasLimit = await estimateGas(node, callOf(session, what, from));
  return { fees, gasLimit, most: BigInt(gasLimit) * fees.maxFeePerGas, from, least, base };
}

/** The transaction, for the node's estimate only.   Source: EIP-20, transfer(address,uint256). */
function callOf(session: Session, what: Transacting, from: string): Call {
  if (what.kind === "cancel") return { from, to: from, value: 0n, data: "0x" };
  const to = what.destination.address;
  if (what.kind === "call") return { from, to, value: what.amount, data: calldataOf(what) };
  const asset = findAsset(session.book(), what as IntentOf<"pay">);
  if (asset.contract === undefined) return { from, to, value: what.amount, data: "0x" };
  const words = [to.slice(2).toLowerCase(), what.amount.toString(16)].map((word) => word.padStart(64, "0"));
  return { from, to: asset.contract, value: 0n, data: `0xa9059cbb${words.join("")}` };
}

/** Fees that stay within the total fee of the intent. Fails: FEES_RISEN when no block would take these, FEE_TOO_LOW when they
 *  would not outbid what is replaced. */
export function contextOf({ fees, gasLimit, least, base }: Quote, totalFee: bigint, index: number): EvmContext {
  const affordable = totalFee / BigInt(gasLimit);
  const maxFeePerGas = fees.maxFeePerGas < affordable ? fees.maxFeePerGas : affordable;
  if (maxFeePerGas < base) fault("FEES_RISEN", "fee", `it pays ${maxFeePerGas} wei per gas, and the next block takes ${base}`);
  const words = `it pays ${maxFeePerGas} wei per gas, and to replace what was sent takes ${least.maxFeePerGas}`;
  demand(maxFeePerGas >= least.maxFeePerGas, "FEE_TOO_LOW", "intent.totalFee", words);
  const tip = fees.maxPriorityFeePerGas;
  return { index, gasLimit, maxFeePerGas, maxPriorityFeePerGas: tip < maxFeePerGas ? tip : maxFeePerGas };
}

/** Chain context for carrying out a payment, call or cancellation.
 *  Fails: as `quote`, `offersOf`, `contextOf`. */
export async function contextFor(session: Session, request: Request, node: Node): Promise<EvmContext> {
  const { id, intent, index } = request;
  if (!isOnChain(intent)) fault("USAGE", "request", `a ${intent.kind} is no payment`);
  // The vault returns its one execution whatever context comes with it; the node may refuse to estimate a second time.
  if ((await executionOf(session, id)) !== null) return { index, gasLimit: 21_000, ...NOTHING };
  const { replaces } = intent;
  const offers = replaces === undefined ? NOTHING : await offersOf(session, versionsHere(session, node), replaces);
  const { address } = await attestedAddress(session, intent.wallet, index);
  await demandFunds(session, node, intent, { from: address, feeMax: 0n });
  const quoted = await quote(session, node, intent, { index, offers });
  const context = contextOf(quoted, intent.totalFee, index);
  await demandFunds(session, node, intent, { from: address, feeMax: BigInt(context.gasLimit) * context.maxFeePerGas });
  return context;
}

/** Refuses what the node says the paying address cannot pay: once signed, it would be a cheque that somebody may present later.
 *  Fails: FUNDS_SHORT, CHAIN_UNREACHABLE, CHAIN_ERROR. */
export async function demandFunds(
  session: Session,
  node: Node,
  what: Transacting,
  { from, feeMax }: { from: string; feeMax: bigint },
): Promise<void> {
  const { native } = findChain(session.book(), what.chain);
  const asset = what.kind === "pay" ? findAsset(session.book(), what as IntentOf<"pay">) : undefined;
  const paid = what.kind === "cancel" ? 0n : what.amount;
  const inNative = asset === undefined || asset.id === native ? paid + feeMax : feeMax;
  const short = (id: string, held: bigint, needed: bigint) => {
    const words = (units: bigint) => `${formatAmount(units, session.book().assets.get(id)?.decimals ?? 0)} ${id}`;
    if (held < needed) fault("FUNDS_SHORT", from, `it holds ${words(held)}, and this takes ${words(needed)}`);
  };
  if (inNative > 0n) short(native, await balanceOf(node, from), inNative);
  if (asset?.contract !== undefined) short(asset.id, await tokenBalanceOf(node, asset.contract, from), paid);
}

/** The vault's execution of an intent, or null. Fails: `VaultRefused`, RECEIPT_FORGED. */
async function executionOf(session: Session, intent: Hash): Promise<ExecutionBody | null> {
  const receipt = await session.ask({ command: "show", what: "execution", name: intent });
  if (receipt.code.endsWith("_UNKNOWN")) return null;
  if (receipt.code !== "OK") throw new VaultRefused(receipt);
  const body = attempt(() => decode(ExecutionBody, receipt.body));
  return body.ok ? body.value : fault("RECEIPT_FORGED", "execution", "it cannot be read");
}

/** What is known of the versions of one transaction besides what the vault has signed for one intent. */
export type Versions = {
  /** The version that the vault has signed for an intent, and those that hold the same place, with the block of the one that is
   *  mined. */
  all(intent: Hash, own: ExecutionBody["transactions"][number]): Promise<readonly Offer[]>;
  /** An intent by its id, or null. */
  intent(id: Hash): Promise<Intent | null>;
};
export type Offer = { readonly id: string; readonly raw: Uint8Array; readonly block: number | null };

/** The highest that versions of an intent's transaction have offered so far, each rate by itself: the vault's own version, and
 *  those that are known here. Fails: NOT_REPLACEABLE when there is none that could still be replaced. */
export async function offersOf(session: Session, versions: Versions, intent: Hash): Promise<Fees> {
  const execution = await executionOf(session, intent);
  const none = (detail: string) => fault("NOT_REPLACEABLE", intent, detail);
  if (execution === null) return none("the vault has not signed it");
  if (execution.state === "settled") return none("its transaction is final");
  if (execution.state === "replaced") return none("another version of it is final");
  if (execution.state === "committed") return none("the vault is signing it; send it first");
  const own = execution.transactions.find((item) => item.intent === intent);
  if (own === undefined) return withheldOffer(await versions.intent(intent));
  const offers = await versions.all(intent, own);
  const mined = offers.find(({ block }) => block !== null);
  if (mined !== undefined) none(`transaction ${mined.id} is mined in block ${mined.block}`);
  return dearest([own, ...offers].map(({ raw }) => feesOf(raw)));
}

/** What a transaction can have offered at most whose signature the vault withholds: all of its fee for the least gas. */
function withheldOffer(intent: Intent | null): Fees {
  const totalFee = intent !== null && isOnChain(intent) ? intent.totalFee : 0n;
  return { maxFeePerGas: totalFee / PLAIN_GAS, maxPriorityFeePerGas: totalFee / PLAIN_GAS };
}

const RATE_LIMIT = 2n ** 128n;

/** The fees that a signed transaction offers, read back from its bytes. Fails: EXECUTION_WRONG.
 *  Source: EIP-1559, "Specification": the third and fourth field. */
export function feesOf(raw: Uint8Array): Fees {
  const fees = attempt(() => {
    const [, , tip, most] = listOf(rlp(raw.subarray(1)), "transaction");
    return { maxFeePerGas: uintOf(most, "maxFeePerGas", RATE_LIMIT), maxPriorityFeePerGas: uintOf(tip, "tip", RATE_LIMIT) };
  });
  return fees.ok ? fees.value : fault("EXECUTION_WRONG", fees.field, `it cannot be read: ${fees.code}`);
}

/** The least fees that take the place of `offers`: each an eighth more, rounded up.   Source: docs/spec/evm.md. */
export function outbid({ maxFeePerGas, maxPriorityFeePerGas }: Fees): Fees {
  const raised = (rate: bigint) => (rate * 9n + 7n) / 8n;
  return { maxFeePerGas: raised(maxFeePerGas), maxPriorityFeePerGas: raised(maxPriorityFeePerGas) };
}

/** Each rate at its highest. */
export function dearest(all: readonly Fees[]): Fees {
  const most = (rate: (fees: Fees) => bigint) => all.map(rate).reduce((a, b) => (a > b ? a : b), 0n);
  return { maxFeePerGas: most((fees) => fees.maxFeePerGas), maxPriorityFeePerGas: most((fees) => fees.maxPriorityFeePerGas) };
}
