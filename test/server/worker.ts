/** A process that does jobs, for tests that kill it. `worker.ts URL NAME`.
 *
 *  Job kinds: `write` notes in the table `seen` that it was done; `slow` first says that it has the job and waits for a line on
 *  the standard input. The keeper `only` notes its epoch each time it is begun. */
import { createInterface } from "node:readline";
import { sql } from "kysely";
import pino from "pino";
import { openDatabase } from "../../server/src/db/open.ts";
import { transact } from "../../server/src/db/transact.ts";
import type { House } from "../../server/src/host/context.ts";
import { codeOf } from "../../server/src/host/fault.ts";
import { openMetrics } from "../../server/src/host/metrics.ts";
import { type Keeper, startWork, type Workers } from "../../server/src/jobs/jobs.ts";
import { demandFence, type Fence } from "../../server/src/jobs/store.ts";

const [url = "", name = ""] = process.argv.slice(2);
const say = (event: object) => process.stdout.write(`${JSON.stringify({ name, ...event })}\n`);
const lines = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

const { db, close } = openDatabase({ url, connections: 4 });
const note = (subject: string, fence: Fence) =>
  transact(db, async (tx) => {
    await demandFence(tx, fence);
    await sql`insert into seen (subject, worker, epoch) values (${subject}, ${name}, ${fence.epoch})`.execute(tx);
  });

const workers: Workers = {
  async write(_, { subject, fence }) {
    await note(subject, fence);
    return "done";
  },
  async slow(_, { subject, fence }) {
    say({ has: subject, epoch: fence.epoch });
    await lines.next();
    try {
      await note(subject, fence);
      say({ wrote: subject });
    } catch (error) {
      say({ refused: codeOf(error) });
      throw error;
    }
    return "done";
  },
};

const single: Keeper = {
  name: "only",
  async run(_, { lease, signal }) {
    await note("only", lease);
    say({ keeps: lease.epoch });
    await new Promise((resolve) => signal.addEventListener("abort", resolve, { once: true }));
  },
};

const house = { db, log: pino({ level: "silent" }), metrics: openMetrics(), now: Date.now } as unknown as House;
const work = startWork({ house, workers, keepers: [single], leaseMs: 900 });
say({ ready: true });
process.once("SIGTERM", async () => {
  await work.stop();
  await close();
  process.exit(0);
});
