/** Reads what is given to an endpoint: parameters, query and body, each against its schema. The first thing that is wrong is
 *  named by its path: `body.client`, `query.limit`. */
import type { Endpoint } from "@strongroom/sdk/contract/endpoint";
import type { z } from "zod";
import { problem } from "./call.ts";
import { parseJson } from "./json.ts";

/** As it came in. `body`: null when there is none. */
export type Raw = { readonly params: unknown; readonly query: unknown; readonly body: Uint8Array | null };
/** Decoded, and the body as JSON for whoever compares requests. */
export type Read = { readonly params: unknown; readonly query: unknown; readonly body: unknown; readonly json: unknown };

const NAME_MAX = 64;

export function readGiven(endpoint: Endpoint, raw: Raw): Read {
  const params = part("params", endpoint.params, raw.params);
  const query = part("query", endpoint.query, raw.query);
  if (endpoint.body === undefined) return { params, query, body: undefined, json: null };
  // No body is an empty one, so that what takes nothing needs none.
  const json = raw.body === null || raw.body.length === 0 ? {} : parseJson(raw.body);
  return { params, query, body: part("body", endpoint.body, json), json };
}

function part(name: string, schema: z.ZodObject | undefined, value: unknown): unknown {
  if (schema === undefined) {
    const [stranger] = Object.keys(value ?? {});
    return stranger === undefined ? undefined : problem("BAD_REQUEST", fieldOf(name, [stranger]), "This is not taken here.");
  }
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  const [issue] = read.error.issues;
  if (issue?.code === "unrecognized_keys") {
    return problem("BAD_REQUEST", fieldOf(name, [...issue.path, ...issue.keys.slice(0, 1)]), "This is not taken here.");
  }
  return problem("BAD_REQUEST", fieldOf(name, issue?.path ?? []), issue?.message ?? "This is not what is expected.");
}

/** A path in words; a caller's own names are cut, so that no answer swells. */
function fieldOf(name: string, path: readonly PropertyKey[]): string {
  return [name, ...path.map((step) => String(step).slice(0, NAME_MAX))].join(".");
}
