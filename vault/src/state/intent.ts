/** Reading an intent once: the judgement and the fold both need what the same bytes say. */
import type { Hash } from "@strongroom/core/bytes";
import { Intent } from "@strongroom/core/signed/intent";
import { decode } from "@strongroom/core/signed/object";
import { idOf } from "./hash.ts";

/** An intent with its id. */
export type Read<I> = { readonly id: Hash; readonly intent: I };

/** What was read last, as much as one command can hold; a full table starts anew. Nobody writes into bytes that were handed to
 *  the judgement. A weak table would cost the collector more than the reading. */
const known = new Map<Uint8Array, Read<Intent>>();
const KNOWN_MAX = 64;

/** Fails: the codes of `decode`. */
export function readIntent(bytes: Uint8Array): Read<Intent> {
  const before = known.get(bytes);
  if (before !== undefined) return before;
  const read = { intent: decode(Intent, bytes), id: idOf(Intent, bytes) };
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(bytes, read);
  return read;
}
