/** Statements from outside: by whom, how old, and whether a newer one has been seen. A fact that is missing, stale, forged or
 *  contradictory refuses. */
import type { Hash, Time } from "@strongroom/core/bytes";
import { demand, refuse } from "@strongroom/core/errors";
import { keyId } from "@strongroom/core/keys/id";
import { Fact } from "@strongroom/core/signed/fact";
import { challengeOf, decode, idOf, Signed } from "@strongroom/core/signed/object";
import type { Needed } from "@strongroom/core/signed/rulebook";
import { FACT_AHEAD_MS } from "../limits.ts";
import { get } from "../state/map.ts";
import type { Now } from "../types.ts";
import type { Founded } from "./approvals.ts";
import { signedByEd25519 } from "./verify.ts";

/** A fact that holds, with the bytes that prove it. */
export type Stated = { readonly fact: Fact; readonly id: Hash; readonly bytes: Uint8Array };
export type Notice = { readonly source: string; readonly subject: string; readonly at: Time; readonly id: Hash };

/** All facts of a command. Fails: codes of `decode`, BAD_VALUE, WRONG_DEPLOYMENT, SOURCE_UNKNOWN, SIGNATURE_INVALID,
 *  FACT_FUTURE, FACT_SUPERSEDED. */
export function readFacts(state: Founded, now: Now, facts: readonly Uint8Array[]): readonly Stated[] {
  const stated = facts.map((bytes, at) => readFact(state, now, { bytes, at: `facts.${at}` }));
  const names = new Set(stated.map(({ fact }) => `${fact.source}|${fact.subject}`));
  demand(names.size === stated.length, "FACT_SUPERSEDED", "facts", "one source states two things on one subject");
  return stated;
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
  const plain = signature.clientData === undefined && signature.authenticatorData === undefined;
  const own = plain && signature.key === keyId("ed25519", source.publicKey);
  const good = own && signedByEd25519(source.publicKey, challengeOf(Fact, body), signature.signature);
  demand(good, "SIGNATURE_INVALID", at, "the fact's signature does not verify under its source's key");
  demand(fact.at <= now.hi + FACT_AHEAD_MS, "FACT_FUTURE", at, "it is dated after the vault's time");
  const id = idOf(Fact, body);
  const newest = get(state.facts, `${fact.source}|${fact.subject}`);
  const current = newest === undefined || newest.id === id || fact.at > newest.at;
  demand(current, "FACT_SUPERSEDED", at, "another fact of this source on this subject was seen, and it is not older");
  return { fact, id, bytes };
}

/** The dates that are newer than what the vault has seen. */
export function noticesOf(state: Founded, stated: readonly Stated[]): readonly Notice[] {
  return stated
    .map(({ id, fact: { source, subject, at } }) => ({ source, subject, at, id }))
    .filter(({ id, source, subject }) => get(state.facts, `${source}|${subject}`)?.id !== id);
}

/** Refuses unless enough of the named sources state a fresh fact on `subject`, and none of them speaks against it.
 *  Fails: FACT_ADVERSE, FACT_STALE, FACT_MISSING at the rule. */
export function demandFacts(need: Needed, given: { stated: readonly Stated[]; subject: string; rule: string; now: Now }): void {
  const at = `rules.${given.rule}.facts`;
  const mine = given.stated
    .map(({ fact }) => fact)
    .filter((fact) => fact.subject === given.subject && fact.type === need.type && need.sources.includes(fact.source));
  const adverse = mine.some((fact) => fact.type === "screening" && fact.verdict === "adverse");
  demand(!adverse, "FACT_ADVERSE", at, `a screening speaks against ${given.subject}`);
  const fresh = mine.filter((fact) => fact.at + need.maxAgeMs >= given.now.hi);
  demand(fresh.length === mine.length, "FACT_STALE", at, `facts on ${given.subject} may be ${need.maxAgeMs} ms old`);
  demand(fresh.length >= need.atLeast, "FACT_MISSING", at, `${need.atLeast} ${need.type} facts on ${given.subject} are needed`);
}
