import assert from "node:assert/strict";
import { test } from "node:test";
import { Id, Slug, Time } from "@strongroom/sdk/contract/fields";
import { uuid } from "../db/ids.ts";
import { Problem } from "./call.ts";
import { paged, readCursor, writeCursor } from "./pages.ts";

const isRefused = (error: unknown) => error instanceof Problem && error.code === "BAD_REQUEST" && error.field === "query.after";

test("a cursor is read by the list that wrote it", () => {
  const key = [new Date().toISOString(), uuid()];
  assert.deepEqual(readCursor("facts.list", [Time, Id], writeCursor("facts.list", key)), key);
});

test("a foreign, cut, padded or forged cursor is refused", () => {
  const cursor = writeCursor("users.list", ["alice"]);
  assert.throws(() => readCursor("clients.list", [Slug], cursor), isRefused);
  for (let at = 0; at < cursor.length; at++) {
    assert.throws(() => readCursor("users.list", [Slug], cursor.slice(0, at)), isRefused);
    const other = cursor.charAt(at) === "A" ? "B" : "A";
    assert.throws(() => readCursor("users.list", [Slug], cursor.slice(0, at) + other + cursor.slice(at + 1)), isRefused);
  }
  assert.throws(() => readCursor("users.list", [Slug], `${cursor}=`), isRefused);
  for (const key of [[], ["a", "b"], ["' or 1=1"], [1], [null]]) {
    assert.throws(() => readCursor("users.list", [Slug], writeCursor("users.list", key as string[])), isRefused);
  }
});

test("the last page has no next", async () => {
  const rows = ["a", "b", "c", "d"];
  const list = (query: { after?: string; limit?: string }) =>
    paged({
      list: "users.list",
      query,
      key: [Slug],
      keyOf: (row: string) => [row],
      read: async ({ after, take }) => rows.filter((row) => after === null || row > after[0]).slice(0, take),
      show: (row) => row.toUpperCase(),
    });
  const first = await list({ limit: "2" });
  assert.deepEqual(first.items, ["A", "B"]);
  assert.deepEqual(await list({ limit: "2", after: first.next ?? "" }), { items: ["C", "D"], next: null });
  assert.deepEqual(await list({}), { items: ["A", "B", "C", "D"], next: null });
});
