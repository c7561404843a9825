/** `strongroom help` and `--help`: what there is, and what each verb takes. */
import process from "node:process";
import { EXIT, fault } from "../faults.ts";
import { columns, indent, paintsFor } from "../screen.ts";
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
    if (found === null) fault("USAGE", words.join(" "), "there is no such verb");
    return { text: helpOf(found.verb), json: { name: found.verb.name, takes: found.verb.takes, what: found.verb.what } };
  },
});

/** All verbs and exit codes. */
export function overview(all: readonly Verb[]): string {
  const { bold } = paintsFor(process.stdout);
  const verbs = columns(all.map(({ name, takes, what }) => [`${name} ${takes}`.trim(), what]));
  const codes = columns(CODES.map(([code, words]) => [String(code), words]));
  return [
    bold("strongroom: custody that an institution runs itself"),
    `${bold("Usage")}\n${indent(columns(USAGE), 2)}`,
    `${bold("Verbs")}\n${indent(verbs, 2)}`,
    `${bold("Options of every verb")}\n${optionsOf(COMMON)}`,
    `${bold("Exit codes")}\n${indent(codes, 2)}`,
  ].join("\n\n");
}

/** What one verb takes. */
export function helpOf(verb: Verb): string {
  const { bold } = paintsFor(process.stdout);
  const parts = [`${bold(`strongroom ${verb.name} ${verb.takes}`.trim())}\n  ${verb.what}`];
  if (Object.keys(verb.options).length > 0) parts.push(`${bold("Options")}\n${optionsOf(verb.options)}`);
  parts.push(`${bold("Options of every verb")}\n${optionsOf(COMMON)}`);
  if (verb.examples)
    parts.push(`${bold("Examples")}\n${verb.examples.map((line) => `  npm run -s strongroom -- ${line}`).join("\n")}`);
  return parts.join("\n\n");
}

function optionsOf(options: Verb["options"]): string {
  return indent(
    columns(Object.entries(options).map(([name, { value, what }]) => [`--${name}${value ? ` ${value}` : ""}`, what])),
    2,
  );
}
