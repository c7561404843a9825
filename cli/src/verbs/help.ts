/** `strongroom help` and `--help`: what there is, and what each verb takes. */
import process from "node:process";
import { EXIT, fault } from "../faults.ts";
import { columns, indent, paintsFor, wideOf, wrap } from "../screen.ts";
import { COMMON, findVerb, named, type Verb } from "../verb.ts";

const USAGE = [
  ["npm run -s strongroom -- VERB [arguments]", "npm start does: up"],
  ["alias strongroom='npm run -s strongroom --'", "makes it short"],
];

const CODES: readonly (readonly [number, string])[] = [
  [EXIT.ok, "done"],
  [EXIT.refused, "refused, by the vault or by a check here; the code says why"],
  [EXIT.usage, "the command line is wrong"],
  [EXIT.operational, "something did not answer, or a file is missing; try again"],
  [EXIT.alarm, "ALARM: evidence of a lie, or a receipt that is missing"],
  [EXIT.bug, "a bug of this program"],
  [EXIT.interrupted, "ended by Ctrl-C"],
];

/** The verb that shows the help of `verbs`. */
export const helpVerb = (verbs: () => readonly Verb[]): Verb => ({
  name: "help",
  takes: "[VERB]",
  what: "this text, or that of a verb",
  options: {},
  async run(context) {
    const [first, second] = named(context, "VERB?", "VERB?");
    if (first === undefined)
      return { text: overview(verbs()), json: { verbs: verbs().map(({ name, takes, what }) => ({ name, takes, what })) } };
    const words = second === undefined ? [first] : [first, second];
    const found = findVerb(verbs(), words);
    const group = groupOf(verbs(), first);
    if (found === null && group.length > 0) {
      const json = { verbs: group.map(({ name, takes, what }) => ({ name, takes, what })) };
      return { text: group.map(helpOf).join("\n\n\n"), json };
    }
    if (found === null) fault("USAGE", words.join(" "), `there is no verb ${words.join(" ")}`);
    return { text: helpOf(found.verb), json: { name: found.verb.name, takes: found.verb.takes, what: found.verb.what } };
  },
});

/** The verbs of two words that begin with this one. */
export function groupOf(all: readonly Verb[], first: string): readonly Verb[] {
  return all.filter(({ name }) => name.startsWith(`${first} `));
}

/** The one of `words` that is most like `word`, when a slip of two keys explains the difference; or null. */
export function nearest(word: string, words: readonly string[]): string | null {
  const ranked = words.map((other) => ({ other, slips: slipsBetween(word, other) })).sort((a, b) => a.slips - b.slips);
  const [best] = ranked;
  return best !== undefined && best.slips <= Math.min(2, Math.floor(best.other.length / 2)) ? best.other : null;
}

/** Keys that were left out, added, exchanged or swapped with their neighbour.
 *  Source: Damerau 1964; optimal string alignment distance. */
function slipsBetween(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, at) => at)];
  const at = (i: number, j: number) => rows[i]?.[j] ?? 0;
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    rows.push(row);
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      row[j] = Math.min(at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + same);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (swapped) row[j] = Math.min(at(i, j), at(i - 2, j - 2) + 1);
    }
  }
  return at(a.length, b.length);
}

/** All verbs and exit codes. */
export function overview(all: readonly Verb[]): string {
  const { bold } = paintsFor(process.stdout);
  const wide = wideOf(process.stdout) - 2;
  const verbs = columns(
    all.map(({ name, takes, what }) => [`${name} ${takes}`.trim(), what]),
    wide,
  );
  const codes = columns(
    CODES.map(([code, words]) => [String(code), words]),
    wide,
  );
  return [
    bold("strongroom: custody that an institution runs itself"),
    `${bold("Usage")}\n${indent(columns(USAGE, wide), 2)}`,
    `${bold("Verbs")}\n${indent(verbs, 2)}`,
    `${bold("Options of every verb")}\n${optionsOf(COMMON)}`,
    `${bold("Exit codes")}\n${indent(codes, 2)}`,
  ].join("\n\n");
}

/** What one verb takes. */
export function helpOf(verb: Verb): string {
  const { bold } = paintsFor(process.stdout);
  const what = wrap(verb.what, wideOf(process.stdout) - 2).join("\n");
  const parts = [`${bold(`strongroom ${verb.name} ${verb.takes}`.trim())}\n${indent(what, 2)}`];
  if (Object.keys(verb.options).length > 0) parts.push(`${bold("Options")}\n${optionsOf(verb.options)}`);
  parts.push(`${bold("Options of every verb")}\n${optionsOf(COMMON)}`);
  if (verb.examples)
    parts.push(`${bold("Examples")}\n${verb.examples.map((line) => `  npm run -s strongroom -- ${line}`).join("\n")}`);
  return parts.join("\n\n");
}

function optionsOf(options: Verb["options"]): string {
  return indent(
    columns(
      Object.entries(options).map(([name, { value, what }]) => [`--${name}${value ? ` ${value}` : ""}`, what]),
      wideOf(process.stdout) - 2,
    ),
    2,
  );
}
