/** A process that numbers events, for tests that kill it. `numberer.ts URL DEPLOYMENT HOLDER [STEP]`.
 *
 *  Without a step it works as a server's sequencer until it is ended. With one it numbers a single batch and kills itself at
 *  a statement of that: `before 3` is never sent, `sent 3` gets no answer, `after 3` has one. Each statement is told on
 *  standard output. */
import { setImmediate as turn } from "node:timers/promises";
import pg from "pg";
import type { Hash } from "../../core/src/bytes.ts";
import type { Uuid } from "../../server/src/db/ids.ts";
import { openDatabase } from "../../server/src/db/open.ts";
import { sequence, sequencer } from "../../server/src/events/jobs.ts";
import type { House } from "../../server/src/host/context.ts";
import { openLog } from "../../server/src/host/log.ts";
import { openMetrics } from "../../server/src/host/metrics.ts";
import { startWork } from "../../server/src/jobs/jobs.ts";
import { takeLease } from "../../server/src/jobs/store.ts";

const [url = "", deployment = "", holder = "", step] = process.argv.slice(2);
const { db, close } = openDatabase({ url, connections: 2 });

if (step === undefined) {
  const house = { db, log: openLog("silent").log, metrics: openMetrics(), now: Date.now, config: { genesis: deployment } };
  startWork({ house: house as unknown as House, workers: {}, keepers: [sequencer], leaseMs: 600 });
} else {
  const lease = await takeLease(db, { name: "sequencer", holder: holder as Uuid, leaseMs: 60_000 });
  if (lease === null) throw new Error("the lease is somebody else's");
  dieAt(step);
  await sequence(db, { lease, deployment: deployment as Hash });
  await close();
}

function dieAt(place: string): void {
  const [what, at] = place.split(" ");
  const die = () => process.kill(process.pid, "SIGKILL");
  const send = pg.Client.prototype.query as (...args: unknown[]) => Promise<unknown>;
  let count = 0;
  const query = async function (this: pg.Client, ...args: unknown[]): Promise<unknown> {
    count += 1;
    const own = count === Number(at) ? what : "";
    process.stdout.write(`${count} ${String(args[0]).slice(0, 60)}\n`);
    if (own === "before") die();
    const answer = send.apply(this, args);
    if (own === "sent") {
      await turn();
      die();
    }
    const result = await answer;
    if (own === "after") die();
    return result;
  };
  pg.Client.prototype.query = query as unknown as typeof pg.Client.prototype.query;
}
