/** A server is killed with SIGKILL before and after each of its steps of a payment: every commit, every job taken and given
 *  back, every command to the vault, every broadcast. Another one takes over, people ask once more, and all of it is there
 *  exactly once. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { demandOnce, demandWhole } from "./books.ts";
import { openStage, type Stage } from "./stage.ts";
import { type Paid, play } from "./story.ts";

const isLong = process.env["STRONGROOM_LONG"] === "1";
/** How many of the steps of one name are killed at: those that come as the clock has it, and all others. */
const MOST = isLong ? { clock: 8, other: 16 } : { clock: 1, other: 3 };
/** Payments after which the step must have come. */
const PLAYS = 4;
/** Rounds after which everything is checked, not only the payment. */
const CHECKED = 16;

/** Steps that come with a start, and by the clock, with no payment: they may fall into the one that is looked at. */
const isOfStart = (name: string) => /audit|checkpoint/.test(name);

let stage: Stage;
const paid: Paid[] = [];
before(async () => {
  stage = await openStage();
});
after(() => stage.close());

const playOne = async () => {
  const one = await play(stage, paid.length);
  paid.push(one);
  return one;
};

/** Every way to die at these steps. What was taken is taken; only afterwards is there anything to say. */
function killsOf(steps: readonly string[]): readonly string[] {
  const counts = new Map<string, number>();
  return steps.flatMap((name) => {
    const count = (counts.get(name) ?? 0) + 1;
    counts.set(name, count);
    const isClock = /^commit (?:event|chain_block)/.test(name);
    if (count > (isClock ? MOST.clock : MOST.other)) return [];
    const ways = name.startsWith("take") ? ["after"] : ["before", "after"];
    return ways.map((way) => `${way} ${count} ${name}`);
  });
}

/** One round: the server dies at the step, sooner or later, and the payments of meanwhile are made. */
async function round(kill: string): Promise<void> {
  const dead = stage.deaths.server;
  stage.arm(kill);
  for (let plays = 0; plays < PLAYS && stage.deaths.server === dead; plays++) await demandOnce(stage, [await playOne()]);
  assert.equal(stage.deaths.server, dead + 1, `${kill} was never reached`);
}

test("killed at every step of a payment, a server pays once", async (t) => {
  stage.arm("none");
  await playOne();
  const begun = stage.steps().length;
  await playOne();
  const kills = killsOf(stage.steps(begun).filter((name) => !isOfStart(name)));
  const since = performance.now();
  for (const [at, kill] of kills.entries()) {
    await round(kill);
    if (at % CHECKED === 0) await demandWhole(stage, paid);
  }
  const each = Math.round((performance.now() - since) / kills.length);
  await demandWhole(stage, paid);
  t.diagnostic(kills.join(", "));
  t.diagnostic(`count: kills of a server: ${kills.length} kills, ${paid.length} payments`);
  t.diagnostic(`figure: ${each} ms each`);
});

test("killed at every step that its start takes, it has the log signed on", async (t) => {
  const begun = stage.steps().length;
  await stage.killServers();
  await playOne();
  const kills = killsOf(stage.steps(begun).filter(isOfStart));
  for (const kill of kills) {
    await stage.killServers();
    await round(kill);
  }
  await demandWhole(stage, paid);
  t.diagnostic(`count: kills of a server: ${kills.length} kills, ${paid.length} payments`);
});
