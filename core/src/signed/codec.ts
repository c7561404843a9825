/** Shapes and field tables: one table per kind of object yields its type, its strict codec, its JSON view and its page in
 *  docs/spec.
 *
 *  A `Shape` describes one value, a table of fields one map with integer keys. JSON is a view for people: amounts are decimal
 *  strings, bytes are hex, and what JSON says is only ever used through the bytes that it encodes to. */
import { fromHex, toHex } from "../bytes.ts";
import { LIST, type Reader, TEXT, UINT, type Writer, within } from "../cbor.ts";
import { demand, refuse } from "../errors.ts";

export type Json = string | number | boolean | readonly Json[] | { readonly [name: string]: Json };

/** How one value is written, read and shown. `words` is its type in docs/spec, `inner` what a list holds or another name
 *  stands for. Every method may refuse with MALFORMED, NOT_CANONICAL, UNKNOWN_FIELD, MISSING_FIELD, BAD_VALUE, TOO_LARGE or
 *  TOO_DEEP; the refusal's field is a dotted path that starts inside the value and is empty for the value itself. */
export interface Shape<T> {
  readonly words: string;
  readonly inner?: () => Shape<unknown>;
  write(out: Writer, value: T): void;
  read(from: Reader): T;
  toJson(value: T): Json;
  fromJson(json: unknown): T;
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
  const check = (value: unknown): number => {
    const fits = typeof value === "number" && Number.isSafeInteger(value) && value >= min && value <= max;
    if (!fits) refuse("BAD_VALUE", "", `an integer from ${min} to ${max} is expected`);
    return value;
  };
  return {
    words: min === max ? `uint, always ${min}` : max === Number.MAX_SAFE_INTEGER && min === 0 ? "uint" : `uint ${min}…${max}`,
    write: (out, value) => out.head(UINT, check(value)),
    read: (from) => check(from.head(UINT)),
    toJson: (value) => value,
    fromJson: check,
  };
}

/** Exactly `size` bytes, carried as lower-case hex. `T` brands the text. */
export function hex<T extends string = string>(size: number): Shape<T> {
  const parse = (value: unknown): Uint8Array => {
    const fits = typeof value === "string" && value.length === size * 2;
    if (!fits) refuse("BAD_VALUE", "", `${size} bytes as ${size * 2} hex digits are expected`);
    return fromHex(value, "");
  };
  return {
    words: `bytes, exactly ${size}`,
    write: (out, value) => out.bytes(parse(value)),
    read: (from) => {
      const text = from.hex(size);
      if (text.length !== size * 2) refuse("BAD_VALUE", "", `exactly ${size} bytes are expected`);
      return text as T;
    },
    toJson: (value) => value,
    fromJson: (json) => toHex(parse(json)) as T,
  };
}

/** `min` to `max` bytes. */
export function blob(max: number, min = 0): Shape<Uint8Array> {
  const check = (value: Uint8Array): Uint8Array => {
    if (value.length > max) refuse("TOO_LARGE", "", `at most ${max} bytes are allowed here`);
    if (value.length < min) refuse("BAD_VALUE", "", `at least ${min} bytes are expected`);
    return value;
  };
  return {
    words: `bytes ${min}…${max}`,
    write: (out, value) => out.bytes(check(value)),
    read: (from) => check(from.bytes(max)),
    toJson: toHex,
    fromJson: (json) => {
      if (typeof json !== "string") refuse("BAD_VALUE", "", "hex digits are expected");
      return check(fromHex(json, ""));
    },
  };
}

/** Text of the characters 0x20-0x7E, `min` to `max` long, and matching `pattern` where one is given. */
export function text<T extends string = string>(max: number, min = 0, pattern?: { regex: RegExp; words: string }): Shape<T> {
  const fits = (value: string): T => {
    if (value.length < min) refuse("BAD_VALUE", "", `at least ${min} characters are expected`);
    if (pattern?.regex.test(value) === false) refuse("BAD_VALUE", "", `expected: ${pattern.words}`);
    return value as T;
  };
  const check = (value: unknown): T => {
    if (typeof value !== "string") refuse("BAD_VALUE", "", "text is expected");
    if (value.length > max) refuse("TOO_LARGE", "", `at most ${max} characters are allowed here`);
    demand(/^[\x20-\x7e]*$/.test(value), "BAD_VALUE", "", "text is limited to the characters 0x20-0x7E");
    return fits(value);
  };
  return {
    words: pattern?.words ?? `text ${min}…${max}`,
    write: (out, value) => out.text(check(value)),
    read: (from) => fits(from.text(max)),
    toJson: (value) => value,
    fromJson: check,
  };
}

/** A name that people read and programs compare. It has one alphabet and one case, so that no homoglyph of another script
 *  fits in; `1` and `l`, `0` and `o` still look alike in bad fonts, which is why texts show addresses and hashes too. */
export const slug = text(32, 1, { regex: /^[a-z0-9][a-z0-9-]*$/, words: "slug: a-z, 0-9, hyphen; 1…32" });

/** An amount in base units: minimal big-endian bytes, at most 32, zero is empty. JSON: a decimal string. */
export const amount: Shape<bigint> = {
  words: "amount: minimal big-endian bytes 0…32",
  write: (out, value) => {
    const fits = typeof value === "bigint" && value >= 0n && value < 1n << 256n;
    demand(fits, "BAD_VALUE", "", "an amount lies between 0 and 2^256-1");
    const digits = value === 0n ? "" : value.toString(16);
    out.bytes(fromHex(digits.length % 2 === 0 ? digits : `0${digits}`));
  },
  read: (from) => {
    const digits = from.hex(32);
    demand(!digits.startsWith("00"), "NOT_CANONICAL", "", "an amount has no leading zero byte");
    return BigInt(`0x0${digits}`);
  },
  toJson: (value) => value.toString(),
  fromJson: (json) => {
    const fits = typeof json === "string" && /^(0|[1-9][0-9]{0,77})$/.test(json);
    if (!fits) refuse("BAD_VALUE", "", "a decimal string of base units is expected");
    const value = BigInt(json);
    demand(value < 1n << 256n, "BAD_VALUE", "", "an amount lies between 0 and 2^256-1");
    return value;
  },
};

/** One of named alternatives, an integer on the wire and a word in code and JSON. */
export function choice<const T extends { readonly [name: string]: number }>(names: T): Shape<keyof T & string> {
  const numbers = new Map<unknown, number>(Object.entries(names));
  const byNumber = new Map(Object.entries(names).map(([name, number]) => [number, name]));
  const list = Object.keys(names).join(", ");
  const check = (value: unknown): string => {
    if (!numbers.has(value)) refuse("BAD_VALUE", "", `one of ${list} is expected`);
    return value as string;
  };
  return {
    words: [...byNumber].map(([number, name]) => `${number} ${name}`).join(", "),
    write: (out, value) => out.head(UINT, numbers.get(check(value)) as number),
    read: (from) => {
      const name = byNumber.get(from.head(UINT));
      if (name === undefined) refuse("BAD_VALUE", "", `one of ${list} is expected`);
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
  read: (from) => {
    const value = from.head(UINT);
    demand(value <= 1, "BAD_VALUE", "", "0 or 1 is expected");
    return value === 1;
  },
  toJson: (value) => value,
  fromJson: (json) => {
    if (typeof json !== "boolean") refuse("BAD_VALUE", "", "true or false is expected");
    return json;
  },
};

/** `min` to `max` values of one shape, in order. */
export function list<T>(shape: Shape<T>, max: number, min = 0): Shape<readonly T[]> {
  const check = (count: number): void => {
    if (count > max) refuse("TOO_LARGE", "", `at most ${max} items are allowed here`);
    if (count < min) refuse("BAD_VALUE", "", `at least ${min} items are expected`);
  };
  /** `count` times `work`; a refusal names the index. */
  const each = <R>(count: number, work: (index: number) => R): R[] => {
    check(count);
    const results: R[] = [];
    try {
      while (results.length < count) results.push(work(results.length));
    } catch (error) {
      throw within(String(results.length), error);
    }
    return results;
  };
  return {
    words: `list ${min}…${max} of (${shape.words})`,
    inner: () => shape as Shape<unknown>,
    write: (out, values) => {
      out.enter(LIST, values.length);
      each(values.length, (index) => shape.write(out, values[index] as T));
      out.leave();
    },
    read: (from) => {
      const values = each(from.enter(LIST), () => shape.read(from));
      from.leave();
      return values;
    },
    toJson: (values) => values.map((value) => shape.toJson(value)),
    fromJson: (json) => {
      if (!Array.isArray(json)) refuse("BAD_VALUE", "", "a list is expected");
      return each(json.length, (index) => shape.fromJson(json[index]));
    },
  };
}

/** A list of at least one value, or the word "any": leaving a condition open is always written down. */
export function anyOr<T>(shape: Shape<T>, max: number): Shape<"any" | readonly T[]> {
  const values = list(shape, max, 1);
  const word = text<"any">(3, 3, { regex: /^any$/, words: '"any"' });
  return {
    words: `"any", or ${values.words}`,
    inner: () => values as Shape<unknown>,
    write: (out, value) => (value === "any" ? word.write(out, value) : values.write(out, value)),
    read: (from) => (from.peek() === TEXT ? word.read(from) : values.read(from)),
    toJson: (value) => (value === "any" ? value : values.toJson(value)),
    fromJson: (json) => (json === "any" ? json : values.fromJson(json)),
  };
}

/** A shape that refers to itself. The depth limit of reader and writer bounds it. */
export function lazy<T>(words: string, shape: () => Shape<T>): Shape<T> {
  return {
    words,
    inner: shape as () => Shape<unknown>,
    write: (out, value) => shape().write(out, value),
    read: (from) => shape().read(from),
    toJson: (value) => shape().toJson(value),
    fromJson: (json) => shape().fromJson(json),
  };
}
