/** Arguments of contract calls: strict reading, the one canonical encoding, and the lines that people read.
 *
 *  The canonical encoding is what the specification's `enc` gives: every value that has no fixed size stands where the one
 *  before it ends. A reader that follows offsets would accept many encodings of one value; this one reads what must be at each
 *  place, writes it again and compares, so that offsets, padding and what follows are proven by one comparison.
 *  Source: Solidity 0.8, "Contract ABI Specification", Formal Specification of the Encoding and Strict Encoding Mode. */
import { concat, equal, fromHex, toHex } from "../../bytes.ts";
import { demand, refuse } from "../../errors.ts";
import { checksum } from "./address.ts";
import { headSize, isDynamic, type Type, typeText } from "./method.ts";

/** A value of an argument. Whole numbers are bigint, addresses EIP-55 text (the zero address too), bytes bytes, text a string
 *  without lone surrogates, arrays and tuples lists. */
export type Argument = bigint | boolean | string | Uint8Array | readonly Argument[];

/** Longest arguments, in bytes: what a person can still read. */
export const MAX_ARGUMENTS = 4_096;

const WORD = 32;

/** The values that `bytes` encode. Fails: CALL_INVALID unless they are the one canonical encoding of these types. */
export function readArguments(types: readonly Type[], bytes: Uint8Array, field: string): readonly Argument[] {
  demand(bytes.length <= MAX_ARGUMENTS, "CALL_INVALID", field, `arguments have at most ${MAX_ARGUMENTS} bytes`);
  const { value } = readAll({ bytes, field }, types, 0);
  const same = equal(writeArguments(types, value, field), bytes);
  demand(same, "CALL_INVALID", field, "offsets, padding or length are not those of the canonical encoding");
  return value;
}

type Source = { readonly bytes: Uint8Array; readonly field: string };
/** A value, and where it ends. */
type Read<T> = { readonly value: T; readonly end: number };

/** Values side by side: each in its place, or behind them all, where the one before it ends. */
function readAll(from: Source, types: readonly Type[], start: number): Read<readonly Argument[]> {
  let at = start;
  let end = types.reduce((sum, type) => sum + headSize(type), start);
  const value = types.map((type) => {
    const read = readOne(from, type, isDynamic(type) ? end : at);
    if (isDynamic(type)) end = read.end;
    at += headSize(type);
    return read.value;
  });
  return { value, end };
}

function readOne(from: Source, type: Type, at: number): Read<Argument> {
  const end = at + WORD;
  switch (type.is) {
    case "uint":
      return { value: wordAt(from, at), end };
    case "int":
      return { value: BigInt.asIntN(256, wordAt(from, at)), end };
    case "address":
      return { value: checksum(toHex(slice(from, at, WORD).subarray(12))), end };
    case "bool":
      return { value: wordAt(from, at) !== 0n, end };
    case "bytes":
      return type.size === undefined ? readBytes(from, at) : { value: slice(from, at, WORD).slice(0, type.size), end };
    case "string": {
      const { value, end: after } = readBytes(from, at);
      return { value: textOf(value, from.field), end: after };
    }
    case "tuple":
      return readAll(from, type.of, at);
    case "array": {
      const isFixed = type.length !== undefined;
      const length = isFixed ? type.length : lengthAt(from, at);
      return readAll(from, new Array<Type>(length).fill(type.of), isFixed ? at : end);
    }
  }
}

function readBytes(from: Source, at: number): Read<Uint8Array> {
  const length = lengthAt(from, at);
  return { value: slice(from, at + WORD, length).slice(), end: at + WORD + padded(length) };
}

/** A count of bytes or elements. */
function lengthAt(from: Source, at: number): number {
  const length = wordAt(from, at);
  demand(length <= MAX_ARGUMENTS, "CALL_INVALID", from.field, "a length reaches behind the end");
  return Number(length);
}

function wordAt(from: Source, at: number): bigint {
  return BigInt(`0x${toHex(slice(from, at, WORD))}`);
}

function slice({ bytes, field }: Source, at: number, size: number): Uint8Array {
  demand(at + size <= bytes.length, "CALL_INVALID", field, "the arguments end early");
  return bytes.subarray(at, at + size);
}

function padded(length: number): number {
  return Math.ceil(length / WORD) * WORD;
}

/** The one encoding of `values`. Fails: CALL_INVALID for a value that is not of its type, or when it is too long. */
export function writeArguments(types: readonly Type[], values: readonly Argument[], field: string): Uint8Array {
  const bytes = writeAll(types, values, field);
  demand(bytes.length <= MAX_ARGUMENTS, "CALL_INVALID", field, `arguments have at most ${MAX_ARGUMENTS} bytes`);
  return bytes;
}

function writeAll(types: readonly Type[], values: readonly Argument[], field: string): Uint8Array {
  const detail = `${types.length} values are expected, there are ${values.length}`;
  demand(values.length === types.length, "CALL_INVALID", field, detail);
  const parts = types.map((type, at) => writeOne(type, values[at] as Argument, `${field}.${at + 1}`));
  let end = types.reduce((sum, type) => sum + headSize(type), 0);
  const heads = types.map((type, at) => {
    const part = parts[at] as Uint8Array;
    if (!isDynamic(type)) return part;
    const offset = word(BigInt(end));
    end += part.length;
    return offset;
  });
  return concat(...heads, ...parts.filter((_, at) => isDynamic(types[at] as Type)));
}

function writeOne(type: Type, value: Argument, field: string): Uint8Array {
  const wrong = (): never => refuse("CALL_INVALID", field, `a value of ${typeText(type)} is expected`);
  switch (type.is) {
    case "uint":
      return typeof value === "bigint" && BigInt.asUintN(type.bits, value) === value ? word(value) : wrong();
    case "int":
      return typeof value === "bigint" && BigInt.asIntN(type.bits, value) === value ? word(value) : wrong();
    case "address":
      return typeof value === "string" && isAddress(value) ? word(BigInt(value)) : wrong();
    case "bool":
      return typeof value === "boolean" ? word(value ? 1n : 0n) : wrong();
    case "bytes":
      if (!(value instanceof Uint8Array)) return wrong();
      if (type.size === undefined) return withLength(value);
      return value.length === type.size ? concat(value, new Uint8Array(WORD - type.size)) : wrong();
    case "string":
      return typeof value === "string" ? withLength(utf8(value, field)) : wrong();
    case "tuple":
      return isList(value) ? writeAll(type.of, value, field) : wrong();
    case "array": {
      if (!isList(value)) return wrong();
      const { length = value.length } = type;
      const all = writeAll(new Array<Type>(length).fill(type.of), value, field);
      return type.length === undefined ? concat(word(BigInt(length)), all) : all;
    }
  }
}

function isList(value: Argument): value is readonly Argument[] {
  return Array.isArray(value);
}

/** EIP-55 text of any 20 bytes; unlike a payee, an argument may be the zero address. */
function isAddress(text: string): boolean {
  return /^0x[0-9a-fA-F]{40}$/.test(text) && checksum(text.slice(2).toLowerCase()) === text;
}

function withLength(bytes: Uint8Array): Uint8Array {
  return concat(word(BigInt(bytes.length)), bytes, new Uint8Array(padded(bytes.length) - bytes.length));
}

/** 32 bytes, big-endian; a negative number as its two's complement. */
function word(value: bigint): Uint8Array {
  return fromHex(
    BigInt.asUintN(256, value)
      .toString(16)
      .padStart(2 * WORD, "0"),
  );
}

/** Text of UTF-8, in its only form: no overlong sequences, no surrogates, nothing beyond U+10FFFF.
 *  Source: ECMA-262, Decode. */
function textOf(bytes: Uint8Array, field: string): string {
  try {
    return decodeURIComponent(toHex(bytes).replace(/../g, "%$&"));
  } catch {
    refuse("CALL_INVALID", field, "a text is not UTF-8");
  }
}

function utf8(text: string, field: string): Uint8Array {
  try {
    const escaped = encodeURIComponent(text);
    return fromHex(escaped.replace(/%(..)|./g, (one, digits) => digits?.toLowerCase() ?? one.charCodeAt(0).toString(16)));
  } catch {
    refuse("CALL_INVALID", field, "a text has a lone surrogate");
  }
}

/** Every argument as one line: its place, its type, its value; an array first says how many elements follow. */
export function argumentLines(types: readonly Type[], values: readonly Argument[], place = ""): readonly string[] {
  return types.flatMap((type, at) => linesOf(type, values[at] as Argument, `${place}${at + 1}`));
}

function linesOf(type: Type, value: Argument, place: string): readonly string[] {
  if (type.is === "tuple") return argumentLines(type.of, value as readonly Argument[], `${place}.`);
  if (type.is !== "array") return [`${place} ${typeText(type)} ${shown(type, value)}`];
  const items = value as readonly Argument[];
  const title = `${place} ${typeText(type)} of ${items.length}`;
  return [title, ...argumentLines(new Array<Type>(items.length).fill(type.of), items, `${place}.`)];
}

function shown(type: Type, value: Argument): string {
  if (value instanceof Uint8Array) return `0x${toHex(value)}`;
  return type.is === "string" ? quoted(value as string) : String(value);
}

/** Text between quotes, in which whatever is not printable ASCII, a quote or a backslash is escaped: no two texts are shown
 *  alike. */
function quoted(text: string): string {
  const escaped = Array.from(text, (sign) => {
    if (sign === '"' || sign === "\\") return `\\${sign}`;
    return /^[\x20-\x7e]$/.test(sign) ? sign : `\\u{${(sign.codePointAt(0) as number).toString(16)}}`;
  });
  return `"${escaped.join("")}"`;
}
