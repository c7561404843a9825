/** A small sound rulebook and its parts for core's own tests, so that each test shows only what it changes.
 *
 *  Not for other workspaces: the demonstration world of their tests is in test/world. */
import { ed25519 } from "@noble/curves/ed25519.js";
import { p256 } from "@noble/curves/nist.js";
import { sha256 } from "@noble/hashes/sha2.js";
import { ascii, type Hash, toHex } from "../src/bytes.ts";
import { keyId } from "../src/keys/id.ts";
import { NOTHING, OPEN } from "../src/rulebook/open.ts";
import type { Key, Rule, Rulebook } from "../src/signed/rulebook.ts";

/** The hash of a name, where any hash will do. */
export function hashOf(name: string): Hash {
  return toHex(sha256(ascii(name))) as Hash;
}

/** The Ed25519 public key of a name. */
export function publicKeyOf(name: string): Uint8Array {
  return ed25519.getPublicKey(sha256(ascii(name)));
}

/** A device key. */
export function deviceKey(name: string): Key {
  return { scheme: "ed25519", publicKey: publicKeyOf(name), class: "device" };
}

/** A key that a served page uses. */
export function servedKey(name: string): Key {
  return { ...deviceKey(name), class: "served" };
}

/** A passkey, used by software that the server does not deliver. */
export function passkey(name: string): Key {
  const publicKey = p256.getPublicKey(sha256(ascii(name)), true);
  const bound = { rpIdHash: hashOf("localhost"), origin: "http://localhost", synced: false };
  return { scheme: "webauthn-es256", publicKey, class: "device", ...bound };
}

/** Id of the device key of a name. */
export function keyIdOf(name: string): Hash {
  return keyId("ed25519", publicKeyOf(name));
}

export const TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
export const DAY_MS = 86_400_000;

const GROUPS = {
  administrators: ["ada", "ben", "cleo"],
  traders: ["tom", "tina"],
  approvers: ["amy", "bob", "carl"],
  officers: ["olga", "otto"],
};

export const ALLOW: Rule = { ...OPEN, id: "allow", effect: "allow", kinds: ["pay"], initiators: ["traders"] };
export const DENY: Rule = { ...OPEN, id: "deny", effect: "deny", classes: ["contract"] };
export const REQUIRE = {
  ...OPEN,
  ...NOTHING,
  id: "require",
  quorum: { type: "group", group: "approvers", count: 2 },
} satisfies Rule;

/** Persons of all groups, one device key each. */
export const PERSONS: Rulebook["persons"] = [...new Set(Object.values(GROUPS).flat())].map((id) => ({
  id,
  keys: [deviceKey(id)],
}));
const SOURCES: Rulebook["sources"] = [
  { id: "screener", type: "screening", publicKey: publicKeyOf("screener") },
  { id: "watcher", type: "finality", publicKey: publicKeyOf("watcher") },
];

const FIXED = {
  version: 1,
  epoch: 1,
  demonstration: true,
  createdAt: 1_795_330_800_000,
  approvalLifeMs: DAY_MS,
  chains: [
    {
      id: 31337,
      name: "anvil",
      family: "evm",
      native: "eth",
      maxFee: 10n ** 17n,
      maxOutstanding: 16,
      finality: ["watcher"],
      finalityAtLeast: 1,
    },
    { id: 1, name: "mainnet", family: "evm", native: "ether", maxFee: 1n, maxOutstanding: 1, finality: [], finalityAtLeast: 2 },
  ],
  assets: [
    { id: "eth", chain: 31337, decimals: 18 },
    { id: "usdx", chain: 31337, contract: TOKEN, decimals: 6 },
    { id: "ether", chain: 1, decimals: 18 },
  ],
  rules: [ALLOW, DENY, REQUIRE],
  limits: [
    {
      id: "day",
      measure: "amount",
      level: "institution",
      assets: ["eth"],
      most: 1000n,
      window: { type: "rolling", ms: DAY_MS },
    },
    {
      id: "week",
      measure: "amount",
      level: "wallet",
      assets: ["usdx"],
      most: 5000n,
      window: { type: "rolling", ms: 7 * DAY_MS },
    },
  ],
  governance: {
    administrators: ["ada", "ben", "cleo"],
    threshold: 2,
    delayMs: DAY_MS,
    officers: "officers",
    unfreeze: { type: "group", group: "administrators", count: 2 },
    unfreezeDelayMs: 3_600_000,
    minimums: [],
  },
  units: [],
  calendars: [],
} as const satisfies Partial<Rulebook>;

/** The rulebook, with some of its fields changed. */
export function sampleRulebook(change: Partial<Rulebook> = {}): Rulebook {
  return {
    ...FIXED,
    deployment: hashOf("deployment"),
    base: hashOf("deployment"),
    vault: hashOf("vault"),
    persons: PERSONS,
    groups: Object.entries(GROUPS).map(([id, members]) => ({ id, members })),
    sources: SOURCES,
    ...change,
  };
}
