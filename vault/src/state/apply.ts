/** The fold: `apply(state, record)` is the state after a record. It trusts its record, because the journal is authenticated and
 *  `decide` made it; it decides nothing, and a restart runs exactly this code. */
import { fromHex, type Hash, toHex } from "@strongroom/core/bytes";
import type { Part, Record, RecordOf, Sealed } from "@strongroom/core/journal/record";
import { advance } from "@strongroom/core/journal/segment";
import { openBook } from "@strongroom/core/rulebook/book";
import { Entry } from "@strongroom/core/signed/entry";
import { Genesis } from "@strongroom/core/signed/genesis";
import { Intent, type IntentKind, type IntentOf } from "@strongroom/core/signed/intent";
import { decode, idOf, Signed } from "@strongroom/core/signed/object";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import { entries, get, type PMap, remove, set } from "./map.ts";
import { append } from "./positions.ts";
import type { JobPart, JobState, State, Used, Waiting } from "./state.ts";
import { add } from "./usage.ts";

/** The state after `record`. */
export function apply(state: State, record: Sealed): State {
  const head = toHex(advance(fromHex(state.head), record.bytes)) as Hash;
  const moved = { ...state, seq: state.seq + 1, head, positions: append(state.positions, head), at: record.value.at };
  return change(moved, record.value);
}

function change(state: State, record: Record): State {
  switch (record.kind) {
    case "booted":
      return { ...state, boot: record.boot };
    case "founded":
      return founded(state, record);
    case "proposed":
      return { ...state, waiting: { ...signedBook(record.rulebook), until: record.until } };
    case "adopted":
      return adopted(state, record.rulebook);
    case "vetoed":
      return { ...state, waiting: null, vetoed: set(state.vetoed, record.rulebookId, true) };
    case "registered":
      return registered(state, record);
    case "rejected":
      return { ...state, rejected: set(state.rejected, record.intentId, true) };
    case "creating":
      return creating(state, record);
    case "opened":
      return opened(state, record);
    case "addressed":
      return addressed(state, record);
    case "entered":
      return entered(state, record.intent);
    case "retired":
      return retired(state, record.intent);
    case "froze":
      return froze(state, record);
    case "unfroze":
      return unfroze(state, record.intent);
    case "committed":
      return committed(state, record);
    case "signed":
      return signed(state, record);
    case "withheld":
      return withStatus(state, record.job, "withheld");
    case "resumed":
      return withStatus(state, record.job, "committed");
    case "noticed":
      return noticed(state, record);
    case "settled":
      return settled(state, record);
    case "halted":
      return { ...state, halted: true };
    case "ticked":
      return state;
  }
}

/** A signed rulebook made ready for use, with the keys that signed it. */
export function signedBook(signed: Uint8Array): Omit<Waiting, "until"> {
  const { body, signatures } = decode(Signed, signed);
  return { book: openBook(decode(Rulebook, body)), signed, signers: signatures.map((signature) => signature.key) };
}

function founded(state: State, record: RecordOf<"founded">): State {
  const { body } = decode(Signed, record.genesis);
  const genesis = { signed: record.genesis, value: decode(Genesis, body) };
  return adopted({ ...state, genesis, deployment: idOf(Genesis, body) }, record.rulebook);
}

function adopted(state: State, signed: Uint8Array): State {
  return { ...state, book: signedBook(signed).book, signedBook: signed, waiting: null };
}

function intentOf<K extends IntentKind>(bytes: Uint8Array): { id: Hash; intent: IntentOf<K> } {
  return { id: idOf(Intent, bytes), intent: decode(Intent, bytes) as IntentOf<K> };
}

/** Every record that carries out an intent takes its id, its reference and its registration. */
function use(state: State, { id, intent }: { id: Hash; intent: Intent }, used: Used): State {
  return {
    ...state,
    intents: set(state.intents, id, used),
    references: set(state.references, intent.reference, id),
    registered: remove(state.registered, id),
  };
}

/** When the table is full `decide` has found expired registrations; they go here. */
function registered(state: State, record: RecordOf<"registered">): State {
  const { id, intent } = intentOf(record.intent);
  const table = dropExpired(state, record.at);
  return { ...state, registered: set(table, id, { at: record.at, notAfter: intent.notAfter }) };
}

function dropExpired({ registered: table }: State, at: number): State["registered"] {
  let left = table;
  for (const [id, { notAfter }] of entries(table)) if (notAfter < at) left = remove(left, id);
  return left;
}

function creating(state: State, record: RecordOf<"creating">): State {
  const { id, intent } = intentOf<"wallet">(record.intent);
  const used = use(state, { id, intent }, { done: intent.wallet });
  const opening = { intent, path: record.path, account: state.accounts };
  return { ...used, accounts: state.accounts + 1, openings: set(state.openings, id, opening) };
}

function opened(state: State, record: RecordOf<"opened">): State {
  const opening = need(state.openings, record.intentId);
  const { intent, path, account } = opening;
  const { publicKey, chainCode } = record;
  const wallet = {
    name: intent.wallet,
    chain: intent.chain,
    class: intent.walletClass,
    client: intent.client,
    ...{ account, path, publicKey, chainCode },
  };
  return { ...state, openings: remove(state.openings, record.intentId), wallets: set(state.wallets, wallet.name, wallet) };
}

function addressed(state: State, record: RecordOf<"addressed">): State {
  const { wallet, index, address, publicKey } = record;
  const { chain } = need(state.wallets, wallet);
  const item = { wallet, index, address, publicKey };
  return {
    ...state,
    addresses: set(state.addresses, `${wallet}/${index}`, item),
    owned: set(state.owned, `${chain}:${address}`, item),
  };
}

function entered(state: State, bytes: Uint8Array): State {
  const { id, intent } = intentOf<"entry">(bytes);
  const entry = decode(Entry, intent.entry);
  const force = { hash: idOf(Entry, intent.entry), entry };
  return { ...use(state, { id, intent }, { done: entry.name }), entries: set(state.entries, entry.name, force) };
}

function retired(state: State, bytes: Uint8Array): State {
  const { id, intent } = intentOf<"retire">(bytes);
  return { ...use(state, { id, intent }, { done: intent.name }), entries: remove(state.entries, intent.name) };
}

function froze(state: State, record: RecordOf<"froze">): State {
  const { id, intent } = intentOf<"freeze">(record.intent);
  const freeze = { intent: id, level: intent.level, subject: intent.subject, officer: record.officer };
  return { ...use(state, { id, intent }, { done: record.officer }), freezes: set(state.freezes, id, freeze) };
}

function unfroze(state: State, bytes: Uint8Array): State {
  const { id, intent } = intentOf<"unfreeze">(bytes);
  return { ...use(state, { id, intent }, { done: intent.freeze }), freezes: remove(state.freezes, intent.freeze) };
}

function committed(state: State, record: RecordOf<"committed">): State {
  const parts: readonly JobPart[] = record.parts.map((part) => {
    const { id, intent } = intentOf<"pay" | "cancel">(part.intent);
    return { ...part, id, pay: intent, transaction: undefined };
  });
  const job: JobState = { id: record.job, status: "committed", parts };
  const begun = { ...state, jobs: set(state.jobs, job.id, job), pending: set(state.pending, job.id, true as const) };
  return parts.reduce((left, part, at) => commitPart(left, part, { job: job.id, part: at }), begun);
}

function commitPart(state: State, part: JobPart, place: { job: Hash; part: number }): State {
  const account = `${part.chain}:${part.from}`;
  const fresh = part.pay.replaces === undefined;
  const used = use(state, { id: part.id, intent: part.pay }, place);
  return {
    ...used,
    nonces: fresh ? set(state.nonces, account, part.nonce + 1) : state.nonces,
    outstanding: fresh ? set(state.outstanding, account, (get(state.outstanding, account) ?? 0) + 1) : state.outstanding,
    slots: part.slots.reduce((slots, slot) => set(slots, slot, place), state.slots),
    usage: part.counted.reduce((usage, item) => count(state, usage, item), state.usage),
  };
}

function count(state: State, usage: State["usage"], { key, amount, windowMs }: Part["counted"][number]): State["usage"] {
  return set(usage, key, add(get(usage, key) ?? { windowMs, buckets: [] }, amount, state.at));
}

function signed(state: State, record: RecordOf<"signed">): State {
  const job = need(state.jobs, record.job);
  const parts = job.parts.map((part, at) => ({ ...part, transaction: record.transactions[at] }));
  const transactions = parts.reduce(
    (table, part, at) => set(table, `${part.chain}:${part.transaction?.id}`, { job: job.id, part: at }),
    state.transactions,
  );
  const done: JobState = { ...job, status: "signed", parts };
  return { ...state, transactions, jobs: set(state.jobs, job.id, done), pending: remove(state.pending, job.id) };
}

function withStatus(state: State, id: Hash, status: "withheld" | "committed"): State {
  const job = need(state.jobs, id);
  const pending = status === "committed" ? set(state.pending, id, true as const) : remove(state.pending, id);
  return { ...state, jobs: set(state.jobs, id, { ...job, status }), pending };
}

function noticed(state: State, record: RecordOf<"noticed">): State {
  const facts = record.facts.reduce(
    (table, fact) => set(table, `${fact.source}|${fact.subject}`, { at: fact.at, id: fact.id }),
    state.facts,
  );
  return { ...state, facts };
}

function settled(state: State, record: RecordOf<"settled">): State {
  const place = need(state.transactions, record.transaction);
  const part = need(state.jobs, place.job).parts[place.part] as JobPart;
  const account = `${part.chain}:${part.from}`;
  return {
    ...state,
    outstanding: set(state.outstanding, account, need(state.outstanding, account) - 1),
    final: part.slots.reduce((final, slot) => set(final, slot, record.transaction), state.final),
  };
}

/** What must be there because `decide` checked it before it made the record. */
function need<V>(map: PMap<V>, key: string): V {
  const value = get(map, key);
  if (value === undefined) throw new Error(`the journal names ${key}, which it never made`);
  return value;
}
