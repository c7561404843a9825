/** `strongroom rulebook lint`, `diff` and `query`: what a rulebook in a file says, without a vault or a server. They advise;
 *  whether a change waits is the vault's own, much simpler decision. */
import process from "node:process";
import { type Difference, differenceJson, differenceOf, type Moved } from "@strongroom/core/rulebook/analysis/difference";
import { type Finding, findingJson, findingsOf } from "@strongroom/core/rulebook/analysis/findings";
import { answersJson, answersTo, type Answer as Found, type Question } from "@strongroom/core/rulebook/analysis/query";
import type { Part, Scope } from "@strongroom/core/rulebook/analysis/words";
import { type Book, openBook } from "@strongroom/core/rulebook/book";
import { checkRulebook } from "@strongroom/core/rulebook/check";
import { OPEN } from "@strongroom/core/rulebook/open";
import type { Json } from "@strongroom/core/signed/codec";
import { fromJson } from "@strongroom/core/signed/object";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import { parseJson, readWhole } from "../../device/files.ts";
import { fault } from "../../faults.ts";
import { columns, indent, paintsFor } from "../../screen.ts";
import { amountFrom, type Context, named, type Verb } from "../../verb.ts";
import { warningsOf } from "./lint.ts";

/** A rulebook in JSON; the `rulebook` part of what `rulebook show --json` prints is taken too. */
export async function readDocument(path: string): Promise<Rulebook> {
  const json = parseJson(await readWhole(path), path);
  const inner = typeof json === "object" && json !== null && "rulebook" in json ? json.rulebook : json;
  return fromJson(Rulebook, inner);
}

/** A sound rulebook in a file. Fails: FILE_UNFIT, those of `checkRulebook`. */
async function readBook(path: string): Promise<Book> {
  const document = await readDocument(path);
  checkRulebook(document);
  return openBook(document);
}

export const rulebookLint: Verb = {
  name: "rulebook lint",
  takes: "FILE",
  what:
    "check a rulebook in JSON (its layout: docs/rulebook.schema.json); tell what is rarely meant: rules without effect, " +
    "gaps, what one person can do alone",
  options: {},
  examples: ["rulebook lint next.json"],
  async run(context) {
    const [path = ""] = named(context, "FILE");
    const book = await readBook(path);
    const warnings = warningsOf(book.document);
    const findings = findingsOf(book);
    const count = warnings.length + findings.filter(({ level }) => level === "warning").length;
    const said = count === 0 ? "sound, no warnings" : `sound, ${count} warning${count === 1 ? "" : "s"}`;
    const parts = [said, columns(warnings.map(({ at, what }) => [at, what])), ...findings.map(findingText), `id ${book.id}`];
    const json = { id: book.id, warnings: warnings as unknown as Json, findings: findings.map(findingJson) };
    return { text: parts.filter((part) => part !== "").join("\n"), json };
  },
};

/** Most parts of a set on a screen; the JSON has more. */
const SHOWN = 8;

function findingText({ level, at, what, scope }: Finding): string {
  const line = `${at}  ${level === "note" ? "(note) " : ""}${what}`;
  return scope === undefined ? line : `${line}\n${scopeText(scope)}`;
}

function scopeText({ parts, complete }: Scope): string {
  return listed(
    parts.map((part) => partText(part, [])),
    complete,
  );
}

function listed(texts: readonly string[], complete: boolean): string {
  const rest = texts.length - SHOWN;
  const more = rest > 0 ? [`and ${rest}${complete ? "" : " or more"} others; --json has them`] : [];
  return indent([...texts.slice(0, SHOWN), ...more].join("\n"), 2);
}

function partText({ words, exampleWords }: Part, more: readonly (readonly [string, string])[]): string {
  return `${words}\n${indent(columns([["example", exampleWords], ...more]), 2)}`;
}

export const rulebookDiff: Verb = {
  name: "rulebook diff",
  takes: "BEFORE AFTER",
  what: "what a draft changes: exactly which actions are newly allowed or refused, and where others must approve less or more",
  options: {},
  examples: ["rulebook diff docs/examples/rulebook.json docs/examples/rulebook-draft.json"],
  async run(context) {
    const [before = "", after = ""] = named(context, "BEFORE", "AFTER");
    const [old, now] = [await readBook(before), await readBook(after)];
    const difference = differenceOf(old, now);
    return {
      text: differenceText(difference),
      json: { before: old.id, after: now.id, difference: differenceJson(difference) },
    };
  },
};

function differenceText({ allowed, refused, demands, others }: Difference): string {
  const { bold } = paintsFor(process.stdout);
  const moved = (title: string, { parts, complete }: Difference["allowed"]) =>
    parts.length === 0 ? `${bold(title)}: nothing` : `${bold(title)}:\n${listed(parts.map(movedText), complete)}`;
  const changed = (["weaker", "differs", "stronger"] as const).flatMap((verdict) => {
    const mine = demands.filter((demand) => demand.verdict === verdict);
    return mine.length === 0 ? [] : [`${bold(DEMANDS[verdict])}:\n${listed(mine.map(demandText), true)}`];
  });
  const rows = others.map(({ at, before, after, verdict = "" }) => {
    return [at, verdict, before === undefined ? "added" : after === undefined ? "removed" : changeText(before, after)];
  });
  const rest = rows.length === 0 ? [] : [`${bold("Beside the rules")}:\n${indent(columns(rows), 2)}`];
  const none = changed.length === 0 ? [`${bold("What others must approve")}: nothing changes`] : changed;
  return [moved("Newly allowed", allowed), moved("Newly refused", refused), ...none, ...rest].join("\n\n");
}

const DEMANDS = {
  weaker: "Still allowed, and it takes less",
  differs: "Still allowed, and it takes something else",
  stronger: "Still allowed, and it takes more",
} as const;

function movedText(part: Moved): string {
  return partText(part, [
    ["before", part.before],
    ["after", part.after],
  ]);
}

function demandText({ scope, before, after, enough, short, unknown }: Difference["demands"][number]): string {
  const rows = [
    ...before.map((words) => ["-", words]),
    ...after.map((words) => ["+", words]),
    ...(enough === undefined ? [] : [["now", `${approvals(enough)} is enough and was not`]]),
    ...(short === undefined ? [] : [["now", `${approvals(short)} was enough and is not`]]),
    ...(unknown ? [["", "there are too many ways to approve to compare them all"]] : []),
  ];
  return `${columns(rows)}\n${scopeText(scope)}`;
}

function approvals(persons: readonly string[]): string {
  return persons.length === 0 ? "nobody's approval" : `approval by ${persons.join(" and ")}`;
}

/** What became different within a thing that has parts; of anything else both texts. */
function changeText(before: Json, after: Json): string {
  const [old, now] = [fieldsOf(before), fieldsOf(after)];
  const names = [...new Set([...old.keys(), ...now.keys()])].filter((name) => old.get(name) !== now.get(name));
  return names
    .map((name) => `${name === "" ? "" : `${name} `}${old.get(name) ?? "none"} -> ${now.get(name) ?? "none"}`)
    .join("; ");
}

function fieldsOf(value: Json): ReadonlyMap<string, string> {
  const isRecord = typeof value === "object" && value !== null && !Array.isArray(value);
  if (!isRecord) return new Map([["", JSON.stringify(value)]]);
  return new Map(Object.entries(value).map(([name, part]) => [name, JSON.stringify(part)]));
}

const MANY = { many: true } as const;

export const rulebookQuery: Verb = {
  name: "rulebook query",
  takes: "FILE",
  what: "who can do what: the actions that a rulebook in JSON allows, by what they take; options narrow what is asked about",
  options: {
    kind: { ...MANY, value: "KIND", what: "pay, call, cancel, wallet, entry or retire" },
    chain: { ...MANY, value: "CHAIN", what: "name of a chain" },
    asset: { ...MANY, value: "ASSET", what: "asset" },
    above: { value: "AMOUNT", what: "more than this much of the one asset" },
    below: { value: "AMOUNT", what: "less than this much of the one asset" },
    "worth-above": { value: "VALUE", what: "more than this much in the reference currency" },
    "worth-below": { value: "VALUE", what: "less than this much in the reference currency" },
    from: { ...MANY, value: "WALLET", what: "paying wallet" },
    "wallet-class": { ...MANY, value: "CLASS", what: "hot, warm or cold" },
    client: { ...MANY, value: "CLIENT", what: "client of the paying wallet" },
    unit: { ...MANY, value: "UNIT", what: "unit of the paying wallet, with the units below it" },
    to: { ...MANY, value: "ENTRY", what: "address-book entry" },
    class: { ...MANY, value: "CLASS", what: "class of the destination" },
    method: { ...MANY, value: "METHOD", what: "called method by its signature, or a dangerous kind of call" },
    outside: { what: "only destinations that are not in the address book" },
    group: { ...MANY, value: "GROUP", what: "group of the initiator" },
    person: { ...MANY, value: "PERSON", what: "the initiator himself" },
  },
  examples: [
    "rulebook query docs/examples/rulebook.json --asset eth --above 100 --outside",
    "rulebook query next.json --person tom --wallet-class cold",
  ],
  async run(context) {
    const [path = ""] = named(context, "FILE");
    const book = await readBook(path);
    const answers = answersTo(book, questionFrom(context, book));
    const text = answers.length === 0 ? "nobody: no rule allows any of it" : answers.map(answerText).join("\n\n");
    return { text, json: { id: book.id, answers: answersJson(answers) } };
  },
};

function answerText({ initiators, takes, more, scope }: Found): string {
  const needs = takes.length === 0 ? [more ? "several more demands" : "nobody's approval"] : takes;
  const rows = [["who", initiators.join(", ")], ...needs.map((need, at) => [at === 0 ? "takes" : "", need])];
  return `${columns(rows)}\n${scopeText(scope)}`;
}

/** What the options ask. The values come in as text; those that the rulebook's form does not know are refused there. */
function questionFrom(context: Context, book: Book): Question {
  const { document, chains, assets } = book;
  const list = (option: string) => (context.texts(option).length === 0 ? ("any" as const) : context.texts(option));
  const known = (option: string, names: readonly string[]) => {
    for (const name of context.texts(option))
      if (!names.includes(name)) fault("USAGE", option, `${name} is none of ${names.join(", ")}`);
    return list(option);
  };
  const ids = (items: readonly { readonly id: string }[]) => items.map(({ id }) => id);
  const named_ = known(
    "chain",
    [...chains.values()].map(({ name }) => name),
  );
  const conditions = {
    effect: "require",
    kinds: known("kind", ["pay", "call", "cancel", "wallet", "entry", "retire"]),
    chains: named_ === "any" ? named_ : [...chains.values()].filter(({ name }) => named_.includes(name)).map(({ id }) => id),
    assets: known("asset", ids(document.assets)),
    wallets: list("from"),
    walletClasses: known("wallet-class", ["hot", "warm", "cold"]),
    clients: list("client"),
    units: known("unit", ids(document.units)),
    destinations: list("to"),
    classes: known("class", CLASSES),
    initiators: known("group", ids(document.groups)),
    persons: known("person", ids(document.persons)),
    times: "any",
    methods: list("method"),
  };
  const [asset, ...others] = context.texts("asset");
  const decimals = asset === undefined || others.length > 0 ? undefined : assets.get(asset)?.decimals;
  return {
    ...OPEN,
    ...(conditions as Pick<Question, keyof typeof conditions>),
    ...bound(context, "above", "amountFrom", decimals),
    ...bound(context, "below", "amountTo", decimals),
    ...bound(context, "worth-above", "valueFrom", document.valuation?.decimals),
    ...bound(context, "worth-below", "valueTo", document.valuation?.decimals),
    outside: context.on("outside"),
  };
}

const CLASSES = "own exchange vasp self-hosted contract denied client-owned one-time".split(" ");

/** One end of a range, the number itself left out. */
function bound(context: Context, option: string, field: keyof Question, decimals: number | undefined): Partial<Question> {
  const text = context.text(option);
  if (text === undefined) return {};
  if (decimals === undefined)
    fault(
      "USAGE",
      option,
      option.startsWith("worth") ? "this rulebook has no reference currency" : "name exactly one --asset with it",
    );
  const amount = amountFrom(text, decimals, option);
  if (!option.endsWith("below")) return { [field]: amount + 1n };
  if (amount === 0n) fault("USAGE", option, "nothing is below 0");
  return { [field]: amount - 1n };
}
