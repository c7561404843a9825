/** The examples of docs/spec/rulebook.md, each with what the page says of it, as rulebooks. */
import { toHex } from "../src/bytes.ts";
import { NOTHING, OPEN } from "../src/rulebook/open.ts";
import type { Json } from "../src/signed/codec.ts";
import { Rulebook } from "../src/signed/rulebook.ts";
import { publicKeyOf, sampleRulebook } from "./sample.ts";

export type Fields = { readonly [name: string]: Json };
/** An example with what the page says of it: a refusal, or rows of a table. */
export type Example = {
  readonly fields: Fields;
  readonly refusal: string | null;
  readonly rows: readonly (readonly [string, string])[];
};

export function examplesIn(page: string): readonly Example[] {
  return [...page.matchAll(/```json\n(.*?)\n```\n(.*?)(?=```json|\n#|$)/gs)].map(([, json = "", after = ""]) => {
    const [, code, field] = /^Refused: `(\w+)` at `([\w.-]+)`$/m.exec(after) ?? [];
    const rows = [...after.matchAll(/^\| `([{[].*?[}\]])` \| (.*?) \|$/gm)].map(
      ([, it = "", says = ""]) => [it, says] as const,
    );
    return { fields: JSON.parse(json) as Fields, refusal: code === undefined ? null : `${code} ${field}`, rows };
  });
}

/** What the examples leave out: open conditions, demands of nothing, public keys. */
const FILLED: { readonly [section: string]: (item: Fields, id: string) => Fields } = {
  rules: (item) => ({ ...(OPEN as Fields), ...(item["effect"] === "require" ? (NOTHING as Fields) : {}), ...item }),
  sources: (item, id) => ({ publicKey: toHex(publicKeyOf(id)), ...item }),
  persons: (item, id) => ({
    ...item,
    keys: (item["keys"] as Fields[]).map((key, at) => ({ publicKey: toHex(publicKeyOf(`${id} ${at}`)), ...key })),
  }),
};

/** The small rulebook with an example on top: its rules and limits in place of those; other items with an id are added, in
 *  place of one with the same. */
export function jsonOf(fields: Fields): Fields {
  const base = Rulebook.shape.toJson(sampleRulebook()) as Fields;
  const merged = Object.entries(fields).map(([section, value]) => {
    if (!Array.isArray(value)) return [section, value];
    const items = value.map((item) => (FILLED[section] ?? ((same) => same))(item as Fields, String((item as Fields)["id"])));
    if (section === "rules" || section === "limits") return [section, items];
    const ids = new Set(items.map(({ id }) => id));
    return [section, [...items, ...(base[section] as Fields[]).filter(({ id }) => !ids.has(id as string))]];
  });
  return { ...base, ...Object.fromEntries(merged) };
}

/** The same, decoded. */
export function documentOf(fields: Fields): Rulebook {
  return Rulebook.shape.fromJson(jsonOf(fields));
}
