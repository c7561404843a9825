/** A rulebook made ready for use: look-ups by name and key, and an index that finds the rules which match a subject.
 *
 *  The index holds, for each dimension and value, one bit per rule; a subject's rules are the AND of its dimensions. So the
 *  cost hardly grows with the number of rules, and their order cannot matter. Nothing here judges; see `judge.ts`. */
import type { Hash } from "../bytes.ts";
import type { CallNames } from "../chain/types.ts";
import { keyId } from "../keys/id.ts";
import type { WalletClass } from "../signed/fields.ts";
import type { IntentKind } from "../signed/intent.ts";
import { encode, idOf } from "../signed/object.ts";
import { type Calendar, type ClassSeen, type Key, type Rule, Rulebook, type Times } from "../signed/rulebook.ts";
import { type Interval, isWithin, touches } from "./calendar.ts";

type Item<T> = T extends readonly (infer I)[] ? I : never;
export type Asset = Item<Rulebook["assets"]>;
export type ChainEntry = Item<Rulebook["chains"]>;
export type Source = Item<Rulebook["sources"]>;

/** A key with the one person it belongs to. */
export type Holder = { readonly person: string; readonly key: Key; readonly id: Hash };

/** What rules read of an action. `class` is resolved by the vault, never claimed. `units`: that of the wallet and all above
 *  it. `value`: the amount in the reference currency, absent when nothing states it. `when`: what is known of the time. `call`:
 *  how rules speak of what is called. */
export type Subject = {
  readonly kind: IntentKind;
  readonly initiator: string;
  readonly when: Interval;
  readonly chain?: number;
  readonly asset?: string;
  readonly wallet?: string;
  readonly walletClass?: WalletClass;
  readonly client?: string;
  readonly units?: readonly string[];
  readonly destination?: string;
  readonly class?: ClassSeen;
  readonly amount?: bigint;
  readonly value?: bigint;
  readonly call?: CallNames;
};

type Bits = Uint32Array;
/** `any`: the rules that are open to every value. `by`: for a value that rules name, those that are open to it. */
type Dimension = { readonly name: DimensionName; readonly any: Bits; readonly by: ReadonlyMap<string, Bits> };
const DIMENSIONS = [
  "kinds",
  "chains",
  "assets",
  "wallets",
  "walletClasses",
  "clients",
  "units",
  "destinations",
  "classes",
  "initiators",
  "persons",
  "methods",
] as const;
type DimensionName = (typeof DIMENSIONS)[number];

/** A rule with what is asked of it at every judgement. `isWhole`: whether the index knows all its conditions. `isValued`:
 *  whether it asks for the value. */
export type Indexed = {
  readonly rule: Rule;
  readonly id: string;
  readonly effect: Rule["effect"];
  readonly isWhole: boolean;
  readonly isValued: boolean;
};

/** A rulebook in force. */
export type Book = {
  readonly id: Hash;
  readonly document: Rulebook;
  readonly holders: ReadonlyMap<string, Holder>;
  readonly groups: ReadonlyMap<string, ReadonlySet<string>>;
  readonly groupsOf: ReadonlyMap<string, readonly string[]>;
  readonly chains: ReadonlyMap<number, ChainEntry>;
  readonly assets: ReadonlyMap<string, Asset>;
  readonly sources: ReadonlyMap<string, Source>;
  readonly calendars: ReadonlyMap<string, Calendar>;
  /** Every unit with all above it, itself first. */
  readonly unitsOf: ReadonlyMap<string, readonly string[]>;
  readonly rules: readonly Indexed[];
  /** The dimensions in which rules name values. */
  readonly index: readonly Dimension[];
};

/** Builds the look-ups of a document that `checkRulebook` accepts. */
export function openBook(document: Rulebook): Book {
  const groupsOf = new Map<string, string[]>();
  for (const group of document.groups) for (const person of group.members) push(groupsOf, person, group.id);
  const holders = document.persons.flatMap((person) =>
    person.keys.map((key) => ({ person: person.id, key, id: keyId(key.scheme, key.publicKey) })),
  );
  return {
    id: idOf(Rulebook, encode(Rulebook, document)),
    document,
    holders: new Map(holders.map((holder) => [holder.id, holder])),
    groups: new Map(document.groups.map((group) => [group.id, new Set(group.members)])),
    groupsOf,
    chains: new Map(document.chains.map((chain) => [chain.id, chain])),
    assets: new Map(document.assets.map((asset) => [asset.id, asset])),
    sources: new Map(document.sources.map((source) => [source.id, source])),
    calendars: new Map(document.calendars.map((calendar) => [calendar.id, calendar])),
    unitsOf: new Map(document.units.map((unit) => [unit.id, lineOf(document.units, unit.id)])),
    rules: document.rules.map(indexed),
    index: DIMENSIONS.map((name) => dimension(document.rules, name)).filter(({ by }) => by.size > 0),
  };
}

/** A unit and all above it. `checkRulebook` has seen to it that this ends. */
function lineOf(units: Rulebook["units"], id: string): readonly string[] {
  const parent = units.find((unit) => unit.id === id)?.parent;
  return parent === undefined ? [id] : [id, ...lineOf(units, parent)];
}

function push<V>(map: Map<string, V[]>, key: string, value: V): void {
  const known = map.get(key);
  if (known === undefined) map.set(key, [value]);
  else known.push(value);
}

function dimension(rules: readonly Rule[], name: DimensionName): Dimension {
  const any = new Uint32Array(Math.ceil(rules.length / 32));
  rules.forEach((rule, at) => {
    if (rule[name] === "any") set(any, at);
  });
  const by = new Map<string, Bits>();
  rules.forEach((rule, at) => {
    const values = rule[name];
    if (values === "any") return;
    for (const value of values) {
      const bits = by.get(String(value)) ?? any.slice();
      set(bits, at);
      by.set(String(value), bits);
    }
  });
  return { name, any, by };
}

function indexed(rule: Rule): Indexed {
  const { id, effect, times } = rule;
  const isWhole = times === "any" && rule.amountFrom === undefined && rule.amountTo === undefined;
  return { rule, id, effect, isWhole, isValued: hasValues(rule) };
}

function set(bits: Bits, at: number): void {
  bits[at >>> 5] = (bits[at >>> 5] as number) | (1 << (at & 31));
}

/** The rules whose every condition holds for `subject`, in the order of the document. Where the time is not known well enough,
 *  an allow does not match and all other rules do. A rule with a value matches no subject without one. An allow matches a
 *  dangerous call only when it names it. */
export function matching(book: Book, subject: Subject): readonly Rule[] {
  const found: Rule[] = [];
  eachCandidate(book, subject, ({ rule }) => {
    if (withinValues(rule, subject.value)) found.push(rule);
  });
  return found;
}

/** Shows the rules whose conditions hold, whatever they say of the value. */
export function eachCandidate(book: Book, subject: Subject, show: (one: Indexed) => void): void {
  const { rules, index } = book;
  const rows = index.map((dimension) => row(dimension, valuesIn(book, subject, dimension.name)));
  const isDangerous = subject.call !== undefined && subject.call.needed !== null;
  for (let from = 0; from < rules.length; from += 32) {
    let word = rules.length - from < 32 ? (1 << (rules.length - from)) - 1 : -1;
    for (let at = 0; at < rows.length; at++) word &= (rows[at] as Bits)[from >>> 5] as number;
    for (; word !== 0; word &= word - 1) {
      const one = rules[from + 31 - Math.clz32(word & -word)] as Indexed;
      if ((one.isWhole && !isDangerous) || holds(book, one.rule, subject)) show(one);
    }
  }
}

/** What the index does not know of. */
function holds(book: Book, rule: Rule, { amount, when, call }: Subject): boolean {
  return withinAmounts(rule, amount) && isTime(book, rule, when) && isNamed(rule, call);
}

/** What a subject is in a dimension; nothing where that says nothing. */
function valuesIn(book: Book, subject: Subject, name: DimensionName): readonly string[] {
  switch (name) {
    case "kinds":
      return [subject.kind];
    case "chains":
      return only(subject.chain);
    case "assets":
      return only(subject.asset);
    case "wallets":
      return only(subject.wallet);
    case "walletClasses":
      return only(subject.walletClass);
    case "clients":
      return only(subject.client);
    case "units":
      return subject.units ?? [];
    case "destinations":
      return only(subject.destination);
    case "classes":
      return only(subject.class);
    case "initiators":
      return book.groupsOf.get(subject.initiator) ?? [];
    case "persons":
      return [subject.initiator];
    case "methods":
      return subject.call?.all ?? [];
  }
}

function only(value: string | number | undefined): readonly string[] {
  return value === undefined ? [] : [String(value)];
}

/** One bit for each rule that is open to one of these values; without any, those that are open to every value. */
function row({ any, by }: Dimension, values: readonly string[]): Bits {
  let all: Bits | undefined;
  for (const value of values) {
    const bits = by.get(value);
    if (bits !== undefined) all = all === undefined ? bits : union(all, bits);
  }
  return all ?? any;
}

function union(one: Bits, other: Bits): Bits {
  return one.map((word, at) => word | (other[at] as number));
}

/** Whether what is dangerous is named where it is allowed. */
function isNamed({ effect, methods }: Rule, call: CallNames | undefined): boolean {
  const needed = call?.needed ?? null;
  if (effect !== "allow" || needed === null) return true;
  return methods !== "any" && methods.some((method) => needed.includes(method));
}

function isTime(book: Book, { times, effect }: Rule, when: Interval): boolean {
  if (times === "any") return true;
  const holds = effect === "allow" ? isWithin : touches;
  return times.some((one: Times) => holds(book.calendars.get(one.calendar) as Calendar, one, when));
}

/** Whether the rule asks for the value. */
export function hasValues({ valueFrom, valueTo }: Rule): boolean {
  return valueFrom !== undefined || valueTo !== undefined;
}

/** Whether a value lies within what the rule says of it. */
export function withinValues(rule: Rule, value: bigint | undefined): boolean {
  if (!hasValues(rule)) return true;
  return value !== undefined && value >= (rule.valueFrom ?? 0n) && value <= (rule.valueTo ?? value);
}

function withinAmounts(rule: Rule, value: bigint | undefined): boolean {
  if (rule.amountFrom === undefined && rule.amountTo === undefined) return true;
  if (value === undefined) return false;
  return value >= (rule.amountFrom ?? 0n) && value <= (rule.amountTo ?? value);
}
