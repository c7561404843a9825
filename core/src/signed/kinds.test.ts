import assert from "node:assert/strict";
import { generateKeyPairSync, sign, verify } from "node:crypto";
import fs from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { Leaf } from "../audit/leaf.ts";
import { type Hash, toHex } from "../bytes.ts";
import { MAP, UINT, Writer } from "../cbor.ts";
import { attempt } from "../errors.ts";
import { Record as JournalRecord } from "../journal/record.ts";
import * as protocol from "../protocol/command.ts";
import { ExplanationBody } from "../protocol/explanation.ts";
import { Approval } from "./approval.ts";
import { Attestation } from "./attestation.ts";
import { Checkpoint } from "./checkpoint.ts";
import type { Shape } from "./codec.ts";
import { Entry } from "./entry.ts";
import { Fact, SUBJECT } from "./fact.ts";
import { Genesis } from "./genesis.ts";
import { Head, Start } from "./head.ts";
import { Intent } from "./intent.ts";
import { challengeOf, decode, encode, fromJson, idOf, type Kind, Signed, toJson } from "./object.ts";
import { Receipt } from "./receipt.ts";
import { Rulebook } from "./rulebook.ts";
import type { Line } from "./table.ts";

type Loose = { readonly [name: string]: unknown };
type AnyKind = Kind<Loose>;

const SIGNED = [Genesis, Intent, Approval, Rulebook, Entry, Fact, Attestation, Receipt, Head, Start, Checkpoint];
const { Command, StatusBody, ExecutionBody, FreezeBody, DelayBody, GivenUpBody, WalletBody, CheckpointBody, ProtectionsBody } =
  protocol;
const BODIES = [
  ...[StatusBody, ExecutionBody, FreezeBody, DelayBody, GivenUpBody, WalletBody, CheckpointBody, ProtectionsBody],
  ExplanationBody,
];
const ALL = [...SIGNED, Signed, Leaf, Command, JournalRecord, ...BODIES] as unknown as readonly AnyKind[];

/** Whether the shape stands for another one by name, so that the tree may go on for ever. */
const isName = ({ inner, words }: Shape<unknown>) => inner !== undefined && !/^(list \d+…\d+ of \(|"any", or )/.test(words);

/** Values of a shape from nothing but the words that docs/spec prints: so the words say enough to write sound objects. */
function arbitrary(shape: Shape<unknown>, budget = 2): fc.Arbitrary<unknown> {
  if ("lines" in shape) return fromLines(shape.lines as readonly Line[], budget);
  if ("kinds" in shape) return fc.oneof(...variants(shape, budget).map(({ tag, lines }) => fromLines(lines, budget, tag)));
  const { words } = shape;
  if (words.startsWith('"any", or ')) return fc.oneof(fc.constant("any"), arbitrary(inner(shape), budget));
  const [, least, most] = /^list (\d+)…(\d+) of \(/.exec(words) ?? [];
  if (most !== undefined) {
    const minLength = Number(least);
    return fc.array(arbitrary(inner(shape), budget), { minLength, maxLength: Math.min(Number(most), minLength + 2) });
  }
  return shape.inner === undefined ? leaf(words) : arbitrary(inner(shape), budget - 1);
}

function inner(shape: Shape<unknown>): Shape<unknown> {
  return (shape.inner as () => Shape<unknown>)();
}

type Tag = { readonly name: string; readonly word: string };
type Variant = { readonly tag?: Tag; readonly lines: readonly Line[] };

/** The kinds of a variant; when the budget is spent, only those that end. */
function variants(shape: Shape<unknown>, budget: number): readonly Variant[] {
  const { kinds } = shape as unknown as { kinds: ReadonlyMap<string, readonly Line[]> };
  const [, name = ""] = /^map, by (\w+): /.exec(shape.words) ?? [];
  const all = [...kinds].map(([word, lines]) => ({ tag: { name, word }, lines }));
  return budget > 0 ? all : all.filter(({ lines }) => !lines.some((line) => isName(line.shape)));
}

/** A map; where `tag` is given, the field of that name says that word. */
function fromLines(lines: readonly Line[], budget: number, tag?: Tag): fc.Arbitrary<Loose> {
  const part = (line: Line) => (line.name === tag?.name ? fc.constant(tag.word) : arbitrary(line.shape, budget));
  const parts = Object.fromEntries(lines.map((line) => [line.name, part(line)]));
  const requiredKeys = lines.filter((line) => !line.optional).map((line) => line.name);
  return fc.record(parts, { requiredKeys, noNullPrototype: true });
}

function leaf(words: string): fc.Arbitrary<unknown> {
  const numbers = (words.match(/\d+/g) ?? []).map(Number);
  const [first = 0, second = first] = numbers;
  const bytes = (least: number, most: number) => fc.uint8Array({ minLength: least, maxLength: Math.min(most, least + 40) });
  if (words === "uint") return fc.maxSafeNat();
  if (words.startsWith("uint, always ")) return fc.constant(first);
  if (words.startsWith("minutes -1440…1440")) return fc.integer({ min: -1440, max: 1440 });
  if (words.startsWith("uint ")) return fc.integer({ min: first, max: second });
  if (words.startsWith("bytes, exactly ")) return bytes(first, first).map(toHex);
  if (words.startsWith("bytes ")) return bytes(first, second);
  if (words.startsWith("text "))
    return fc.string({ unit: "grapheme-ascii", minLength: first, maxLength: Math.min(second, 60) });
  if (words.startsWith("slug: ")) return fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,31}$/);
  if (words.startsWith("amount: ")) return fc.bigInt({ min: 0n, max: 2n ** 256n - 1n });
  if (words === "0 no, 1 yes") return fc.boolean();
  assert.match(words, /^\d+ [a-zA-Z0-9-]+(, \d+ [a-zA-Z0-9-]+)*$/, "words that say nothing");
  return fc.constantFrom(...words.split(", ").map((word) => word.replace(/^\d+ /, "")));
}

/** The table of a kind, or one for each word of its tag. */
function tables({ shape }: AnyKind): readonly Variant[] {
  return "kinds" in shape ? variants(shape, 1) : [{ lines: (shape as unknown as { lines: readonly Line[] }).lines }];
}

/** Values of each table, always the same. */
function samples(of: AnyKind, numRuns: number): readonly Loose[] {
  return tables(of).flatMap(({ tag, lines }) => fc.sample(fromLines(lines, 1, tag), { numRuns, seed: 7 }));
}

const outcome = (work: () => unknown) => {
  const result = attempt(work);
  return result.ok ? "OK" : `${result.code} ${result.field}`;
};

/** The encoding of a value with a field left out or a surplus one, past the checks of the writer. */
function raw(lines: readonly Line[], value: Loose, change: { without?: string; surplus?: number }): Uint8Array {
  const out = new Writer();
  const present = lines.filter((line) => value[line.name] !== undefined && line.name !== change.without);
  out.enter(MAP, present.length + (change.surplus === undefined ? 0 : 1));
  for (const line of present) {
    out.head(UINT, line.key);
    line.shape.write(out, value[line.name]);
  }
  if (change.surplus !== undefined) out.head(UINT, change.surplus);
  if (change.surplus !== undefined) out.head(UINT, 0);
  return out.done();
}

function without(value: Loose, name: string): Loose {
  return Object.fromEntries(Object.entries(value).filter(([key]) => key !== name));
}

for (const of of ALL) {
  test(`${of.name}: what is written is read back, and has one encoding and one view`, () => {
    const property = fc.property(arbitrary(of.shape), (value) => {
      const bytes = encode(of, value as Loose);
      const back = decode(of, bytes);
      assert.deepEqual(back, value);
      assert.deepEqual(encode(of, back), bytes);
      const json = JSON.parse(JSON.stringify(toJson(of, back)));
      assert.deepEqual(encode(of, fromJson(of, json)), bytes);
    });
    fc.assert(property, { numRuns: 60 });
  });

  test(`${of.name}: a field that is missing or unknown is refused by its path`, () => {
    for (const { tag, lines } of tables(of)) {
      const [value] = fc.sample(fromLines(lines, 1, tag), { numRuns: 1, seed: 7 }) as [Loose];
      const json = toJson(of, value) as Loose;
      assert.equal(
        outcome(() => encode(of, { ...value, surplus: 1 })),
        `UNKNOWN_FIELD ${of.name}.surplus`,
      );
      assert.equal(
        outcome(() => fromJson(of, { ...json, surplus: 1 })),
        `UNKNOWN_FIELD ${of.name}.surplus`,
      );
      assert.equal(
        outcome(() => decode(of, raw(lines, value, { surplus: 99 }))),
        `UNKNOWN_FIELD ${of.name}.key 99`,
      );
      for (const { name } of lines.filter((line) => !line.optional)) {
        const missing = `MISSING_FIELD ${of.name}.${name}`;
        const untold = name === tag?.name ? `BAD_VALUE ${of.name}.${name}` : missing;
        assert.equal(
          outcome(() => decode(of, raw(lines, value, { without: name }))),
          missing,
        );
        assert.equal(
          outcome(() => encode(of, without(value, name))),
          untold,
        );
        assert.equal(
          outcome(() => fromJson(of, without(json, name))),
          untold,
        );
      }
    }
  });

  test(`${of.name}: every flipped bit is refused or names something else, every cut is refused`, () => {
    for (const value of samples(of, 1)) {
      const bytes = encode(of, value);
      const id = idOf(of as Kind<unknown>, bytes);
      for (const flipped of flips(bytes)) {
        const result = attempt(() => decode(of, flipped));
        if (!result.ok) continue;
        assert.notDeepEqual(result.value, value);
        assert.deepEqual(encode(of, result.value), flipped);
        assert.notEqual(idOf(of as Kind<unknown>, flipped), id);
      }
      for (let size = 0; size < bytes.length; size++)
        assert.equal(attempt(() => decode(of, bytes.subarray(0, size))).ok, false, `the first ${size} bytes`);
      assert.equal(
        outcome(() => decode(of, Uint8Array.of(...bytes, 0))),
        `MALFORMED ${of.name}`,
      );
    }
  });
}

/** The bytes with one bit changed, for every bit. */
function* flips(bytes: Uint8Array): Generator<Uint8Array> {
  for (let at = 0; at < bytes.length; at++) {
    for (let bit = 1; bit < 256; bit <<= 1) {
      const flipped = bytes.slice();
      flipped[at] = (bytes[at] as number) ^ bit;
      yield flipped;
    }
  }
}

test("these are all kinds that the sources make", () => {
  const source = new URL("..", import.meta.url);
  const files = fs.globSync("**/*.ts", { cwd: source }).filter((file) => !file.endsWith(".test.ts"));
  const made = files.flatMap((file) => {
    const text = fs.readFileSync(new URL(file, source), "utf8");
    if (!/import \{[^}]*\bkind\b[^}]*\} from "[^"]*\/object\.ts"/.test(text) && !file.endsWith("/object.ts")) return [];
    return [...text.matchAll(/(?<!function )\bkind\(\s*("([^"]+)")?/g)].map(([call, , name]) => name ?? `${file}: ${call}`);
  });
  assert.deepEqual(ALL.map(({ name }) => name).sort(), made.sort());
});

test("no two kinds give one hash to the same bytes", () => {
  const ids = ALL.map((of) => idOf(of as Kind<unknown>, Uint8Array.of(1, 2, 3)));
  assert.equal(new Set(ids).size, ALL.length);
});

test("what facts speak of is written in one way", () => {
  const intent = "ab".repeat(32) as Hash;
  assert.deepEqual(
    [
      ...[SUBJECT.address(1, "0xA"), SUBJECT.price("eth", "eur"), SUBJECT.transaction(1, "0xb")],
      ...[SUBJECT.code(1, "0xC"), SUBJECT.nonce(1, "0xA"), SUBJECT.intent(intent), SUBJECT.clock()],
    ],
    ["address:1:0xA", "price:eth:eur", "transaction:1:0xb", "code:1:0xC", "nonce:1:0xA", `intent:${intent}`, "clock"],
  );
});

const pair = generateKeyPairSync("ed25519");
const KEY = "ab".repeat(32) as Hash;

/** Where an envelope is refused: by its layout, by the key that it names, by its body's layout or by the signature. */
function judgeEnvelope(of: AnyKind, envelope: Uint8Array): "layout" | "key" | "body" | "signature" | "accepted" {
  const signed = attempt(() => decode(Signed, envelope));
  if (!signed.ok) return "layout";
  const [signature, ...more] = signed.value.signatures;
  if (signature?.key !== KEY || more.length > 0) return "key";
  if (!attempt(() => decode(of, signed.value.body)).ok) return "body";
  const challenge = challengeOf(of as Kind<unknown>, signed.value.body);
  return verify(null, challenge, pair.publicKey, signature.signature) ? "accepted" : "signature";
}

for (const of of SIGNED as unknown as readonly AnyKind[]) {
  test(`${of.name}: a signed one is refused when any bit of it is flipped`, () => {
    const [value] = samples(of, 1) as [Loose];
    const body = encode(of, value);
    const signature = new Uint8Array(sign(null, challengeOf(of as Kind<unknown>, body), pair.privateKey));
    const envelope = encode(Signed, { body, signatures: [{ key: KEY, signature }] });
    assert.equal(judgeEnvelope(of, envelope), "accepted");
    const stages = new Set<string>();
    for (const flipped of flips(envelope)) stages.add(judgeEnvelope(of, flipped));
    assert.deepEqual([...stages].sort(), ["body", "key", "layout", "signature"]);
    for (const other of SIGNED as unknown as readonly AnyKind[])
      assert.equal(judgeEnvelope(other, envelope) === "accepted", other === of, other.name);
  });
}
