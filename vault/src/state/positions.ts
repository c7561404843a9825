/** Every position of the journal: the chain hash after each record, 32 bytes apiece, so that an approval which names an old
 *  head is checked against this very history. Appending gives a new list; lists share one buffer as long as only the newest
 *  is appended to. */
import { type Hash, toHex } from "@strongroom/core/bytes";
import { demand } from "@strongroom/core/errors";

const SIZE = 32;
type Room = { bytes: Uint8Array; used: number };
export type Positions = { readonly length: number; readonly room: Room };

export function noPositions(): Positions {
  return { length: 0, room: { bytes: new Uint8Array(SIZE * 64), used: 0 } };
}

/** The list with one more chain hash, 32 bytes. */
export function append(list: Positions, hash: Uint8Array): Positions {
  const shared = list.room.used === list.length && list.length * SIZE < list.room.bytes.length;
  const room = shared ? list.room : copy(list);
  room.bytes.set(hash, list.length * SIZE);
  room.used = list.length + 1;
  return { length: list.length + 1, room };
}

function copy(list: Positions, least = 0): Room {
  const bytes = new Uint8Array(Math.max(64, list.length * 2, least) * SIZE);
  bytes.set(list.room.bytes.subarray(0, list.length * SIZE));
  return { bytes, used: list.length };
}

const BLOCK = 1024 * SIZE;

/** The whole list in pieces, to be handed to `extend` in their order. */
export function* blocks({ length, room }: Positions): Generator<Uint8Array, void> {
  for (let at = 0; at < length * SIZE; at += BLOCK) yield room.bytes.subarray(at, Math.min(at + BLOCK, length * SIZE));
}

/** The list with all hashes of a piece after it. Fails: BAD_VALUE for anything but whole hashes. */
export function extend(list: Positions, piece: Uint8Array): Positions {
  demand(piece.length % SIZE === 0, "BAD_VALUE", "", "whole hashes are expected");
  const length = list.length + piece.length / SIZE;
  const shared = list.room.used === list.length && length * SIZE <= list.room.bytes.length;
  const room = shared ? list.room : copy(list, length);
  room.bytes.set(piece, list.length * SIZE);
  room.used = length;
  return { length, room };
}

/** Chain hash after record `seq` (the first is 1), or undefined when the journal is not that long. */
export function hashAt(list: Positions, seq: number): Hash | undefined {
  if (seq < 1 || seq > list.length) return undefined;
  return toHex(list.room.bytes.subarray((seq - 1) * SIZE, seq * SIZE)) as Hash;
}
