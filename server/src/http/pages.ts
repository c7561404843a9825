/** Pages of a list. A cursor is the sort key of the last item that was shown, with the list's name and a checksum, as
 *  base64url. It is no secret and grants nothing: every page is filtered for its caller. */
import { createHash } from "node:crypto";
import { PAGE } from "@strongroom/sdk/contract/fields";
import type { EndpointName } from "@strongroom/sdk/contract/table";
import type { z } from "zod";
import { problem } from "./call.ts";

const CHECK_BYTES = 6;

type Paging = { readonly after?: string | undefined; readonly limit?: string | undefined };
type Key = readonly [z.ZodType<string>, ...z.ZodType<string>[]];
/** A text for each part of the key. */
type Texts<K extends Key> = { readonly [I in keyof K]: string };

export type Listed<Row, Item, K extends Key> = {
  readonly list: EndpointName;
  readonly query: Paging;
  /** What the parts of the sort key are. */
  readonly key: K;
  readonly keyOf: (row: Row) => Texts<K>;
  /** The rows after a key, in their order, `take` at most. */
  readonly read: (from: { readonly after: Texts<K> | null; readonly take: number }) => Promise<readonly Row[]>;
  readonly show: (row: Row) => Item;
};

/** One page. Refuses with BAD_REQUEST at `query.after` what is no cursor of this list. */
export async function paged<Row, Item, const K extends Key>(
  it: Listed<Row, Item, K>,
): Promise<{ items: Item[]; next: string | null }> {
  const limit = Number(it.query.limit ?? PAGE);
  const after = it.query.after === undefined ? null : readCursor(it.list, it.key, it.query.after);
  const rows = await it.read({ after, take: limit + 1 });
  const shown = rows.slice(0, limit);
  const last = shown.at(-1);
  const next = rows.length > limit && last !== undefined ? writeCursor(it.list, it.keyOf(last)) : null;
  return { items: shown.map(it.show), next };
}

function checkOf(list: string, key: string): Buffer {
  return createHash("sha256").update(`strongroom/cursor/1 ${list} ${key}`).digest().subarray(0, CHECK_BYTES);
}

export function writeCursor(list: EndpointName, parts: readonly string[]): string {
  const key = JSON.stringify(parts);
  return Buffer.concat([checkOf(list, key), Buffer.from(key)]).toString("base64url");
}

export function readCursor<const K extends Key>(list: EndpointName, key: K, cursor: string): Texts<K> {
  const bytes = Buffer.from(cursor, "base64url");
  const text = bytes.subarray(CHECK_BYTES).toString();
  const isOurs = bytes.toString("base64url") === cursor && checkOf(list, text).equals(bytes.subarray(0, CHECK_BYTES));
  const parts = isOurs ? parsed(text) : null;
  const fits = parts?.length === key.length && key.every((part, at) => part.safeParse(parts[at]).success);
  return fits ? (parts as Texts<K>) : problem("BAD_REQUEST", "query.after", "This is no cursor of this list.");
}

/** The parts in the text of a cursor; anybody can make its checksum. */
function parsed(text: string): readonly unknown[] | null {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : null;
  } catch (error) {
    if (error instanceof SyntaxError) return null;
    throw error;
  }
}
