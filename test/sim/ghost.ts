/** What an onlooker knows who sees every input, every record and every answer, and what he never accepts.
 *
 *  This is the other side of the search: it shares no code with the judgement, keeps its own history and its own clock, and
 *  reads rulebooks only as `LAWS` states them. Every check throws `Broken`. */
import type { Hash } from "../../core/src/bytes.ts";
import type { Record as Journaled, RecordOf } from "../../core/src/journal/record.ts";
import { CONTEXT, NOW } from "../world/world.ts";
import {
  BOOKS,
  type BookName,
  CONTEXTS,
  digest,
  INTENTS,
  type IntentName,
  LAWS,
  LIFE,
  LIMIT,
  nameOf,
  nameOfBytes,
  STEP,
  WINDOW,
} from "./stage.ts";

/** One approval that was sent: by whom, under what, until when (milliseconds since the start), and whether it was given on the
 *  newest head. */
export type Sent = {
  readonly who: string;
  readonly key: Hash;
  readonly decision: string;
  readonly boot: number;
  readonly book: BookName;
  readonly until: number;
  readonly newest: boolean;
};

/** A command as its sender means it. */
export type Move =
  | { readonly does: "execute"; readonly intents: readonly IntentName[]; readonly sent: readonly Sent[] }
  | { readonly does: "register"; readonly intent: IntentName; readonly sent: readonly Sent[] }
  | { readonly does: "reject"; readonly intent: IntentName }
  | { readonly does: "reprice"; readonly intent: IntentName; readonly rate: bigint }
  | { readonly does: "book"; readonly book: BookName; readonly signers: readonly string[]; readonly seen: readonly string[] }
  | { readonly does: "veto"; readonly book: BookName }
  | { readonly does: "confirm"; readonly who: readonly string[] }
  | { readonly does: "other" };

type Committed = {
  readonly job: string;
  readonly nonce: number;
  readonly persons: readonly string[];
  readonly status: "committed" | "withheld" | "signed";
  /** When it was committed: by the true time, and by the vault's lower bound. */
  readonly clock: number;
  readonly lo: number;
  /** Under which boot and rulebook its approvals were given. */
  readonly boot: number;
  readonly book: BookName;
};

/** A dearer version of a transaction. `rate`: wei per gas, in digits. */
type Version = Pick<Committed, "job" | "status" | "clock"> & { readonly of: IntentName; readonly rate: string };

/** `clock` is the true time since the start, which the vault does not know. */
export type Ghost = {
  readonly clock: number;
  readonly boot: number;
  /** The starts whose approvals count, and those that would once this one is confirmed. */
  readonly starts: readonly number[];
  readonly before: readonly number[];
  readonly suspect: boolean;
  readonly book: BookName;
  /** Which of two vaults it is, and since when. */
  readonly vault: "old" | "heir";
  readonly since: number;
  readonly proposed: { readonly book: BookName; readonly clock: number; readonly signers: readonly string[] } | null;
  readonly vetoed: Table<true>;
  readonly registered: Table<number>;
  readonly rejected: Table<true>;
  /** Freezes in force, each with what was signed before it. */
  readonly freezes: Table<readonly string[]>;
  readonly committed: Table<Committed>;
  readonly versions: Table<Version>;
  /** What was given out of each intent, the newest first. */
  readonly released: Table<readonly string[]>;
  readonly final: Table<true>;
  readonly halted: boolean;
};
type Table<V> = { readonly [name: string]: V };

export const BEGINNING: Ghost = {
  ...{
    clock: 0,
    boot: 0,
    starts: [0],
    before: [],
    suspect: false,
    book: "first",
    vault: "old",
    since: 0,
    proposed: null,
    vetoed: {},
    registered: {},
    rejected: {},
  },
  ...{ freezes: {}, committed: {}, versions: {}, released: {}, final: {}, halted: false },
};

/** What must hold, as the issue says it. */
export const PROMISES = [
  "no signature without quorum",
  "an approval is consumed once",
  "commitments are exclusive",
  "freeze is final",
  "what was withheld needs fresh approvals",
  "a rejection binds",
  "a removal binds",
  "limits hold",
  "lowering waits",
  "delays run",
  "a dearer version stays within its approvals",
  "a start counts once it is confirmed",
  "one vault signs",
  "a restart loses nothing",
  "an answer is true",
] as const;
export type Promise_ = (typeof PROMISES)[number];

/** A promise that was broken. */
export class Broken extends Error {
  readonly promise: Promise_;
  constructor(promise: Promise_, detail: string) {
    super(`${promise}: ${detail}`);
    this.promise = promise;
  }
}

export function hold(condition: boolean, promise: Promise_, detail: string): void {
  if (!condition) throw new Broken(promise, detail);
}

/** A table with one more entry; sorted, so that equal tables read the same. */
function put<V>(table: Table<V>, name: string, value: V): Table<V> {
  return Object.fromEntries(Object.entries({ ...table, [name]: value }).sort(([a], [b]) => (a < b ? -1 : 1)));
}
function drop<V>(table: Table<V>, name: string): Table<V> {
  return Object.fromEntries(Object.entries(table).filter(([key]) => key !== name));
}

/** `lo` and `hi` are the vault's bounds of the time, since the start. `note` hears what was reached, so that nothing holds
 *  idly. */
export type Seen = { readonly move: Move; readonly lo: number; readonly hi: number; readonly note: (goal: string) => void };

/** What a vault still writes whose start is suspected. */
const STOPPING: readonly Journaled["kind"][] = [
  ...(["booted", "confirmed", "withheld", "froze", "rejected", "vetoed", "halted", "ticked"] as const),
];

/** A start: what was approved before counts no more. */
export function started(ghost: Ghost, boot: number, suspected: boolean): Ghost {
  return { ...ghost, boot, starts: [boot], before: ghost.starts, suspect: ghost.suspect || suspected };
}

/** Another vault goes on with the journal; no approval that was given before counts for it. */
export function succeeded(ghost: Ghost): Ghost {
  return { ...ghost, vault: "heir", since: ghost.clock, starts: [], before: [] };
}

const SIGNING: readonly Journaled["kind"][] = ["committed", "resumed", "repriced", "signed"];

/** The vault that has handed over signs nothing more, its successor nothing before all approvals for the other one ended. */
function active({ vault, book, clock, since }: Ghost, kind: Journaled["kind"]): void {
  if (!SIGNING.includes(kind)) return;
  hold(vault === "heir" || book !== "heir", "one vault signs", `${kind} by the vault that has handed over`);
  hold(vault === "old" || clock - since >= LIFE, "one vault signs", `${kind} by the successor while it waits`);
}

/** What two vaults of one key tree have given out of an intent is the same. */
export function together(one: Ghost, other: Ghost): void {
  for (const [name, bytes] of Object.entries(one.released)) {
    const others = other.released[name];
    hold(others === undefined || others[0] === bytes[0], "one vault signs", `${name} is given out as two transactions`);
  }
}

/** Two administrators bring the starts before back, unless the start was suspected. */
function confirmed(ghost: Ghost, { move }: Seen): Ghost {
  const who = move.does === "confirm" ? new Set(move.who.filter((name) => ["ada", "ben", "cleo"].includes(name))) : new Set();
  hold(who.size >= 2, "a start counts once it is confirmed", `${[...who]} have confirmed it`);
  const { suspect, starts, before } = ghost;
  return suspect ? { ...ghost, suspect: false, before: [] } : { ...ghost, starts: [...starts, ...before], before: [] };
}

/** What the onlooker knows after a record. Fails: `Broken`. */
export function afterRecord(ghost: Ghost, record: Journaled, seen: Seen): Ghost {
  const stops = !ghost.suspect || STOPPING.includes(record.kind);
  hold(stops, "a start counts once it is confirmed", `${record.kind} although the start is suspected`);
  active(ghost, record.kind);
  const next = change(ghost, record, seen);
  seen.note(record.kind);
  return next;
}

function change(ghost: Ghost, record: Journaled, seen: Seen): Ghost {
  switch (record.kind) {
    case "committed":
      return record.parts.reduce((left, part, at) => committed(left, { record, part, at }, seen), ghost);
    case "signed":
      return signed(ghost, record);
    case "repriced":
      return repriced(ghost, record, seen);
    case "withheld":
      return withheld(ghost, record);
    case "resumed":
      return resumed(ghost, record, seen);
    case "registered":
      return { ...ghost, registered: put(ghost.registered, nameOfBytes(record.intent), ghost.clock) };
    case "rejected":
      return { ...ghost, rejected: put(ghost.rejected, nameOf(record.intentId), true) };
    case "froze":
      return { ...ghost, freezes: put(ghost.freezes, nameOfBytes(record.intent), signedNow(ghost)) };
    case "unfroze":
      return unfroze(ghost, seen);
    case "proposed":
      return proposed(ghost, seen);
    case "adopted":
      return adopted(ghost, seen);
    case "vetoed":
      return { ...ghost, proposed: null, vetoed: put(ghost.vetoed, seen.move.does === "veto" ? seen.move.book : "", true) };
    case "halted":
      return { ...ghost, halted: true };
    case "confirmed":
      return confirmed(ghost, seen);
    default:
      return ghost;
  }
}

/** The persons whose approvals of `intent` hold at this moment, the initiator first; none when he is not among them. */
function personsFor(ghost: Ghost, intent: IntentName, { sent, hi }: { sent: readonly Sent[]; hi: number }): readonly string[] {
  const { holders } = LAWS[ghost.book];
  const good = sent.filter(
    ({ key, boot, book, until }) => holders.has(key) && ghost.starts.includes(boot) && book === ghost.book && until > hi,
  );
  const { initiator } = INTENTS[intent];
  const first = good.filter(({ key, decision }) => key === initiator && decision === "initiate");
  return first.length === 0 ? [] : [...new Set([...first, ...good].map(({ key }) => holders.get(key) as string))];
}

/** Why an intent may not be signed on these approvals now, or null. */
function obstacle(ghost: Ghost, intent: IntentName, seen: Seen): string | null {
  const { move, hi } = seen;
  if (move.does !== "execute" || !move.intents.includes(intent)) return "it was not asked for";
  const { approvers, group } = LAWS[ghost.book];
  const [initiator, ...others] = personsFor(ghost, intent, { sent: move.sent, hi });
  if (initiator === undefined) return "its initiator does not stand behind it";
  const counting = others.filter((person) => group.has(person) && person !== initiator);
  if (counting.length < approvers) return `${counting.length} of ${approvers} approvers`;
  if (INTENTS[intent].notAfter <= NOW + hi) return "it has expired";
  return null;
}

/** Freezes that cover an intent, by name. */
function covering(ghost: Ghost, intent: IntentName, persons: readonly string[]): string | undefined {
  const cancels = INTENTS[intent].kind === "cancel";
  return Object.keys(ghost.freezes).find((name) => (name === "stolen" ? persons.includes("amy") : !cancels));
}

type CommittedPart = { record: RecordOf<"committed">; part: RecordOf<"committed">["parts"][number]; at: number };

function committed(ghost: Ghost, { record, part }: CommittedPart, seen: Seen): Ghost {
  const name = nameOfBytes(part.intent);
  const why = obstacle(ghost, name, seen);
  hold(why === null, "no signature without quorum", `${name} is committed although ${why}`);
  hold(ghost.committed[name] === undefined, "an approval is consumed once", `${name} is committed a second time`);
  hold(ghost.rejected[name] === undefined, "a rejection binds", `${name} is committed although it was rejected`);
  hold(!ghost.halted, "freeze is final", `${name} is committed by a halted vault`);
  const sent = seen.move.does === "execute" ? seen.move.sent : [];
  const persons = personsFor(ghost, name, { sent, hi: seen.hi });
  const frozen = covering(ghost, name, persons);
  hold(frozen === undefined, "freeze is final", `${name} is committed under the freeze ${frozen}`);
  if (name === "large") waited(ghost, name);
  exclusive(ghost, name, part.nonce);
  for (const [other, { nonce, status }] of Object.entries(ghost.committed))
    if (nonce === part.nonce && status === "withheld") seen.note(`${name} in the place of withheld ${other}`);
  const entry: Committed = {
    job: record.job,
    nonce: part.nonce,
    persons,
    status: "committed",
    clock: ghost.clock,
    lo: seen.lo,
    boot: ghost.boot,
    book: ghost.book,
  };
  for (const { of, status } of Object.values(ghost.versions))
    if (status === "withheld" && ghost.committed[of]?.nonce === part.nonce) seen.note(`${name} over a withheld version`);
  const next = { ...ghost, committed: put(ghost.committed, name, entry) };
  const spent = spentWithin(next);
  hold(spent <= LIMIT, "limits hold", `${spent} were committed within one window, ${LIMIT} are allowed`);
  return next;
}

function waited(ghost: Ghost, name: IntentName): void {
  const since = ghost.registered[name];
  hold(since !== undefined && ghost.clock - since >= STEP, "delays run", `${name} did not wait`);
}

/** A fresh transaction takes the next nonce; one that replaces takes the nonce of what it replaces. */
function exclusive(ghost: Ghost, name: IntentName, nonce: number): void {
  const fresh = Object.keys(ghost.committed).filter((other) => replacedBy(other as IntentName) === undefined);
  const replaced = replacedBy(name);
  const expected = replaced === undefined ? fresh.length : ghost.committed[replaced]?.nonce;
  hold(nonce === expected, "commitments are exclusive", `${name} has nonce ${nonce} instead of ${expected}`);
}

function replacedBy(name: IntentName): IntentName | undefined {
  const intent = INTENTS[name];
  return "replaces" in intent && intent.replaces !== undefined ? nameOf(intent.replaces) : undefined;
}

function partsOf(ghost: Ghost, job: Hash): readonly IntentName[] {
  return Object.entries(ghost.committed).flatMap(([name, part]) => (part.job === job ? [name as IntentName] : []));
}

function everyPart(ghost: Ghost, job: Hash, map: (part: Committed, name: IntentName) => Committed): Ghost {
  const names = partsOf(ghost, job);
  const table = names.reduce((left, name) => put(left, name, map(left[name] as Committed, name)), ghost.committed);
  return { ...ghost, committed: table };
}

function resumed(ghost: Ghost, { job }: RecordOf<"resumed">, seen: Seen): Ghost {
  const { move } = seen;
  const sent = move.does === "execute" ? move.sent.filter(({ newest }) => newest) : [];
  const fresh: Seen = move.does === "execute" ? { ...seen, move: { ...move, sent } } : seen;
  for (const name of partsOf(ghost, job)) {
    const why = obstacle(ghost, name, fresh);
    hold(why === null, "what was withheld needs fresh approvals", `${name} is resumed although ${why}`);
    seen.note(`resumed ${name}`);
    hold(ghost.rejected[name] === undefined, "a rejection binds", `${name} is resumed although it was rejected`);
    const frozen = covering(ghost, name, personsFor(ghost, name, { sent, hi: seen.hi }));
    hold(frozen === undefined, "freeze is final", `${name} is resumed under the freeze ${frozen}`);
  }
  const stale = partsOf(ghost, job).find((name) => seen.lo - (ghost.committed[name] as Committed).lo > WINDOW + WINDOW / 32);
  hold(stale === undefined, "limits hold", `${stale} is resumed, and counts in no limit any more`);
  hold(versionOf(ghost, job) === undefined, "what was withheld needs fresh approvals", "a dearer version is resumed");
  const { boot, book } = ghost;
  return everyPart(ghost, job, (part, name) => {
    return { ...part, status: "committed", boot, book, persons: personsFor(ghost, name, { sent, hi: seen.hi }) };
  });
}

function versionOf(ghost: Ghost, job: Hash): string | undefined {
  return Object.keys(ghost.versions).find((name) => ghost.versions[name]?.job === job);
}

function withheld(ghost: Ghost, { job }: RecordOf<"withheld">): Ghost {
  const version = versionOf(ghost, job);
  if (version === undefined) return everyPart(ghost, job, (part) => ({ ...part, status: "withheld" }));
  return { ...ghost, versions: put(ghost.versions, version, { ...(ghost.versions[version] as Version), status: "withheld" }) };
}

/** In which order intents may take one place on the chain. */
const ORDER: readonly IntentName[] = ["first", "again", "cancel"];

/** Nobody approves a dearer version, so it must be what was approved: still in force, still in its place, within its fee. */
function repriced(ghost: Ghost, { job, part }: RecordOf<"repriced">, { move, hi }: Seen): Ghost {
  const name = nameOfBytes(part.intent);
  const own = ghost.committed[name];
  const promise = "a dearer version stays within its approvals";
  if (move.does !== "reprice" || move.intent !== name || own === undefined)
    throw new Broken(promise, `nobody asked for ${name}`);
  const intent = INTENTS[name];
  hold(own.status === "signed", promise, `${name} is made dearer, it is ${own.status}`);
  hold(ghost.starts.includes(own.boot) && own.book === ghost.book, promise, `the approvals of ${name} do not count any more`);
  hold(intent.notAfter > NOW + hi, promise, `${name} has expired`);
  const pays = (intent.kind === "pay" || intent.kind === "cancel") && BigInt(CONTEXT.gasLimit) * move.rate <= intent.totalFee;
  hold(pays, promise, `${name} costs more than was approved`);
  hold(part.nonce === own.nonce, "commitments are exclusive", `${name} takes another nonce`);
  const over = Object.entries(ghost.committed).find(
    ([other, { nonce }]) => nonce === own.nonce && ORDER.indexOf(other as IntentName) > ORDER.indexOf(name),
  );
  hold(over === undefined, "commitments are exclusive", `${name} is made dearer although ${over?.[0]} has its place`);
  const ended = Object.keys(ghost.final).some((other) => ghost.committed[other]?.nonce === own.nonce);
  hold(!ended, "commitments are exclusive", `${name} is made dearer although its place is final`);
  const frozen = covering(ghost, name, own.persons);
  hold(frozen === undefined && !ghost.halted, "freeze is final", `${name} is made dearer under the freeze ${frozen}`);
  const low = ratesAt(ghost, own.nonce).find((rate) => move.rate * 8n < rate * 9n);
  hold(low === undefined, promise, `${name} follows a version that is as dear`);
  const version: Version = { of: name, job, rate: String(move.rate), status: "committed", clock: ghost.clock };
  const next = { ...ghost, versions: put(ghost.versions, `${name} at ${move.rate}`, version) };
  hold(spentWithin(next) <= LIMIT, "limits hold", "a dearer version goes over the limit");
  return next;
}

/** Wei per gas of all that was committed for a nonce. */
function ratesAt(ghost: Ghost, nonce: number): readonly bigint[] {
  const own = Object.entries(ghost.committed).filter(([, part]) => part.nonce === nonce);
  const first = own.map(([name]) => (CONTEXTS[name as IntentName] ?? CONTEXT).maxFeePerGas);
  const later = Object.values(ghost.versions).filter(({ of }) => own.some(([name]) => name === of));
  return [...first, ...later.map(({ rate }) => BigInt(rate))];
}

/** Whoever approved a commitment and was removed since. */
function removedOf({ book }: Ghost, { persons }: Committed): string | undefined {
  const enrolled = new Set(LAWS[book].holders.values());
  return persons.find((person) => !enrolled.has(person));
}

function signedVersion(ghost: Ghost, name: string): Ghost {
  const version = ghost.versions[name] as Version;
  hold(
    version.status === "committed",
    "what was withheld needs fresh approvals",
    `${name} is signed, it was ${version.status}`,
  );
  const frozen = covering(ghost, version.of, (ghost.committed[version.of] as Committed).persons);
  hold(frozen === undefined && !ghost.halted, "freeze is final", `${name} is signed under the freeze ${frozen}`);
  const gone = removedOf(ghost, ghost.committed[version.of] as Committed);
  hold(gone === undefined, "a removal binds", `${name} is signed although ${gone} was removed`);
  return { ...ghost, versions: put(ghost.versions, name, { ...version, status: "signed" }) };
}

function signed(ghost: Ghost, { job, transactions }: RecordOf<"signed">): Ghost {
  const version = versionOf(ghost, job);
  if (version !== undefined) return signedVersion(ghost, version);
  const names = partsOf(ghost, job);
  hold(names.length === transactions.length, "no signature without quorum", "a job is signed that was never committed");
  let next = ghost;
  for (const name of names) {
    const part = ghost.committed[name] as Committed;
    hold(part.status === "committed", "what was withheld needs fresh approvals", `${name} is signed, it was ${part.status}`);
    const frozen = covering(ghost, name, part.persons);
    hold(frozen === undefined, "freeze is final", `${name} is signed under the freeze ${frozen}`);
    hold(!ghost.halted, "freeze is final", `${name} is signed by a halted vault`);
    const gone = removedOf(ghost, part);
    hold(gone === undefined, "a removal binds", `${name} is signed although ${gone} was removed`);
    next = { ...next, committed: put(next.committed, name, { ...part, status: "signed" }) };
  }
  return next;
}

/** What was committed within the window that ends now: each nonce's amount once, and its dearest fee. */
function spentWithin(ghost: Ghost): bigint {
  const fees = new Map<number, bigint>();
  let sum = 0n;
  for (const [name, { nonce, clock }] of Object.entries(ghost.committed)) {
    if (clock <= ghost.clock - WINDOW) continue;
    const intent = INTENTS[name as IntentName];
    if (intent.kind === "pay" && intent.replaces === undefined) sum += intent.amount;
    const own = Object.values(ghost.versions).filter(({ of }) => of === name);
    const { maxFeePerGas } = CONTEXTS[name as IntentName] ?? CONTEXT;
    for (const rate of [maxFeePerGas, ...own.map((version) => BigInt(version.rate))]) {
      const fee = BigInt(CONTEXT.gasLimit) * rate;
      if (fee > (fees.get(nonce) ?? 0n)) fees.set(nonce, fee);
    }
  }
  return [...fees.values()].reduce((total, fee) => total + fee, sum);
}

/** Live signed transactions. */
function signedNow(ghost: Ghost): readonly string[] {
  const done = new Set(Object.keys(ghost.final).map((name) => ghost.committed[name]?.nonce));
  return Object.entries(ghost.committed).flatMap(([name, part]) =>
    part.status === "signed" && !done.has(part.nonce) ? [name] : [],
  );
}

function unfroze(ghost: Ghost, { move, hi }: Seen): Ghost {
  const name = move.does === "execute" ? move.intents[0] : undefined;
  const lifted = name === "unfreeze" ? "freeze" : "stolen";
  if (move.does !== "execute" || name === undefined || ghost.freezes[lifted] === undefined)
    throw new Broken("freeze is final", "a freeze is lifted that nobody lifts");
  const persons = personsFor(ghost, name, { sent: move.sent, hi });
  const administrators = persons.filter((person) => ["ada", "ben", "cleo"].includes(person));
  const officers = persons.filter((person) => ["olga", "otto"].includes(person));
  hold(administrators.length >= 2 && officers.length >= 1, "freeze is final", `${persons} lifted it`);
  waited(ghost, name);
  return { ...ghost, freezes: drop(ghost.freezes, lifted) };
}

function proposed(ghost: Ghost, { move }: Seen): Ghost {
  if (move.does !== "book") throw new Broken("lowering waits", "a rulebook is proposed by itself");
  return { ...ghost, proposed: { book: move.book, clock: ghost.clock, signers: move.signers } };
}

function adopted(ghost: Ghost, { move }: Seen): Ghost {
  if (move.does !== "book") throw new Broken("lowering waits", "a rulebook is adopted by itself");
  const { book, signers, seen } = move;
  hold(ghost.vetoed[book] === undefined, "lowering waits", `${book} was vetoed`);
  hold(ghost.book === "first", "lowering waits", `${book} does not continue ${ghost.book}`);
  hold(new Set(signers).size >= 2, "lowering waits", `${book} is signed by ${signers}`);
  if (book !== "tight") {
    const { proposed } = ghost;
    const ran = proposed?.book === book && ghost.clock - proposed.clock >= STEP;
    hold(ran, "lowering waits", "it is no tightening and did not wait");
    const other = seen.some((person) => !signers.includes(person) && proposed?.signers.includes(person) === false);
    hold(other, "lowering waits", "nobody but its signers has seen it");
  }
  return { ...ghost, book, proposed: null };
}

/** One transaction in an answer. */
export type Released = { readonly intent: Hash; readonly raw: Uint8Array };

/** What the onlooker knows after transactions were given out. Fails: `Broken`. */
export function afterRelease(ghost: Ghost, transactions: readonly Released[], note: Seen["note"]): Ghost {
  let { released } = ghost;
  for (const { intent, raw } of transactions) {
    const name = nameOf(intent);
    const part = ghost.committed[name];
    hold(part?.status === "signed", "no signature without quorum", `${name} is given out, it is ${part?.status}`);
    const bytes = digest(raw);
    const before = released[name] ?? [];
    hold(mayBeNewest(ghost, name, bytes), "an approval is consumed once", `${name} is given out as two transactions`);
    const mined = Object.keys(ghost.final).some((other) => ghost.committed[other]?.nonce === part?.nonce);
    for (const [freeze, listed] of mined ? [] : Object.entries(ghost.freezes)) {
      const covered = covering({ ...ghost, freezes: { [freeze]: listed } }, name, part?.persons ?? []) !== undefined;
      hold(!covered || listed.includes(name), "freeze is final", `${name} is given out and ${freeze} did not list it`);
    }
    if (before.length === 0) note(`released ${name}${ghost.vault === "heir" ? " by the successor" : ""}`);
    if (before[0] === bytes) continue;
    if (before.length > 0) note(`released ${name}, dearer`);
    released = put(released, name, [bytes, ...before]);
  }
  return { ...ghost, released };
}

/** Whether these bytes can be the newest transaction of an intent: the newest that was given out, or a version that was not. */
export function mayBeNewest(ghost: Ghost, name: IntentName, bytes: string): boolean {
  const [newest, ...older] = ghost.released[name] ?? [];
  if (newest === undefined || newest === bytes) return true;
  const versions = Object.values(ghost.versions).filter(({ of, status }) => of === name && status === "signed");
  return !older.includes(bytes) && older.length < versions.length;
}

/** Whether an OK to a move says what is so. `live`: what the answer to a freeze lists. Fails: `Broken`. */
export function afterOk(ghost: Ghost, move: Move, live: readonly IntentName[] | null): void {
  if (move.does === "reject") hold(ghost.rejected[move.intent] === true, "an answer is true", "a rejection is not kept");
  if (move.does === "veto") hold(ghost.vetoed[move.book] === true, "an answer is true", "a veto is not kept");
  const [name] = move.does === "execute" ? move.intents : [];
  if (name !== "freeze" && name !== "stolen") return;
  hold(ghost.freezes[name] !== undefined, "an answer is true", `${name} is answered OK and does not hold`);
  const missing = signedNow(ghost).filter((known) => live?.includes(known as IntentName) === false);
  hold(missing.length === 0, "an answer is true", `the answer to ${name} does not list ${missing}`);
}

/** The true time goes on. */
export function later(ghost: Ghost, ms: number): Ghost {
  return { ...ghost, clock: ghost.clock + ms };
}

/** The chain has taken one of the released transactions. */
export function settledOn(ghost: Ghost, name: IntentName): Ghost {
  return { ...ghost, final: put(ghost.final, name, true) };
}

/** The id of the rulebook that must be in force. */
export function bookId(ghost: Ghost): Hash {
  return BOOKS[ghost.book].id;
}
