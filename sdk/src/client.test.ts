import assert from "node:assert/strict";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { after, test } from "node:test";
import { ApiProblem } from "./client/problem.ts";
import { openClient } from "./client.ts";
import type { Here } from "./here.ts";
import { limits } from "./limits.ts";
import { openRelay } from "./vault/relay.ts";

type Heard = {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
};
type Reply = { status?: number; headers?: Record<string, string>; json?: unknown; bytes?: Uint8Array; cut?: true };

const heard: Heard[] = [];
let script: ((heard: Heard, at: number) => Reply | null)[] = [];
const server = createServer((request: IncomingMessage, response: ServerResponse) => {
  const chunks: Buffer[] = [];
  request.on("data", (chunk: Buffer) => chunks.push(chunk));
  request.on("end", () => {
    const { method = "", url = "", headers } = request;
    const one = { method, url, headers, body: Buffer.concat(chunks).toString("utf8") };
    heard.push(one);
    const reply = (script.length > 1 ? script.shift() : script[0])?.(one, heard.length) ?? null;
    if (reply === null) return;
    if (reply.cut) {
      request.socket.destroy();
      return;
    }
    response.writeHead(reply.status ?? 200, { "content-type": "application/json", ...reply.headers });
    response.end(reply.bytes ?? JSON.stringify(reply.json));
  });
});
await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
after(() => {
  server.closeAllConnections();
  server.close();
});
const { port } = server.address() as AddressInfo;
const url = `http://127.0.0.1:${port}`;

/** Waits are noted instead of waited, and numbers stand for chance. */
let drawn = 0;
const waits: number[] = [];
const here: Here = {
  now: () => 0,
  random: (size) => new Uint8Array(size).fill(++drawn),
  pause: async (ms) => {
    waits.push(ms);
  },
};
const client = openClient({ url: `${url}/bank/`, token: "sr_token", here });

/** Has the server answer by `replies`, the last one for ever, and gives what it heard. */
function play(...replies: readonly (Reply | null | ((heard: Heard) => Reply | null))[]): Heard[] {
  heard.length = 0;
  script = replies.map((reply) => (typeof reply === "function" ? reply : () => reply));
  return heard;
}
const problem = (status: number, code: string, more: object = {}): Reply => ({
  status,
  headers: { "content-type": "application/problem+json", "retry-after": "0" },
  json: {
    type: "about:blank",
    title: "t",
    status,
    code,
    field: "body.name",
    detail: "d",
    next: "n",
    requestId: "r-1",
    ...more,
  },
});
const account = {
  id: "01890a5d-ac96-7b7c-8f65-1d1c9a1b2c3d",
  type: "client",
  subject: "acme",
  pool: "omnibus",
  asset: "eth",
  posted: "-5",
  incoming: "0",
  held: "7",
  available: "123456789012345678901234567890",
  sequence: 3,
};

test("parts go where the endpoint has them, and come back as code holds them", async () => {
  const calls = play({ headers: { etag: '"3"', "x-request-id": "q-1" }, json: account });
  const { value, etag, requestId } = await client.answer("accounts.get", { params: { id: account.id } });
  assert.deepEqual([value.posted, value.available, etag, requestId], [-5n, 123456789012345678901234567890n, '"3"', "q-1"]);
  assert.deepEqual([calls[0]?.method, calls[0]?.url], ["GET", `/bank/v1/accounts/${account.id}`]);
  assert.equal(calls[0]?.headers["authorization"], "Bearer sr_token");
  assert.equal(calls[0]?.headers["idempotency-key"], undefined);
  const quoted = { gasLimit: 1, maxFeePerGas: "2", maxPriorityFeePerGas: "3", fee: "4", totalFee: "5" };
  play({ json: quoted });
  const asked = { params: { chain: "1" }, body: { from: "0xa", to: "0xb", asset: "eth", amount: 10n ** 20n } };
  assert.equal((await client.call("chains.quote", asked, { ifMatch: '"1"' })).totalFee, 5n);
  assert.equal(calls[0]?.body, '{"from":"0xa","to":"0xb","asset":"eth","amount":"100000000000000000000"}');
  assert.equal(calls[0]?.headers["if-match"], '"1"');
  play({ bytes: Uint8Array.of(1, 2) });
  assert.deepEqual(await client.call("audit.tile", { params: { "*": "0/x001/234.p/7" } }), Uint8Array.of(1, 2));
  assert.equal(calls[0]?.url, "/bank/v1/audit/log/tile/0/x001/234.p/7");
  play({ bytes: new TextEncoder().encode("note\n") });
  assert.equal(await client.call("audit.note"), "note\n");
  play({ json: { ok: true } });
  await client.call("health.live");
  assert.equal(calls[0]?.headers["authorization"], undefined);
});

test("what does not fit the endpoint is not sent", async () => {
  const calls = play({ json: account });
  await assert.rejects(client.call("accounts.get", { params: { id: "../users" } }), {
    code: "ASKED_WRONG",
    field: "params.id",
  });
  const body = { command: "no bytes" as unknown as Uint8Array };
  await assert.rejects(client.call("vault.relay", { body }), { code: "ASKED_WRONG", field: "body.command" });
  const query = { limit: "100000" };
  await assert.rejects(client.call("users.list", { query }), { code: "ASKED_WRONG", field: "query.limit" });
  assert.equal(calls.length, 0);
});

test("what does not fit the endpoint is not taken", async () => {
  const call = () => client.call("accounts.get", { params: { id: account.id } });
  for (const [at, reply] of [
    { json: { ...account, posted: 5 } },
    { json: { ...account, more: 1 } },
    { json: null },
    { bytes: new Uint8Array() },
    { bytes: Uint8Array.of(0xff) },
    { status: 201, json: account },
    { status: 404, json: { error: "nginx" } },
    { bytes: new Uint8Array(limits.answerBytes + 1) },
  ].entries()) {
    play(reply);
    await assert.rejects(call(), { code: "ANSWER_UNFIT" }, `reply ${at}`);
  }
  play({ status: 302, headers: { location: "/elsewhere" }, json: {} });
  await assert.rejects(call(), { code: "SERVER_UNREACHABLE" });
});

test("a problem is told with its code, field, advice and request id, and not tried again", async () => {
  const calls = play(problem(422, "SIGNED_WRONG", { vaultCode: "KEY_UNKNOWN" }));
  const body = { name: "acme", label: "Acme", unit: "root" };
  await assert.rejects(client.call("clients.create", { body }), (error) => {
    assert.ok(error instanceof ApiProblem);
    const { code, vaultCode, status, field, detail, next, requestId } = error;
    assert.deepEqual(
      [code, vaultCode, status, field, detail, next, requestId],
      ["SIGNED_WRONG", "KEY_UNKNOWN", 422, "body.name", "d", "n", "r-1"],
    );
    return true;
  });
  assert.equal(calls.length, 1);
  play(problem(503, "RECORD_TAMPERED"));
  await assert.rejects(client.call("requests.list"), { code: "RECORD_TAMPERED", status: 503 });
  assert.equal(calls.length, 1);
});

test("faults that pass are outlasted, under one key, with the same bytes", async () => {
  const client = { name: "acme", label: "Acme", unit: "root" };
  const made = { ...client, state: "active", createdAt: "2026-11-24T00:00:00.000Z", version: 1 };
  const calls = play({ cut: true }, problem(503, "DATABASE_UNREACHABLE"), problem(429, "RATE_LIMITED"), {
    status: 201,
    json: made,
  });
  assert.equal((await openClient({ url, here }).call("clients.create", { body: client })).version, 1);
  assert.equal(calls.length, 4);
  assert.equal(new Set(calls.map((call) => call.headers["idempotency-key"])).size, 1);
  assert.equal(new Set(calls.map((call) => call.body)).size, 1);
  play({ status: 201, json: made });
  await openClient({ url, here }).call("clients.create", { body: client }, { idempotencyKey: "mine" });
  assert.equal(calls[0]?.headers["idempotency-key"], "mine");
});

test("attempts are bounded, and so is the wait that a server may name", async () => {
  const calls = play({ cut: true });
  waits.length = 0;
  await assert.rejects(client.call("me.get"), { code: "SERVER_UNREACHABLE" });
  assert.equal(calls.length, limits.attempts);
  assert.equal(waits.length, limits.attempts - 1);
  for (const [at, ms] of waits.entries()) {
    const full = limits.retryMs * 2 ** at;
    assert.ok(ms > full / 2 && ms <= full, `${ms}`);
  }
  play(problem(503, "VAULT_UNREACHABLE"));
  await assert.rejects(client.call("vault.get"), { code: "VAULT_UNREACHABLE" });
  assert.equal(calls.length, limits.attempts);
  play({ ...problem(429, "RATE_LIMITED"), headers: { "retry-after": "86400" } });
  await assert.rejects(client.call("me.get"), { code: "RATE_LIMITED" });
  assert.equal(calls.length, 1);
  play({ status: 502, headers: { "retry-after": "0" }, json: "gateway" });
  await assert.rejects(client.call("me.get"), { code: "SERVER_UNREACHABLE" });
});

test("silence ends by the time limit, and a caller who gives up is not kept", async () => {
  const calls = play(null);
  await assert.rejects(client.call("me.get", {}, { timeoutMs: 20 }), { code: "SERVER_UNREACHABLE" });
  assert.equal(calls.length, limits.attempts);
  const given = new AbortController();
  play(() => {
    given.abort(new Error("given up"));
    return null;
  });
  await assert.rejects(client.call("me.get", {}, { signal: given.signal }), { message: "given up" });
  assert.equal(calls.length, 1);
});

test("a list is followed to its end, and one that stands still is refused", async () => {
  const unit = { name: "root", label: "Root", parent: null, path: "root/", createdAt: "2026-11-24T00:00:00.000Z", version: 1 };
  const pages = (next: string | null) => ({ json: { items: [unit, unit], next } });
  const calls = play(pages("a"), pages("b"), pages(null));
  const names: string[] = [];
  for await (const { name } of client.each("units.list", { query: { limit: "2" } })) names.push(name);
  assert.equal(names.length, 6);
  assert.deepEqual(
    calls.map((call) => call.url),
    ["", "after=a&", "after=b&"].map((more) => `/bank/v1/units?${more}limit=2`),
  );
  play(pages("a"), pages("a"));
  const all = async () => {
    for await (const one of client.each("units.list")) assert.ok(one);
  };
  await assert.rejects(all(), { code: "ANSWER_UNFIT", field: "answer.next" });
});

const event = (number: number) => ({
  number,
  type: "client.created",
  subject: "acme",
  actor: "ada",
  unit: null,
  client: null,
  at: "2026-11-24T00:00:00.000Z",
  data: {},
  leaf: "AA==",
});

test("events come in their order from where one was, and in no other", async () => {
  const calls = play({ json: { items: [event(0), event(3)], next: 3 } }, { json: { items: [event(5)], next: 7 } }, (it) =>
    it.url.includes("after=7") ? { json: { items: [event(8)], next: 8 } } : { json: { items: [event(1)], next: 9 } },
  );
  const seen: number[] = [];
  for await (const { number } of client.events()) {
    seen.push(number);
    if (seen.length === 4) break;
  }
  assert.deepEqual(seen, [0, 3, 5, 8]);
  assert.deepEqual(
    calls.map((call) => new URL(call.url, url).searchParams.get("after")),
    [null, "3", "7"],
  );
  play({ json: { items: [event(4), event(4)], next: 4 } });
  const stream = client.events({ after: 2, type: "client.created" });
  assert.equal((await stream.next()).value?.number, 4);
  await assert.rejects(stream.next(), { code: "ANSWER_UNFIT" });
});

test("the token goes to no plain address and follows no redirection", () => {
  for (const wrong of [
    "",
    "server",
    "ftp://a",
    "http://bank.example",
    "https://u:p@a",
    "https://a/?q",
    "http://127.0.0.1.example",
  ]) {
    assert.throws(() => openClient({ url: wrong }), { code: "URL_UNFIT" }, wrong);
  }
  for (const right of ["https://bank.example", "http://localhost:1", "http://[::1]:1", "https://bank.example/a/"])
    openClient({ url: right });
});

test("a relay that falls silent is a missing receipt, one that never spoke is a server that does not answer", async () => {
  const wire = openRelay(client);
  play({ cut: true });
  await assert.rejects(wire.call(Uint8Array.of(1)), { code: "SERVER_UNREACHABLE" });
  play({ json: { receipt: "AQI=" } });
  assert.deepEqual(await wire.call(Uint8Array.of(1)), Uint8Array.of(1, 2));
  play({ cut: true });
  await assert.rejects(wire.call(Uint8Array.of(1)), { code: "NO_RECEIPT" });
  play(problem(403, "FORBIDDEN"));
  await assert.rejects(wire.call(Uint8Array.of(1)), { code: "FORBIDDEN" });
});

test("fetch is called as a function of its own, as browsers demand", async () => {
  const seen: unknown[] = [];
  const plain = function (this: unknown) {
    seen.push(this);
    return Promise.resolve(new Response('{"ok":true}'));
  } as unknown as typeof fetch;
  await openClient({ url, here, fetch: plain }).call("health.live");
  assert.deepEqual(seen, [undefined]);
});
