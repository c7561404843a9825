/** Every order in which the letters of the small worlds can happen, through the production `decide` and `apply`: no promise of
 *  `ghost.ts` is broken anywhere. STRONGROOM_LONG=1 searches the deep worlds; its last figures are in README.md. */
import assert from "node:assert/strict";
import process from "node:process";
import { test } from "node:test";
import { Worker } from "node:worker_threads";
import type { Found, World } from "./search.ts";
import { worlds } from "./worlds.ts";

const deep = process.env["STRONGROOM_LONG"] === "1";
/** Worlds that are searched at once. */
const THREADS = 2;

type Searched = { readonly world: World; readonly found: Found; readonly ms: number };

function searchAside(world: World): Promise<Searched> {
  const since = performance.now();
  const { name } = world;
  return new Promise((resolve, reject) => {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), {
      workerData: { name, deep },
      resourceLimits: { maxOldGenerationSizeMb: deep ? 8_192 : 2_048 },
    });
    worker.once("message", (found: Found) => resolve({ world, found, ms: performance.now() - since }));
    worker.once("error", reject);
    worker.once("exit", (code) => reject(new Error(`the search of ${name} ended with ${code}`)));
  });
}

async function searchAll(): Promise<readonly Searched[]> {
  const queue = [...worlds(deep)];
  const done: Searched[] = [];
  const work = async () => {
    for (let world = queue.shift(); world !== undefined; world = queue.shift()) done.push(await searchAside(world));
  };
  await Promise.all(Array.from({ length: THREADS }, work));
  return done;
}

test("no order of events breaks a promise", async (t) => {
  const since = performance.now();
  const all = await searchAll();
  for (const { world, found, ms } of all) {
    await t.test(world.name, (sub) => {
      const trace = found.broken === null ? "" : `${found.broken.why}\n${found.broken.trace.join("\n")}`;
      assert.equal(found.broken, null, trace);
      assert.equal(found.exhausted || world.most !== undefined, true, "not everything was visited");
      const missing = world.goals.filter((goal) => !found.goals.has(goal));
      assert.deepEqual(missing, [], "never happened");
      const rate = Math.round((found.states / ms) * 1_000);
      sub.diagnostic(`${found.states} states, ${found.transitions} transitions, depth ${found.depth}, ${rate} states/s`);
    });
  }
  const states = all.reduce((sum, { found }) => sum + found.states, 0);
  const transitions = all.reduce((sum, { found }) => sum + found.transitions, 0);
  const rate = Math.round((states / (performance.now() - since)) * 1_000);
  t.diagnostic(`count: search: ${states} states, ${transitions} transitions, ${all.length} worlds, ${rate} states/s`);
});
