/** Our addresses of one chain in memory, so that a block is matched without asking anybody, least of all a node: what we
 *  watch is nobody's business. Kept up by the change that each new address makes. */
import type { Reader } from "../db/tables.ts";
import { limits } from "../host/limits.ts";
import { watchChange, watchedSince } from "./store.ts";

export type WatchedSet = {
  has(key: string): boolean;
  readonly size: number;
  /** Reads what is new; gives the change up to which all are known. */
  refresh(): Promise<number>;
};

export function openWatched(db: Reader, chain: number): WatchedSet {
  const keys = new Set<string>();
  let known = 0;
  return {
    has: (key) => keys.has(key),
    get size() {
      return keys.size;
    },
    async refresh() {
      const change = await watchChange(db, chain);
      while (known < change) {
        const rows = await watchedSince(db, chain, { after: known, limit: limits.watchedPage });
        for (const { key } of rows) keys.add(key);
        // An address that was there already has used up a change of which there is no row.
        known = rows.length < limits.watchedPage ? Math.max(change, rows.at(-1)?.change ?? 0) : (rows.at(-1)?.change ?? change);
      }
      return known;
    },
  };
}
