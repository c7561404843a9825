/** How a job is written: for snapshots, and for the memory of those that are signed. There is one of these for every payment
 *  that was ever made, it never changes any more and is seldom looked at, and as objects it takes several times the room. */
import { Reader, Writer } from "@strongroom/core/cbor";
import type { Price } from "@strongroom/core/money/value";
import { amount, blob, choice, flag, slug, text, uint } from "@strongroom/core/signed/codec";
import { addressText, chainId, hash32, time } from "@strongroom/core/signed/fields";
import { Intent } from "@strongroom/core/signed/intent";
import { MAX_OBJECT_BYTES } from "@strongroom/core/signed/object";
import { type Codec, many, maybe, nullable, object, struct } from "./codec.ts";
import type { JobPart, JobState, Place } from "./state.ts";

/** The bytes of a signed job. */
export type PackedJob = Uint8Array;

export const number = uint();
const bytes = blob(MAX_OBJECT_BYTES);
export const price: Codec<Price> = struct({ numerator: amount, denominator: amount });

export const place: Codec<Place> = struct({ job: hash32, part: number });

const share = struct({ limit: text(100), amount, back: amount, bucket: number, rolls: flag });

const part: Codec<JobPart> = struct({
  id: hash32,
  pay: object<Intent, JobPart["pay"]>(Intent),
  wallet: slug,
  chain: chainId,
  family: choice({ evm: 1 }),
  from: addressText,
  path: text(64),
  unsigned: bytes,
  slots: many(text(120)),
  nonce: number,
  rates: many(amount),
  counted: many(struct({ of: text(120), shares: many(share) })),
  keys: many(hash32),
  prices: many(struct({ asset: slug, price })),
  before: maybe(place),
  transaction: maybe(struct({ id: text(90), raw: bytes })),
});

/** Its number comes first, see `seqOf`. */
export const job: Codec<JobState> = struct({
  seq: number,
  id: hash32,
  status: choice({ committed: 1, signed: 2, withheld: 3 }),
  parts: many(part),
  at: time,
  withheldSeq: number,
  boot: nullable(hash32),
  rulebook: maybe(hash32),
});

/** Where packed jobs lie one after another, because memory of its own costs more than what is in it. They all stay, so none
 *  keeps room alive that nobody uses. */
let room = { bytes: new Uint8Array(0), used: 0 };
const ROOM_BYTES = 262_144;

const packer = new Writer();

export function packJob(value: JobState): PackedJob {
  packer.take();
  job.write(packer, value);
  return keepJob(packer.take());
}

/** A copy of a packed job for as long as the state lives. */
export function keepJob(written: Uint8Array): PackedJob {
  if (room.used + written.length > room.bytes.length) {
    room = { bytes: new Uint8Array(Math.max(ROOM_BYTES, written.length)), used: 0 };
  }
  const packed = room.bytes.subarray(room.used, room.used + written.length);
  packed.set(written);
  room.used += written.length;
  return packed;
}

/** The number of a job's record, without unpacking the rest. */
export function seqOf(kept: JobState | PackedJob): number {
  return kept instanceof Uint8Array ? number.read(new Reader(kept)) : kept.seq;
}

/** What was unpacked last: one command looks at the same jobs several times. A full table starts anew. */
const known = new Map<PackedJob, JobState>();
const KNOWN_MAX = 64;

export function unpackJob(packed: PackedJob): JobState {
  const before = known.get(packed);
  if (before !== undefined) return before;
  const from = new Reader(packed);
  const value = job.read(from);
  from.end();
  if (known.size >= KNOWN_MAX) known.clear();
  known.set(packed, value);
  return value;
}
