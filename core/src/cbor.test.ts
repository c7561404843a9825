import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { ascii, fromHex, toHex } from "./bytes.ts";
import { BYTES, LIST, MAP, MAX_DEPTH, Reader, TEXT, UINT, Writer, within } from "./cbor.ts";
import { attempt, Refused, refuse } from "./errors.ts";
import { type Json, optional, type Shape, type Table } from "./signed/codec.ts";
import { decode, encode, kind } from "./signed/object.ts";
import { record } from "./signed/table.ts";

type Item = number | string | { readonly bytes: string } | readonly Item[] | { readonly map: { readonly [key: string]: Item } };

const isList = (item: Item): item is readonly Item[] => Array.isArray(item);

/** Keys 0 to 9, each with any item. */
const map = record(
  Object.fromEntries(Array.from({ length: 10 }, (_, key) => [`k${key}`, optional(key, { ...anyItem() }, "any")])) as Table,
);

/** Any item of the subset: what no production kind allows, but what the vectors need. */
function anyItem(): Shape<Item> {
  const read = (from: Reader): Item => {
    switch (from.peek()) {
      case BYTES:
        return { bytes: toHex(from.bytes(Number.MAX_SAFE_INTEGER)) };
      case TEXT:
        return from.text(Number.MAX_SAFE_INTEGER);
      case LIST: {
        const count = from.enter(LIST);
        const items: Item[] = [];
        while (items.length < count) items.push(read(from));
        from.leave();
        return items;
      }
      case MAP: {
        const entries = Object.entries(map.read(from) as { [name: string]: Item });
        return { map: Object.fromEntries(entries.map(([name, item]) => [name.slice(1), item])) };
      }
      default:
        return from.head(UINT);
    }
  };
  const write = (out: Writer, item: Item): void => {
    if (typeof item === "number") out.head(UINT, item);
    else if (typeof item === "string") out.text(item);
    else if (isList(item)) {
      out.enter(LIST, item.length);
      for (const part of item) write(out, part);
      out.leave();
    } else if ("bytes" in item) out.bytes(fromHex(item.bytes));
    else map.write(out, Object.fromEntries(Object.entries(item.map).map(([key, part]) => [`k${key}`, part])));
  };
  return { words: "item", read, write, toJson: (item) => item as Json, fromJson: (json) => json as Item };
}

const Any = kind("item", anyItem());

type Vectors = {
  readonly valid: readonly { readonly source: string; readonly hex: string; readonly value: Item }[];
  readonly invalid: readonly { readonly name: string; readonly source: string; readonly hex: string; readonly code: string }[];
};
const vectors: Vectors = JSON.parse(readFileSync(new URL("../../vectors/rfc8949/vectors.json", import.meta.url), "utf8"));

test("RFC 8949: what the subset accepts", () => {
  for (const { hex, value, source } of vectors.valid) {
    assert.deepEqual(decode(Any, fromHex(hex)), value, `${hex} (${source})`);
    assert.equal(toHex(encode(Any, value)), hex, `${hex} (${source})`);
  }
});

test("RFC 8949: what the subset refuses", () => {
  for (const { name, hex, code, source } of vectors.invalid) {
    const result = attempt(() => decode(Any, fromHex(hex)));
    assert.equal(result.ok ? "accepted" : result.code, code, `${hex}: ${name} (${source})`);
  }
  assert.ok(vectors.invalid.length >= vectors.valid.length);
});

test("a writer that is used again begins anew, and says how much it has written", () => {
  const out = new Writer();
  assert.equal(out.size, 0);
  for (const text of ["one", "two"]) {
    out.enter(LIST, 1);
    out.text(text);
    assert.equal(out.size, 5);
    assert.equal(toHex(out.take()), `8163${toHex(ascii(text))}`);
    assert.equal(out.size, 0);
  }
  for (let depth = 0; depth < MAX_DEPTH; depth++) out.enter(LIST, 1);
});

test("a reader hands out views and says whether more follows", () => {
  const message = fromHex("0143010203");
  const from = new Reader(message);
  assert.equal(from.head(UINT), 1);
  assert.equal(from.more(), true);
  const view = from.view(3);
  assert.deepEqual([toHex(view), view.buffer === message.buffer, from.more()], ["010203", true, false]);
  assert.equal(
    codeOf(() => new Reader(message.subarray(1)).view(2)),
    "TOO_LARGE",
  );
});

const codeOf = (work: () => unknown): string => {
  const result = attempt(work);
  return result.ok ? "accepted" : result.code;
};

const items = fc.letrec<{ item: Item }>((tie) => ({
  item: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.maxSafeNat(),
    fc.string({ unit: "grapheme-ascii" }),
    fc.uint8Array({ maxLength: 300 }).map((bytes) => ({ bytes: toHex(bytes) })),
    fc.array(tie("item"), { maxLength: 30 }),
    fc.dictionary(fc.integer({ min: 0, max: 9 }).map(String), tie("item")).map((entries) => ({ map: { ...entries } })),
  ),
})).item;

test("what is written is read back", () => {
  fc.assert(fc.property(items, (item) => assert.deepEqual(decode(Any, encode(Any, item)), item)));
});

test("whatever is read has exactly one encoding", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const result = attempt(() => decode(Any, bytes));
      if (result.ok) assert.deepEqual(encode(Any, result.value), bytes);
    }),
    { numRuns: 2000 },
  );
});

test("the writer refuses to nest deeper than the reader reads", () => {
  const nested = (depth: number): Item => (depth === 1 ? [] : [nested(depth - 1)]);
  assert.equal(encode(Any, nested(MAX_DEPTH)).length, MAX_DEPTH);
  const result = attempt(() => encode(Any, nested(MAX_DEPTH + 1)));
  assert.equal(result.ok ? "" : result.code, "TOO_DEEP");
});

test("writers do not disturb each other", () => {
  const [outer, inner] = [new Writer(), new Writer()];
  outer.text("outer");
  inner.text("inner");
  outer.head(UINT, 1);
  assert.equal(toHex(inner.done()), "65696e6e6572");
  assert.equal(toHex(outer.done()), "656f7574657201");
  const large = new Writer();
  for (let count = 0; count < 20; count++) large.bytes(new Uint8Array(5000).fill(count));
  const bytes = large.done();
  assert.equal(bytes.length, 20 * 5003);
  assert.equal(bytes.at(-1), 19);
  assert.deepEqual(encode(Any, 7), Uint8Array.of(7));
});

test("a name is put before the field of a refusal, and never before a bug", () => {
  const inside = attempt(() => refuse("BAD_VALUE", "", "one sentence"));
  assert.equal(inside.ok ? "" : inside.field, "");
  const refused = within("outer", within("inner", new Refused("BAD_VALUE", "", "one sentence")));
  assert.ok(refused instanceof Refused);
  assert.deepEqual([refused.code, refused.field, refused.detail], ["BAD_VALUE", "outer.inner", "one sentence"]);
  const bug = new TypeError("bug");
  assert.equal(within("outer", bug), bug);
});
