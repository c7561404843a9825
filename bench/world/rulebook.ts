/** Rulebooks of a chosen size for the figures: the rules of the demonstration world, and around them what a bank with many
 *  desks, tokens and counterparties would add. Deterministic. Judged only by core; nothing here evaluates. */

import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import type { Calendar, Rule, Rulebook, Window } from "../../core/src/signed/rulebook.ts";
import { DAY, demoRulebook, ETH, HOUR, KEYS, NOW, USDX } from "../../test/world/world.ts";

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

const LEVELS = ["institution", "client", "wallet", "address", "destination", "asset", "initiator", "unit"] as const;
const MEASURES = ["amount", "value", "count"] as const;
/** In which assets a limit counts: its own alone, where it counts an amount. */
const ASSETS = ["any", ["eth"], ["eth", "usdx", ...tokens]] as const;
const WINDOWS: readonly Window[] = [
  ...[1, 2, 3, 4, 5].map((days): Window => ({ type: "rolling", ms: days * DAY })),
  ...(["day", "week", "month"] as const).map((period): Window => ({ type: "fixed", calendar: "zone", period })),
];

/** The unit of the wallet that the measured payment comes from; `bank` is above it. */
export const UNIT = "desk";
/** An hour more in every summer of some years. Half a year is enough for its length. */
const CALENDAR: Calendar = {
  id: "zone",
  offset: 60,
  changes: Array.from({ length: 20 }, (_, at) => ({ at: NOW + (at - 5) * 182 * DAY, offset: at % 2 === 0 ? 60 : 120 })),
  until: NOW + 3_000 * DAY,
};

/** Limits of every level, measure and kind of window that all count a payment of ETH from a wallet of `UNIT`, and what else of
 *  the rulebook they need; never reached. */
export function limitsOf(count: number): Pick<Rulebook, "units" | "calendars" | "sources" | "valuation" | "limits"> {
  const pricer = { id: "pricer-a", type: "price", publicKey: KEYS.pricerA.publicKey } as const;
  return {
    units: [{ id: "bank" }, { id: UNIT, parent: "bank" }],
    calendars: [CALENDAR],
    sources: [...demoRulebook().sources, pricer],
    valuation: {
      currency: "eur",
      decimals: 2,
      sources: [pricer.id],
      atLeast: 1,
      maxAgeMs: HOUR,
      maxMovePpm: 50_000,
      moveMs: HOUR,
    },
    limits: Array.from({ length: count }, (_, at) => {
      const measure = pick(MEASURES, at);
      const round = Math.floor(at / LEVELS.length);
      return {
        id: `limit-${at}`,
        measure,
        level: pick(LEVELS, at),
        assets: measure === "amount" ? ["eth"] : pick(ASSETS, at + round),
        most: 1_000_000_000n * ETH,
        window: pick(WINDOWS, at + round),
      };
    }),
  };
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
