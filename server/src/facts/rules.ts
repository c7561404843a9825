/** What a stored fact must be: signed by the source that it names, as the rulebook knows it, with columns that say the same;
 *  and which facts the vault will want with an intent. Pure. Nothing of it decides: the vault judges facts again. */
import type { Hash } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { type Book, hasValues } from "@strongroom/core/rulebook/book";
import type { Entry } from "@strongroom/core/signed/entry";
import { Fact, SUBJECT } from "@strongroom/core/signed/fact";
import type { Intent } from "@strongroom/core/signed/intent";
import { decode, idOf, Signed } from "@strongroom/core/signed/object";
import type { Limit, Needed, Rule } from "@strongroom/core/signed/rulebook";
import { isOnChain } from "../executions/rules.ts";
import { digestOf, openSigned } from "../vault/signed.ts";
import type { FactRow } from "./store.ts";

export type FactColumns = {
  readonly id: string;
  readonly source: string;
  readonly type: string;
  readonly subject: string;
  readonly at: Date;
  readonly fact: Uint8Array;
};

/** A fact with its id, or the field that does not hold. */
export type ReadFact =
  | { readonly ok: true; readonly id: string; readonly fact: Fact }
  | { readonly ok: false; readonly detail: string };

/** Reads a signed fact under the rulebook in force. */
export function readFact(envelope: Uint8Array, book: Book): ReadFact {
  const opened = attempt(() => {
    const { body } = decode(Signed, envelope);
    return { id: idOf(Fact, body), claimed: decode(Fact, body) };
  });
  if (!opened.ok) return { ok: false, detail: `it cannot be read: ${opened.code} at ${opened.field}` };
  const { id, claimed } = opened.value;
  const source = book.sources.get(claimed.source);
  if (claimed.deployment !== book.document.deployment) return { ok: false, detail: "it is for another deployment" };
  if (source === undefined || source.type !== claimed.type)
    return { ok: false, detail: `the rulebook names no source ${claimed.source} for ${claimed.type}` };
  const fact = openSigned(Fact, envelope, [source.publicKey]);
  return fact === null ? { ok: false, detail: "the signature is not its source's" } : { ok: true, id, fact };
}

/** Whether the columns say what the bytes say. Whether a source that was removed since had signed it is not asked again. */
export function isFactWhole(row: FactColumns): boolean {
  const opened = attempt(() => {
    const { body } = decode(Signed, row.fact);
    return { id: idOf(Fact, body), fact: decode(Fact, body) };
  });
  if (!opened.ok) return false;
  const { id, fact } = opened.value;
  const dated = fact.at === row.at.getTime();
  return dated && id === row.id && fact.source === row.source && fact.type === row.type && fact.subject === row.subject;
}

/** What the event about a fact says of its row. */
export const factRecord = ({ fact, created_at }: FactRow) => ({ fact: digestOf(fact), created_at: created_at.toISOString() });

/** An intent with what it names: the address that pays, if it is on a chain, and the address-book entry that comes or goes. */
export type Facing = {
  readonly id: Hash;
  readonly intent: Intent;
  readonly from: string | null;
  readonly entry: Entry | null;
};

/** Facts that may have to be there: on a subject, from so many of these sources, not older than so long. */
export type Wish = { readonly subject: string } & Pick<Needed, "sources" | "atLeast" | "maxAgeMs">;

/** Everything that the vault may want to be stated about an intent: by the requirements that may bind it, and the prices and
 *  the time that its rules and limits read. Whether a rule binds is the vault's to say; here only what the intent itself rules
 *  out is left out. */
export function wishesOf(facing: Facing, book: Book): readonly Wish[] {
  const named = namesIn(facing, book);
  const subjects = subjectsOf(facing, named, book);
  const rules = book.document.rules.filter((rule) => mayBind(rule, named));
  const needed = rules.flatMap((rule) => (rule.effect === "require" ? rule.facts : []));
  const wishes = needed.flatMap((need): readonly Wish[] => {
    const subject = subjects[need.type];
    return subject === undefined ? [] : [{ subject, ...need }];
  });
  const { clock } = book.document;
  const reads = clock !== undefined && rules.some(({ times }) => times !== "any");
  // Sources of the time raise what schedules go by; however old their word is, it is true.
  const hours = reads ? [{ subject: SUBJECT.clock(), ...clock, maxAgeMs: Number.MAX_SAFE_INTEGER }] : [];
  return [...wishes, ...hours, ...pricesFor(facing, named, { book, isValued: rules.some(hasValues) })];
}

/** What rules can read of an intent without knowing more than its bytes. */
type Names = { readonly [N in (typeof NAMED)[number]]?: string | number } & { readonly native?: string };
const NAMED = ["kinds", "chains", "assets", "wallets", "destinations"] as const;

function namesIn({ intent, entry }: Facing, book: Book): Names {
  const kinds = intent.kind;
  if (intent.kind === "wallet") return { kinds, chains: intent.chain, wallets: intent.wallet };
  if (entry !== null) return { kinds, chains: entry.chain, destinations: entry.name };
  if (!isOnChain(intent)) return { kinds };
  const { chain: chains, wallet: wallets } = intent;
  const native = book.chains.get(chains)?.native;
  const assets = intent.kind === "pay" ? intent.asset : native;
  const destinations = intent.kind === "cancel" ? undefined : intent.destination.entry;
  const common = { kinds, chains, wallets, ...(native !== undefined && { native }) };
  return { ...common, ...(assets !== undefined && { assets }), ...(destinations !== undefined && { destinations }) };
}

/** Whether nothing that the intent says keeps a rule from matching it. */
function mayBind(rule: Rule, named: Names): boolean {
  if (named.kinds === "freeze" || named.kinds === "unfreeze") return false;
  return NAMED.every((name) => {
    const [allowed, value]: [string | readonly (string | number)[], string | number | undefined] = [rule[name], named[name]];
    return allowed === "any" || (value !== undefined && allowed.includes(value as never));
  });
}

type Subjects = { readonly [T in Needed["type"]]?: string };

/** What facts of each type speak of, as the vault will look for them. */
function subjectsOf({ id, intent, from, entry }: Facing, { assets: asset }: Names, book: Book): Subjects {
  const both = { simulation: SUBJECT.intent(id), clock: SUBJECT.clock() };
  if (entry !== null) return { ...both, screening: SUBJECT.address(entry.chain, entry.address) };
  if (!isOnChain(intent)) return both;
  const { chain } = intent;
  const to = intent.kind === "cancel" ? from : intent.destination.address;
  const contract = intent.kind === "call" ? to : book.assets.get(String(asset))?.contract;
  const currency = intent.kind === "cancel" ? undefined : book.document.valuation?.currency;
  return {
    ...both,
    "travel-rule": SUBJECT.intent(id),
    ...(to !== null && { screening: SUBJECT.address(chain, to) }),
    ...(from !== null && { nonce: SUBJECT.nonce(chain, from) }),
    ...(contract !== undefined && contract !== null && { code: SUBJECT.code(chain, contract) }),
    ...(currency !== undefined && { price: SUBJECT.price(String(asset), currency) }),
  };
}

/** Prices of what it moves: of the asset where a rule compares its value, of asset and fees where a limit counts values. */
function pricesFor(
  { intent }: Facing,
  { assets: asset, native }: Names,
  { book, isValued }: { readonly book: Book; readonly isValued: boolean },
): readonly Wish[] {
  const { valuation } = book.document;
  if (valuation === undefined || asset === undefined || native === undefined) return [];
  const counts = ({ measure, assets }: Limit, name: string) =>
    measure === "value" && (assets === "any" || assets.includes(name));
  const isCounted = (name: string) => book.document.limits.some((limit) => counts(limit, name));
  const moved = [...new Set([String(asset), native])];
  const priced = moved.filter((name) => isCounted(name) || (isValued && intent.kind !== "cancel" && name === asset));
  return priced.map((name) => ({ subject: SUBJECT.price(name, valuation.currency), ...valuation }));
}

/** Of the newest facts of all sources those that go to the vault with an intent. A fact that is too old spoils those beside it,
 *  so it is left out where the others are enough; one that speaks against the action never is. */
export function chosenFacts<F extends { readonly fact: Fact }>(
  newest: readonly F[],
  wishes: readonly Wish[],
  at: number,
): readonly F[] {
  const subjects = [...new Set(wishes.map(({ subject }) => subject))];
  return subjects.flatMap((subject) => {
    const mine = wishes.filter((wish) => wish.subject === subject);
    const stated = newest.filter(({ fact }) => {
      return fact.subject === subject && mine.some(({ sources }) => sources.includes(fact.source));
    });
    const life = Math.min(...mine.map(({ maxAgeMs }) => maxAgeMs));
    const fresh = stated.filter(({ fact }) => fact.at + life >= at || speaksAgainst(fact));
    const isEnough = mine.every(({ sources, atLeast }) => {
      return fresh.filter(({ fact }) => sources.includes(fact.source)).length >= atLeast;
    });
    return isEnough ? fresh : stated;
  });
}

function speaksAgainst(fact: Fact): boolean {
  if (fact.type === "screening") return fact.verdict === "adverse";
  if (fact.type === "travel-rule") return fact.exchange === "refused";
  return fact.type === "simulation" && fact.effect === "differs";
}
