/** From words of a command line to what an endpoint is asked, by the endpoint's own shapes; and back to JSON. */

import type { Json } from "@strongroom/core/signed/codec";
import type { Endpoint } from "@strongroom/sdk/contract/endpoint";
import { ENDPOINTS, type EndpointName } from "@strongroom/sdk/contract/table";
import { readWhole } from "../../device/files.ts";
import { fault } from "../../faults.ts";
import { nearest } from "../help.ts";

const PARTS = ["params", "query", "body"] as const;
type Part = (typeof PARTS)[number];
type Parts = { readonly [P in Part]?: Readonly<Record<string, unknown>> };
type Shape = NonNullable<Endpoint["body"]>;
/** One part of a shape, which reads JSON and writes it. */
export type Field = Exclude<Endpoint["returns"], null>;

/** The endpoint of this name. Fails: USAGE. */
export function endpointOf(name: string): { readonly name: EndpointName; readonly endpoint: Endpoint } {
  if (Object.hasOwn(ENDPOINTS, name)) return { name: name as EndpointName, endpoint: ENDPOINTS[name as EndpointName] };
  const near = nearest(name, Object.keys(ENDPOINTS));
  return fault("USAGE", "NAME", `there is no endpoint ${name}${near === null ? "" : `; did you mean ${near}?`}`);
}

/** The fields that an endpoint takes, each in its part. */
export function fieldsOf(endpoint: Endpoint): readonly { part: Part; name: string; field: Field; optional: boolean }[] {
  return PARTS.flatMap((part) => {
    const shape: Shape | undefined = endpoint[part];
    const fields = Object.entries((shape?.shape ?? {}) as Record<string, Field>);
    return fields.map(([name, field]) => ({ part, name, field, optional: field.safeParse(undefined).success }));
  });
}

/** What `name=value` words and the JSON of a body come to, decoded. A value `@FILE` is the content of a file, in base64
 *  where bytes are expected. Fails: USAGE, FILE_UNFIT. */
export async function askedFrom(endpoint: Endpoint, words: readonly string[], body: unknown): Promise<Parts> {
  const fields = fieldsOf(endpoint);
  const raw: { [P in Part]: Record<string, unknown> } = { params: {}, query: {}, body: bodyFrom(body) };
  for (const word of words) {
    const [, name = "", text = ""] = /^([\w*-]+)=([\s\S]*)$/.exec(word) ?? fault("USAGE", word, "name=value is expected");
    const found = fields.find((field) => field.name === name) ?? fault("USAGE", name, strange(name, fields));
    raw[found.part][name] = await valueFrom(found.field, text);
  }
  const asked: { [P in Part]?: Record<string, unknown> } = {};
  for (const part of PARTS) {
    const shape: Shape | undefined = endpoint[part];
    if (shape !== undefined) asked[part] = decoded(shape, part, raw[part]);
  }
  return asked;
}

function strange(name: string, fields: readonly { name: string }[]): string {
  const there = fields.map((field) => field.name).join(", ");
  return `the endpoint takes no ${name}; ${there === "" ? "it takes nothing" : `it takes ${there}`}`;
}

function bodyFrom(body: unknown): Record<string, unknown> {
  if (body === undefined) return {};
  const isObject = typeof body === "object" && body !== null && !Array.isArray(body);
  return isObject ? { ...body } : fault("USAGE", "body", "the file holds no JSON object");
}

/** The value as JSON has it: the text itself where that fits, else what the text is as JSON. */
async function valueFrom(field: Field, text: string): Promise<unknown> {
  const file = text.startsWith("@") ? await readWhole(text.slice(1)) : null;
  const texts = file === null ? [text] : [file.toString("utf8").trim(), file.toString("base64")];
  const candidates = texts.flatMap((one): unknown[] => (isJson(one) ? [one, JSON.parse(one)] : [one]));
  return candidates.find((one) => field.safeDecode(one as never).success) ?? candidates[0];
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function decoded(shape: Shape, part: Part, raw: Record<string, unknown>): Record<string, unknown> {
  const read = shape.safeDecode(raw);
  if (read.success) return read.data;
  const { path, message } = read.error.issues[0] ?? { path: [], message: "it does not fit" };
  const name = String(path[0] ?? part);
  return fault("USAGE", name, raw[name] === undefined ? `${name}=VALUE is missing` : `${name}: ${message}`);
}

/** An answer as JSON has it; bytes that are no JSON as base64. */
export function jsonOf({ returns, media }: Endpoint, value: unknown): Json {
  if (returns === null) return {};
  if (media === "application/octet-stream") return Buffer.from(value as Uint8Array).toString("base64");
  return returns.encode(value as never) as Json;
}
