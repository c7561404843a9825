/** The strict subset of deterministic CBOR (RFC 8949 §4.2.1) that every signed object, command and journal record uses.
 *
 *  Unsigned integers up to 2^53−1, definite byte strings, text of 0x20-0x7E, definite arrays and maps; shortest heads only;
 *  nothing else exists: no negative numbers, floats, tags, null or indefinite lengths. This file knows no field names. */
import { concat } from "../bytes.ts";
import { demand, refuse } from "../errors.ts";

export const UINT = 0;
export const BYTES = 2;
export const TEXT = 3;
export const LIST = 4;
export const MAP = 5;

/** Nesting of lists and maps, the outermost included. */
export const MAX_DEPTH = 8;

/** The head of an item: `major` type and argument, shortest form. */
function head(major: number, argument: number): Uint8Array {
  const type = major << 5;
  if (argument < 24) return Uint8Array.of(type | argument);
  if (argument < 0x100) return Uint8Array.of(type | 24, argument);
  if (argument < 0x1_0000) return Uint8Array.of(type | 25, argument >>> 8, argument & 0xff);
  if (argument < 0x1_0000_0000) return Uint8Array.of(type | 26, ...big32(argument));
  return Uint8Array.of(type | 27, ...big32(Math.floor(argument / 0x1_0000_0000)), ...big32(argument % 0x1_0000_0000));
}

function big32(value: number): number[] {
  return [(value >>> 24) & 0xff, (value >>> 16) & 0xff, (value >>> 8) & 0xff, value & 0xff];
}

/** Collects the parts of one encoding. */
export class Writer {
  readonly #parts: Uint8Array[] = [];

  head(major: number, argument: number): void {
    this.#parts.push(head(major, argument));
  }

  bytes(bytes: Uint8Array): void {
    this.head(BYTES, bytes.length);
    this.#parts.push(bytes);
  }

  text(text: string): void {
    const bytes = new Uint8Array(text.length);
    for (let at = 0; at < text.length; at++) bytes[at] = text.charCodeAt(at);
    this.head(TEXT, bytes.length);
    this.#parts.push(bytes);
  }

  done(): Uint8Array {
    return concat(...this.#parts);
  }
}

/** Walks one encoding. Every method fails with MALFORMED, NOT_CANONICAL, TOO_DEEP or BAD_VALUE and names `field`. */
export class Reader {
  readonly #bytes: Uint8Array;
  #at = 0;
  #depth = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** The argument of an item that must be of `major` type. */
  head(major: number, field: string): number {
    const first = this.#byte(field);
    demand(first >> 5 === major, "MALFORMED", field, `an item of CBOR major type ${major} is expected here`);
    const short = first & 0x1f;
    if (short < 24) return short;
    demand(short <= 27, "MALFORMED", field, "indefinite and reserved lengths are not part of the format");
    const size = 2 ** (short - 24);
    let value = 0;
    for (let count = 0; count < size; count++) value = value * 256 + this.#byte(field);
    demand(Number.isSafeInteger(value), "BAD_VALUE", field, "integers end at 2^53-1");
    const least = size === 1 ? 24 : 256 ** (size / 2);
    demand(value >= least, "NOT_CANONICAL", field, "the shortest integer encoding is expected");
    return value;
  }

  /** Major type of the next item, without moving. */
  peek(field: string): number {
    const first = this.#bytes[this.#at];
    if (first === undefined) refuse("MALFORMED", field, "the message ends too early");
    return first >> 5;
  }

  bytes(field: string, max: number): Uint8Array {
    const size = this.head(BYTES, field);
    return this.#take(size, max, field).slice();
  }

  text(field: string, max: number): string {
    const size = this.head(TEXT, field);
    let text = "";
    for (const byte of this.#take(size, max, field)) {
      demand(byte >= 0x20 && byte <= 0x7e, "BAD_VALUE", field, "text is limited to the characters 0x20-0x7E");
      text += String.fromCharCode(byte);
    }
    return text;
  }

  /** Enters a list or map and gives its count. */
  enter(major: number, field: string): number {
    this.#depth += 1;
    demand(this.#depth <= MAX_DEPTH, "TOO_DEEP", field, `lists and maps nest at most ${MAX_DEPTH} deep`);
    return this.head(major, field);
  }

  leave(): void {
    this.#depth -= 1;
  }

  /** Fails unless everything has been read. */
  end(field: string): void {
    demand(this.#at === this.#bytes.length, "MALFORMED", field, "bytes follow the end of the object");
  }

  #byte(field: string): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) refuse("MALFORMED", field, "the message ends too early");
    this.#at += 1;
    return byte;
  }

  #take(size: number, max: number, field: string): Uint8Array {
    demand(size <= max, "TOO_LARGE", field, `at most ${max} bytes are allowed here`);
    demand(size <= this.#bytes.length - this.#at, "MALFORMED", field, "the message ends too early");
    const part = this.#bytes.subarray(this.#at, this.#at + size);
    this.#at += size;
    return part;
  }
}
