/** What a signed EIP-1559 transaction says: read from its bytes alone, its sender recovered from its signature. */
import { createHash } from "node:crypto";
import { equal } from "@strongroom/core/bytes";
import { addressOfPoint } from "@strongroom/core/chain/evm/address";
import { FEE_LIMIT } from "@strongroom/core/chain/evm/build";
import { bytesOf, decode, listOf, type Node, uintOf } from "@strongroom/core/chain/evm/decode";
import { encode, type Item } from "@strongroom/core/chain/evm/encode";
import { evm } from "@strongroom/core/chain/evm/evm";
import type { Effect } from "@strongroom/core/chain/types";
import { demand, refuse } from "@strongroom/core/errors";
import { recoverPublicKey } from "@strongroom/core/keys/secp256k1";
import { limits } from "../../host/limits.ts";
import type { SignedTransaction } from "../types.ts";

const UNSIGNED_FIELDS = 9;
const WORD = 32;

/** What bytes were read as, by their hash: each transaction is read at every step of its way, and to recover its sender takes
 *  more than a millisecond. */
const known = new Map<string, SignedTransaction>();

/** Fails: EFFECT_UNREADABLE unless the bytes are the one canonical form of a signed plain transfer or call.
 *  Source: EIP-1559. */
export function readSigned(raw: Uint8Array): SignedTransaction {
  const name = createHash("sha256").update(raw).digest("base64");
  const read = known.get(name) ?? readFresh(raw);
  if (known.size >= limits.transactionsKnown) known.clear();
  known.set(name, read);
  return read;
}

function readFresh(raw: Uint8Array): SignedTransaction {
  demand(raw[0] === 2, "EFFECT_UNREADABLE", "type", "a transaction of type 2 is expected");
  const fields = listOf(decode(raw.subarray(1)), "transaction");
  const unsigned = Uint8Array.of(2, ...encode(fields.slice(0, UNSIGNED_FIELDS).map(item)));
  const effect = evm.read(unsigned);
  const [parity, r, s] = fields.slice(UNSIGNED_FIELDS);
  const signature = new Uint8Array(2 * WORD + 1);
  for (const [at, part] of [r, s].entries()) {
    const bytes = bytesOf(part, "signature");
    demand(bytes.length <= WORD, "EFFECT_UNREADABLE", "signature", "a number is too large");
    signature.set(bytes, (at + 1) * WORD - bytes.length);
  }
  signature[2 * WORD] = Number(uintOf(parity, "signature", 2n));
  const key = recoverPublicKey(evm.digest(unsigned), signature);
  if (key === null) refuse("EFFECT_UNREADABLE", "signature", "it belongs to no key");
  const whole = evm.assemble(unsigned, signature);
  demand(equal(whole.raw, raw), "EFFECT_UNREADABLE", "transaction", "it has another encoding than the canonical one");
  const from = addressOfPoint(key);
  const moved = movementOf(effect);
  return {
    chain: effect.chainId,
    id: whole.id,
    slot: slotOf({ chain: effect.chainId, from: from.toLowerCase(), nonce: effect.nonce }),
    from,
    nonce: effect.nonce,
    ...moved,
    maxPriorityFeePerGas: uintOf(fields[2], "maxPriorityFeePerGas", FEE_LIMIT),
    maxFeePerGas: uintOf(fields[3], "maxFeePerGas", FEE_LIMIT),
    raw,
  };
}

/** What a plain transfer moves, or the native value that goes along with a call. */
function movementOf({ called, transfers, other }: Effect): Pick<SignedTransaction, "contract" | "to" | "amount"> {
  const [transfer, ...more] = transfers;
  if (called !== null && other === called.name) return { contract: null, to: called.to, amount: called.amount };
  if (other !== null || transfer === undefined || more.length > 0)
    return refuse("EFFECT_UNREADABLE", "transaction", "it is neither a plain transfer nor a call");
  const { asset, to, amount } = transfer;
  return { contract: asset === "native" ? null : asset, to, amount };
}

function item(node: Node): Item {
  return "bytes" in node ? node.bytes : node.list.map(item);
}

/** As the offline half names it; `from` in lower case. */
export function slotOf(at: { readonly chain: number; readonly from: string; readonly nonce: number }): string {
  return `evm:${at.chain}:${at.from}:${at.nonce}`;
}

/** The form in which addresses are compared: nodes write them in lower case. */
export function addressKey(text: string): string {
  return text.toLowerCase();
}
