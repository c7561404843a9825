import assert from "node:assert/strict";
import { test } from "node:test";
import { DENY, deviceKey, hashOf, PERSONS, sampleRulebook } from "../../test/sample.ts";
import { openBook } from "../rulebook/book.ts";
import { encode, idOf } from "../signed/object.ts";
import { Rulebook } from "../signed/rulebook.ts";
import { renderChange } from "./change.ts";

const current = openBook(sampleRulebook());
const next = (change: Partial<Rulebook>): Rulebook => ({ ...sampleRulebook(), epoch: 2, base: hashOf("base"), ...change });

test("a change shows what goes, what comes and what becomes different, long lines folded", () => {
  const { rules, limits } = sampleRulebook();
  const [day, week] = limits as [Rulebook["limits"][number], Rulebook["limits"][number]];
  const changed = next({ rules: [...rules.slice(1), { ...DENY, id: "new" }], limits: [week, { ...day, most: 5n }] });
  const expected = [
    "DEMONSTRATION - no real value",
    "CHANGE OF THE RULEBOOK TO EPOCH 2",
    `id ${idOf(Rulebook, encode(Rulebook, changed))}`,
    '- base: "aee50b18a03c89e4883a5acadf5c8614dd7fd2f111c3b616e1a8d6427edc3e3f"',
    '+ base: "cae662172fd450bb0cd710a769079c05bfc5d8e35efa6576edc7d0377afdd4a2"',
    "- epoch: 1",
    "+ epoch: 2",
    '- limits day: {"id":"day","measure":"amount","level":"institution","assets":',
    '    ["eth"],"most":"1000","window":{"type":"rolling","ms":86400000}}',
    '+ limits day: {"id":"day","measure":"amount","level":"institution","assets":',
    '    ["eth"],"most":"5","window":{"type":"rolling","ms":86400000}}',
    '- rules allow: {"id":"allow","effect":"allow","kinds":["pay"],"chains":"any"',
    '    ,"assets":"any","wallets":"any","destinations":"any","classes":"any","initia',
    '    tors":["traders"],"units":"any","clients":"any","walletClasses":"any","perso',
    '    ns":"any","times":"any","methods":"any"}',
    '+ rules new: {"id":"new","effect":"deny","kinds":"any","chains":"any","asset',
    '    s":"any","wallets":"any","destinations":"any","classes":["contract"],"initia',
    '    tors":"any","units":"any","clients":"any","walletClasses":"any","persons":"a',
    '    ny","times":"any","methods":"any"}',
    "DEMONSTRATION - no real value",
  ];
  assert.deepEqual(renderChange(current, changed).split("\n"), expected);
});

test("the mark is that of the new rulebook, and no line is wider than 80 columns", () => {
  const persons = [...PERSONS, { id: "max", keys: [deviceKey("max")] }];
  const text = renderChange(current, next({ demonstration: false, persons }));
  assert.ok(text.startsWith("CHANGE OF THE RULEBOOK TO EPOCH 2\n"));
  assert.ok(text.includes('\n+ persons max: {"id":"max"'));
  assert.ok(text.split("\n").every((line) => line.length <= 80));
});

test("every item has a line of its own: a change of any section shows", () => {
  const book = sampleRulebook();
  const sections = ["chains", "assets", "persons", "groups", "sources", "rules", "limits"] as const;
  for (const section of sections) {
    const text = renderChange(
      current,
      next({ [section]: (book[section] as readonly unknown[]).slice(1) } as Partial<Rulebook>),
    );
    assert.match(text, new RegExp(`\\n- ${section} `), section);
  }
  const governance = { ...book.governance, threshold: 1 };
  assert.match(renderChange(current, next({ governance })), /\n\+ governance: /);
});

test("two rulebooks never have one text, even where only the order differs", () => {
  const { rules } = sampleRulebook();
  assert.notEqual(renderChange(current, next({})), renderChange(current, next({ rules: [...rules].reverse() })));
});
