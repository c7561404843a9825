/** An embedded PostgreSQL that comes back when it dies, at the same place: whoever uses it tries again and goes on. */
import { setTimeout as sleep } from "node:timers/promises";
import type { Fault } from "../../host/fault.ts";
import { limits } from "../../host/limits.ts";
import { type Postgres, type StartOptions, startPostgres } from "./start.ts";

/** `pid`: of the one that runs now. `ended`: it was asked to stop, or has died too often. */
export type Kept = Omit<Postgres, "pid"> & { readonly pid: () => number };

/** Fails as `startPostgres` does, when the first start fails. */
export async function keepPostgres(options: StartOptions): Promise<Kept> {
  let current = await startPostgres(options);
  const { url, ownerUrl, version, socket } = current;
  const deaths: number[] = [];
  const watch = async (): Promise<Fault | null> => {
    for (;;) {
      const fault = await current.ended;
      if (fault === null) return null;
      const now = performance.now();
      deaths.push(now);
      const recent = deaths.filter((at) => now - at < limits.postgresWindowMs).length;
      if (recent > limits.postgresDeaths) return fault;
      options.say?.(`strongroom: ${fault.message}; it is started again`);
      await sleep(limits.retryMs);
      current = await startPostgres({ ...options, socket });
    }
  };
  const ended = watch();
  return { url, ownerUrl, version, socket, ended, pid: () => current.pid, stop: () => current.stop() };
}
