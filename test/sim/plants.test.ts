/** The search finds bugs: each that is planted around the production functions breaks its promise, and the shortest way to it
 *  is shown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { PLANTS, PRODUCTION } from "./plants.ts";
import { search } from "./search.ts";
import { worlds } from "./worlds.ts";

/** Far more than any planted bug needs. */
const STATES = 10_000;
/** A trace that is longer explains nothing. */
const STEPS = 8;

for (const { name, world: where, promise, mind } of PLANTS) {
  test(`found: ${name}`, (t) => {
    const world = worlds(false).find((one) => one.name === where);
    assert.ok(world);
    const { broken, states } = search(mind, world, { states: STATES });
    assert.ok(broken, `not found in ${states} states`);
    assert.equal(broken.promise, promise, broken.why);
    assert.ok(broken.trace.length <= STEPS);
    t.diagnostic(`${states} states; ${broken.why}; ${broken.trace.join(" > ")}`);
    assert.notEqual(mind, PRODUCTION);
  });
}

test("planted bugs that are found", (t) => {
  assert.ok(PLANTS.length >= 3);
  assert.equal(new Set(PLANTS.map(({ promise }) => promise)).size >= 3, true);
  t.diagnostic(`count: search: ${PLANTS.length} of ${PLANTS.length} planted bugs found`);
});
