/** C2SP signed notes and checkpoints: forms, keys, signatures; the third-party note. */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { ed25519 } from "@noble/curves/ed25519.js";
import fc from "fast-check";
import { hashOf } from "../../test/sample.ts";
import { ascii, fromHex } from "../bytes.ts";
import * as note from "./note.ts";

const { formatCheckpoint, formatNote, openCheckpoint, openNote, parseCheckpoint, parseNote } = note;
const MALFORMED = { code: "MALFORMED" };
const BAD = { code: "BAD_VALUE" };
const WRONG = { code: "SIGNATURE_INVALID" };

const seed = (name: string) => fromHex(hashOf(name));
const keyOf = (name: string) => ({ name, publicKey: ed25519.getPublicKey(seed(name)) });
const signed = (name: string, text: string) => ({ key: keyOf(name), signature: ed25519.sign(ascii(text), seed(name)) });
/** A note with a line of each of these keys. */
const noteBy = (text: string, ...names: readonly string[]) =>
  `${text}\n${names.map((name) => formatNote(text, signed(name, text)).slice(text.length + 1)).join("")}`;

const HEAD = { origin: "log.example/1", size: 7, root: hashOf("root") };
const TEXT = formatCheckpoint(HEAD);
const LOG = keyOf(HEAD.origin);

test("a checkpoint has one text", () => {
  assert.equal(formatCheckpoint({ origin: "example.com/log", size: 20852163, root: hashOf("x") }).split("\n").length, 4);
  assert.match(TEXT, /^log\.example\/1\n7\n[A-Za-z0-9+/]{43}=\n$/);
  assert.deepEqual(parseCheckpoint(TEXT), HEAD);
  const heads = fc.record(
    { origin: fc.stringMatching(/^[!-*,-~]{1,128}$/), size: fc.maxSafeNat(), root: fc.string().map(hashOf64) },
    { noNullPrototype: true },
  );
  fc.assert(fc.property(heads, (head) => assert.deepEqual(parseCheckpoint(formatCheckpoint(head)), head)));
});
const hashOf64 = (text: string) => hashOf(text.replaceAll(/[^\x20-\x7e]/g, ""));

test("what is not exactly a checkpoint is refused", () => {
  const [origin, size, root] = TEXT.split("\n");
  const texts = [
    ...["", "\n", "\n\n\n", `${origin}`, `${origin}\n${size}\n${root}`, `${origin}\n${size}\n${root}\n\n`],
    ...[`${TEXT}extension\n`, `\n${size}\n${root}\n`, `${origin}\n\n${root}\n`, `${origin}\n${size}\n\n`, `${TEXT} `],
    ...["07", "-1", "+7", "7 ", " 7", "0x7", "7.0", "7e0", "9007199254740992", "12345678901234567"].map(
      (bad) => `${origin}\n${bad}\n${root}\n`,
    ),
    ...["a b", "a+b", "ä", "a\tb", "\u00a0", "x".repeat(129)].map((bad) => `${bad}\n${size}\n${root}\n`),
    ...[`${root}=`, root?.slice(0, -1), root?.slice(4), `AAAA${root}`, root?.replace(/.=$/, "B="), `${root}\r`].map(
      (bad) => `${origin}\n${size}\n${bad}\n`,
    ),
  ];
  for (const text of texts) assert.throws(() => parseCheckpoint(text), MALFORMED, JSON.stringify(text));
  for (const size of [-1, 1.5, 2 ** 53]) assert.throws(() => formatCheckpoint({ ...HEAD, size }), BAD);
  for (const origin of ["", "a b", "a\nb", "a+b", "ä"]) assert.throws(() => formatCheckpoint({ ...HEAD, origin }), BAD);
  for (const root of ["", "00", "zz".repeat(32), "00".repeat(33)])
    assert.throws(() => formatCheckpoint({ ...HEAD, root: root as typeof HEAD.root }), BAD);
});

test("no checkpoint is as short as a hash, so that neither signature stands for the other", () => {
  const shortest = formatCheckpoint({ origin: "a", size: 0, root: hashOf("x") });
  assert.ok(ascii(shortest).length > 32);
});

test("a signed checkpoint is opened by the log's key, whoever else signed it", () => {
  assert.deepEqual(openCheckpoint(noteBy(TEXT, HEAD.origin), LOG), HEAD);
  assert.deepEqual(openCheckpoint(noteBy(TEXT, "witness.example", HEAD.origin, "other"), LOG), HEAD);
  assert.equal(openNote(noteBy(TEXT, HEAD.origin, "witness.example"), [LOG, keyOf("witness.example")]), TEXT);
  assert.equal(parseNote(noteBy(TEXT, HEAD.origin, "w")).signatures.length, 2);
});

test("another log, another key, another text, no line of ours or two are refused", () => {
  const good = noteBy(TEXT, HEAD.origin);
  const { publicKey } = keyOf("mallory");
  assert.throws(() => openCheckpoint(good, { ...LOG, name: "log.example/2" }), { code: "LOG_FOREIGN" });
  assert.throws(() => openCheckpoint(good, { ...LOG, publicKey }), WRONG);
  assert.throws(() => openCheckpoint(noteBy(TEXT, "mallory"), LOG), WRONG);
  assert.throws(() => openCheckpoint(noteBy(TEXT, HEAD.origin, HEAD.origin), LOG), WRONG);
  assert.throws(() => openCheckpoint(good.replace("\n7\n", "\n8\n"), LOG), WRONG);
  const forged = { key: LOG, signature: signed("mallory", TEXT).signature };
  assert.throws(() => openCheckpoint(formatNote(TEXT, forged), LOG), WRONG);
  const short = { key: LOG, signature: signed(HEAD.origin, TEXT).signature.subarray(1) };
  assert.throws(() => openCheckpoint(formatNote(TEXT, short), LOG), WRONG);
  assert.throws(() => openNote(good, [LOG, keyOf("witness.example")]), WRONG);
  assert.equal(
    openNote(good, [LOG], () => true),
    TEXT,
  );
  assert.throws(() => openCheckpoint(good, LOG, () => false), WRONG);
});

test("notes of another form are refused", () => {
  const good = noteBy(TEXT, HEAD.origin);
  const line = good.slice(TEXT.length + 1);
  const notes = [
    ...[
      "",
      "\n",
      "\n\n",
      TEXT,
      `${TEXT}\n`,
      line,
      `\n${line}`,
      good.slice(0, -1),
      `${good}\n`,
      ` ${good}`.replace("\n\n", "\n"),
    ],
    ...[good.replace("\u2014", "-"), good.replace("\u2014 ", "\u2014"), good.replace("\u2014 ", "\u2014  "), `${good}x\n`],
    ...[
      good.replace("=\n\n", "=\r\n\n"),
      good.replace(/\n$/, " \n"),
      `${TEXT}\n\u2014 a+b AAAAAAAA\n`,
      `${TEXT}\n\u2014 a AAAAA\n`,
    ],
    ...[`${TEXT}\n\u2014 a AAAA\n`, `${TEXT}\n\u2014 a AAAAAA==\n`, `${TEXT}\n\u2014 a AAAAAB==\n`, `tab\there\n\n${line}`],
    ...[`umläut\n\n${line}`, `${TEXT}\n\u2014 \u00a0 AAAAAAAA\n`],
  ];
  for (const bad of notes) assert.throws(() => parseNote(bad), MALFORMED, JSON.stringify(bad));
  const TOO_LARGE = { code: "TOO_LARGE" };
  assert.throws(() => parseNote(`${TEXT}\n${line.repeat(101)}`), TOO_LARGE);
  assert.throws(() => parseNote("x".repeat(65_537)), TOO_LARGE);
});

test("keys as verifiers are given them", () => {
  const text = note.formatNoteKey(LOG);
  assert.deepEqual(note.parseNoteKey(text), LOG);
  const { name, publicKey } = LOG;
  const encoded = (bytes: Uint8Array) => Buffer.from(bytes).toString("base64");
  const cut = { name, publicKey: publicKey.subarray(1) };
  const keys = [
    ...["", name, `${name}+00000000+${text.split("+").slice(2).join("+")}`, `a b${text}`, text.replace(name, "other")],
    `${name}+${note.noteHint(LOG)}+${encoded(Uint8Array.of(2, ...publicKey))}`,
    `${name}+${note.noteHint(cut)}+${encoded(Uint8Array.of(1, ...cut.publicKey))}`,
    `${name}+${note.noteHint(LOG)}+`,
    text.replace(name, "ä"),
    note.formatNoteKey({ name: "x".repeat(129), publicKey }),
  ];
  for (const bad of keys) assert.throws(() => note.parseNoteKey(bad), MALFORMED, bad);
});

const sumdb = new URL("../../../../shared/vectors/signed-note/sumdb-note.json", import.meta.url);

test("golang.org/x/mod: notes and keys", { skip: existsSync(sumdb) ? false : "needs ../shared/vectors/signed-note" }, () => {
  const vector = JSON.parse(readFileSync(sumdb, "utf8"));
  const keys = vector.signers.map(({ vkey }: { vkey: string }) => note.parseNoteKey(vkey));
  const both = `${vector.text}\n${vector.signers.map((signer: { signature_line: string }) => signer.signature_line).join("")}`;
  assert.equal(openNote(vector.signed_note, keys.slice(0, 1)), vector.text);
  assert.equal(openNote(both, keys), vector.text);
  assert.throws(() => openNote(vector.signed_note, keys), WRONG);
  assert.throws(() => openNote(both.replace("cryptography", "Cryptography"), keys), WRONG);
  for (const key of vector.bad_vkeys) assert.throws(() => note.parseNoteKey(key), MALFORMED);
});
