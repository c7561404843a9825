/** The ceremony of a repair is killed at every call that changes the disk: nothing of what was there is lost, and no start
 *  takes what is left for whole and confirmed. */
import assert from "node:assert/strict";
import * as fs from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { Refused } from "../../core/src/errors.ts";
import { segmentName } from "../../core/src/journal/segment.ts";
import { verifyData } from "../../vault/src/host/boot.ts";
import { mind } from "../../vault/src/mind.ts";
import { isSuspect } from "../../vault/src/state/state.ts";
import * as world from "../world/world.ts";
import { openClient, PASSPHRASE, startVault, stopVault } from "./process.ts";
import { attempt, callsOf, type Home, inLanes, makeHome } from "./rounds.ts";

let home: Home;
let model = "";
before(async () => {
  home = await makeHome();
  model = await home.fresh("broken");
  const first = startVault("run", model);
  assert.ok((await attempt(first, null)).whole);
  await stopVault(first);
  assert.deepEqual(await asked(model, { command: "status" }), ["OK"]);
  const newest = join(model, "journal", segmentName(2));
  const bytes = await fs.readFile(newest);
  bytes[bytes.length - 40] = (bytes.at(-40) ?? 0) ^ 1;
  await fs.writeFile(newest, bytes);
});
after(() => home.leave());

/** The codes of what a start answers. */
async function asked(data: string, command: Parameters<typeof world.command>[0]): Promise<string[]> {
  const running = startVault("run", data);
  const client = await openClient(running.socket, Buffer.from(await running.ready, "hex"));
  const { code } = await client.call(world.command(command));
  client.close();
  await stopVault(running);
  return [code];
}

async function copyOf(name: string): Promise<string> {
  const data = join(model, "..", name);
  await fs.cp(model, data, { recursive: true });
  return data;
}

/** What a start would find: refused, or suspected for good reason. */
async function found(data: string): Promise<"refused" | "suspected" | "trusted"> {
  try {
    const { state, suspicion } = await verifyData(data, Buffer.from(PASSPHRASE), mind);
    return suspicion !== null || isSuspect(state) ? "suspected" : "trusted";
  } catch (error) {
    if (error instanceof Refused) return "refused";
    throw error;
  }
}

/** Every file of the journal, as it was, is in the journal or aside. */
async function demandKept(data: string): Promise<void> {
  const asides = (await fs.readdir(data)).filter((name) => name.startsWith("aside-"));
  for (const name of await fs.readdir(join(model, "journal"))) {
    const bytes = await fs.readFile(join(model, "journal", name));
    const places = [join(data, "journal"), ...asides.map((aside) => join(data, aside))];
    const copies = await Promise.all(places.map((place) => fs.readFile(join(place, name)).catch(() => null)));
    assert.ok(
      copies.some((copy) => copy?.equals(bytes)),
      `${name} is lost`,
    );
  }
}

async function round(step: string): Promise<void> {
  const data = await copyOf(step);
  const dying = startVault("repair", data, step);
  assert.equal((await dying.ended).signal, "SIGKILL", `${step} was never reached`);
  assert.notEqual(await found(data), "trusted", step);
  await demandKept(data);
  const again = startVault("repair", data);
  const { code, words } = await again.ended;
  assert.equal(code, 0, words);
  assert.equal(await found(data), "suspected");
  await demandKept(data);
  await fs.rm(data, { recursive: true });
}

test("killed at every step of a repair, nothing is lost and nothing is trusted", async (t) => {
  const data = await copyOf("whole");
  const whole = startVault("repair", data, "");
  const { steps, code, event, words } = await whole.ended;
  assert.deepEqual([event.event, code], ["repaired", 0], words);
  assert.equal(await found(data), "suspected");
  assert.deepEqual(await asked(data, { command: "inform", facts: [] }), ["START_UNCONFIRMED"]);
  const calls = callsOf(steps);
  // What is torn has no name yet, but for the last write, of which nobody was told.
  const rounds = [...calls.map((_, at) => `before ${at + 1}`), `torn ${calls.length - 1}`, `after ${calls.length}`];
  await inLanes(rounds, round);
  t.diagnostic(calls.map(({ name, file }, at) => `${at + 1} ${name} ${file}`).join(", "));
  t.diagnostic(`count: kills: ${rounds.length} kills, ${calls.length} steps of a repair`);
});
