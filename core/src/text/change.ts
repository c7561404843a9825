/** The text of a change of the rulebook: what goes, what comes, what becomes different, line by line. Vetoes and "seen"
 *  receipts name its hash. It shows; whether a change waits is decided in `core/src/rulebook/change.ts`. */
import type { Book } from "../rulebook/book.ts";
import type { Json } from "../signed/codec.ts";
import { encode, idOf } from "../signed/object.ts";
import { Rulebook } from "../signed/rulebook.ts";

/** The text of replacing the rulebook in force by `next`. */
export function renderChange(current: Book, next: Rulebook): string {
  const before = parts(current.document);
  const after = parts(next);
  const names = [...new Set([...before.keys(), ...after.keys()])].sort();
  const lines = names.flatMap((name) => {
    const [old, now] = [before.get(name), after.get(name)];
    if (old === now) return [];
    return [...(old === undefined ? [] : [`- ${name}: ${old}`]), ...(now === undefined ? [] : [`+ ${name}: ${now}`])];
  });
  const mark = next.demonstration ? ["DEMONSTRATION - no real value"] : [];
  const title = [`CHANGE OF THE RULEBOOK TO EPOCH ${next.epoch}`, `id ${idOf(Rulebook, encode(Rulebook, next))}`];
  return [...mark, ...title, ...lines.flatMap(folded), ...mark].join("\n");
}

/** A long line goes on below itself, further in, so that on a screen of 80 columns no part of it can pass for another line. */
function folded(line: string): readonly string[] {
  return Array.from(line.matchAll(/.{1,76}/g), ([part], at) => (at === 0 ? part : `    ${part}`));
}

/** Every item of every section by a name of its own, as one line of JSON. */
function parts(book: Rulebook): ReadonlyMap<string, string> {
  const json = Rulebook.shape.toJson(book) as { readonly [section: string]: Json };
  const found = new Map<string, string>();
  for (const [section, value] of Object.entries(json)) {
    const items = Array.isArray(value) ? (value as readonly { readonly id: string | number }[]) : [];
    for (const item of items) found.set(`${section} ${item.id}`, JSON.stringify(item));
    if (!Array.isArray(value)) found.set(section, JSON.stringify(value));
  }
  return found;
}
