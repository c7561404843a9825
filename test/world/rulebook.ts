/** The rulebook of the demonstration world: what `demoRulebook` gives.
 *
 *  Traders pay up to 10 ETH or 1,000,000 USDX; two approvers other than the initiator agree; from 5 ETH on an officer agrees
 *  too and an hour passes; self-hosted destinations are screened; contracts are never paid. Operations open wallets and keep
 *  the address book, two of them together. Two of three administrators change the rulebook, a weakening waits a day. */

import { fromHex } from "../../core/src/bytes.ts";
import { keyId } from "../../core/src/keys/id.ts";
import { NOTHING, OPEN } from "../../core/src/rulebook/open.ts";
import { Genesis } from "../../core/src/signed/genesis.ts";
import { encode, idOf } from "../../core/src/signed/object.ts";
import type { Rule, Rulebook } from "../../core/src/signed/rulebook.ts";
import { type Device, device } from "./keys.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const ETH = 10n ** 18n;
const USDX = 10n ** 6n;

/** Contract of the demonstration token: the first that anvil's first account deploys. */
export const TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3";

/** Members of every group. */
export const GROUPS = {
  administrators: ["ada", "ben", "cleo"],
  traders: ["tom", "tina"],
  approvers: ["amy", "bob", "carl"],
  officers: ["olga", "otto"],
  operations: ["tina", "carl", "cleo"],
} as const;

const RULES: readonly Rule[] = [
  { ...OPEN, id: "allow-eth", effect: "allow", kinds: ["pay"], assets: ["eth"], initiators: ["traders"], amountTo: 10n * ETH },
  {
    ...OPEN,
    id: "allow-usdx",
    effect: "allow",
    kinds: ["pay"],
    assets: ["usdx"],
    initiators: ["traders"],
    amountTo: 1_000_000n * USDX,
  },
  { ...OPEN, id: "allow-cancel", effect: "allow", kinds: ["cancel"], initiators: ["traders"] },
  { ...OPEN, id: "allow-operations", effect: "allow", kinds: ["wallet", "entry", "retire"], initiators: ["operations"] },
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
    id: "large-eth",
    kinds: ["pay"],
    assets: ["eth"],
    amountFrom: 5n * ETH,
    quorum: {
      type: "allOf",
      of: [
        { type: "group", group: "approvers", count: 2 },
        { type: "group", group: "officers", count: 1 },
      ],
    },
    distinctGroups: 2,
    delayMs: HOUR,
  },
  {
    ...OPEN,
    ...NOTHING,
    id: "screened",
    kinds: ["pay"],
    classes: ["self-hosted"],
    facts: [{ type: "screening", sources: ["screening"], atLeast: 1, maxAgeMs: HOUR }],
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

function persons(): Rulebook["persons"] {
  const names = [...new Set(Object.values(GROUPS).flat())];
  return names.map((id) => ({ id, keys: [keyOf(device(id))] }));
}

/** The rulebook's line for a device key. */
export function keyOf(key: Device): Rulebook["persons"][number]["keys"][number] {
  return { scheme: "ed25519", publicKey: key.publicKey, class: "device" };
}

function governance(genesis: Genesis): Rulebook["governance"] {
  return {
    administrators: genesis.administrators.map((administrator) => administrator.person),
    threshold: genesis.threshold,
    delayMs: DAY,
    officers: "officers",
    unfreeze: {
      type: "allOf",
      of: [
        { type: "group", group: "administrators", count: 2 },
        { type: "group", group: "officers", count: 1 },
      ],
    },
    unfreezeDelayMs: HOUR,
    minimums: [],
  };
}

/** The first rulebook of the deployment that `genesis` founds. */
export function demoDocument(genesis: Genesis): Rulebook {
  const deployment = idOf(Genesis, encode(Genesis, genesis));
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
        id: 31337,
        name: "anvil",
        family: "evm",
        native: "eth",
        maxFee: ETH / 10n,
        maxOutstanding: 16,
        finality: ["finality-a", "finality-b"],
        finalityAtLeast: 2,
      },
    ],
    assets: [
      { id: "eth", chain: 31337, decimals: 18 },
      { id: "usdx", chain: 31337, contract: TOKEN, decimals: 6 },
    ],
    persons: persons(),
    groups: Object.entries(GROUPS).map(([id, members]) => ({ id, members })),
    sources: [
      { id: "screening", type: "screening", publicKey: device("screening").publicKey },
      { id: "finality-a", type: "finality", publicKey: device("finality-a").publicKey },
      { id: "finality-b", type: "finality", publicKey: device("finality-b").publicKey },
    ],
    rules: RULES,
    limits: [
      {
        id: "institution-eth",
        measure: "amount",
        level: "institution",
        assets: ["eth"],
        most: 100n * ETH,
        window: { type: "rolling", ms: DAY },
      },
      {
        id: "wallet-usdx",
        measure: "amount",
        level: "wallet",
        assets: ["usdx"],
        most: 5_000_000n * USDX,
        window: { type: "rolling", ms: DAY },
      },
      {
        id: "initiator-eth",
        measure: "amount",
        level: "initiator",
        assets: ["eth"],
        most: 20n * ETH,
        window: { type: "rolling", ms: DAY },
      },
    ],
    governance: governance(genesis),
    units: [],
    calendars: [],
  };
}
