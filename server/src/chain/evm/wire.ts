/** Reads what EVM nodes answer, strictly: every field that is used is checked in form and size, and nothing else is looked
 *  at.
 *
 *  Addresses come out in lower case with 0x, as nodes write them; hashes and ids likewise. Source: the Ethereum execution
 *  API. */
import { NodeFault } from "./rpc.ts";

/** keccak-256 of `Transfer(address,address,uint256)`, EIP-20. */
export const TRANSFER_TOPIC = "0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef";

export type Header = {
  readonly number: number;
  readonly hash: string;
  readonly parent: string;
  readonly seconds: number;
  readonly baseFee: bigint;
};
export type BlockTransaction = {
  readonly id: string;
  readonly from: string;
  readonly to: string | null;
  readonly nonce: number;
  readonly value: bigint;
};
export type TransferLog = {
  readonly tx: string;
  readonly index: number;
  readonly contract: string;
  readonly from: string;
  readonly to: string;
  readonly amount: bigint;
};
export type Receipt = {
  readonly id: string;
  readonly block: number;
  readonly blockHash: string;
  readonly succeeded: boolean;
  readonly gasUsed: bigint;
  readonly gasPrice: bigint;
  readonly logs: readonly TransferLog[];
};
export type Fields = { readonly [name: string]: unknown };

const HASH = /^0x[0-9a-f]{64}$/;
const ADDRESS = /^0x[0-9a-fA-F]{40}$/;
const QUANTITY = /^0x(?:0|[1-9a-f][0-9a-f]{0,63})$/;
const WORD = /^0x[0-9a-f]{64}$/;
const PADDING = `0x${"0".repeat(24)}`;

export function unreadable(at: string, wanted: string): never {
  throw new NodeFault("unreadable", `${at}: ${wanted} is expected`);
}

export function fields(value: unknown, at: string): Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? (value as Fields) : unreadable(at, "an object");
}

export function list(value: unknown, at: string): readonly unknown[] {
  return Array.isArray(value) ? value : unreadable(at, "a list");
}

/** A number of up to 256 bits. */
export function quantity(value: unknown, at: string): bigint {
  return typeof value === "string" && QUANTITY.test(value) ? BigInt(value) : unreadable(at, "a quantity");
}

/** A number that is exact in JavaScript. */
export function count(value: unknown, at: string): number {
  const number = quantity(value, at);
  return number <= Number.MAX_SAFE_INTEGER ? Number(number) : unreadable(at, "a smaller number");
}

export function hashText(value: unknown, at: string): string {
  return typeof value === "string" && HASH.test(value) ? value : unreadable(at, "a hash");
}

export function address(value: unknown, at: string): string {
  return typeof value === "string" && ADDRESS.test(value) ? value.toLowerCase() : unreadable(at, "an address");
}

/** What a call of `balanceOf` returned; null when that is no number, so no token. */
export function word(value: unknown): bigint | null {
  return typeof value === "string" && WORD.test(value) ? BigInt(value) : null;
}

/** A block that is not there comes out as null. */
export function readHeader(value: unknown): Header | null {
  if (value === null) return null;
  const block = fields(value, "block");
  return {
    number: count(block["number"], "block.number"),
    hash: hashText(block["hash"], "block.hash"),
    parent: hashText(block["parentHash"], "block.parentHash"),
    seconds: count(block["timestamp"], "block.timestamp"),
    baseFee: block["baseFeePerGas"] === undefined ? 0n : quantity(block["baseFeePerGas"], "block.baseFeePerGas"),
  };
}

/** The transactions of a block that was asked for with them. */
export function readTransactions(value: unknown): readonly BlockTransaction[] | null {
  if (value === null) return null;
  return list(fields(value, "block")["transactions"], "block.transactions").map((one) => {
    const it = fields(one, "transaction");
    return {
      id: hashText(it["hash"], "transaction.hash"),
      from: address(it["from"], "transaction.from"),
      to: it["to"] === null || it["to"] === undefined ? null : address(it["to"], "transaction.to"),
      nonce: count(it["nonce"], "transaction.nonce"),
      value: quantity(it["value"], "transaction.value"),
    };
  });
}

/** The logs that are transfers of fungible tokens; those of other kinds share the topic and are left out.
 *  Source: EIP-20 has two indexed addresses and one word; EIP-721 indexes a third. */
export function readTransfers(value: unknown): readonly TransferLog[] {
  return list(value, "logs").flatMap((one) => {
    const log = fields(one, "log");
    const [topic, from, to, ...more] = list(log["topics"], "log.topics");
    const amount = word(log["data"]);
    if (topic !== TRANSFER_TOPIC || more.length > 0 || amount === null) return [];
    const [payer, payee] = [topicAddress(from), topicAddress(to)];
    if (payer === null || payee === null) return [];
    const at = { tx: hashText(log["transactionHash"], "log.transactionHash"), index: count(log["logIndex"], "log.logIndex") };
    return [{ ...at, contract: address(log["address"], "log.address"), from: payer, to: payee, amount }];
  });
}

function topicAddress(value: unknown): string | null {
  return typeof value === "string" && WORD.test(value) && value.startsWith(PADDING) ? `0x${value.slice(PADDING.length)}` : null;
}

/** A receipt that is not there comes out as null. */
export function readReceipt(value: unknown): Receipt | null {
  if (value === null) return null;
  const it = fields(value, "receipt");
  const status = quantity(it["status"], "receipt.status");
  if (status > 1n) unreadable("receipt.status", "0 or 1");
  return {
    id: hashText(it["transactionHash"], "receipt.transactionHash"),
    block: count(it["blockNumber"], "receipt.blockNumber"),
    blockHash: hashText(it["blockHash"], "receipt.blockHash"),
    succeeded: status === 1n,
    gasUsed: quantity(it["gasUsed"], "receipt.gasUsed"),
    gasPrice: quantity(it["effectiveGasPrice"], "receipt.effectiveGasPrice"),
    logs: readTransfers(it["logs"]),
  };
}

/** Tips of the last blocks, one a block. */
export function readTips(value: unknown): readonly bigint[] {
  const { reward } = fields(value, "fee history") as { reward?: unknown };
  if (reward === undefined || reward === null) return [];
  return list(reward, "fee history.reward").map((row) => quantity(list(row, "fee history.reward")[0], "fee history.reward"));
}
