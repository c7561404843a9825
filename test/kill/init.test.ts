/** Making a vault is killed at every call that changes the disk: afterwards there is a whole vault, or none that anything takes
 *  for one, and a second attempt in the same place never overwrites. */
import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Readable } from "node:stream";
import { after, before, test } from "node:test";
import { EXIT } from "../../vault/src/host/fault.ts";
import { program } from "../../vault/src/host/program.ts";
import { mind } from "../../vault/src/mind.ts";
import { PASSPHRASE, startVault } from "./process.ts";
import { inLanes } from "./rounds.ts";

let home = "";
before(async () => {
  home = await mkdtemp(join(tmpdir(), "init "));
});
after(() => rm(home, { recursive: true }));

async function exitOf(verb: "verify" | "init", data: string): Promise<number> {
  const input = Readable.from([Buffer.from(`${PASSPHRASE}\n`)]);
  return await program([verb, "--data", data, "--stdin"], mind, { input, out: () => true, error: () => true });
}

async function round(step: string): Promise<void> {
  const data = join(home, step);
  const dying = startVault("init", data, step);
  const { signal, event } = await dying.ended;
  assert.equal(signal, "SIGKILL", `${step} was never reached`);
  assert.notEqual(event.event, "made");
  const before = await readFile(join(data, "keystore")).catch(() => null);
  const found = await exitOf("verify", data);
  assert.ok(([EXIT.ok, EXIT.missing, EXIT.data] as number[]).includes(found), `${step}: ${found}`);
  const again = await exitOf("init", data);
  if (again === EXIT.ok) assert.equal(before, null);
  else assert.equal(again, EXIT.exists);
  if (before !== null) assert.deepEqual(await readFile(join(data, "keystore")), before);
}

test("killed at every step of its making, a vault is whole or none", async (t) => {
  const whole = startVault("init", join(home, "whole"), "");
  const { steps, event, code, words } = await whole.ended;
  assert.deepEqual([event.event, code], ["made", 0], words);
  assert.equal(await exitOf("verify", join(home, "whole")), EXIT.ok);
  const rounds = steps.flatMap((line, at) => {
    return line.split(" ")[1] === "write" ? [`before ${at + 1}`, `torn ${at + 1}`] : [`before ${at + 1}`];
  });
  await inLanes(rounds, round);
  t.diagnostic(`count: kills: ${rounds.length} kills, ${steps.length} steps of init`);
});
