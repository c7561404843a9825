/** The tagged hash of `core/src/bytes.ts` in node:crypto, because a payment takes about ten of them. The tests compare both. */
import { hash as nativeHash } from "node:crypto";
import type { Hash } from "@strongroom/core/bytes";
import type { Kind } from "@strongroom/core/signed/object";

/** Where tag and bytes are put together, because a buffer for each would cost more than its hash. Nothing secret gets here. */
let room = new Uint8Array(65_536);

function tagged(tag: string, parts: readonly Uint8Array[]): Uint8Array {
  let size = 1 + tag.length;
  for (const part of parts) size += part.length;
  if (size > room.length) room = new Uint8Array(size * 2);
  room[0] = tag.length;
  let at = 1;
  while (at <= tag.length) room[at] = tag.charCodeAt(at++ - 1);
  for (const part of parts) {
    room.set(part, at);
    at += part.length;
  }
  return room.subarray(0, size);
}

/** As `hashBytes` of core: 32 bytes. */
export function hashBytes(tag: string, ...parts: Uint8Array[]): Uint8Array {
  return nativeHash("sha256", tagged(tag, parts), "buffer");
}

/** As `hash` of core. */
export function hash(tag: string, bytes: Uint8Array): Hash {
  return nativeHash("sha256", tagged(tag, [bytes]), "hex") as Hash;
}

/** As `idOf` of core. */
export function idOf({ tag }: Kind<unknown>, bytes: Uint8Array): Hash {
  return hash(tag, bytes);
}

/** As `challengeOf` of core. */
export function challengeOf({ tag }: Kind<unknown>, bytes: Uint8Array): Uint8Array {
  return hashBytes(tag, bytes);
}

/** SHA-256 of a text: 32 bytes. Only to tell texts apart; what is signed or chained has a tag. */
export function hashText(text: string): Uint8Array {
  return nativeHash("sha256", text, "buffer");
}
