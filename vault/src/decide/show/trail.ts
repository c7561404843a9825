/** What is noted of one intent while its steps are tried, within its share of the answer. */
import type { Hash } from "@strongroom/core/bytes";
import { attempt, type Refusal, type Result } from "@strongroom/core/errors";
import {
  type Explained,
  type ExplainedLack,
  type ExplainedStep,
  MAX_APPROVED,
  MAX_SEATS_TOLD,
  MAX_WAYS,
  type MissingFact,
  MOST,
} from "@strongroom/core/protocol/explanation";
import { lackingOf } from "@strongroom/core/rulebook/judge";
import type { Needed, Quorum, Requirement, Valuation } from "@strongroom/core/signed/rulebook";
import { get } from "../../state/map.ts";
import type { Founded } from "../../state/state.ts";
import type { Now } from "../../types.ts";
import { plain } from "../draft.ts";
import { priceOf, priceSubject } from "../evidence/prices.ts";
import { type Standing, valuedIn } from "../payment/limits.ts";
import type { Resolved } from "../payment/resolve.ts";
import { type Judged, matchesOf, type Needs, personsOf, type Step, stepsOf } from "../rules.ts";

/** Steps that every intent on a chain has beside those of its rules, and one for the first that is not met. */
const FIXED = 8;

type Quorate = Requirement & { readonly quorum: Quorum };

/** Whether a fact that is stated anew would help. */
function isMissing({ code }: Refusal): boolean {
  return code === "FACT_MISSING" || code === "FACT_STALE";
}

/** An amount as it can be written down: at most 256 bits. */
function written(amount: bigint): bigint {
  return amount < 2n ** 256n ? amount : 2n ** 256n - 1n;
}

/** About what and by whom it is asked. */
type Asking = Pick<Judged, "about" | "stated" | "approvers"> & { readonly initiator: string };

export class Trail {
  /** Assets whose prices were asked for. */
  readonly valued = new Set<string>();
  readonly #id: Hash;
  readonly #orders: number;
  readonly #steps: ExplainedStep[] = [];
  readonly #lacking: ExplainedLack[] = [];
  readonly #missing: MissingFact[] = [];
  readonly #could = new Set<string>();
  #rules: Pick<Explained, "denies" | "allows" | "requires"> = { denies: [], allows: [], requires: [] };
  #limits: readonly Standing[] = [];
  #worth: Pick<Explained, "value" | "price"> = {};
  #approved: readonly string[] = [];
  #first: Refusal | undefined;
  #more = false;

  /** `orders`: how many intents share the answer. */
  constructor(id: Hash, orders: number) {
    this.#id = id;
    this.#orders = orders;
  }

  /** Tries a step and notes what comes of it. */
  take<T>(rule: string, words: string, work: () => T): Result<T> {
    const result = attempt(work);
    if (!result.ok) this.#first ??= result;
    const step = { rule: plain(rule, 64), words: plain(words, 200), met: result.ok };
    const why = result.ok ? {} : { code: result.code, field: plain(result.field, 64), detail: plain(result.detail, 200) };
    this.#steps.push({ ...step, ...why });
    return result;
  }

  /** Tries steps that people or sources may still meet. What does not fit any more is only tried until one is not met, as
   *  `execute` would. */
  takeAll(state: Founded, now: Now, steps: Iterable<Step>, asking: Asking): void {
    this.#approved = this.#cut(personsOf(asking.approvers), MAX_APPROVED);
    let room = this.#share(MOST.steps) - FIXED;
    for (const { rule, words, test, needs } of steps) {
      const isFull = room <= 0;
      this.#more ||= isFull;
      if (isFull && this.#first !== undefined) return;
      if (isFull && attempt(test).ok) continue;
      room -= 1;
      const result = this.take(rule, words, test);
      if (!result.ok && needs !== undefined) this.#lack(state, now, { rule, needs, why: result }, asking);
    }
  }

  /** Tries all that freezes, rules and governance say of it. */
  judge(state: Founded, now: Now, judged: Judged): void {
    const { denies, allows, requirements } = matchesOf(state, judged);
    const names = (rules: readonly string[]) => this.#cut(rules, this.#share(MOST.rules));
    this.#rules = { denies: names(denies), allows: names(allows), requires: names(requirements.map(({ id }) => id)) };
    const { value, asset, initiator } = judged.subject;
    for (const name of judged.quotes.keys()) this.valued.add(name);
    const price = asset === undefined ? undefined : priceOf(judged.quotes, asset);
    this.#worth = { ...(value !== undefined && { value: written(value) }), ...(price !== undefined && { price }) };
    this.takeAll(state, now, stepsOf(state, now, judged), { ...judged, initiator });
  }

  /** Notes where limits stand, and the prices that they take and nobody states. */
  count(state: Founded, now: Now, it: Resolved, limits: readonly Standing[]): void {
    const told = limits.map((one) => ({ ...one, used: written(one.used), adding: written(one.adding) }));
    this.#limits = this.#cut(told, this.#share(MOST.limits));
    for (const asset of valuedIn(state, { it })) {
      const quote = it.quotes.get(asset);
      if (quote?.ok === false) this.#missPrice(state, now, { asset, why: quote });
    }
  }

  /** What was noted. */
  explained({ done = false } = {}): Explained {
    const { code, field, detail } = this.#first ?? { code: "OK", field: "", detail: "" };
    return {
      ...{ intent: this.#id, done, code, field: plain(field, 96), detail: plain(detail, 400) },
      ...this.#rules,
      ...{ steps: this.#steps, lacking: this.#lacking, approved: this.#approved, limits: this.#limits },
      could: this.#cut([...this.#could].sort(), this.#share(MOST.could)),
      missing: this.#cut(this.#missing, this.#share(MOST.missing)),
      more: this.#more,
      ...this.#worth,
    };
  }

  /** Notes what people or sources can add where a step is not met. */
  #lack(state: Founded, now: Now, it: { rule: string; needs: Needs; why: Refusal }, asking: Asking): void {
    const { rule, needs } = it;
    if ("quorum" in needs) this.#lackQuorum(state, { rule, requirement: needs.quorum }, asking);
    else if ("persons" in needs) this.#notLacking({ rule, ways: [], groups: 0, persons: needs.persons });
    else if ("fact" in needs) this.#missFact(now, { ...it, need: needs.fact }, asking);
    else this.#missPrice(state, now, { asset: needs.priceOf, why: it.why });
  }

  #lackQuorum({ book }: Founded, { rule, requirement }: { rule: string; requirement: Quorate }, asking: Asking): void {
    const { ways, groups, could } = lackingOf(book, requirement, asking);
    for (const person of could) this.#could.add(person);
    const told = this.#cut(ways, MAX_WAYS).map((way) => this.#cut(way, MAX_SEATS_TOLD));
    this.#notLacking({ rule, ways: told, groups, persons: 0 });
  }

  #notLacking(lack: ExplainedLack): void {
    if (this.#lacking.length < this.#share(MOST.lacking)) this.#lacking.push(lack);
    else this.#more = true;
  }

  #missFact(
    now: Now,
    { rule, need, why }: { rule: string; need: Needed; why: Refusal },
    { about, stated }: Pick<Asking, "about" | "stated">,
  ): void {
    if (!isMissing(why)) return;
    const subject = about.subjects[need.type] ?? "";
    const fresh = stated.filter(({ fact }) => fact.subject === subject && fact.at + need.maxAgeMs >= now.hi);
    const sources = need.sources.filter((source) => !fresh.some(({ fact }) => fact.source === source));
    this.#missing.push({ rule: plain(rule, 64), type: need.type, subject, sources });
  }

  #missPrice(state: Founded, now: Now, { asset, why }: { asset: string; why: Refusal }): void {
    const { sources, maxAgeMs } = state.book.document.valuation as Valuation;
    const subject = priceSubject(state, asset) as string;
    const isNoted = this.#missing.some((one) => one.rule === "valuation" && one.subject === subject);
    if (isNoted || !isMissing(why)) return;
    const silent = sources.filter((source) => (get(state.facts, `${source}|${subject}`)?.at ?? 0) + maxAgeMs < now.hi);
    this.#missing.push({ rule: "valuation", type: "price", subject, sources: silent });
  }

  #share(most: number): number {
    return Math.floor(most / this.#orders);
  }

  #cut<T>(list: readonly T[], most: number): readonly T[] {
    this.#more ||= list.length > most;
    return list.slice(0, most);
  }
}
