/** The EVM chains' offline half: the builder, the reader and the signature's side of a transaction, as one `Chain`. */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { concat, toHex } from "../../bytes.ts";
import { attempt, demand } from "../../errors.ts";
import { isSignature, recoverPublicKey } from "../../keys/secp256k1.ts";
import type { Call, Chain, Effect } from "../types.ts";
import { argumentLines, readArguments } from "./abi.ts";
import { addressOf, addressOfPoint, parseAddress } from "./address.ts";
import { build, dearest, type EvmContext } from "./build.ts";
import { DANGEROUS, KINDS, kindOf, namesOf, selectorOf } from "./calls.ts";
import { payloadOf } from "./decode.ts";
import { encode, list } from "./encode.ts";
import { parseMethod } from "./method.ts";
import { read } from "./read.ts";

/** EIP-1559 transactions on any EVM chain. Every member fails as `Chain` says. */
export const evm: Chain<EvmContext> = {
  address: addressOf,
  parseAddress,
  selector: selectorOf,
  kindOf: (method, field) => kindOf(parseMethod(method, field).signature, field),
  namesOf,
  dangerous: DANGEROUS,
  isCallName: (text) => KINDS.has(text) || attempt(() => parseMethod(text, "method")).ok,
  argumentLines: linesOf,
  build,
  dearest,
  read,
  slots,
  digest,
  verify,
  assemble,
};

function linesOf({ method, arguments: bytes }: Call): readonly string[] {
  const { types } = parseMethod(method, "intent.method");
  return argumentLines(types, readArguments(types, bytes, "intent.arguments"));
}

/** One slot: chain, sender and account nonce, `evm:<chainId>:<address in lower case>:<nonce>`.
 *  Fails: ADDRESS_INVALID.   Source: Yellow Paper, section 6, a nonce is used once per account. */
function slots(effect: Effect, from: string): readonly string[] {
  return [`evm:${effect.chainId}:${parseAddress(from, "from").toLowerCase()}:${effect.nonce}`];
}

/** keccak-256 over type byte and payload.   Source: EIP-2718 and EIP-1559, "Specification". */
function digest(bytes: Uint8Array): Uint8Array {
  return keccak_256(bytes);
}

function verify(bytes: Uint8Array, signature: Uint8Array, from: string): boolean {
  const key = recoverPublicKey(digest(bytes), signature);
  return key !== null && addressOfPoint(key) === from;
}

/** `type ‖ rlp([...unsigned fields, y parity, r, s])` and its keccak as 0x text; the fields stay as they are encoded. Verify
 *  first: only the form is checked here.
 *  Fails: EFFECT_UNREADABLE when `bytes` are not unsigned, BAD_VALUE for a signature of another form. */
function assemble(bytes: Uint8Array, signature: Uint8Array): { raw: Uint8Array; id: string } {
  read(bytes);
  demand(isSignature(signature), "BAD_VALUE", "signature", "r, a low s and the recovery id in 65 bytes are expected");
  const parts = [signature.subarray(64), signature.subarray(0, 32), signature.subarray(32, 64)].map(scalar).map(encode);
  const raw = concat(bytes.subarray(0, 1), list([payloadOf(bytes.subarray(1)), ...parts]));
  return { raw, id: `0x${toHex(keccak_256(raw))}` };
}

/** Without leading zeros; zero is empty. */
function scalar(bytes: Uint8Array): Uint8Array {
  let first = 0;
  while (bytes[first] === 0) first += 1;
  return bytes.slice(first);
}
