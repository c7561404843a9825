import assert from "node:assert/strict";
import { test } from "node:test";
import { ALLOW, DENY, REQUIRE, sampleRulebook } from "../../../test/sample.ts";
import { MONDAY } from "../../../test/universe.ts";
import { KINDS } from "../../chain/evm/calls.ts";
import type { Rule, Rulebook } from "../../signed/rulebook.ts";
import { openBook } from "../book.ts";
import { OPEN } from "../open.ts";
import { differenceOf } from "./difference.ts";
import { answersJson, answersTo } from "./query.ts";
import type { Action } from "./space.ts";
import { actionJson } from "./words.ts";

/** What a single allow allows, in words, with an example of each part. */
function told(rule: Partial<Rule>, change: Partial<Rulebook> = {}, more: readonly Rule[] = []): readonly (readonly string[])[] {
  const rules = [{ ...OPEN, id: "a", effect: "allow", ...rule } as Rule, ...more];
  const answers = answersTo(openBook(sampleRulebook({ createdAt: MONDAY, rules, ...change })), { ...OPEN, effect: "require" });
  return answers.flatMap(({ scope }) => scope.parts.map(({ words, exampleWords }) => [words, exampleWords]));
}
const ETH = 10n ** 18n;
const valuation = { currency: "chf", decimals: 2, sources: ["pricer"], atLeast: 1, maxAgeMs: 1, maxMovePpm: 1, moveMs: 1 };

test("every kind of action is one sentence", () => {
  const example = (kind: "pay" | "cancel" | "wallet" | "entry" | "retire") => told({ kinds: [kind] })[0]?.[1];
  assert.equal(example("pay"), "ada pays 1 eth from wallet another-wallet (hot) to another-destination (exchange)");
  assert.equal(
    told({ kinds: ["call"], methods: ["deposit(uint256)"] })[0]?.[1],
    "ada calls deposit(uint256) of another-destination with nothing from wallet another-wallet (hot)",
  );
  const unlimited = told({ kinds: ["call"], methods: ["unlimited allowance"], assets: ["eth"], amountFrom: 1n });
  assert.match(unlimited[0]?.[0] ?? "", /^call; above 0 eth; calling approve\(address,uint256\) \(unlimited allowance\), /);
  assert.match(unlimited[0]?.[1] ?? "", /^ada calls approve\(address,uint256\) \(unlimited allowance\) of .* with 1 eth from /);
  assert.equal(example("cancel"), "ada cancels a payment of wallet another-wallet (hot) on anvil");
  assert.equal(example("wallet"), "ada opens wallet another-wallet (hot) on anvil");
  assert.equal(example("entry"), "ada enters another-destination (exchange) on anvil into the address book");
  assert.equal(example("retire"), "ada ends the address-book entry another-destination (exchange) on anvil");
  assert.deepEqual(
    told({}).map(([words]) => words),
    ["any but call", "call; calling nothing dangerous"],
  );
});

test("calls are told by what is called, and all calls only where every kind is named", () => {
  const all: Rule = { ...OPEN, id: "b", effect: "allow", kinds: ["call"], methods: [...KINDS] };
  assert.deepEqual(
    told({}, {}, [all]).map(([words]) => words),
    ["everything"],
  );
  const named = told({ kinds: ["call"], methods: ["another()"] });
  assert.equal(named[0]?.[0], "call; calling another()");
  const rules: readonly Rule[] = [{ ...all, methods: ["another()"] }];
  const [answer] = answersTo(openBook(sampleRulebook({ rules })), { ...OPEN, effect: "require" });
  const [part] = answer?.scope.parts ?? [];
  assert.deepEqual(part?.json["method"], [{ method: ["another()"] }]);
  assert.deepEqual((actionJson(part?.example as Action) as { method: unknown }).method, ["another()"]);
});

test("client, unit, value and moment are told where rules ask for them", () => {
  const rule: Partial<Rule> = {
    kinds: ["pay"],
    clients: ["acme"],
    units: ["desk"],
    valueFrom: 100n,
    times: [{ calendar: "utc", days: ["tuesday"], from: 0, to: 60 }],
  };
  const calendars = [{ id: "utc", offset: 0, changes: [], until: MONDAY * 2 }];
  assert.deepEqual(told(rule, { units: [{ id: "desk" }], calendars, valuation }), [
    [
      "pay; of unit desk; of client acme; worth from 1 chf; at moments like Tuesday 2026-11-24 00:00:00 UTC",
      "ada pays 1 eth worth 1 chf from wallet another-wallet (hot, client acme, unit desk) to another-destination (exchange)" +
        " on Tuesday 2026-11-24 00:00:00 UTC",
    ],
  ]);
});

test("amounts are told with the rounder ends", () => {
  const words = (from: bigint | undefined, to: bigint | undefined) =>
    told({
      kinds: ["pay"],
      assets: ["eth"],
      ...(from !== undefined && { amountFrom: from }),
      ...(to !== undefined && { amountTo: to }),
    })
      .map(([line]) => line)
      .join();
  assert.equal(words(5n * ETH, undefined), "pay; from 5 eth");
  assert.equal(words(5n * ETH + 1n, undefined), "pay; above 5 eth");
  assert.equal(words(undefined, 5n * ETH), "pay; up to 5 eth");
  assert.equal(words(2n * ETH, 5n * ETH - 1n), "pay; from 2 eth and below 5 eth");
  assert.equal(words(0n, undefined), "pay; eth");
  const deny: Rule = { ...DENY, classes: "any", assets: ["eth"], amountFrom: 2n * ETH, amountTo: 3n * ETH };
  assert.deepEqual(
    told({ kinds: ["pay"], assets: ["eth"] }, {}, [deny]).map(([line]) => line),
    ["pay; below 2 eth, above 3 eth"],
  );
});

test("values are told with what nobody states", () => {
  const deny: Rule = { ...DENY, classes: "any", kinds: ["pay"], valueFrom: 500n };
  const allow: Rule = { ...ALLOW, valueTo: 0n };
  const lines = told({ kinds: ["pay"], initiators: ["officers"] }, { valuation }, [allow, deny]).map(([line]) => line);
  assert.deepEqual(lines, [
    "pay; by tom, tina, olga, otto; worth up to 0 chf",
    "pay; by olga, otto; worth above 0 chf and below 5 chf",
  ]);
  const gone = differenceOf(
    openBook(sampleRulebook({ valuation, rules: [ALLOW] })),
    openBook(sampleRulebook({ valuation, rules: [ALLOW, { ...deny, valueFrom: 0n }] })),
  );
  assert.deepEqual(
    gone.refused.parts.map(({ words }) => words),
    ["pay; by tom, tina"],
  );
});

test("all of a list is told as any of it", () => {
  const units = [{ id: "desk" }, { id: "hall" }];
  assert.equal(told({ kinds: ["pay"], units: ["desk", "hall"] }, { units })[0]?.[0], "pay; of any unit");
  const asks: Rule = { ...REQUIRE, valueFrom: 0n };
  assert.equal(told({ kinds: ["pay"] }, { valuation }, [asks])[0]?.[0], "pay; with a value that is stated");
  const gone = differenceOf(
    openBook(sampleRulebook({ valuation, rules: [ALLOW, { ...DENY, classes: "any", kinds: ["pay"], valueFrom: 500n }] })),
    openBook(sampleRulebook({ rules: [ALLOW] })),
  );
  assert.deepEqual(
    gone.allowed.parts.map(({ words }) => words),
    ["pay; by tom, tina; worth from 500 in the other rulebook's currency, an amount that nobody states"],
  );
});

test("many names are told in part, and most names by what is left out", () => {
  const names = Array.from({ length: 20 }, (_, at) => `shop-${at}`);
  const first = names.slice(0, 12).join(", ");
  const [line] = told({ kinds: ["pay"], destinations: names });
  assert.equal(line?.[0], `pay; to ${first} and 8 more`);
  const deny: Rule = { ...DENY, classes: "any", kinds: ["pay"], destinations: ["shop-1", "shop-2"] };
  assert.deepEqual(
    told({ kinds: ["pay"] }, {}, [deny]).map(([words]) => words),
    ["pay; to any but shop-1, shop-2"],
  );
  const outside: Rule = { ...DENY, kinds: ["pay"], classes: ["one-time", "own", "client-owned"] };
  assert.deepEqual(
    told({ kinds: ["pay"], clients: ["acme"] }, {}, [outside]).map(([words]) => words),
    ["pay; to class exchange, vasp, self-hosted, contract; of client acme"],
  );
  const thirteen = told({ kinds: ["pay"], destinations: names.slice(0, 13) });
  assert.equal(thirteen[0]?.[0], `pay; to ${first}, shop-12`);
});

test("what is left out may be what has no name", () => {
  const deny: Rule = { ...DENY, classes: "any", kinds: ["pay"], clients: ["acme"] };
  assert.deepEqual(
    told({ kinds: ["pay"] }, {}, [deny]).map(([words]) => words),
    ["pay; of client any but acme"],
  );
  const aged: Rule = { ...REQUIRE, kinds: ["pay"], destinations: ["shop"] };
  assert.deepEqual(
    told({ kinds: ["pay"], classes: ["own"] }, {}, [aged]).map(([words]) => words),
    ["pay; to class own; to shop", "pay; to class own; to any but shop"],
  );
});

test("a name that means all others is none that a rule gives", () => {
  const deny: Rule = { ...DENY, classes: "any", kinds: ["pay"], wallets: ["another-wallet", "another-another-wallet"] };
  const [line] = told({ kinds: ["pay"] }, {}, [deny]);
  assert.equal(line?.[0], "pay; from wallet any but another-wallet, another-another-wallet");
  assert.match(line?.[1] ?? "", / from wallet another-another-another-wallet \(hot\) /);
});

test("units of one book only are none in the other", () => {
  const rule: Rule = { ...ALLOW, units: ["desk"] };
  const { allowed, refused } = differenceOf(
    openBook(sampleRulebook({ units: [{ id: "desk" }, { id: "hall", parent: "desk" }], rules: [rule] })),
    openBook(sampleRulebook({ units: [{ id: "desk" }], rules: [rule] })),
  );
  assert.deepEqual([allowed.parts, refused.parts.map(({ words }) => words)], [[], ["pay; by tom, tina; of unit hall"]]);
});

test("as JSON, amounts are text and all other names have a word", () => {
  const rules: readonly Rule[] = [
    { ...ALLOW, assets: ["eth"], amountFrom: 5n, valueFrom: 3n, wallets: ["hall"], clients: ["acme"] },
  ];
  const book = openBook(sampleRulebook({ createdAt: MONDAY, rules, valuation }));
  const [answer] = answersJson(answersTo(book, { ...OPEN, effect: "require" })) as readonly { readonly scope: unknown }[];
  const to = (2n ** 256n - 1n).toString();
  assert.deepEqual(answer?.scope, {
    parts: [
      {
        box: {
          kind: [{ kind: "pay" }],
          money: [{ asset: "eth", chain: 31337, from: "5", to }],
          initiator: [{ initiator: "tom" }, { initiator: "tina" }],
          client: [{ client: "acme" }],
          wallet: [{ wallet: "hall" }],
          value: [{ from: "3", to }],
        },
        example: {
          kind: "pay",
          asset: "eth",
          chain: 31337,
          amount: ETH.toString(),
          class: "exchange",
          walletClass: "hot",
          initiator: "tom",
          client: "acme",
          wallet: "hall",
          value: "100",
          destination: "another-destination",
          at: MONDAY,
        },
      },
    ],
    complete: true,
  });
});
