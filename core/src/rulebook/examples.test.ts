/** The examples of docs/spec/rulebook.md are rulebooks that can be decoded and checked, and the judgements in their tables are
 *  those of the production judgement. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { documentOf, examplesIn, type Fields } from "../../test/page.ts";
import { attempt } from "../errors.ts";
import { type Book, openBook, type Subject } from "./book.ts";
import { checkRulebook } from "./check.ts";
import { judge, quorumMet } from "./judge.ts";
import { NOTHING, OPEN } from "./open.ts";

const examples = examplesIn(fs.readFileSync(new URL("../../../docs/spec/rulebook.md", import.meta.url), "utf8"));

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

test("every action of the page is judged as it says", (t) => {
  let count = 0;
  for (const { fields, rows } of examples) {
    const book = rows.length === 0 ? null : openBook(documentOf(fields));
    for (const [it, says] of rows) {
      const [, fills, id] = /^(fills|does not fill) `([\w-]+)`$/.exec(says) ?? [];
      const rule = book?.document.rules.find((one) => one.id === id);
      if (fills !== undefined && book !== null && rule?.effect === "require") {
        const approvers = (JSON.parse(it) as string[]).map((person) => ({ person, class: "device" as const }));
        assert.equal(quorumMet(book, rule, { initiator: "tom", approvers }) ? "fills" : "does not fill", fills, it);
      } else assert.equal(sorted(wordsOf(book as Book, subjectOf(it))), sorted(says), it);
      count += 1;
    }
  }
  assert.ok(count >= 30);
  t.diagnostic(`count: rulebook page: ${count} judgements`);
});

test("every condition and demand of the language is in an example", () => {
  const used = new Set(examples.flatMap(({ fields }) => (fields["rules"] as Fields[] | undefined)?.flatMap(Object.keys) ?? []));
  const conditions = Object.keys(OPEN);
  const demands = Object.keys(NOTHING).filter((name) => name !== "effect");
  const limited = ["amountFrom", "valueFrom", "valueTo", "approvalLifeMs", "quorum"];
  const plain = new Set(["destinations", "initiatorCounts", "servedCounts"]);
  for (const name of [...conditions, ...demands, ...limited]) assert.ok(used.has(name) || plain.has(name), name);
});
