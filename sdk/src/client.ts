/** A typed client of the server's API, made from the endpoint table: `call` for one answer, `each` for all items of a list,
 *  `events` for the stream.
 *
 *  The server is not trusted: what it answers has the right form, no more. What counts is signed, and checked by `device/`,
 *  `vault/` and `verify/`. Works in Node and in browsers. */
import { toHex } from "@strongroom/core/bytes";
import { type ApiProblem, problemIn } from "./client/problem.ts";
import { type Received, send } from "./client/send.ts";
import { type AskedParts, decodeReturned, encodeAsked, jsonOf } from "./client/shape.ts";
import type { Asked, Endpoint, Returned } from "./contract/endpoint.ts";
import type { Event } from "./contract/log.ts";
import { ENDPOINTS, type EndpointName, type Endpoints } from "./contract/table.ts";
import { raise, SdkFault } from "./faults.ts";
import { HERE, type Here } from "./here.ts";
import { limits } from "./limits.ts";

export type ClientOptions = {
  /** The server: https, or http on this machine itself. A path before `/v1` is kept. */
  readonly url: string;
  /** Bearer token; without it only what needs none can be called. */
  readonly token?: string;
  /** Another `fetch`, for instance through a proxy. */
  readonly fetch?: typeof fetch;
  readonly here?: Here;
};

export type CallOptions = {
  /** Under this key the server does a change once, however often it is sent. One is made up for each call; name your own to
   *  repeat a call that has failed, even from another process. */
  readonly idempotencyKey?: string;
  /** An ETag: the change is made only to what has it, else STALE. */
  readonly ifMatch?: string;
  readonly signal?: AbortSignal;
  /** For one attempt. */
  readonly timeoutMs?: number;
};

/** What comes with a value. */
export type Answer<T> = {
  readonly value: T;
  readonly etag: string | null;
  readonly requestId: string | null;
};

/** What follows the name of an endpoint in a call; what is asked may be left out where nothing must be said. */
export type Rest<E extends Endpoint> =
  Record<never, never> extends Asked<E> ? [asked?: Asked<E>, options?: CallOptions] : [asked: Asked<E>, options?: CallOptions];

type PageOf<T> = { readonly items: readonly T[]; readonly next: string | null };
/** Endpoints that answer pages with a cursor. */
export type ListName = { [N in EndpointName]: Returned<Endpoints[N]> extends PageOf<unknown> ? N : never }[EndpointName];
export type ItemOf<N extends ListName> = Returned<Endpoints[N]> extends PageOf<infer T> ? T : never;

/** All of it fails with `ApiProblem` for what the server refuses, with ASKED_WRONG, SERVER_UNREACHABLE and ANSWER_UNFIT, and
 *  with the reason of `signal` once that is aborted. */
export type Client = {
  /** One call. It is repeated a few times where that can do no harm. */
  call<N extends EndpointName>(name: N, ...rest: Rest<Endpoints[N]>): Promise<Returned<Endpoints[N]>>;
  /** One call, with ETag and request id of its answer. */
  answer<N extends EndpointName>(name: N, ...rest: Rest<Endpoints[N]>): Promise<Answer<Returned<Endpoints[N]>>>;
  /** All items of a list, page by page as they are taken. */
  each<N extends ListName>(name: N, ...rest: Rest<Endpoints[N]>): AsyncGenerator<ItemOf<N>, void, undefined>;
  /** Events after a number as they happen, without end. Without a number from the first one. */
  events(from?: EventsFrom): AsyncGenerator<Event, void, undefined>;
};
export type EventsFrom = { readonly after?: number; readonly type?: string; readonly signal?: AbortSignal };

/** Opens a client; nothing is sent yet. Fails: URL_UNFIT. */
export function openClient({ url, token, here = HERE, ...options }: ClientOptions): Client {
  const base = baseOf(url);
  const fetcher = options.fetch ?? fetch;

  const answer = async (name: EndpointName, asked: AskedParts = {}, how: CallOptions = {}): Promise<Answer<unknown>> => {
    const endpoint: Endpoint = ENDPOINTS[name];
    const { path, body } = encodeAsked(endpoint, asked);
    const headers = headersOf(endpoint, { token, how, hasBody: body !== null, here });
    const { signal, timeoutMs = limits.callMs } = how;
    const way = { fetch: fetcher, here, signal, timeoutMs, isFinal };
    const received = await send({ url: `${base}${path}`, method: endpoint.method, headers, body }, way);
    if (received.status !== endpoint.status) throw problemOf(received, name);
    const value = decodeReturned(endpoint, received.bytes);
    return { value, etag: received.headers.get("etag"), requestId: received.headers.get("x-request-id") };
  };
  const call = async (name: EndpointName, asked?: AskedParts, how?: CallOptions) => (await answer(name, asked, how)).value;
  const client = { call, answer, each: eachOf(call as Call), events: eventsOf(call as Call, here) };
  return client as unknown as Client;
}

type Call = (name: EndpointName, asked: AskedParts, how?: CallOptions) => Promise<unknown>;

/** Fails: URL_UNFIT. */
function baseOf(url: string): string {
  if (!URL.canParse(url)) return raise("URL_UNFIT", "url", "a URL is expected");
  const { protocol, hostname, origin, pathname, username, search, hash } = new URL(url);
  const isHere = protocol === "http:" && /^(?:localhost|127(?:\.\d{1,3}){3}|\[::1\])$/.test(hostname);
  if (protocol !== "https:" && !isHere) return raise("URL_UNFIT", "url", "https is expected; http only on this machine itself");
  if (username !== "" || search !== "" || hash !== "")
    return raise("URL_UNFIT", "url", "it holds a user, a query or a fragment");
  return `${origin}${pathname.replace(/\/+$/, "")}`;
}

type Heading = {
  readonly token: string | undefined;
  readonly how: CallOptions;
  readonly hasBody: boolean;
  readonly here: Here;
};

function headersOf({ method, permission, media }: Endpoint, { token, how, hasBody, here }: Heading): Record<string, string> {
  const isStream = media === undefined || media === "text/event-stream";
  return {
    accept: `${isStream ? "application/json" : media}, application/problem+json`,
    ...(hasBody ? { "content-type": "application/json" } : {}),
    ...(token === undefined || permission === null ? {} : { authorization: `Bearer ${token}` }),
    ...(method === "GET" ? {} : { "idempotency-key": how.idempotencyKey ?? toHex(here.random(16)) }),
    ...(how.ifMatch === undefined ? {} : { "if-match": how.ifMatch }),
  };
}

/** A database that somebody has edited does not mend itself. */
function isFinal({ bytes, status }: Received): boolean {
  return status === 503 && problemFrom(bytes, status)?.code === "RECORD_TAMPERED";
}

function problemFrom(bytes: Uint8Array, status: number): ApiProblem | null {
  try {
    return problemIn(status, jsonOf(bytes));
  } catch (error) {
    if (error instanceof SdkFault) return null;
    throw error;
  }
}

function problemOf({ status, bytes }: Received, name: string): ApiProblem | SdkFault {
  const problem = status >= 400 ? problemFrom(bytes, status) : null;
  const code = status >= 500 ? "SERVER_UNREACHABLE" : "ANSWER_UNFIT";
  return problem ?? new SdkFault(code, name, `the answer has the status ${status} and tells no problem`);
}

/** Fails: ANSWER_UNFIT for a list that does not go on. */
function eachOf(call: Call) {
  return async function* (name: ListName, asked: AskedParts = {}, how: CallOptions = {}): AsyncGenerator<unknown, void> {
    let query = asked.query as { readonly after?: string } | undefined;
    for (;;) {
      const page = (await call(name, { ...asked, query }, how)) as PageOf<unknown>;
      yield* page.items;
      if (page.next === null) return;
      if (page.next === query?.after) raise("ANSWER_UNFIT", "answer.next", "the page after this one is this one");
      query = { ...query, after: page.next };
    }
  };
}

/** Fails: ANSWER_UNFIT for events that are not in their order. */
function eventsOf(call: Call, here: Here) {
  return async function* ({ after, type, signal }: EventsFrom = {}): AsyncGenerator<Event, void> {
    let last = after ?? -1;
    const how = { timeoutMs: limits.pollSeconds * 1_000 + limits.callMs, ...(signal === undefined ? {} : { signal }) };
    for (;;) {
      const since = here.now();
      const query = { wait: String(limits.pollSeconds), type, ...(last < 0 ? {} : { after: String(last) }) };
      const { items, next } = (await call("events.list", { query }, how)) as Returned<Endpoints["events.list"]>;
      for (const event of items) {
        if (event.number <= last) raise("ANSWER_UNFIT", "answer.items", `event ${event.number} comes after ${last}`);
        last = event.number;
        yield event;
      }
      // Events that this user may not see are passed over; before the first one there is nothing to pass.
      if (last >= 0) last = Math.max(last, next ?? last);
      if (items.length === 0 && here.now() - since < limits.pollPauseMs) await here.pause(limits.pollPauseMs, signal);
    }
  };
}
