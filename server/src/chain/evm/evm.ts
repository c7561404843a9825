/** The online half of EVM chains. Every answer is what a quorum of nodes gave for one block by its hash. */
import { fromHex } from "@strongroom/core/bytes";
import { addressText } from "@strongroom/core/chain/evm/decode";
import { attempt } from "@strongroom/core/errors";
import { limits } from "../../host/limits.ts";
import { problem } from "../../http/call.ts";
import type { BlockContent, BlockRef, ChainConfig, Change, Head, Holding, Mined, Movement, Online } from "../types.ts";
import { resultOf } from "./ballot.ts";
import { quote } from "./fees.ts";
import { type Nodes, openNodes } from "./nodes.ts";
import { type Answer, type Call, NodeFault } from "./rpc.ts";
import { broadcast } from "./send.ts";
import { addressKey, readSigned, slotOf } from "./signed.ts";
import { traceBlock } from "./trace.ts";
import {
  count,
  type Header,
  quantity,
  type Receipt,
  readHeader,
  readReceipt,
  readTransactions,
  readTransfers,
  TRANSFER_TOPIC,
  type TransferLog,
  word,
} from "./wire.ts";

export function openEvm(chain: number, config: ChainConfig, now: () => number): Online {
  const lagBlocks = config.lagBlocks ?? limits.lagBlocks;
  const nodes = openNodes({ ...config, chain, lagBlocks, depth: config.reorgDepth, now });

  /** The agreed head. */
  const tip = (): Header =>
    nodes.head() ?? problem("CHAIN_UNREACHABLE", "chain", `Chain ${chain} has no head: ${nodes.trouble()}.`);

  return {
    poll: nodes.poll,
    trouble: nodes.trouble,
    health: nodes.health,
    close: nodes.close,
    addressText: (key) => addressText(fromHex(key.slice(2))),
    addressKey,
    head() {
      const found = nodes.head();
      return found === null ? null : headOf(found);
    },
    header: async (number) => headOf(await headerAt(nodes, number)),
    content: (block) => contentOf(nodes, { chain, trace: config.trace }, block),
    outcomes: (block, ids) => outcomesOf(nodes, block, ids),
    changes: (block, holdings) => changesOf(nodes, block, holdings),
    mined: async (id) => minedOf(nodes, tip(), id),
    async balance(address, contract) {
      const head = tip();
      const amount =
        contract === null
          ? await nodes.agree(
              `the balance of ${address}`,
              async (rpc) => quantity(await rpc.call("eth_getBalance", address, { blockHash: head.hash }), "balance"),
              head.number,
            )
          : (await holdingsAt(nodes, head, [{ contract, address }]))[0];
      return { amount: amount ?? 0n, block: head.number, blockHash: plain(head.hash) };
    },
    async sentBy(address, block) {
      const ask = { blockHash: `0x${block.hash}` };
      const found = await nodes.agree(
        `the nonce of ${address}`,
        async (rpc) => count(await rpc.call("eth_getTransactionCount", address, ask), "nonce"),
        block.number,
      );
      return found ?? 0;
    },
    quote: async (asked) => quote(nodes, tip().baseFee, asked),
    broadcast: (raw) => broadcast(nodes, raw),
    async raw(id) {
      const told = await nodes.each((rpc) => rpc.call("eth_getRawTransactionByHash", id));
      const read = told.map((bytes) => attempt(() => readSigned(fromHex(String(bytes).slice(2)))));
      return read.map((one) => (one.ok && one.value.id === id ? one.value.raw : null)).find((raw) => raw !== null) ?? null;
    },
  };
}

const plain = (hash: string) => hash.slice(2);

function headOf({ number, hash, parent, seconds, baseFee }: Header): Head {
  return { number, hash: plain(hash), parent: plain(parent), at: new Date(seconds * 1000), baseFee };
}

async function headerAt(nodes: Nodes, number: number): Promise<Header> {
  return (await nodes.block(number)) ?? gone(`block ${number}`);
}

/** The chain has changed while it was read, or the nodes are not what their heads say. */
function gone(what: string): never {
  return problem("CHAIN_UNREACHABLE", "chain", `The nodes do not have ${what} any more.`);
}

async function contentOf(
  nodes: Nodes,
  { chain, trace }: { readonly chain: number; readonly trace: boolean },
  block: BlockRef,
): Promise<BlockContent> {
  const { number } = block;
  const hash = `0x${block.hash}`;
  const filter = { blockHash: hash, topics: [TRANSFER_TOPIC] };
  const [transactions, logs] = await Promise.all([
    nodes.agree(
      `the transactions of block ${number}`,
      async (rpc) => {
        const whole = await rpc.call("eth_getBlockByHash", hash, true);
        return readHeader(whole)?.hash === hash ? readTransactions(whole) : null;
      },
      number,
    ),
    nodes.agree(`the logs of block ${number}`, async (rpc) => readTransfers(await rpc.call("eth_getLogs", filter)), number),
  ]);
  if (transactions === null || logs === null) return gone(`block ${number}`);
  const traced = { number, hash, transactions: transactions.length };
  const about = `the trace of block ${number}`;
  const isTraced = trace && transactions.length > 0;
  const calls = isTraced ? ((await nodes.agree(about, (rpc) => traceBlock(rpc, traced), number)) ?? gone(about)) : [];
  const values = transactions.flatMap(({ id, from, to, value }): Movement[] =>
    to === null || value === 0n ? [] : [{ tx: id, place: "value", contract: null, from, to, amount: value }],
  );
  const inner = calls.map(({ tx, path, from, to, value }) => ({
    tx,
    place: `call:${path}`,
    contract: null,
    from,
    to,
    amount: value,
  }));
  return {
    listed: transactions.map(({ id, from, nonce, value }) => ({ id, slot: slotOf({ chain, from, nonce }), from, value })),
    movements: [...values, ...inner, ...logs.map(movementOf)],
  };
}

function movementOf({ tx, index, contract, from, to, amount }: TransferLog): Movement {
  return { tx, place: `log:${index}`, contract, from, to, amount };
}

async function outcomesOf(nodes: Nodes, block: BlockRef, ids: readonly string[]): Promise<readonly Mined[]> {
  if (ids.length === 0) return [];
  const calls = ids.map((id): Call => ({ method: "eth_getTransactionReceipt", params: [id] }));
  const found = await nodes.agree(
    `receipts of block ${block.number}`,
    async (rpc) => {
      const receipts = (await rpc.batch(calls)).map((answer) => readReceipt(resultOf(answer)));
      const fits = receipts.every((receipt, at) => receipt?.id === ids[at] && receipt?.blockHash === `0x${block.hash}`);
      return fits ? receipts.filter((receipt) => receipt !== null) : null;
    },
    block.number,
  );
  return (found ?? gone(`the receipts of block ${block.number}`)).map(minedBy);
}

async function minedOf(nodes: Nodes, head: Header, id: string): Promise<Mined | null> {
  const found = await nodes.agree(
    `the receipt of ${id}`,
    async (rpc) => {
      const receipt = readReceipt(await rpc.call("eth_getTransactionReceipt", id));
      return receipt === null || receipt.block > head.number || receipt.id !== id ? null : receipt;
    },
    head.number,
  );
  return found === null ? null : minedBy(found);
}

function minedBy({ id, block, blockHash, succeeded, gasUsed, gasPrice, logs }: Receipt): Mined {
  const fee = gasUsed * gasPrice;
  return { id, block, blockHash: plain(blockHash), succeeded, gasUsed, fee, movements: logs.map(movementOf) };
}

async function changesOf(nodes: Nodes, block: BlockRef, holdings: readonly Holding[]): Promise<readonly Change[]> {
  if (holdings.length === 0) return [];
  const at = { number: block.number, hash: `0x${block.hash}` };
  const [before, after] = await Promise.all([
    holdingsAt(nodes, { number: block.number, hash: `0x${block.parent}` }, holdings),
    holdingsAt(nodes, at, holdings),
  ]);
  return holdings.map((_, index) => {
    const [was, is] = [before[index] ?? null, after[index] ?? null];
    return was === null || is === null ? null : { before: was, after: is };
  });
}

/** What each token says of each holder at a block; null where it says nothing. */
async function holdingsAt(
  nodes: Nodes,
  block: { readonly number: number; readonly hash: string },
  holdings: readonly Holding[],
): Promise<readonly (bigint | null)[]> {
  const calls = holdings.map(({ contract, address }): Call => {
    const data = `0x70a08231${address.slice(2).toLowerCase().padStart(64, "0")}`;
    return { method: "eth_call", params: [{ to: contract, data }, { blockHash: block.hash }] };
  });
  const ask = `token balances at block ${block.number}`;
  const found = await nodes.agree(ask, async (rpc) => (await rpc.batch(calls)).map(heldBy), block.number);
  return found ?? gone(ask);
}

/** A contract that fails is an answer, and no balance; a node that fails is none.   Source: error 3, "execution reverted". */
const REVERTED = /revert|invalid opcode|out of gas|stack (?:under|over)flow|invalid jump|execution error/i;

function heldBy(answer: Answer): bigint | null {
  if (!("fault" in answer)) return word(answer.result);
  const { kind, number, message } = answer.fault;
  if (kind === "refused" && (number === 3 || REVERTED.test(message))) return null;
  throw new NodeFault(kind, message, { number });
}
