/** Four clients pay at once, and the vault is killed at random times, thirty times. In the end every payment is signed exactly
 *  once, without a gap in the nonces. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { after, before, test } from "node:test";
import { KEYS } from "../world/world.ts";
import { audit } from "./audit.ts";
import { Gone, type Running, startVault, stopVault } from "./process.ts";
import { type Home, makeHome } from "./rounds.ts";
import { carryOut, type Memory, meet, memoryOf, payment, settleIn } from "./scenario.ts";

const KILLS = 30;
const CLIENTS = 4;
/** From the first request of a start to its kill. Milliseconds. */
const LIFE_MS = 400;

let home: Home;
before(async () => {
  home = await makeHome();
});
after(() => home.leave());

/** One client: pays on and on, and asks again for what was not answered. `done` counts what was. */
type Payer = { readonly name: string; done: number };

async function payOn(running: Running, memory: Memory, payer: Payer): Promise<void> {
  const session = await meet(running, memory);
  for (;;) {
    const code = await carryOut(session, payment(memory, `${payer.name}-${payer.done}`), [KEYS.amy, KEYS.bob]);
    assert.equal(code, "OK");
    payer.done += 1;
  }
}

/** One start of the vault, from the first request to its kill. */
async function start(data: string, known: Memory | null, payers: readonly Payer[], lifeMs: number): Promise<Memory> {
  const running = startVault("run", data);
  const memory = known ?? memoryOf(await running.ready);
  await running.ready;
  if (known === null) await settleIn(await meet(running, memory));
  const timer = setTimeout(() => running.child.kill("SIGKILL"), lifeMs);
  const ends = await Promise.allSettled(payers.map((payer) => payOn(running, memory, payer)));
  clearTimeout(timer);
  for (const end of ends) if (end.status === "rejected" && !(end.reason instanceof Gone)) throw end.reason;
  assert.equal((await running.ended).signal, "SIGKILL");
  return memory;
}

test("killed at random under four clients, it pays each payment once", async (t) => {
  const data = await home.fresh("load");
  const payers: readonly Payer[] = Array.from({ length: CLIENTS }, (_, at) => ({ name: `client-${at}`, done: 0 }));
  const lives = Array.from({ length: KILLS }, () => randomInt(LIFE_MS));
  t.diagnostic(`killed after ${lives.join(", ")} ms`);
  let memory: Memory | null = null;
  for (const lifeMs of lives) memory = await start(data, memory, payers, lifeMs);
  assert.ok(memory !== null);
  const running = startVault("run", data);
  await running.ready;
  const session = await meet(running, memory);
  for (const { name, done } of payers) {
    const code = await carryOut(session, payment(memory, `${name}-${done}`), [KEYS.amy, KEYS.bob]);
    assert.equal(code, "OK", "what was under way at the last kill");
  }
  session.client.close();
  assert.equal((await stopVault(running)).code, 0);
  const booked = await audit(data, memory);
  const asked = payers.reduce((sum, { done }) => sum + done + 1, 0);
  assert.deepEqual([booked.length, memory.given.size], [asked, asked]);
  assert.ok(booked.every(({ raw }) => raw !== null));
  t.diagnostic(`count: kills: ${KILLS} at random under ${CLIENTS} clients, ${asked} payments, each signed once`);
});
