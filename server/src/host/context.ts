/** What every part of the server works with. It is made once, in `start.ts`, and handed down; there is nothing global. */
import type { Logger } from "pino";
import type { Gateway } from "../chain/gateway.ts";
import type { Reader } from "../db/tables.ts";
import type { VaultLink } from "../vault/link.ts";
import type { Config } from "./config.ts";
import type { Metrics } from "./metrics.ts";

export type House = {
  readonly config: Config;
  readonly db: Reader;
  readonly vault: VaultLink;
  readonly chains: Gateway;
  readonly log: Logger;
  readonly metrics: Metrics;
  /** Milliseconds since 1970; the wall clock of this machine, never trusted by the vault. */
  readonly now: () => number;
  /** Wakes the workers of this process, because a job or an event was committed. */
  readonly wake: () => void;
};
