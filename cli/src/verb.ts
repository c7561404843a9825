/** What a verb is: its words for people, the options that it takes, and one function that answers. */

import process from "node:process";
import { createInterface } from "node:readline/promises";
import { parseAmount } from "@strongroom/core/money/amount";
import type { Json } from "@strongroom/core/signed/codec";
import { type Node, openNode } from "./chain/evm.ts";
import { type Config, homeOf, nodeUrl } from "./config.ts";
import { type Desk, openDesk } from "./desk/desk.ts";
import { type Reach, reachFrom } from "./desk/reach.ts";
import { fault } from "./faults.ts";
import { openSession, type Session } from "./vault/session.ts";

/** One option. `value`: the word for what it takes; without it the option is a switch. */
export type Option = { readonly value?: string; readonly many?: true; readonly what: string };

/** What a verb answers: lines for people, one object for programs. `exit` only where it is not 0. */
export type Answer = { readonly text: string; readonly json: { readonly [name: string]: Json }; readonly exit?: number };

export type Context = {
  readonly home: string;
  readonly json: boolean;
  readonly positionals: readonly string[];
  /** The text of an option, or undefined. */
  text(name: string): string | undefined;
  /** The texts of an option that may come more than once. */
  texts(name: string): readonly string[];
  on(name: string): boolean;
  /** Progress for people; never on standard output. */
  say(line: string): void;
};

export type Verb = {
  readonly name: string;
  /** What comes after the name: `AMOUNT ASSET`. */
  readonly takes: string;
  readonly what: string;
  readonly options: Readonly<Record<string, Option>>;
  readonly examples?: readonly string[];
  /** Help on one of the things that the verb is about, by the first word after its name; null when there is no such thing. */
  readonly about?: (word: string) => string | null;
  run(context: Context): Promise<Answer | null>;
};

/** Options of every verb. */
export const COMMON: Verb["options"] = {
  home: { value: "DIR", what: "folder of the deployment (or STRONGROOM_HOME; default: .strongroom in the repository)" },
  json: { what: "one line of JSON on standard output, errors too" },
  "token-file": { value: "FILE", what: "file with your token for the server, mode 600 (default: server.token in the folder)" },
  as: {
    value: "USER",
    what: "act with the token of this user of the folder (default: the name of --key, where it has a token)",
  },
  direct: { what: "straight to the vault on its socket, past the server" },
  help: { what: "this text" },
};

/** Options of verbs that sign. */
export const SIGNING: Verb["options"] = {
  key: { value: "NAME", what: "device key that signs: a name in the folder keys, or a .pem file" },
  "passphrase-file": { value: "FILE", what: "file with the key's passphrase, mode 600" },
  yes: { what: "sign without asking; the text is shown all the same" },
};

/** The verb that a command line begins with, and the rest; options before the verb are left to it. */
export function findVerb(verbs: readonly Verb[], argv: readonly string[]): { verb: Verb; rest: readonly string[] } | null {
  const places = argv.flatMap((word, at) => (word.startsWith("-") || argv[at - 1] === "--home" ? [] : [at]));
  const [first, second] = places;
  if (first === undefined) return null;
  const long = second === undefined ? "" : `${argv[first]} ${argv[second]}`;
  const two = verbs.find((verb) => verb.name === long);
  if (two !== undefined) return { verb: two, rest: argv.filter((_, at) => at !== first && at !== second) };
  const one = verbs.find((verb) => verb.name === argv[first]);
  return one === undefined ? null : { verb: one, rest: argv.filter((_, at) => at !== first) };
}

/** The positionals by name; one that ends in ? may be absent. Fails: USAGE. */
export function named(context: Context, ...names: readonly string[]): readonly string[] {
  const least = names.filter((name) => !name.endsWith("?")).length;
  const missing = names[context.positionals.length];
  if (context.positionals.length < least) fault("USAGE", missing ?? "", `${missing} is missing`);
  const extra = context.positionals[names.length];
  if (extra !== undefined) fault("USAGE", "arguments", `nothing is expected where ${extra} stands`);
  return context.positionals;
}

/** The text of an option that must be there. Fails: USAGE. */
export function needed(context: Context, name: string): string {
  return context.text(name) ?? fault("USAGE", name, `--${name} is missing`);
}

/** A name as the vault takes them, or undefined. Fails: USAGE at `field`. */
export function asName<T extends string | undefined>(text: T, field: string): T {
  const fits = text === undefined || /^[a-z0-9][a-z0-9-]{0,31}$/.test(text);
  return fits ? text : fault("USAGE", field, "a name of a-z, 0-9 and hyphens is expected, at most 32");
}

/** An amount as people write it, in base units: 1250.00 is 1250. Fails: BAD_VALUE at `field`. */
export function amountFrom(text: string, decimals: number, field: string): bigint {
  return parseAmount(text.replace(/^(\d+)(?:\.0+|(\.\d*?[1-9])0+)$/, "$1$2"), decimals, field);
}

/** How things are reached from this folder, and where requests lie. */
export type At = Reach & { readonly desk: Desk };

/** Runs `work` with a session, over the server or straight to the vault. */
export async function withSession<T>(context: Context, work: (session: Session, at: At) => Promise<T>): Promise<T> {
  const reach = await reachFrom(context);
  const session = await openSession(context.home, reach.wire);
  try {
    return await work(session, { ...reach, desk: openDesk(session, reach.client) });
  } finally {
    session.close();
  }
}

/** The node of a chain as the folder's config names it. */
export async function nodeFor(config: Config, chain: number): Promise<Node> {
  return openNode(nodeUrl(config, chain), chain);
}

/** Shows `text` and asks whether to sign it. With --yes it only shows. Fails: NOT_CONFIRMED, INTERRUPTED. */
export async function confirmText(context: Context, text: string, question: string): Promise<void> {
  context.say(`${text}\n`);
  if (context.on("yes")) return;
  if (!process.stdin.isTTY) fault("NOT_CONFIRMED", "yes", "standard input is no terminal");
  const asking = createInterface({ input: process.stdin, output: process.stderr });
  try {
    const answer = await asking.question(`${question} [y/N] `).catch((error: unknown) => {
      process.stderr.write("\n");
      if (error instanceof Error && error.name === "AbortError") fault("INTERRUPTED", "answer", "nothing was signed", error);
      throw error;
    });
    if (!/^(?:y|yes)$/i.test(answer.trim())) fault("NOT_CONFIRMED", "answer", "the answer was not y");
  } finally {
    asking.close();
  }
}

/** A line to type, as it works for this folder. */
export function lineFor(home: string, words: string): string {
  const where = home === homeOf(undefined) ? "" : ` --home '${home.replaceAll("'", "'\\''")}'`;
  return `npm run -s strongroom -- ${words}${where}`;
}

const UNITS: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** Milliseconds of `90s`, `15m`, `24h`, `7d`. Fails: USAGE at `field`. */
export function parseLife(text: string, field: string): number {
  const [, count, unit] = /^([1-9]\d{0,5})([smhd])$/.exec(text) ?? [];
  const factor = UNITS[unit ?? ""];
  return factor === undefined ? fault("USAGE", field, "a time like 90s, 15m, 24h or 7d is expected") : Number(count) * factor;
}
