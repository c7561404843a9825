/** What the lines of one test file mean: how many tests passed, failed and were skipped, and which of them to show. Pure.
 *
 *  A skip counts as a failure unless its reason names `../shared`, the only thing that may be absent; a test marked as "to do"
 *  counts as a failure; a file without a test, or one that ends before its summary, counts as a failure. */

export type Line =
  | { readonly kind: "end" }
  | { readonly kind: "note"; readonly text: string }
  | {
      readonly kind: "test";
      readonly name: string;
      readonly nesting: number;
      readonly suite: boolean;
      readonly passed: boolean;
      readonly ms: number;
      /** Why it was not run, "" without a reason, null when it was. */
      readonly excuse: string | null;
      /** Why its failure would not count: node:test's "todo". Null when it does. */
      readonly undone: string | null;
      /** Failed only because a test below it did. */
      readonly onlyBelow: boolean;
      readonly error: string | null;
    };

export type Failure = { readonly name: string; readonly error: string };

export type Verdict = {
  readonly passed: number;
  readonly failed: readonly Failure[];
  readonly skipped: readonly string[];
  /** What tests want in the summary: texts of diagnostics that begin with "count: ". */
  readonly counts: readonly string[];
};

const COUNT = "count: ";
const ABSENT_ALLOWED = "../shared";

export function parseLines(text: string): Line[] {
  return text
    .split("\n")
    .filter((line) => line !== "")
    .map((line): Line => JSON.parse(line));
}

export function judge(lines: readonly Line[], exit: { readonly code: number | null; readonly late: boolean }): Verdict {
  const failed: Failure[] = [];
  const skipped: string[] = [];
  let passed = 0;
  let depth = -1;
  for (const line of lines) {
    if (line.kind !== "test") continue;
    // Tests are reported depth first, so whoever follows a deeper one is its parent and only groups.
    const groups = line.suite || depth > line.nesting;
    depth = line.nesting;
    if (line.undone !== null) failed.push({ name: line.name, error: `marked as "to do": ${line.undone}` });
    else if (line.excuse !== null) {
      const isAllowed = line.excuse.includes(ABSENT_ALLOWED);
      if (isAllowed) skipped.push(`${line.name}: ${line.excuse}`);
      else failed.push({ name: line.name, error: `skipped, which only the absence of ../shared excuses: "${line.excuse}"` });
    } else if (!line.passed && !line.onlyBelow) failed.push({ name: line.name, error: line.error ?? "failed" });
    else if (line.passed && !groups) passed += 1;
  }
  const isEmpty = passed + failed.length + skipped.length === 0;
  const fault = fileFault(lines, { ...exit, isEmpty, hasFailed: failed.length > 0 });
  if (fault !== null) failed.push({ name: "the file as a whole", error: fault });
  return { passed, failed, skipped, counts: countsIn(lines) };
}

function fileFault(
  lines: readonly Line[],
  end: { readonly code: number | null; readonly late: boolean; readonly isEmpty: boolean; readonly hasFailed: boolean },
): string | null {
  if (end.late) return "did not end within its limit and was killed";
  if (!lines.some((line) => line.kind === "end")) return `ended before its tests did, with exit code ${end.code}`;
  if (end.code !== 0 && !end.hasFailed) return `all its tests passed, but it ended with exit code ${end.code}`;
  return end.isEmpty ? "has no test" : null;
}

function countsIn(lines: readonly Line[]): string[] {
  return lines.flatMap((line) => (line.kind === "note" && line.text.startsWith(COUNT) ? [line.text.slice(COUNT.length)] : []));
}

/** Counts of the same words added up, in the order in which the words first came: "attacks: 2 tried" twice is
 *  "attacks: 4 tried". Figures with a unit or a fraction stand for themselves. */
export function addUp(counts: readonly string[]): string[] {
  const sums = new Map<string, number[]>();
  for (const count of counts) {
    const numbers = [...count.matchAll(/\d+/g)].map(([digits]) => Number(digits));
    const alone = /\d\.\d| ms|\/s/.test(count);
    const words = alone ? count : count.replace(/\d+/g, "#");
    const before = alone ? undefined : sums.get(words);
    sums.set(words, before === undefined ? numbers : before.map((number, at) => number + (numbers[at] ?? 0)));
  }
  return [...sums].map(([words, numbers]) => numbers.reduce((text, number) => text.replace("#", String(number)), words));
}
