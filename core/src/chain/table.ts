/** The chain families that this version serves: one line each. */
import { evm } from "./evm/evm.ts";

const CHAINS = { evm } as const;

/** Name of a chain family, as wallets and intents carry it. */
export type Family = keyof typeof CHAINS;

/** The offline half of a family. */
export function chainOf<Name extends Family>(family: Name): (typeof CHAINS)[Name] {
  return CHAINS[family];
}
