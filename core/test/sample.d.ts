import { type Hash } from "../src/bytes.ts";
import type { Key, Rule, Rulebook } from "../src/signed/rulebook.ts";
/** The hash of a name, where any hash will do. */
export declare function hashOf(name: string): Hash;
/** The Ed25519 public key of a name. */
export declare function publicKeyOf(name: string): Uint8Array;
/** A device key. */
export declare function deviceKey(name: string): Key;
/** A key that a served page uses. */
export declare function servedKey(name: string): Key;
/** A passkey, used by software that the server does not deliver. */
export declare function passkey(name: string): Key;
/** Id of the device key of a name. */
export declare function keyIdOf(name: string): Hash;
export declare const TOKEN = "0x5FbDB2315678afecb367f032d93F642f64180aa3";
export declare const DAY_MS = 86400000;
export declare const ALLOW: Rule;
export declare const DENY: Rule;
export declare const REQUIRE: {
  kinds: "any";
  chains: "any";
  assets: "any";
  wallets: "any";
  walletClasses: "any";
  clients: "any";
  units: "any";
  destinations: "any";
  classes: "any";
  initiators: "any";
  persons: "any";
  times: "any";
  methods: "any";
  effect: "require";
  initiatorCounts: false;
  servedCounts: false;
  distinctGroups: 0;
  facts: readonly [];
  delayMs: 0;
  entryAgeMs: 0;
  id: string;
  quorum: {
    type: "group";
    group: string;
    count: number;
  };
};
/** Persons of all groups, one device key each. */
export declare const PERSONS: Rulebook["persons"];
/** The rulebook, with some of its fields changed. */
export declare function sampleRulebook(change?: Partial<Rulebook>): Rulebook;
