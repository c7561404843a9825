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
type Dimension = { readonly any: Bits; readonly by: ReadonlyMap<string, Bits> };
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
  readonly index: ReadonlyMap<DimensionName, Dimension>;
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
    index: new Map(DIMENSIONS.map((name) => [name, dimension(document.rules, name)])),
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
  return { any, by };
}

function set(bits: Bits, at: number): void {
  bits[at >>> 5] = (bits[at >>> 5] as number) | (1 << (at & 31));
}

/** The rules whose every condition holds for `subject`, in the order of the document. Where the time is not known well enough,
 *  an allow does not match and all other rules do. A rule with a value matches no subject without one. An allow matches a
 *  dangerous call only when it names it. */
export function matching(book: Book, subject: Subject): readonly Rule[] {
  return candidates(book, subject).filter((rule) => withinValues(rule, subject.value));
}

/** The rules whose conditions hold, whatever they say of the value. */
export function candidates(book: Book, subject: Subject): readonly Rule[] {
  const { rules } = book.document;
  const initiators = rows(book, "initiators", book.groupsOf.get(subject.initiator));
  const units = rows(book, "units", subject.units);
  const methods = rows(book, "methods", subject.call?.all);
  const others = [
    row(book, "kinds", subject.kind),
    row(book, "chains", subject.chain),
    row(book, "assets", subject.asset),
    row(book, "wallets", subject.wallet),
    row(book, "walletClasses", subject.walletClass),
    row(book, "clients", subject.client),
    row(book, "destinations", subject.destination),
    row(book, "classes", subject.class),
    row(book, "persons", subject.initiator),
  ];
  const found: Rule[] = [];
  for (let at = 0; at * 32 < rules.length; at++) {
    let word = union(initiators, at) & union(units, at) & union(methods, at);
    for (const bits of others) word &= bits[at] as number;
    for (; word !== 0; word &= word - 1) {
      const rule = rules[at * 32 + (31 - Math.clz32(word & -word))] as Rule;
      const holds = withinAmounts(rule, subject.amount) && isTime(book, rule, subject.when);
      if (holds && isNamed(rule, subject.call)) found.push(rule);
    }
  }
  return found;
}

function union(rows: readonly Bits[], at: number): number {
  let word = 0;
  for (const bits of rows) word |= bits[at] as number;
  return word;
}

/** One bit for each rule that is open to this value; a subject without the value meets only rules that are open to any. */
function row(book: Book, name: DimensionName, value: string | number | undefined): Bits {
  const { any, by } = book.index.get(name) as Dimension;
  return (value === undefined ? undefined : by.get(String(value))) ?? any;
}

/** For each of several values the rules that are open to it, and those that are open to any. */
function rows(book: Book, name: DimensionName, values: readonly string[] | undefined): readonly Bits[] {
  return [row(book, name, undefined), ...(values ?? []).map((value) => row(book, name, value))];
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
