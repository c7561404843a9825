/** The examples of docs/spec/rulebook.md are rulebooks that can be decoded and checked, and the judgements in their tables are
 *  those of the production judgement. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { changed, type Example, examplesIn, type Fields, jsonOf } from "../../test/page.ts";
import { attempt } from "../errors.ts";
import { flag, type Json, type Shape } from "../signed/codec.ts";
import { type Requirement, Rulebook } from "../signed/rulebook.ts";
import type { Line } from "../signed/table.ts";
import { type Book, openBook, type Subject } from "./book.ts";
import { onlyTightens } from "./change.ts";
import { checkRulebook } from "./check.ts";
import { type Approver, judge, quorumMet } from "./judge.ts";

const examples = examplesIn(fs.readFileSync(new URL("../../../docs/spec/rulebook.md", import.meta.url), "utf8"));

const documentOf = (fields: Fields): Rulebook => Rulebook.shape.fromJson(jsonOf(fields));

function subjectOf(text: string): Subject {
  const { amount, value, when, ...rest } = JSON.parse(text) as { [name: string]: string } & { when?: [string, string] };
  const [lo, hi] = when === undefined ? [0, 0] : when.map((moment: string) => Date.parse(moment));
  const numbers = {
    ...(amount !== undefined && { amount: BigInt(amount) }),
    ...(value !== undefined && { value: BigInt(value) }),
  };
  return { ...rest, ...numbers, when: { lo, hi } } as unknown as Subject;
}

/** A judgement in the page's own words. */
function wordsOf(book: Book, subject: Subject): string {
  const { denies, allows, requirements, unvalued } = judge(book, subject);
  const names = (ids: readonly string[]) => [...ids].map((id) => `\`${id}\``).join(", ");
  if (denies.length > 0) return `\`DENIED\` by ${names(denies)}`;
  if (unvalued !== undefined) return `\`FACT_MISSING\` at \`${unvalued}\``;
  if (allows.length === 0) return "`NOT_ALLOWED`";
  const binds = requirements.map(({ id }) => id);
  return `allowed by ${names(allows)}${binds.length === 0 ? "" : `; binds ${names(binds)}`}`;
}

/** The names in a sentence sorted, because the order of rules means nothing. */
const sorted = (words: string) =>
  words
    .split("; ")
    .map((part) => `${part.replace(/`[^`]*`/g, "")} ${[...part.matchAll(/`[^`]*`/g)].map(String).sort().join()}`)
    .join();

test("every example of the page is decoded and checked", (t) => {
  assert.ok(examples.length >= 20);
  for (const { fields, refusal } of examples) {
    const checked = attempt(() => checkRulebook(documentOf(fields)));
    assert.equal(checked.ok ? null : `${checked.code} ${checked.field}`, refusal, JSON.stringify(fields));
  }
  t.diagnostic(`count: rulebook page: ${examples.length} examples checked`);
});

/** What the page says of a row, in the code's own judgement; null when a vault has to say it (test/vault). */
function judged({ fields, asked }: Example, it: string, says: string): string | null {
  const book = openBook(documentOf(fields));
  if (asked === "action") return sorted(wordsOf(book, subjectOf(it)));
  if (asked === "approvers") {
    const [, id = ""] = /`([\w-]+)`$/.exec(says) ?? [];
    const rule = book.document.rules.find((one) => one.id === id) as Requirement;
    const approvers = (JSON.parse(it) as string[]).map((approver): Approver => {
      const [person = "", served] = approver.split(" with ");
      return { person, class: served === undefined ? "device" : "served" };
    });
    return `${quorumMet(book, rule, { initiator: "tom", approvers }) ? "fills" : "does not fill"} \`${id}\``;
  }
  if (asked !== "change") return null;
  const next = Rulebook.shape.fromJson({ ...changed(jsonOf(fields), JSON.parse(it) as Fields), epoch: 2 });
  checkRulebook(next);
  return onlyTightens(book.document, next) ? "holds at once" : "waits";
}

test("every action, every approval and every change of the page is judged as it says", (t) => {
  const count: { [asked: string]: number } = {};
  for (const example of examples) {
    for (const [it, says] of example.rows) {
      const found = judged(example, it, says);
      if (found !== null) assert.equal(found, example.asked === "action" ? sorted(says) : says, it);
      if (found !== null) count[`${example.asked}`] = (count[`${example.asked}`] ?? 0) + 1;
    }
  }
  const { action = 0, approvers = 0, change = 0 } = count;
  assert.ok(action >= 30 && approvers >= 12 && change >= 10, JSON.stringify(count));
  t.diagnostic(`count: rulebook page: ${action} actions, ${approvers} approvals, ${change} changes judged`);
});

type Node = Shape<unknown> & { readonly lines?: readonly Line[]; readonly kinds?: ReadonlyMap<string, readonly Line[]> };

/** Every rule's field and every word of every choice in the tables, with the path that leads there; a map that comes again,
 *  as in a tree of quorums, under its first path only. */
function* sayable(shape: Node, path: string, seen: Set<Node>): Generator<string> {
  if (seen.has(shape)) return;
  const inner = shape.inner?.() as Node | undefined;
  if (inner !== undefined) yield* sayable(inner, path, seen);
  const lines = [...(shape.kinds?.values() ?? []), shape.lines ?? []].flat();
  if (lines.length > 0) seen.add(shape);
  for (const line of lines) {
    const below = `${path}.${line.name}`;
    if (/^\.rules\.\w+$/.test(below)) yield below;
    yield* sayable(line.shape as Node, below, seen);
  }
  const isChoice = /^\d+ [\w-]+(, \d+ [\w-]+)*$/.test(shape.words) && shape !== flag;
  if (isChoice) for (const word of shape.words.split(", ")) yield `${path} ${word.replace(/^\d+ /, "")}`;
}

/** What an example says, by the same paths. */
function* said(json: Json, path: string): Generator<string> {
  yield path;
  if (typeof json !== "object") yield `${path} ${json}`;
  else if (Array.isArray(json)) for (const item of json) yield* said(item, path);
  else for (const [name, part] of Object.entries(json)) yield* said(part, name === "of" ? path : `${path}.${name}`);
}

test("every field of rules and every word of every choice of the language is in an example", (t) => {
  const shown = new Set(examples.flatMap(({ fields }) => [...said(fields, "")]));
  const all = new Set(sayable(Rulebook.shape as Node, "", new Set()));
  assert.deepEqual(
    [...all].filter((one) => !shown.has(one)),
    [],
  );
  assert.ok(all.size >= 95, `${all.size}`);
  t.diagnostic(`count: rulebook page: ${all.size} fields of rules and words of choices shown`);
});
