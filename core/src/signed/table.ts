/** Maps with integer keys: `record` for one table, `variant` for a table that depends on the word in one of its fields.
 *
 *  Reading accepts exactly the table: ascending keys, nothing unknown, nothing missing, nothing twice. */
import { demand, refuse } from "../errors.ts";
import { MAP, type Reader, type Writer } from "./cbor.ts";
import { choice, type Field, type Json, type Shape, type Table, type Value } from "./codec.ts";

type Line = { readonly name: string } & Field<unknown>;
type Loose = { readonly [name: string]: unknown };

function lines(table: Table): readonly Line[] {
  return Object.entries(table)
    .map(([name, field]) => ({ name, ...field }))
    .sort((a, b) => a.key - b.key);
}

function writeLines(all: readonly Line[], out: Writer, value: Loose, at: string): void {
  const present = all.filter((line) => value[line.name] !== undefined);
  out.head(MAP, present.length);
  for (const line of all) {
    const part = value[line.name];
    if (part === undefined) {
      demand(line.optional, "MISSING_FIELD", path(at, line.name), "this field must be there");
      continue;
    }
    out.head(0, line.key);
    line.shape.write(out, part, path(at, line.name));
  }
  for (const name of Object.keys(value)) {
    demand(
      all.some((line) => line.name === name),
      "UNKNOWN_FIELD",
      path(at, name),
      "this kind of object has no such field",
    );
  }
}

/** Reads one map. `next` gives the lines that hold once the values read so far are known. */
function readLines(from: Reader, at: string, next: (soFar: Loose) => readonly Line[]): Loose {
  const count = from.enter(MAP, at);
  const value: { [name: string]: unknown } = {};
  let all = next(value);
  let position = 0;
  let last = -1;
  for (let seen = 0; seen < count; seen++) {
    const key = from.head(0, at);
    demand(key > last, "NOT_CANONICAL", at, "keys ascend and none comes twice");
    last = key;
    position = skipTo(all, position, key, at);
    const line = all[position] as Line;
    value[line.name] = line.shape.read(from, path(at, line.name));
    position += 1;
    all = next(value);
  }
  skipTo(all, position, Number.POSITIVE_INFINITY, at);
  from.leave();
  return value;
}

/** Position of `key` in the table; every line that is passed over must be optional. */
function skipTo(all: readonly Line[], start: number, key: number, at: string): number {
  let position = start;
  for (let line = all[position]; line !== undefined && line.key < key; line = all[position]) {
    demand(line.optional, "MISSING_FIELD", path(at, line.name), "this field must be there");
    position += 1;
  }
  const found = key === Number.POSITIVE_INFINITY || all[position]?.key === key;
  demand(found, "UNKNOWN_FIELD", path(at, `key ${key}`), "this kind of object has no such field");
  return position;
}

function linesToJson(all: readonly Line[], value: Loose): Json {
  const entries = all.filter((line) => value[line.name] !== undefined);
  return Object.fromEntries(entries.map((line) => [line.name, line.shape.toJson(value[line.name])]));
}

function linesFromJson(all: readonly Line[], json: Loose, at: string): Loose {
  const value: { [name: string]: unknown } = {};
  for (const line of all) {
    if (Object.hasOwn(json, line.name)) value[line.name] = line.shape.fromJson(json[line.name], path(at, line.name));
    else demand(line.optional, "MISSING_FIELD", path(at, line.name), "this field must be there");
  }
  for (const name of Object.keys(json)) {
    const known = all.some((line) => line.name === name);
    demand(known, "UNKNOWN_FIELD", path(at, name), "this kind of object has no such field");
  }
  return value;
}

function asObject(json: unknown, at: string): Loose {
  const fits = typeof json === "object" && json !== null && !Array.isArray(json);
  if (!fits) refuse("BAD_VALUE", at, "an object is expected");
  return json as Loose;
}

function path(at: string, name: string): string {
  return at === "" ? name : `${at}.${name}`;
}

/** A map with one table. */
export function record<F extends Table>(table: F): Shape<Value<F>> & { readonly lines: readonly Line[] } {
  const all = lines(table);
  return {
    words: `map (${all.map((line) => `${line.key} ${line.name}`).join(", ")})`,
    lines: all,
    write: (out, value, at) => writeLines(all, out, value as Loose, at),
    read: (from, at) => readLines(from, at, () => all) as Value<F>,
    toJson: (value) => linesToJson(all, value as Loose),
    fromJson: (json, at) => linesFromJson(all, asObject(json, at), at) as Value<F>,
  };
}

type Variants = { readonly [kind: string]: { readonly number: number; readonly table: Table } };
/** The union of the values of all variants, told apart by `Tag`. */
export type VariantValue<Tag extends string, Common extends Table, V extends Variants> = {
  [K in keyof V & string]: Value<Common> & Value<V[K]["table"]> & { readonly [T in Tag]: K };
}[keyof V & string];

/** A map whose table depends on the word in field `tag`. Fields with keys below `tagKey` are common to all kinds. */
export function variant<Tag extends string, Common extends Table, const V extends Variants>(
  tag: { readonly name: Tag; readonly key: number; readonly doc: string },
  common: Common,
  variants: V,
): Shape<VariantValue<Tag, Common, V>> & { readonly kinds: ReadonlyMap<string, readonly Line[]> } {
  type T = VariantValue<Tag, Common, V>;
  const names = Object.fromEntries(Object.entries(variants).map(([name, { number }]) => [name, number]));
  const tagShape = choice(names);
  const tagField = { [tag.name]: { key: tag.key, shape: tagShape, optional: false, doc: tag.doc } };
  const kinds = new Map(
    Object.entries(variants).map(([name, { table }]) => [name, lines({ ...common, ...tagField, ...table })]),
  );
  const prefix = lines({ ...common, ...tagField }).filter((line) => line.key <= tag.key);
  const linesOf = (value: Loose): readonly Line[] => kinds.get(value[tag.name] as string) ?? prefix;
  const known = (value: Loose, at: string): readonly Line[] => {
    const found = kinds.get(tagShape.fromJson(value[tag.name], path(at, tag.name)));
    return found as readonly Line[];
  };
  return {
    words: `map, by ${tag.name}: ${[...kinds.keys()].join(", ")}`,
    kinds,
    write: (out, value, at) => writeLines(known(value as Loose, at), out, value as Loose, at),
    read: (from, at) => readLines(from, at, linesOf) as T,
    toJson: (value) => linesToJson(linesOf(value as Loose), value as Loose),
    fromJson: (json, at) => linesFromJson(known(asObject(json, at), at), asObject(json, at), at) as T,
  };
}
