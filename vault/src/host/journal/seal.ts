/** What the journal's keys do: each segment and each snapshot has its own, sealed under the owner's; its frames are sealed
 *  under that.
 *
 *  AES-256-GCM throughout. No nonce comes twice: a file's key is fresh and its frames are counted, a sealing under the owner's
 *  key draws 96 random bits once per file. Files are in `write.ts`, `read.ts` and `snapshot.ts`. */
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createSecretKey,
  type DecipherGCM,
  hash,
  type KeyObject,
  randomBytes,
} from "node:crypto";
import { fromHex, type Hash, toHex } from "@strongroom/core/bytes";
import { demand, refuse } from "@strongroom/core/errors";
import {
  decodeHeader,
  encodeFrameHead,
  encodeHeader,
  type Header,
  headerHash,
  type Position,
  pieceContext,
  recordContext,
  recordNonce,
  sealContext,
  TAG_BYTES,
} from "@strongroom/core/journal/segment";

/** Whose journal it is, and the 32-byte key that seals the files' keys. The caller clears `key`. */
export type Owner = { readonly journal: Hash; readonly identity: Hash; readonly key: Uint8Array };
/** The key of one segment or snapshot, and what its frames are bound to. */
export type FileKey = { readonly key: KeyObject; readonly tie: Uint8Array };
/** A record's place: `count` within its segment, `sequence` within the journal, `chain` hash before it. */
export type Spot = { readonly count: number; readonly sequence: number; readonly chain: Uint8Array };
/** A snapshot's frame: its number from 0, and whether none follows. */
export type Piece = { readonly count: number; readonly isLast: boolean };
/** A frame: head, ciphertext, tag. */
export type Frame = [Uint8Array, Uint8Array, Uint8Array];

const CIPHER = "aes-256-gcm";
const TAG = { authTagLength: TAG_BYTES };
const CHAIN_TAG = Buffer.from("\x13strongroom/record/1", "latin1");
/** Bytes of the file that names the newest segment: u32 number, nonce, tag. */
export const LAST_BYTES = 4 + 12 + TAG_BYTES;
/** Bytes of the mark: u64 sequence, chain hash, nonce, tag. */
export const MARK_BYTES = 40 + 12 + TAG_BYTES;

/** Room for what one record needs, used over and over; nothing here is secret, and no call returns any of it. */
const room = { context: Buffer.alloc(72), nonce: Buffer.alloc(12), text: Buffer.alloc(64 * 1024) };
room.text.set(CHAIN_TAG);

/** The chain hash after a record; the same as core's `advance`, in native code. */
export function follow(chain: Uint8Array, record: Uint8Array): Uint8Array {
  const at = CHAIN_TAG.length + 32;
  const size = at + record.length;
  if (size > room.text.length) return createHash("sha256").update(CHAIN_TAG).update(chain).update(record).digest();
  room.text.set(chain, CHAIN_TAG.length);
  room.text.set(record, at);
  return hash("sha256", room.text.subarray(0, size), "buffer");
}

/** The frame of one record. */
export function sealRecord(segment: FileKey, spot: Spot, record: Uint8Array): Frame {
  return sealFrame(segment, spot.count, recordContext(segment.tie, spot.sequence, spot.chain, room.context), record);
}

/** The record in `sealed` (ciphertext ‖ tag), or null when the tag does not fit. */
export function openRecord(segment: FileKey, spot: Spot, sealed: Uint8Array): Buffer | null {
  return openFrame(segment, spot.count, recordContext(segment.tie, spot.sequence, spot.chain, room.context), sealed);
}

/** The frame of one piece of a snapshot. */
export function sealPiece(file: FileKey, { count, isLast }: Piece, piece: Uint8Array): Frame {
  return sealFrame(file, count, pieceContext(file.tie, count, isLast), piece);
}

/** The piece in `sealed` (ciphertext ‖ tag), or null when the tag does not fit. */
export function openPiece(file: FileKey, { count, isLast }: Piece, sealed: Uint8Array): Buffer | null {
  return openFrame(file, count, pieceContext(file.tie, count, isLast), sealed);
}

function sealFrame({ key }: FileKey, count: number, context: Uint8Array, content: Uint8Array): Frame {
  const cipher = createCipheriv(CIPHER, key, recordNonce(count, room.nonce), TAG);
  cipher.setAAD(context);
  const body = cipher.update(content);
  cipher.final();
  return [encodeFrameHead(content.length), body, cipher.getAuthTag()];
}

function openFrame({ key }: FileKey, count: number, context: Uint8Array, sealed: Uint8Array): Buffer | null {
  const decipher = createDecipheriv(CIPHER, key, recordNonce(count, room.nonce), TAG);
  decipher.setAAD(context);
  decipher.setAuthTag(sealed.subarray(sealed.length - TAG_BYTES));
  const content = decipher.update(sealed.subarray(0, sealed.length - TAG_BYTES));
  return authentic(decipher) ? content : null;
}

/** A file's key with the header that holds it. */
export type Sealed = FileKey & { readonly header: Uint8Array };

/** For the segment after `end`. */
export function sealSegment(owner: Owner, end: Position): Sealed {
  return sealFile(owner, { form: "segment", segment: end.segment + 1, first: end.sequence, before: end.chain });
}

/** For the snapshot of all up to `end`. */
export function sealSnapshot(owner: Owner, end: Position): Sealed {
  return sealFile(owner, { form: "snapshot", segment: end.segment, first: end.sequence, before: end.chain });
}

function sealFile(owner: Owner, about: Pick<Header, "form" | "segment" | "first" | "before">): Sealed {
  const { journal, identity } = owner;
  const open = { journal, identity, ...about };
  const secret = randomBytes(32);
  const keyNonce = randomBytes(12);
  const cipher = createCipheriv(CIPHER, owner.key, keyNonce, TAG);
  cipher.setAAD(sealContext(open));
  const sealedKey = Buffer.concat([cipher.update(secret), cipher.final(), cipher.getAuthTag()]);
  const key = createSecretKey(secret);
  secret.fill(0);
  const header = encodeHeader({ ...open, keyNonce, sealedKey });
  return { key, header, tie: headerHash(header, about.form) };
}

/** The key in a segment's header, once `accept` has let that pass.
 *  Fails: JOURNAL_CORRUPT, JOURNAL_VERSION, whatever `accept` refuses, JOURNAL_KEY when the key is not sealed under the owner's
 *  or the header was changed. */
export function openSegment(owner: Owner, bytes: Uint8Array, accept: (header: Header) => void): FileKey {
  const header = decodeHeader(bytes);
  accept(header);
  return openFile(owner, bytes, header) ?? refuse("JOURNAL_KEY", "header", "the segment's key does not open");
}

/** The key in a snapshot's header, and what it is the snapshot of. Fails: SNAPSHOT_CORRUPT, SNAPSHOT_FOREIGN. */
export function openSnapshot(owner: Owner, bytes: Uint8Array): FileKey & { readonly end: Position } {
  const header = decodeHeader(bytes, "snapshot");
  const { journal, identity, segment, first: sequence, before: chain } = header;
  const own = journal === owner.journal && identity === owner.identity;
  demand(own, "SNAPSHOT_FOREIGN", "header", "the snapshot belongs to another journal or vault");
  const file = openFile(owner, bytes, header) ?? refuse("SNAPSHOT_CORRUPT", "header", "the snapshot's key does not open");
  return { ...file, end: { segment, sequence, chain } };
}

function openFile(owner: Owner, bytes: Uint8Array, header: Header): FileKey | null {
  const decipher = createDecipheriv(CIPHER, owner.key, header.keyNonce, TAG);
  decipher.setAAD(sealContext(header));
  decipher.setAuthTag(header.sealedKey.subarray(32));
  const secret = decipher.update(header.sealedKey.subarray(0, 32));
  if (!authentic(decipher)) return null;
  const key = createSecretKey(secret);
  secret.fill(0);
  return { key, tie: headerHash(bytes, header.form) };
}

/** The number of the highest segment that was begun, authenticated. */
export function sealLast(owner: Owner, segment: number): Uint8Array {
  const number = Buffer.alloc(4);
  number.writeUInt32BE(segment);
  return attest(owner, "strongroom/last/1", number);
}

/** Fails: JOURNAL_CORRUPT. */
export function openLast(owner: Owner, bytes: Buffer): number {
  const number = attested(owner, "strongroom/last/1", bytes);
  if (number?.length !== 4) refuse("JOURNAL_CORRUPT", "last", "the file that names the newest segment was changed");
  return number.readUInt32BE();
}

/** A position of the journal, authenticated: u64 sequence, chain hash. */
export function sealMark(owner: Owner, { sequence, chain }: Omit<Position, "segment">): Uint8Array {
  const open = Buffer.alloc(40);
  open.writeBigUInt64BE(BigInt(sequence));
  open.set(fromHex(chain), 8);
  return attest(owner, "strongroom/mark/1", open);
}

/** The position in a mark, or null when it is none of this journal. */
export function openMark(owner: Owner, bytes: Buffer): Omit<Position, "segment"> | null {
  const open = attested(owner, "strongroom/mark/1", bytes);
  if (open?.length !== 40) return null;
  return { sequence: Number(open.readBigUInt64BE()), chain: toHex(open.subarray(8)) as Hash };
}

/** What stands in the open, then nonce and tag: AES-256-GCM over no plaintext. */
function attest(owner: Owner, tag: string, open: Buffer): Uint8Array {
  const nonce = randomBytes(12);
  const cipher = createCipheriv(CIPHER, owner.key, nonce, TAG);
  cipher.setAAD(openContext(owner, tag, open));
  cipher.final();
  return Buffer.concat([open, nonce, cipher.getAuthTag()]);
}

/** What stands in the open, or null when the tag does not fit. */
function attested(owner: Owner, tag: string, bytes: Buffer): Buffer | null {
  const size = bytes.length - 12 - TAG_BYTES;
  if (size < 0) return null;
  const open = bytes.subarray(0, size);
  const decipher = createDecipheriv(CIPHER, owner.key, bytes.subarray(size, size + 12), TAG);
  decipher.setAAD(openContext(owner, tag, open));
  decipher.setAuthTag(bytes.subarray(size + 12));
  return authentic(decipher) ? open : null;
}

function openContext({ journal, identity }: Owner, tag: string, open: Uint8Array): Buffer {
  return Buffer.concat([Buffer.from(tag, "latin1"), fromHex(journal), fromHex(identity), open]);
}

/** Whether the tag fits; node:crypto says so by throwing. */
function authentic(decipher: DecipherGCM): boolean {
  try {
    decipher.final();
    return true;
  } catch {
    return false;
  }
}
