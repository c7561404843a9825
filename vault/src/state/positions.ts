/** Every position of the journal: the chain hash after each record, 32 bytes apiece, so that an approval which names an old
 *  head is checked against this very history. Appending gives a new list; lists share one buffer as long as only the newest
 *  is appended to. */
import { type Hash, toHex } from "@strongroom/core/bytes";

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

function copy(list: Positions): Room {
  const bytes = new Uint8Array(Math.max(64, list.length * 2) * SIZE);
  bytes.set(list.room.bytes.subarray(0, list.length * SIZE));
  return { bytes, used: list.length };
}

/** Chain hash after record `seq` (the first is 1), or undefined when the journal is not that long. */
export function hashAt(list: Positions, seq: number): Hash | undefined {
  if (seq < 1 || seq > list.length) return undefined;
  return toHex(list.room.bytes.subarray((seq - 1) * SIZE, seq * SIZE)) as Hash;
}
