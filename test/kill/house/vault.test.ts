/** The vault is killed with SIGKILL at every call that changes its disk, from its start through a payment of the house, and
 *  started again: what it has committed itself to is completed, for everything else people sign again, and all of it is there
 *  exactly once. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { callsOf, killsOf } from "../rounds.ts";
import { demandOnce, demandWhole } from "./books.ts";
import { openStage, type Stage } from "./stage.ts";
import { approve, type Paid, play } from "./story.ts";

/** Of all steps every third is left to long runs. */
const isLong = process.env["STRONGROOM_LONG"] === "1";
const isTried = (_kill: string, at: number) => isLong || at % 3 !== 2;
/** Rounds after which everything is checked, not only the payment. */
const CHECKED = 16;
/** Payments after which the step must have come. */
const PLAYS = 4;

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

/** Every way to be killed in the calls that the vault makes from its start to the end of a payment. */
async function killsOfPayment(): Promise<readonly string[]> {
  await stage.killVault("");
  await playOne();
  await stage.house.vault.kill();
  return killsOf(callsOf((await stage.house.vault.ended()).steps));
}

async function round(kill: string): Promise<void> {
  await stage.killVault(kill);
  const dead = stage.deaths.vault;
  const isDead = () => stage.deaths.vault > dead || !stage.house.vault.isRunning();
  for (let plays = 0; plays < PLAYS && (plays === 0 || !isDead()); plays++) await demandOnce(stage, [await playOne()]);
  assert.ok(isDead(), `${kill} was never reached`);
}

test("killed at every step of a payment, the vault signs once", async (t) => {
  const kills = (await killsOfPayment()).filter(isTried);
  const since = performance.now();
  for (const [at, kill] of kills.entries()) {
    await round(kill);
    if (at % CHECKED === 0) await demandWhole(stage, paid);
  }
  const each = Math.round((performance.now() - since) / kills.length);
  await demandWhole(stage, paid);
  const renewed = paid.filter(({ renewals }) => renewals > 0).length;
  assert.ok(renewed > 0 && renewed < kills.length);
  t.diagnostic(kills.join(", "));
  t.diagnostic(
    `count: kills of the vault below a server: ${kills.length} kills, ${paid.length} payments, ${renewed} signed again`,
  );
  t.diagnostic(`figure: ${each} ms each`);
});

test("what was approved before the vault was started anew is asked for again", async () => {
  const one = await play(stage, paid.length, async (request) => {
    await stage.killVault(null);
    await approve(stage, request, ["bob"]);
    const asked = await stage.patiently("the vault has answered", async () => {
      const shown = await stage.house.as("admin").call("requests.get", { params: { id: request } });
      return shown.answer?.code === "INITIATOR_MISSING" ? shown : null;
    });
    assert.equal(asked.state, "open");
    const standing = asked.decisions.map(({ person, current }) => `${person} ${current}`);
    assert.deepEqual(standing.sort(), ["amy false", "bob true", "tom false"]);
  });
  paid.push(one);
  assert.equal(one.renewals, 1);
  await demandWhole(stage, paid);
});
