/** The OpenAPI 3.1 document of the endpoint table. Types that the contract exports become components; all else stands where it
 *  is. */
import * as books from "@strongroom/sdk/contract/books";
import * as chains from "@strongroom/sdk/contract/chains";
import * as custody from "@strongroom/sdk/contract/custody";
import type { Endpoint } from "@strongroom/sdk/contract/endpoint";
import * as fields from "@strongroom/sdk/contract/fields";
import * as governance from "@strongroom/sdk/contract/governance";
import * as log from "@strongroom/sdk/contract/log";
import * as operations from "@strongroom/sdk/contract/operations";
import * as people from "@strongroom/sdk/contract/people";
import { PROBLEMS, type ProblemCode } from "@strongroom/sdk/contract/problems";
import * as requests from "@strongroom/sdk/contract/requests";
import { ENDPOINTS } from "@strongroom/sdk/contract/table";
import { z } from "zod";
import { changes } from "./answer.ts";

type Json = { [name: string]: unknown };
export type OpenApi = { readonly openapi: string; readonly paths: Record<string, Json>; readonly components: Json } & Json;

const PLACE = "#/components/schemas/";
/** What any endpoint may answer; the others are in the table. */
const ALWAYS: readonly ProblemCode[] = [
  "BAD_REQUEST",
  "NOT_FOUND",
  "NOT_ACCEPTABLE",
  "RATE_LIMITED",
  "INTERNAL",
  "DATABASE_UNREACHABLE",
];

/** The document. */
export function describe(): OpenApi {
  const schemas: Json = { Problem };
  const shared: Json = {};
  const named = namedSchemas();
  const convert = (schema: z.ZodType) => hoist(z.toJSONSchema(schema, { io: "input", metadata: named }) as Json, schemas);
  const paths: Record<string, Json> = {};
  for (const [name, endpoint] of Object.entries(ENDPOINTS) as [string, Endpoint][]) {
    const path = endpoint.path.replace(/:(\w+)/g, "{$1}").replace("*", "{path}");
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operation(name, endpoint, { convert, shared }) };
  }
  const sorted = (it: Json) => Object.fromEntries(Object.entries(it).sort(([a], [b]) => (a < b ? -1 : 1)));
  return {
    openapi: "3.1.0",
    info: {
      title: "Strongroom",
      version: "1",
      summary: "Custody of digital assets: the server around the vault.",
      description:
        "What is signed is signed and checked on your side; the server is believed by nobody. Amounts are decimal strings.",
      license: { name: "Apache-2.0", identifier: "Apache-2.0" },
    },
    jsonSchemaDialect: "https://json-schema.org/draft/2020-12/schema",
    servers: [{ url: "/" }],
    security: [{ token: [] }],
    tags: [...new Set(Object.keys(ENDPOINTS).map(nounOf))].map((name) => ({ name })),
    paths,
    components: {
      securitySchemes: { token: { type: "http", scheme: "bearer", description: "`sr_` and 64 hex digits." } },
      schemas: sorted(schemas),
      responses: sorted(shared),
    },
  };
}

const nounOf = (name: string) => name.split(".")[0] ?? name;

/** RFC 9457, with what this API adds to it. */
const Problem = {
  type: "object",
  properties: {
    type: { type: "string", format: "uri" },
    title: { type: "string" },
    status: { type: "integer" },
    detail: { type: "string" },
    instance: { type: "string", format: "uri" },
    code: { type: "string", enum: Object.keys(PROBLEMS) },
    field: { type: "string", description: "Where it lies, such as `body.client`; empty when nowhere." },
    next: { type: "string", description: "What to do next." },
    requestId: { type: "string" },
    vaultCode: { type: "string", description: "The vault's own refusal." },
  },
  required: ["type", "title", "status", "detail", "instance", "code", "field", "next", "requestId"],
};

/** Every schema that a module of the contract exports, by its name. */
function namedSchemas(): z.core.$ZodRegistry<{ id: string }> {
  const named = z.registry<{ id: string }>();
  for (const module of [fields, people, custody, requests, governance, books, chains, log, operations]) {
    for (const [id, value] of Object.entries(module)) if (value instanceof z.ZodType) named.add(value, { id });
  }
  return named;
}

/** Moves the definitions of a converted schema to the components and gives what is left. */
function hoist(schema: Json, schemas: Json): Json {
  const text = JSON.stringify(schema).replaceAll("#/$defs/", PLACE);
  const { $defs = {}, $schema: _, id: __, ...rest } = JSON.parse(text) as Json & { $defs?: Record<string, Json> };
  for (const [id, { id: ___, ...definition }] of Object.entries($defs)) schemas[id] = definition;
  return rest;
}

type Convert = (schema: z.ZodType) => Json;
/** `shared`: responses that operations refer to. */
type Parts = { readonly convert: Convert; readonly shared: Json };

function operation(name: string, endpoint: Endpoint, parts: Parts): Json {
  const { convert } = parts;
  const { body, permission, summary } = endpoint;
  const isOpen = permission === null;
  return {
    operationId: name,
    tags: [nounOf(name)],
    summary,
    ...(isOpen ? { security: [] } : { description: `Needs the permission \`${permission}\`.`, "x-permission": permission }),
    parameters: [...inPath(endpoint, convert), ...inQuery(endpoint, convert), ...inHeader(endpoint)],
    ...(body === undefined
      ? {}
      : { requestBody: { required: true, content: { "application/json": { schema: convert(body) } } } }),
    responses: responses(endpoint, parts),
  };
}

function inPath({ params }: Endpoint, convert: Convert): Json[] {
  return Object.entries(params?.shape ?? {}).map(([name, schema]) => ({
    name: name === "*" ? "path" : name,
    in: "path",
    required: true,
    schema: convert(schema as z.ZodType),
  }));
}

function inQuery({ query }: Endpoint, convert: Convert): Json[] {
  return Object.entries(query?.shape ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    required: !(schema as z.ZodType).isOptional(),
    schema: convert(schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : (schema as z.ZodType)),
  }));
}

function inHeader(endpoint: Endpoint): Json[] {
  const header = (name: string, description: string) => ({
    name,
    in: "header",
    required: false,
    description,
    schema: { type: "string" },
  });
  if (endpoint.method === "GET") return endpoint.media === undefined ? [header("If-None-Match", "ETag that is known.")] : [];
  const match = endpoint.problems?.includes("STALE") ? [header("If-Match", "ETag that the change is based on.")] : [];
  const key = header(
    "Idempotency-Key",
    "1 to 128 printable characters. The same call under the same key is done once, for ever.",
  );
  return changes(endpoint) ? [key, ...match] : match;
}

function responses(endpoint: Endpoint, { convert, shared }: Parts): Json {
  const codes = new Set<ProblemCode>([...ALWAYS, ...(endpoint.problems ?? [])]);
  if (endpoint.permission !== null) for (const code of ["UNAUTHENTICATED", "FORBIDDEN"] as const) codes.add(code);
  if (endpoint.body !== undefined) for (const code of ["TOO_LARGE", "UNSUPPORTED_MEDIA"] as const) codes.add(code);
  if (changes(endpoint)) codes.add("KEY_REUSED");
  const byStatus = new Map<number, ProblemCode[]>();
  for (const code of codes) byStatus.set(PROBLEMS[code].status, [...(byStatus.get(PROBLEMS[code].status) ?? []), code]);
  const failures = [...byStatus].map(([status, all]) => [status, { $ref: `#/components/responses/${refused(all, shared)}` }]);
  return { [endpoint.status]: success(endpoint, convert), ...Object.fromEntries(failures) };
}

/** Enters the response that these problems of one status are, and gives its name. */
function refused(codes: readonly ProblemCode[], shared: Json): string {
  const name = codes.join(".");
  shared[name] = {
    description: codes.map((code) => `${code}: ${PROBLEMS[code].what}`).join(" "),
    content: { "application/problem+json": { schema: { $ref: `${PLACE}Problem` } } },
  };
  return name;
}

function success({ returns, media, summary }: Endpoint, convert: Convert): Json {
  if (returns === null) return { description: summary };
  if (media === "application/octet-stream") return { description: "Bytes.", content: { [media]: {} } };
  const schema = convert(returns);
  if (media === "text/plain") return { description: "Text.", content: { [media]: { schema } } };
  const stream = media === "text/event-stream" ? { [media]: { schema: { type: "string" } } } : {};
  return { description: "Done.", content: { "application/json": { schema }, ...stream } };
}
