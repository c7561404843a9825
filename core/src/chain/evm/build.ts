/** Unsigned EIP-1559 transactions: a transfer of the native asset or of an ERC-20 token, or one call of a contract's method.
 *
 *  Everything that `context` says is untrusted: it can make a payment dear up to the named limits or let it fail, never
 *  change whom it pays or what it calls. Shares no code with the reader. */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { ascii, concat } from "../../bytes.ts";
import { demand } from "../../errors.ts";
import type { Order } from "../types.ts";
import { addressBytes } from "./address.ts";
import { encode, integer } from "./encode.ts";

/** Fees in wei per gas. Untrusted. */
export type EvmContext = {
  readonly gasLimit: number;
  readonly maxFeePerGas: bigint;
  readonly maxPriorityFeePerGas: bigint;
};

/** Most gas that one transaction may use.   Source: EIP-7825, 2^24. */
export const GAS_LIMIT_MAX = 16_777_216;
/** Fees per gas stay below this many wei. */
export const FEE_LIMIT = 2n ** 128n;

const AMOUNT_LIMIT = 2n ** 256n;
const GAS_TRANSACTION = 21_000; // Yellow Paper, appendix G, G_transaction
const GAS_PER_TOKEN = 10; // EIP-7623, TOTAL_COST_FLOOR_PER_TOKEN; always above the 4 that EIP-2028 comes to
const TOKENS_PER_NONZERO = 4; // EIP-7623, tokens_in_calldata
const TRANSFER_SELECTOR = Uint8Array.of(0xa9, 0x05, 0x9c, 0xbb); // transfer(address,uint256), EIP-20

/** `0x02 ‖ rlp([chainId, nonce, maxPriorityFee, maxFee, gasLimit, to, value, data, []])`, the bytes whose keccak is signed.
 *  Fails: ADDRESS_INVALID, BAD_VALUE for the amount, CONTEXT_INVALID, GAS_TOO_LOW.
 *  Source: EIP-1559, "Specification"; EIP-2681 and EIP-2294 bound nonce and chain id above 2^53−1. */
export function build(order: Order, context: EvmContext): Uint8Array {
  const { chainId, nonce } = order;
  const { gasLimit, maxFeePerGas, maxPriorityFeePerGas } = context;
  const { to, value, data } = message(order);
  demand(Number.isSafeInteger(chainId) && chainId > 0, "CONTEXT_INVALID", "chainId", "1 to 2^53-1 is expected");
  demand(Number.isSafeInteger(nonce) && nonce >= 0, "CONTEXT_INVALID", "nonce", "0 to 2^53-1 is expected");
  demand(maxFeePerGas >= 0n && maxFeePerGas < FEE_LIMIT, "CONTEXT_INVALID", "maxFeePerGas", "it lies outside its range");
  demand(
    maxPriorityFeePerGas >= 0n && maxPriorityFeePerGas <= maxFeePerGas,
    "CONTEXT_INVALID",
    "maxPriorityFeePerGas",
    "it must lie between zero and maxFeePerGas",
  );
  demand(
    Number.isSafeInteger(gasLimit) && gasLimit <= GAS_LIMIT_MAX,
    "CONTEXT_INVALID",
    "gasLimit",
    `a whole number up to ${GAS_LIMIT_MAX} is expected`,
  );
  demand(gasLimit >= intrinsicGas(data), "GAS_TOO_LOW", "gasLimit", `at least ${intrinsicGas(data)} is needed`);
  const numbers = [chainId, nonce, maxPriorityFeePerGas, maxFeePerGas, gasLimit].map(integer);
  return concat(Uint8Array.of(2), encode([...numbers, to, integer(value), data, []]));
}

/** The context of the dearest transaction that costs at most `fee`: the least gas, and all of the fee offered for it, so that
 *  no other context within the fee offers more. Fails: ADDRESS_INVALID, BAD_VALUE for the amount. */
export function dearest(order: Omit<Order, "chainId" | "nonce">, fee: bigint): EvmContext {
  const gasLimit = intrinsicGas(message(order).data);
  const rate = fee / BigInt(gasLimit);
  const offered = rate < FEE_LIMIT ? rate : FEE_LIMIT - 1n;
  return { gasLimit, maxFeePerGas: offered, maxPriorityFeePerGas: offered };
}

/** Gas that a call with `data` costs before anything runs: the floor of EIP-7623, which contains that of EIP-2028. */
export function intrinsicGas(data: Uint8Array): number {
  let tokens = 0;
  for (const byte of data) tokens += byte === 0 ? 1 : TOKENS_PER_NONZERO;
  return GAS_TRANSACTION + tokens * GAS_PER_TOKEN;
}

function message({ transfer, call }: Omit<Order, "chainId" | "nonce">): { to: Uint8Array; value: bigint; data: Uint8Array } {
  const { amount } = transfer;
  demand(amount >= 0n && amount < AMOUNT_LIMIT, "BAD_VALUE", "transfer.amount", "0 to 2^256-1 is expected");
  const payee = addressBytes(transfer.to, "transfer.to");
  if (call !== undefined) {
    demand(transfer.asset === "native", "BAD_VALUE", "transfer.asset", "only native value goes along with a call");
    return { to: payee, value: amount, data: concat(selector(call.method), call.arguments) };
  }
  if (transfer.asset === "native") return { to: payee, value: amount, data: new Uint8Array() };
  const token = addressBytes(transfer.asset, "transfer.asset");
  return { to: token, value: 0n, data: concat(TRANSFER_SELECTOR, word(payee), word(integer(amount))) };
}

/** First four bytes of the signature's keccak-256.   Source: Solidity, "Contract ABI Specification", Function Selector. */
function selector(method: string): Uint8Array {
  return keccak_256(ascii(method)).subarray(0, 4);
}

function word(bytes: Uint8Array): Uint8Array {
  return concat(new Uint8Array(32 - bytes.length), bytes);
}
