/** The simulator finds bugs: each that is planted around the production functions breaks its promise within a few seeds. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { runSeeds } from "./crew.ts";

await import("./machine/hooks.ts");
const { PLANTS } = await import("./plants.ts");

/** Seeds within which each is found. */
const SEEDS = 60;
const say = (line: string) => process.stderr.write(`simulator: ${line}\n`);

for (const { name, promises } of PLANTS) {
  test(`found: ${name}`, async (t) => {
    const { failures } = await runSeeds({ from: 1, count: SEEDS, plant: name, threads: 1 }, say);
    const [found] = failures;
    assert.ok(found, `not found in ${SEEDS} seeds`);
    assert.ok(
      promises.some((promise) => promise === found.promise),
      found.why,
    );
    t.diagnostic(`seed ${found.seed}; ${found.why}`);
  });
}

test("planted bugs that are found", (t) => {
  assert.ok(PLANTS.length >= 6);
  t.diagnostic(`count: simulator: ${PLANTS.length} of ${PLANTS.length} planted bugs found`);
});
