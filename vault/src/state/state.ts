/** All that the vault remembers. It is rebuilt from the journal at every start and changes only through `apply`. */
import type { LogHead } from "@strongroom/core/audit/note";
import type { Hash, Time } from "@strongroom/core/bytes";
import { fromHex } from "@strongroom/core/bytes";
import type { Part } from "@strongroom/core/journal/record";
import { CHAIN_START } from "@strongroom/core/journal/segment";
import { keyId } from "@strongroom/core/keys/id";
import type { Price } from "@strongroom/core/money/value";
import type { GivenUpBody } from "@strongroom/core/protocol/command";
import type { Book } from "@strongroom/core/rulebook/book";
import type { Entry } from "@strongroom/core/signed/entry";
import type { FreezeLevel, Position } from "@strongroom/core/signed/fields";
import type { Genesis } from "@strongroom/core/signed/genesis";
import type { Lost, Start, Suspicion } from "@strongroom/core/signed/head";
import type { IntentOf } from "@strongroom/core/signed/intent";
import { type PackedJob, unpackJob } from "./job.ts";
import { emptyMap, get, type PMap } from "./map.ts";
import { noPositions, type Positions } from "./positions.ts";
import type { Moved } from "./range.ts";
import type { Usage } from "./usage.ts";

/** An account of the key tree on one chain. `account` is its BIP-44 number; keys are lower-case hex. */
export type Wallet = {
  readonly name: string;
  readonly chain: number;
  readonly class: IntentOf<"wallet">["walletClass"];
  readonly client: string | undefined;
  readonly unit: string | undefined;
  readonly account: number;
  readonly path: string;
  readonly publicKey: string;
  readonly chainCode: string;
};

/** A key that was asked for and is not there yet. */
export type Opening = { readonly intent: IntentOf<"wallet">; readonly path: string; readonly account: number };

export type Address = { readonly wallet: string; readonly index: number; readonly address: string; readonly publicKey: string };
/** `at`: when it came into force. */
export type EntryInForce = { readonly hash: Hash; readonly entry: Entry; readonly at: Time };

/** `address`: that of the destination whose entry was frozen by name, so that no other entry leads around the freeze. */
export type Freeze = {
  readonly intent: Hash;
  readonly level: FreezeLevel;
  readonly subject: string;
  readonly officer: string;
  readonly address: string | undefined;
};

/** A transaction of a job. */
export type Place = { readonly job: Hash; readonly part: number };

/** One transaction of a job, with its intent and what the vault derives from its bytes. `before`: the version it replaces. */
export type JobPart = Omit<Part, "intent"> & {
  readonly id: Hash;
  readonly pay: IntentOf<"pay" | "cancel" | "call">;
  readonly before: Place | undefined;
  readonly transaction: { readonly id: string; readonly raw: Uint8Array } | undefined;
};

/** `committed`: reserved, to be signed. `signed`: out. `withheld`: something came before the signature, so it was not given
 *  out. `at`: when it was committed. `seq`: number of that record. `withheldSeq`: number of the newest withholding, or 0.
 *  `boot`, `rulebook`: what its approvals name. */
export type JobState = {
  readonly id: Hash;
  readonly status: "committed" | "signed" | "withheld";
  readonly parts: readonly JobPart[];
  readonly at: Time;
  readonly seq: number;
  readonly withheldSeq: number;
  readonly boot: Hash | null;
  readonly rulebook: Hash | undefined;
};

/** What became of an intent: an on-chain job with the part's position, or done at once. */
export type Used = Place | { readonly done: string };

export type Waiting = {
  readonly book: Book;
  readonly signed: Uint8Array;
  readonly signers: readonly string[];
  readonly until: Time;
};

/** A start of the vault. `head`: what it went on from. `before`: earlier starts whose approvals count once it is confirmed.
 *  `suspicion`: null when nothing speaks for a rollback. */
export type Started = {
  readonly number: number;
  readonly boot: Hash;
  readonly head: Position;
  readonly at: Time;
  readonly suspicion: Suspicion | null;
  readonly confirmed: boolean;
  readonly before: readonly Hash[];
};

export type State = {
  readonly vaultKey: string;
  readonly vault: Hash;
  readonly seq: number;
  readonly head: Hash;
  readonly positions: Positions;
  readonly at: Time;
  readonly boot: Hash | null;
  /** The newest start; null as long as there was none. */
  readonly start: Started | null;
  /** Boot nonces that approvals may name: that of this start first, then earlier ones that its confirmation brought back. */
  readonly boots: readonly Hash[];
  readonly halted: boolean;
  /** Heads that the vault has signed and lacks, the newest of each start; confirmed ones are given up. */
  readonly lost: readonly Lost[];
  /** What proves that the administrators have given them up. */
  readonly givenUp: GivenUpBody | null;
  /** Identity keys of the vaults that have written this journal, the newest last; none before the founding. */
  readonly line: readonly string[];
  /** When the last approval ends that was given under an earlier rulebook or for an earlier vault; 0 before there were any. */
  readonly ends: Time;
  /** Until when a successor signs no transaction: the longest life of an approval for the vaults before. */
  readonly succession: { readonly lifeMs: number; readonly until: Time | null } | null;
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
  /** By `<chain>:<address>`: how many entries in force name the address, and which of class denied does. */
  readonly listed: PMap<number>;
  readonly denied: PMap<string>;
  readonly intents: PMap<Used>;
  readonly references: PMap<Hash>;
  readonly rejected: PMap<true>;
  /** How many intents each key has rejected. */
  readonly rejections: PMap<number>;
  /** Intents whose delays run, and some that have expired and were not dropped yet. */
  readonly registered: PMap<{ readonly at: Time; readonly notAfter: Time; readonly initiator: Hash }>;
  readonly freezes: PMap<Freeze>;
  /** Signed ones are packed; see `jobAt`. */
  readonly jobs: PMap<JobState | PackedJob>;
  /** Jobs that are committed and neither signed nor withheld. */
  readonly pending: PMap<true>;
  /** By `<chain>:<address>`: the next nonce, and how many nonces are not final, where there are any. */
  readonly nonces: PMap<number>;
  readonly outstanding: PMap<number>;
  /** Which job and part hold a slot, newest version. */
  readonly slots: PMap<Place>;
  /** Those of them that no finality facts have ended. */
  readonly live: PMap<Place>;
  /** Which transaction (`<chain>:<transaction id>`) ended a slot, by finality facts. */
  readonly final: PMap<string>;
  /** By `<chain>:<transaction id>`. */
  readonly transactions: PMap<Place>;
  /** By `<level>|<what is counted at it>`: how far each limit is used, by its name, measure and window. */
  readonly usage: PMap<ReadonlyMap<string, Usage>>;
  /** How far the audit log went when it was signed last, and how often that was written down of late. */
  readonly log: { readonly head: LogHead; readonly written: Usage } | null;
  /** By `<source>|<subject>`: the newest fact seen. */
  readonly facts: PMap<Newest>;
};

/** `adverse`: it speaks against its subject whatever else is known. `price`: what a fact states as price, with what the source
 *  has stated before. `codeHash`, `next`: what it states as code, or as number of an address's next transaction. */
export type Newest = {
  readonly at: Time;
  readonly id: Hash;
  readonly adverse: boolean;
  readonly codeHash?: Hash;
  readonly next?: number;
  readonly price?: Price & Pick<Moved, "ranges">;
};

/** The state of a vault that has been founded. */
export type Founded = State & { readonly deployment: Hash; readonly book: Book; readonly signedBook: Uint8Array };

export function isFounded(state: State): state is Founded {
  return state.deployment !== null;
}

/** The newest start of a vault, as administrators confirm it. */
export function startOf({ deployment, vault, start, lost }: Founded): Start {
  const { number, boot, head, at, suspicion } = start as Started;
  const why = suspicion === null ? {} : { suspicion };
  return { version: 1, deployment, vault, number, boot, head, at, ...why, ...(lost.length > 0 && { lost }) };
}

/** Whether the rulebook in force makes another vault the active one. */
export function isRetired({ book, vault }: Pick<State, "book" | "vault">): boolean {
  return book !== null && book.document.vault !== vault;
}

/** Whether this vault goes on with the journal of another one, and has not said so yet. */
export function isHeir({ book, vault, vaultKey, line }: State): boolean {
  return book?.document.vault === vault && line.at(-1) !== vaultKey;
}

/** Until when a successor signs no transaction, where that lies ahead; else null. */
export function waitsUntil({ succession }: Pick<State, "succession">, lo: Time): Time | null {
  const until = succession?.until ?? null;
  return until !== null && lo < until ? until : null;
}

/** Whether the journal may be an older one, and nobody has confirmed that it is not. */
export function isSuspect({ start }: Pick<State, "start">): boolean {
  return start !== null && start.suspicion !== null && !start.confirmed;
}

/** A job by its id. */
export function jobAt({ jobs }: Pick<State, "jobs">, id: string): JobState | undefined {
  const kept = get(jobs, id);
  return kept === undefined ? undefined : openJob(kept);
}

export function openJob(kept: JobState | PackedJob): JobState {
  return kept instanceof Uint8Array ? unpackJob(kept) : kept;
}

/** The transaction at a place that the state itself names. */
export function partAt(state: Pick<State, "jobs">, { job, part }: Place): JobPart {
  return (jobAt(state, job) as JobState).parts[part] as JobPart;
}

/** A transaction and all that it replaces, the newest first. */
export function* versionsOf(state: Pick<State, "jobs">, newest: JobPart | undefined): Generator<JobPart> {
  let part = newest;
  while (part !== undefined) {
    yield part;
    part = part.before && partAt(state, part.before);
  }
}

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
    start: null,
    boots: [],
    halted: false,
    lost: [],
    givenUp: null,
    line: [],
    ends: 0,
    succession: null,
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
    listed: emptyMap(),
    denied: emptyMap(),
    intents: emptyMap(),
    references: emptyMap(),
    rejected: emptyMap(),
    rejections: emptyMap(),
    registered: emptyMap(),
    freezes: emptyMap(),
    jobs: emptyMap(),
    pending: emptyMap(),
    nonces: emptyMap(),
    outstanding: emptyMap(),
    slots: emptyMap(),
    live: emptyMap(),
    final: emptyMap(),
    transactions: emptyMap(),
    usage: emptyMap(),
    log: null,
    facts: emptyMap(),
  };
}
