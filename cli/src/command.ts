/** One command line: finds the verb, runs it, prints the answer, and gives every failure words and an exit code. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import process from "node:process";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { keptBook } from "@strongroom/sdk/vault/session";
import { homeOf, ROOT } from "./config.ts";
import { fileMemory } from "./device/trust.ts";
import { EXIT, type Failure, failureJson, failureOf, fault } from "./faults.ts";
import { paintsFor, plain, wideOf, wrap } from "./screen.ts";
import { detailWords, namedIn } from "./vault/advice.ts";
import { COMMON, type Context, findVerb, lineFor, type Verb } from "./verb.ts";
import { groupOf, helpOf, nearest, overview } from "./verbs/help.ts";
import { VERBS } from "./verbs/table.ts";

type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

/** Runs one command line and gives the exit code. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const json = argv.includes("--json");
  const found = findVerb(VERBS, argv);
  let home = homeOf(undefined);
  try {
    if (found === null) return withoutVerb(argv);
    const { values, positionals } = parse(found.verb, found.rest);
    if (values["help"] === true) return print(helpFor(found.verb, positionals[0]), EXIT.ok);
    const context = contextOf(values, positionals);
    home = context.home;
    const answer = await found.verb.run(context);
    if (answer === null) return EXIT.ok;
    return print(
      json ? JSON.stringify({ ok: answer.exit === undefined, ...answer.json }) : answer.text,
      answer.exit ?? EXIT.ok,
    );
  } catch (error) {
    const failure = failureOf(error);
    if (json) return print(JSON.stringify(failureJson(failure)), failure.exit);
    return report(failure, { home, verb: found?.verb ?? null, refused: failure.exit === EXIT.refused });
  }
}

/** Help, the version, or words about a verb that is not there. */
function withoutVerb(argv: readonly string[]): number {
  const [first, second] = argv.filter((word) => word !== "--json");
  if (first === undefined) return print(overview(VERBS), EXIT.usage);
  if (first === "--help" || first === "-h") return print(overview(VERBS), EXIT.ok);
  if (first === "--version") return print(`strongroom ${version()}`, EXIT.ok);
  const group = groupOf(VERBS, first);
  if (group.length > 0 && second === "--help") return print(group.map(helpOf).join("\n\n\n"), EXIT.ok);
  if (group.length > 0)
    fault("USAGE", first, `${first} takes one of ${group.map(({ name }) => name.split(" ")[1]).join(", ")}`);
  const near = nearest(
    first,
    VERBS.map(({ name }) => name.split(" ")[0] ?? name),
  );
  fault("USAGE", first, `there is no verb ${first}${near === null ? "" : `; did you mean ${near}?`}`);
}

/** Help on a verb, or on the one thing of it that is named. */
function helpFor(verb: Verb, word: string | undefined): string {
  return (word === undefined ? null : verb.about?.(word)) ?? helpOf(verb);
}

function version(): string {
  const { version: text } = JSON.parse(readFileSync(join(ROOT, "package.json"), "utf8")) as { version: string };
  return text;
}

function parse(verb: Verb, rest: readonly string[]): { values: Values; positionals: readonly string[] } {
  const options: NonNullable<ParseArgsConfig["options"]> = {};
  for (const [name, option] of Object.entries({ ...COMMON, ...verb.options })) {
    const type = option.value === undefined ? "boolean" : "string";
    options[name] = { type, ...(option.many ? { multiple: true } : {}), ...(name === "help" ? { short: "h" } : {}) };
  }
  try {
    return parseArgs({ args: [...rest], options, allowPositionals: true, strict: true });
  } catch (error) {
    fault("USAGE", verb.name, parseWords(error instanceof Error ? error.message : String(error), Object.keys(options)), error);
  }
}

/** What Node says of a command line, in our words. */
function parseWords(message: string, names: readonly string[]): string {
  const [, unknown] = /^Unknown option '([^']*)'/.exec(message) ?? [];
  if (unknown !== undefined && /^-\d/.test(unknown)) return `${unknown}: numbers and amounts have no sign`;
  if (unknown !== undefined) {
    const near = nearest(unknown.replace(/^-+/, ""), names);
    return `there is no option ${unknown}${near === null ? "" : `; did you mean --${near}?`}`;
  }
  const [, option] = /^Option '(?:-\w, )?(--[\w-]+)[^']*' argument/.exec(message) ?? [];
  return option === undefined ? (message.split(/\.\s/)[0] ?? message) : `${option} needs a value after it`;
}

function contextOf(values: Values, positionals: readonly string[]): Context {
  const text = (name: string) => {
    const value = values[name];
    return typeof value === "string" ? value : undefined;
  };
  return {
    home: homeOf(text("home")),
    json: values["json"] === true,
    positionals,
    text,
    texts: (name) => [values[name] ?? []].flat().filter((value) => typeof value === "string"),
    on: (name) => values[name] === true,
    say: (line) => process.stderr.write(`${plain(line)}\n`),
  };
}

function print(text: string, exit: number): number {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  return exit;
}

type Place = { readonly home: string; readonly verb: Verb | null; readonly refused: boolean };

async function report(failure: Failure, { home, verb, refused }: Place): Promise<number> {
  const { bad, bold, dim } = paintsFor(process.stderr);
  const { code, field, what, exit } = failure;
  const book = refused ? await keptBook(fileMemory(home)) : null;
  const detail = detailWords(field, failure.detail, book);
  const place = field === "" || mentions(detail, field) ? detail : `${field}: ${detail}`;
  const rule = book === null ? null : namedIn(field, book);
  const next = code === "USAGE" && verb !== null ? `See what it takes: strongroom help ${verb.name}` : failure.next;
  const rows = [
    ["why", exit === EXIT.bug ? place : place.replaceAll("\n", " ")],
    ...(rule === null ? [] : [["rule", rule]]),
    ["next", typable(home, next)],
  ] as const;
  const wide = wideOf(process.stderr) - 8;
  const lines = rows.map(([label, words]) => {
    // A line to type is not cut, so that it can be copied; nor is a bug's stack.
    const whole = words.includes("npm run") || exit === EXIT.bug;
    const parts = whole ? [plain(words)] : wrap(plain(words), wide);
    return `  ${dim(label.padEnd(4))}  ${parts.join(`\n${" ".repeat(8)}`)}`;
  });
  const title = exit === EXIT.alarm ? `ALARM ${code}` : code;
  process.stderr.write(`${bad("✗")} ${bold(title)}  ${what}\n${lines.join("\n")}\n`);
  return exit;
}

/** Whether a sentence names the field already, as an option or by itself. */
function mentions(detail: string, field: string): boolean {
  return detail.split(/[\s;,]+/).some((word) => word === field || word === `--${field}`);
}

/** A sentence whose `strongroom VERB …` can be typed as it stands. */
function typable(home: string, sentence: string): string {
  return sentence.replace(/\bstrongroom ([a-z][\w -]*[\w-])/g, (_, words: string) => lineFor(home, words));
}
