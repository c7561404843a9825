/** The JSON Schema of the rulebook's JSON form, docs/rulebook.schema.json, from the same tables as its codec. It takes what
 *  `fromJson` takes and refuses what that refuses, but for one thing: amounts of 78 digits from 2^256 on pass the schema.
 *  Words that are new in a table must get a line here; until then nothing is written. */
import { fileURLToPath } from "node:url";
import { amount, type Shape, slug } from "@strongroom/core/signed/codec";
import { hash32, time } from "@strongroom/core/signed/fields";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import type { Line } from "@strongroom/core/signed/table";

export const PAGE = fileURLToPath(new URL("../docs/rulebook.schema.json", import.meta.url));

export type Schema = { readonly [word: string]: unknown };
/** A shape with the tables that it may have. */
export type Node = Shape<unknown> & { readonly lines?: readonly Line[]; readonly kinds?: ReadonlyMap<string, readonly Line[]> };

const integer = (minimum = 0, maximum: number = Number.MAX_SAFE_INTEGER) => ({ type: "integer", minimum, maximum });
const hex = (least: number, most = least) => ({
  type: "string",
  pattern: least === most ? `^[0-9a-f]{${least * 2}}$` : `^([0-9a-f]{2}){${least},${most}}$`,
});
const matching = (pattern: string) => () => ({ type: "string", pattern });

/** What the words of a leaf mean in JSON; the numbers in them are the arguments. */
const LEAVES: readonly (readonly [words: RegExp, schema: (...numbers: number[]) => Schema])[] = [
  [/^uint$/, () => integer()],
  [/^uint (\d+)…(\d+)$/, integer],
  [/^uint, always (\d+)$/, (value) => ({ const: value })],
  [/^minutes (-\d+)…(\d+), as a uint/, integer],
  [/^bytes, exactly (\d+)$/, hex],
  [/^bytes (\d+)…(\d+)$/, hex],
  [/^text (\d+)…(\d+)$/, (least, most) => ({ type: "string", pattern: `^[ -~]{${least},${most}}$` })],
  [/^slug: a-z, 0-9, hyphen; 1…32$/, matching("^[a-z0-9][a-z0-9-]{0,31}$")],
  [/^amount: /, matching("^(0|[1-9][0-9]{0,77})$")],
  [/^0 no, 1 yes$/, () => ({ type: "boolean" })],
];
/** Leaves that come often and have a definition of their own. */
const NAMED = new Map<unknown, string>([
  [slug, "slug"],
  [amount, "amount"],
  [hash32, "hash"],
  [time, "time"],
]);

/** The schema of a leaf by its words. Throws for words that no line above knows. */
export function leaf(words: string): Schema {
  for (const [pattern, schema] of LEAVES) {
    const found = pattern.exec(words);
    if (found !== null) return schema(...found.slice(1).map(Number));
  }
  if (!/^\d+ [\w-]+(, \d+ [\w-]+)*$/.test(words)) throw new Error(`no JSON Schema for: ${words}`);
  return { enum: words.split(", ").map((word) => word.replace(/^\d+ /, "")) };
}

/** What stands in `$defs`: each shape once, under the name by which it was met first. */
class Definitions {
  readonly #names = new Map<Node, string>();
  readonly #schemas: { [name: string]: Schema } = {};

  /** A reference to the definition of `shape`, which is made when there is none yet. */
  refer(shape: Node, name: string, make: () => Schema): Schema {
    if (!this.#names.has(shape)) {
      this.#names.set(shape, name);
      this.#schemas[name] = make();
    }
    return { $ref: `#/$defs/${this.#names.get(shape)}` };
  }

  sorted(): Schema {
    return Object.fromEntries(Object.entries(this.#schemas).sort(([a], [b]) => (a < b ? -1 : 1)));
  }
}

/** The schema of a shape that `path` leads to. Maps are defined under that path, which is also the field in refusals. */
function schemaOf(shape: Node, path: string, defs: Definitions): Schema {
  if (shape.lines !== undefined || shape.kinds !== undefined)
    return defs.refer(shape, path, () => mapSchema(shape, path, defs));
  const inner = shape.inner?.() as Node | undefined;
  if (inner === undefined) {
    const name = NAMED.get(shape);
    return name === undefined ? leaf(shape.words) : defs.refer(shape, name, () => leaf(shape.words));
  }
  const within = schemaOf(inner, path, defs);
  if (shape.words.startsWith('"any", or ')) return { anyOf: [{ const: "any" }, within] };
  const [isList, minItems, maxItems] = (/^list (\d+)…(\d+) of \(/.exec(shape.words) ?? []).map(Number);
  return isList === undefined ? within : { type: "array", items: within, minItems, maxItems };
}

function mapSchema(shape: Node, path: string, defs: Definitions): Schema {
  if (shape.kinds === undefined) return objectSchema(shape.lines ?? [], path, defs);
  const [, tag = ""] = /^map, by (\w+): /.exec(shape.words) ?? [];
  const one = (word: string, lines: readonly Line[]) => objectSchema(lines, path, defs, { [tag]: { const: word } });
  return { oneOf: [...shape.kinds].map(([word, lines]) => one(word, lines)) };
}

/** An object with these fields and no others. `known`: schemas of fields that are said already. */
function objectSchema(lines: readonly Line[], path: string, defs: Definitions, known: Schema = {}): Schema {
  const below = (name: string) => (path === "" ? name : `${path}.${name}`);
  const fields = lines.map(({ name, doc, shape }) => {
    const schema = known[name] ?? schemaOf(shape, below(name), defs);
    return [name, { description: doc, ...schema }];
  });
  const required = lines.filter((line) => !line.optional).map((line) => line.name);
  return { type: "object", properties: Object.fromEntries(fields), required, additionalProperties: false };
}

/** The schema of a rulebook. */
export function rulebookSchema(): Schema {
  const defs = new Definitions();
  return {
    $schema: "https://json-schema.org/draft/2020-12/schema",
    title: "Rulebook",
    description:
      "The layout of a rulebook in JSON, version 1. What it means, and what else makes one sound: docs/spec/rulebook.md.",
    ...mapSchema(Rulebook.shape as Node, "", defs),
    $defs: defs.sorted(),
  };
}

/** The document as it is checked in. */
export function written(): string {
  return `${JSON.stringify(rulebookSchema(), null, 2)}\n`;
}
