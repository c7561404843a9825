/** A disk that is really full: a small file system of its own, payments until it has no room, then a larger one. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { EXIT } from "../../vault/src/host/fault.ts";
import { KEYS } from "../world/world.ts";
import { audit } from "./audit.ts";
import { Gone, type Running, startVault, stopVault } from "./process.ts";
import { type Home, makeHome } from "./rounds.ts";
import { carryOut, type Memory, meet, memoryOf, payment, settleIn } from "./scenario.ts";

let home: Home;
before(async () => {
  home = await makeHome();
});
after(() => home.leave());

/** How a mount that only one process sees is made here, or null where that is not allowed. */
function unsharing(): readonly string[] | null {
  const ways = ["-m", "-rm"];
  const way = ways.find((one) => spawnSync("unshare", [one, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]).status === 0);
  return way === undefined ? null : ["unshare", way];
}

/** Mounts a file system of `$1` KiB at `$2`, fills it from `$3`, runs the rest there, and saves what is left to `$4`. */
const ON_SMALL_DISK = `
  size=$1; small=$2; model=$3; saved=$4; shift 4
  mount -t tmpfs -o "size=\${size}k,mode=700" tmpfs "$small" && cp -a "$model/." "$small" || exit 99
  "$@"
  code=$?
  cp -a "$small/." "$saved"
  exit $code`;
const SIZE_KIB = "96";

/** Pays until the vault is gone; how many were answered. */
async function payUntilGone(running: Running, memory: Memory): Promise<number> {
  const session = await meet(running, memory);
  await settleIn(session);
  for (let done = 0; ; done++) {
    try {
      assert.equal(await carryOut(session, payment(memory, `payment-${done}`), [KEYS.amy, KEYS.bob]), "OK");
    } catch (error) {
      if (error instanceof Gone) return done;
      throw error;
    }
  }
}

test("a disk without room ends the vault; with room again it pays on", async (t) => {
  const way = unsharing();
  if (way === null) {
    t.diagnostic("nothing may be mounted here; disk.test.ts has tried every write");
    return;
  }
  const model = await home.fresh("full");
  const [small, saved] = [join(model, "..", "small"), join(model, "..", "saved")];
  for (const folder of [small, saved]) await mkdir(folder, { mode: 0o700 });
  const running = startVault("run", small, null, (command) => {
    return [...way, "sh", "-c", ON_SMALL_DISK, "sh", SIZE_KIB, small, model, saved, ...command];
  });
  const memory = memoryOf(await running.ready);
  const answered = await payUntilGone(running, memory);
  const { code, event, words } = await running.ended;
  assert.deepEqual([code, event.code], [EXIT.fatal, "JOURNAL_WRITE"], words);

  const roomy = startVault("run", saved);
  await roomy.ready;
  const session = await meet(roomy, memory);
  for (const name of [`payment-${answered}`, `payment-${answered + 1}`])
    assert.equal(await carryOut(session, payment(memory, name), [KEYS.amy, KEYS.bob]), "OK");
  session.client.close();
  assert.equal((await stopVault(roomy)).code, EXIT.ok);
  const booked = await audit(saved, memory);
  assert.equal(booked.length, answered + 2);
  assert.equal(memory.given.size, booked.length);
  t.diagnostic(`count: disks: 1 really full after ${answered} payments`);
});
