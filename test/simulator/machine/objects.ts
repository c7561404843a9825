/** Objects that are read once: the same bytes of one kind are the same value, id and challenge, which are kept. Values are
 *  frozen, so that nobody changes what others read. Every first reading, and every refused one, goes to the real code. */
import type { Hash } from "../../../core/src/bytes.ts";
import { challengeOf as challenge, idOf as id, type Kind, decode as read, Signed } from "../../../core/src/signed/object.ts";
import { textOf } from "./bytes.ts";
import { Kept, note, noteOf } from "./kept.ts";

/** What is known of the bytes of one kind of object. */
type Known = { readonly of: string; value?: unknown; id?: Hash; challenge?: Uint8Array };
const knownOf = ({ tag }: { readonly tag: string }, bytes: Uint8Array): Known =>
  noteOf<Known>(bytes, tag) ?? note<Known>(bytes, { of: tag });

function frozen<T>(value: T): T {
  if (typeof value !== "object" || value === null || ArrayBuffer.isView(value)) return value;
  for (const part of Object.values(value)) frozen(part);
  return Object.freeze(value);
}

/** Approvals, which are small envelopes, go from hand to hand, as other arrays of the same bytes. */
const envelopes = new Kept<unknown>();
const SMALL = 512;

export function decode<T>(of: Kind<T>, bytes: Uint8Array): T {
  const known = knownOf(of, bytes);
  const first = () => frozen(read(of, bytes));
  known.value ??= of.tag === Signed.tag && bytes.length <= SMALL ? envelopes.of(textOf(bytes), first) : first();
  return known.value as T;
}

export function idOf(of: Kind<unknown>, bytes: Uint8Array): Hash {
  const known = knownOf(of, bytes);
  known.id ??= id(of, bytes);
  return known.id;
}

export function challengeOf(of: Kind<unknown>, bytes: Uint8Array): Uint8Array {
  const known = knownOf(of, bytes);
  known.challenge ??= challenge(of, bytes);
  return known.challenge;
}
