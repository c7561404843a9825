/** The vault is killed, and killed again at every step of the start that follows: with a payment that is committed and not
 *  signed, and with a record that was half written. The third start goes on as if nothing had been. */
import assert from "node:assert/strict";
import { cp, mkdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { startVault, stopVault } from "./process.ts";
import { attempt, type Call, callsOf, callsOfLife, goOn, type Home, inLanes, makeHome, stepOf } from "./rounds.ts";
import type { Memory } from "./scenario.ts";

let home: Home;
let life: readonly Call[];
before(async () => {
  home = await makeHome();
  life = await callsOfLife(home);
});
after(() => home.leave());

/** In a life the seventh record commits the first payment and the eighth signs it. */
const COMMITTED = 7;
const SIGNED = 8;

/** What a first kill left. */
type Left = { readonly data: string; readonly memory: Memory };

async function leftBy(step: string): Promise<Left> {
  const data = await home.fresh(`left ${step}`);
  const dying = startVault("run", data, step);
  const { memory } = await attempt(dying, null);
  assert.equal((await dying.ended).signal, "SIGKILL");
  assert.ok(memory !== null);
  return { data, memory };
}

/** What the client knew at the first kill; each round goes on from there. */
function memoryOf({ memory }: Left): Memory {
  return { ...memory, heads: [...memory.heads], given: new Map(memory.given) };
}

async function copyOf({ data }: Left, name: string): Promise<string> {
  const folder = join(data, "..", name);
  await mkdir(folder);
  await cp(data, join(folder, "data"), { recursive: true });
  return join(folder, "data");
}

/** The calls of a start that takes up what was left, until the vault serves and has signed what was committed. */
async function callsOfStart(left: Left): Promise<readonly Call[]> {
  const data = await copyOf(left, "whole");
  const running = startVault("run", data, "");
  const { whole } = await attempt(running, memoryOf(left));
  const { steps } = await stopVault(running);
  assert.ok(whole);
  const calls = callsOf(steps);
  return calls.slice(0, stepOf(calls, "datasync", 2));
}

for (const { what, step } of [
  { what: "a payment that is committed and not signed", step: () => `after ${stepOf(life, "datasync", COMMITTED)}` },
  { what: "a signature that is half written", step: () => `torn ${stepOf(life, "write", SIGNED)}` },
]) {
  test(`killed again while it takes up ${what}`, async (t) => {
    const left = await leftBy(step());
    const calls = await callsOfStart(left);
    // The calls themselves are torn and killed after in kill.test.ts; here it matters how far the start has come.
    const rounds = [...calls.map((_, at) => `before ${at + 1}`), `after ${calls.length}`];
    await inLanes(rounds, async (round) => {
      const data = await copyOf(left, round);
      const dying = startVault("run", data, round);
      const memory = memoryOf(left);
      await attempt(dying, memory);
      assert.equal((await dying.ended).signal, "SIGKILL", `${round} was never reached`);
      await goOn(data, memory);
      await rm(join(data, ".."), { recursive: true });
    });
    t.diagnostic(calls.map(({ name, file }, at) => `${at + 1} ${name} ${file}`).join(", "));
    t.diagnostic(`count: kills: ${rounds.length} second kills, ${calls.length} steps, ${what}`);
  });
}
