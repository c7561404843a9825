/** All of the state in bytes and back, piece by piece, so that neither side ever holds a second copy of it.
 *
 *  A chunk is items one after another, each the number of its field and then one value, or one entry of a table. Fields come in
 *  the order of `LAYOUT`, entries in the order of their table, so that there is one way to write a state and a table is built
 *  in one pass. Only the program that wrote a snapshot reads it (docs/spec/journal.md). Files and keys are the host's. */
import { MAX_ORIGIN } from "@strongroom/core/audit/note";
import { Reader, UINT, Writer, within } from "@strongroom/core/cbor";
import { demand } from "@strongroom/core/errors";
import { GivenUpBody } from "@strongroom/core/protocol/command";
import { type Book, openBook } from "@strongroom/core/rulebook/book";
import { amount, blob, flag, hex, slug, text } from "@strongroom/core/signed/codec";
import { Entry } from "@strongroom/core/signed/entry";
import { addressText, chainId, freezeLevel, hash32, time, walletClass } from "@strongroom/core/signed/fields";
import { Genesis } from "@strongroom/core/signed/genesis";
import { suspicion } from "@strongroom/core/signed/head";
import { Intent, type IntentOf } from "@strongroom/core/signed/intent";
import { decode, encode, Signed } from "@strongroom/core/signed/object";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import { type Codec, many, maybe, nullable, object, pair, struct, viewed } from "./codec.ts";
import { idOf } from "./hash.ts";
import { job, keepJob, number, type PackedJob, place, price } from "./job.ts";
import { entries, keptKey, MapBuilder, type PMap } from "./map.ts";
import { blocks, extend, hashAt, noPositions, type Positions } from "./positions.ts";
import type { Range } from "./range.ts";
import {
  type Address,
  type EntryInForce,
  emptyState,
  type Freeze,
  type JobState,
  type Newest,
  type Opening,
  type Place,
  type Started,
  type State,
  type Used,
  type Waiting,
  type Wallet,
} from "./state.ts";
import { type Usage, usageOf } from "./usage.ts";

/** A chunk ends after the item with which it has this many bytes. */
const CHUNK_BYTES = 65_536;

/** What was read before the field that is being read. */
type Loaded = Partial<State>;
/** How one field is written: what it is made of, and how it is put together again. */
type Piece<T> = {
  readonly items: (value: T) => Iterable<unknown>;
  readonly write: (out: Writer, item: unknown) => void;
  readonly gather: (loaded: Loaded) => Gatherer<T>;
};
type Gatherer<T> = { readonly read: (from: Reader) => void; readonly done: () => T };

/** A field with one value. */
function one<T>(codec: Codec<T>): Piece<T> {
  return {
    items: (value) => [value],
    write: (out, item) => codec.write(out, item as T),
    gather: () => {
      const found: T[] = [];
      return {
        read(from) {
          demand(found.length === 0, "NOT_CANONICAL", "", "it comes twice");
          found.push(codec.read(from));
        },
        done() {
          demand(found.length === 1, "MISSING_FIELD", "", "it is not there");
          return found[0] as T;
        },
      };
    },
  };
}

/** Puts texts of tables that were read before in the place of equal ones, so that each is held once. */
type Link<V> = (entry: readonly [string, V], loaded: Loaded) => readonly [string, V];

function table<V>(key: Codec<string>, value: Codec<V>, link: Link<V> = (entry) => entry): Piece<PMap<V>> {
  return {
    items: entries,
    write(out, item) {
      const [name, content] = item as readonly [string, V];
      key.write(out, name);
      value.write(out, content);
    },
    gather: (loaded) => {
      const builder = new MapBuilder<V>();
      return {
        read(from) {
          const [name, content] = link([key.read(from), value.read(from)], loaded);
          demand(builder.add(name, content), "NOT_CANONICAL", "", "its entries have one order and come once");
        },
        done: () => builder.done(),
      };
    },
  };
}

/** The same name in a table that was read before. */
function kept(map: PMap<unknown> | undefined, name: string): string {
  const found = map && keptKey(map, name);
  demand(found !== undefined, "BAD_VALUE", "", `${name} is named, but nowhere made`);
  return found;
}

const atPlace = ({ job: id, part }: Place, { jobs }: Loaded): Place => ({ job: kept(jobs, id) as Place["job"], part });

const positions: Piece<Positions> = {
  items: blocks,
  write: (out, item) => out.bytes(item as Uint8Array),
  gather: () => {
    let list = noPositions();
    return {
      read(from) {
        list = extend(list, from.view(Number.MAX_SAFE_INTEGER));
      },
      done: () => list,
    };
  },
};

const SIGNED_BYTES = 1 << 20;
const signed = blob(SIGNED_BYTES, 1);
const slot = text(120, 1);
const key33 = hex(33);
/** Of anything, as a key of a table. */
const id = hex(32);

const genesis: Codec<NonNullable<State["genesis"]>> = viewed(signed, {
  to: (value) => value.signed,
  from: (bytes) => ({ signed: bytes, value: decode(Genesis, decode(Signed, bytes).body) }),
});
const book: Codec<Book> = viewed(object(Rulebook), { to: ({ document }) => document, from: openBook });
const waiting: Codec<Waiting> = struct({ book, signed, signers: many(id), until: time });
const opening: Codec<Opening> = struct({
  intent: object<Intent, IntentOf<"wallet">>(Intent),
  path: text(64),
  account: number,
});
const wallet: Codec<Wallet> = struct({
  name: slug,
  chain: chainId,
  class: walletClass,
  client: maybe(slug),
  unit: maybe(slug),
  account: number,
  path: text(64),
  publicKey: key33,
  chainCode: id,
});
const address: Codec<Address> = struct({ wallet: slug, index: number, address: addressText, publicKey: key33 });
const entryInForce: Codec<EntryInForce> = viewed(pair(blob(Entry.maxBytes), time), {
  to: ({ entry, at }) => [encode(Entry, entry), at] as const,
  from: ([bytes, at]) => ({ hash: idOf(Entry, bytes), entry: decode(Entry, bytes), at }),
});
const freeze: Codec<Freeze> = struct({
  intent: hash32,
  level: freezeLevel,
  subject: text(90),
  officer: slug,
  address: maybe(addressText),
});
const usage: Codec<Usage> = viewed(struct({ rolls: flag, buckets: many(pair(number, amount)) }), {
  to: (value) => value,
  from: ({ rolls, buckets }) => usageOf(rolls, buckets),
});
/** Of one thing at one level, the limits in the order in which they came to count there. */
const usages: Codec<ReadonlyMap<string, Usage>> = viewed(many(pair(text(100), usage)), {
  to: (value) => [...value],
  from: (list) => new Map(list),
});
const started: Codec<Started> = struct({
  number,
  boot: hash32,
  head: struct({ seq: number, hash: hash32 }),
  at: time,
  suspicion: nullable(suspicion),
  confirmed: flag,
  before: many(hash32),
});
const range: Codec<Range> = struct({ since: time, low: price, high: price });
const moved = struct<NonNullable<Newest["price"]>>({ numerator: amount, denominator: amount, ranges: many(range) });
const newest: Codec<Newest> = struct<Newest>(
  { at: time, id: hash32, adverse: flag, codeHash: maybe(hash32), next: maybe(number), price: maybe(moved) },
  ["codeHash", "next", "price"],
);
const yes: Codec<true> = { write: () => undefined, read: () => true };

const used: Codec<Used> = {
  write(out, value) {
    flag.write(out, "done" in value);
    if ("done" in value) text(96).write(out, value.done);
    else place.write(out, value);
  },
  read: (from) => (flag.read(from) ? { done: text(96).read(from) } : place.read(from)),
};

/** A signed job goes as it lies in memory. */
const keptJob: Codec<JobState | PackedJob> = {
  write(out, value) {
    const isPacked = value instanceof Uint8Array;
    flag.write(out, isPacked);
    if (isPacked) out.bytes(value);
    else job.write(out, value);
  },
  read: (from) => (flag.read(from) ? keepJob(from.view(Number.MAX_SAFE_INTEGER)) : job.read(from)),
};

/** Every field of the state; what others refer to comes before them. */
const LAYOUT: { readonly [K in keyof State]: Piece<State[K]> } = {
  vaultKey: one(id),
  vault: one(hash32),
  seq: one(number),
  head: one(hash32),
  positions,
  at: one(time),
  boot: one(nullable(hash32)),
  start: one(nullable(started)),
  boots: one(many(hash32)),
  halted: one(flag),
  lost: one(many(struct({ boot: hash32, seq: number }))),
  givenUp: one(nullable(object(GivenUpBody))),
  line: one(many(id)),
  ends: one(time),
  succession: one(nullable(struct({ lifeMs: number, until: nullable(time) }))),
  deployment: one(nullable(hash32)),
  genesis: one(nullable(genesis)),
  book: one(nullable(book)),
  signedBook: one(nullable(signed)),
  waiting: one(nullable(waiting)),
  vetoed: table(id, yes),
  openings: table(id, opening),
  wallets: table(slug, wallet),
  accounts: one(number),
  addresses: table(text(64), address),
  owned: table(text(120), address),
  entries: table(slug, entryInForce),
  listed: table(slot, number),
  denied: table(slot, slug),
  jobs: table(id, keptJob),
  intents: table(id, used, ([id, value], loaded) => [id, "job" in value ? atPlace(value, loaded) : value]),
  references: table(text(64), hash32, ([name, id], { intents }) => [name, kept(intents, id) as typeof id]),
  rejected: table(id, yes),
  rejections: table(id, number),
  registered: table(id, struct({ at: time, notAfter: time, initiator: hash32 })),
  freezes: table(id, freeze),
  pending: table(id, yes, ([id, value], { jobs }) => [kept(jobs, id), value]),
  nonces: table(slot, number),
  outstanding: table(slot, number),
  slots: table(slot, place, ([name, value], loaded) => [name, atPlace(value, loaded)]),
  live: table(slot, place, ([name, value], loaded) => [kept(loaded.slots, name), atPlace(value, loaded)]),
  transactions: table(slot, place, ([name, value], loaded) => [name, atPlace(value, loaded)]),
  final: table(slot, slot, ([name, id], { slots, transactions }) => [kept(slots, name), kept(transactions, id)]),
  usage: table(text(120), usages),
  log: one(nullable(struct({ head: struct({ origin: text(MAX_ORIGIN), size: number, root: hash32 }), written: usage }))),
  facts: table(text(200), newest),
};
const FIELDS = Object.entries(LAYOUT) as [keyof State, Piece<unknown>][];

/** A state in chunks, each good until the next one is asked for. They may be asked for over any time: a state never changes.
 *  Fails: codes of core's shapes, which is a bug. */
export function* encodeState(state: State): Generator<Uint8Array, void> {
  const out = new Writer();
  for (const [number, [name, piece]] of FIELDS.entries()) {
    for (const item of piece.items(state[name])) {
      out.head(UINT, number);
      piece.write(out, item);
      if (out.size >= CHUNK_BYTES) yield out.take();
    }
  }
  if (out.size > 0) yield out.take();
}

/** Puts a state together from its chunks, in their order. */
export class StateReader {
  readonly #loaded: { [name: string]: unknown } = {};
  #at = 0;
  #gatherer: Gatherer<unknown> = LAYOUT.vaultKey.gather({});

  /** Fails: codes of core's `Reader` and shapes, MISSING_FIELD, NOT_CANONICAL, BAD_VALUE. */
  add(chunk: Uint8Array): void {
    const from = new Reader(chunk);
    while (from.more()) {
      const field = from.head(UINT);
      demand(field >= this.#at && field < FIELDS.length, "NOT_CANONICAL", "", "fields have one order");
      while (this.#at < field) this.#next();
      try {
        this.#gatherer.read(from);
      } catch (error) {
        throw within((FIELDS[field] as (typeof FIELDS)[number])[0], error);
      }
    }
  }

  /** The state. Fails: as `add`; BAD_VALUE when positions and head contradict each other. */
  done(): State {
    while (this.#at < FIELDS.length) this.#next();
    const loaded = this.#loaded as State;
    // In the order of fields that every other state has, which is one to the runtime too.
    const state = { ...emptyState(loaded.vaultKey), ...loaded };
    const fits = state.positions.length === state.seq && (state.seq === 0 || hashAt(state.positions, state.seq) === state.head);
    demand(fits, "BAD_VALUE", "positions", "they do not lead to the head");
    return state;
  }

  #next(): void {
    const [name] = FIELDS[this.#at] as (typeof FIELDS)[number];
    try {
      this.#loaded[name] = this.#gatherer.done();
    } catch (error) {
      throw within(name, error);
    }
    this.#at += 1;
    const [, piece] = FIELDS[this.#at] ?? [];
    if (piece !== undefined) this.#gatherer = piece.gather(this.#loaded);
  }
}
