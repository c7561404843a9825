import assert from "node:assert/strict";
import { test } from "node:test";
import type { House } from "../host/context.ts";
import { openLog } from "../host/log.ts";
import { type Check, examine } from "./http.ts";
import { arrange } from "./rules.ts";

const house = { log: openLog("fatal", () => undefined).log } as unknown as House;

test("findings come in the order of their names, cut to size", () => {
  const found = arrange([
    { name: "vault", ok: true, detail: "x".repeat(500) },
    { name: "database", ok: true, detail: "" },
    { name: "database", ok: false, detail: "second" },
  ]);
  assert.deepEqual(
    found.map(({ name, ok, detail }) => [name, ok, detail.length]),
    [
      ["database", true, 0],
      ["database", false, 6],
      ["vault", true, 400],
    ],
  );
});

test("a look that fails is a finding, and hides no other", async () => {
  const checks: Check[] = [
    { name: "broken", look: async () => Promise.reject(new Error("no answer")) },
    { name: "chains", look: async () => [1, 2].map((id) => ({ name: `chain:${id}`, ok: true, detail: "" })) },
  ];
  assert.deepEqual(await examine(house, checks), [
    { name: "broken", ok: false, detail: "no answer" },
    { name: "chain:1", ok: true, detail: "" },
    { name: "chain:2", ok: true, detail: "" },
  ]);
});

test("a look that never ends is a finding", async () => {
  const found = await examine(house, [{ name: "slow", look: () => new Promise(() => undefined) }], 5);
  assert.deepEqual(
    found.map(({ name, ok }) => [name, ok]),
    [["slow", false]],
  );
});
