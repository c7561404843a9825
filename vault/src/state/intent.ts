/** Reading an intent once: the judgement and the fold both need what the same bytes say. */
import type { Hash } from "@strongroom/core/bytes";
import { Intent } from "@strongroom/core/signed/intent";
import { decode } from "@strongroom/core/signed/object";
import { idOf } from "./hash.ts";

/** An intent with its id. */
export type Read<I> = { readonly id: Hash; readonly intent: I };

/** What was read of bytes that are still in use. Nobody writes into bytes that were handed to the judgement. */
const known = new WeakMap<Uint8Array, Read<Intent>>();

/** Fails: the codes of `decode`. */
export function readIntent(bytes: Uint8Array): Read<Intent> {
  const before = known.get(bytes);
  if (before !== undefined) return before;
  const read = { intent: decode(Intent, bytes), id: idOf(Intent, bytes) };
  known.set(bytes, read);
  return read;
}
