/** The rulebook of the demonstration: who is who, and what may happen.
 *
 *  Traders pay exchanges and service providers; two approvers other than the initiator agree. Operations open wallets and keep
 *  the address book, two of them together. Contracts are never paid. Two of three administrators change the rulebook. */
import { fromHex, type Hash } from "@strongroom/core/bytes";
import { keyId } from "@strongroom/core/keys/id";
import { NOTHING, OPEN } from "@strongroom/core/rulebook/open";
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
/** Sources that state finality, as the rulebook and the folder keys name them. */
export const SOURCES = ["finality-a", "finality-b"] as const;
/** The contract that anvil's first account deploys first.   Source: Yellow Paper, section 7: address of a new contract. */
export const TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
export const WALLET = "treasury";
/** A client, and the wallet that is his alone. */
export const CLIENT = { name: "acme", label: "Acme AG", wallet: "acme-1" } as const;

const SECOND = 1_000;
const DAY = 86_400 * SECOND;
export const ETH = 10n ** 18n;
export const USDX = 10n ** 6n;

const RULES: readonly Rule[] = [
  {
    ...OPEN,
    id: "traders-pay",
    effect: "allow",
    kinds: ["pay"],
    wallets: [WALLET],
    classes: ["exchange", "vasp", "own"],
    initiators: ["traders"],
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
  minimums: [],
};

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
        finality: SOURCES,
        finalityAtLeast: 2,
      },
    ],
    assets: [
      { id: "eth", chain: CHAIN, decimals: 18 },
      { id: "usdx", chain: CHAIN, contract: TOKEN, decimals: 6 },
    ],
    persons: PERSONS.map((id) => ({ id, keys: [{ scheme: "ed25519", publicKey: publicKey(id), class: "device" }] })),
    groups: Object.entries(GROUPS).map(([id, members]) => ({ id, members })),
    sources: SOURCES.map((id) => ({ id, type: "finality", publicKey: publicKey(id) })),
    rules: RULES,
    limits: [
      {
        id: "eth-a-day",
        measure: "amount",
        level: "institution",
        assets: ["eth"],
        most: 5n * ETH,
        window: { type: "rolling", ms: DAY },
      },
      {
        id: "usdx-a-day",
        measure: "amount",
        level: "institution",
        assets: ["usdx"],
        most: 50_000n * USDX,
        window: { type: "rolling", ms: DAY },
      },
      {
        id: "usdx-per-trader",
        measure: "amount",
        level: "initiator",
        assets: ["usdx"],
        most: 20_000n * USDX,
        window: { type: "rolling", ms: DAY },
      },
    ],
    governance: GOVERNANCE,
    units: [],
    calendars: [],
  };
}

/** The deployment that a genesis founds. */
export function deploymentOf(genesis: Uint8Array): Hash {
  return idOf(Genesis, genesis);
}
