/** What the command asks an EVM node: fees, gas, balances; and how a signed transaction gets onto the chain.
 *  Source: the Ethereum execution API (eth_*). */
import { setTimeout as sleep } from "node:timers/promises";
import { toHex } from "@strongroom/core/bytes";
import { intrinsicGas } from "@strongroom/core/chain/evm/build";
import { Fault, fault } from "../faults.ts";
import { limits } from "../limits.ts";
import { openRpc, type Rpc } from "./rpc.ts";

/** A node that serves the chain it should. */
export type Node = { readonly rpc: Rpc; readonly chainId: number; readonly url: string };

/** What to pay per gas, in wei. */
export type Fees = { readonly maxFeePerGas: bigint; readonly maxPriorityFeePerGas: bigint };

/** A mined transaction. */
export type Mined = { readonly id: string; readonly block: number; readonly succeeded: boolean; readonly gasUsed: bigint };

/** A call as eth_estimateGas takes it. `data` is hex with 0x. */
export type Call = { readonly from: string; readonly to: string; readonly value: bigint; readonly data: string };

const QUANTITY = /^0x(0|[1-9a-f][0-9a-f]{0,63})$/;
const GAS_MARGIN = { numerator: 5n, denominator: 4n };
const PLAIN_GAS = 21_000n;

/** Connects to the node. Fails: CHAIN_UNREACHABLE, CHAIN_WRONG. */
export async function openNode(url: string, chainId: number): Promise<Node> {
  const rpc = openRpc(url);
  const found = quantity(await rpc("eth_chainId"), "eth_chainId");
  if (found !== BigInt(chainId)) fault("CHAIN_WRONG", url, `it serves chain ${found}, not ${chainId}`);
  return { rpc, chainId, url };
}

/** Fees that the next blocks will take: twice the coming base fee, and the median of the last tips. `base`: that base fee,
 *  below which nothing is mined.
 *  Source: EIP-1559: the base fee rises by at most an eighth per block, so twice it lasts five full blocks. */
export async function quoteFees({ rpc }: Node): Promise<Fees & { readonly base: bigint }> {
  const history = asObject(await rpc("eth_feeHistory", "0x5", "latest", [50]), "eth_feeHistory");
  const bases = asList(history["baseFeePerGas"]).map((value) => quantity(value, "baseFeePerGas"));
  const tips = asList(history["reward"]).map((row) => quantity(asList(row)[0] ?? "0x0", "reward"));
  const sorted = tips.filter((tip) => tip > 0n).sort((a, b) => (a < b ? -1 : 1));
  const tip =
    sorted[Math.floor(sorted.length / 2)] ?? quantity(await rpc("eth_maxPriorityFeePerGas"), "eth_maxPriorityFeePerGas");
  const base = bases.at(-1) ?? quantity(await rpc("eth_gasPrice"), "eth_gasPrice");
  return { maxFeePerGas: base * 2n + tip, maxPriorityFeePerGas: tip, base };
}

/** Gas limit of a call: the node's estimate, a quarter more for contracts, and never below what the bytes cost alone. */
export async function estimateGas({ rpc }: Node, call: Call): Promise<number> {
  const value = `0x${call.value.toString(16)}`;
  const estimate = quantity(await rpc("eth_estimateGas", { ...call, value }), "eth_estimateGas");
  const generous = estimate <= PLAIN_GAS ? estimate : (estimate * GAS_MARGIN.numerator) / GAS_MARGIN.denominator;
  const least = intrinsicGas(Uint8Array.from(Buffer.from(call.data.slice(2), "hex")));
  return Math.max(Number(generous), least);
}

/** Balance of the native asset in wei. */
export async function balanceOf({ rpc }: Node, address: string): Promise<bigint> {
  return quantity(await rpc("eth_getBalance", address, "latest"), "eth_getBalance");
}

/** Balance of a token in base units.   Source: EIP-20, balanceOf(address). */
export async function tokenBalanceOf({ rpc }: Node, token: string, address: string): Promise<bigint> {
  const data = `0x70a08231${address.slice(2).toLowerCase().padStart(64, "0")}`;
  const result = await rpc("eth_call", { to: token, data }, "latest");
  return BigInt(
    typeof result === "string" && /^0x[0-9a-f]{64}$/.test(result) ? result : fault("CHAIN_ERROR", "balanceOf", "no number"),
  );
}

/** Hands a signed transaction to the node; one that it knows or has mined is as good. Fails: CHAIN_ERROR, CHAIN_UNREACHABLE. */
export async function broadcast(node: Node, raw: Uint8Array, id: string): Promise<void> {
  try {
    await node.rpc("eth_sendRawTransaction", `0x${toHex(raw)}`);
  } catch (error) {
    const known = error instanceof Fault && error.code === "CHAIN_ERROR" && (await isKnown(node, id));
    if (!known) throw error;
  }
}

/** Whether the node has a transaction, waiting or mined. */
export async function isKnown({ rpc }: Node, id: string): Promise<boolean> {
  return (await rpc("eth_getTransactionByHash", id)) !== null;
}

/** How the transaction was mined, or null. */
export async function minedOf({ rpc }: Node, id: string): Promise<Mined | null> {
  const found = await rpc("eth_getTransactionReceipt", id);
  if (found === null) return null;
  const receipt = asObject(found, "eth_getTransactionReceipt");
  return {
    id,
    block: Number(quantity(receipt["blockNumber"], "blockNumber")),
    succeeded: quantity(receipt["status"], "status") === 1n,
    gasUsed: quantity(receipt["gasUsed"], "gasUsed"),
  };
}

/** How long to wait, and who hears of it. */
export type Patience = { readonly waiting?: (ms: number) => void; readonly withinMs?: number };

/** Waits until one of these transactions, of which only one can be, is mined. Fails: NOT_MINED. */
export async function waitMined(
  node: Node,
  ids: readonly string[],
  { waiting = () => undefined, withinMs = limits.minedMs }: Patience = {},
): Promise<Mined> {
  const since = performance.now();
  for (let pause: number = limits.pollFirstMs; ; pause = Math.min(pause * 2, limits.pollMostMs)) {
    for (const id of ids) {
      const mined = await minedOf(node, id);
      if (mined !== null) return mined;
    }
    const elapsed = performance.now() - since;
    if (elapsed > withinMs) fault("NOT_MINED", ids[0] ?? "", `${Math.round(elapsed / 1000)} s have passed`);
    waiting(elapsed);
    await sleep(pause);
  }
}

/** A number as the API writes it. Fails: CHAIN_ERROR. */
export function quantity(value: unknown, at: string): bigint {
  const fits = typeof value === "string" && QUANTITY.test(value);
  return fits ? BigInt(value) : fault("CHAIN_ERROR", at, "the node's answer holds no number here");
}

function asObject(value: unknown, at: string): { readonly [name: string]: unknown } {
  const fits = typeof value === "object" && value !== null;
  return fits ? (value as { readonly [name: string]: unknown }) : fault("CHAIN_ERROR", at, "an object is expected");
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}
