/** What a transfer or a call would cost. No truth to be had from nodes: each is asked, the median counts, and a maximum bounds
 *  it. */
import { fromHex, toHex } from "@strongroom/core/bytes";
import { GAS_LIMIT_MAX, intrinsicGas } from "@strongroom/core/chain/evm/build";
import { limits } from "../../host/limits.ts";
import { problem } from "../../http/call.ts";
import type { Asked, Quote } from "../types.ts";
import type { Nodes } from "./nodes.ts";
import { NodeFault, type Rpc } from "./rpc.ts";
import { quantity, readTips } from "./wire.ts";

const PLAIN_GAS = 21_000n; // Yellow Paper, appendix G, G_transaction
/** What a token's transfer, or a call, takes where nodes refuse to say, because the money or the tokens are not there yet. */
const CALL_GAS = 100_000n;
const MARGIN = { numerator: 5n, denominator: 4n };
/** Raised by an eighth five times a fee is not yet twice as high. */
const ROOM_FOR_REPLACEMENTS = 2n;

export async function quote(nodes: Nodes, baseFee: bigint, asked: Asked): Promise<Quote> {
  const [gasLimit, tip] = await Promise.all([gasOf(nodes, asked), tipOf(nodes)]);
  const { maxFeePerGas, maxPriorityFeePerGas } = feesFor(baseFee, tip);
  const fee = BigInt(gasLimit) * maxFeePerGas;
  return { gasLimit, maxFeePerGas, maxPriorityFeePerGas, fee, totalFee: fee * ROOM_FOR_REPLACEMENTS };
}

/** Twice the base fee lasts five full blocks.   Source: EIP-1559, it rises by at most an eighth a block. */
export function feesFor(baseFee: bigint, tip: bigint): { maxFeePerGas: bigint; maxPriorityFeePerGas: bigint } {
  const most = least(baseFee * 2n + tip, limits.gasPriceMax);
  return { maxFeePerGas: most, maxPriorityFeePerGas: least(tip, most) };
}

/** Gas of a plain transfer as estimated, of a token or a call a quarter more, and never below what the bytes cost alone. */
async function gasOf(nodes: Nodes, asked: Asked): Promise<number> {
  const { from, amount, contract } = asked;
  const data = contract ? transferData(asked.to, amount) : (asked.data ?? new Uint8Array());
  const [to, value] = contract ? [contract, 0n] : [asked.to, amount];
  const call = { from, to, value: `0x${value.toString(16)}`, data: `0x${toHex(data)}` };
  const answers = await nodes.each(async (rpc) => quantity(await rpc.call("eth_estimateGas", call), "eth_estimateGas"));
  const usual = data.length > 0 ? CALL_GAS : PLAIN_GAS;
  const estimate = medianOf(answers) ?? (answers.some(isRefusal) ? usual : unreachable(nodes));
  const generous = estimate <= PLAIN_GAS ? estimate : (estimate * MARGIN.numerator) / MARGIN.denominator;
  return Number(least(generous < BigInt(intrinsicGas(data)) ? BigInt(intrinsicGas(data)) : generous, BigInt(GAS_LIMIT_MAX)));
}

async function tipOf(nodes: Nodes): Promise<bigint> {
  const answers = await nodes.each(tipAt);
  return least(medianOf(answers) ?? unreachable(nodes), limits.gasTipMax);
}

/** The median tip of the last blocks that had any, else what the node suggests. */
async function tipAt(rpc: Rpc): Promise<bigint> {
  const tips = readTips(await rpc.call("eth_feeHistory", "0x5", "latest", [50])).filter((tip) => tip > 0n);
  return medianOf(tips) ?? quantity(await rpc.call("eth_maxPriorityFeePerGas"), "eth_maxPriorityFeePerGas");
}

/** Calldata of `transfer(address,uint256)`.   Source: EIP-20. */
function transferData(to: string, amount: bigint): Uint8Array {
  const words = [to.slice(2).toLowerCase(), amount.toString(16)].map((digits) => digits.padStart(64, "0"));
  return fromHex(`a9059cbb${words.join("")}`);
}

/** The lower one of the two in the middle. */
export function medianOf(answers: readonly (bigint | NodeFault)[]): bigint | undefined {
  const values = answers.filter((answer) => typeof answer === "bigint").sort((a, b) => (a < b ? -1 : 1));
  return values[Math.floor((values.length - 1) / 2)];
}

function isRefusal(answer: unknown): boolean {
  return answer instanceof NodeFault && answer.kind === "refused";
}

function unreachable(nodes: Nodes): never {
  return problem("CHAIN_UNREACHABLE", "chain", nodes.trouble() || "No node says what a transaction costs.");
}

const least = (a: bigint, b: bigint) => (a < b ? a : b);
