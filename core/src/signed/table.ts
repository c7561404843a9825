/** Maps with integer keys: `record` for one table, `variant` for a table that depends on the word in one of its fields.
 *
 *  Reading accepts exactly the table: ascending keys, nothing unknown, nothing missing, nothing twice. */

import { MAP, type Reader, UINT, type Writer, within } from "../cbor.ts";
import { demand, refuse } from "../errors.ts";
import { choice, type Field, type Json, type Shape, type Table, type Value } from "./codec.ts";

export type Line = { readonly name: string } & Field<unknown>;
type Lines = readonly Line[];
type Loose = { readonly [name: string]: unknown };
/** The lines that hold from the start, and for a variant those that hold once its tag is known. */
type Layout = { readonly lines: Lines; readonly tag?: { readonly name: string; readonly kinds: ReadonlyMap<unknown, Lines> } };

function linesOf(table: Table): Lines {
  return Object.entries(table)
    .map(([name, field]) => ({ name, ...field }))
    .sort((a, b) => a.key - b.key);
}

function missing(line: Line): void {
  demand(line.optional, "MISSING_FIELD", line.name, "this field must be there");
}

function onlyKnown(lines: Lines, names: readonly string[]): void {
  for (const name of names) {
    const known = lines.some((line) => line.name === name);
    demand(known, "UNKNOWN_FIELD", name, "this kind of object has no such field");
  }
}

function writeLines(lines: Lines, out: Writer, value: Loose): void {
  const names = Object.keys(value);
  let present = 0;
  for (const line of lines) {
    if (value[line.name] === undefined) missing(line);
    else present += 1;
  }
  if (present !== names.length) onlyKnown(lines, names);
  out.enter(MAP, present);
  for (const line of lines) if (value[line.name] !== undefined) writeLine(line, out, value);
  out.leave();
}

function writeLine(line: Line, out: Writer, value: Loose): void {
  out.head(UINT, line.key);
  try {
    line.shape.write(out, value[line.name]);
  } catch (error) {
    throw within(line.name, error);
  }
}

function readLines(layout: Layout, from: Reader): Loose {
  const count = from.enter(MAP);
  const value: { [name: string]: unknown } = {};
  let lines = layout.lines;
  let position = 0;
  let last = -1;
  for (let seen = 0; seen < count; seen++) {
    const key = from.head(UINT);
    demand(key > last, "NOT_CANONICAL", "", "keys ascend and none comes twice");
    last = key;
    position = skipTo(lines, position, key);
    const line = lines[position];
    if (line?.key !== key) refuse("UNKNOWN_FIELD", `key ${key}`, "this kind of object has no such field");
    value[line.name] = readLine(line, from);
    if (line.name === layout.tag?.name) lines = layout.tag.kinds.get(value[line.name]) as Lines;
    position += 1;
  }
  skipTo(lines, position, Number.POSITIVE_INFINITY);
  from.leave();
  return value;
}

function readLine(line: Line, from: Reader): unknown {
  try {
    return line.shape.read(from);
  } catch (error) {
    throw within(line.name, error);
  }
}

/** Position of the first line at or after `key`; every line that is passed over must be optional. */
function skipTo(lines: Lines, start: number, key: number): number {
  let position = start;
  for (let line = lines[position]; line !== undefined && line.key < key; line = lines[position]) {
    missing(line);
    position += 1;
  }
  return position;
}

function linesToJson(lines: Lines, value: Loose): Json {
  const present = lines.filter((line) => value[line.name] !== undefined);
  return Object.fromEntries(present.map((line) => [line.name, line.shape.toJson(value[line.name])]));
}

function linesFromJson(lines: Lines, json: Loose): Loose {
  const value: { [name: string]: unknown } = {};
  for (const line of lines) {
    if (!Object.hasOwn(json, line.name)) missing(line);
    else value[line.name] = partFromJson(line, json[line.name]);
  }
  onlyKnown(lines, Object.keys(json));
  return value;
}

function partFromJson(line: Line, json: unknown): unknown {
  try {
    return line.shape.fromJson(json);
  } catch (error) {
    throw within(line.name, error);
  }
}

function asObject(json: unknown): Loose {
  const fits = typeof json === "object" && json !== null && !Array.isArray(json);
  if (!fits) refuse("BAD_VALUE", "", "an object is expected");
  return json as Loose;
}

/** A map with one table. */
export function record<F extends Table>(table: F): Shape<Value<F>> & { readonly lines: Lines } {
  const lines = linesOf(table);
  return {
    words: `map (${lines.map((line) => `${line.key} ${line.name}`).join(", ")})`,
    lines,
    write: (out, value) => writeLines(lines, out, value as Loose),
    read: (from) => readLines({ lines }, from) as Value<F>,
    toJson: (value) => linesToJson(lines, value as Loose),
    fromJson: (json) => linesFromJson(lines, asObject(json)) as Value<F>,
  };
}

type Variants = { readonly [kind: string]: { readonly number: number; readonly table: Table } };
/** The union of the values of all variants, told apart by `Tag`. */
export type VariantValue<Tag extends string, Common extends Table, V extends Variants> = {
  [K in keyof V & string]: Value<Common> & Value<V[K]["table"]> & { readonly [T in Tag]: K };
}[keyof V & string];

/** A map whose table depends on the word in field `tag`. Fields with keys below that of `tag` are common to all kinds. */
export function variant<Tag extends string, Common extends Table, const V extends Variants>(
  tag: { readonly name: Tag; readonly key: number; readonly doc: string },
  common: Common,
  variants: V,
): Shape<VariantValue<Tag, Common, V>> & { readonly kinds: ReadonlyMap<string, Lines> } {
  type T = VariantValue<Tag, Common, V>;
  const names = Object.fromEntries(Object.entries(variants).map(([name, { number }]) => [name, number]));
  const tagLine: Line = { name: tag.name, key: tag.key, shape: choice(names), optional: false, doc: tag.doc };
  const shared = { ...common, [tag.name]: tagLine };
  const kinds = new Map(Object.entries(variants).map(([name, { table }]) => [name, linesOf({ ...shared, ...table })]));
  const layout = { lines: linesOf(shared).filter((line) => line.key <= tag.key), tag: { name: tag.name, kinds } };
  const linesFor = (value: Loose): Lines => kinds.get(partFromJson(tagLine, value[tag.name]) as string) as Lines;
  return {
    words: `map, by ${tag.name}: ${[...kinds.keys()].join(", ")}`,
    kinds,
    write: (out, value) => writeLines(linesFor(value as Loose), out, value as Loose),
    read: (from) => readLines(layout, from) as T,
    toJson: (value) => linesToJson(linesFor(value as Loose), value as Loose),
    fromJson: (json) => linesFromJson(linesFor(asObject(json)), asObject(json)) as T,
  };
}
