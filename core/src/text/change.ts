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
  return [
    ...mark,
    `CHANGE OF THE RULEBOOK TO EPOCH ${next.epoch}`,
    `id ${idOf(Rulebook, encode(Rulebook, next))}`,
    ...lines,
    ...mark,
  ].join("\n");
}

/** Every item of every section by a name of its own, as one line of JSON. */
function parts(book: Rulebook): ReadonlyMap<string, string> {
  const json = Rulebook.shape.toJson(book) as { readonly [section: string]: Json };
  const found = new Map<string, string>();
  for (const [section, value] of Object.entries(json)) {
    if (!Array.isArray(value)) found.set(section, JSON.stringify(value));
    else
      for (const item of value as readonly { id: string | number }[]) found.set(`${section} ${item.id}`, JSON.stringify(item));
  }
  return found;
}
