/** Prices: stated by sources that the rulebook names, fresh, by enough of them, near one another, and not moving faster than
 *  the rulebook allows. Of several the dearest is used, so that it counts against whoever asks. */
import { attempt, demand, type Result, refuse } from "@strongroom/core/errors";
import { demandPrice, isDearer, isNear, type Price } from "@strongroom/core/money/value";
import { type Fact, SUBJECT } from "@strongroom/core/signed/fact";
import type { Valuation } from "@strongroom/core/signed/rulebook";
import { get } from "../../state/map.ts";
import { rangesAt } from "../../state/range.ts";
import type { Founded, Newest } from "../../state/state.ts";
import type { Now } from "../../types.ts";

type PriceFact = Extract<Fact, { readonly type: "price" }>;

/** What is known of the price of each asset that an action moves: a price, or why there is none. */
export type Quotes = ReadonlyMap<string, Result<Price>>;

/** The ratio that is stated, and nothing else. */
export function priceIn({ numerator, denominator }: Price): Price {
  return { numerator, denominator };
}

/** What price facts of an asset speak of. */
export function priceSubject({ book }: Pick<Founded, "book">, asset: string): string | undefined {
  const { valuation } = book.document;
  return valuation && SUBJECT.price(asset, valuation.currency);
}

/** Refuses a price of zero, and one that is too far from any which this source stated shortly before, so that it cannot go far
 *  in small steps either. Fails: BAD_VALUE, FACT_MOVED. */
export function demandSteady(
  { book }: Founded,
  { fact, newest, at }: { fact: PriceFact; newest: Newest | undefined; at: string },
): void {
  demandPrice(fact, at);
  const { valuation } = book.document;
  if (valuation === undefined || newest?.price === undefined) return;
  const { maxMovePpm, moveMs } = valuation;
  const { ranges } = newest.price;
  const stated = rangesAt({ at: newest.at, ranges }, fact.at, moveMs).flatMap(({ low, high }) => [low, high]);
  const steady = stated.every((price) => isNear(price, priceIn(fact), maxMovePpm));
  demand(steady, "FACT_MOVED", at, `${fact.source} moves by more than ${maxMovePpm} millionths within ${moveMs} ms`);
}

/** The prices of these assets, as far as the newest words of the sources state them, whether they came with this command or
 *  before. Without a valuation in the rulebook there are none. */
export function quotesOf(state: Founded, now: Now, assets: readonly string[]): Quotes {
  const { valuation } = state.book.document;
  if (valuation === undefined) return new Map();
  return new Map(assets.map((asset) => [asset, attempt(() => quote(state, now, valuation, asset))]));
}

/** Fails: FACT_MISSING, FACT_STALE, FACT_ADVERSE at the asset. */
function quote(state: Founded, now: Now, valuation: Valuation, asset: string): Price {
  const { sources, atLeast, maxAgeMs, maxMovePpm } = valuation;
  const at = `valuation.${asset}`;
  const subject = priceSubject(state, asset);
  const known = sources.flatMap((source) => {
    const newest = get(state.facts, `${source}|${subject}`);
    return newest?.price === undefined ? [] : [{ at: newest.at, price: priceIn(newest.price) }];
  });
  demand(known.length >= atLeast, "FACT_MISSING", at, `${atLeast} price facts on ${subject} are needed`);
  const fresh = known.filter((newest) => newest.at + maxAgeMs >= now.hi).map(({ price }) => price);
  demand(fresh.length >= atLeast, "FACT_STALE", at, `${atLeast} prices that are at most ${maxAgeMs} ms old are needed`);
  const dearest = fresh.reduce((best, price) => (isDearer(price, best) ? price : best));
  const near = fresh.every((price) => isNear(dearest, price, maxMovePpm));
  demand(near, "FACT_ADVERSE", at, `sources differ by more than ${maxMovePpm} millionths`);
  return dearest;
}

/** The price of an asset. Fails: those of `quote` at `at`. */
export function demandQuote(quotes: Quotes, asset: string, at: string): Price {
  const found = quotes.get(asset);
  if (found === undefined) refuse("FACT_MISSING", at, `the price of ${asset} is not stated`);
  if (!found.ok) refuse(found.code, at, found.detail);
  return found.value;
}

/** The price, where there is one. */
export function priceOf(quotes: Quotes, asset: string): Price | undefined {
  const found = quotes.get(asset);
  return found?.ok ? found.value : undefined;
}
