/** The layout of a journal segment: header, frames, and the chain that ties every record to all before it.
 *
 *  Pure and without keys, so that vault, auditor and restore read one definition. Encryption and files are in the vault's
 *  host; what a record means is in `record.ts`.
 *
 *  What the chain cannot show: whoever removes whole records from the end of the last segment (or the whole last segment)
 *  leaves a shorter, honest-looking journal. Against that stand the heads that approvals name, the successor's rulebook and
 *  the witnessed log, never this file. Source: docs/spec/journal.md. */
import { concat, equal, fromHex, type Hash, hashBytes, toHex } from "../bytes.ts";
import { demand, refuse } from "../errors.ts";

/** Sizes in bytes. */
export const HEADER_BYTES = 180;
const OPEN_BYTES = 120;
export const FRAME_HEAD_BYTES = 8;
export const TAG_BYTES = 16;
/** The largest record, as plaintext. */
export const RECORD_BYTES_MAX = 1 << 20;
/** A disk writes whole sectors: what a power loss leaves unwritten begins at a multiple of this. */
export const SECTOR_BYTES = 512;

const MAGIC = "strgjrnl";
const VERSION = 1;

/** The chain hash before the first record: 32 zero bytes. */
export const CHAIN_START = "00".repeat(32) as Hash;

/** The head of a segment.
 *  `journal`: random name of the journal, made once. `identity`: hash of the vault's identity key. `segment`: from 1, without
 *  gaps. `first`: how many records precede the segment's first one. `before`: chain hash before that record.
 *  `keyNonce` (12 bytes) and `sealedKey` (32 bytes of key ‖ 16 bytes of tag): the segment's own key, sealed with AES-256-GCM
 *  under the vault's journal key, with `sealContext(header)` as additional data. */
export type Header = {
  readonly journal: Hash;
  readonly identity: Hash;
  readonly segment: number;
  readonly first: number;
  readonly before: Hash;
  readonly keyNonce: Uint8Array;
  readonly sealedKey: Uint8Array;
};

/** Where a reader stands: the segment last entered, the records read so far, the chain hash over them. */
export type Position = { readonly segment: number; readonly sequence: number; readonly chain: Hash };

/** File name of a segment: eight decimal digits and `.seg`. */
export function segmentName(segment: number): string {
  return `${String(segment).padStart(8, "0")}.seg`;
}

/** The additional data of the sealed key: all header fields that precede it (120 bytes). */
export function sealContext(header: Omit<Header, "keyNonce" | "sealedKey">): Uint8Array {
  const bytes = new Uint8Array(OPEN_BYTES);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < MAGIC.length; at++) bytes[at] = MAGIC.charCodeAt(at);
  view.setUint32(8, VERSION);
  bytes.set(fromHex(header.journal), 12);
  bytes.set(fromHex(header.identity), 44);
  view.setUint32(76, header.segment);
  view.setBigUint64(80, BigInt(header.first));
  bytes.set(fromHex(header.before), 88);
  return bytes;
}

/** The 180 bytes at the start of a segment. */
export function encodeHeader(header: Header): Uint8Array {
  return concat(sealContext(header), header.keyNonce, header.sealedKey);
}

/** Reads a header; says nothing about whether its key opens.
 *  Fails: JOURNAL_CORRUPT when it is short, of another format or version, or holds a number out of range. */
export function decodeHeader(bytes: Uint8Array): Header {
  demand(bytes.length === HEADER_BYTES, "JOURNAL_CORRUPT", "header", "the segment ends inside its header");
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const magic = String.fromCharCode(...bytes.subarray(0, 8));
  demand(magic === MAGIC && view.getUint32(8) === VERSION, "JOURNAL_CORRUPT", "header", "not a journal segment of version 1");
  const first = view.getBigUint64(80);
  demand(first <= BigInt(Number.MAX_SAFE_INTEGER), "JOURNAL_CORRUPT", "header.first", "the sequence is out of range");
  return {
    journal: toHex(bytes.subarray(12, 44)) as Hash,
    identity: toHex(bytes.subarray(44, 76)) as Hash,
    segment: view.getUint32(76),
    first: Number(first),
    before: toHex(bytes.subarray(88, 120)) as Hash,
    keyNonce: bytes.slice(OPEN_BYTES, OPEN_BYTES + 12),
    sealedKey: bytes.slice(OPEN_BYTES + 12),
  };
}

/** Refuses a segment that is not the one after `position` in the journal of `owner`.
 *  Fails: JOURNAL_FOREIGN (another journal or another vault), JOURNAL_GAP (not the next segment, or records lie between),
 *  JOURNAL_CHAIN (the next by number, but of another history). */
export function demandNext(
  header: Header,
  position: Position,
  owner: { readonly journal: Hash; readonly identity: Hash },
): void {
  demand(header.journal === owner.journal, "JOURNAL_FOREIGN", "header.journal", "the segment belongs to another journal");
  demand(header.identity === owner.identity, "JOURNAL_FOREIGN", "header.identity", "the segment belongs to another vault");
  const next = position.segment + 1;
  demand(header.segment === next, "JOURNAL_GAP", "header.segment", `segment ${next} is expected, not ${header.segment}`);
  const { sequence } = position;
  demand(header.first === sequence, "JOURNAL_GAP", "header.first", `record ${sequence} is expected, not ${header.first}`);
  demand(header.before === position.chain, "JOURNAL_CHAIN", "header.before", "the segment continues another history");
}

/** What every record of a segment is bound to. */
export function headerHash(header: Uint8Array): Uint8Array {
  return hashBytes("strongroom/segment/1", header);
}

/** Additional data of a record: header hash ‖ u64 sequence ‖ chain hash before it (72 bytes), written to `into`. */
export function recordContext(
  header: Uint8Array,
  sequence: number,
  chain: Uint8Array,
  into: Uint8Array = new Uint8Array(72),
): Uint8Array {
  into.set(header);
  writeUint64(into, 32, sequence);
  into.set(chain, 40);
  return into;
}

/** The nonce of the segment's `count`-th record (from 0): u32 zero ‖ u64 count, written to `into`, whose first four bytes are
 *  zero. Unique because a key serves one segment. */
export function recordNonce(count: number, into: Uint8Array = new Uint8Array(12)): Uint8Array {
  writeUint64(into, 4, count);
  return into;
}

/** Big-endian, without the cost of a bigint, because every record needs two. */
function writeUint64(bytes: Uint8Array, at: number, value: number): void {
  let high = Math.floor(value / 2 ** 32);
  let low = value >>> 0;
  for (let byte = 3; byte >= 0; byte--) {
    bytes[at + byte] = high & 0xff;
    bytes[at + 4 + byte] = low & 0xff;
    high >>>= 8;
    low >>>= 8;
  }
}

/** The chain hash after a record: H("strongroom/record/1", hash before ‖ plaintext). `hasher` may be a faster `hashBytes`. */
export function advance(chain: Uint8Array, plaintext: Uint8Array, hasher: typeof hashBytes = hashBytes): Uint8Array {
  return hasher("strongroom/record/1", chain, plaintext);
}

/** The head of a frame: u32 length of the plaintext ‖ its one's complement, so that a damaged length is not taken for a
 *  write that was cut off. Ciphertext (as long as the plaintext) and tag follow. */
export function encodeFrameHead(length: number): Uint8Array {
  const bytes = new Uint8Array(FRAME_HEAD_BYTES);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, length);
  view.setUint32(4, ~length);
  return bytes;
}

/** Length of the plaintext that a frame announces, or null when the eight bytes are no frame head. */
export function decodeFrameHead(bytes: Uint8Array): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_HEAD_BYTES);
  const length = view.getUint32(0);
  return length <= RECORD_BYTES_MAX && view.getUint32(4) === ~length >>> 0 ? length : null;
}

/** Whether a frame that cannot be read may be what a power loss leaves of a write that nobody was told of.
 *  `zeroFrom`: offset in the file from which on every byte up to the end is zero; `start`, `end`: those of frame and file.
 *  True when nothing of the frame reached the disk, or when it stops at the end of a sector (fewer than 16 bytes before it,
 *  since a ciphertext may end in zeros) and at least 16 zero bytes follow. A frame
 *  that merely ends early is recognised by the reader before it asks here. */
export function isUnwritten(tail: { readonly start: number; readonly zeroFrom: number; readonly end: number }): boolean {
  if (tail.zeroFrom <= tail.start) return true;
  const sector = Math.ceil(tail.zeroFrom / SECTOR_BYTES) * SECTOR_BYTES;
  return sector - tail.zeroFrom < TAG_BYTES && tail.end - sector >= TAG_BYTES;
}

/** Follows exported plaintexts without any key, as an auditor does.
 *  Fails: JOURNAL_CHAIN when they do not lead from `from` to `to`. */
export function demandChain(records: Iterable<Uint8Array>, from: Hash, to: Hash): void {
  let chain = fromHex(from, "from");
  for (const record of records) chain = advance(chain, record);
  if (!equal(chain, fromHex(to, "to"))) refuse("JOURNAL_CHAIN", "records", "the records do not lead to this head");
}
