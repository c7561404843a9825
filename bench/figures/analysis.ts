/** How long the analysis of two large rulebooks takes, beside the way that one would try first: lists of boxes, from which one
 *  box after another is cut out. */
import process from "node:process";
import { type Difference, differenceOf } from "../../core/src/rulebook/analysis/difference.ts";
import { findingsOf } from "../../core/src/rulebook/analysis/findings.ts";
import { openSets, type Sets } from "../../core/src/rulebook/analysis/sets.ts";
import { boxOf, realActions, selectOf } from "../../core/src/rulebook/analysis/space.ts";
import { type Book, openBook } from "../../core/src/rulebook/book.ts";
import type { Rulebook } from "../../core/src/signed/rulebook.ts";
import type { Figure, Table } from "../figure.ts";
import { bankBooks, deskBooks } from "../world/bank.ts";

/** At most this many milliseconds. */
const MOST_MS = 500;
/** The naive way is given up when it holds more boxes than this. */
const MOST_BOXES = 100_000;

/** A box as one number of bits per dimension. */
type Bits = readonly bigint[];

/** The box without another, in boxes that share nothing. */
function cut(box: Bits, other: Bits): readonly Bits[] {
  if (box.some((bits, at) => (bits & (other[at] as bigint)) === 0n)) return [box];
  const left: Bits[] = [];
  let inside = box;
  for (const [at, bits] of box.entries()) {
    const outside = bits & ~(other[at] as bigint);
    if (outside !== 0n) left.push(inside.with(at, outside));
    inside = inside.with(at, bits & (other[at] as bigint));
  }
  return left;
}

/** What is in `boxes` and in none of `others`, or null when it takes too many boxes. */
function without(boxes: readonly Bits[], others: readonly Bits[]): readonly Bits[] | null {
  let left = boxes;
  for (const other of others) {
    left = left.flatMap((box) => cut(box, other));
    if (left.length > MOST_BOXES) return null;
  }
  return left;
}

function meet(boxes: readonly Bits[], others: readonly Bits[]): readonly Bits[] {
  return boxes
    .flatMap((box) => others.map((other) => box.map((bits, at) => bits & (other[at] as bigint))))
    .filter((box) => box.every((bits) => bits !== 0n));
}

/** The boxes of a book's rules over the values that the analysis tells apart, which the naive way is given for nothing. */
function boxesOf({ space, book }: Sets) {
  const bits = (box: ReturnType<typeof boxOf>): Bits =>
    box.map((values, at) => {
      const size = space.axes[at]?.atoms.length ?? 0;
      return Array.from({ length: size }, (_, value) => (values?.[value] === 0 ? 0n : 1n << BigInt(value))).reduce(
        (a, b) => a | b,
        0n,
      );
    });
  const of = (effect: "allow" | "deny") =>
    book.document.rules.flatMap((rule) => (rule.effect === effect ? [bits(boxOf(space, selectOf(rule, book)))] : []));
  const real = realActions(book).map((select) => bits(boxOf(space, select)));
  return { allows: meet(of("allow"), real), denies: of("deny") };
}

/** What is newly allowed, in boxes: allowed by the draft and not denied, less what is allowed by the book and not denied. */
function newlyAllowed(books: readonly Book[]): number | null {
  const [before, after] = openSets(books).map(boxesOf);
  if (before === undefined || after === undefined) return null;
  const allowed = without(after.allows, after.denies);
  const stays = without(before.allows, before.denies);
  const fresh = allowed === null || stays === null ? null : without(allowed, stays);
  return fresh === null ? null : fresh.length;
}

/** Milliseconds of the thread's processor, the least of some runs. */
function timeOf<T>(runs: number, work: () => T): { readonly ms: number; readonly result: T } {
  const once = () => {
    const before = process.threadCpuUsage();
    const result = work();
    const { user, system } = process.threadCpuUsage(before);
    return { ms: (user + system) / 1_000, result };
  };
  const [first, ...more] = Array.from({ length: runs }, once) as [ReturnType<typeof once>, ...ReturnType<typeof once>[]];
  return more.reduce((best, one) => (one.ms < best.ms ? one : best), first);
}

type Pair = readonly [Rulebook, Rulebook];

function measure(pair: Pair, runs: number) {
  const books = pair.map(openBook) as [Book, Book];
  const difference = timeOf(runs, (): Difference => differenceOf(...books));
  const findings = timeOf(runs, () => findingsOf(books[0]));
  const naive = timeOf(1, () => newlyAllowed(books));
  const { allowed, refused, demands } = difference.result;
  // Faster and something else would be worth nothing.
  const agrees = naive.result === null || (naive.result === 0) === (allowed.parts.length === 0);
  if (!agrees) throw new Error("the two ways disagree on whether anything is newly allowed");
  return { difference, findings, naive, told: allowed.parts.length + refused.parts.length + demands.length };
}

export const analysis: Figure = async ({ quick, say }) => {
  const tables = (
    [
      ["the book of the figure of rule evaluation", deskBooks],
      ["a bank's book over all conditions", bankBooks],
    ] as const
  ).map(([name, make]): Table => {
    const sizes = [10, 100, 1_000];
    const results = sizes.map((size) => {
      say(`analysis: ${size} rules, ${name}`);
      return measure(make(size), quick ? 3 : 9);
    });
    const row = (what: string, unit: string, values: readonly (number | null)[]) => ({ what, unit, values });
    return {
      title: `Analysis of a rulebook and its draft: ${name}`,
      columns: sizes.map((size) => `${size.toLocaleString("en-US")} rules`),
      rows: [
        {
          ...row(
            "difference of the two",
            "ms",
            results.map(({ difference }) => difference.ms),
          ),
          most: MOST_MS,
        },
        row(
          "findings in one",
          "ms",
          results.map(({ findings }) => findings.ms),
        ),
        row(
          "naive: newly allowed alone, by cutting boxes",
          "ms",
          results.map(({ naive }) => (naive.result === null ? null : naive.ms)),
        ),
        row(
          "boxes of the naive way",
          "",
          results.map(({ naive }) => naive.result),
        ),
        row(
          "parts that the difference tells",
          "",
          results.map(({ told }) => told),
        ),
      ],
      notes: [
        "Processor time of the thread, the least of some runs.",
        `The naive way is given the divided dimensions, and up at ${MOST_BOXES.toLocaleString("en-US")} boxes.`,
      ],
    };
  });
  return tables;
};
