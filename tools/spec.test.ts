import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import * as schema from "./schema.ts";
import { withTables } from "./spec.ts";

const page = readFileSync(new URL("../docs/spec/objects.md", import.meta.url), "utf8");

test("the tables in docs/spec/objects.md are those of the code", () => {
  assert.equal(withTables(page) === page, true, "run: node tools/spec.ts");
});

test("docs/rulebook.schema.json is that of the code", () => {
  assert.equal(readFileSync(schema.PAGE, "utf8") === schema.written(), true, "run: node tools/spec.ts");
});

test("a type that has no JSON Schema yet is noticed", () => {
  assert.deepEqual(schema.leaf("1 hot, 2 warm"), { enum: ["hot", "warm"] });
  assert.throws(() => schema.leaf("furlongs 1…2"));
});

test("a page that lacks a field is noticed", () => {
  const line = /\n\| 14 \| `amount` .*\n/.exec(page);
  assert.ok(line !== null);
  assert.equal(withTables(page.replace(line[0], "\n")), page);
});

test("a page without markers is not overwritten", () => {
  assert.throws(() => withTables("# Signed objects\n"));
});
