/** The space of all actions that one or two rulebooks can tell apart: a list of dimensions, each cut into the few values that
 *  some rule, group or question distinguishes. What no one distinguishes is one value, so the space is finite and exact.
 *
 *  A new condition of the rule language is a new line of `DIMENSIONS`. */
import type { Time } from "../../bytes.ts";
import { chainOf } from "../../chain/table.ts";
import type { CallNames } from "../../chain/types.ts";
import { AMOUNT_MAX } from "../../money/amount.ts";
import type { WalletClass } from "../../signed/fields.ts";
import type { ClassSeen, Needed, Rule } from "../../signed/rulebook.ts";
import type { Book, Subject } from "../book.ts";
import { type Box, Diagrams, type PointSet } from "./diagram.ts";
import { momentsOf, timeTest } from "./moments.ts";

/** An action as a rulebook can see it, apart from units: it names the one of the paying wallet. */
export type Action = Omit<Subject, "units" | "when"> & { readonly unit?: string; readonly at: Time };

/** One value of a dimension: what it adds to an action. `other`: stands for everything that is not named anywhere. */
export type Value = {
  readonly part: Partial<Action>;
  readonly role: "named" | "other" | "none";
  /** Both ends of an amount or value, included. */
  readonly from?: bigint;
  readonly to?: bigint;
};
export type Test = (value: Value) => boolean;
/** What a rule, a group or a question says of each dimension; a dimension that is left out is open. */
export type Select = { readonly [D in DimensionName]?: Test | undefined };
/** The conditions of a rule. */
export type Conditions = Pick<Rule, ListName | "effect"> & {
  readonly [B in "amountFrom" | "amountTo" | "valueFrom" | "valueTo"]?: bigint | undefined;
};
type ListName =
  | "kinds"
  | "chains"
  | "assets"
  | "wallets"
  | "walletClasses"
  | "clients"
  | "units"
  | "destinations"
  | "classes"
  | "initiators"
  | "persons"
  | "times"
  | "methods";

/** What is analysed: the books, and every set of conditions that the space must tell apart. */
export type World = { readonly books: readonly Book[]; readonly conditions: readonly Conditions[] };

type Dimension = {
  readonly values: (world: World) => readonly Value[];
  /** What conditions say of a value, for this book; undefined where they leave it open. */
  readonly test: (conditions: Conditions, book: Book) => Test | undefined;
};

export const KINDS = ["pay", "call", "cancel", "wallet", "entry", "retire"] as const;
/** Kinds that move an amount. */
export const MOVING: readonly Action["kind"][] = ["pay", "call"];
export const WALLET_CLASSES: readonly WalletClass[] = ["hot", "warm", "cold"];
const DECLARED = ["own", "exchange", "vasp", "self-hosted", "contract", "denied"] as const;
const CLASSES: readonly ClassSeen[] = [
  "exchange",
  "vasp",
  "self-hosted",
  "contract",
  "one-time",
  "own",
  "client-owned",
  "denied",
];

/** The dimensions in the order of the diagrams: what divides most rules first, what has most values last. */
const DIMENSIONS = {
  kind: {
    values: () => KINDS.map((kind) => named({ kind })),
    test: ({ kinds }) => among(kinds, (part) => part.kind),
  },
  money: { values: moneyValues, test: moneyTest },
  class: {
    values: () => [...CLASSES.map((name) => named({ class: name })), NONE],
    test: ({ classes }) => among(classes, (part) => part.class),
  },
  walletClass: {
    values: () => [...WALLET_CLASSES.map((walletClass) => named({ walletClass })), NONE],
    test: ({ walletClasses }) => among(walletClasses, (part) => part.walletClass),
  },
  initiator: {
    values: ({ books }) =>
      unique(books.flatMap(({ document }) => document.persons.map((person) => person.id))).map((initiator) =>
        named({ initiator }),
      ),
    test: initiatorTest,
  },
  unit: {
    values: ({ books }) => [
      NONE,
      ...unique(books.flatMap(({ document }) => document.units.map((unit) => unit.id))).map((unit) => named({ unit })),
    ],
    test: unitTest,
  },
  client: {
    values: ({ conditions }) => [NONE, ...names(conditions, "clients", "client")],
    test: ({ clients }) => among(clients, (part) => part.client),
  },
  wallet: {
    values: ({ conditions }) => [...names(conditions, "wallets", "wallet"), NONE],
    test: ({ wallets }) => among(wallets, (part) => part.wallet),
  },
  value: {
    values: ({ books, conditions }) => [
      NONE,
      ...intervals(
        conditions.map(({ valueFrom, valueTo }) => ({ from: valueFrom, to: valueTo })),
        0n,
      ).map((range) => ({ ...named({ value: roundIn(range, books[0]?.document.valuation?.decimals ?? 0) }), ...range })),
    ],
    test: ({ valueFrom: from, valueTo: to }) => bounds({ from, to }),
  },
  destination: {
    values: ({ conditions }) => [...names(conditions, "destinations", "destination"), NONE],
    test: ({ destinations }) => among(destinations, (part) => part.destination),
  },
  method: { values: methodValues, test: methodTest },
  time: {
    values: ({ books }) => momentsOf(books).map((at) => named({ at })),
    test: ({ times, effect }, book) => timeTest(book, { times, effect }),
  },
} as const satisfies Readonly<Record<string, Dimension>>;

export type DimensionName = keyof typeof DIMENSIONS;
export const DIMENSION_NAMES = Object.keys(DIMENSIONS) as readonly DimensionName[];
/** The dimensions as people want them cut: what they rarely ask for is to be as wide as it can. Class and destination depend on
 *  each other, so either comes first once. */
const WIDEST_FIRST = [
  "time method value destination client unit wallet walletClass class money initiator kind",
  "time method value class destination client unit wallet walletClass money initiator kind",
].map((names) => names.split(" ").map((name) => DIMENSION_NAMES.indexOf(name as DimensionName)));

const NONE: Value = { part: {}, role: "none" };

function named(part: Partial<Action>): Value {
  return { part, role: "named" };
}

function unique<T>(values: readonly T[]): readonly T[] {
  return [...new Set(values)];
}

function among<T>(list: "any" | readonly T[], pick: (part: Partial<Action>) => T | undefined): Test | undefined {
  if (list === "any") return undefined;
  const known = new Set(list);
  return ({ part }) => {
    const value = pick(part);
    return value !== undefined && known.has(value);
  };
}

/** Every name that some condition gives, and one for all others. */
function names(
  conditions: readonly Conditions[],
  list: "clients" | "wallets" | "destinations",
  field: "client" | "wallet" | "destination",
): readonly Value[] {
  const known = unique(conditions.flatMap((one) => (one[list] === "any" ? [] : one[list])));
  let other = `another-${field}`;
  while (known.includes(other)) other = `another-${other}`;
  return [...known.map((name) => named({ [field]: name })), { part: { [field]: other }, role: "other" }];
}

type Range = { readonly from: bigint | undefined; readonly to: bigint | undefined };
/** A payment moves something, a call may not. */
const POSITIVE: Range = { from: 1n, to: undefined };

/** The whole numbers from `least` on, cut wherever a range begins or has ended. */
function intervals(ranges: readonly Range[], least: bigint): readonly { readonly from: bigint; readonly to: bigint }[] {
  const cuts = ranges.flatMap(({ from, to }) => [
    ...(from === undefined ? [] : [from]),
    ...(to === undefined ? [] : [to + 1n]),
  ]);
  const starts = unique([least, ...cuts.filter((cut) => cut > least && cut <= AMOUNT_MAX)]).toSorted((a, b) =>
    a < b ? -1 : 1,
  );
  return starts.map((from, at) => ({ from, to: (starts[at + 1] ?? AMOUNT_MAX + 1n) - 1n }));
}

/** One whole unit where it lies in the range, else its least number: examples are to be easy to read. */
function roundIn({ from, to }: { readonly from: bigint; readonly to: bigint }, decimals: number): bigint {
  const one = 10n ** BigInt(decimals);
  return from <= one && one <= to ? one : from;
}

function bounds({ from, to }: Range): Test | undefined {
  if (from === undefined && to === undefined) return undefined;
  return (value) =>
    value.from !== undefined && value.to !== undefined && value.from >= (from ?? 0n) && value.to <= (to ?? AMOUNT_MAX);
}

/** None, every ordinary method that a rule names, one for all others, and every dangerous call that is known. */
function methodValues({ books, conditions }: World): readonly Value[] {
  const families = unique(books.flatMap(({ document }) => document.chains.map(({ family }) => family)));
  const dangerous = families.flatMap((family) => chainOf(family).dangerous);
  const known = new Set(dangerous.flatMap(({ all }) => all));
  const ordinary = unique(conditions.flatMap(({ methods }) => (methods === "any" ? [] : methods))).filter(
    (name) => !known.has(name),
  );
  let other = "another()";
  while (ordinary.includes(other)) other = `another${other}`;
  const calls = (names: readonly string[]) => names.map((name): CallNames => ({ all: [name], needed: null }));
  return [
    NONE,
    ...[...calls(ordinary), ...dangerous].map((call) => named({ call })),
    ...calls([other]).map((call): Value => ({ part: { call }, role: "other" })),
  ];
}

/** An allow that names no method means no dangerous call; one that does has to name what makes it dangerous. */
function methodTest({ methods, effect }: Conditions): Test | undefined {
  const isNamed = ({ needed }: CallNames) =>
    effect !== "allow" || needed === null || (methods !== "any" && needed.some((name) => methods.includes(name)));
  if (methods !== "any")
    return ({ part: { call } }) => call?.all.some((name) => methods.includes(name)) === true && isNamed(call);
  return effect === "allow" ? ({ part: { call } }) => call === undefined || isNamed(call) : undefined;
}

/** What is moved: a chain, an asset of it, and how much. One dimension, because amounts mean something only within an asset and
 *  an asset lies on one chain. */
function moneyValues({ books, conditions }: World): readonly Value[] {
  const chains = unique(books.flatMap(({ document }) => document.chains.map((chain) => chain.id)));
  const ranges = new Map<string, Range[]>();
  for (const { assets, amountFrom: from, amountTo: to } of conditions) {
    if ((from === undefined && to === undefined) || assets === "any") continue;
    for (const asset of assets) ranges.set(asset, [...(ranges.get(asset) ?? []), { from, to }]);
  }
  const assets = new Map(books.flatMap(({ document }) => document.assets.map((one) => [`${one.chain} ${one.id}`, one])));
  const parts = [...assets.values()].map(({ id: asset, chain, decimals }) => ({ part: { asset, chain }, decimals }));
  return [
    ...parts.flatMap(({ part, decimals }) =>
      intervals([POSITIVE, ...(ranges.get(part.asset) ?? [])], 0n).map((range) => {
        return { ...named({ ...part, amount: roundIn(range, decimals) }), ...range };
      }),
    ),
    ...parts.map(({ part }) => named(part)),
    ...chains.map((chain) => named({ chain })),
  ];
}

function moneyTest({ chains, assets, amountFrom: from, amountTo: to }: Conditions): Test | undefined {
  const tests = [among(chains, (part) => part.chain), among(assets, (part) => part.asset), bounds({ from, to })];
  return allOf(tests);
}

function allOf(tests: readonly (Test | undefined)[]): Test | undefined {
  const some = tests.filter((test) => test !== undefined);
  return some.length === 0 ? undefined : (value) => some.every((test) => test(value));
}

function initiatorTest({ initiators, persons }: Conditions, book: Book): Test | undefined {
  const members =
    initiators === "any" ? initiators : initiators.flatMap((group) => [...(book.groups.get(group) as ReadonlySet<string>)]);
  return allOf([among(members, (part) => part.initiator), among(persons, (part) => part.initiator)]);
}

function unitTest({ units }: Conditions, book: Book): Test | undefined {
  if (units === "any") return undefined;
  return ({ part }) => part.unit !== undefined && (book.unitsOf.get(part.unit) ?? []).some((unit) => units.includes(unit));
}

/** What conditions say of each dimension, for this book. */
export function selectOf(conditions: Conditions, book: Book): Select {
  return Object.fromEntries(DIMENSION_NAMES.map((name) => [name, DIMENSIONS[name].test(conditions, book)]));
}

const isThere: Test = ({ role }) => role !== "none";
const isNone: Test = ({ role }) => role === "none";
const oneOf = (names: readonly ClassSeen[]): Test => among(names, (part) => part.class) as Test;

/** The actions that can come before the rules of `book`, by kind; the rest of the space is no action at all. They are what
 *  `vault/src/decide` makes of intents: a payment to an entry or outside the book, a call of an entry, and so on. */
export function realActions(book: Book): readonly Select[] {
  const initiator = enrolled(book);
  const wallet = { wallet: isThere, walletClass: isThere };
  const noWallet = { wallet: isNone, walletClass: isNone, unit: isNone, client: isNone };
  const isKnown: Test = ({ part, from }) =>
    from !== undefined && from > 0n && book.assets.get(part.asset as string)?.chain === part.chain;
  const isOwn = ({ asset, chain }: Value["part"]) => asset !== undefined && book.chains.get(chain as number)?.native === asset;
  const isNative: Test = ({ part, from }) => from === undefined && isOwn(part);
  const isNativeAmount: Test = ({ part, from }) => from !== undefined && isOwn(part);
  const isChain: Test = ({ part }) => part.asset === undefined && book.chains.has(part.chain as number);
  const kind = (...wanted: readonly Action["kind"][]): Test => among(wanted, (part) => part.kind) as Test;
  const paid = oneOf([...DECLARED.filter((name) => name !== "denied"), "client-owned"]);
  const outside = oneOf(["one-time", "own", "client-owned"]);
  const quiet = { method: isNone, initiator };
  const still = { value: isNone, ...quiet };
  const contract = { destination: isThere, class: oneOf(["contract"]), method: isThere };
  return [
    { kind: kind("pay"), money: isKnown, ...wallet, destination: isThere, class: paid, ...quiet },
    { kind: kind("pay"), money: isKnown, ...wallet, destination: isNone, class: outside, ...quiet },
    { kind: kind("call"), money: isNativeAmount, ...wallet, ...contract, initiator },
    { kind: kind("cancel"), money: isNative, ...wallet, destination: isNone, class: oneOf(["own"]), ...still },
    { kind: kind("wallet"), money: isChain, ...wallet, destination: isNone, class: isNone, ...still },
    { kind: kind("entry", "retire"), money: isChain, ...noWallet, destination: isThere, class: oneOf(DECLARED), ...still },
  ];
}

function enrolled(book: Book): Test {
  return among(
    book.document.persons.map((person) => person.id),
    (part) => part.initiator,
  ) as Test;
}

/** The actions that a fact of this type can speak of, as `vault/src/decide` asks for it. */
export function statableFor(book: Book, type: Needed["type"]): readonly Select[] {
  const kinds = (...wanted: readonly Action["kind"][]): Select => ({ kind: among(wanted, (part) => part.kind) as Test });
  const isToken: Test = ({ part }) => book.assets.get(part.asset as string)?.contract !== undefined;
  const table: { readonly [T in Needed["type"]]: readonly Select[] } = {
    screening: [kinds(...MOVING, "cancel", "entry", "retire")],
    price: [kinds(...MOVING)],
    code: [{ ...kinds("pay"), money: isToken }, kinds("call")],
    "travel-rule": [kinds(...MOVING, "cancel")],
    simulation: [{}],
    nonce: [kinds(...MOVING, "cancel")],
    clock: [{}],
  };
  return table[type];
}

/** Whether an initiator can approve with a key of this class, and whether he is in this group: quorums ask for it. */
function personSelects({ document, groups }: Book): readonly Select[] {
  const holding = (name: "device" | "served") =>
    document.persons.filter((person) => person.keys.some((key) => key.class === name)).map((person) => person.id);
  const lists = [holding("device"), holding("served"), ...[...groups.values()].map((members) => [...members])];
  return lists.map((list) => ({ initiator: among(list, (part) => part.initiator) }));
}

/** A dimension of a space. `atoms`: its values in groups that nothing tells apart; a point of the space has one of them. */
export type Axis = { readonly name: DimensionName; readonly atoms: readonly Atom[] };
export type Atom = readonly Value[];

export type Space = {
  readonly axes: readonly Axis[];
  readonly diagrams: Diagrams;
  readonly widestFirst: readonly (readonly number[])[];
};

/** The space that tells apart what `world` does, and `selects`. */
export function openSpace(world: World, selects: readonly Select[]): Space {
  const all = [
    ...selects,
    ...world.books.flatMap((book) => [...realActions(book), ...personSelects(book), ...statableFor(book, "code")]),
  ];
  const axes = DIMENSION_NAMES.map((name) => {
    const tests = all.flatMap((select) => select[name] ?? []);
    return { name, atoms: divide(DIMENSIONS[name].values(world), tests) };
  });
  const diagrams = new Diagrams(axes.map(({ atoms }) => atoms.length));
  return { axes, diagrams, widestFirst: WIDEST_FIRST };
}

/** Values in groups: two are in one when every test says the same of both. */
function divide(values: readonly Value[], tests: readonly Test[]): readonly (readonly Value[])[] {
  const marks = values.map((): number[] => []);
  for (const [at, test] of tests.entries()) {
    for (const [index, value] of values.entries()) if (test(value)) marks[index]?.push(at);
  }
  const groups = new Map<string, Value[]>();
  for (const [index, value] of values.entries()) {
    const key = `${value.role === "none"} ${marks[index]?.join()}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [value]);
    else group.push(value);
  }
  return [...groups.values()];
}

/** Where a dimension lies, and its values. */
export function axisOf({ axes }: Space, name: DimensionName): Axis & { readonly level: number } {
  const level = DIMENSION_NAMES.indexOf(name);
  return { ...(axes[level] as Axis), level };
}

/** The box of a select that the space tells apart. */
export function boxOf({ axes }: Space, select: Select): Box {
  return axes.map(({ name, atoms }) => {
    const test = select[name];
    return test === undefined ? null : Uint8Array.from(atoms, (atom) => (test(firstOf(atom)) ? 1 : 0));
  });
}

/** The set of a select that the space tells apart. */
export function setOf(space: Space, select: Select): PointSet {
  return space.diagrams.box(boxOf(space, select));
}

/** The action of a point. */
export function actionAt({ axes }: Space, point: readonly number[]): Action {
  const parts = axes.map(({ atoms }, level) => firstOf(atoms[point[level] as number] as Atom).part);
  return Object.assign({}, ...parts) as Action;
}

/** The value that stands for an atom. */
export function firstOf([value]: Atom): Value {
  return value as Value;
}

/** The action as this book's rules see it. A unit that the book does not know stands alone. */
export function subjectOf(book: Book, { unit, at, ...action }: Action): Subject {
  const units = unit === undefined ? undefined : (book.unitsOf.get(unit) ?? [unit]);
  return { ...action, when: { lo: at, hi: at }, ...(units !== undefined && { units }) };
}
