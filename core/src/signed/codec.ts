/** Shapes and field tables: one table per kind of object yields its type, its strict codec, its JSON view and its page in
 *  docs/spec.
 *
 *  A `Shape` describes one value, a table of fields one map with integer keys. JSON is a view for people: amounts are decimal
 *  strings, bytes are hex, and what JSON says is only ever used through the bytes that it encodes to. */
import { fromHex, toHex } from "../bytes.ts";
import { demand, refuse } from "../errors.ts";
import { LIST, type Reader, TEXT, UINT, type Writer } from "./cbor.ts";

export type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json };

/** How one value is written, read and shown. `words` is its type in docs/spec. Every method may refuse with MALFORMED,
 *  NOT_CANONICAL, UNKNOWN_FIELD, MISSING_FIELD, BAD_VALUE, TOO_LARGE or TOO_DEEP and names `field`, a dotted path. */
export interface Shape<T> {
  readonly words: string;
  write(out: Writer, value: T, field: string): void;
  read(from: Reader, field: string): T;
  toJson(value: T): Json;
  fromJson(json: unknown, field: string): T;
}

/** One line of a field table. */
export type Field<T, Optional extends boolean = boolean> = {
  readonly key: number;
  readonly shape: Shape<T>;
  readonly optional: Optional;
  readonly doc: string;
};

export type Table = { readonly [name: string]: Field<unknown> };
type ValueIn<F> = F extends Field<infer T> ? T : never;
type OptionalNames<F extends Table> = { [K in keyof F]: F[K]["optional"] extends true ? K : never }[keyof F];
/** The value that a table describes. */
export type Value<F extends Table> = { readonly [K in Exclude<keyof F, OptionalNames<F>>]: ValueIn<F[K]> } & {
  readonly [K in OptionalNames<F>]?: ValueIn<F[K]>;
};
/** The value that a shape describes. */
export type Of<S> = S extends Shape<infer T> ? T : never;

/** A field that must be there. */
export function field<T>(key: number, shape: Shape<T>, doc: string): Field<T, false> {
  return { key, shape, optional: false, doc };
}

/** A field that may be absent. */
export function optional<T>(key: number, shape: Shape<T>, doc: string): Field<T, true> {
  return { key, shape, optional: true, doc };
}

/** An integer from `min` to `max`. */
export function uint(max: number = Number.MAX_SAFE_INTEGER, min = 0): Shape<number> {
  const check = (value: unknown, at: string): number => {
    const fits = typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max;
    if (!fits) refuse("BAD_VALUE", at, `an integer from ${min} to ${max} is expected`);
    return value;
  };
  return {
    words: min === max ? `uint, always ${min}` : max === Number.MAX_SAFE_INTEGER && min === 0 ? "uint" : `uint ${min}…${max}`,
    write: (out, value, at) => out.head(UINT, check(value, at)),
    read: (from, at) => check(from.head(UINT, at), at),
    toJson: (value) => value,
    fromJson: check,
  };
}

/** Exactly `size` bytes, carried as lower-case hex. `T` brands the text. */
export function hex<T extends string = string>(size: number): Shape<T> {
  const parse = (value: unknown, at: string): Uint8Array => {
    const fits = typeof value === "string" && value.length === size * 2;
    if (!fits) refuse("BAD_VALUE", at, `${size} bytes as ${size * 2} hex digits are expected`);
    return fromHex(value, at);
  };
  return {
    words: `bytes, exactly ${size}`,
    write: (out, value, at) => out.bytes(parse(value, at)),
    read: (from, at) => {
      const bytes = from.bytes(at, size);
      demand(bytes.length === size, "BAD_VALUE", at, `exactly ${size} bytes are expected`);
      return toHex(bytes) as T;
    },
    toJson: (value) => value,
    fromJson: (json, at) => toHex(parse(json, at)) as T,
  };
}

/** `min` to `max` bytes. */
export function blob(max: number, min = 0): Shape<Uint8Array> {
  const check = (value: Uint8Array, at: string): Uint8Array => {
    demand(value.length <= max, "TOO_LARGE", at, `at most ${max} bytes are allowed here`);
    demand(value.length >= min, "BAD_VALUE", at, `at least ${min} bytes are expected`);
    return value;
  };
  return {
    words: `bytes ${min}…${max}`,
    write: (out, value, at) => out.bytes(check(value, at)),
    read: (from, at) => check(from.bytes(at, max), at),
    toJson: toHex,
    fromJson: (json, at) => {
      if (typeof json !== "string") refuse("BAD_VALUE", at, "hex digits are expected");
      return check(fromHex(json, at), at);
    },
  };
}

/** Text of the characters 0x20-0x7E, `min` to `max` long, and matching `pattern` where one is given. */
export function text<T extends string = string>(max: number, min = 0, pattern?: { regex: RegExp; words: string }): Shape<T> {
  const check = (value: unknown, at: string): T => {
    if (typeof value !== "string") refuse("BAD_VALUE", at, "text is expected");
    demand(value.length <= max, "TOO_LARGE", at, `at most ${max} characters are allowed here`);
    demand(value.length >= min, "BAD_VALUE", at, `at least ${min} characters are expected`);
    demand(/^[\x20-\x7e]*$/.test(value), "BAD_VALUE", at, "text is limited to the characters 0x20-0x7E");
    demand(pattern === undefined || pattern.regex.test(value), "BAD_VALUE", at, `expected: ${pattern?.words}`);
    return value as T;
  };
  return {
    words: pattern?.words ?? `text ${min}…${max}`,
    write: (out, value, at) => out.text(check(value, at)),
    read: (from, at) => check(from.text(at, max), at),
    toJson: (value) => value,
    fromJson: check,
  };
}

/** A name that people read and programs compare: lower-case letters, digits and hyphens, so that no two look alike. */
export const slug = text(32, 1, { regex: /^[a-z0-9][a-z0-9-]*$/, words: "slug: a-z, 0-9, hyphen; 1…32" });

/** An amount in base units: minimal big-endian bytes, at most 32, zero is empty. JSON: a decimal string. */
export const amount: Shape<bigint> = {
  words: "amount: minimal big-endian bytes 0…32",
  write: (out, value, at) => {
    demand(value >= 0n && value < 1n << 256n, "BAD_VALUE", at, "an amount lies between 0 and 2^256-1");
    const digits = value === 0n ? "" : value.toString(16);
    out.bytes(fromHex(digits.length % 2 === 0 ? digits : `0${digits}`, at));
  },
  read: (from, at) => {
    const bytes = from.bytes(at, 32);
    demand(bytes[0] !== 0, "NOT_CANONICAL", at, "an amount has no leading zero byte");
    return bytes.length === 0 ? 0n : BigInt(`0x${toHex(bytes)}`);
  },
  toJson: (value) => value.toString(),
  fromJson: (json, at) => {
    const fits = typeof json === "string" && /^(0|[1-9][0-9]{0,77})$/.test(json);
    if (!fits) refuse("BAD_VALUE", at, "a decimal string of base units is expected");
    const value = BigInt(json);
    demand(value < 1n << 256n, "BAD_VALUE", at, "an amount lies between 0 and 2^256-1");
    return value;
  },
};

/** One of named alternatives, an integer on the wire and a word in code and JSON. */
export function choice<const T extends { readonly [name: string]: number }>(names: T): Shape<keyof T & string> {
  const byNumber = new Map(Object.entries(names).map(([name, number]) => [number, name]));
  const list = Object.keys(names).join(", ");
  const check = (value: unknown, at: string): string => {
    const known = typeof value === "string" && Object.hasOwn(names, value);
    if (!known) refuse("BAD_VALUE", at, `one of ${list} is expected`);
    return value;
  };
  return {
    words: [...byNumber].map(([number, name]) => `${number} ${name}`).join(", "),
    write: (out, value, at) => out.head(UINT, names[check(value, at)] as number),
    read: (from, at) => {
      const name = byNumber.get(from.head(UINT, at));
      if (name === undefined) refuse("BAD_VALUE", at, `one of ${list} is expected`);
      return name;
    },
    toJson: (value) => value,
    fromJson: check,
  };
}

/** No (0) or yes (1). */
export const flag: Shape<boolean> = {
  words: "0 no, 1 yes",
  write: (out, value) => out.head(UINT, value ? 1 : 0),
  read: (from, at) => {
    const value = from.head(UINT, at);
    demand(value <= 1, "BAD_VALUE", at, "0 or 1 is expected");
    return value === 1;
  },
  toJson: (value) => value,
  fromJson: (json, at) => {
    if (typeof json !== "boolean") refuse("BAD_VALUE", at, "true or false is expected");
    return json;
  },
};

/** `min` to `max` values of one shape, in order. */
export function list<T>(shape: Shape<T>, max: number, min = 0): Shape<readonly T[]> {
  const check = (count: number, at: string): void => {
    demand(count <= max, "TOO_LARGE", at, `at most ${max} items are allowed here`);
    demand(count >= min, "BAD_VALUE", at, `at least ${min} items are expected`);
  };
  return {
    words: `list ${min}…${max} of (${shape.words})`,
    write: (out, values, at) => {
      check(values.length, at);
      out.head(LIST, values.length);
      values.forEach((value, index) => {
        shape.write(out, value, `${at}.${index}`);
      });
    },
    read: (from, at) => {
      const count = from.enter(LIST, at);
      check(count, at);
      const values: T[] = [];
      for (let index = 0; index < count; index++) values.push(shape.read(from, `${at}.${index}`));
      from.leave();
      return values;
    },
    toJson: (values) => values.map((value) => shape.toJson(value)),
    fromJson: (json, at) => {
      if (!Array.isArray(json)) refuse("BAD_VALUE", at, "a list is expected");
      check(json.length, at);
      return json.map((value, index) => shape.fromJson(value, `${at}.${index}`));
    },
  };
}

/** A list of at least one value, or the word "any": leaving a condition open is always written down. */
export function anyOr<T>(shape: Shape<T>, max: number): Shape<"any" | readonly T[]> {
  const values = list(shape, max, 1);
  const word = text<"any">(3, 3, { regex: /^any$/, words: '"any"' });
  return {
    words: `"any", or ${values.words}`,
    write: (out, value, at) => (value === "any" ? word.write(out, value, at) : values.write(out, value, at)),
    read: (from, at) => (from.peek(at) === TEXT ? word.read(from, at) : values.read(from, at)),
    toJson: (value) => (value === "any" ? value : values.toJson(value)),
    fromJson: (json, at) => (json === "any" ? json : values.fromJson(json, at)),
  };
}

/** A shape that refers to itself. The reader's depth limit bounds it. */
export function lazy<T>(words: string, shape: () => Shape<T>): Shape<T> {
  return {
    words,
    write: (out, value, at) => shape().write(out, value, at),
    read: (from, at) => shape().read(from, at),
    toJson: (value) => shape().toJson(value),
    fromJson: (json, at) => shape().fromJson(json, at),
  };
}
