/** What an onlooker knows of one vault who reads every record that became durable, and what he never accepts.
 *
 *  He shares no code with the judgement: he keeps his own history by the true time, knows of each approval who really gave it
 *  and on what head, and reads rulebooks only as `Law` states them. Every check throws `Broken`. */
import { type Hash, toHex } from "../../core/src/bytes.ts";
import { read } from "../../core/src/chain/evm/read.ts";
import type { Part, Record, RecordOf } from "../../core/src/journal/record.ts";
import { Entry } from "../../core/src/signed/entry.ts";
import { Fact } from "../../core/src/signed/fact.ts";
import { type Intent, Intent as IntentKind, type IntentOf } from "../../core/src/signed/intent.ts";
import { decode, idOf, Signed } from "../../core/src/signed/object.ts";
import { GROUPS } from "../world/rulebook.ts";
import { FIRST, LARGE, type Law, PEOPLE, personOf, START, STEP, WINDOW } from "./stage.ts";

export const PROMISES = [
  "no signature without quorum",
  "an approval is consumed once",
  "one payment on the chain",
  "commitments are exclusive",
  "freeze is final",
  "what was withheld needs fresh approvals",
  "a rejection binds",
  "a removal binds",
  "limits hold",
  "lowering waits",
  "delays run",
  "fees stay within what was approved",
  "what is signed is what was approved",
  "a retired entry is not paid",
  "a restart loses nothing",
  "a rolled-back vault is stopped",
  "only finality ends a transaction",
  "an answer is true",
  "the books follow the chain",
  "everything comes to an end",
  "nobody asks without end",
  "nothing is thrown",
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
export function hold(condition: boolean, promise: Promise_, detail: string): asserts condition {
  if (!condition) throw new Broken(promise, detail);
}

/** One approval as it was really given. `head`: the newest that the device had seen. */
export type Given = {
  readonly who: string;
  readonly subject: Hash;
  readonly decision: string;
  readonly law: Hash;
  readonly boot: Hash;
  readonly head: { readonly seq: number; readonly hash: Hash };
  readonly notAfter: number;
};

/** What is known beside the journal: who has really said and made what, and what the chain really is. */
export type Known = {
  readonly given: ReadonlyMap<string, Given>;
  readonly intents: ReadonlyMap<Hash, Intent>;
  readonly laws: ReadonlyMap<Hash, Law>;
  /** Who signed a rulebook, by the hex of the signed bytes. */
  readonly signers: ReadonlyMap<string, { readonly law: Law; readonly by: readonly string[] }>;
  /** Whether a transaction is on the chain, so deep that it stays. */
  readonly isFinal: (id: string) => boolean;
  readonly goal: (goal: string) => void;
};

const INITIATORS = new Map(Object.entries(PEOPLE).map(([name, { id }]) => [id, name]));
const APPROVERS: ReadonlySet<string> = new Set(GROUPS.approvers);

/** Whether a freeze stops a payment or cancellation by these persons. A cancellation pays nobody. */
function covers({ level, subject }: IntentOf<"freeze">, intent: OnChain, persons: readonly string[]): boolean {
  if (level === "person") return persons.includes(subject);
  if (intent.kind === "cancel") return false;
  const { chain, asset, wallet, destination } = intent;
  const touched = { chain: String(chain), asset, wallet, destination: destination.entry, unit: undefined };
  return level === "institution" || touched[level] === subject;
}

type OnChain = IntentOf<"pay"> | IntentOf<"cancel">;
type Status = "committed" | "withheld" | "signed";
type Committed = {
  readonly job: Hash;
  readonly nonce: number;
  readonly intent: OnChain;
  readonly persons: readonly string[];
  readonly at: number;
  readonly lo: number;
  readonly boot: Hash;
  readonly law: Hash;
  readonly seq: number;
  status: Status;
  withheldSeq: number;
};
/** One transaction that may be signed: the first of an intent, or a dearer one. */
export type Version = {
  readonly intent: Hash;
  readonly job: Hash;
  readonly nonce: number;
  readonly fee: bigint;
  readonly at: number;
  status: Status;
  id: string;
};
type Freeze = { readonly intent: IntentOf<"freeze">; readonly who: string; readonly before: ReadonlySet<string> };

/** `at`: true time. */
type Step = { readonly record: Record; readonly seq: number; readonly chain: Hash; readonly at: number };

export class Ghost {
  readonly known: Known;
  readonly steps: Step[] = [];
  readonly chain = new Map<number, Hash>();
  law: Law = FIRST;
  boot: Hash = "" as Hash;
  halted = false;
  waiting: { readonly law: Law; readonly at: number; readonly by: readonly string[] } | null = null;
  readonly vetoed = new Set<Hash>();
  readonly registered = new Map<Hash, number>();
  readonly rejected = new Set<Hash>();
  readonly freezes = new Map<Hash, Freeze>();
  readonly committed = new Map<Hash, Committed>();
  readonly versions: Version[] = [];
  readonly entries: Map<string, Hash>;
  readonly ended = new Set<number>();
  /** Those of them where nothing was paid, so that only fees count in the limit. */
  readonly unpaid = new Set<number>();
  readonly done = new Set<Hash>();

  /** `steps`: what a copy of a journal already holds. */
  constructor(known: Known, entries: ReadonlyMap<string, Hash>, steps: readonly Step[] = []) {
    this.known = known;
    this.entries = new Map(entries);
    for (const step of steps) this.#take(step, false);
  }

  /** Takes a durable record. Fails: `Broken`. */
  record(record: Record, where: { readonly seq: number; readonly chain: Hash; readonly at: number }): void {
    this.#take({ record, ...where }, true);
    this.known.goal(record.kind);
  }

  #take(step: Step, checks: boolean): void {
    this.steps.push(step);
    this.chain.set(step.seq, step.chain);
    const { record } = step;
    if (checks && this.halted)
      hold(
        ["booted", "halted", "ticked", "withheld"].includes(record.kind),
        "a rolled-back vault is stopped",
        `${record.kind} after a halt`,
      );
    switch (record.kind) {
      case "booted":
        this.boot = record.boot;
        return;
      case "halted":
        this.halted = true;
        return;
      case "committed":
        this.#committed(record, step, checks);
        return;
      case "repriced":
        this.#repriced(record, step, checks);
        return;
      case "resumed":
        this.#resumed(record, step, checks);
        return;
      case "signed":
        this.#signed(record, checks);
        return;
      case "withheld":
        for (const version of this.#versionsOf(record.job)) version.status = "withheld";
        for (const part of this.#partsOf(record.job)) [part.status, part.withheldSeq] = ["withheld", step.seq];
        return;
      case "settled":
        this.#settled(record, checks);
        return;
      default:
        this.#govern(step, checks);
        return;
    }
  }

  #govern({ record, at }: Step, checks: boolean): void {
    const { intents } = this.known;
    switch (record.kind) {
      case "registered": {
        const id = idOf(IntentKind, record.intent);
        if (checks) this.#demandBy(id, record.approvals, record.at);
        this.registered.set(id, at);
        return;
      }
      case "rejected":
        if (checks) hold(this.#said(record.approval)?.decision === "reject", "a rejection binds", "nobody has rejected it");
        this.rejected.add(record.intentId);
        return;
      case "vetoed":
        this.vetoed.add(record.rulebookId);
        if (this.waiting?.law.id === record.rulebookId) this.waiting = null;
        return;
      case "proposed": {
        const signed = this.#lawOf(record.rulebook);
        this.waiting = { law: signed.law, at, by: signed.by };
        return;
      }
      case "adopted":
        this.#adopted(record, at, checks);
        return;
      case "froze": {
        const id = idOf(IntentKind, record.intent);
        const intent = intents.get(id) as IntentOf<"freeze">;
        const [said] = record.approvals.map((bytes) => this.#said(bytes));
        if (checks)
          hold(said?.subject === id && said.decision === "initiate", "freeze is final", "nobody has signed this freeze");
        const live = this.versions.filter(({ status, nonce }) => status === "signed" && !this.ended.has(nonce));
        this.freezes.set(id, { intent, who: record.officer, before: new Set(live.map(({ id: one }) => one)) });
        return;
      }
      case "unfroze":
        this.#unfroze(record, at, checks);
        return;
      case "entered":
      case "retired":
        this.#booked(record, checks);
        return;
      default:
        return;
    }
  }

  /** Whether a freeze covers the transaction of an intent. */
  stops(freeze: IntentOf<"freeze">, id: Hash): boolean {
    const own = this.committed.get(id);
    return own !== undefined && covers(freeze, own.intent, own.persons);
  }

  // approvals

  #said(bytes: Uint8Array): Given | undefined {
    return this.known.given.get(toHex(bytes));
  }

  /** The persons who have really agreed to an intent, the initiator aside; all of it must count here and now. */
  #demandBy(id: Hash, approvals: readonly Uint8Array[], lo: number, since = 0): readonly string[] {
    const promise = "no signature without quorum";
    const intent = this.known.intents.get(id);
    hold(intent !== undefined, promise, `nobody has made intent ${id.slice(0, 8)}`);
    const said = approvals.map((bytes) => this.#said(bytes));
    const persons = new Set<string>();
    let isInitiated = false;
    for (const one of said) {
      hold(one !== undefined, promise, "an approval counts that nobody has given");
      if (one.subject !== id) continue;
      hold(one.law === this.law.id, promise, `${one.who} approved under another rulebook`);
      hold(one.boot === this.boot, promise, `${one.who} approved under another start of the vault`);
      const isHere = this.chain.get(one.head.seq) === one.head.hash || one.head.seq <= START.journal.length;
      hold(isHere, "a rolled-back vault is stopped", `${one.who} has seen position ${one.head.seq}, which the vault lacks`);
      hold(one.notAfter > lo, promise, `the approval of ${one.who} has expired`);
      hold(one.head.seq >= since, "what was withheld needs fresh approvals", `${one.who} approved before it was withheld`);
      const person = personOf(one.who);
      hold(!this.law.removed.has(person), promise, `${person} was removed`);
      if (one.decision === "initiate") isInitiated ||= INITIATORS.get(intent.initiator) === one.who;
      else if (one.decision === "approve") persons.add(person);
    }
    hold(isInitiated, promise, "its initiator has not signed it");
    persons.delete(personOf(INITIATORS.get(intent.initiator) ?? ""));
    return [...persons];
  }

  #demandPayable(
    id: Hash,
    intent: OnChain,
    approvals: readonly Uint8Array[],
    { record, at }: Step,
    since: number,
  ): readonly string[] {
    const said = this.#demandBy(id, approvals, record.at, since);
    const approvers = said.filter((person) => APPROVERS.has(person));
    const enough = approvers.length >= this.law.approvers;
    hold(enough, "no signature without quorum", `${intent.reference}: ${approvers.join(", ")} of ${this.law.approvers}`);
    hold(intent.notAfter > record.at, "no signature without quorum", `${intent.reference} has expired`);
    hold(!this.rejected.has(id), "a rejection binds", `${intent.reference} was rejected`);
    const initiator = personOf(INITIATORS.get(intent.initiator) ?? "");
    const persons = [initiator, ...said];
    this.#demandNotFrozen(intent, persons);
    if (intent.kind === "pay") {
      const { entry, hash } = intent.destination;
      hold(entry !== undefined && this.entries.get(entry) === hash, "a retired entry is not paid", `${entry} is not in force`);
      const since = this.registered.get(id);
      const waits = intent.amount >= LARGE;
      hold(!waits || (since !== undefined && at - since >= STEP), "delays run", `${intent.reference} did not wait`);
    }
    return persons;
  }

  #demandNotFrozen(intent: OnChain, persons: readonly string[]): void {
    const freeze = [...this.freezes.values()].find((one) => covers(one.intent, intent, persons));
    hold(freeze === undefined, "freeze is final", `${intent.reference} is under the freeze ${freeze?.intent.reference}`);
  }

  // transactions

  #committed({ job, parts, approvals }: RecordOf<"committed">, step: Step, checks: boolean): void {
    for (const part of parts) {
      const id = idOf(IntentKind, part.intent);
      const intent = this.known.intents.get(id) as OnChain;
      if (checks) hold(!this.committed.has(id), "an approval is consumed once", `${intent.reference} is committed twice`);
      if (checks) this.#demandPayable(id, intent, approvals, step, 0);
      const persons = this.#personsOf(id, approvals);
      const fee = checks ? this.#demandRight(intent, part) : read(part.unsigned).feeMax;
      if (checks) this.#demandPlace(intent, part);
      const { nonce } = part;
      const when = { at: step.at, lo: step.record.at, boot: this.boot, law: this.law.id, seq: step.seq };
      this.committed.set(id, { job, nonce, intent, persons, ...when, status: "committed", withheldSeq: 0 });
      this.versions.push({ intent: id, job, nonce, fee, at: step.at, status: "committed", id: "" });
      if (checks) this.#demandLimit(step.at);
    }
  }

  /** The bytes do what the intent says. Gives the most that they cost. */
  #demandRight(intent: OnChain, part: Part): bigint {
    const effect = read(part.unsigned);
    const [only, ...more] = effect.transfers;
    const to = intent.kind === "pay" ? intent.destination.address : part.from;
    const amount = intent.kind === "pay" ? intent.amount : 0n;
    const same = only?.to === to && only.amount === amount && only.asset === "native" && more.length === 0;
    const whole = same && effect.other === null && effect.chainId === intent.chain && effect.nonce === part.nonce;
    hold(whole, "what is signed is what was approved", `${intent.reference} pays something else`);
    hold(
      effect.feeMax <= intent.totalFee,
      "fees stay within what was approved",
      `${intent.reference} may cost ${effect.feeMax}`,
    );
    return effect.feeMax;
  }

  /** A fresh transaction takes the next nonce; one that replaces takes the nonce of what it replaces. */
  #demandPlace(intent: OnChain, part: Part): void {
    const next = new Set(this.versions.map(({ nonce }) => nonce)).size;
    const replaced = intent.replaces === undefined ? undefined : this.committed.get(intent.replaces);
    const expected = intent.replaces === undefined ? next : replaced?.nonce;
    hold(part.nonce === expected, "commitments are exclusive", `${intent.reference} has nonce ${part.nonce}, not ${expected}`);
    if (replaced === undefined) return;
    hold(!this.ended.has(part.nonce), "commitments are exclusive", `the place of ${intent.reference} is final`);
    const pays = intent.kind === "pay" ? replaced.intent.kind === "pay" && replaced.intent.amount === intent.amount : true;
    hold(pays, "commitments are exclusive", `${intent.reference} replaces another payment`);
  }

  /** What was committed within the window that ends now: each place's amount when it was first taken, unless it ended without
   *  a payment, and of each version what it may cost beyond all before it. */
  #demandLimit(now: number): void {
    const dearest = new Map<number, bigint>();
    let sum = 0n;
    for (const { intent: id, nonce, fee, at } of this.versions) {
      const { intent } = this.committed.get(id) as Committed;
      const before = dearest.get(nonce);
      const isFirst = before === undefined && intent.kind === "pay" && !this.unpaid.has(nonce);
      const amount = isFirst ? intent.amount : 0n;
      const more = fee > (before ?? 0n) ? fee - (before ?? 0n) : 0n;
      dearest.set(nonce, (before ?? 0n) + more);
      if (at > now - WINDOW) sum += amount + more;
    }
    hold(sum <= this.law.limit, "limits hold", `${sum} within one window, ${this.law.limit} are allowed`);
  }

  #partsOf(job: Hash): readonly Committed[] {
    return [...this.committed.values()].filter((part) => part.job === job);
  }
  #versionsOf(job: Hash): readonly Version[] {
    return this.versions.filter((version) => version.job === job);
  }

  /** Whoever has said something about an intent. */
  #personsOf(id: Hash, approvals: readonly Uint8Array[]): readonly string[] {
    const said = approvals.flatMap((bytes) => this.#said(bytes) ?? []).filter(({ subject }) => subject === id);
    return [...new Set(said.map(({ who }) => personOf(who)))];
  }

  #resumed({ job, approvals }: RecordOf<"resumed">, step: Step, checks: boolean): void {
    const promise = "what was withheld needs fresh approvals";
    for (const [id, part] of this.committed) {
      if (part.job !== job) continue;
      if (checks) {
        hold(part.status === "withheld", promise, `${part.intent.reference} is resumed, it was ${part.status}`);
        this.#demandPayable(id, part.intent, approvals, step, part.withheldSeq);
        const isStale = step.record.at - part.lo > WINDOW + WINDOW / 32;
        hold(!isStale, "limits hold", `${part.intent.reference} is resumed, and counts in no limit any more`);
      }
      const persons = this.#personsOf(id, approvals);
      this.committed.set(id, { ...part, persons, boot: this.boot, law: this.law.id, status: "committed" });
    }
    for (const version of this.#versionsOf(job)) version.status = "committed";
  }

  #repriced({ job, part }: RecordOf<"repriced">, step: Step, checks: boolean): void {
    const id = idOf(IntentKind, part.intent);
    const own = this.committed.get(id);
    const promise = "fees stay within what was approved";
    hold(own !== undefined, promise, "an intent is made dearer that was never committed");
    const fee = checks ? this.#demandRight(own.intent, part) : read(part.unsigned).feeMax;
    if (checks) {
      hold(own.status === "signed", promise, `${own.intent.reference} is made dearer, it is ${own.status}`);
      hold(own.boot === this.boot && own.law === this.law.id, promise, `the approvals of ${own.intent.reference} are void`);
      hold(own.intent.notAfter > step.record.at, promise, `${own.intent.reference} has expired`);
      hold(part.nonce === own.nonce && !this.ended.has(own.nonce), "commitments are exclusive", "it takes another place");
      const newest = this.versions.filter(({ nonce }) => nonce === own.nonce).at(-1);
      hold(newest?.intent === id, "commitments are exclusive", `another intent has the place of ${own.intent.reference}`);
      this.#demandNotFrozen(own.intent, own.persons);
    }
    this.versions.push({ intent: id, job, nonce: own.nonce, fee, at: step.at, status: "committed", id: "" });
    if (checks) this.#demandLimit(step.at);
  }

  #signed({ job, transactions }: RecordOf<"signed">, checks: boolean): void {
    const versions = this.#versionsOf(job);
    hold(versions.length === transactions.length, "no signature without quorum", "what is signed was never committed");
    for (const [at, version] of versions.entries()) {
      const own = this.committed.get(version.intent) as Committed;
      if (checks) {
        const { reference } = own.intent;
        hold(
          version.status === "committed",
          "what was withheld needs fresh approvals",
          `${reference} is signed, it was ${version.status}`,
        );
        this.#demandNotFrozen(own.intent, own.persons);
        const gone = own.persons.find((person) => this.law.removed.has(person));
        hold(gone === undefined, "a removal binds", `${reference} is signed, ${gone} was removed`);
        hold(
          own.job !== job || !this.rejected.has(version.intent),
          "a rejection binds",
          `${reference} is signed, it was rejected`,
        );
      }
      version.status = "signed";
      version.id = transactions[at]?.id ?? "";
      if (own.job === job) own.status = "signed";
    }
  }

  #settled({ transaction, facts }: RecordOf<"settled">, checks: boolean): void {
    const id = transaction.slice(transaction.indexOf(":") + 1);
    const version = this.versions.find((one) => one.id === id);
    hold(version !== undefined, "only finality ends a transaction", `${id} was never signed`);
    if (checks) hold(this.known.isFinal(id), "only finality ends a transaction", `${id} is not final`);
    this.ended.add(version.nonce);
    const { kind } = (this.committed.get(version.intent) as Committed).intent;
    if (kind === "cancel" || !facts.every(isSuccess)) this.unpaid.add(version.nonce);
  }

  // how it is governed

  #lawOf(signed: Uint8Array): { readonly law: Law; readonly by: readonly string[] } {
    const known = this.known.signers.get(toHex(signed));
    hold(known !== undefined, "lowering waits", "a rulebook that nobody has signed");
    return known;
  }

  #adopted({ rulebook, approvals }: RecordOf<"adopted">, at: number, checks: boolean): void {
    const { law, by } = this.#lawOf(rulebook);
    if (checks) {
      const name = `epoch ${law.epoch}`;
      hold(!this.vetoed.has(law.id), "lowering waits", `${name} was vetoed`);
      hold(law.base === this.law.id, "lowering waits", `${name} does not continue the rulebook in force`);
      hold(new Set(by).size >= 2, "lowering waits", `${name} is signed by ${by}`);
      if (!law.tightens) {
        const { waiting } = this;
        const ran = waiting?.law.id === law.id && at - waiting.at >= STEP;
        hold(ran, "lowering waits", `${name} lowers a guard and did not wait`);
        const seen = approvals.map((bytes) => this.#said(bytes)).filter((one) => one?.decision === "seen");
        const other = seen.some((one) => one !== undefined && !by.includes(one.who) && !waiting.by.includes(one.who));
        hold(other, "lowering waits", `nobody but its signers has seen ${name}`);
      }
    }
    this.law = law;
    this.waiting = null;
  }

  #unfroze({ intent: bytes, approvals, at: lo }: RecordOf<"unfroze">, at: number, checks: boolean): void {
    const id = idOf(IntentKind, bytes);
    const intent = this.known.intents.get(id) as IntentOf<"unfreeze">;
    if (checks) {
      const persons = this.#demandBy(id, approvals, lo);
      const all = [...persons, personOf(INITIATORS.get(intent.initiator) ?? "")];
      const count = (group: readonly string[]) => all.filter((person) => group.includes(person)).length;
      const enough = count(GROUPS.administrators) >= 2 && count(GROUPS.officers) >= 1;
      hold(enough, "freeze is final", `${all} lifted it`);
      const since = this.registered.get(id);
      hold(since !== undefined && at - since >= STEP, "delays run", `${intent.reference} did not wait`);
    }
    this.freezes.delete(intent.freeze);
  }

  #booked(record: RecordOf<"entered"> | RecordOf<"retired">, checks: boolean): void {
    const id = idOf(IntentKind, record.intent);
    const intent = this.known.intents.get(id) as IntentOf<"retire">;
    if (checks) {
      const persons = this.#demandBy(id, record.approvals, record.at);
      const all = new Set([...persons, personOf(INITIATORS.get(intent.initiator) ?? "")]);
      const enough = GROUPS.operations.filter((person) => all.has(person)).length >= 2;
      hold(enough, "no signature without quorum", `${[...all]} changed the address book`);
      hold(!this.rejected.has(id), "a rejection binds", `${intent.reference} was rejected`);
    }
    if (record.kind === "retired") this.entries.delete(intent.name);
    else {
      const { entry } = this.known.intents.get(id) as IntentOf<"entry">;
      this.entries.set(decode(Entry, entry).name, idOf(Entry, entry));
    }
    this.done.add(id);
  }
}

function isSuccess(signed: Uint8Array): boolean {
  const fact = decode(Fact, decode(Signed, signed).body);
  return fact.type === "finality" && fact.outcome === "succeeded";
}
