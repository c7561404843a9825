/** One command line: finds the verb, runs it, prints the answer, and gives every failure words and an exit code. */
import process from "node:process";
import { type ParseArgsConfig, parseArgs } from "node:util";
import { homeOf } from "./config.ts";
import { EXIT, type Failure, failureJson, failureOf, fault } from "./faults.ts";
import { paintsFor } from "./screen.ts";
import { VaultRefused } from "./vault/session.ts";
import { COMMON, type Context, findVerb, type Verb } from "./verb.ts";
import { helpOf, overview } from "./verbs/help.ts";
import { VERBS } from "./verbs/table.ts";

type Values = Readonly<Record<string, string | boolean | readonly (string | boolean)[] | undefined>>;

/** Runs one command line and gives the exit code. */
export async function runCommand(argv: readonly string[]): Promise<number> {
  const json = argv.includes("--json");
  try {
    const found = findVerb(VERBS, argv);
    if (found === null) return unknownVerb(argv);
    const { values, positionals } = parse(found.verb, found.rest);
    if (values["help"] === true) return print(helpOf(found.verb), EXIT.ok);
    const answer = await found.verb.run(contextOf(values, positionals));
    if (answer === null) return EXIT.ok;
    return print(
      json ? JSON.stringify({ ok: answer.exit === undefined, ...answer.json }) : answer.text,
      answer.exit ?? EXIT.ok,
    );
  } catch (error) {
    return report(error instanceof VaultRefused ? error.failure() : failureOf(error), json);
  }
}

function unknownVerb(argv: readonly string[]): number {
  const [first] = argv.filter((word) => word !== "--json");
  if (first === undefined || first === "--help" || first === "-h")
    return print(overview(VERBS), first === undefined ? EXIT.usage : EXIT.ok);
  fault("USAGE", first, "there is no such verb; type: strongroom help");
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
    const words = error instanceof Error ? error.message : String(error);
    fault("USAGE", verb.name, words.split(". ")[0] ?? words, error);
  }
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
    say: (line) => process.stderr.write(`${line}\n`),
  };
}

function print(text: string, exit: number): number {
  process.stdout.write(text.endsWith("\n") ? text : `${text}\n`);
  return exit;
}

function report(failure: Failure, json: boolean): number {
  if (json) return print(JSON.stringify(failureJson(failure)), failure.exit);
  const { bad, bold, dim } = paintsFor(process.stderr);
  const title = failure.exit === EXIT.alarm ? `ALARM ${failure.code}` : failure.code;
  const place = failure.field === "" ? failure.detail : `${failure.field}: ${failure.detail}`;
  process.stderr.write(
    `${bad("✗")} ${bold(title)}  ${failure.what}\n  ${dim("why")}   ${place}\n  ${dim("next")}  ${failure.next}\n`,
  );
  return failure.exit;
}
