/** What this source's own nodes show: of a transaction, or of anything that all of them say alike. The server's word never
 *  counts here: it only says what to look for. */
import { quantity } from "../../chain/evm.ts";
import { openRpc, type Rpc } from "../../chain/rpc.ts";
import { fault } from "../../faults.ts";

/** How a transaction ended, and in which block. */
export type Verdict = { readonly outcome: "succeeded" | "failed"; readonly block: number; readonly hash: string };

/** Several nodes of one chain, all of which must agree. */
export type Judge = {
  readonly chain: number;
  /** What every node answers to `ask`, or null where two differ. Fails: CHAIN_UNREACHABLE, CHAIN_ERROR. */
  agreed<T extends string | number>(ask: (rpc: Rpc) => Promise<T>): Promise<T | null>;
  /** The end of a transaction that every node has at least `blocks` deep, its own block counted; else null.
   *  Fails: CHAIN_UNREACHABLE, CHAIN_ERROR. */
  verdictOn(id: string): Promise<Verdict | null>;
};

/** Fails: CHAIN_UNREACHABLE, CHAIN_ERROR, CHAIN_WRONG for nodes of different chains. */
export async function openJudge(urls: readonly string[], blocks: number): Promise<Judge> {
  const nodes = urls.map((url) => openRpc(url));
  const chains = await Promise.all(nodes.map(async (rpc) => Number(quantity(await rpc("eth_chainId"), "eth_chainId"))));
  const [chain = 0] = chains;
  const other = chains.findIndex((id) => id !== chain);
  if (other >= 0) fault("CHAIN_WRONG", urls[other] ?? "", `it serves chain ${chains[other]}, the first node ${chain}`);
  return {
    chain,
    async agreed(ask) {
      const [first, ...others] = await Promise.all(nodes.map(ask));
      return first !== undefined && others.every((answer) => answer === first) ? first : null;
    },
    async verdictOn(id) {
      const verdicts = await Promise.all(nodes.map((rpc) => verdictOf(rpc, { id, blocks })));
      const [first = null] = verdicts;
      return verdicts.every((one) => isSame(one, first)) ? first : null;
    },
  };
}

function isSame(a: Verdict | null, b: Verdict | null): boolean {
  return a === b || (a !== null && b !== null && a.outcome === b.outcome && a.hash === b.hash && a.block === b.block);
}

/** The head is taken before and after, and the block once more by its number: nothing of a fork that is left meanwhile
 *  counts. */
async function verdictOf(rpc: Rpc, { id, blocks }: { id: string; blocks: number }): Promise<Verdict | null> {
  const before = await headOf(rpc);
  const receipt = asObject(await rpc("eth_getTransactionReceipt", id));
  if (receipt === null || receipt["transactionHash"] !== id) return null;
  const block = Number(quantity(receipt["blockNumber"], "blockNumber"));
  const there = asObject(await rpc("eth_getBlockByNumber", `0x${block.toString(16)}`, false));
  const depth = Math.min(before, await headOf(rpc)) - block + 1;
  const hash = receipt["blockHash"];
  if (depth < blocks || typeof hash !== "string" || there?.["hash"] !== hash) return null;
  const status = quantity(receipt["status"], "status");
  if (status > 1n) fault("CHAIN_ERROR", "status", "it is neither 0 nor 1");
  return { outcome: status === 1n ? "succeeded" : "failed", block, hash };
}

async function headOf(rpc: Rpc): Promise<number> {
  return Number(quantity(await rpc("eth_blockNumber"), "eth_blockNumber"));
}

function asObject(value: unknown): { readonly [name: string]: unknown } | null {
  return typeof value === "object" && value !== null ? (value as { readonly [name: string]: unknown }) : null;
}
