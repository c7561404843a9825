/** The API on a port: mounts the endpoint table on Fastify, which does sockets, routes and bodies; all else is done here or
 *  beside.
 *
 *  Order: request id → address → origin → token → role → user's rate → body → answer. No CORS: pages of other sites read
 *  nothing. */
import type { Socket } from "node:net";
import { Readable } from "node:stream";
import type { Endpoint } from "@strongroom/sdk/contract/endpoint";
import { Bytes } from "@strongroom/sdk/contract/fields";
import { ENDPOINTS, type EndpointName } from "@strongroom/sdk/contract/table";
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import { uuid } from "../db/ids.ts";
import type { House } from "../host/context.ts";
import { Fault } from "../host/fault.ts";
import { limits } from "../host/limits.ts";
import { answer, type Reply } from "./answer.ts";
import { Buckets, type Rate, Slots } from "./buckets.ts";
import { type AllHandlers, Problem, problem } from "./call.ts";
import { type FollowBounds, follow } from "./follow.ts";
import { type Admitted, type Arrival, type Gate, openGate } from "./gate.ts";
import { describe } from "./openapi.ts";
import { document, earlyProblem, PROBLEM_TYPE, problemHeaders, problemOf } from "./problems.ts";

/** What a mount bounds. */
export type Bounds = {
  readonly user: Rate;
  readonly address: Rate;
  readonly headMs: number;
  readonly requestMs: number;
  readonly idleMs: number;
  readonly follow: FollowBounds;
  readonly followsEach: number;
};
const BOUNDS: Bounds = {
  user: { burst: limits.userBurst, perSecond: limits.userPerSecond },
  address: { burst: limits.addressBurst, perSecond: limits.addressPerSecond },
  headMs: limits.headMs,
  requestMs: limits.requestMs,
  idleMs: limits.idleMs,
  follow: { lookMs: limits.followLookMs, beatMs: limits.followBeatMs, lifeMs: limits.followMs },
  followsEach: limits.followsEach,
};

export type Listening = { readonly url: string; readonly close: () => Promise<void> };
/** `bounds`: those that differ from the limits. */
type Place = { readonly host: string; readonly port: number; readonly bounds?: Partial<Bounds> };

/** Opens the API. Throws Fault PORT_TAKEN. `close` lets calls that run end, and ends what is followed. */
export async function openHttp(house: House, handlers: AllHandlers, { host, port, bounds: given }: Place): Promise<Listening> {
  const bounds = { ...BOUNDS, ...given };
  const app = openFastify(bounds);
  const running = counting(app);
  const entries: Entries = new WeakMap();
  const closing = new AbortController();
  const gate = openGate(house, {
    users: new Buckets(bounds.user, limits.buckets),
    addresses: new Buckets(bounds.address, limits.buckets),
  });
  greet(app, { house, gate, entries });
  const slots = new Slots(bounds.followsEach, limits.follows);
  mount(app, { house, handlers, gate, entries, slots, bounds, closing: closing.signal });
  mountOwn(app, house, gate);
  house.metrics.gauge("strongroom_follows", "Long-polls and event streams that are open.", () => slots.held);
  app.addHook("preClose", async () => closing.abort());
  try {
    const url = await app.listen({ host, port });
    return { url, close: () => close(app, running) };
  } catch (error) {
    throw new Fault("PORT_TAKEN", `${host}:${port} cannot be listened on.`, error);
  }
}

/** Calls that run end; then sockets are closed, those too on which nothing was ever asked. */
async function close(app: FastifyInstance, running: () => number): Promise<void> {
  const sweep = setInterval(() => {
    if (running() === 0) app.server.closeAllConnections();
  }, limits.idleSweepMs);
  try {
    await app.close();
  } finally {
    clearInterval(sweep);
  }
}

/** How many calls run. */
function counting(app: FastifyInstance): () => number {
  let count = 0;
  app.addHook("onRequest", async (_request, reply) => {
    count++;
    reply.raw.once("close", () => count--);
  });
  return () => count;
}

function openFastify(bounds: Bounds): FastifyInstance {
  const app = Fastify({
    logger: false,
    genReqId: ({ headers }) => requestIdOf(headers["x-request-id"]),
    requestIdHeader: false,
    exposeHeadRoutes: false,
    bodyLimit: limits.bodyBytes,
    // A head is bounded; how long a part of a path may be is for its schema to say.
    routerOptions: { maxParamLength: limits.headBytes },
    requestTimeout: bounds.requestMs,
    connectionTimeout: bounds.idleMs,
    keepAliveTimeout: limits.keepAliveMs,
    forceCloseConnections: "idle",
    http: {
      headersTimeout: bounds.headMs,
      connectionsCheckingInterval: Math.min(1_000, bounds.headMs),
      maxHeaderSize: limits.headBytes,
    },
    frameworkErrors: (error, request, reply) => sendFailure(request, reply, earlyProblem(error) ?? problemOf(error)),
    clientErrorHandler: refuseSocket,
  });
  app.server.maxConnections = limits.sockets;
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", { parseAs: "buffer" }, (_request, body, done) => done(null, body));
  return app;
}

/** A caller's own request id if it is a sane one. */
function requestIdOf(header: string | string[] | undefined): string {
  return typeof header === "string" && /^[\w.:-]{8,64}$/.test(header) ? header : uuid();
}

/** What Node's parser refuses never becomes a request. */
function refuseSocket(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === "ECONNRESET" || !socket.writable) return void socket.destroy();
  const code = error.code === "HPE_HEADER_OVERFLOW" ? "TOO_LARGE" : "BAD_REQUEST";
  const status = { HPE_HEADER_OVERFLOW: "431 Head Too Large", ERR_HTTP_REQUEST_TIMEOUT: "408 Timeout" }[error.code ?? ""];
  const failure = new Problem(code, { detail: "The request cannot be read." });
  const body = document(failure, uuid());
  const head = `HTTP/1.1 ${status ?? "400 Bad Request"}\r\ncontent-type: ${PROBLEM_TYPE}\r\ncontent-length: ${body.length}`;
  socket.end(`${head}\r\nconnection: close\r\n\r\n${body}`);
}

const SAFE_HEADERS = {
  "cache-control": "no-store",
  "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
  "cross-origin-resource-policy": "same-origin",
  "referrer-policy": "no-referrer",
  "x-content-type-options": "nosniff",
  "x-frame-options": "DENY",
};

/** What every request meets first and last, whatever it asks for. */
function greet(app: FastifyInstance, { house, gate, entries }: Pick<Mount, "house" | "gate" | "entries">): void {
  app.addHook("onRequest", async (request, reply) => {
    reply.headers({ ...SAFE_HEADERS, "x-request-id": request.id });
    reply.raw.once("close", () => note(house, { request, reply, user: entries.get(request)?.caller.name }));
    gate.knock(request.ip, (headers) => reply.headers(headers));
  });
  app.setNotFoundHandler(() => problem("NOT_FOUND", "", "There is no such path."));
  app.setErrorHandler((error, request, reply) => {
    const failure = earlyProblem(error) ?? problemOf(error);
    if (failure.status >= 500) house.log.error({ error: failure.cause ?? failure, requestId: request.id }, failure.code);
    return sendFailure(request, reply, failure);
  });
}

/** One line of the log for each call, that of a caller who went away included. */
function note(house: House, it: { request: FastifyRequest; reply: FastifyReply; user: string | undefined }): void {
  const { request, reply, user } = it;
  const { id: requestId, method, routeOptions, ip } = request;
  const isWhole = reply.raw.writableFinished;
  const ms = Math.round(reply.elapsedTime);
  house.log.info({ requestId, method, path: routeOptions.url, status: reply.statusCode, isWhole, ms, user, ip }, "call");
}

function sendFailure(request: FastifyRequest, reply: FastifyReply, failure: Problem): FastifyReply {
  reply.headers({ ...SAFE_HEADERS, "x-request-id": request.id, ...problemHeaders(failure) });
  return reply.code(failure.status).send(document(failure, request.id));
}

function send(reply: FastifyReply, { status, headers, body }: Reply): FastifyReply {
  reply.code(status).headers(headers);
  if (body === null) return reply.send();
  if (typeof body === "string") return reply.send(body);
  return reply.send(body instanceof Uint8Array ? Buffer.from(body) : Readable.from(body));
}

/** Who was let in with which request. */
type Entries = WeakMap<FastifyRequest, Admitted>;
type Mount = {
  readonly house: House;
  readonly handlers: AllHandlers;
  readonly gate: Gate;
  readonly entries: Entries;
  readonly slots: Slots;
  readonly bounds: Bounds;
  readonly closing: AbortSignal;
};

function mount(app: FastifyInstance, it: Mount): void {
  const allowed = new Map<string, string[]>();
  for (const [name, endpoint] of Object.entries(ENDPOINTS) as [EndpointName, Endpoint][]) {
    mountEndpoint(app, it, { name, endpoint });
    allowed.set(endpoint.path, [...(allowed.get(endpoint.path) ?? []), endpoint.method]);
  }
  for (const [url, methods] of [...allowed, ["/v1/openapi.json", ["GET"]], ["/metrics", ["GET"]]] as [string, string[]][]) {
    refuseOthers(app, url, methods);
  }
}

/** Every other method of a path that is known, before anything is read. */
function refuseOthers(app: FastifyInstance, url: string, methods: readonly string[]): void {
  app.route({
    method: app.supportedMethods.filter((method) => !methods.includes(method)),
    url,
    onRequest: async (_request, reply) => {
      reply.header("allow", methods.join(", "));
      problem("METHOD_NOT_ALLOWED", "", `This path takes ${methods.join(" and ")}.`);
    },
    handler: () => problem("METHOD_NOT_ALLOWED", "", "This is not reached."),
  });
}

function mountEndpoint(
  app: FastifyInstance,
  { house, handlers, gate, entries, slots, bounds, closing }: Mount,
  { name, endpoint }: { name: EndpointName; endpoint: Endpoint },
): void {
  const arrivalOf = (request: FastifyRequest): Arrival => ({
    name,
    endpoint,
    requestId: request.id,
    header: (header) => headerOf(request, header),
  });
  app.route({
    method: endpoint.method,
    url: endpoint.path,
    bodyLimit: bodyLimitOf(endpoint),
    onRequest: async (request, reply) => {
      const admitted = await gate.admit(arrivalOf(request), (headers) => reply.headers(headers));
      if (admitted !== null) entries.set(request, admitted);
    },
    handler: async (request, reply) => {
      const raw = { params: request.params, query: request.query, body: (request.body ?? null) as Buffer | null };
      const admitted = entries.get(request) ?? null;
      const asked = { arrival: arrivalOf(request), admitted, raw };
      if (admitted === null || endpoint.media !== "text/event-stream") {
        return send(reply, await house.metrics.measure("call", name, () => answer(house, handlers, asked)));
      }
      const gone = new AbortController();
      reply.raw.once("close", () => gone.abort());
      const signal = AbortSignal.any([gone.signal, closing]);
      return send(reply, await follow(asked, { house, handlers, slots, bounds: bounds.follow, admitted, gone: signal }));
    },
  });
}

/** A header that is there twice where one is expected is none of those that are taken. */
function headerOf({ headers }: FastifyRequest, name: string): string | undefined {
  const value = headers[name];
  return Array.isArray(value) ? value.join(", ") : value;
}

/** Signed objects are larger than other things. */
function bodyLimitOf({ body }: Endpoint): number {
  const holdsBytes = Object.values(body?.shape ?? {}).some((field) => field === Bytes);
  return holdsBytes ? limits.signedBodyBytes : limits.bodyBytes;
}

/** What is no endpoint of the table: its own description, and figures for a monitor. */
function mountOwn(app: FastifyInstance, house: House, gate: Gate): void {
  const text = JSON.stringify(describe());
  app.get("/v1/openapi.json", async (_request, reply) => reply.header("content-type", "application/json").send(text));
  const asHealth = (request: FastifyRequest): Arrival => ({
    name: "health.get",
    endpoint: { ...ENDPOINTS["health.get"], media: "text/plain" },
    requestId: request.id,
    header: (header) => headerOf(request, header),
  });
  app.get("/metrics", async (request, reply) => {
    await gate.admit(asHealth(request), (headers) => reply.headers(headers));
    return reply.header("content-type", house.metrics.contentType).send(await house.metrics.text());
  });
}
