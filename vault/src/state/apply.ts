/** The fold: `apply(state, record)` is the state after a record. It trusts its record, because the journal is authenticated and
 *  `decide` made it; it decides nothing, and a restart runs exactly this code. */
import { fromHex, type Hash, toHex } from "@strongroom/core/bytes";
import type { Part, Record, RecordOf, Sealed } from "@strongroom/core/journal/record";
import { advance } from "@strongroom/core/journal/segment";
import { MAX_LINE } from "@strongroom/core/protocol/command";
import { type Book, openBook } from "@strongroom/core/rulebook/book";
import { Approval } from "@strongroom/core/signed/approval";
import { Entry } from "@strongroom/core/signed/entry";
import { Fact } from "@strongroom/core/signed/fact";
import type { Position } from "@strongroom/core/signed/fields";
import { Genesis } from "@strongroom/core/signed/genesis";
import { Head, MAX_EARLIER_STARTS, MAX_LOST, Start } from "@strongroom/core/signed/head";
import type { Intent, IntentKind, IntentOf } from "@strongroom/core/signed/intent";
import { decode, encode, idOf, Signed } from "@strongroom/core/signed/object";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import { CHECKPOINT_WINDOW_MS, MAX_REGISTERED } from "../limits.ts";
import { hashBytes } from "./hash.ts";
import { type Read, readIntent } from "./intent.ts";
import { packJob } from "./job.ts";
import { entries, get, type PMap, remove, set } from "./map.ts";
import { append } from "./positions.ts";
import { rangesWith } from "./range.ts";
import {
  type Founded,
  type JobPart,
  type JobState,
  type Opening,
  openJob,
  type Place,
  partAt,
  type Started,
  type State,
  startOf,
  type Used,
  versionsOf,
  type Waiting,
  type Wallet,
} from "./state.ts";
import { add, rollingSpan, subtract, type Usage, unused } from "./usage.ts";

/** The state after `record`. */
export function apply(state: State, record: Sealed): State {
  const chain = advance(fromHex(state.head), record.bytes, hashBytes);
  const head = toHex(chain) as Hash;
  const moved = { ...state, seq: state.seq + 1, head, positions: append(state.positions, chain), at: record.value.at };
  if (record.value.kind === "booted") return booted(moved, record.value, { seq: state.seq, hash: state.head });
  return change(moved, record.value);
}

type Later = Exclude<Record, RecordOf<"booted">>;

function change(state: State, record: Later): State {
  switch (record.kind) {
    case "founded":
      return founded(state, record);
    case "proposed":
      return { ...state, waiting: { ...signedBook(record.rulebook), until: record.until } };
    case "adopted":
      return adopted(state, record.rulebook);
    case "vetoed":
      return vetoed(state, record.rulebookId);
    case "registered":
      return registered(state, record);
    case "rejected":
      return rejected(state, record);
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
    case "repriced":
      return repriced(state, record);
    case "signed":
      return signed(state, record);
    case "withheld":
      return withheld(state, record.job);
    case "resumed":
      return resumed(state, record);
    case "noticed":
      return notice(state, record.facts);
    case "settled":
      return settled(state, record);
    case "halted":
      return { ...missed(state, record.evidence), halted: true };
    case "missed":
      return missed(state, record.evidence);
    case "confirmed":
      return confirmed(state, record.approvals);
    case "succeeded":
      return succeeded(state, record);
    case "repaired":
      return { ...state, halted: false, start: { ...(state.start as Started), suspicion: "repaired", confirmed: false } };
    case "ticked":
      return { ...state, registered: unexpired(state) };
    case "checkpointed":
      return checkpointed(state, record);
  }
}

/** What an earlier start brought back counts again only together with that start. */
function booted(state: State, { boot, at, suspicion }: RecordOf<"booted">, head: Position): State {
  const before = state.boots.slice(0, MAX_EARLIER_STARTS);
  const number = (state.start?.number ?? 0) + 1;
  const start: Started = { number, boot, head, at, suspicion: suspicion ?? null, confirmed: false, before };
  return { ...state, boot, boots: [boot], start };
}

/** Whoever confirms a suspected start brings back no approval: what it was used for may be among what was lost. */
function confirmed(state: State, approvals: readonly Uint8Array[]): State {
  const start = state.start as Started;
  const boots = start.suspicion === null ? [start.boot, ...start.before] : state.boots;
  const givenUp = state.lost.length === 0 ? null : { start: encode(Start, startOf(state as Founded)), approvals };
  return { ...state, boots, givenUp, start: { ...start, confirmed: true } };
}

/** Of each start the newest head that is known to be lost. */
function missed(state: State, evidence: Uint8Array): State {
  const { boot, head } = decode(Head, decode(Signed, evidence).body);
  const others = state.lost.filter((one) => one.boot !== boot);
  const before = state.lost.find((one) => one.boot === boot)?.seq ?? 0;
  return { ...state, lost: [...others, { boot, seq: Math.max(before, head.seq) }].slice(-MAX_LOST) };
}

/** A signed rulebook made ready for use, with the keys that signed it. */
export function signedBook(signed: Uint8Array): Omit<Waiting, "until"> {
  const { body, signatures } = decode(Signed, signed);
  return { book: openBook(decode(Rulebook, body)), signed, signers: signatures.map((signature) => signature.key) };
}

function founded(state: State, record: RecordOf<"founded">): State {
  const { body } = decode(Signed, record.genesis);
  const genesis = { signed: record.genesis, value: decode(Genesis, body) };
  const line = [genesis.value.vaultKey];
  return inForce({ ...state, genesis, line, deployment: idOf(Genesis, body) }, record.rulebook);
}

/** Approvals for a vault that hands over may live as long as the rulebook before says, or as an older one still lets them. */
function adopted(state: State, signed: Uint8Array): State {
  const { vault, approvalLifeMs } = (state.book as Book).document;
  const ends = Math.max(state.ends, state.at + approvalLifeMs);
  const next = { ...inForce(state, signed), ends };
  return next.book?.document.vault === vault ? next : { ...next, succession: { lifeMs: ends - state.at, until: null } };
}

/** The vault that the rulebook names goes on, and no approval that was given before counts for it. */
function succeeded(state: State, { vaultKey, at }: RecordOf<"succeeded">): State {
  const { lifeMs } = state.succession as NonNullable<State["succession"]>;
  const line = [...state.line, vaultKey].slice(-MAX_LINE);
  const until = at + lifeMs;
  return { ...state, line, boots: [], succession: { lifeMs, until }, ends: until };
}

function inForce(state: State, signed: Uint8Array): State {
  return { ...state, book: signedBook(signed).book, signedBook: signed, waiting: null };
}

/** A veto ends the rulebook that waits only when it is that one. */
function vetoed(state: State, id: Hash): State {
  const { waiting } = state;
  return { ...state, waiting: waiting?.book.id === id ? null : waiting, vetoed: set(state.vetoed, id, true) };
}

function rejected(state: State, { intentId: id, approval }: RecordOf<"rejected">): State {
  const { key } = decode(Approval, decode(Signed, approval).body);
  return {
    ...state,
    rejected: set(state.rejected, id, true),
    rejections: set(state.rejections, key, (get(state.rejections, key) ?? 0) + 1),
  };
}

function intentOf<K extends IntentKind>(bytes: Uint8Array): Read<IntentOf<K>> {
  return readIntent(bytes) as Read<IntentOf<K>>;
}

/** Every record that carries out an intent takes its id and its reference. */
function use(state: State, { id, intent }: Read<Intent>, used: Used): State {
  return { ...state, intents: set(state.intents, id, used), references: set(state.references, intent.reference, id) };
}

/** What is done at once needs its registration no more; a transaction may, until it is signed. */
function finish(state: State, read: Read<Intent>, done: string): State {
  return { ...use(state, read, { done }), registered: remove(state.registered, read.id) };
}

function registered(state: State, record: RecordOf<"registered">): State {
  const { id, intent } = intentOf(record.intent);
  const { notAfter, initiator } = intent;
  const table = state.registered.size < MAX_REGISTERED ? state.registered : unexpired(state);
  return { ...state, registered: set(table, id, { at: record.at, notAfter, initiator }) };
}

/** The registrations that have not expired. The others go when time passes in the journal, or when the table is full. */
function unexpired({ registered: table, at }: State): State["registered"] {
  let left = table;
  for (const [id, { notAfter }] of entries(table)) if (notAfter < at) left = remove(left, id);
  return left;
}

function creating(state: State, record: RecordOf<"creating">): State {
  const { id, intent } = intentOf<"wallet">(record.intent);
  const used = finish(state, { id, intent }, intent.wallet);
  const opening = { intent, path: record.path, account: state.accounts };
  return { ...used, accounts: state.accounts + 1, openings: set(state.openings, id, opening) };
}

function opened(state: State, { intentId, ...key }: RecordOf<"opened">): State {
  const wallet = openedWallet(need(state.openings, intentId), key);
  return { ...state, openings: remove(state.openings, intentId), wallets: set(state.wallets, wallet.name, wallet) };
}

/** The wallet once its key is there. */
export function openedWallet({ intent, path, account }: Opening, key: Pick<Wallet, "publicKey" | "chainCode">): Wallet {
  const { wallet: name, chain, walletClass, client, unit } = intent;
  const { publicKey, chainCode } = key;
  return { name, chain, class: walletClass, client, unit, account, path, publicKey, chainCode };
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
  const force = { hash: idOf(Entry, intent.entry), entry, at: state.at };
  const place = `${entry.chain}:${entry.address}`;
  return {
    ...finish(state, { id, intent }, entry.name),
    entries: set(state.entries, entry.name, force),
    listed: set(state.listed, place, (get(state.listed, place) ?? 0) + 1),
    denied: entry.class === "denied" ? set(state.denied, place, entry.name) : state.denied,
  };
}

function retired(state: State, bytes: Uint8Array): State {
  const { id, intent } = intentOf<"retire">(bytes);
  const { entry } = need(state.entries, intent.name);
  const place = `${entry.chain}:${entry.address}`;
  const left = need(state.listed, place) - 1;
  return {
    ...finish(state, { id, intent }, intent.name),
    entries: remove(state.entries, intent.name),
    listed: left === 0 ? remove(state.listed, place) : set(state.listed, place, left),
    denied: entry.class === "denied" ? remove(state.denied, place) : state.denied,
  };
}

/** A freeze takes no reference, so that nobody can use it up before the freeze arrives. */
function froze(state: State, record: RecordOf<"froze">): State {
  const { id, intent } = intentOf<"freeze">(record.intent);
  const { level, subject } = intent;
  const address = level === "destination" ? get(state.entries, subject)?.entry.address : undefined;
  const freeze = { intent: id, level, subject, officer: record.officer, address };
  return {
    ...state,
    intents: set(state.intents, id, { done: record.officer }),
    freezes: set(state.freezes, id, freeze),
  };
}

function unfroze(state: State, bytes: Uint8Array): State {
  const { id, intent } = intentOf<"unfreeze">(bytes);
  return { ...finish(state, { id, intent }, intent.freeze), freezes: remove(state.freezes, intent.freeze) };
}

function committed(state: State, { job: id, parts }: RecordOf<"committed">): State {
  const { state: begun, made } = commit(state, id, parts);
  return made.reduce((left, part, at) => use(left, { id: part.id, intent: part.pay }, { job: id, part: at }), begun);
}

/** The intent stays where it was carried out; only its place on the chain has a newer version. */
function repriced(state: State, { job, part }: RecordOf<"repriced">): State {
  return commit(state, job, [part]).state;
}

function commit(state: State, id: Hash, parts: readonly Part[]): { readonly state: State; readonly made: readonly JobPart[] } {
  const made: readonly JobPart[] = parts.map(({ intent: bytes, ...part }) => {
    const { id, intent: pay } = intentOf<"pay" | "cancel" | "call">(bytes);
    return { ...part, id, pay, before: get(state.slots, part.slots[0] as string), transaction: undefined };
  });
  const { at, seq, boot, book } = state;
  const job: JobState = { id, status: "committed", parts: made, at, seq, withheldSeq: 0, boot, rulebook: book?.id };
  const begun = { ...state, jobs: set(state.jobs, id, job), pending: set(state.pending, id, true as const) };
  return { made, state: made.reduce((left, part, place) => commitPart(left, part, { job: id, part: place }), begun) };
}

function commitPart(state: State, part: JobPart, place: Place): State {
  const account = `${part.chain}:${part.from}`;
  const fresh = part.before === undefined;
  return {
    ...state,
    nonces: fresh ? set(state.nonces, account, part.nonce + 1) : state.nonces,
    outstanding: fresh ? set(state.outstanding, account, (get(state.outstanding, account) ?? 0) + 1) : state.outstanding,
    slots: part.slots.reduce((slots, slot) => set(slots, slot, place), state.slots),
    live: part.slots.reduce((live, slot) => set(live, slot, place), state.live),
    usage: part.counted.reduce(count, state.usage),
  };
}

function count(usage: State["usage"], { of, shares }: Part["counted"][number]): State["usage"] {
  const limits = new Map(get(usage, of));
  for (const { limit, amount, bucket, rolls } of shares) {
    limits.set(limit, add(limits.get(limit) ?? unused(rolls), amount, bucket));
  }
  return set(usage, of, limits);
}

/** The job once it is signed. */
export function signedJob(job: JobState, transactions: RecordOf<"signed">["transactions"]): JobState {
  return { ...job, status: "signed", parts: job.parts.map((part, at) => ({ ...part, transaction: transactions[at] })) };
}

function signed(state: State, { job: named, transactions: made }: RecordOf<"signed">): State {
  const job = signedJob(needJob(state, named), made);
  // The text that is kept already, not a second one.
  const { id } = job;
  const transactions = made.reduce((table, transaction, part) => {
    return set(table, `${job.parts[part]?.chain}:${transaction.id}`, { job: id, part });
  }, state.transactions);
  const registered = job.parts.reduce((table, part) => remove(table, part.id), state.registered);
  const facts = forgetIntents(state, job.parts);
  const [jobs, pending] = [set(state.jobs, id, packJob(job)), remove(state.pending, id)];
  return { ...state, transactions, registered, facts, jobs, pending };
}

/** What was stated about intents is not asked for once they are signed. */
function forgetIntents({ book, facts }: State, parts: readonly JobPart[]): State["facts"] {
  const { sources: named } = (book as Book).document;
  const sources = named.filter(({ type }) => type === "travel-rule" || type === "simulation");
  return sources.reduce((left, { id }) => parts.reduce((table, part) => remove(table, `${id}|intent:${part.id}`), left), facts);
}

function withheld(state: State, id: Hash): State {
  const job: JobState = { ...needJob(state, id), status: "withheld", withheldSeq: state.seq };
  return { ...state, jobs: set(state.jobs, id, job), pending: remove(state.pending, id) };
}

/** It rests on the approvals that it was given anew, and on none from before. */
function resumed(state: State, { job: id, approvals }: RecordOf<"resumed">): State {
  const { boot, book } = state;
  const given = approvals.map((approval) => decode(Approval, decode(Signed, approval).body));
  const before = needJob(state, id);
  const parts = before.parts.map((part) => {
    return { ...part, keys: given.filter(({ subject }) => subject === part.id).map(({ key }) => key) };
  });
  const job: JobState = { ...before, parts, status: "committed", boot, rulebook: book?.id };
  return { ...state, jobs: set(state.jobs, id, job), pending: set(state.pending, id, true as const) };
}

/** The state that remembers these facts as the newest of their source and subject. */
export function notice<S extends State>(state: S, notices: RecordOf<"noticed">["facts"]): S {
  const windowMs = state.book?.document.valuation?.moveMs ?? 0;
  const facts = notices.reduce((table, { source, subject, price, ...newest }) => {
    const key = `${source}|${subject}`;
    if (price === undefined) return set(table, key, newest);
    const before = get(table, key);
    const moved = before?.price && { at: before.at, ranges: before.price.ranges };
    return set(table, key, { ...newest, price: { ...price, ranges: rangesWith(moved, { at: newest.at, price }, windowMs) } });
  }, state.facts);
  return { ...state, facts };
}

/** What is final needs no more facts, so theirs are forgotten. */
function settled(state: State, { transaction, facts: proofs }: RecordOf<"settled">): State {
  const part = partAt(state, need(state.transactions, transaction));
  const account = `${part.chain}:${part.from}`;
  const left = need(state.outstanding, account) - 1;
  const paid = part.pay.kind !== "cancel" && proofs.every(isSuccess);
  return {
    ...state,
    usage: paid ? state.usage : giveBack(state, part),
    outstanding: left === 0 ? remove(state.outstanding, account) : set(state.outstanding, account, left),
    live: part.slots.reduce(remove, state.live),
    final: part.slots.reduce((final, slot) => set(final, slot, transaction), state.final),
    facts: proofs.reduce((facts, proof) => remove(facts, newestKey(proof)), state.facts),
  };
}

function isSuccess(proof: Uint8Array): boolean {
  const fact = decode(Fact, decode(Signed, proof).body);
  return fact.type === "finality" && fact.outcome === "succeeded";
}

/** Nothing was paid and nothing can be any more, because the place on the chain is taken: what all versions counted beside
 *  their fees is given back. */
function giveBack(state: State, { slots }: JobPart): State["usage"] {
  const newest = partAt(state, need(state.live, slots[0] as string));
  const counted = [...versionsOf(state, newest)].flatMap((version) => version.counted);
  return counted.reduce((usage, { of, shares }) => {
    const limits = new Map(need(usage, of));
    for (const { limit, back, bucket } of shares) limits.set(limit, subtract(limits.get(limit) as Usage, back, bucket));
    return set(usage, of, limits);
  }, state.usage);
}

function newestKey(proof: Uint8Array): string {
  const { source, subject } = decode(Fact, decode(Signed, proof).body);
  return `${source}|${subject}`;
}

function checkpointed(state: State, { origin, size, root, at }: RecordOf<"checkpointed">): State {
  const written = add(state.log?.written ?? unused(true), 1n, rollingSpan(CHECKPOINT_WINDOW_MS, at).bucket);
  return { ...state, log: { head: { origin, size, root }, written } };
}

function needJob({ jobs }: State, id: Hash): JobState {
  return openJob(need(jobs, id));
}

/** What must be there because `decide` checked it before it made the record. */
function need<V>(map: PMap<V>, key: string): V {
  const value = get(map, key);
  if (value === undefined) throw new Error(`the journal names ${key}, which it never made`);
  return value;
}
