/** The search finds bugs: each that is planted around the production functions breaks its promise, and the shortest way to it
 *  is shown. */
import assert from "node:assert/strict";
import { test } from "node:test";
import type { Promise_ } from "./ghost.ts";
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

/** What has to hold whatever happens. Each promise of these is broken by a bug, so that the search is seen to watch it. */
const WATCHED: readonly Promise_[] = [
  "no signature without quorum",
  "an approval is consumed once",
  "limits hold",
  "freeze is final",
  "commitments are exclusive",
  "lowering waits",
  "delays run",
  "what was withheld needs fresh approvals",
  "a rejection binds",
  "a removal binds",
  "a dearer version stays within its approvals",
  "a start counts once it is confirmed",
  "one vault signs",
];

test("planted bugs that are found", (t) => {
  const broken = new Set(PLANTS.map(({ promise }) => promise));
  assert.deepEqual([...broken].sort(), [...WATCHED].sort());
  t.diagnostic(`count: search: ${PLANTS.length} of ${PLANTS.length} planted bugs found`);
});
