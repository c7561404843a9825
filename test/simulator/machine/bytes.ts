/** Core's hashes and hex in native code: the same texts and bytes, several times faster. The tests compare both. */
import { hash as digest } from "node:crypto";
import type { Hash } from "../../../core/src/bytes.ts";

const view = (bytes: Uint8Array) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
/** A text with one character for each byte, to find what is known of them. */
export const textOf = (bytes: Uint8Array): string => view(bytes).toString("latin1");

/** Each tag with the byte that says how long it is. */
const tags = new Map<string, Buffer>();
function tagOf(tag: string): Buffer {
  const known = tags.get(tag) ?? Buffer.from(`${String.fromCharCode(tag.length)}${tag}`, "latin1");
  tags.set(tag, known);
  return known;
}

export function toHex(bytes: Uint8Array, from = 0, to = bytes.length): string {
  return view(bytes).toString("hex", from, to);
}

export function hashBytes(tag: string, ...parts: Uint8Array[]): Uint8Array {
  const made = digest("sha256", Buffer.concat([tagOf(tag), ...parts]), "buffer");
  return new Uint8Array(made.buffer, made.byteOffset, made.length);
}

export function hash(tag: string, bytes: Uint8Array): Hash {
  return digest("sha256", Buffer.concat([tagOf(tag), bytes]), "hex") as Hash;
}
