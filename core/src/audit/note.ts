/** Checkpoints of the log as signed notes, so that tools which we did not write verify it.
 *
 *  A checkpoint's text is three lines: origin, size, root. A note is a text, an empty line, and one line per signature; other
 *  parties (witnesses) add their lines below ours. The text here is ASCII, and our key bears the log's origin as its name.
 *  Not for what else the vault signs: that are hashes (`signed/object.ts`).   Source: C2SP, signed-note and tlog-checkpoint. */
import { sha256 } from "@noble/hashes/sha2.js";
import { base64 } from "@scure/base";
import { ascii, concat, fromHex, type Hash, toHex } from "../bytes.ts";
import { demand, refuse } from "../errors.ts";
import { verifyEd25519 } from "../keys/ed25519.ts";

/** How far a log goes. `origin`: its name, the same for ever. */
export type LogHead = { readonly origin: string; readonly size: number; readonly root: Hash };

/** Who signs notes: an Ed25519 key and the name that its lines bear. */
export type NoteKey = { readonly name: string; readonly publicKey: Uint8Array };

/** One line of signature: four bytes that hint at the key, in hex, and whatever that key's algorithm makes. */
export type NoteSignature = { readonly name: string; readonly hint: string; readonly signature: Uint8Array };

export const MAX_ORIGIN = 128;
export const MAX_NOTE_SIGNATURES = 100;
/** Longest note that is read, in characters. */
export const MAX_NOTE = 65_536;

/** Visible ASCII but the plus sign: what may be an origin and a key's name at once. */
const ORIGIN = new RegExp(`^[\\x21-\\x2a\\x2c-\\x7e]{1,${MAX_ORIGIN}}$`);
const SIZE = /^(0|[1-9][0-9]{0,15})$/;
/** Standard alphabet with padding, unused bits zero.   Source: RFC 4648, sections 3.5 and 4. */
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/][AQgw]==|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=)?$/;
/** Em dash, name without white space and plus, base64. */
const LINE = /^\u2014 ([^\s+]+) ([A-Za-z0-9+/=]+)$/;
const ALGORITHM_ED25519 = 1;
const SIGNATURE_BYTES = 64;
const HINT_BYTES = 4;

/** Whether a log may bear this name. */
export function isOrigin(origin: string): boolean {
  return ORIGIN.test(origin);
}

/** The text of a checkpoint, of which the signature is made. Fails: BAD_VALUE.   Source: C2SP, tlog-checkpoint. */
export function formatCheckpoint({ origin, size, root }: LogHead): string {
  demand(isOrigin(origin), "BAD_VALUE", "origin", "visible ASCII without plus and white space is expected");
  demand(Number.isSafeInteger(size) && size >= 0, "BAD_VALUE", "size", "a number of leaves is expected");
  const bytes = fromHex(root, "root");
  demand(bytes.length === 32, "BAD_VALUE", "root", "32 bytes are expected");
  return `${origin}\n${size}\n${base64.encode(bytes)}\n`;
}

/** The checkpoint that `text` states; extension lines are not taken. Fails: MALFORMED for all that is not exactly one. */
export function parseCheckpoint(text: string): LogHead {
  const [origin = "", size = "", root = "", end, ...more] = text.split("\n");
  const formed = isOrigin(origin) && SIZE.test(size) && Number.isSafeInteger(Number(size)) && end === "" && more.length === 0;
  demand(formed, "MALFORMED", "note", "origin, size and root are expected, a line each");
  const bytes = fromBase64(root);
  demand(bytes.length === 32, "MALFORMED", "note", "a root of 32 bytes is expected");
  return { origin, size: Number(size), root: toHex(bytes) as Hash };
}

/** The hint at an Ed25519 key: the first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ key), in hex.
 *  Source: C2SP, signed-note, "Signatures". */
export function noteHint({ name, publicKey }: NoteKey): string {
  const whole = concat(ascii(name, "name"), Uint8Array.of(0x0a, ALGORITHM_ED25519), publicKey);
  return toHex(sha256(whole).subarray(0, HINT_BYTES));
}

/** The key as verifiers are given it: `<name>+<hint>+<base64 of algorithm and key>`. */
export function formatNoteKey(key: NoteKey): string {
  return `${key.name}+${noteHint(key)}+${base64.encode(concat(Uint8Array.of(ALGORITHM_ED25519), key.publicKey))}`;
}

/** The key that `text` states. Fails: MALFORMED, also for another algorithm and a hint that is not this key's. */
export function parseNoteKey(text: string): NoteKey {
  const [, name = "", hint, encoded = ""] = /^([^\s+]+)\+([0-9a-f]{8})\+(.*)$/.exec(text) ?? [];
  demand(isOrigin(name), "MALFORMED", "key", "name, hint and key are expected");
  const [algorithm, ...bytes] = fromBase64(encoded);
  const key = { name, publicKey: Uint8Array.from(bytes) };
  const fits = algorithm === ALGORITHM_ED25519 && bytes.length === 32 && noteHint(key) === hint;
  demand(fits, "MALFORMED", "key", "an Ed25519 key and its own hint are expected");
  return key;
}

/** A note of a text that ends with a line break, signed by `key`. */
export function formatNote(text: string, signed: { readonly key: NoteKey; readonly signature: Uint8Array }): string {
  const { key, signature } = signed;
  return `${text}\n\u2014 ${key.name} ${base64.encode(concat(fromHex(noteHint(key)), signature))}\n`;
}

/** Text and signatures of a note. Fails: MALFORMED, TOO_LARGE. */
export function parseNote(note: string): { readonly text: string; readonly signatures: readonly NoteSignature[] } {
  demand(note.length <= MAX_NOTE, "TOO_LARGE", "note", `a note has at most ${MAX_NOTE} characters`);
  const at = note.lastIndexOf("\n\n");
  const text = note.slice(0, at + 1);
  const [end, ...lines] = note
    .slice(at + 2)
    .split("\n")
    .reverse();
  const formed = at > 0 && end === "" && lines.length > 0 && /^[\x20-\x7e\n]*$/.test(text);
  demand(formed, "MALFORMED", "note", "a text, an empty line and signatures are expected");
  demand(lines.length <= MAX_NOTE_SIGNATURES, "TOO_LARGE", "note", `at most ${MAX_NOTE_SIGNATURES} signatures are expected`);
  return { text, signatures: lines.reverse().map(parseLine) };
}

function parseLine(line: string): NoteSignature {
  const [, name, encoded = ""] = LINE.exec(line) ?? [];
  if (name === undefined) refuse("MALFORMED", "note", "a line of signature begins with an em dash and a name");
  const bytes = fromBase64(encoded);
  demand(bytes.length > HINT_BYTES, "MALFORMED", "note", "a signature is expected");
  return { name, hint: toHex(bytes.subarray(0, HINT_BYTES)), signature: bytes.subarray(HINT_BYTES) };
}

function fromBase64(text: string): Uint8Array {
  demand(BASE64.test(text), "MALFORMED", "note", "base64 is expected");
  return base64.decode(text);
}

/** Verifies Ed25519: key, message, signature. */
type Verify = (publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array) => boolean;

/** The text of a note that all of `keys` have signed; lines of others are left alone. One line per key, no more.
 *  Fails: MALFORMED, TOO_LARGE, SIGNATURE_INVALID. */
export function openNote(note: string, keys: readonly NoteKey[], verify: Verify = verifyEd25519): string {
  const { text, signatures } = parseNote(note);
  const message = ascii(text);
  for (const key of keys) {
    const hint = noteHint(key);
    const [mine, ...more] = signatures.filter((line) => line.name === key.name && line.hint === hint);
    const formed = mine?.signature.length === SIGNATURE_BYTES && more.length === 0;
    const good = formed && verify(key.publicKey, message, mine.signature);
    demand(good, "SIGNATURE_INVALID", "note", `${key.name} has not signed this text, once`);
  }
  return text;
}

/** The checkpoint of the log `origin` in a note that its own key has signed.
 *  Fails: MALFORMED, TOO_LARGE, LOG_FOREIGN, SIGNATURE_INVALID. */
export function openCheckpoint(note: string, { name: origin, publicKey }: NoteKey, verify: Verify = verifyEd25519): LogHead {
  const head = parseCheckpoint(parseNote(note).text);
  demand(head.origin === origin, "LOG_FOREIGN", "note", `it is about the log ${head.origin}`);
  openNote(note, [{ name: origin, publicKey }], verify);
  return head;
}
