import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ALLOW, DENY, REQUIRE, sampleRulebook } from "../../../test/sample.ts";
import { books, isAllowed, isEnrolled, isInScope, universes } from "../../../test/universe.ts";
import type { Rule } from "../../signed/rulebook.ts";
import { openBook } from "../book.ts";
import { OPEN } from "../open.ts";
import { answersJson, answersTo, type Question } from "./query.ts";

const ALL: Question = { ...OPEN, effect: "require" };

test("answers hold exactly the allowed actions that the question is about", () => {
  const questions: fc.Arbitrary<Question> = fc.constantFrom(
    { ...ALL, kinds: ["pay"], assets: ["eth"], amountFrom: 5n, outside: true },
    { ...ALL, classes: ["exchange"], units: ["bank"] },
    { ...ALL, persons: ["tom"], wallets: ["hall"], valueTo: 4n },
  );
  let seen = 0;
  const property = fc.property(books, questions, universes, (book, question, universe) => {
    const answers = answersTo(book, question);
    const parts = answers.flatMap(({ scope }) => scope.parts);
    for (const action of universe.filter((one) => isEnrolled(book, one))) {
      const { units, persons, assets, classes, wallets } = question;
      const asked =
        (question.outside !== true || action.destination === undefined) &&
        (assets === "any" || (action.kind === "pay" && action.asset === "eth" && (action.amount as bigint) >= 5n)) &&
        (classes === "any" || action.class === "exchange") &&
        (units === "any" || (action.unit !== undefined && book.unitsOf.get(action.unit)?.includes("bank") === true)) &&
        (persons === "any" || action.initiator === "tom") &&
        (wallets === "any" || (action.wallet === "hall" && action.value !== undefined && action.value <= 4n));
      const expected = asked && isAllowed(book, action);
      assert.equal(isInScope(parts, action, [book]), expected);
      seen += expected ? 1 : 0;
      const mine = answers.filter(({ scope }) => isInScope(scope.parts, action, [book]));
      for (const { initiators } of mine) assert.ok(initiators.includes(action.initiator));
    }
  });
  fc.assert(property, { numRuns: 100 });
  assert.ok(seen > 20, `only ${seen} actions were asked about and allowed`);
});

const rules: readonly Rule[] = [
  ALLOW,
  DENY,
  REQUIRE,
  { ...REQUIRE, id: "once", classes: ["one-time"], delayMs: 3_600_000, quorum: { type: "group", group: "officers", count: 1 } },
];
const book = openBook(sampleRulebook({ rules }));

test("who can pay how much outside the book, and what it takes", () => {
  const outside = { ...ALL, kinds: ["pay"], assets: ["eth"], amountFrom: 5n * 10n ** 18n + 1n, outside: true } as const;
  const answers = answersTo(book, { ...outside, classes: ["one-time"] });
  assert.deepEqual(
    answers.map(({ initiators, takes, scope }) => [initiators, takes, scope.parts[0]?.words]),
    [
      [
        ["tom", "tina"],
        [
          "2 of approvers, initiator excluded (rules.require)",
          "1 of officers, initiator excluded (rules.once)",
          "after 1 h (rules.once)",
        ],
        "pay; above 5 eth; to class one-time; by tom, tina",
      ],
    ],
  );
  const example =
    "tom pays 5.000000000000000001 eth from wallet another-wallet (hot) to an address that is not in the address book";
  assert.equal(answers[0]?.scope.parts[0]?.exampleWords, `${example} (one-time)`);
  assert.deepEqual(answersTo(book, { ...outside, persons: ["olga"] }), []);
});

test("answers of too many kinds are told as one, and all of them as JSON", () => {
  const answers = answersTo(book, { ...ALL, kinds: ["pay"] }, 1);
  assert.deepEqual(
    answers.map(({ more, takes }) => [more, takes.length]),
    [
      [undefined, 3],
      [true, 0],
    ],
  );
  const json = answersJson(answers) as readonly { readonly initiators: readonly string[] }[];
  assert.deepEqual(json[1]?.initiators, ["tom", "tina"]);
});
