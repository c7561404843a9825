/** A rulebook made ready for use: look-ups by name and key, and an index that finds the rules which match a subject.
 *
 *  The index holds, for each dimension and value, one bit per rule; a subject's rules are the AND of its dimensions. So the
 *  cost hardly grows with the number of rules, and their order cannot matter. Nothing here judges; see `judge.ts`. */
import type { Hash } from "../bytes.ts";
import { keyId } from "../keys/id.ts";
import type { DestinationClass } from "../signed/fields.ts";
import type { IntentKind } from "../signed/intent.ts";
import { encode, idOf } from "../signed/object.ts";
import { type Key, type Limit, type Rule, Rulebook } from "../signed/rulebook.ts";

type Item<T> = T extends readonly (infer I)[] ? I : never;
export type Asset = Item<Rulebook["assets"]>;
export type ChainEntry = Item<Rulebook["chains"]>;
export type Source = Item<Rulebook["sources"]>;

/** A key with the one person it belongs to. */
export type Holder = { readonly person: string; readonly key: Key; readonly id: Hash };

/** What rules read of an action. `class` is resolved by the vault, never claimed. */
export type Subject = {
  readonly kind: IntentKind;
  readonly initiator: string;
  readonly chain?: number;
  readonly asset?: string;
  readonly wallet?: string;
  readonly destination?: string;
  readonly class?: DestinationClass | "client-owned";
  readonly amount?: bigint;
};

type Bits = Uint32Array;
type Dimension = { readonly any: Bits; readonly by: ReadonlyMap<string, Bits> };
type DimensionName = "kinds" | "chains" | "assets" | "wallets" | "destinations" | "classes" | "initiators";
const DIMENSIONS = ["kinds", "chains", "assets", "wallets", "destinations", "classes", "initiators"] as const;

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
  readonly limitsOf: ReadonlyMap<string, readonly Limit[]>;
  readonly index: ReadonlyMap<DimensionName, Dimension>;
};

/** Builds the look-ups of a document that `checkRulebook` accepts. */
export function openBook(document: Rulebook): Book {
  const groupsOf = new Map<string, string[]>();
  for (const group of document.groups) for (const person of group.members) push(groupsOf, person, group.id);
  const limitsOf = new Map<string, Limit[]>();
  for (const limit of document.limits) push(limitsOf, limit.asset, limit);
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
    limitsOf,
    index: new Map(DIMENSIONS.map((name) => [name, dimension(document.rules, name)])),
  };
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

/** The rules whose every condition holds for `subject`, in the order of the document. */
export function matching(book: Book, subject: Subject): readonly Rule[] {
  const { rules } = book.document;
  const initiators = initiatorRows(book, subject.initiator);
  const others = [
    row(book, "kinds", subject.kind),
    row(book, "chains", subject.chain),
    row(book, "assets", subject.asset),
    row(book, "wallets", subject.wallet),
    row(book, "destinations", subject.destination),
    row(book, "classes", subject.class),
  ];
  const found: Rule[] = [];
  for (let at = 0; at * 32 < rules.length; at++) {
    let word = 0;
    for (const bits of initiators) word |= bits[at] as number;
    for (const bits of others) word &= bits[at] as number;
    for (; word !== 0; word &= word - 1) {
      const rule = rules[at * 32 + (31 - Math.clz32(word & -word))] as Rule;
      if (withinAmounts(rule, subject.amount)) found.push(rule);
    }
  }
  return found;
}

/** One bit for each rule that is open to this value; a subject without the value meets only rules that are open to any. */
function row(book: Book, name: DimensionName, value: string | number | undefined): Bits {
  const { any, by } = book.index.get(name) as Dimension;
  return (value === undefined ? undefined : by.get(String(value))) ?? any;
}

/** For each of the initiator's groups, the rules that are open to it; for one without groups, those that are open to any. */
function initiatorRows(book: Book, person: string): readonly Bits[] {
  const groups = book.groupsOf.get(person) ?? [];
  return [row(book, "initiators", undefined), ...groups.map((group) => row(book, "initiators", group))];
}

function withinAmounts(rule: Rule, value: bigint | undefined): boolean {
  if (rule.amountFrom === undefined && rule.amountTo === undefined) return true;
  if (value === undefined) return false;
  return value >= (rule.amountFrom ?? 0n) && value <= (rule.amountTo ?? value);
}
