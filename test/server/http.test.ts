/** The mount: what comes in is bounded and checked, what goes out is a problem or an answer, and nothing is done twice. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import process from "node:process";
import { createInterface } from "node:readline";
import { after, before, test } from "node:test";
import { fileURLToPath } from "node:url";
import { PROBLEMS } from "../../sdk/src/contract/problems.ts";
import { limits } from "../../server/src/host/limits.ts";
import { Problem, problem } from "../../server/src/http/call.ts";
import { type Answer, type Api, asking, type Json, makeToken, openApi } from "./api.ts";

let api: Api;
before(async () => {
  api = await openApi({ bounds: { headMs: 300, requestMs: 600 } });
});
after(() => api.close());

function refused({ status, headers, json }: Answer, code: keyof typeof PROBLEMS, field?: string): void {
  assert.equal(json.code, code, JSON.stringify(json));
  assert.equal(status, PROBLEMS[code].status);
  assert.equal(json.status, status);
  assert.match(headers.get("content-type") ?? "", /^application\/problem\+json/);
  assert.equal(headers.get("x-request-id"), json.requestId);
  if (field !== undefined) assert.equal(json.field, field);
}
const unit = (name: string) => ({ name, label: name, parent: "bank" });
const countUnits = async () => (await api.made.db.selectFrom("unit").select("name").execute()).length;

/** What the server says to raw bytes, once it has closed the socket or `enough` has come. */
async function raw(text: string | Uint8Array, enough = /^$/): Promise<string> {
  const { hostname, port } = new URL(api.url);
  const socket = connect(Number(port), hostname);
  let said = "";
  socket.setEncoding("utf8").on("data", (chunk) => {
    said += chunk;
    if (enough.test(said)) socket.destroy();
  });
  socket.on("error", () => socket.destroy());
  socket.write(text);
  await once(socket, "close");
  return said;
}

test("every answer bears its request's id and nothing that a browser could misuse", async () => {
  const own = await api.ask("GET", "/v1/me", { headers: { "x-request-id": "my-request-1" } });
  assert.equal(own.headers.get("x-request-id"), "my-request-1");
  assert.match(
    (await api.ask("GET", "/v1/me", { headers: { "x-request-id": "a b<script>" } })).headers.get("x-request-id") ?? "",
    /^[0-9a-f-]{36}$/,
  );
  assert.equal(own.headers.get("x-content-type-options"), "nosniff");
  assert.equal(own.headers.get("cache-control"), "no-store");
  assert.equal(own.headers.get("access-control-allow-origin"), null);
  assert.match(own.headers.get("ratelimit") ?? "", /^"user";r=\d+;t=\d+$/);
});

test("who shows no token that is in force is answered in one form", async () => {
  const bad = [null, "", "sr_", `sr_${"0".repeat(64)}`, `sr_${"G".repeat(64)}`, "x".repeat(9_000)];
  const said = new Set<string>();
  for (const token of bad) {
    const answer = await api.ask("GET", "/v1/me", { token });
    refused(answer, "UNAUTHENTICATED", "headers.authorization");
    const { requestId: _, instance: __, ...rest } = answer.json;
    said.add(JSON.stringify(rest));
  }
  assert.equal(said.size, 1);
});

test("paths and methods that are none", async () => {
  for (const path of ["/", "/v1", "/v2/me", "/v1/me/", "//v1/me", "/v1//me", "/v1/ME", "/v1/me%2f", "/v1/%2e%2e/me"]) {
    refused(await api.ask("GET", path), "NOT_FOUND");
  }
  for (const path of [
    "/v1/users/a%2fb",
    "/v1/users/%00",
    "/v1/users/%C3%28",
    "/v1/users/ADMIN",
    `/v1/users/${"a".repeat(99)}`,
  ]) {
    const answer = await api.ask("GET", path);
    refused(answer, answer.status === 404 ? "NOT_FOUND" : "BAD_REQUEST");
  }
  for (const method of ["HEAD", "PUT", "OPTIONS", "DELETE"]) {
    const answer = await api.ask(method, "/v1/units");
    assert.deepEqual([answer.status, answer.headers.get("allow")], [405, "POST, GET"]);
  }
  refused(await api.ask("PATCH", "/v1/units", { body: "{", token: null }), "METHOD_NOT_ALLOWED");
  refused(await api.ask("GET", "/v1/units?x=%00"), "BAD_REQUEST", "query.x");
  refused(await api.ask("GET", "/v1/units?__proto__=1"), "BAD_REQUEST", "query.__proto__");
});

test("bytes that are no request get an answer and lose their socket", async () => {
  assert.match(await raw("BREW /v1/me HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 400 /);
  assert.match(await raw("GET /v1/me HTTP/1.1\r\n\r\n"), /^HTTP\/1\.1 400 /);
  assert.match(await raw(`GET /${"a".repeat(20_000)} HTTP/1.1\r\nhost: x\r\n\r\n`), /^HTTP\/1\.1 431 /);
  assert.match(await raw("GET /v1/% HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"), /^HTTP\/1\.1 4\d\d /);
  assert.match(await raw("PROPFIND /v1/me HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"), /^HTTP\/1\.1 40[45] /);
  assert.match(
    await raw("POST /v1/units HTTP/1.1\r\nhost: x\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"),
    /^HTTP\/1\.1 400 /,
  );
});

test("who dawdles over a head or a body is cut off", async () => {
  const head = `POST /v1/units HTTP/1.1\r\nhost: x\r\nauthorization: Bearer ${api.admin}\r\ncontent-type: application/json\r\n`;
  assert.match(await raw(head), /^HTTP\/1\.1 408 /);
  assert.match(await raw(`${head}content-length: 100\r\n\r\n{"name":`), /^HTTP\/1\.1 408 |^$/);
});

test("a body is one JSON object in UTF-8 of a bounded size", async () => {
  const before = await countUnits();
  const post = (body: unknown, headers = {}) => api.ask("POST", "/v1/units", { body, headers });
  for (const body of ["{", "[]", "1", "null", '"x"', '{"name":"x"} x', '{"name":"x",}', "\ufeff{}", "{'a':1}"]) {
    refused(await post(body), "BAD_REQUEST", "body");
  }
  refused(await post('{"name":"x","label":"x","parent":"bank","__proto__":{"a":1}}'), "BAD_REQUEST", "body");
  refused(await post('{"name":"x","label":"x","parent":"bank","\\u006eame":"y"}'), "BAD_REQUEST", "body");
  refused(await post(`${'{"a":'.repeat(9)}1${"}".repeat(9)}`), "BAD_REQUEST", "body");
  refused(await post(`{"a":[${"1,".repeat(11_000)}1]}`), "BAD_REQUEST", "body");
  refused(await post(`{"a":1${"0".repeat(40)}}`), "BAD_REQUEST", "body");
  refused(await post(`{"a":"${"\\".repeat(1_001)}`), "BAD_REQUEST", "body");
  refused(await post(new Uint8Array([0x7b, 0x22, 0xff, 0x22, 0x7d])), "BAD_REQUEST", "body");
  refused(await post('{"name":"x","label":"\\ud800","parent":"bank"}'), "BAD_REQUEST", "body.label");
  refused(await post('{"name":"x","label":"a\\u0000b","parent":"bank"}'), "BAD_REQUEST", "body.label");
  refused(await post({ ...unit("x"), extra: 1 }), "BAD_REQUEST", "body.extra");
  refused(await post({ name: "x", label: "x" }), "BAD_REQUEST", "body.parent");
  refused(await api.ask("POST", "/v1/units"), "BAD_REQUEST", "body.name");
  refused(await post(`{"a":"${"x".repeat(limits.bodyBytes)}"}`), "TOO_LARGE");
  refused(
    await post("name=x", { "content-type": "application/x-www-form-urlencoded" }),
    "UNSUPPORTED_MEDIA",
    "headers.content-type",
  );
  refused(
    await post("{}", { "content-type": "application/json; charset=utf-16" }),
    "UNSUPPORTED_MEDIA",
    "headers.content-type",
  );
  refused(await post("{}", { "content-encoding": "gzip" }), "UNSUPPORTED_MEDIA", "headers.content-encoding");
  refused(await post(unit("x"), { accept: "text/html" }), "NOT_ACCEPTABLE", "headers.accept");
  refused(await post(unit("x"), { origin: "https://evil.example" }), "FORBIDDEN", "headers.origin");
  refused(await post(unit("x"), { origin: "null" }), "FORBIDDEN", "headers.origin");
  refused(await api.ask("DELETE", "/v1/users/admin/tokens/x", { body: "{}" }), "BAD_REQUEST", "body");
  assert.equal(await countUnits(), before);
  assert.equal((await post(unit("own"), { origin: api.url, "content-type": 'application/json;charset="UTF-8"' })).status, 201);
});

test("SQL in a text is a text", async () => {
  const label = `'; drop table unit; -- " \\ $1 %s`;
  assert.equal((await api.ask("POST", "/v1/units", { body: { ...unit("quoted"), label } })).json.label, label);
  refused(await api.ask("GET", `/v1/clients?unit=${encodeURIComponent("' or 1=1")}`), "BAD_REQUEST", "query.unit");
});

test("a key gives the same answer for ever, and to its user alone", async () => {
  const key = { "idempotency-key": '"key-1"' };
  const first = await api.ask("POST", "/v1/units", { body: unit("once"), headers: key });
  assert.equal(first.headers.get("idempotent-replayed"), null);
  const again = await api.ask("POST", "/v1/units", {
    body: '{ "parent":"bank",  "label":"once","name":"once" }',
    headers: { "idempotency-key": "key-1" },
  });
  assert.deepEqual(
    [again.status, again.text, again.headers.get("etag")],
    [first.status, first.text, first.headers.get("etag")],
  );
  assert.equal(again.headers.get("idempotent-replayed"), "true");
  refused(await api.ask("POST", "/v1/units", { body: unit("twice"), headers: key }), "KEY_REUSED", "headers.idempotency-key");
  refused(await api.ask("POST", "/v1/clients", { body: { name: "c", label: "c", unit: "bank" }, headers: key }), "KEY_REUSED");
  const token = await api.user("keyed");
  assert.equal((await api.ask("POST", "/v1/units", { token, body: unit("twice"), headers: key })).status, 201);
  for (const bad of ["", " ", "a b", "x".repeat(129), '"a"b"']) {
    const answer = await api.ask("POST", "/v1/units", { body: unit("never"), headers: { "idempotency-key": bad } });
    refused(answer, "BAD_REQUEST", "headers.idempotency-key");
  }
});

test("a call that failed is not kept: its key is still fresh", async () => {
  const headers = { "idempotency-key": "failing" };
  refused(await api.ask("POST", "/v1/units", { body: { ...unit("orphan"), parent: "none" }, headers }), "NOT_FOUND");
  assert.equal((await api.ask("POST", "/v1/units", { body: unit("orphan"), headers })).status, 201);
});

test("two processes that get one key at once do it once", async () => {
  const program = fileURLToPath(new URL("./serving.ts", import.meta.url));
  const other = spawn(process.execPath, [program, api.made.url], { stdio: ["pipe", "pipe", "inherit"] });
  const [url] = await once(createInterface(other.stdout), "line");
  const calls = [api.url, url].flatMap((place) => Array.from({ length: 10 }, () => asking(place, api.admin)));
  const all = (name: (at: number) => string, key: string) =>
    Promise.all(
      calls.map((ask, at) => ask("POST", "/v1/units", { body: unit(name(at)), headers: { "idempotency-key": key } })),
    );
  for (let round = 0; round < 5; round++) {
    const same = await all(() => `raced-${round}`, `race-${round}`);
    assert.equal(new Set(same.map((answer) => answer.text)).size, 1);
    assert.equal(same.filter((answer) => answer.headers.get("idempotent-replayed") === null).length, 1);
    const mixed = await all((at) => `mixed-${round}-${at}`, `mixed-${round}`);
    const statuses = mixed.map((answer) => answer.status).sort();
    assert.deepEqual(statuses, [201, ...Array.from({ length: calls.length - 1 }, () => 409)]);
  }
  const events = await api.made.db.selectFrom("event_outbox").select("id").where("subject", "like", "unit:raced-%").execute();
  assert.equal(events.length, 5);
  other.stdin.end();
  await once(other, "exit");
});

test("a bug and a dead database say nothing of the inside", async () => {
  const broken = await openApi({
    handlers: {
      "jobs.list": async () => {
        throw new Error("secret of the inside at /srv/strongroom");
      },
      "entries.get": async () => ({ name: "x" }) as never,
      "wallets.get": async ({ tx }) => {
        await tx.updateTable("client").set({ label: "x" }).execute();
        return problem("NOT_FOUND", "", "This is not reached.");
      },
      "vault.get": async () => {
        throw new Problem("VAULT_UNREACHABLE", { detail: "It refused.", vaultCode: "FROZEN" });
      },
    },
  });
  for (const path of ["/v1/jobs", "/v1/entries/x", "/v1/wallets/x"]) {
    const answer = await broken.ask("GET", path);
    refused(answer, "INTERNAL");
    assert.doesNotMatch(answer.text, /secret|srv|client|read-only|\.ts/);
  }
  const vault = await broken.ask("GET", "/v1/vault");
  assert.deepEqual([vault.status, vault.json.vaultCode], [422, "FROZEN"]);
  await broken.made.close();
  const down = await broken.ask("GET", "/v1/me");
  assert.deepEqual([down.status >= 500, (down.json as Json).detail === undefined], [true, false]);
  await broken.close().catch(() => undefined);
});

test("who calls too often waits, alone", async () => {
  let now = Date.now();
  const strict = await openApi({
    bounds: { user: { burst: 3, perSecond: 1 }, address: { burst: 20, perSecond: 1 } },
    now: () => now,
  });
  for (let at = 0; at < 3; at++) assert.equal((await strict.ask("GET", "/v1/me")).status, 200);
  const late = await strict.ask("GET", "/v1/me");
  refused(late, "RATE_LIMITED");
  assert.equal(late.headers.get("retry-after"), "1");
  now += 2_000;
  assert.equal((await strict.ask("GET", "/v1/me")).status, 200);
  for (let at = 0; at < 20; at++) await strict.ask("GET", "/v1/me", { token: makeToken().token });
  refused(await strict.ask("GET", "/v1/health/live", { token: null }), "RATE_LIMITED");
  await strict.close();
});

test("figures are for those who may see health", async () => {
  assert.equal((await api.ask("GET", "/metrics", { token: null })).status, 401);
  const { status, text } = await api.ask("GET", "/metrics");
  assert.equal(status, 200);
  assert.match(text, /^strongroom_work_seconds_count\{work="call",name="me.get",outcome="ok"\} \d+$/m);
});
