import assert from "node:assert/strict";
import { test } from "node:test";
import { attempt, demand, REFUSALS, Refused, refuse } from "./errors.ts";

test("a refusal becomes a value, a bug goes on upwards", () => {
  assert.deepEqual(
    attempt(() => 7),
    { ok: true, value: 7 },
  );
  assert.deepEqual(
    attempt(() => refuse("EXPIRED", "intent.notAfter", "it is too late")),
    { ok: false, code: "EXPIRED", field: "intent.notAfter", detail: "it is too late" },
  );
  assert.throws(() => attempt(() => (undefined as unknown as { length: number }).length), TypeError);
});

test("demand refuses only what does not hold", () => {
  demand(true, "BAD_VALUE", "field", "detail");
  assert.throws(
    () => demand(false, "BAD_VALUE", "field", "detail"),
    (error) => error instanceof Refused && error.code === "BAD_VALUE" && error.name === "Refused",
  );
});

test("every refusal says what it means and what to do next", () => {
  for (const [code, { what, next }] of Object.entries(REFUSALS)) {
    assert.match(code, /^[A-Z][A-Z0-9_]{2,31}$/, code);
    assert.match(what, /^[A-Z].*\.$/, code);
    assert.match(next, /^[A-Z].*\.$/, code);
  }
});
