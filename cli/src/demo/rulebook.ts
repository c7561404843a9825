/** The rulebook of the demonstration: who is who, and what may happen.
 *
 *  Traders pay exchanges and service providers at any hour of Zurich; two approvers other than the initiator agree, and the
 *  entry has been in the address book for some seconds. Out of one unit go at most EUR 15,000 and 200 payments a day, all
 *  assets together. Operations open wallets and keep the address book, two of them together. Contracts are never paid, nor is
 *  what is on the deny list. Two of three administrators change the rulebook. */
import { fromHex, type Hash } from "@strongroom/core/bytes";
import { keyId } from "@strongroom/core/keys/id";
import { NOTHING, OPEN } from "@strongroom/core/rulebook/open";
import type { FactType } from "@strongroom/core/signed/fact";
import { Genesis } from "@strongroom/core/signed/genesis";
import { encode, idOf } from "@strongroom/core/signed/object";
import type { Rule, Rulebook } from "@strongroom/core/signed/rulebook";
import { CHAIN } from "./anvil.ts";

/** Who belongs to which group. */
export const GROUPS = {
  administrators: ["ada", "ben", "cleo"],
  traders: ["tom", "tina"],
  approvers: ["amy", "bob", "carl"],
  officers: ["olga", "otto"],
  operations: ["tina", "carl", "cleo"],
} as const;

/** Everybody, once. */
export const PERSONS: readonly string[] = [...new Set(Object.values(GROUPS).flat())];
/** Sources that state finality, and all of them, as the rulebook and the folder keys name them. */
export const FINALITY = ["finality-a", "finality-b"] as const;
export const SOURCES = [...FINALITY, "prices", "clock"] as const;
/** The unit that both wallets belong to, by the rulebook. */
export const DESK = "desk";
/** The contract that anvil's first account deploys first.   Source: Yellow Paper, section 7: address of a new contract. */
export const TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
export const WALLET = "treasury";
/** A client, and the wallet that is his alone. */
export const CLIENT = { name: "acme", label: "Acme AG", wallet: "acme-1" } as const;

const SECOND = 1_000;
const HOUR = 3_600 * SECOND;
const DAY = 24 * HOUR;
export const ETH = 10n ** 18n;
export const USDX = 10n ** 6n;
const EUR = 100n;
/** How long a destination cools off before it is paid. */
const COOLING_MS = 3 * SECOND;
const DAYS = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"] as const;

const RULES: readonly Rule[] = [
  {
    ...OPEN,
    id: "traders-pay",
    effect: "allow",
    kinds: ["pay"],
    wallets: [WALLET],
    classes: ["exchange", "vasp", "own"],
    initiators: ["traders"],
    times: [{ calendar: "zurich", days: DAYS, from: 0, to: 1_440 }],
  },
  { ...OPEN, id: "traders-cancel", effect: "allow", kinds: ["cancel"], initiators: ["traders"] },
  { ...OPEN, id: "operations", effect: "allow", kinds: ["wallet", "entry", "retire"], initiators: ["operations"] },
  {
    ...OPEN,
    ...NOTHING,
    id: "two-approvers",
    kinds: ["pay", "cancel"],
    quorum: { type: "group", group: "approvers", count: 2 },
  },
  {
    ...OPEN,
    ...NOTHING,
    id: "two-of-operations",
    kinds: ["wallet", "entry", "retire"],
    quorum: { type: "group", group: "operations", count: 2 },
    initiatorCounts: true,
  },
  { ...OPEN, ...NOTHING, id: "cooling-off", kinds: ["pay"], entryAgeMs: COOLING_MS },
  { ...OPEN, id: "no-contracts", effect: "deny", kinds: ["pay"], classes: ["contract"] },
];

const GOVERNANCE: Rulebook["governance"] = {
  administrators: [...GROUPS.administrators],
  threshold: 2,
  delayMs: 30 * SECOND,
  officers: "officers",
  unfreeze: {
    type: "allOf",
    of: [
      { type: "group", group: "administrators", count: 2 },
      { type: "group", group: "officers", count: 1 },
    ],
  },
  unfreezeDelayMs: SECOND,
  minimums: [{ class: "cold", persons: 2 }],
};

const A_DAY = { type: "rolling", ms: DAY } as const;
const ZURICH_DAY = { type: "fixed", calendar: "zurich", period: "day" } as const;
const LIMITS: Rulebook["limits"] = [
  { id: "eth-a-day", measure: "amount", level: "institution", assets: ["eth"], most: 5n * ETH, window: A_DAY },
  { id: "usdx-a-day", measure: "amount", level: "institution", assets: ["usdx"], most: 50_000n * USDX, window: A_DAY },
  { id: "usdx-per-trader", measure: "amount", level: "initiator", assets: ["usdx"], most: 20_000n * USDX, window: A_DAY },
  { id: "value-a-day", measure: "value", level: "unit", assets: "any", most: 15_000n * EUR, window: ZURICH_DAY },
  { id: "payments-a-day", measure: "count", level: "unit", assets: "any", most: 200n, window: ZURICH_DAY },
];

/** How amounts are valued: by one source, which may not jump. */
const VALUATION: NonNullable<Rulebook["valuation"]> = {
  currency: "eur",
  decimals: 2,
  sources: ["prices"],
  atLeast: 1,
  maxAgeMs: HOUR,
  maxMovePpm: 200_000,
  moveMs: HOUR,
};

/** Local time of Zurich for some years from a year on: an hour ahead of UTC, two in summer.
 *  Source: Directive 2000/84/EC: from the last Sunday of March to that of October, at 01:00 UTC. */
function zurich(from: number): Rulebook["calendars"][number] {
  const first = new Date(from).getUTCFullYear();
  const changes = Array.from({ length: 10 }, (_, at) => first + at).flatMap((year) => [
    { at: lastSunday(year, 2), offset: 120 },
    { at: lastSunday(year, 9), offset: 60 },
  ]);
  return { id: "zurich", offset: 60, changes, until: lastSunday(first + 10, 2) };
}

function lastSunday(year: number, month: number): number {
  const last = new Date(Date.UTC(year, month, 31, 1));
  return last.getTime() - last.getUTCDay() * DAY;
}

/** Public keys of persons and sources, 32 bytes each. */
export type PublicKeys = ReadonlyMap<string, Uint8Array>;

/** The first rulebook of the deployment that `genesis` founds. */
export function demoRulebook(genesis: Genesis, keys: PublicKeys): Rulebook {
  const deployment = idOf(Genesis, encode(Genesis, genesis));
  const publicKey = (name: string) => keys.get(name) as Uint8Array;
  return {
    version: 1,
    deployment,
    epoch: 1,
    base: deployment,
    vault: keyId("ed25519", fromHex(genesis.vaultKey)),
    demonstration: genesis.demonstration,
    createdAt: genesis.createdAt,
    approvalLifeMs: DAY,
    chains: [
      {
        id: CHAIN,
        name: "anvil",
        family: "evm",
        native: "eth",
        maxFee: ETH / 20n,
        maxOutstanding: 16,
        finality: FINALITY,
        finalityAtLeast: 2,
      },
    ],
    assets: [
      { id: "eth", chain: CHAIN, decimals: 18 },
      { id: "usdx", chain: CHAIN, contract: TOKEN, decimals: 6 },
    ],
    persons: PERSONS.map((id) => ({ id, keys: [{ scheme: "ed25519", publicKey: publicKey(id), class: "device" }] })),
    groups: Object.entries(GROUPS).map(([id, members]) => ({ id, members })),
    sources: SOURCES.map((id) => ({ id, type: typeOf(id), publicKey: publicKey(id) })),
    rules: RULES,
    limits: LIMITS,
    governance: GOVERNANCE,
    units: [{ id: "bank" }, { id: DESK, parent: "bank" }],
    calendars: [zurich(genesis.createdAt)],
    valuation: VALUATION,
    clock: { sources: ["clock"], atLeast: 1 },
  };
}

function typeOf(source: (typeof SOURCES)[number]): FactType {
  if (source === "prices") return "price";
  return source === "clock" ? "clock" : "finality";
}

/** The deployment that a genesis founds. */
export function deploymentOf(genesis: Uint8Array): Hash {
  return idOf(Genesis, genesis);
}
