/** Sets, demands and actions as text for people and as JSON: a set is a few boxes, a box is what it says of each dimension, and
 *  beside it stands one action that lies in it. */
import type { CallNames } from "../../chain/types.ts";
import { AMOUNT_MAX, formatAmount } from "../../money/amount.ts";
import type { Json } from "../../signed/codec.ts";
import { formatTime } from "../../text/render.ts";
import type { Asset, Book, ChainEntry } from "../book.ts";
import { NOTHING, type PointSet } from "./diagram.ts";
import type { Sets } from "./sets.ts";
import { type Action, type Axis, actionAt, axisOf, type DimensionName, type Space, type Test, type Value } from "./space.ts";

/** What a box says of one dimension: the values that it has, or for people shorter, those that it does not have. */
type Facet = { readonly name: DimensionName; readonly values: readonly Value[]; readonly but: readonly Value[] };

/** One box of a set, with one action that lies in both. */
export type Part = {
  readonly words: string;
  readonly json: { readonly [name: string]: Json };
  readonly example: Action;
  readonly exampleWords: string;
};
/** A set for people and programs. `complete`: whether the parts are all of it. */
export type Scope = { readonly parts: readonly Part[]; readonly complete: boolean };

/** Most boxes of a scope. */
export const MAX_BOXES = 100;

/** A set that is not empty. The names in it are those of `sets`' book. */
export function scopeOf(sets: Sets, set: PointSet, most = MAX_BOXES): Scope {
  const { space, book, real } = sets;
  const { boxes, left } = space.diagrams.boxes(set, { real, most, orders: space.widestFirst });
  const parts = boxes.map(({ box, point }) => {
    const facets = facetsOf(space, box, real);
    const example = actionAt(space, point);
    return { words: boxWords(facets, book), json: boxJson(facets), example, exampleWords: actionWords(example, sets) };
  });
  return { parts, complete: left === NOTHING };
}

/** The dimensions of a box that are not open: those of whose real values, all else as in the box, it lacks one. The kind is
 *  told even where the rest says it already. */
function facetsOf({ diagrams, axes }: Space, box: readonly Uint8Array[], real: PointSet): readonly Facet[] {
  return axes.flatMap((axis, level) => {
    const can = diagrams.values(real, level, box);
    const own = box[level] as Uint8Array;
    const all = axis.name === "kind" ? diagrams.values(real, level) : can;
    const but = valuesIn(
      axis,
      all.map((bit, at) => (own[at] === 1 && can[at] === 1 ? 0 : bit)),
    );
    if (but.length === 0) return [];
    const has = can.map((bit, at) => (own[at] === 1 ? bit : 0));
    return [{ name: axis.name, values: valuesIn(axis, has), but }];
  });
}

function valuesIn({ atoms }: Axis, bits: Uint8Array): readonly Value[] {
  return atoms.flatMap((atom, at) => (bits[at] === 1 ? atom : []));
}

function boxWords(facets: readonly Facet[], book: Book): string {
  return facets.map((facet) => facetWords(facet, book)).join("; ") || "everything";
}

const LABELS: Readonly<Record<DimensionName, string>> = {
  kind: "",
  money: "",
  class: "to class ",
  walletClass: "from wallets that are ",
  initiator: "by ",
  unit: "of unit ",
  client: "of client ",
  wallet: "from wallet ",
  value: "worth ",
  destination: "to ",
  method: "calling ",
  time: "at moments like ",
};

/** Instead of a list of all that there are. */
const ONE_WORDS: Readonly<Partial<Record<DimensionName, string>>> = {
  unit: "of any unit",
  client: "of any client",
  destination: "to any entry of the address book",
  value: "with a value that is stated",
};

function facetWords({ name, values, but }: Facet, book: Book): string {
  const isSafe = ({ part }: Value) => part.call?.needed === null;
  if (name === "method" && values.every(isSafe) && values.some(isOther) && !but.some(isSafe))
    return "calling nothing dangerous";
  const one = ONE_WORDS[name];
  if (one !== undefined && (values.length > 1 || name === "value") && but.every(({ role }) => role === "none")) return one;
  if (name === "money") return listed(moneyWords(values, but, book));
  const text = (list: readonly Value[]) => listed(valueWords(name, list, book));
  return `${LABELS[name]}${isShorterBut(name, values, but) ? `any but ${text(but)}` : text(values)}`;
}

const isOther = ({ role }: Value) => role === "other";

/** Whether the values that are missing say it better: all others are meant, or most. */
function isShorterBut(name: DimensionName, values: readonly Value[], but: readonly Value[]): boolean {
  const isRange = name === "money" || name === "value" || name === "time";
  if (isRange || but.some(isOther)) return false;
  return values.some(isOther) || but.length * 2 < values.length;
}

/** Most names in a list for people. */
const MAX_NAMES = 12;

function listed(words: readonly string[]): string {
  const rest = words.length - MAX_NAMES;
  return rest > 1 ? `${words.slice(0, MAX_NAMES).join(", ")} and ${rest} more` : words.join(", ");
}

const NONE_WORDS: Readonly<Partial<Record<DimensionName, string>>> = {
  destination: "an address that is not in the address book",
  client: "none",
  unit: "none",
  value: "an amount that nobody states",
};

function valueWords(name: DimensionName, values: readonly Value[], book: Book): readonly string[] {
  if (name === "value") return valueRanges(values, book);
  return values.map(({ part, role }) => {
    if (role === "none") return NONE_WORDS[name] ?? "none";
    if (part.call !== undefined) return callWords(part.call);
    return name === "time" ? timeWords(part.at as number) : String(Object.values(part)[0]);
  });
}

/** The signature, and what makes the call dangerous. */
function callWords({ all: [signature, ...kinds] }: CallNames): string {
  return kinds.length === 0 ? String(signature) : `${signature} (${kinds.at(-1)})`;
}

const DAYS = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"] as const;

function timeWords(at: number): string {
  return `${DAYS[Math.floor(at / 86_400_000) % 7]} ${formatTime(at)}`;
}

/** Amounts by asset; an amount that is the least of all needs no words. */
function moneyWords(values: readonly Value[], but: readonly Value[], book: Book): readonly string[] {
  const nameOf = ({ part }: Value) => part.asset ?? `chain ${part.chain}`;
  return [...Map.groupBy(values, nameOf)].flatMap(([name, group]) => {
    const decimals = book.assets.get(name)?.decimals ?? 0;
    const all = [...group, ...but.filter((value) => nameOf(value) === name)];
    const least = all.reduce((low, { from = 0n }) => (from < low ? from : low), 1n);
    return rangesOf(group, least).map((range) => rangeWords(range, { decimals, name, least }));
  });
}

function valueRanges(values: readonly Value[], book: Book): readonly string[] {
  const { currency: name, decimals } = valuationOf(book);
  const stated = values.filter((value) => value.role !== "none");
  const ranges = rangesOf(stated, 0n).map((range) => rangeWords(range, { decimals, name, least: 0n }));
  return [...ranges, ...(stated.length < values.length ? [NONE_WORDS.value as string] : [])];
}

type Range = { readonly from: bigint; readonly to: bigint };

/** Neighbouring ranges as one; values without an amount are all of it. */
function rangesOf(values: readonly Value[], least: bigint): readonly Range[] {
  const ranges: Range[] = [];
  const all = values.map(({ from = least, to = AMOUNT_MAX }) => ({ from, to })).toSorted((a, b) => (a.from < b.from ? -1 : 1));
  for (const range of all) {
    const last = ranges.at(-1);
    if (last !== undefined && last.to + 1n >= range.from)
      ranges[ranges.length - 1] = { ...last, to: last.to > range.to ? last.to : range.to };
    else ranges.push(range);
  }
  return ranges;
}

type Unit = { readonly decimals: number; readonly name: string; readonly least: bigint };

/** A range in the rounder of two ways: with its own ends, or with the numbers just outside it. */
function rangeWords({ from, to }: Range, { decimals, name, least }: Unit): string {
  const amount = (value: bigint) => `${formatAmount(value, decimals)} ${name}`;
  const isRounder = (one: bigint, other: bigint) => digitsOf(one) < digitsOf(other);
  const lower = isRounder(from - 1n, from) ? `above ${amount(from - 1n)}` : `from ${amount(from)}`;
  const upper = isRounder(to + 1n, to) ? `below ${amount(to + 1n)}` : `up to ${amount(to)}`;
  const parts = [...(from > least ? [lower] : []), ...(to < AMOUNT_MAX ? [upper] : [])];
  return parts.length === 0 ? name : parts.join(" and ");
}

/** Digits without the zeros at the end. */
function digitsOf(value: bigint): number {
  return value.toString().replace(/0+$/, "").length;
}

function boxJson(facets: readonly Facet[]): { readonly [name: string]: Json } {
  return Object.fromEntries(facets.map(({ name, values }) => [name, values.map(valueJson)]));
}

function valueJson({ part, role, from, to }: Value): Json {
  const { amount: _amount, value: _value, call, ...named } = part;
  const names = call === undefined ? named : { method: call.all };
  const range = from === undefined || to === undefined ? {} : { from: from.toString(), to: to.toString() };
  return role === "named" ? ({ ...names, ...range } as Json) : role;
}

/** An action as JSON: amounts as text. */
export function actionJson({ amount, value, call, ...action }: Action): Json {
  return {
    ...action,
    ...(call !== undefined && { method: call.all }),
    ...(amount !== undefined && { amount: amount.toString() }),
    ...(value !== undefined && { value: value.toString() }),
  } as Json;
}

/** An action in one sentence. */
export function actionWords(action: Action, { space, book }: Pick<Sets, "space" | "book">): string {
  const { initiator, chain, destination, class: type } = action;
  const chainName = (book.chains.get(chain as number) as ChainEntry).name;
  const when = axisOf(space, "time").atoms.length > 1 ? ` on ${timeWords(action.at)}` : "";
  switch (action.kind) {
    case "pay":
      return `${initiator} pays ${amountWords(action, book)} from ${walletWords(action)} to ${payeeWords(action)}${when}`;
    case "call":
      return `${initiator} calls ${callWords(action.call as CallNames)} ${calledWords(action, book)}${when}`;
    case "cancel":
      return `${initiator} cancels a payment of ${walletWords(action)} on ${chainName}${when}`;
    case "wallet":
      return `${initiator} opens ${walletWords(action)} on ${chainName}${when}`;
    case "entry":
      return `${initiator} enters ${destination} (${type}) on ${chainName} into the address book${when}`;
    default:
      return `${initiator} ends the address-book entry ${destination} (${type}) on ${chainName}${when}`;
  }
}

function calledWords(action: Action, book: Book): string {
  const amount = action.amount === 0n ? "nothing" : amountWords(action, book);
  return `of ${action.destination} with ${amount} from ${walletWords(action)}`;
}

function amountWords({ asset, amount, value }: Action, book: Book): string {
  const { currency, decimals } = valuationOf(book);
  const worth = value === undefined ? "" : ` worth ${formatAmount(value, decimals)} ${currency}`;
  return `${formatAmount(amount as bigint, (book.assets.get(asset as string) as Asset).decimals)} ${asset}${worth}`;
}

/** What values are in. A book without any is told of values only where another one has them. */
function valuationOf({ document }: Book): { readonly currency: string; readonly decimals: number } {
  return document.valuation ?? { currency: "in the other rulebook's currency", decimals: 0 };
}

function walletWords({ wallet, walletClass, client, unit }: Action): string {
  const of = [
    walletClass,
    ...(client === undefined ? [] : [`client ${client}`]),
    ...(unit === undefined ? [] : [`unit ${unit}`]),
  ];
  return `wallet ${wallet} (${of.join(", ")})`;
}

function payeeWords({ destination, class: type }: Action): string {
  return destination === undefined ? `an address that is not in the address book (${type})` : `${destination} (${type})`;
}

/** Why conditions that exclude each other never hold. */
export function conditionWords(
  space: Space,
  book: Book,
  conditions: readonly { readonly name: DimensionName; readonly test: Test }[],
): string {
  const facets = conditions.map(({ name, test }) => {
    const values = axisOf(space, name).atoms.flat();
    return { name, values: values.filter(test), but: values.filter((value) => !test(value)) };
  });
  const empty = facets.find(({ values }) => values.length === 0);
  if (empty === undefined) return `no action is ${facets.map((facet) => facetWords(facet, book)).join(" and ")}`;
  if (empty.name === "money") return "its assets, chains and amounts leave nothing";
  return empty.name === "time"
    ? "its times lie before the rulebook was written"
    : "none of its persons is in one of its groups";
}

export function scopeJson({ parts, complete }: Scope): Json {
  return { parts: parts.map(partJson), complete };
}

export function partJson({ json, example }: Part): { readonly box: Json; readonly example: Json } {
  return { box: json, example: actionJson(example) };
}
