/** docs/rulebook.schema.json against ajv, an independent validator: it takes exactly the documents that `fromJson` takes. Where
 *  the two differ is the last test. What only `checkRulebook` and the encoding know (names that lead nowhere, sizes in bytes,
 *  depth) neither of them judges. */
import assert from "node:assert/strict";
import fs from "node:fs";
import { test } from "node:test";
import { attempt, type Result } from "@strongroom/core/errors";
import type { Json } from "@strongroom/core/signed/codec";
import type { Nonce } from "@strongroom/core/signed/fields";
import { fromJson } from "@strongroom/core/signed/object";
import { Rulebook } from "@strongroom/core/signed/rulebook";
import { Ajv2020 } from "ajv/dist/2020.js";
import fc from "fast-check";
import { demoRulebook, PERSONS, SOURCES } from "../../cli/src/demo/rulebook.ts";
import { examplesIn, jsonOf } from "../../core/test/page.ts";

const FIXED = { seed: 7_702, numRuns: 4_000 };

const textOf = (name: string) => fs.readFileSync(new URL(`../../docs/${name}`, import.meta.url), "utf8");
const fileOf = (name: string): unknown => JSON.parse(textOf(name));
const ajv = new Ajv2020({ strict: true });
const schema = fileOf("rulebook.schema.json") as object;
const validate = ajv.compile(schema);
const read = (json: unknown): Result<Rulebook> => attempt(() => fromJson(Rulebook, json));

const demonstration = demoRulebook(
  {
    version: 1,
    institution: "Test",
    demonstration: true,
    createdAt: 1,
    vaultKey: "11".repeat(32),
    administrators: [{ person: "ada", scheme: "ed25519", publicKey: "22".repeat(32) }],
    threshold: 2,
    nonce: "00".repeat(16) as Nonce,
  },
  new Map([...PERSONS, ...SOURCES].map((name) => [name, new Uint8Array(32)])),
);
const BOOK = fileOf("examples/rulebook.json");
const VALID: readonly unknown[] = [
  BOOK,
  fileOf("examples/rulebook-draft.json"),
  JSON.parse(JSON.stringify(Rulebook.shape.toJson(demonstration))),
  ...examplesIn(textOf("spec/rulebook.md")).map(({ fields }) => jsonOf(fields)),
];

type Path = readonly (string | number)[];
type Part = { [name: string | number]: unknown };
/** No value: the field is taken away. */
const GONE = Symbol("gone");

/** A copy with another value at `path`. */
function altered(document: unknown, path: Path, value: unknown): unknown {
  const copy = structuredClone(document) as Part;
  const parent = path.slice(0, -1).reduce<Part>((part, step) => part[step] as Part, copy);
  const last = path.at(-1) as string | number;
  if (value !== GONE) Object.defineProperty(parent, last, { value, enumerable: true, configurable: true, writable: true });
  else if (Array.isArray(parent)) parent.splice(Number(last), 1);
  else delete parent[last];
  return copy;
}

const many = (count: number, value: Json = "x"): Json[] => Array.from({ length: count }, () => value);
const branch = (...of: Json[]): Json => ({ type: "anyOf", of });
const seat: Json = { type: "group", group: "approvers", count: 1 };

/** Where the small bank's rulebook is spoilt, with what, and the code and field of the refusal. */
const INVALID: readonly (readonly [at: string, value: unknown, code: string, field?: string])[] = [
  ["rules.0.kinds", GONE, "MISSING_FIELD"],
  ["rules.0.methods", GONE, "MISSING_FIELD"],
  ["governance", GONE, "MISSING_FIELD"],
  ["rules.0.effect", GONE, "BAD_VALUE"],
  ["rules.0.colour", "red", "UNKNOWN_FIELD"],
  ["rules.0.delayMs", 5, "UNKNOWN_FIELD"],
  ["comment", "ours", "UNKNOWN_FIELD"],
  ["__proto__", {}, "UNKNOWN_FIELD"],
  ["chains.0.maxFee", 5, "BAD_VALUE"],
  ["chains.0.maxFee", "-1", "BAD_VALUE"],
  ["chains.0.maxFee", "01", "BAD_VALUE"],
  ["chains.0.maxFee", "0x10", "BAD_VALUE"],
  ["limits.0.most", "1.5", "BAD_VALUE"],
  ["limits.0.most", "1".repeat(79), "BAD_VALUE"],
  ["rules.0.kinds", ["payment"], "BAD_VALUE", "rules.0.kinds.0"],
  ["rules.0.kinds", ["any"], "BAD_VALUE", "rules.0.kinds.0"],
  ["rules.0.kinds", [], "BAD_VALUE"],
  ["rules.0.kinds", "pay", "BAD_VALUE"],
  ["rules.0.kinds", many(17, "pay"), "TOO_LARGE"],
  ["rules.0.assets", many(257), "TOO_LARGE"],
  ["rules.0.effect", "permit", "BAD_VALUE"],
  ["limits.0.window.type", "sliding", "BAD_VALUE"],
  ["limits.0.window.period", "day", "UNKNOWN_FIELD"],
  ["limits.0.level", "person", "BAD_VALUE"],
  ["persons.0.id", "", "BAD_VALUE"],
  ["persons.0.id", "Anna", "BAD_VALUE"],
  ["persons.0.id", "-anna", "BAD_VALUE"],
  ["persons.0.id", "anna\n", "BAD_VALUE"],
  ["persons.0.id", "a".repeat(33), "TOO_LARGE"],
  ["persons.0.keys", [], "BAD_VALUE"],
  ["persons.0.keys.0.publicKey", "ab".repeat(31), "BAD_VALUE"],
  ["persons.0.keys.0.publicKey", "ab".repeat(34), "TOO_LARGE"],
  ["persons.0.keys.0.publicKey", "a".repeat(65), "BAD_VALUE"],
  ["persons.0.keys.0.synced", 1, "BAD_VALUE"],
  ["persons.0.keys.0.origin", "https://bänk.example", "BAD_VALUE"],
  ["persons.0.keys.0.origin", null, "BAD_VALUE"],
  ["deployment", "AB".repeat(32), "BAD_VALUE"],
  ["base", `0x${"ab".repeat(31)}`, "BAD_VALUE"],
  ["version", 2, "BAD_VALUE"],
  ["createdAt", "2026-11-23T00:00:00Z", "BAD_VALUE"],
  ["createdAt", 253_402_300_800_000, "BAD_VALUE"],
  ["epoch", -1, "BAD_VALUE"],
  ["epoch", 2 ** 53, "BAD_VALUE"],
  ["assets.0.decimals", 1.5, "BAD_VALUE"],
  ["assets.0.chain", 0, "BAD_VALUE"],
  ["chains", {}, "BAD_VALUE"],
  ["chains.0.finality", many(9), "TOO_LARGE"],
  ["calendars.0.offset", 1_441, "BAD_VALUE"],
  ["calendars.0.offset", 1e-20, "BAD_VALUE"],
  ["governance.unfreeze", branch(), "BAD_VALUE", "governance.unfreeze.of"],
  ["governance.unfreeze", branch(...many(9, seat)), "TOO_LARGE", "governance.unfreeze.of"],
  [
    "governance.unfreeze",
    branch(seat, branch({ type: "group", group: "a" })),
    "MISSING_FIELD",
    "governance.unfreeze.of.1.of.0.count",
  ],
  ["governance.unfreeze", branch({ type: "nOf", of: [seat] }), "BAD_VALUE", "governance.unfreeze.of.0.type"],
  ["governance.unfreeze", "nobody", "BAD_VALUE"],
];

test("the schema is one of draft 2020-12", () => {
  assert.equal(ajv.validateSchema(schema), true, ajv.errorsText());
  assert.equal(ajv.validateSchema({ ...schema, type: "objekt" }), false);
});

test("the schema takes every rulebook of the documents and that of the demonstration", (t) => {
  for (const document of VALID) {
    assert.ok(validate(document), ajv.errorsText(validate.errors));
    assert.ok(read(document).ok);
  }
  assert.ok(VALID.length >= 20);
  t.diagnostic(`count: rulebook schema: ${VALID.length} valid documents`);
});

test("the schema and fromJson refuse the same spoilt documents", (t) => {
  for (const [at, value, code, field = at] of INVALID) {
    const document = altered(BOOK, at.split("."), value);
    assert.equal(validate(document), false, at);
    const found = read(document);
    assert.equal(found.ok ? "" : `${found.code} ${found.field}`, `${code} rulebook.${field}`);
  }
  for (const document of [null, [], "rulebook", 1, {}, [BOOK], { rulebook: BOOK }]) {
    assert.equal(validate(document), false);
    assert.equal(read(document).ok, false);
  }
  assert.ok(INVALID.length >= VALID.length);
  t.diagnostic(`count: rulebook schema: ${INVALID.length + 7} invalid documents`);
});

/** What stands at a path, spoilt or not. `other` is what stands elsewhere. */
function changesOf(value: unknown, other: unknown): readonly unknown[] {
  const always = [
    GONE,
    null,
    {},
    [],
    [value],
    "",
    "any",
    "x",
    "X",
    "x\n",
    "ü",
    "0",
    "7",
    "-7",
    "07",
    true,
    0,
    -0,
    1,
    -1,
    other,
  ];
  if (typeof value === "number")
    return [...always, value + 1, -value, value * 2, value / 2, value + 0.5, 2 ** 53, 1e300, 1e-20];
  if (typeof value === "string")
    return [...always, `${value}0`, value.slice(1), value.toUpperCase(), value.repeat(2), `${value} `, value.padEnd(33, "0")];
  if (!Array.isArray(value)) return [...always, { ...(value as object), more: other }, { ...(other as object) }];
  return [
    ...always,
    ...[1, 3, 8, 16, 64, 256].map((times) => Array.from({ length: times }, () => value).flat()),
    [...value, other],
  ];
}

/** A way into the document: at every map or list on to one of its parts, or an end. */
function pathFrom(document: unknown, turns: readonly number[]): Path {
  const path: (string | number)[] = [];
  let part = document;
  for (const turn of turns) {
    const names = typeof part === "object" && part !== null ? Object.keys(part) : [];
    const name = names[turn % Math.max(names.length, 1)];
    if (name === undefined) break;
    path.push(name);
    part = (part as Part)[name];
  }
  return path;
}

const at = (document: unknown, path: Path) => path.reduce<unknown>((part, step) => (part as Part)[step], document);
const way = fc.array(fc.nat(9_999), { minLength: 1, maxLength: 6 });
const mutation = fc.record({ document: fc.constantFrom(...VALID), way, otherWay: way, which: fc.nat(9_999) });

test("of a document with any one place changed, the schema and fromJson say the same", (t) => {
  const count = { taken: 0, refused: 0 };
  const property = fc.property(mutation, ({ document, way, otherWay, which }) => {
    const path = pathFrom(document, way);
    const changes = changesOf(at(document, path), at(document, pathFrom(document, otherWay)));
    const changed = altered(document, path, changes[which % changes.length]);
    const { ok } = read(changed);
    assert.equal(validate(changed), ok, path.join("."));
    count[ok ? "taken" : "refused"] += 1;
  });
  fc.assert(property, FIXED);
  assert.ok(count.taken >= 300 && count.refused >= 1_000, JSON.stringify(count));
  t.diagnostic(`count: rulebook schema: ${count.taken} changed documents taken by both, ${count.refused} refused by both`);
});

test("the one difference: amounts of 78 digits from 2^256 on pass the schema", () => {
  for (const [most, fits] of [
    [2n ** 256n - 1n, true],
    [2n ** 256n, false],
    [10n ** 78n - 1n, false],
  ] as const) {
    const document = altered(BOOK, ["limits", 0, "most"], most.toString());
    assert.equal(validate(document), true);
    assert.equal(read(document).ok, fits);
  }
});
