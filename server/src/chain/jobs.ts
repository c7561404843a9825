/** Has each chain followed by exactly one process. */
import type { Keeper } from "../jobs/jobs.ts";
import { follow } from "./follow.ts";
import type { Observers } from "./types.ts";

/** One keeper for each chain; `observers` hear of what its blocks bring. */
export function chainKeepers(chains: readonly number[], observers: Observers): readonly Keeper[] {
  return chains.map((chain) => ({
    name: `chain:${chain}`,
    run: ({ chains: gateway, db, now }, { lease, signal }) => {
      const source = { chain, config: gateway.config(chain), online: gateway.online(chain), db, now };
      const assets = () => gateway.assets(chain);
      return follow({ ...source, assets, observers }, { lease, signal }, () => gateway.turn(chain, signal));
    },
  }));
}
