/** What a transaction adds to the limits of the rulebook, and whether they still hold. It counts from the commitment on, at the
 *  dearest version, until its window has gone by or sources of finality state that nothing was paid. */
import { chainOf } from "@strongroom/core/chain/table";
import { attempt, demand, refuse } from "@strongroom/core/errors";
import type { Part } from "@strongroom/core/journal/record";
import { worth } from "@strongroom/core/money/value";
import type { Calendar, Level, Limit } from "@strongroom/core/signed/rulebook";
import { get } from "../../state/map.ts";
import type { Founded, JobPart } from "../../state/state.ts";
import { newestBucket, type Span, spanOf, type Usage, unused, used } from "../../state/usage.ts";
import type { Now } from "../../types.ts";
import { demandQuote, type Quotes } from "../evidence/prices.ts";
import { type Named, unitsOf } from "./resolve.ts";

type Counted = Part["counted"];
/** What earlier intents of the same command have taken of each limit. */
export type Spent = Map<string, bigint>;

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
  return sharesOf(state, costed).map((share) => {
    const { limit, key, amount, back } = share;
    const { rolls, usage, span, before } = useOf(state, now, spent, share);
    if (before + amount > limit.most) exceeded(limit, before);
    spent.set(key, (spent.get(key) ?? 0n) + amount);
    return { key, amount, back, rolls, bucket: Math.max(span.bucket, newestBucket(usage)) };
  });
}

/** What the window of a limit holds, and what earlier intents of the command take of it. Fails: LIMIT_EXCEEDED as `spanIn`. */
function useOf(state: Founded, now: Now, spent: Spent, { limit, key }: Share) {
  const rolls = limit.window.type === "rolling";
  const usage = get(state.usage, key) ?? unused(rolls);
  const span = spanIn(state, now, limit);
  return { rolls, usage, span, before: used(usage, span) + (spent.get(key) ?? 0n) };
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
  const moved = movements(costed);
  return state.book.document.limits.flatMap((limit) => {
    const found = attempt(() =>
      sharesIn(state.book, costed, limit, moved).map((share): Standing => {
        const { before } = useOf(state, now, spent, share);
        const of = share.key.slice(nameOf(limit).length);
        return { limit: limit.id, of, used: before, adding: share.amount, most: limit.most };
      }),
    );
    return found.ok ? found.value : [];
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
  for (const { limit, key, amount } of sharesOf(state, costed)) {
    const span = spanIn(state, now, limit);
    const alive = part.counted.some((item) => item.key === key && item.amount >= amount && item.bucket >= span.since);
    demand(alive, "LIMIT_EXCEEDED", `limits.${limit.id}`, "it no longer counts in this limit; cancel it and pay anew");
    const total = used(get(state.usage, key) as Usage, span);
    if (total > limit.most) exceeded(limit, total);
  }
}

/** Fails: LIMIT_EXCEEDED when the calendar of a fixed window is not known for this time. */
function spanIn({ book }: Founded, now: Now, { id, window }: Limit): Span {
  return spanOf(window, now.lo, (name) => {
    const calendar = book.calendars.get(name) as Calendar;
    demand(now.hi < calendar.until, "LIMIT_EXCEEDED", `limits.${id}`, `the calendar ${name} ends at ${calendar.until}`);
    return calendar;
  });
}

function exceeded({ id, most }: Limit, taken: bigint): never {
  refuse("LIMIT_EXCEEDED", `limits.${id}`, `${taken} of ${most} are used in the window`);
}

/** `back`: what of the amount is given back when nothing is paid. */
type Share = { readonly limit: Limit; readonly key: string; readonly amount: bigint; readonly back: bigint };

/** One asset that moves, and what of it is the payment; the rest is its fee. `count`: 1 for what counts as a payment. */
type Movement = { readonly asset: string; readonly paid: bigint; readonly fee: bigint; readonly count: bigint };

function sharesOf({ book }: Founded, costed: Costed): readonly Share[] {
  const moved = movements(costed);
  return moved.length === 0 ? [] : book.document.limits.flatMap((limit) => sharesIn(book, costed, limit, moved));
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

/** What one limit counts, for each thing that it is counted for. */
function sharesIn(book: Founded["book"], costed: Costed, limit: Limit, moved: readonly Movement[]): readonly Share[] {
  const { assets, level } = limit;
  const counted = assets === "any" ? moved : moved.filter((movement) => assets.includes(movement.asset));
  if (counted.length === 0) return [];
  if (level === "asset") return counted.flatMap((movement) => share(limit, costed, [movement], [movement.asset]));
  return share(limit, costed, counted, levelsOf(book, level, costed.it));
}

function share(limit: Limit, { quotes }: Costed, counted: readonly Movement[], things: readonly string[]): readonly Share[] {
  let amount = 0n;
  let back = 0n;
  for (const movement of counted) {
    back += measured(limit, movement, { amount: movement.paid, quotes });
    amount += measured(limit, movement, { amount: movement.paid + movement.fee, quotes });
  }
  return amount === 0n ? [] : things.map((thing) => ({ limit, key: `${nameOf(limit)}${thing}`, amount, back }));
}

type Measured = { readonly amount: bigint; readonly quotes: Quotes };

function measured({ id, measure }: Limit, { asset, count }: Movement, { amount, quotes }: Measured): bigint {
  if (measure === "count") return count;
  return measure === "amount" || amount === 0n ? amount : worth(amount, demandQuote(quotes, asset, `limits.${id}`));
}

/** What the usage of a limit is kept under, but for the thing that it is counted for. */
const names = new WeakMap<Limit, string>();

function nameOf(limit: Limit): string {
  const known = names.get(limit);
  if (known !== undefined) return known;
  const { id, measure, window, level } = limit;
  const time = window.type === "rolling" ? String(window.ms) : `${window.calendar}.${window.period}`;
  const name = `${id}|${measure}|${time}|${level}|`;
  names.set(limit, name);
  return name;
}

/** What a limit is counted for: one thing, and for units each unit that the wallet belongs to. */
function levelsOf(
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
