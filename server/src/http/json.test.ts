import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { limits } from "../host/limits.ts";
import { Problem } from "./call.ts";
import { canonical, parseJson } from "./json.ts";

const bytes = (text: string) => new TextEncoder().encode(text);
const isRefused = (error: unknown) => error instanceof Problem && error.code === "BAD_REQUEST" && error.field === "body";

/** What JSON.parse makes of a text, or nothing when it refuses it. */
function usual(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    assert.ok(error instanceof SyntaxError);
    return undefined;
  }
}

test("what it takes is what JSON.parse makes of it", () => {
  const shallow = fc.jsonValue({ maxDepth: 3, noUnicodeString: false });
  fc.assert(
    fc.property(shallow, fc.constantFrom(0, 1, 2), (value, space) => {
      const text = JSON.stringify({ value }, null, space);
      const isFree = !text.includes("__proto__") && !/[-+.\de]{20}/i.test(text);
      if (isFree) assert.deepEqual(parseJson(bytes(text)), JSON.parse(text));
    }),
  );
});

test("it takes nothing that JSON.parse refuses", () => {
  const part = fc.constantFrom('"', "{", "}", "[", "]", ":", ",", "a", "\\", "1", '"a"', '"a":', " ", "null", '\\"');
  fc.assert(
    fc.property(fc.array(part, { maxLength: 12 }), (parts) => {
      const text = parts.join("");
      try {
        assert.deepEqual(parseJson(bytes(text)), usual(text));
      } catch (error) {
        assert.ok(isRefused(error), String(error));
      }
    }),
    { numRuns: 3_000 },
  );
});

test("names that are there twice, however they are written, and __proto__ are refused", () => {
  for (const text of [
    '{"a":1,"a":1}',
    '{"a":1,"\\u0061":2}',
    '{"x":{"b":1,"b":2}}',
    '{"__proto__":1}',
    '[{"\\u005f_proto__":1}]',
  ]) {
    assert.throws(() => parseJson(bytes(text)), isRefused, text);
  }
  assert.deepEqual(parseJson(bytes('{"a":{"b":1},"b":{"b":":"},"c":[{"b":1},{"b":"{\\"b\\":1}"}]}')), {
    a: { b: 1 },
    b: { b: ":" },
    c: [{ b: 1 }, { b: '{"b":1}' }],
  });
});

test("depth, count and digits end where the limits say", () => {
  const deep = (depth: number) => `${"[".repeat(depth)}${"]".repeat(depth)}`;
  parseJson(bytes(deep(limits.jsonDepth)));
  assert.throws(() => parseJson(bytes(deep(limits.jsonDepth + 1))), isRefused);
  const many = (count: number) => `[${Array.from({ length: count - 1 }, () => "1").join()}]`;
  parseJson(bytes(many(limits.jsonValues)));
  assert.throws(() => parseJson(bytes(many(limits.jsonValues + 1))), isRefused);
  parseJson(bytes("9".repeat(limits.jsonDigits)));
  assert.throws(() => parseJson(bytes("9".repeat(limits.jsonDigits + 1))), isRefused);
});

test("a large string is read in passing time", () => {
  const since = performance.now();
  parseJson(bytes(`{"a":"${"\\\\".repeat(1_000_000)}"}`));
  parseJson(bytes(`{"a":"${'\\"'.repeat(200_000)}"}`));
  assert.ok(performance.now() - since < 2_000);
});

test("equal values have one canonical text", () => {
  assert.equal(canonical({ b: [1, { d: undefined, c: null }], a: "é" }), '{"a":"é","b":[1,{"c":null}]}');
  assert.equal(canonical({ a: 1, b: 2 }), canonical({ b: 2, a: 1 }));
  assert.equal(canonical(undefined), "null");
});
