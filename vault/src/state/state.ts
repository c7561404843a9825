/** All that the vault remembers. It is rebuilt from the journal at every start and changes only through `apply`. */
import type { Hash, Time } from "@strongroom/core/bytes";
import { fromHex } from "@strongroom/core/bytes";
import type { Part } from "@strongroom/core/journal/record";
import { CHAIN_START } from "@strongroom/core/journal/segment";
import { keyId } from "@strongroom/core/keys/id";
import type { Book } from "@strongroom/core/rulebook/book";
import type { Entry } from "@strongroom/core/signed/entry";
import type { FreezeLevel } from "@strongroom/core/signed/fields";
import type { Genesis } from "@strongroom/core/signed/genesis";
import type { IntentOf } from "@strongroom/core/signed/intent";
import { emptyMap, type PMap } from "./map.ts";
import { noPositions, type Positions } from "./positions.ts";
import type { Usage } from "./usage.ts";

/** An account of the key tree on one chain. `account` is its BIP-44 number; keys are lower-case hex. */
export type Wallet = {
  readonly name: string;
  readonly chain: number;
  readonly class: IntentOf<"wallet">["walletClass"];
  readonly client: string | undefined;
  readonly account: number;
  readonly path: string;
  readonly publicKey: string;
  readonly chainCode: string;
};

/** A key that was asked for and is not there yet. */
export type Opening = { readonly intent: IntentOf<"wallet">; readonly path: string; readonly account: number };

export type Address = { readonly wallet: string; readonly index: number; readonly address: string; readonly publicKey: string };
export type EntryInForce = { readonly hash: Hash; readonly entry: Entry };
export type Freeze = { readonly intent: Hash; readonly level: FreezeLevel; readonly subject: string; readonly officer: string };

/** One transaction of a job, with what the vault derives from its bytes. */
export type JobPart = Part & {
  readonly id: Hash;
  readonly pay: IntentOf<"pay"> | IntentOf<"cancel">;
  readonly transaction: { readonly id: string; readonly raw: Uint8Array } | undefined;
};

/** `committed`: reserved, to be signed. `signed`: out. `withheld`: signed while frozen, so the signature was not given out. */
export type JobState = {
  readonly id: Hash;
  readonly status: "committed" | "signed" | "withheld";
  readonly parts: readonly JobPart[];
};

/** What became of an intent: an on-chain job with the part's position, or done at once. */
export type Used = { readonly job: Hash; readonly part: number } | { readonly done: string };

export type Waiting = {
  readonly book: Book;
  readonly signed: Uint8Array;
  readonly signers: readonly string[];
  readonly until: Time;
};

export type State = {
  readonly vaultKey: string;
  readonly vault: Hash;
  readonly seq: number;
  readonly head: Hash;
  readonly positions: Positions;
  readonly at: Time;
  readonly boot: Hash | null;
  readonly halted: boolean;
  readonly deployment: Hash | null;
  readonly genesis: { readonly signed: Uint8Array; readonly value: Genesis } | null;
  readonly book: Book | null;
  readonly signedBook: Uint8Array | null;
  readonly waiting: Waiting | null;
  readonly vetoed: PMap<true>;
  readonly openings: PMap<Opening>;
  readonly wallets: PMap<Wallet>;
  readonly accounts: number;
  /** By `<wallet>/<index>`. */
  readonly addresses: PMap<Address>;
  /** The same by `<chain>:<address>`. */
  readonly owned: PMap<Address>;
  readonly entries: PMap<EntryInForce>;
  readonly intents: PMap<Used>;
  readonly references: PMap<Hash>;
  readonly rejected: PMap<true>;
  readonly registered: PMap<{ readonly at: Time; readonly notAfter: Time }>;
  readonly freezes: PMap<Freeze>;
  readonly jobs: PMap<JobState>;
  /** Jobs that are committed and not signed. */
  readonly pending: PMap<true>;
  /** By `<chain>:<address>`: the next nonce, and how many transactions are not final. */
  readonly nonces: PMap<number>;
  readonly outstanding: PMap<number>;
  /** Which job and part hold a slot, newest version. */
  readonly slots: PMap<{ readonly job: Hash; readonly part: number }>;
  /** Which transaction ended a slot, by finality facts. */
  readonly final: PMap<string>;
  /** By `<chain>:<transaction id>`. */
  readonly transactions: PMap<{ readonly job: Hash; readonly part: number }>;
  readonly usage: PMap<Usage>;
  /** By `<source>|<subject>`: the newest fact seen. */
  readonly facts: PMap<{ readonly at: Time; readonly id: Hash }>;
};

/** The state of a vault whose journal is empty. `vaultKey`: Ed25519 identity key, lower-case hex. */
export function emptyState(vaultKey: string): State {
  return {
    vaultKey,
    vault: keyId("ed25519", fromHex(vaultKey)),
    seq: 0,
    head: CHAIN_START,
    positions: noPositions(),
    at: 0,
    boot: null,
    halted: false,
    deployment: null,
    genesis: null,
    book: null,
    signedBook: null,
    waiting: null,
    vetoed: emptyMap(),
    openings: emptyMap(),
    wallets: emptyMap(),
    accounts: 0,
    addresses: emptyMap(),
    owned: emptyMap(),
    entries: emptyMap(),
    intents: emptyMap(),
    references: emptyMap(),
    rejected: emptyMap(),
    registered: emptyMap(),
    freezes: emptyMap(),
    jobs: emptyMap(),
    pending: emptyMap(),
    nonces: emptyMap(),
    outstanding: emptyMap(),
    slots: emptyMap(),
    final: emptyMap(),
    transactions: emptyMap(),
    usage: emptyMap(),
    facts: emptyMap(),
  };
}
