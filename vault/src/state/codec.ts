/** How values of the state are written for a snapshot: strictly, in one way only, with the items of core's CBOR subset.
 *
 *  No field has a number here and nothing is optional on the wire: a structure is its fields one after another in the order of
 *  its table. So it is only read by the very program that wrote it (docs/spec/journal.md), and the compiler holds every table
 *  complete. Core's shapes are codecs too. Every `read` may refuse with the codes of core's `Reader`. */
import { type Reader, UINT, type Writer } from "@strongroom/core/cbor";
import { demand } from "@strongroom/core/errors";
import type { Kind } from "@strongroom/core/signed/object";

export type Codec<T> = {
  readonly write: (out: Writer, value: T) => void;
  readonly read: (from: Reader) => T;
};
/** The value that a codec writes. */
export type Of<C> = C extends Codec<infer T> ? T : never;

type OptionalNames<T> = { [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? K : never }[keyof T];

/** A structure: all of its fields. `absent`: those that are not there rather than undefined. */
export function struct<T extends object>(
  table: { readonly [K in keyof T]-?: Codec<T[K]> },
  absent: readonly OptionalNames<T>[] = [],
): Codec<T> {
  const fields = Object.entries(table) as unknown as readonly (readonly [string, Codec<unknown>])[];
  return {
    write(out, value) {
      for (const [name, codec] of fields) codec.write(out, (value as { readonly [name: string]: unknown })[name]);
    },
    read(from) {
      const value: { [name: string]: unknown } = {};
      for (const [name, codec] of fields) value[name] = codec.read(from);
      for (const name of absent) if (value[name as string] === undefined) delete value[name as string];
      return value as T;
    },
  };
}

/** A value, or `none` in its place. */
function orElse<T, N extends null | undefined>(codec: Codec<T>, none: N): Codec<T | N> {
  return {
    write(out, value) {
      out.head(UINT, value === none ? 0 : 1);
      if (value !== none) codec.write(out, value as T);
    },
    read(from) {
      const count = from.head(UINT);
      demand(count <= 1, "BAD_VALUE", "", "0 or 1 is expected");
      return count === 0 ? none : codec.read(from);
    },
  };
}

export function maybe<T>(codec: Codec<T>): Codec<T | undefined> {
  return orElse(codec, undefined);
}

export function nullable<T>(codec: Codec<T>): Codec<T | null> {
  return orElse(codec, null);
}

/** Values of one codec, in order. */
export function many<T>(codec: Codec<T>): Codec<readonly T[]> {
  return {
    write(out, values) {
      out.head(UINT, values.length);
      for (const value of values) codec.write(out, value);
    },
    read(from) {
      const values: T[] = [];
      for (let left = from.head(UINT); left > 0; left--) values.push(codec.read(from));
      return values;
    },
  };
}

export function pair<A, B>(first: Codec<A>, second: Codec<B>): Codec<readonly [A, B]> {
  return {
    write(out, [a, b]) {
      first.write(out, a);
      second.write(out, b);
    },
    read: (from) => [first.read(from), second.read(from)],
  };
}

/** Another view of what `codec` writes. */
export function viewed<T, U>(
  codec: Codec<U>,
  view: { readonly to: (value: T) => U; readonly from: (value: U) => T },
): Codec<T> {
  return { write: (out, value) => codec.write(out, view.to(value)), read: (from) => view.from(codec.read(from)) };
}

/** The value of a kind, without a length. `U`: those of its values that may come here. */
export function object<T, U extends T = T>({ shape }: Kind<T>): Codec<U> {
  return { write: (out, value) => shape.write(out, value), read: (from) => shape.read(from) as U };
}
