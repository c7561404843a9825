/** Rulebooks of a chosen size for the figures: the rules of the demonstration world, and around them what a bank with many
 *  desks, tokens and counterparties would add. Deterministic. Judged only by core; nothing here evaluates. */

import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import type { Rule, Rulebook } from "../../core/src/signed/rulebook.ts";
import { demoRulebook, ETH, USDX } from "../../test/world/world.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const TOKENS = 20;
const DESKS = 30;

/** Every so many added rules one binds every payment of the bench, so that the cost of what matches is in the figure. */
const BINDS_EVERY = 20;

export const tokens = Array.from({ length: TOKENS }, (_, at) => `token-${at}`);
export const desks = Array.from({ length: DESKS }, (_, at) => `desk-${at}`);

function pick<T>(list: readonly T[], at: number): T {
  return list[at % list.length] as T;
}

/** The rule number `at` of those that are added. */
function added(at: number): Rule {
  const id = `bench-${at}`;
  const token = pick(tokens, at);
  const quorum = { type: "group", group: "approvers", count: 2 } as const;
  if (at % BINDS_EVERY === 0) return { ...OPEN, ...NOTHING, id, kinds: ["pay"], initiators: ["traders"], quorum };
  switch (at % 5) {
    case 0:
      return {
        ...OPEN,
        id,
        effect: "allow",
        kinds: ["pay"],
        assets: [token],
        initiators: ["traders"],
        amountTo: 1_000n * USDX,
      };
    case 1:
      return { ...OPEN, ...NOTHING, id, kinds: ["pay"], assets: [token], amountFrom: 100n * USDX, quorum, delayMs: HOUR };
    case 2:
      return { ...OPEN, ...NOTHING, id, kinds: ["pay", "cancel"], wallets: [pick(desks, at), pick(desks, at + 7)], quorum };
    case 3:
      return { ...OPEN, id, effect: "deny", kinds: ["pay"], wallets: [pick(desks, at)], classes: ["self-hosted", "vasp"] };
    default:
      return {
        ...OPEN,
        ...NOTHING,
        id,
        kinds: ["pay"],
        destinations: [`party-${at}`, `party-${at + 1}`],
        facts: [{ type: "screening", sources: ["screening"], atLeast: 1, maxAgeMs: DAY }],
      };
  }
}

const LEVELS = ["institution", "client", "wallet", "address", "destination", "asset", "initiator"] as const;

/** Limits on the payments of the bench, of every level that needs nothing else of the rulebook; never reached. */
export function limitsOf(count: number): Rulebook["limits"] {
  return Array.from({ length: count }, (_, at) => ({
    id: `limit-${at}`,
    measure: at % 3 === 0 ? "count" : "amount",
    level: pick(LEVELS, at),
    assets: at % 3 === 0 ? "any" : ["eth"],
    most: 1_000_000_000n * ETH,
    window: { type: "rolling", ms: (1 + (at % 5)) * DAY },
  }));
}

/** What a rulebook of the demonstration world has in other fields when it has `count` rules. Its limits are not reached. */
export function rulesOf(count: number): Pick<Rulebook, "chains" | "assets" | "rules" | "limits"> {
  const demo = demoRulebook();
  const rules = [...demo.rules, ...Array.from({ length: Math.max(0, count - demo.rules.length) }, (_, at) => added(at))];
  const contract = (at: number) => `0x${(at + 1).toString().padStart(40, "0")}`;
  return {
    chains: demo.chains.map((chain) => ({ ...chain, maxOutstanding: 1_000_000 })),
    assets: [...demo.assets, ...tokens.map((id, at) => ({ id, chain: 31337, contract: contract(at), decimals: 6 }))],
    rules: rules.slice(0, count),
    limits: demo.limits.map((limit) => ({ ...limit, most: 1_000_000_000n * ETH })),
  };
}
