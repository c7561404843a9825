/** Between an endpoint of the table and HTTP: what is asked becomes a path, a query and a body; what is answered is read by the
 *  endpoint's own shape. */
import { z } from "zod";
import type { Endpoint } from "../contract/endpoint.ts";
import { raise } from "../faults.ts";

/** What an endpoint is asked, any endpoint. */
export type AskedParts = { readonly params?: unknown; readonly query?: unknown; readonly body?: unknown };

/** Path with query, and the body's JSON. Fails: ASKED_WRONG. */
export function encodeAsked(endpoint: Endpoint, asked: AskedParts): { readonly path: string; readonly body: string | null } {
  const params = encodePart("params", endpoint.params, asked.params) as Readonly<Record<string, unknown>>;
  const query = encodePart("query", endpoint.query, asked.query) as Readonly<Record<string, unknown>>;
  const path = endpoint.path.replace(/:(\w+)|\*/g, (whole, name?: string) => segment(params[name ?? whole]));
  const search = new URLSearchParams();
  for (const [name, value] of Object.entries(query)) if (value !== undefined) search.set(name, String(value));
  const body = endpoint.body === undefined ? null : JSON.stringify(encodePart("body", endpoint.body, asked.body));
  return { path: search.size === 0 ? path : `${path}?${search}`, body };
}

/** A parameter in the path; slashes stay only where the endpoint takes a whole path, whose shape allows them. */
function segment(value: unknown): string {
  return String(value).split("/").map(encodeURIComponent).join("/");
}

function encodePart(name: string, shape: z.ZodObject | undefined, value: unknown = {}): unknown {
  if (shape === undefined) return {};
  const encoded = z.safeEncode(shape, value as Record<string, unknown>);
  if (encoded.success) return encoded.data;
  const { path, message } = encoded.error.issues[0] ?? { path: [], message: "it cannot be encoded" };
  return raise("ASKED_WRONG", [name, ...path].map(String).join("."), message);
}

/** What an endpoint answers, from its bytes. Fails: ANSWER_UNFIT. */
export function decodeReturned({ returns, media }: Endpoint, bytes: Uint8Array): unknown {
  if (returns === null) return undefined;
  const raw = media === "application/octet-stream" ? bytes : media === "text/plain" ? textOf(bytes) : jsonOf(bytes);
  const decoded = z.safeDecode(returns, raw as never);
  if (decoded.success) return decoded.data;
  const { path, message } = decoded.error.issues[0] ?? { path: [], message: "it cannot be decoded" };
  return raise("ANSWER_UNFIT", ["answer", ...path].map(String).join("."), message);
}

/** The value of JSON in UTF-8. Fails: ANSWER_UNFIT. */
export function jsonOf(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(textOf(bytes)) as unknown;
  } catch (error) {
    return raise("ANSWER_UNFIT", "answer", "it is not JSON", error);
  }
}

function textOf(bytes: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    return raise("ANSWER_UNFIT", "answer", "it is not UTF-8", error);
  }
}
