/** What an endpoint is. The table of all of them (`table.ts`) drives routes, OpenAPI, SDK and CLI; nothing else describes
 *  them. */
import type { z } from "zod";
import type { Permission } from "./permissions.ts";
import type { ProblemCode } from "./problems.ts";

type Shape = z.ZodObject;

export type Endpoint = {
  readonly method: "GET" | "POST" | "PATCH" | "DELETE";
  /** `/v1/wallets/:wallet`. */
  readonly path: `/${string}`;
  /** One sentence. */
  readonly summary: string;
  /** What the caller's role must hold; null where no token is needed. */
  readonly permission: Permission | null;
  readonly params?: Shape;
  readonly query?: Shape;
  readonly body?: Shape;
  /** The answer's JSON; null for no content. */
  readonly returns: z.ZodType | null;
  readonly status: 200 | 201 | 202 | 204;
  /** What `returns` is where it is not JSON: raw bytes, plain text, or an event stream beside JSON. */
  readonly media?: "application/octet-stream" | "text/plain" | "text/event-stream";
  /** Problems beyond those that any endpoint may answer. */
  readonly problems?: readonly ProblemCode[];
};

/** Declares an endpoint and keeps its exact type. */
export const endpoint = <const E extends Endpoint>(it: E): E => it;

type Out<S> = S extends z.ZodType ? z.output<S> : undefined;
/** What a handler is given: all parts checked and decoded. */
export type Given<E extends Endpoint> = {
  readonly params: Out<E["params"]>;
  readonly query: Out<E["query"]>;
  readonly body: Out<E["body"]>;
};
/** What a caller gives: as `Given`, leaving out what the endpoint does not take. */
export type Asked<E extends Endpoint> = (E["params"] extends Shape ? { readonly params: z.output<E["params"]> } : unknown) &
  (E["query"] extends Shape ? { readonly query?: z.output<E["query"]> } : unknown) &
  (E["body"] extends Shape ? { readonly body: z.output<E["body"]> } : unknown);
/** What a handler answers, before it is encoded. */
export type Returned<E extends Endpoint> = E["returns"] extends z.ZodType ? z.output<E["returns"]> : undefined;
