/** A disk that is full, fails to sync, or is really full: the vault ends with exit code 70, answers nothing after it, and when
 *  there is room again everything that it had answered is there. */
import assert from "node:assert/strict";
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { EXIT } from "../../vault/src/host/fault.ts";
import { startVault, stopVault } from "./process.ts";
import { attempt, callsOfLife, goOn, type Home, inLanes, makeHome } from "./rounds.ts";

let home: Home;
before(async () => {
  home = await makeHome();
});
after(() => home.leave());

/** One round: the call fails, and the vault ends by itself. */
async function round(step: string): Promise<void> {
  const data = await home.fresh(step);
  const failing = startVault("run", data, step);
  const { memory, whole } = await attempt(failing, null);
  // What fails at the end only fails when the vault is stopped.
  if (whole) await stopVault(failing);
  const { code, signal, event, words } = await failing.ended;
  assert.deepEqual([code, signal, event.event], [EXIT.fatal, null, "ended"], `${step}: ${words}`);
  await goOn(data, memory);
  await rm(join(data, ".."), { recursive: true });
}

test("a full disk and a failing sync end the vault, and nothing is lost", async (t) => {
  const calls = await callsOfLife(home);
  const failures = { write: "full", datasync: "fail" } as const;
  const rounds = calls.flatMap(({ name }, at) => {
    return name === "write" || name === "datasync" ? [`${failures[name]} ${at + 1}`] : [];
  });
  await inLanes(rounds, round);
  t.diagnostic(`count: disks: ${rounds.length} full or failing, each ended with ${EXIT.fatal}`);
});
