/** From a request with its approvals to a mined transaction. Every step may be taken again: the vault returns its one
 *  execution, the node knows the transaction, and the wait is a wait. */
import { setTimeout as sleep } from "node:timers/promises";
import { keccak_256 } from "@noble/hashes/sha3.js";
import { concat, type Hash } from "@strongroom/core/bytes";
import { listOf, type Node as RlpNode, decode as rlp } from "@strongroom/core/chain/evm/decode";
import { encode, type Item } from "@strongroom/core/chain/evm/encode";
import { evm } from "@strongroom/core/chain/evm/evm";
import type { Effect } from "@strongroom/core/chain/types";
import { attempt } from "@strongroom/core/errors";
import { DelayBody, type EvmContext, ExecutionBody } from "@strongroom/core/protocol/command";
import type { Intent, IntentOf } from "@strongroom/core/signed/intent";
import { decode } from "@strongroom/core/signed/object";
import { findAsset } from "@strongroom/core/text/render";
import { broadcast, type Call, estimateGas, type Fees, type Mined, type Node, quoteFees, waitMined } from "../chain/evm.ts";
import { keepExecution, type Request } from "../device/requests.ts";
import { fault } from "../faults.ts";
import { duration } from "../screen.ts";
import { attestedAddress } from "./address.ts";
import { prefixed } from "./intents.ts";
import { type Session, VaultRefused } from "./session.ts";

type Payment = Pick<IntentOf<"pay">, "chain" | "wallet" | "destination" | "asset" | "amount">;

/** What a payment would cost at most, with these fees. */
export type Quote = { readonly fees: Fees; readonly gasLimit: number; readonly most: bigint; readonly from: string };

/** Asks the node for fees and gas of a payment. Fails: as `attestedAddress`, CHAIN_UNREACHABLE, CHAIN_ERROR. */
export async function quotePayment(session: Session, node: Node, payment: Payment, index: number): Promise<Quote> {
  const { address: from } = await attestedAddress(session, payment.wallet, index);
  const fees = await quoteFees(node);
  const gasLimit = await estimateGas(node, callOf(session, payment, from));
  return { fees, gasLimit, most: BigInt(gasLimit) * fees.maxFeePerGas, from };
}

/** The call of a payment, for the node's estimate only.   Source: EIP-20, transfer(address,uint256). */
function callOf(session: Session, payment: Payment, from: string): Call {
  const asset = findAsset(session.book(), payment as IntentOf<"pay">);
  const to = payment.destination.address;
  if (asset.contract === undefined) return { from, to, value: payment.amount, data: "0x" };
  const words = [to.slice(2).toLowerCase(), payment.amount.toString(16)].map((word) => word.padStart(64, "0"));
  return { from, to: asset.contract, value: 0n, data: `0xa9059cbb${words.join("")}` };
}

/** Fees that stay within the total fee of the intent. */
export function contextOf(quote: Quote, totalFee: bigint, index: number): EvmContext {
  const affordable = totalFee / BigInt(quote.gasLimit);
  const maxFeePerGas = quote.fees.maxFeePerGas < affordable ? quote.fees.maxFeePerGas : affordable;
  const tip = quote.fees.maxPriorityFeePerGas;
  return { index, gasLimit: quote.gasLimit, maxFeePerGas, maxPriorityFeePerGas: tip < maxFeePerGas ? tip : maxFeePerGas };
}

/** Starts the delay of an intent; gives its begin by the vault's time, and again the same. Fails: `VaultRefused`. */
export async function register(session: Session, request: Request): Promise<number> {
  const approvals = request.approvals.map(({ bytes }) => bytes);
  const body = await session.demand({ command: "register", intent: request.bytes, approvals });
  const delay = attempt(() => decode(DelayBody, body));
  const fits = delay.ok && delay.value.subject === request.id;
  return fits ? delay.value.since : fault("RECEIPT_FORGED", "delay", "it is not about what was registered");
}

/** Waits until the vault's own lower bound of the time has reached `until`. */
export async function waitUntil(session: Session, until: number, say: (line: string) => void): Promise<void> {
  for (;;) {
    const { at } = await session.ask({ command: "head" });
    if (at >= until) return;
    const left = until - at;
    if (left > 2_000) say(`a delay of the rulebook runs for another ${duration(left)}`);
    await sleep(Math.min(left + 20, 5_000));
  }
}

/** When a delay is over, from the refusal DELAY_RUNNING; null for any other. */
export function endOfDelay(error: unknown): number | null {
  if (!(error instanceof VaultRefused) || error.receipt.code !== "DELAY_RUNNING") return null;
  return Number(/ends at (\d{1,15})/.exec(error.receipt.detail)?.[1] ?? error.receipt.at);
}

/** Has the vault carry out an intent. Fails: `VaultRefused`. */
export async function execute(
  session: Session,
  request: Request,
  { context, facts = [] }: { context?: EvmContext; facts?: readonly Uint8Array[] },
): Promise<Uint8Array> {
  const order = context === undefined ? { intent: request.bytes } : { intent: request.bytes, context };
  const approvals = request.approvals.map(({ bytes }) => bytes);
  return session.demand({ command: "execute", orders: [order], approvals, facts });
}

/** Has the vault sign a payment or cancellation, and keeps what it returns. Fails: `VaultRefused`, EXECUTION_WRONG. */
export async function executeOnChain(session: Session, request: Request, node: Node, index: number): Promise<Request> {
  const context = await contextFor(session, request, node, index);
  const body = await execute(session, request, { context });
  transactionOf(session, body, request);
  return keepExecution(request, body);
}

async function contextFor(session: Session, request: Request, node: Node, index: number): Promise<EvmContext> {
  const { intent } = request;
  if (intent.kind !== "pay") fault("USAGE", "request", `a ${intent.kind} is no payment`);
  const known = await executionOf(session, request.id);
  // The vault returns its one execution whatever context comes with it; the node may refuse to estimate a second time.
  if (known) return { index, gasLimit: 21_000, maxFeePerGas: 0n, maxPriorityFeePerGas: 0n };
  return contextOf(await quotePayment(session, node, intent, index), intent.totalFee, index);
}

/** Whether the vault has an execution of this intent. */
async function executionOf(session: Session, intent: Hash): Promise<boolean> {
  const receipt = await session.ask({ command: "show", what: "execution", name: intent });
  if (receipt.code !== "OK" && !receipt.code.endsWith("_UNKNOWN")) throw new VaultRefused(receipt);
  return receipt.code === "OK";
}

/** The signed transaction of an intent, when it does what the intent says and nothing else: read back here by core's reader,
 *  which shares no code with the vault's builder. Fails: EXECUTION_WRONG. */
export function transactionOf(session: Session, body: Uint8Array, request: Pick<Request, "id" | "intent">): Transaction {
  const opened = attempt(() => {
    const found = decode(ExecutionBody, body).transactions.find((item) => item.intent === request.id);
    return found === undefined ? undefined : { found, effect: evm.read(unsignedOf(found.raw)) };
  });
  if (!opened.ok) fault("EXECUTION_WRONG", opened.field, `it cannot be read: ${opened.code}`);
  if (opened.value === undefined) fault("EXECUTION_WRONG", "execution.intent", "it is about another intent");
  const { found, effect } = opened.value;
  if (found.id !== prefixed(keccak_256(found.raw)))
    fault("EXECUTION_WRONG", "execution.id", "it is not the transaction's hash");
  if (!fits(session, request.intent, { effect, from: found.from }))
    fault("EXECUTION_WRONG", "execution.raw", "it does something else");
  return found;
}

type Transaction = ExecutionBody["transactions"][number];

function fits(session: Session, intent: Intent, { effect, from }: { effect: Effect; from: string }): boolean {
  if (intent.kind !== "pay" && intent.kind !== "cancel") return false;
  const [transfer, ...others] = effect.transfers;
  const frame = effect.chainId === intent.chain && effect.other === null && effect.feeMax <= intent.totalFee;
  if (!frame || transfer === undefined || others.length > 0) return false;
  if (intent.kind === "cancel") return transfer.asset === "native" && transfer.to === from && transfer.amount === 0n;
  const asset = findAsset(session.book(), intent).contract ?? "native";
  return transfer.asset === asset && transfer.to === intent.destination.address && transfer.amount === intent.amount;
}

const UNSIGNED_FIELDS = 9;

/** What was signed, from a signed transaction: its first nine fields.   Source: EIP-1559, "Specification". */
function unsignedOf(raw: Uint8Array): Uint8Array {
  const fields = listOf(rlp(raw.subarray(1)), "transaction").slice(0, UNSIGNED_FIELDS);
  return concat(raw.subarray(0, 1), encode(fields.map(item)));
}

function item(node: RlpNode): Item {
  return "bytes" in node ? node.bytes : node.list.map(item);
}

/** Hands the signed transaction of a request to the node and gives its id. Fails: REQUEST_MISSING, CHAIN_UNREACHABLE. */
export async function sendSigned(request: Request, node: Node): Promise<string> {
  const transaction = request.execution?.transactions.find((item) => item.intent === request.id);
  if (transaction === undefined) fault("REQUEST_MISSING", request.id, "the vault has not signed it yet");
  await broadcast(node, transaction.raw, transaction.id);
  return transaction.id;
}

/** Broadcasts the signed transaction of a request and waits for it. Fails: as `sendSigned`, NOT_MINED, TRANSACTION_FAILED. */
export async function bringToChain(
  request: Request,
  node: Node,
  waiting: (ms: number) => void,
): Promise<Mined & { id: string }> {
  const id = await sendSigned(request, node);
  const mined = await waitMined(node, id, waiting);
  if (!mined.succeeded) fault("TRANSACTION_FAILED", id, `in block ${mined.block}`);
  return { ...mined, id };
}
