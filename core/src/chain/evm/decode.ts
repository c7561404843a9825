/** RLP, reading half, with the scalars and the address text that the reader needs.
 *
 *  Strict: every byte string that is taken has exactly one encoding, and this accepts only that one. Written without any
 *  code that the builder uses, so that one mistake cannot hide in both.   Source: Yellow Paper, appendix B. */
import { keccak_256 } from "@noble/hashes/sha3.js";
import { ascii, toHex } from "../../bytes.ts";
import { demand } from "../../errors.ts";

/** A decoded item: a string of bytes, or a list. */
export type Node = { readonly bytes: Uint8Array } | { readonly list: readonly Node[] };

/** Deepest nesting; a transaction needs three levels. */
const DEPTH_MAX = 4;
/** Longest input, in bytes; nodes relay no larger transaction. */
export const SIZE_MAX = 131_072;

type Span = { readonly isList: boolean; readonly from: number; readonly to: number };

/** The one item that `bytes` hold. Fails: EFFECT_UNREADABLE for any other form than the canonical one. */
export function decode(bytes: Uint8Array): Node {
  demand(bytes.length <= SIZE_MAX, "EFFECT_UNREADABLE", "rlp", `at most ${SIZE_MAX} bytes are read`);
  const span = locate(bytes, 0, bytes.length);
  demand(span.to === bytes.length, "EFFECT_UNREADABLE", "rlp", "bytes follow the item");
  return descend(bytes, span, 1);
}

/** The items of the list that `bytes` hold, as they are encoded. */
export function payloadOf(bytes: Uint8Array): Uint8Array {
  const { from, to } = locate(bytes, 0, bytes.length);
  return bytes.subarray(from, to);
}

function descend(bytes: Uint8Array, span: Span, depth: number): Node {
  if (!span.isList) return { bytes: bytes.slice(span.from, span.to) };
  demand(depth <= DEPTH_MAX, "EFFECT_UNREADABLE", "rlp", `at most ${DEPTH_MAX} levels are read`);
  const list: Node[] = [];
  for (let at = span.from; at < span.to; ) {
    const inner = locate(bytes, at, span.to);
    list.push(descend(bytes, inner, depth + 1));
    at = inner.to;
  }
  return { list };
}

/** Where the item that starts at `at` has its payload; it must end at `end` or before. */
function locate(bytes: Uint8Array, at: number, end: number): Span {
  demand(at < end, "EFFECT_UNREADABLE", "rlp", "an item is missing");
  const lead = byteAt(bytes, at);
  if (lead < 0x80) return { isList: false, from: at, to: at + 1 };
  const isList = lead >= 0xc0;
  const short = lead - (isList ? 0xc0 : 0x80);
  const width = short > 55 ? short - 55 : 0;
  const from = at + 1 + width;
  demand(from <= end, "EFFECT_UNREADABLE", "rlp", "a length is cut short");
  const size = width === 0 ? short : longSize(bytes.subarray(at + 1, from));
  demand(size <= end - from, "EFFECT_UNREADABLE", "rlp", "an item is cut short");
  const single = !isList && size === 1 && byteAt(bytes, from) < 0x80;
  demand(!single, "EFFECT_UNREADABLE", "rlp", "a byte below 0x80 stands for itself");
  return { isList, from, to: from + size };
}

function longSize(digits: Uint8Array): number {
  demand(digits[0] !== 0, "EFFECT_UNREADABLE", "rlp", "a length has a leading zero");
  demand(digits.length <= 4, "EFFECT_UNREADABLE", "rlp", "a length is too large");
  const size = digits.reduce((sum, digit) => sum * 256 + digit, 0);
  demand(size > 55, "EFFECT_UNREADABLE", "rlp", "a long form holds a short length");
  return size;
}

function byteAt(bytes: Uint8Array, at: number): number {
  return bytes[at] as number;
}

/** The items of a list. Fails: EFFECT_UNREADABLE when it is a string. */
export function listOf(node: Node | undefined, field: string): readonly Node[] {
  demand(node !== undefined && "list" in node, "EFFECT_UNREADABLE", field, "a list is expected");
  return node.list;
}

/** The bytes of a string. Fails: EFFECT_UNREADABLE when it is a list or missing. */
export function bytesOf(node: Node | undefined, field: string): Uint8Array {
  demand(node !== undefined && "bytes" in node, "EFFECT_UNREADABLE", field, "a string of bytes is expected");
  return node.bytes;
}

/** A number in its shortest big-endian form, below `limit`. Fails: EFFECT_UNREADABLE. */
export function uintOf(node: Node | undefined, field: string, limit: bigint): bigint {
  const bytes = bytesOf(node, field);
  demand(bytes[0] !== 0, "EFFECT_UNREADABLE", field, "a number has a leading zero");
  const value = bigOf(bytes);
  demand(value < limit, "EFFECT_UNREADABLE", field, "a number is too large");
  return value;
}

/** Big-endian value of up to 32 bytes, or of anything longer too. */
export function bigOf(bytes: Uint8Array): bigint {
  return BigInt(`0x0${toHex(bytes)}`);
}

/** Texts of the addresses that came last. A full table starts anew. */
const texts = new Map<string, string>();
const TEXTS_MAX = 1024;

/** EIP-55 text of 20 bytes.   Source: EIP-55, "Specification". */
export function addressText(bytes: Uint8Array): string {
  const plain = toHex(bytes);
  const known = texts.get(plain);
  if (known !== undefined) return known;
  const mask = keccak_256(ascii(plain));
  let text = "0x";
  for (let at = 0; at < plain.length; at++) {
    const half = at % 2 === 0 ? 7 : 3;
    const isRaised = ((byteAt(mask, at >> 1) >> half) & 1) === 1;
    text += isRaised ? plain.charAt(at).toUpperCase() : plain.charAt(at);
  }
  if (texts.size >= TEXTS_MAX) texts.clear();
  texts.set(plain, text);
  return text;
}
