/** What a transaction adds to the limits of the rulebook, and whether they still hold. It counts from the commitment on, at the
 *  dearest version, until its window has gone by or sources of finality state that nothing was paid. */
import { chainOf } from "@strongroom/core/chain/table";
import { attempt, demand, refuse } from "@strongroom/core/errors";
import type { Part } from "@strongroom/core/journal/record";
import { worth } from "@strongroom/core/money/value";
import type { Calendar, Level, Limit, Rulebook } from "@strongroom/core/signed/rulebook";
import { get, type Hashed, hashed } from "../../state/map.ts";
import type { Founded, JobPart } from "../../state/state.ts";
import { fits, type Span, spanOf, type Usage, used } from "../../state/usage.ts";
import type { Now } from "../../types.ts";
import { demandQuote, type Quotes } from "../evidence/prices.ts";
import { type Named, unitsOf } from "./resolve.ts";

type Item<T> = T extends readonly (infer I)[] ? I : never;
type Counted = Part["counted"];
/** What earlier intents of the same command have taken of each limit. It is added up when a later one asks for it. */
export type Spent = { readonly waiting: Counted[]; sums: Map<string, Map<string, bigint>> | null };

export function nothingSpent(): Spent {
  return { waiting: [], sums: null };
}

/** By the names of the limits that are counted for this. */
function spentAt(spent: Spent, of: string): ReadonlyMap<string, bigint> | undefined {
  for (let counted = spent.waiting.pop(); counted !== undefined; counted = spent.waiting.pop()) {
    spent.sums ??= new Map();
    for (const place of counted) {
      const sums = spent.sums.get(place.of) ?? new Map<string, bigint>();
      spent.sums.set(place.of, sums);
      for (const { limit, amount } of place.shares) sums.set(limit, (sums.get(limit) ?? 0n) + amount);
    }
  }
  return spent.sums?.get(of);
}

/** A transaction with the most that it may cost, in base units of the native asset, the versions before it, and prices. */
export type Costed = {
  readonly it: Named;
  readonly feeMax: bigint;
  readonly before: readonly JobPart[];
  readonly quotes: Quotes;
};

/** What this transaction adds to every limit; takes it in `spent`. Fails: LIMIT_EXCEEDED at the limit; FACT_MISSING,
 *  FACT_STALE, FACT_ADVERSE for a price that a limit takes. */
export function countLimits(state: Founded, now: Now, spent: Spent, costed: Costed): Counted {
  const spanOfPlan = spansAt(state, now);
  const { moved, weigh } = scaleOf(costed);
  const counted: Item<Counted>[] = [];
  for (const { of, key, plans } of placesOf(state, costed, moved)) {
    const use = { usages: get(state.usage, key), taken: spentAt(spent, of) };
    const shares: Item<Item<Counted>["shares"]>[] = [];
    for (const plan of plans) {
      const weight = weigh(plan);
      if (weight !== NOTHING) shares.push(countOne(use, plan, weight, spanOfPlan(plan)));
    }
    if (shares.length > 0) counted.push({ of, shares });
  }
  spent.waiting.push(counted);
  return counted;
}

/** Fails: LIMIT_EXCEEDED at the limit. */
function countOne(use: Use, plan: Plan, { amount, back }: Weight, span: Span): Item<Item<Counted>["shares"]> {
  const { limit, name, rolls } = plan;
  const usage = use.usages?.get(name);
  const before = usedIn(use, plan, usage, span);
  if (!fits(before, amount, plan)) exceeded(limit, before);
  const bucket = usage === undefined ? span.bucket : Math.max(span.bucket, usage.newest);
  return { limit: name, amount, back, bucket, rolls };
}

type Use = { readonly usages: ReadonlyMap<string, Usage> | undefined; readonly taken: ReadonlyMap<string, bigint> | undefined };

/** What the window of a limit holds, and what earlier intents of the command take of it. */
function usedIn({ taken }: Use, { name }: Plan, usage: Usage | undefined, span: Span): bigint {
  const kept = usage === undefined ? 0n : used(usage, span);
  const more = taken?.get(name);
  return more === undefined ? kept : kept + more;
}

/** How far a limit is used, and what a transaction adds. `of`: what it is counted for. */
export type Standing = {
  readonly limit: string;
  readonly of: string;
  readonly used: bigint;
  readonly adding: bigint;
  readonly most: bigint;
};

/** Where the limits stand in which this transaction counts, as far as its prices are stated and their calendars known. */
export function standingsOf(state: Founded, now: Now, spent: Spent, costed: Costed): readonly Standing[] {
  const spanOfPlan = spansAt(state, now);
  const { moved, weigh } = scaleOf(costed);
  return placesOf(state, costed, moved).flatMap(({ of, key, thing, plans }) => {
    const use = { usages: get(state.usage, key), taken: spentAt(spent, of) };
    return plans.flatMap((plan): readonly Standing[] => {
      const known = attempt(() => ({ weight: weigh(plan), span: spanOfPlan(plan) }));
      if (!known.ok || known.value.weight === NOTHING) return [];
      const { weight, span } = known.value;
      const { id, most } = plan.limit;
      const before = usedIn(use, plan, use.usages?.get(plan.name), span);
      return [{ limit: id, of: thing, used: before, adding: weight.amount, most }];
    });
  });
}

/** The assets whose prices the limits take that this transaction counts in. */
export function valuedIn({ book }: Founded, { it }: Pick<Costed, "it">): readonly string[] {
  const valued = book.document.limits.filter(({ measure }) => measure === "value");
  const moved = [...new Set([it.asset.id, it.chain.native])];
  return moved.filter((asset) => valued.some(({ assets }) => assets === "any" || assets.includes(asset)));
}

/** Refuses unless a commitment that is taken up again still counts in every limit in force, and these hold.
 *  Fails: LIMIT_EXCEEDED at the limit. */
export function demandCounted(state: Founded, now: Now, costed: Costed, part: JobPart): void {
  const spanOfPlan = spansAt(state, now);
  const { moved, weigh } = scaleOf(costed);
  for (const { of, plans } of placesOf(state, costed, moved)) {
    const counted = part.counted.find((item) => item.of === of)?.shares ?? [];
    for (const plan of plans) {
      const { limit, name } = plan;
      const weight = weigh(plan);
      if (weight === NOTHING) continue;
      const span = spanOfPlan(plan);
      const alive = counted.some((item) => item.limit === name && item.amount >= weight.amount && item.bucket >= span.since);
      demand(alive, "LIMIT_EXCEEDED", `limits.${limit.id}`, "it no longer counts in this limit; cancel it and pay anew");
      const total = used(get(state.usage, of)?.get(name) as Usage, span);
      if (total > limit.most) exceeded(limit, total);
    }
  }
}

/** The span of each limit at this time; limits with the same window share it. Fails: LIMIT_EXCEEDED as `spanIn`. */
function spansAt({ book }: Founded, now: Now): (plan: Plan) => Span {
  const known: Span[] = [];
  return ({ limit, window }) => (known[window] ??= spanIn(book, now, limit));
}

/** Fails: LIMIT_EXCEEDED when the calendar of a fixed window is not known for this time. */
function spanIn(book: Founded["book"], now: Now, { id, window }: Limit): Span {
  return spanOf(window, now.lo, (name) => {
    const calendar = book.calendars.get(name) as Calendar;
    demand(now.hi < calendar.until, "LIMIT_EXCEEDED", `limits.${id}`, `the calendar ${name} ends at ${calendar.until}`);
    return calendar;
  });
}

function exceeded({ id, most }: Limit, taken: bigint): never {
  refuse("LIMIT_EXCEEDED", `limits.${id}`, `${taken} of ${most} are used in the window`);
}

/** A limit made ready for transactions that move the same assets. `half`: of its most. `name`: what its usage is kept under.
 *  `window`: the number of its window within the rulebook. `bits`: which of the movements it counts; `scale`: a number for
 *  these and its measure, under which what it counts is worked out once. */
type Plan = {
  readonly limit: Limit;
  readonly most: bigint;
  readonly half: bigint;
  readonly name: string;
  readonly window: number;
  readonly rolls: boolean;
  readonly bits: number;
  readonly scale: number;
};
/** The limits of one level; of the level `asset`, those that count this one. */
type Sheet = { readonly level: Level; readonly asset: string; readonly plans: readonly Plan[] };

const sheets = new WeakMap<Rulebook["limits"], ReadonlyMap<string, readonly Sheet[]>>();

/** The limits that count transactions which move these assets. They are looked up once for a rulebook. */
function sheetsOf({ document: { limits } }: Founded["book"], assets: readonly string[]): readonly Sheet[] {
  const known = sheets.get(limits);
  const found = known?.get(assets.join());
  if (found !== undefined) return found;
  const drawn = drawUp(limits, assets);
  sheets.set(limits, new Map([...(known ?? []), [assets.join(), drawn]]));
  return drawn;
}

function drawUp(limits: Rulebook["limits"], assets: readonly string[]): readonly Sheet[] {
  const byLevel = Map.groupBy(plansOf(limits, assets), ({ limit }) => limit.level);
  return [...byLevel].flatMap(([level, plans]): readonly Sheet[] => {
    if (level !== "asset") return [{ level, asset: "", plans }];
    return assets.map((asset, at) => {
      const mine = plans.filter(({ bits }) => bits & (1 << at));
      return { level, asset, plans: mine.map((plan) => ({ ...plan, ...scaled(plan.limit, 1 << at) })) };
    });
  });
}

function plansOf(limits: Rulebook["limits"], moved: readonly string[]): readonly Plan[] {
  const times = limits.map(({ window }) =>
    window.type === "rolling" ? `${window.ms}` : `${window.calendar}.${window.period}`,
  );
  const plans = limits.map((limit, number): Plan => {
    const { id, measure, window, assets, most } = limit;
    const bits = moved.reduce((all, asset, at) => (assets === "any" || assets.includes(asset) ? all | (1 << at) : all), 0);
    const time = times[number] as string;
    const name = `${id}|${measure}|${time}`;
    const rolls = window.type === "rolling";
    return { limit, most, half: most / 2n, name, window: times.indexOf(time), rolls, ...scaled(limit, bits) };
  });
  return plans.filter(({ bits }) => bits !== 0);
}

const MEASURES: readonly Limit["measure"][] = ["amount", "value", "count"];

function scaled({ measure }: Limit, bits: number): Pick<Plan, "bits" | "scale"> {
  return { bits, scale: bits * MEASURES.length + MEASURES.indexOf(measure) };
}

/** What limits are counted for, under which their usage is kept as `of`. */
type Place = Label & { readonly thing: string; readonly plans: readonly Plan[] };

function placesOf({ book }: Founded, { it }: Costed, moved: readonly Movement[]): readonly Place[] {
  const places: Place[] = [];
  const assets = moved.map((movement) => movement.asset);
  for (const { level, asset, plans } of sheetsOf(book, assets)) {
    const things = level === "asset" ? [asset] : namesAt(book, level, it);
    for (const thing of things) {
      const { of, key } = labels[level].get(thing) ?? labelFor(level, thing);
      places.push({ of, key, thing, plans });
    }
  }
  return places;
}

/** `of` and the same made ready to be looked up. */
type Label = { readonly of: string; readonly key: Hashed };
/** What was counted for last. A full table starts anew, so that no number of destinations takes more room. */
const labels: Readonly<Record<Level, Map<string, Label>>> = {
  ...{ institution: new Map(), unit: new Map(), client: new Map(), wallet: new Map() },
  ...{ address: new Map(), destination: new Map(), asset: new Map(), initiator: new Map() },
};
const LABELS_MAX = 256;

function labelFor(level: Level, thing: string): Label {
  const of = `${level}|${thing}`;
  const label = { of, key: hashed(of) };
  if (labels[level].size >= LABELS_MAX) labels[level].clear();
  labels[level].set(thing, label);
  return label;
}

/** What a limit counts of a transaction. `back`: what of the amount is given back when nothing is paid. */
type Weight = { readonly amount: bigint; readonly back: bigint };
const NOTHING: Weight = { amount: 0n, back: 0n };

/** One asset that moves, and what of it is the payment; the rest is its fee. `count`: 1 for what counts as a payment. */
type Movement = { readonly asset: string; readonly paid: bigint; readonly fee: bigint; readonly count: bigint };

/** What a transaction moves, and what a limit counts of it. */
type Scale = { readonly moved: readonly Movement[]; readonly weigh: (plan: Plan) => Weight };

/** Limits that count the same are weighed once. Weighing fails: those of a price that a limit takes. */
function scaleOf(costed: Costed): Scale {
  const moved = movements(costed);
  const known: Weight[] = [];
  return {
    moved,
    weigh: ({ limit, bits, scale }) => (known[scale] ??= weightOf(limit, costed, among(moved, bits))),
  };
}

function among(moved: readonly Movement[], bits: number): readonly Movement[] {
  return moved.filter((_, at) => bits & (1 << at));
}

function weightOf(limit: Limit, { quotes }: Costed, counted: readonly Movement[]): Weight {
  let amount = 0n;
  let back = 0n;
  for (const movement of counted) {
    back += measured(limit, movement, { amount: movement.paid, quotes });
    amount += measured(limit, movement, { amount: movement.paid + movement.fee, quotes });
  }
  return amount === 0n ? NOTHING : { amount, back };
}

type Measured = { readonly amount: bigint; readonly quotes: Quotes };

function measured({ id, measure }: Limit, { asset, count }: Movement, { amount, quotes }: Measured): bigint {
  if (measure === "count") return count;
  return measure === "amount" || amount === 0n ? amount : worth(amount, demandQuote(quotes, asset, `limits.${id}`));
}

/** The payment, unless a version before has counted it, and what this version may cost more than those before. A call is a
 *  payment even where no value goes along. */
function movements({ it, feeMax, before }: Costed): readonly Movement[] {
  const isOut = before.some((version) => version.transaction !== undefined);
  const paid = isOut ? 0n : it.transfer.amount;
  const count = !isOut && (paid > 0n || it.call !== undefined) ? 1n : 0n;
  const fee = isOut ? feeMax - dearest(before) : feeMax;
  const { native } = it.chain;
  const all: readonly Movement[] =
    it.asset.id === native
      ? [{ asset: native, paid, fee, count }]
      : [
          { asset: it.asset.id, paid, fee: 0n, count },
          { asset: native, paid: 0n, fee, count: 0n },
        ];
  return all.filter((movement) => movement.paid + movement.fee + movement.count > 0n);
}

/** Greatest fee of the versions. */
function dearest(versions: readonly JobPart[]): bigint {
  const fees = versions.map(({ family, unsigned }) => chainOf(family).read(unsigned).feeMax);
  return fees.reduce((most, fee) => (fee > most ? fee : most), 0n);
}

/** What is counted at a level: one thing, and for units each unit that the wallet belongs to. */
function namesAt(
  book: Founded["book"],
  level: Exclude<Level, "asset">,
  { wallet, from, transfer, person, chain }: Named,
): readonly string[] {
  switch (level) {
    case "institution":
      return [""];
    case "unit":
      return wallet.unit === undefined ? [""] : unitsOf(book, wallet.unit);
    case "client":
      return [wallet.client ?? ""];
    case "wallet":
      return [wallet.name];
    case "address":
      return [`${chain.id}:${from.address}`];
    case "destination":
      return [`${chain.id}:${transfer.to}`];
    case "initiator":
      return [person];
  }
}
