/** What happens to a call that was let in: what is given is read, the handler runs in a transaction, its answer is encoded, and
 *  under an idempotency key kept. Knows nothing of the framework. */
import { createHash } from "node:crypto";
import type { Endpoint } from "@strongroom/sdk/contract/endpoint";
import type { EndpointName } from "@strongroom/sdk/contract/table";
import { z } from "zod";
import type { Tx } from "../db/tables.ts";
import { look, transact } from "../db/transact.ts";
import type { House } from "../host/context.ts";
import type { Caller } from "../users/rules.ts";
import { type AllHandlers, type Call, type OpenCall, problem } from "./call.ts";
import { type Admitted, type Arrival, demandCaller } from "./gate.ts";
import { canonical } from "./json.ts";
import { type Raw, type Read, readGiven } from "./read.ts";
import { claim, keep } from "./store.ts";

export type Reply = {
  readonly status: number;
  readonly headers: Record<string, string>;
  readonly body: string | Uint8Array | AsyncIterable<string> | null;
};
/** A reply that is whole, so that it can be kept. */
export type Whole = Reply & { readonly body: string | Uint8Array | null };

type Work = (call: OpenCall | Call, given: Read) => Promise<unknown>;
/** The handler of an endpoint, when its exact type does not matter. */
export function workOf(handlers: AllHandlers, name: EndpointName): Work {
  return handlers[name] as unknown as Work;
}

/** Whether a call may change something. A quote is asked for with a body and changes nothing. */
export function changes({ method, permission }: Endpoint): boolean {
  return method !== "GET" && permission?.endsWith(":read") !== true;
}

export type Asked = { readonly arrival: Arrival; readonly admitted: Admitted | null; readonly raw: Raw };

export async function answer(house: House, handlers: AllHandlers, asked: Asked): Promise<Reply> {
  const { arrival, admitted } = asked;
  const { endpoint, name, requestId } = arrival;
  const work = workOf(handlers, name);
  const given = readGiven(endpoint, asked.raw);
  if (admitted === null) return represent(endpoint, await work({ house, requestId }, given));
  if (!changes(endpoint)) {
    const value = await look(house.db, (tx) => work(callOf(house, arrival, { tx, caller: admitted.caller }), given));
    return unlessKnown(arrival, represent(endpoint, value));
  }
  const key = readKey(arrival.header("idempotency-key"));
  const reply = await transact(house.db, async (tx) => {
    // Again, since a slow body may have outlived its token.
    const caller = await demandCaller(tx, endpoint, { tokenHash: admitted.tokenHash, now: house.now() });
    const run = async () => {
      const matching = matchOf(arrival);
      const value = await work(callOf(house, arrival, { tx, caller, demandMatch: matching.demand }), given);
      matching.demandAsked();
      return represent(endpoint, value);
    };
    return key === null ? run() : once({ house, tx, arrival, given, keyed: { user: caller.name, key } }, run);
  });
  house.wake();
  return reply;
}

type CallParts = { tx: Tx; caller: Caller; demandMatch?: (current: unknown) => void };
export function callOf(house: House, { requestId }: Arrival, { tx, caller, demandMatch }: CallParts): Call {
  return { house, caller, tx, requestId, demandMatch: demandMatch ?? (() => undefined) };
}

/** The JSON, text or bytes of an answer, with its strong ETag: the hash of exactly these bytes. */
export function represent(endpoint: Endpoint, value: unknown): Whole {
  const { returns, media, status } = endpoint;
  if (returns === null) return { status, headers: {}, body: null };
  if (media === "application/octet-stream" || media === "text/plain") {
    const body = returns.parse(value) as string | Uint8Array;
    return { status, headers: { "content-type": media === "text/plain" ? `${media}; charset=utf-8` : media }, body };
  }
  return json(status, JSON.stringify(z.encode(returns, value)));
}

export function json(status: number, body: string): Whole {
  return { status, headers: { "content-type": "application/json", etag: etagOf(body) }, body };
}

function etagOf(body: string): string {
  return `"${createHash("sha256").update(body).digest("base64url")}"`;
}

/** Whether a list of tags names this one. `weak`: compared as If-None-Match does.   Source: RFC 9110, section 8.8.3.2. */
function names(list: string, etag: string, weak: boolean): boolean {
  const tags = list.split(",").map((tag) => (weak ? tag.trim().replace(/^W\//, "") : tag.trim()));
  return tags.includes("*") || tags.includes(etag);
}

function unlessKnown(arrival: Arrival, reply: Whole): Whole {
  const known = arrival.header("if-none-match");
  const { etag } = reply.headers;
  if (known === undefined || etag === undefined || !names(known, etag, true)) return reply;
  return { status: 304, headers: { etag }, body: null };
}

/** If-Match of a call. `demandAsked`: a precondition that nobody looked at must not pass for one that held. */
function matchOf({ endpoint, header }: Arrival): { demand: (current: unknown) => void; demandAsked: () => void } {
  const wanted = header("if-match");
  let isOpen = wanted !== undefined;
  return {
    demand(current) {
      isOpen = false;
      const etag = represent(endpoint, current).headers["etag"] ?? "";
      if (wanted === undefined || names(wanted, etag, false)) return;
      problem("STALE", "headers.if-match", "This is not its present state.");
    },
    demandAsked: () => (isOpen ? problem("BAD_REQUEST", "headers.if-match", "This endpoint takes no If-Match.") : undefined),
  };
}

/** An idempotency key, with or without the quotes of the draft.   Source: draft-ietf-httpapi-idempotency-key-header. */
function readKey(header: string | undefined): string | null {
  if (header === undefined) return null;
  const bare = /^"(.*)"$/.exec(header)?.[1] ?? header;
  if (/^[!#-[\]-~]{1,128}$/.test(bare)) return bare;
  return problem(
    "BAD_REQUEST",
    "headers.idempotency-key",
    "1 to 128 printable characters without spaces and quotes are expected.",
  );
}

type Once = { house: House; tx: Tx; arrival: Arrival; given: Read; keyed: { user: string; key: string } };

/** Runs, or gives again what the same call was answered under this key. */
async function once({ house, tx, arrival, given, keyed }: Once, run: () => Promise<Whole>): Promise<Whole> {
  const { params, query, json: body } = given;
  const endpoint = arrival.name;
  const fingerprint = createHash("sha256").update(canonical({ endpoint, params, query, body })).digest("hex");
  const earlier = await claim(tx, keyed, { endpoint, fingerprint, at: new Date(house.now()) });
  if (earlier === null) {
    const reply = await run();
    if (reply.body instanceof Uint8Array) throw new Error("an answer that is not JSON cannot be kept");
    await keep(tx, keyed, { status: reply.status, body: reply.body });
    return reply;
  }
  if (earlier.endpoint !== endpoint || earlier.fingerprint !== fingerprint) {
    problem("KEY_REUSED", "headers.idempotency-key", "Another call was made under this key.");
  }
  const again =
    earlier.body === null ? { status: earlier.status, headers: {}, body: null } : json(earlier.status, earlier.body);
  return { ...again, headers: { ...again.headers, "idempotent-replayed": "true" } };
}
