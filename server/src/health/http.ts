/** Whether all is well. What is looked at comes from the nouns, each of which knows best. */
import { setTimeout as sleep } from "node:timers/promises";
import type { House } from "../host/context.ts";
import { limits } from "../host/limits.ts";
import type { Handlers } from "../http/call.ts";
import { arrange, type Finding } from "./rules.ts";
import { readVersion } from "./store.ts";

/** Looks at one thing or several. `name` is what is reported when looking itself fails or takes too long. */
export type Check = { readonly name: string; readonly look: (house: House) => Promise<readonly Finding[]> };

/** All findings, however long a look takes or whatever it throws. */
export async function examine(house: House, checks: readonly Check[], lookMs: number = limits.lookMs): Promise<Finding[]> {
  const found = await Promise.all(checks.map((check) => patiently(house, check, lookMs)));
  return arrange(found.flat());
}

async function patiently(house: House, { name, look }: Check, lookMs: number): Promise<readonly Finding[]> {
  const calm = new AbortController();
  const late = sleep(lookMs, null, { signal: calm.signal }).catch(() => null);
  try {
    return (await Promise.race([look(house), late])) ?? [{ name, ok: false, detail: `No finding within ${lookMs} ms.` }];
  } catch (error) {
    house.log.warn({ check: name, error }, "a check failed");
    return [{ name, ok: false, detail: error instanceof Error ? error.message : String(error) }];
  } finally {
    calm.abort();
  }
}

export function healthHandlers(checks: readonly Check[]): Handlers<"health"> {
  return {
    async "health.live"() {
      return { ok: true };
    },
    async "health.get"({ house }) {
      const at = new Date(house.now()).toISOString();
      const found = await examine(house, checks);
      return { ok: found.every(({ ok }) => ok), checks: found.map((finding) => ({ ...finding, at })) };
    },
  };
}

/** The two that everything else needs. */
export const BASIC: readonly Check[] = [
  {
    name: "database",
    look: async ({ db }) => [{ name: "database", ok: true, detail: `PostgreSQL ${await readVersion(db)} answers.` }],
  },
  {
    name: "vault",
    look: async ({ vault }) => {
      const { head } = await vault.view();
      const words = head.halted ? "It was rolled back and has stopped for good" : "It answers";
      return [{ name: "vault", ok: !head.halted, detail: `${words}; its head is ${head.head.seq}.` }];
    },
  },
];
