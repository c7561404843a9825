/** Where rules that are written in code start: every condition open, nothing demanded. What a rule does not say stays as here,
 *  so that a new condition is opened in one place. */

/** Conditions that all hold for everything. */
export const OPEN = {
  kinds: "any",
  chains: "any",
  assets: "any",
  wallets: "any",
  walletClasses: "any",
  clients: "any",
  units: "any",
  destinations: "any",
  classes: "any",
  initiators: "any",
  persons: "any",
  times: "any",
  methods: "any",
} as const;

/** A requirement that demands nothing yet. */
export const NOTHING = {
  effect: "require",
  initiatorCounts: false,
  servedCounts: false,
  distinctGroups: 0,
  facts: [],
  delayMs: 0,
  entryAgeMs: 0,
} as const;
