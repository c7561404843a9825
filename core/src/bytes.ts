/** Bytes, hex and the tagged hash that names every object.
 *
 *  Fixed-size byte strings (hashes, keys, nonces) are carried as lower-case hex so that they compare with `===` and key
 *  a map; byte strings of variable size stay `Uint8Array`. Nothing here accepts upper case, a `0x` prefix or odd length. */
import { sha256 } from "@noble/hashes/sha2.js";
import { refuse } from "./errors.ts";

declare const brand: unique symbol;
/** A primitive that only its own constructor hands out. */
export type Brand<T, Name extends string> = T & { readonly [brand]: Name };

/** 32 bytes as 64 lower-case hex digits. */
export type Hash = Brand<string, "Hash">;
/** Milliseconds since 1970-01-01T00:00:00Z, an integer. */
export type Time = number;

/** Character codes of the high and the low hex digit of every byte. */
const HIGH = Array.from({ length: 256 }, (_, byte) => "0123456789abcdef".charCodeAt(byte >> 4));
const LOW = Array.from({ length: 256 }, (_, byte) => "0123456789abcdef".charCodeAt(byte & 15));

/** Lower-case hex of `bytes`, or of a part. Four at a time: most of what is read from signed objects are hashes. */
export function toHex(bytes: Uint8Array, from = 0, to = bytes.length): string {
  const high = (at: number) => HIGH[bytes[at] as number] as number;
  const low = (at: number) => LOW[bytes[at] as number] as number;
  const code = String.fromCharCode;
  let text = "";
  let at = from;
  for (; at + 4 <= to; at += 4)
    text += code(high(at), low(at), high(at + 1), low(at + 1), high(at + 2), low(at + 2), high(at + 3), low(at + 3));
  for (; at < to; at++) text += code(high(at), low(at));
  return text;
}

/** Bytes of a lower-case hex text without prefix. Fails: BAD_VALUE for anything else. */
export function fromHex(text: string, field = "hex"): Uint8Array {
  if (text.length % 2 !== 0) refuse("BAD_VALUE", field, "an even number of hex digits is expected");
  const bytes = new Uint8Array(text.length / 2);
  for (let at = 0; at < bytes.length; at++) {
    const high = digit(text.charCodeAt(at * 2));
    const low = digit(text.charCodeAt(at * 2 + 1));
    if (high < 0 || low < 0) refuse("BAD_VALUE", field, "only the digits 0-9 and a-f are expected");
    bytes[at] = high * 16 + low;
  }
  return bytes;
}

function digit(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30;
  return code >= 0x61 && code <= 0x66 ? code - 0x57 : -1;
}

/** The parts one after another. */
export function concat(...parts: Uint8Array[]): Uint8Array {
  let size = 0;
  for (const part of parts) size += part.length;
  const whole = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
}

/** Whether both hold the same bytes. Not constant-time: never use it on secrets. */
export function equal(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, at) => byte === b[at]);
}

/** Bytes of a text whose characters all lie in 0x00-0x7F. Fails: BAD_VALUE otherwise. */
export function ascii(text: string, field = "text"): Uint8Array {
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (code > 0x7f) refuse("BAD_VALUE", field, "only ASCII characters are expected");
    bytes[at] = code;
  }
  return bytes;
}

/** The tagged hash that names every object: SHA-256(u8 len(tag) ‖ tag ‖ bytes), as bytes. Bytes may come in parts.
 *  Source: docs/spec/objects.md. */
export function hashBytes(tag: string, ...parts: Uint8Array[]): Uint8Array {
  return sha256(concat(Uint8Array.of(tag.length), ascii(tag), ...parts));
}

/** `hashBytes` as hex. */
export function hash(tag: string, bytes: Uint8Array): Hash {
  return toHex(hashBytes(tag, bytes)) as Hash;
}
