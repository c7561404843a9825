/** The layout of a journal's files: the header of segments and snapshots, frames, and the chain that ties every record to all
 *  before it.
 *
 *  Pure and without keys, so that vault, auditor and restore read one definition. Encryption and files are in the vault's
 *  host; what a record means is in `record.ts`.
 *
 *  What the chain cannot show: whoever removes whole records from the end of the last segment (or the whole last segment)
 *  leaves a shorter, honest-looking journal. Against that stand the heads that approvals name, the successor's rulebook and
 *  the witnessed log, never this file. Source: docs/spec/journal.md. */
import { ascii, concat, equal, fromHex, type Hash, hashBytes, toHex } from "../bytes.ts";
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

/** The largest frame of a snapshot, as plaintext. */
export const PIECE_BYTES_MAX = 3 << 20;

/** A segment holds records, a snapshot all that they came to. Both have the same header, so that they have the same protection;
 *  by its first bytes neither is taken for the other. */
const FORMS = {
  segment: { magic: "strgjrnl", tag: "strongroom/segment/1", corrupt: "JOURNAL_CORRUPT", version: "JOURNAL_VERSION" },
  snapshot: { magic: "strgsnap", tag: "strongroom/snapshot/1", corrupt: "SNAPSHOT_CORRUPT", version: "SNAPSHOT_CORRUPT" },
} as const;
export type Form = keyof typeof FORMS;
const VERSION = 1;

/** The chain hash before the first record: 32 zero bytes. */
export const CHAIN_START = "00".repeat(32) as Hash;

/** The head of a segment, or of a snapshot.
 *  `journal`: random name of the journal, made once. `identity`: hash of the vault's identity key. `segment`: from 1, without
 *  gaps; of a snapshot the last one that is in it. `first`: how many records precede the segment's first one, or are in the
 *  snapshot. `before`: chain hash after these.
 *  `keyNonce` (12 bytes) and `sealedKey` (32 bytes of key ‖ 16 bytes of tag): the file's own key, sealed with AES-256-GCM
 *  under the vault's journal key, with `sealContext(header)` as additional data. */
export type Header = {
  readonly form: Form;
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

/** File name of the snapshot after a segment: eight decimal digits and `.snap`. */
export function snapshotName(segment: number): string {
  return `${String(segment).padStart(8, "0")}.snap`;
}

/** The additional data of the sealed key: all header fields that precede it (120 bytes). */
export function sealContext(header: Omit<Header, "keyNonce" | "sealedKey">): Uint8Array {
  const bytes = new Uint8Array(OPEN_BYTES);
  const view = new DataView(bytes.buffer);
  bytes.set(ascii(FORMS[header.form].magic));
  view.setUint32(8, VERSION);
  bytes.set(fromHex(header.journal), 12);
  bytes.set(fromHex(header.identity), 44);
  view.setUint32(76, header.segment);
  view.setBigUint64(80, BigInt(header.first));
  bytes.set(fromHex(header.before), 88);
  return bytes;
}

/** The 180 bytes at the start of a file. */
export function encodeHeader(header: Header): Uint8Array {
  return concat(sealContext(header), header.keyNonce, header.sealedKey);
}

/** Reads a header; says nothing about whether its key opens.
 *  Fails: JOURNAL_CORRUPT or SNAPSHOT_CORRUPT when it is short, of another format, or holds a number out of range;
 *  JOURNAL_VERSION for a segment of another version. */
export function decodeHeader(bytes: Uint8Array, form: Form = "segment"): Header {
  const { magic, corrupt, version } = FORMS[form];
  demand(bytes.length === HEADER_BYTES, corrupt, "header", `the ${form} ends inside its header`);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  demand(String.fromCharCode(...bytes.subarray(0, 8)) === magic, corrupt, "header", `not a ${form} of a journal`);
  demand(view.getUint32(8) === VERSION, version, "header.version", `version ${VERSION} is expected, not ${view.getUint32(8)}`);
  const first = view.getBigUint64(80);
  demand(first <= BigInt(Number.MAX_SAFE_INTEGER), corrupt, "header.first", "the sequence is out of range");
  return {
    form,
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

/** What every frame of a file is bound to. */
export function headerHash(header: Uint8Array, form: Form = "segment"): Uint8Array {
  return hashBytes(FORMS[form].tag, header);
}

/** What stands for all segments up to one: its header and size, and the same of those before it; 32 zero bytes before the
 *  first. So a segment that is missing, exchanged or of another length is noticed without being read. */
export function advanceFiles(files: Hash, header: Uint8Array, size: number): Hash {
  const bytes = new Uint8Array(8);
  writeUint64(bytes, 0, size);
  return toHex(hashBytes("strongroom/files/1", fromHex(files), header, bytes)) as Hash;
}
export const FILES_START = CHAIN_START;

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

/** Additional data of a snapshot's frame: header hash ‖ u64 number of the frame, from 0 ‖ u8 whether it is the last. */
export function pieceContext(header: Uint8Array, count: number, isLast: boolean): Uint8Array {
  const bytes = new Uint8Array(41);
  bytes.set(header);
  writeUint64(bytes, 32, count);
  bytes[40] = isLast ? 1 : 0;
  return bytes;
}

/** The nonce of a file's `count`-th frame (from 0): u32 zero ‖ u64 count, written to `into`, whose first four bytes are
 *  zero. Unique because a key serves one file. */
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

/** Length of the plaintext that a frame announces, at most `max`, or null when the eight bytes are no frame head. */
export function decodeFrameHead(bytes: Uint8Array, max = RECORD_BYTES_MAX): number | null {
  const view = new DataView(bytes.buffer, bytes.byteOffset, FRAME_HEAD_BYTES);
  const length = view.getUint32(0);
  return length <= max && view.getUint32(4) === ~length >>> 0 ? length : null;
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
