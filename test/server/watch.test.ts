/** The log looked after by a server as it runs: numbered, signed, gone over; and health says what is wrong with it. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { sql } from "kysely";
import { auditor, checkpointer, lookAtLog } from "../../server/src/audit/jobs.ts";
import { newestCheckpoint, readLooks } from "../../server/src/audit/store.ts";
import { openDatabase } from "../../server/src/db/open.ts";
import { lookAtEvents, sequencer } from "../../server/src/events/jobs.ts";
import type { House } from "../../server/src/host/context.ts";
import { startWork } from "../../server/src/jobs/jobs.ts";
import { openVaultLink } from "../../server/src/vault/link.ts";
import { withDatabase } from "../world/database.ts";
import { tell } from "../world/events.ts";
import { standVault } from "../world/standing.ts";
import { houseOf } from "./api.ts";

/** Waits until `look` gives something. */
async function until<T>(look: () => Promise<T | null | undefined | false>): Promise<T> {
  for (;;) {
    const found = await look();
    if (found !== null && found !== undefined && found !== false) return found;
    await sleep(20);
  }
}

test("a server numbers, signs and goes over its log by itself, and health names what was changed", async () => {
  const [standing, made] = await Promise.all([standVault(), withDatabase()]);
  const vault = openVaultLink({ socket: standing.socket, pin: standing.made.deployment });
  const more = { vault, config: { genesis: standing.made.deployment } };
  const house = { ...houseOf(made.db), ...more } as unknown as House;
  const work = () => startWork({ house, workers: {}, keepers: [sequencer, checkpointer, auditor], leaseMs: 600 });
  const looks = async () => Object.fromEntries((await readLooks(made.db)).map((look) => [look.name, look]));
  await tell(made.db, "before", 600);
  const [waiting] = await lookAtEvents.look(house);
  assert.match(waiting?.detail ?? "", /^600 wait/);

  let working = work();
  await until(() => newestCheckpoint(made.db));
  await until(async () => (await looks())["integrity"]);
  await working.stop();
  assert.ok((await lookAtLog.look(house)).every(({ ok }) => ok));
  assert.ok((await lookAtEvents.look(house)).every(({ ok }) => ok));

  const owner = openDatabase({ url: made.ownerUrl, connections: 1 });
  await sql`alter table event disable trigger all`.execute(owner.db);
  await sql`update event set data = '{}' where number = 77`.execute(owner.db);
  await owner.close();
  working = work();
  const found = await until(async () => {
    const look = (await looks())["integrity"];
    return look?.ok === false && look;
  });
  assert.deepEqual([found.number, found.ok], [77, false]);
  assert.ok((await lookAtLog.look(house)).some(({ name, ok }) => name === "integrity:log" && !ok));
  await working.stop();
  vault.close();
  await made.close();
  await standing.clean();
});
