/** The OpenAPI document: the one that is checked in is that of the code, and it is one. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { ENDPOINTS } from "../sdk/src/contract/table.ts";
import { PAGE, written } from "./openapi.ts";

type Parameter = { readonly name: string; readonly in: string; readonly required: boolean; readonly schema: object };
type Operation = {
  readonly operationId: string;
  readonly parameters: readonly Parameter[];
  readonly responses: Readonly<Record<string, { readonly $ref?: string; readonly description?: string }>>;
};
type Document = {
  readonly openapi: string;
  readonly info: { readonly title: unknown; readonly version: unknown };
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
};
const text = written();
const doc = JSON.parse(text) as Document;

/** Every value in it with the path that leads there. */
function* walk(value: unknown, path: string[] = []): Generator<{ path: string[]; value: unknown }> {
  yield { path, value };
  if (typeof value !== "object" || value === null) return;
  for (const [name, part] of Object.entries(value)) yield* walk(part, [...path, name]);
}
const operations = Object.entries(doc.paths).flatMap(([path, item]) =>
  Object.entries(item).map(([method, operation]) => ({ path, method, operation })),
);

test("docs/openapi.json is that of the code", () => {
  assert.equal(readFileSync(PAGE, "utf8") === text, true, "run: node tools/openapi.ts");
});

test("the document is one by the schema of OpenAPI 3.1", async () => {
  const { valid, errors } = await new Validator().validate(JSON.parse(text));
  assert.equal(valid, true, JSON.stringify(errors));
  const broken = { ...JSON.parse(text), paths: { "/v1/me": { get: { responses: "none" } } } };
  assert.equal((await new Validator().validate(broken)).valid, false);
});

test("the document has the form of OpenAPI 3.1", () => {
  assert.match(doc.openapi, /^3\.1\.\d+$/);
  assert.deepEqual([typeof doc.info.title, typeof doc.info.version], ["string", "string"]);
  const fields = ["openapi", "info", "jsonSchemaDialect", "servers", "security", "tags", "paths", "components"];
  assert.deepEqual(Object.keys(doc), fields);
  const methods = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];
  const allowed = [
    "operationId",
    "tags",
    "summary",
    "description",
    "x-permission",
    "security",
    "parameters",
    "requestBody",
    "responses",
  ];
  for (const { path, method, operation } of operations) {
    assert.match(path, /^\/[\w/{}.-]+$/);
    assert.ok(methods.includes(method));
    for (const field of Object.keys(operation)) assert.ok(allowed.includes(field), field);
    assert.ok(Object.keys(operation.responses).every((status) => /^[1-5]\d\d$/.test(status)));
    assert.ok(Object.keys(operation.responses).some((status) => status.startsWith("2")));
    for (const response of Object.values(operation.responses)) {
      assert.ok(typeof (response.$ref ?? response.description) === "string");
    }
  }
  for (const part of Object.keys(doc.components)) assert.ok(["securitySchemes", "schemas", "responses"].includes(part));
  for (const group of Object.values(doc.components)) {
    for (const name of Object.keys(group)) assert.match(name, /^[a-zA-Z0-9._-]+$/);
  }
});

test("every endpoint is there once, under its own name", () => {
  assert.deepEqual(operations.map(({ operation }) => operation.operationId).sort(), Object.keys(ENDPOINTS).sort());
});

test("parameters are those of their path, and named once", () => {
  for (const { path, operation } of operations) {
    const all = operation.parameters.map((parameter) => `${parameter.in} ${parameter.name}`);
    assert.equal(new Set(all).size, all.length);
    const inPath = operation.parameters.filter((parameter) => parameter.in === "path");
    const templates = [...path.matchAll(/\{(\w+)\}/g)].map((found) => found[1]);
    assert.deepEqual(inPath.map((parameter) => parameter.name).sort(), templates.sort());
    for (const parameter of operation.parameters) {
      assert.equal(typeof parameter.schema, "object");
      if (inPath.includes(parameter)) assert.equal(parameter.required, true);
    }
  }
});

test("every reference leads somewhere, and every component is referred to", () => {
  const used = new Set<string>();
  for (const { path, value } of walk(doc)) {
    if (path.at(-1) !== "$ref") continue;
    const [, ...steps] = String(value).split("/");
    assert.ok(String(value).startsWith("#/components/"), String(value));
    assert.ok(steps.reduce<unknown>((at, step) => Reflect.get(Object(at), step), doc) !== undefined, String(value));
    used.add(String(value));
  }
  for (const group of ["schemas", "responses"] as const) {
    for (const name of Object.keys(doc.components[group] ?? {})) assert.ok(used.has(`#/components/${group}/${name}`), name);
  }
});

test("schemas use the words of JSON Schema and patterns that can be read", () => {
  const types = ["string", "integer", "number", "boolean", "object", "array", "null"];
  for (const { path, value } of walk(doc)) {
    const word = path.at(-1);
    const isWord = path.includes("schema") || path.includes("schemas");
    if (!isWord || path.at(-2) === "properties") continue;
    if (word === "type" && typeof value === "string") assert.ok(types.includes(value), `${path.join("/")} ${value}`);
    if (word === "pattern") new RegExp(String(value), "u");
    if (word === "required" && path.includes("schemas")) assert.ok(Array.isArray(value));
    if (word === "$defs" || word === "$schema") assert.fail(path.join("/"));
  }
});
