import assert from "node:assert/strict";
import { test } from "node:test";
import { fromHex, toHex } from "../bytes.ts";
import { attempt } from "../errors.ts";
import { blob, field, list, optional, slug, uint } from "./codec.ts";
import { decode, encode, fromJson, type Kind, kind, toJson } from "./object.ts";
import { record, variant } from "./table.ts";

const Point = record({ x: field(0, uint(9), "x"), label: optional(1, slug, "label"), y: field(2, uint(9), "y") });
const Plain = kind("plain", record({ at: field(0, Point, "where"), more: field(3, list(Point, 2), "more") }), 40);
const Shape = kind(
  "figure",
  variant(
    { name: "form", key: 1, doc: "form" },
    { id: field(0, uint(), "id") },
    {
      dot: { number: 1, table: { at: field(2, Point, "centre") } },
      circle: { number: 2, table: { at: field(2, Point, "centre"), radius: optional(3, uint(9), "radius") } },
    },
  ),
);

const outcome = (work: () => unknown) => {
  const result = attempt(work);
  return result.ok ? "OK" : `${result.code} ${result.field}`;
};
const written = <T>(of: Kind<T>, value: unknown) => outcome(() => encode(of, value as T));
const read = <T>(of: Kind<T>, bytes: string) => outcome(() => decode(of, fromHex(bytes)));
const parsed = <T>(of: Kind<T>, json: unknown) => outcome(() => fromJson(of, json));

test("fields are written by ascending key, optional ones only where they are", () => {
  const value = { more: [{ y: 2, x: 1, label: "a" }], at: { y: 4, x: 3 } };
  const bytes = encode(Plain, value);
  assert.equal(toHex(bytes), "a200a2000302040381a30001016161" + "0202");
  assert.deepEqual(decode(Plain, bytes), value);
  assert.equal(JSON.stringify(toJson(Plain, value)), '{"at":{"x":3,"y":4},"more":[{"x":1,"label":"a","y":2}]}');
  assert.deepEqual(fromJson(Plain, JSON.parse(JSON.stringify(toJson(Plain, value)))), value);
});

test("a field that is undefined is a field that is absent", () => {
  const value = { at: { x: 1, label: undefined, y: 2 }, more: [] };
  assert.deepEqual(decode(Plain, encode(Plain, value as never)), { at: { x: 1, y: 2 }, more: [] });
  assert.deepEqual(toJson(Plain, value as never), { at: { x: 1, y: 2 }, more: [] });
});

test("missing and unknown fields are named by their path", () => {
  assert.equal(written(Plain, { more: [] }), "MISSING_FIELD plain.at");
  assert.equal(written(Plain, { at: { x: 1 }, more: [] }), "MISSING_FIELD plain.at.y");
  assert.equal(written(Plain, { at: { x: 1, y: 2 }, more: [{ x: 1, y: 2 }, { y: 2 }] }), "MISSING_FIELD plain.more.1.x");
  assert.equal(written(Plain, { at: { x: 1, y: 2, z: 3 }, more: [] }), "UNKNOWN_FIELD plain.at.z");
  assert.equal(written(Plain, { at: { x: 1, y: 2, z: undefined }, more: [] }), "UNKNOWN_FIELD plain.at.z");
  assert.equal(written(Plain, { at: { x: 10, y: 2 }, more: [] }), "BAD_VALUE plain.at.x");
  assert.equal(parsed(Plain, { more: [] }), "MISSING_FIELD plain.at");
  assert.equal(parsed(Plain, { at: { x: 1 }, more: [] }), "MISSING_FIELD plain.at.y");
  assert.equal(parsed(Plain, { at: { x: 1, y: 2, z: 3 }, more: [] }), "UNKNOWN_FIELD plain.at.z");
  assert.equal(parsed(Plain, JSON.parse('{"at":{"x":1,"y":2,"__proto__":{}},"more":[]}')), "UNKNOWN_FIELD plain.at.__proto__");
  for (const json of [null, 7, "plain", [], undefined]) assert.equal(parsed(Plain, json), "BAD_VALUE plain");
  assert.equal(parsed(Plain, { at: [], more: [] }), "BAD_VALUE plain.at");
});

test("on the wire keys ascend, none is unknown, missing or twice", () => {
  assert.equal(read(Plain, "a200a2000302040380"), "OK");
  assert.equal(read(Plain, "a2038000a200030204"), "MISSING_FIELD plain.at");
  assert.equal(read(Plain, "a300a2000302040003"), "NOT_CANONICAL plain");
  assert.equal(read(Plain, "a200a2000302040380".replace("0302", "0301")), "MALFORMED plain.at.label");
  assert.equal(read(Plain, "a200a2020400030380"), "MISSING_FIELD plain.at.x");
  assert.equal(read(Plain, "a200a100030380"), "MISSING_FIELD plain.at.y");
  assert.equal(read(Plain, "a0"), "MISSING_FIELD plain.at");
  assert.equal(read(Plain, "a300a200030204038004" + "00"), "UNKNOWN_FIELD plain.key 4");
  assert.equal(read(Plain, "a300a20003020401000380"), "UNKNOWN_FIELD plain.key 1");
  assert.equal(read(Plain, "a200a2000302040380" + "00"), "MALFORMED plain");
  assert.equal(read(Plain, "a200a2000302180403" + "80"), "NOT_CANONICAL plain.at.y");
  assert.equal(read(Plain, "80"), "MALFORMED plain");
});

test("an object has a largest size, written and read", () => {
  const point = { x: 1, label: "a".repeat(32), y: 2 };
  assert.equal(written(Plain, { at: { x: 1, y: 1 }, more: [point] }), "TOO_LARGE plain");
  assert.equal(read(Plain, "00".repeat(41)), "TOO_LARGE plain");
});

test("a variant has the fields of its kind", () => {
  const dot = { id: 5, form: "dot", at: { x: 1, y: 2 } } as const;
  const bytes = encode(Shape, dot);
  assert.equal(toHex(bytes), "a300050101" + "02a200010202");
  assert.deepEqual(decode(Shape, bytes), dot);
  assert.deepEqual(fromJson(Shape, toJson(Shape, dot)), dot);
  const circle = { id: 5, form: "circle", at: { x: 1, y: 2 }, radius: 3 } as const;
  assert.deepEqual(decode(Shape, encode(Shape, circle)), circle);
  assert.equal(written(Shape, { ...dot, radius: 3 }), "UNKNOWN_FIELD figure.radius");
  assert.equal(parsed(Shape, { ...dot, radius: 3 }), "UNKNOWN_FIELD figure.radius");
  assert.equal(read(Shape, "a40005010102a2000102020303"), "UNKNOWN_FIELD figure.key 3");
});

test("a variant without its tag, or with an unknown one, is refused", () => {
  assert.equal(written(Shape, { id: 5, at: { x: 1, y: 2 } }), "BAD_VALUE figure.form");
  assert.equal(written(Shape, { id: 5, form: "square", at: { x: 1, y: 2 } }), "BAD_VALUE figure.form");
  assert.equal(parsed(Shape, { id: 5 }), "BAD_VALUE figure.form");
  assert.equal(parsed(Shape, { id: 5, form: "constructor" }), "BAD_VALUE figure.form");
  assert.equal(parsed(Shape, []), "BAD_VALUE figure");
  assert.equal(read(Shape, "a10005"), "MISSING_FIELD figure.form");
  assert.equal(read(Shape, "a2000502a200010202"), "MISSING_FIELD figure.form");
  assert.equal(read(Shape, "a101" + "01"), "MISSING_FIELD figure.id");
  assert.equal(read(Shape, "a2000501" + "03"), "BAD_VALUE figure.form");
});

test("the words of a table are those of the specification", () => {
  assert.equal(Point.words, "map (0 x, 1 label, 2 y)");
  assert.equal(Shape.shape.words, "map, by form: dot, circle");
});

test("a bug in the caller is no refusal", () => {
  const Bytes = kind("bytes", record({ part: field(0, blob(4), "part") }));
  assert.throws(() => encode(Bytes, { part: null as unknown as Uint8Array }), TypeError);
});
