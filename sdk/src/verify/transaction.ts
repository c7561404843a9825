/** Whether a signed transaction does what its intent says and nothing else: read back by core's reader, which shares no code
 *  with the vault's builder. */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { concat, equal, fromHex, type Hash, toHex } from "@strongroom/core/bytes";
import { listOf, type Node, decode as rlp } from "@strongroom/core/chain/evm/decode";
import { encode, type Item } from "@strongroom/core/chain/evm/encode";
import { evm } from "@strongroom/core/chain/evm/evm";
import type { Effect } from "@strongroom/core/chain/types";
import { attempt } from "@strongroom/core/errors";
import { ExecutionBody } from "@strongroom/core/protocol/command";
import type { Book } from "@strongroom/core/rulebook/book";
import type { Intent, IntentOf } from "@strongroom/core/signed/intent";
import { decode } from "@strongroom/core/signed/object";
import { findAsset } from "@strongroom/core/text/render";
import { raise } from "../faults.ts";

export type Transaction = ExecutionBody["transactions"][number];

type Signed = { readonly id: Hash; readonly intent: Intent };

/** The signed transaction of an intent in the body of an execution's receipt, when it does what the intent says and nothing
 *  else. Fails: EXECUTION_WRONG. */
export function transactionOf(book: Book, body: Uint8Array, { id, intent }: Signed): Transaction {
  const opened = attempt(() => {
    const found = decode(ExecutionBody, body).transactions.find((item) => item.intent === id);
    return found === undefined ? undefined : { found, effect: evm.read(unsignedOf(found.raw)) };
  });
  if (!opened.ok) raise("EXECUTION_WRONG", opened.field, `it cannot be read: ${opened.code}`);
  if (opened.value === undefined) raise("EXECUTION_WRONG", "execution.intent", "it is about another intent");
  const { found, effect } = opened.value;
  if (found.id !== `0x${toHex(keccak_256(found.raw))}`)
    raise("EXECUTION_WRONG", "execution.id", "it is not the transaction's hash");
  if (!fits(book, intent, { effect, from: found.from })) raise("EXECUTION_WRONG", "execution.raw", "it does something else");
  return found;
}

function fits(book: Book, intent: Intent, { effect, from }: { effect: Effect; from: string }): boolean {
  if (intent.kind !== "pay" && intent.kind !== "cancel" && intent.kind !== "call") return false;
  const [transfer, ...others] = effect.transfers;
  const frame = effect.chainId === intent.chain && effect.feeMax <= intent.totalFee;
  if (intent.kind === "call") return frame && isCall(intent, effect);
  if (!frame || effect.other !== null || transfer === undefined || others.length > 0) return false;
  if (intent.kind === "cancel") return transfer.asset === "native" && transfer.to === from && transfer.amount === 0n;
  const asset = findAsset(book, intent).contract ?? "native";
  return transfer.asset === asset && transfer.to === intent.destination.address && transfer.amount === intent.amount;
}

/** `other` has the name of the call exactly when there is nothing beside it. */
function isCall(intent: IntentOf<"call">, { called, other }: Effect): boolean {
  const data = concat(fromHex(evm.selector(intent.method)), intent.arguments);
  const same = called?.to === intent.destination.address && called.amount === intent.amount && equal(called.data, data);
  return same && other === called.name;
}

const UNSIGNED_FIELDS = 9;

/** What was signed, from a signed transaction: its first nine fields.   Source: EIP-1559, "Specification". */
function unsignedOf(raw: Uint8Array): Uint8Array {
  const fields = listOf(rlp(raw.subarray(1)), "transaction").slice(0, UNSIGNED_FIELDS);
  return concat(raw.subarray(0, 1), encode(fields.map(item)));
}

function item(node: Node): Item {
  return "bytes" in node ? node.bytes : node.list.map(item);
}
