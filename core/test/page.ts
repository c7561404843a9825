/** The examples of docs/spec/rulebook.md, each with what the page says of it, as rulebooks. */
import { toHex } from "../src/bytes.ts";
import { NOTHING, OPEN } from "../src/rulebook/open.ts";
import type { Json } from "../src/signed/codec.ts";
import { Rulebook } from "../src/signed/rulebook.ts";
import { passkey, publicKeyOf, sampleRulebook } from "./sample.ts";

export type Fields = { readonly [name: string]: Json };
/** What the page's tables ask of, by the first word over them: `payment` and `freeze` are for a vault to judge. */
const ASKED = ["action", "approvers", "change", "payment", "freeze"] as const;
/** An example with what the page says of it: a refusal, or rows of a table. */
export type Example = {
  readonly fields: Fields;
  readonly refusal: string | null;
  readonly asked: (typeof ASKED)[number] | null;
  readonly rows: readonly (readonly [it: string, says: string])[];
};

export function examplesIn(page: string): readonly Example[] {
  return [...page.matchAll(/```json\n(.*?)\n```\n(.*?)(?=```json|\n#|$)/gs)].map(([, json = "", after = ""]) => {
    const [, code, field] = /^Refused: `(\w+)` at `([\w.-]+)`$/m.exec(after) ?? [];
    const [, head = "", table = ""] = /^\| (\w+).*\n\|---\|---\|\n((?:\| `[{[].*\n)+)/m.exec(after) ?? [];
    const asked = ASKED.find((word) => word === head) ?? null;
    if (asked === null && table !== "") throw new Error(`nobody judges a table of: ${head}`);
    const rows = [...table.matchAll(/^\| `(.*?)` \| (.*?) \|$/gm)].map(([, it = "", says = ""]) => [it, says] as const);
    return { fields: JSON.parse(json) as Fields, refusal: code === undefined ? null : `${code} ${field}`, asked, rows };
  });
}

/** What the examples leave out: open conditions, demands of nothing, public keys, which `keyOf` gives by name. */
function filled(section: string, item: Fields, keyOf: KeyOf): Fields {
  const { id, effect } = item as { readonly id: string; readonly effect: Json };
  if (section === "rules") return { ...(OPEN as Fields), ...(effect === "require" ? (NOTHING as Fields) : {}), ...item };
  if (section === "sources") return { publicKey: toHex(keyOf(id)), ...item };
  if (section !== "persons") return item;
  const keys = (item["keys"] as Fields[]).map((key, at) => {
    const made = key["scheme"] === "ed25519" ? keyOf(`${id} ${at}`) : passkey(`${id} ${at}`).publicKey;
    return { publicKey: toHex(made), ...key };
  });
  return { ...item, keys };
}
type KeyOf = (name: string) => Uint8Array;

/** A rulebook with an example on top: its rules and limits in place of those; other items with an id are added, in place of
 *  one with the same. */
export function jsonOf(fields: Fields, base: Rulebook = sampleRulebook(), keyOf: KeyOf = publicKeyOf): Fields {
  const before = Rulebook.shape.toJson(base) as Fields;
  const merged = Object.entries(fields).map(([section, value]) => {
    if (!Array.isArray(value)) return [section, value];
    const items = (value as Fields[]).map((item) => filled(section, item, keyOf));
    if (section === "rules" || section === "limits") return [section, items];
    const ids = new Set(items.map(({ id }) => id));
    return [section, [...items, ...(before[section] as Fields[]).filter(({ id }) => !ids.has(id as string))]];
  });
  return { ...before, ...Object.fromEntries(merged) };
}

/** The rulebook after a change as the page writes it: items by their id, with other fields, new or `gone`. */
export function changed(book: Fields, change: Fields): Fields {
  const sections = Object.entries(change).map(([section, value]) => {
    if (!Array.isArray(value)) return [section, typeof value === "object" ? { ...(book[section] as Fields), ...value } : value];
    const before = new Map((book[section] as Fields[]).map((item) => [item["id"], item]));
    for (const item of value as Fields[]) {
      const known = before.get(item["id"] as Json);
      if (item["gone"] === true) before.delete(item["id"] as Json);
      else
        before.set(item["id"] as Json, {
          ...known,
          ...(known === undefined || section === "persons" ? filled(section, item, publicKeyOf) : item),
        });
    }
    return [section, [...before.values()]];
  });
  return { ...book, ...Object.fromEntries(sections) };
}
