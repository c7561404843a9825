/** Statements from outside: by whom, how old, and whether a newer one has been seen. A fact that is missing, stale, forged or
 *  contradictory refuses. */
import type { Hash } from "@strongroom/core/bytes";
import { demand, refuse } from "@strongroom/core/errors";
import type { RecordOf } from "@strongroom/core/journal/record";
import { keyId } from "@strongroom/core/keys/id";
import { Fact } from "@strongroom/core/signed/fact";
import { decode, Signed } from "@strongroom/core/signed/object";
import type { Needed } from "@strongroom/core/signed/rulebook";
import { FACT_AHEAD_MS, MAX_FACTS_KNOWN } from "../../limits.ts";
import { challengeOf, idOf } from "../../state/hash.ts";
import { get, has } from "../../state/map.ts";
import { type Founded, type JobPart, type Newest, partAt } from "../../state/state.ts";
import type { Now } from "../../types.ts";
import { demandSteady, priceIn } from "./prices.ts";
import { isPlainlySigned } from "./verify.ts";

/** A fact that holds, with the bytes that prove it. */
export type Stated = { readonly fact: Fact; readonly id: Hash; readonly bytes: Uint8Array };
export type Notice = RecordOf<"noticed">["facts"][number];

/** All facts of a command. Fails: those of `factReader`. */
export function readFacts(state: Founded, now: Now, facts: readonly Uint8Array[]): readonly Stated[] {
  return facts.map(factReader(state, now));
}

/** Reads the facts of one command, one after the other. It fails: codes of `decode`, BAD_VALUE, WRONG_DEPLOYMENT,
 *  SOURCE_UNKNOWN, SIGNATURE_INVALID, FACT_FUTURE, FACT_SUPERSEDED, FACT_MOVED. */
export function factReader(state: Founded, now: Now): (bytes: Uint8Array, at: number) => Stated {
  const names = new Set<string>();
  return (bytes, at) => {
    const stated = readFact(state, now, { bytes, at: `facts.${at}` });
    const name = `${stated.fact.source}|${stated.fact.subject}`;
    demand(!names.has(name), "FACT_SUPERSEDED", `facts.${at}`, "one source states two things on one subject");
    names.add(name);
    return stated;
  };
}

function readFact(state: Founded, now: Now, { bytes, at }: { bytes: Uint8Array; at: string }): Stated {
  const { body, signatures } = decode(Signed, bytes);
  const [signature, ...more] = signatures;
  demand(signature !== undefined && more.length === 0, "BAD_VALUE", at, "a fact carries exactly one signature");
  const fact = decode(Fact, body);
  demand(fact.deployment === state.deployment, "WRONG_DEPLOYMENT", at, "it is for another deployment");
  const source = state.book.sources.get(fact.source);
  const named = source !== undefined && source.type === fact.type;
  if (!named) refuse("SOURCE_UNKNOWN", at, `${fact.source} does not state ${fact.type} facts`);
  const own = signature.key === keyId("ed25519", source.publicKey);
  const good = own && isPlainlySigned(source.publicKey, challengeOf(Fact, body), signature);
  demand(good, "SIGNATURE_INVALID", at, "the fact's signature does not verify under its source's key");
  demand(fact.at <= now.hi + FACT_AHEAD_MS, "FACT_FUTURE", at, "it is dated after the vault's time");
  const id = idOf(Fact, body);
  const newest = get(state.facts, `${fact.source}|${fact.subject}`);
  const current = newest === undefined || newest.id === id || fact.at > newest.at;
  demand(current, "FACT_SUPERSEDED", at, "another fact of this source on this subject was seen, and it is not older");
  if (fact.type === "price") demandSteady(state, { fact, newest, at });
  return { fact, id, bytes };
}

/** What is newer than what the vault has seen. Of a transaction that it did not make, or that is final, nothing is kept.
 *  Fails: TABLE_FULL. */
export function noticesOf(state: Founded, stated: readonly Stated[]): readonly Notice[] {
  const notices = stated.flatMap(({ id, fact }) => {
    const { source, subject, at } = fact;
    const known = get(state.facts, `${source}|${subject}`)?.id === id;
    const idle = fact.type === "finality" && liveTransaction(state, subject) === undefined;
    return known || idle ? [] : [{ source, subject, at, id, adverse: isAdverse(fact), ...wordOf(fact) }];
  });
  const fits = notices.length === 0 || state.facts.size + notices.length <= MAX_FACTS_KNOWN;
  demand(fits, "TABLE_FULL", "facts", `${MAX_FACTS_KNOWN} facts are remembered`);
  return notices;
}

/** What is remembered of what it states. */
function wordOf(fact: Fact): Pick<Notice, "price" | "codeHash" | "next"> {
  if (fact.type === "price") return { price: priceIn(fact) };
  if (fact.type === "code") return { codeHash: fact.codeHash };
  return fact.type === "nonce" ? { next: fact.next } : {};
}

const TRANSACTION = "transaction:";

/** The transaction that a finality fact is about, with its name in the state: one that the vault signed and that is not
 *  final. */
export function liveTransaction(state: Founded, subject: string): { name: string; part: JobPart } | undefined {
  const name = subject.startsWith(TRANSACTION) ? subject.slice(TRANSACTION.length) : "";
  const place = get(state.transactions, name);
  if (place === undefined) return undefined;
  const part = partAt(state, place);
  return part.slots.some((slot) => has(state.final, slot)) ? undefined : { name, part };
}

/** What facts of each type speak of, where the action has such a thing, and what the vault itself knows about it: the code that
 *  the rulebook states of a token, and the number of the paying address's next transaction. */
export type About = {
  readonly subjects: { readonly [T in Needed["type"]]?: string };
  readonly codeHash?: Hash;
  readonly nonce?: number;
};

type Asked = { readonly stated: readonly Stated[]; readonly about: About; readonly rule: string };

/** Refuses unless enough of the named sources state a fresh fact on what the action is about, and the newest word of none of
 *  them, sent or seen before, speaks against it. Fails: FACT_ADVERSE, FACT_STALE, FACT_MISSING at the rule. */
export function demandFacts(state: Founded, now: Now, need: Needed, { stated, about, rule }: Asked): void {
  const at = `rules.${rule}.facts`;
  const { type, sources, atLeast, maxAgeMs } = need;
  const subject = about.subjects[type];
  if (subject === undefined) refuse("FACT_MISSING", at, `there is nothing here that ${type} facts speak of`);
  const mine = stated.filter(({ fact }) => fact.subject === subject && sources.includes(fact.source));
  demand(mine.length > 0, "FACT_MISSING", at, `${atLeast} ${type} facts on ${subject} are needed`);
  demandNotAdverse(state, need, { about, rule });
  const fresh = mine.filter(({ fact }) => fact.at + maxAgeMs >= now.hi);
  demand(fresh.length === mine.length, "FACT_STALE", at, `facts on ${subject} may be ${maxAgeMs} ms old`);
  demand(fresh.length >= atLeast, "FACT_MISSING", at, `${atLeast} ${type} facts on ${subject} are needed`);
}

/** Refuses when the newest word of any of the named sources speaks against the action. Fails: FACT_ADVERSE at the rule. */
export function demandNotAdverse(
  state: Founded,
  { type, sources }: Needed,
  { about, rule }: Pick<Asked, "about" | "rule">,
): void {
  const subject = about.subjects[type];
  for (const source of sources) {
    const newest = get(state.facts, `${source}|${subject}`);
    const why = newest && objectionOf(newest, about);
    demand(why === undefined, "FACT_ADVERSE", `rules.${rule}.facts`, `${type} of ${source} on ${subject}: ${why}`);
  }
}

/** What in a fact speaks against the action, contradicts the rulebook, or the vault's own state. */
function objectionOf({ adverse, codeHash, next }: Newest, about: About): string | undefined {
  if (adverse) return "it speaks against it";
  if (codeHash !== undefined && codeHash !== about.codeHash) return `the contract's code is ${codeHash}, not ${about.codeHash}`;
  if (next === undefined || (about.nonce !== undefined && next <= about.nonce)) return undefined;
  return `${next} transactions of the address are on the chain, the vault's next is number ${about.nonce}`;
}

/** Whether the statement speaks against its subject, whatever else is known. */
function isAdverse(fact: Fact): boolean {
  if (fact.type === "screening") return fact.verdict === "adverse";
  if (fact.type === "travel-rule") return fact.exchange === "refused";
  return fact.type === "simulation" && fact.effect === "differs";
}
