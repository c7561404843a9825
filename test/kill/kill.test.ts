/** The vault is killed with SIGKILL at every call that changes its disk, from its start to the end of two payments and a
 *  freeze: before the call, in the middle of every write, and after every sync. After each kill it starts again, the client
 *  asks for the same once more, and all of it is there exactly once. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startVault, stopVault } from "./process.ts";
import { attempt, callsOfLife, goOn, type Home, inLanes, killsOf, makeHome } from "./rounds.ts";

let home: Home;
before(async () => {
  home = await makeHome();
});
after(() => home.leave());

/** One round: the vault dies at `step`, starts again, and everything is asked for again. */
async function round(step: string): Promise<void> {
  const data = await home.fresh(step);
  const dying = startVault("run", data, step);
  const { memory, whole } = await attempt(dying, null);
  if (whole) await stopVault(dying);
  const { signal } = await dying.ended;
  assert.equal(signal, "SIGKILL", `${step} was never reached`);
  await goOn(data, memory);
  await rm(join(data, ".."), { recursive: true });
}

test("killed at every step of a payment, it pays once", async (t) => {
  const calls = await callsOfLife(home);
  const rounds = killsOf(calls);
  const since = performance.now();
  await inLanes(rounds, round);
  const each = Math.round((performance.now() - since) / rounds.length);
  t.diagnostic(calls.map(({ name, file }, at) => `${at + 1} ${name} ${file}`).join(", "));
  t.diagnostic(`count: kills: ${rounds.length} kills, ${calls.length} steps, ${each} ms each`);
});
