/** The strict subset of deterministic CBOR (RFC 8949 §4.2.1) that every signed object, command and journal record uses.
 *
 *  Unsigned integers up to 2^53−1, definite byte strings, text of 0x20-0x7E, definite arrays and maps; shortest heads only;
 *  nothing else exists: no negative numbers, floats, tags, null or indefinite lengths. This file knows no field names: whoever
 *  calls puts the name before a refusal's field (`within`). */
import { toHex } from "./bytes.ts";
import { demand, Refused, refuse } from "./errors.ts";

export const UINT = 0;
export const BYTES = 2;
export const TEXT = 3;
export const LIST = 4;
export const MAP = 5;

/** Nesting of lists and maps, the outermost included. */
export const MAX_DEPTH = 8;

const TWO_32 = 0x1_0000_0000;

/** What to throw one level further out: the same refusal with `name` before its field. A bug stays as it is. */
export function within(name: string, error: unknown): unknown {
  if (!(error instanceof Refused) || name === "") return error;
  return new Refused(error.code, error.field === "" ? name : `${name}.${error.field}`, error.detail);
}

/** Memory that encodings are cut from, one after another, because asking for some costs as much as writing an object: whoever
 *  keeps an encoding for long keeps up to this much with it. Null while a writer uses it. Nothing secret is ever written. */
let spare: { readonly buffer: Uint8Array; readonly from: number } | null = null;
const SPARE_BYTES = 32_768;

/** Collects one encoding in one growing buffer. Fails: TOO_DEEP. */
export class Writer {
  #buffer: Uint8Array;
  /** Where the encoding begins and where it goes on. */
  #from: number;
  #at: number;
  #depth = 0;

  constructor() {
    this.#buffer = spare?.buffer ?? new Uint8Array(SPARE_BYTES);
    this.#from = spare?.from ?? 0;
    this.#at = this.#from;
    spare = null;
  }

  /** Bytes written so far. */
  get size(): number {
    return this.#at - this.#from;
  }

  /** The head of an item: `major` type and argument (0 to 2^53−1), shortest form. */
  head(major: number, argument: number): void {
    this.#reserve(9);
    const type = major << 5;
    if (argument < 24) this.#number(type | argument, 1);
    else if (argument < 0x100) this.#sized(type | 24, argument, 1);
    else if (argument < 0x1_0000) this.#sized(type | 25, argument, 2);
    else if (argument < TWO_32) this.#sized(type | 26, argument, 4);
    else {
      this.#sized(type | 27, Math.floor(argument / TWO_32), 4);
      this.#number(argument % TWO_32, 4);
    }
  }

  bytes(bytes: Uint8Array): void {
    this.head(BYTES, bytes.length);
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#at);
    this.#at += bytes.length;
  }

  /** `text` must consist of 0x20-0x7E. */
  text(text: string): void {
    this.head(TEXT, text.length);
    this.#reserve(text.length);
    for (let at = 0; at < text.length; at++) this.#buffer[this.#at++] = text.charCodeAt(at);
  }

  /** Enters a list or map of `count` items. */
  enter(major: number, count: number): void {
    this.#depth += 1;
    demand(this.#depth <= MAX_DEPTH, "TOO_DEEP", "", "lists and maps nest at most 8 deep");
    this.head(major, count);
  }

  leave(): void {
    this.#depth -= 1;
  }

  /** The encoding. The writer cannot be used again. */
  done(): Uint8Array {
    spare = this.#buffer.length === SPARE_BYTES ? { buffer: this.#buffer, from: this.#at } : null;
    return this.#buffer.subarray(this.#from, this.#at);
  }

  /** What was written so far, until the next write, which begins anew in the same memory. */
  take(): Uint8Array {
    const written = this.#buffer.subarray(this.#from, this.#at);
    this.#at = this.#from;
    this.#depth = 0;
    return written;
  }

  #sized(first: number, value: number, size: number): void {
    this.#buffer[this.#at++] = first;
    this.#number(value, size);
  }

  /** The low `size` bytes of `value`, big-endian. */
  #number(value: number, size: number): void {
    for (let shift = (size - 1) * 8; shift >= 0; shift -= 8) this.#buffer[this.#at++] = value >>> shift;
  }

  #reserve(size: number): void {
    if (this.#at + size <= this.#buffer.length) return;
    const written = this.#buffer.subarray(this.#from, this.#at);
    this.#buffer = new Uint8Array(Math.max(SPARE_BYTES, (written.length + size) * 2));
    this.#buffer.set(written);
    this.#from = 0;
    this.#at = written.length;
  }
}

/** Walks one encoding. Every method fails with MALFORMED, NOT_CANONICAL, TOO_LARGE, TOO_DEEP or BAD_VALUE. */
export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #depth = 0;

  /** Of a Node's Buffer only the bytes are taken: its own `slice` does not copy. */
  constructor(bytes: Uint8Array) {
    this.#bytes = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** The argument of an item that must be of `major` type. */
  head(major: number): number {
    const first = this.#byte();
    if (first >> 5 !== major) refuse("MALFORMED", "", `an item of CBOR major type ${major} is expected here`);
    const short = first & 0x1f;
    return short < 24 ? short : this.#argument(short);
  }

  /** Major type of the next item, without moving. */
  peek(): number {
    const first = this.#bytes[this.#at];
    if (first === undefined) refuse("MALFORMED", "", "the message ends too early");
    return first >> 5;
  }

  /** At most `max` bytes, copied, so that they do not keep all of the message alive. */
  bytes(max: number): Uint8Array {
    const from = this.#take(this.head(BYTES), max);
    return this.#bytes.slice(from, this.#at);
  }

  /** At most `max` bytes, not copied: whoever keeps them keeps all of the message. */
  view(max: number): Uint8Array {
    const from = this.#take(this.head(BYTES), max);
    return this.#bytes.subarray(from, this.#at);
  }

  /** At most `max` bytes as lower-case hex. */
  hex(max: number): string {
    const from = this.#take(this.head(BYTES), max);
    return toHex(this.#bytes, from, this.#at);
  }

  /** At most `max` characters of 0x20-0x7E. */
  text(max: number): string {
    const from = this.#take(this.head(TEXT), max);
    const codes = new Array<number>(this.#at - from);
    for (let at = 0; at < codes.length; at++) {
      const byte = this.#bytes[from + at] as number;
      if (byte < 0x20 || byte > 0x7e) refuse("BAD_VALUE", "", "text is limited to the characters 0x20-0x7E");
      codes[at] = byte;
    }
    // In one piece: a text that is built up letter by letter keeps an object for each of them.
    return String.fromCharCode(...codes);
  }

  /** Enters a list or map and gives its count. */
  enter(major: number): number {
    this.#depth += 1;
    demand(this.#depth <= MAX_DEPTH, "TOO_DEEP", "", "lists and maps nest at most 8 deep");
    return this.head(major);
  }

  leave(): void {
    this.#depth -= 1;
  }

  /** Whether anything follows. */
  more(): boolean {
    return this.#at < this.#bytes.length;
  }

  /** Fails unless everything has been read. */
  end(): void {
    demand(this.#at === this.#bytes.length, "MALFORMED", "", "bytes follow the end of the object");
  }

  /** An argument of 1, 2, 4 or 8 bytes, as `short` says. */
  #argument(short: number): number {
    demand(short <= 27, "MALFORMED", "", "indefinite and reserved lengths are not part of the format");
    const size = 2 ** (short - 24);
    let value = 0;
    for (let count = 0; count < size; count++) value = value * 256 + this.#byte();
    demand(Number.isSafeInteger(value), "BAD_VALUE", "", "integers end at 2^53-1");
    const least = size === 1 ? 24 : 256 ** (size / 2);
    demand(value >= least, "NOT_CANONICAL", "", "the shortest integer encoding is expected");
    return value;
  }

  #byte(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) refuse("MALFORMED", "", "the message ends too early");
    this.#at += 1;
    return byte;
  }

  /** Passes over `size` bytes and gives where they begin. */
  #take(size: number, max: number): number {
    if (size > max) refuse("TOO_LARGE", "", `at most ${max} bytes are allowed here`);
    const from = this.#at;
    demand(from + size <= this.#bytes.length, "MALFORMED", "", "the message ends too early");
    this.#at += size;
    return from;
  }
}
