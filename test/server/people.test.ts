/** Users, tokens, units and clients over the API: who sees and changes what, and what each change leaves behind. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { transact } from "../../server/src/db/transact.ts";
import { ensureFirst } from "../../server/src/users/store.ts";
import { withDatabase } from "../world/database.ts";
import { type Answer, type Api, type Json, makeToken, openApi } from "./api.ts";

let api: Api;
before(async () => {
  api = await openApi();
  for (const [name, parent] of [
    ["retail", "bank"],
    ["branch", "retail"],
    ["trading", "bank"],
  ]) {
    assert.equal((await api.ask("POST", "/v1/units", { body: { name, label: `Unit ${name}`, parent } })).status, 201);
  }
  for (const [name, unit] of [
    ["ann", "branch"],
    ["bob", "branch"],
    ["carl", "trading"],
  ]) {
    assert.equal((await api.ask("POST", "/v1/clients", { body: { name, label: `Client ${name}`, unit } })).status, 201);
  }
});
after(() => api.close());

function refused({ status, json }: Answer, code: string, field?: string): void {
  assert.equal(json.code, code, JSON.stringify(json));
  assert.equal(json.status, status);
  if (field !== undefined) assert.equal(json.field, field);
}
const names = ({ json }: Answer) => (json.items as Json[]).map((item) => item.name);

test("the first administrator is made once, by whichever process comes first", async () => {
  const made = await withDatabase();
  const first = { unit: "bank", user: "admin", tokenHash: makeToken().hash };
  const all = Array.from({ length: 8 }, (_, at) => ({
    ...first,
    unit: at % 4 === 0 ? "other" : "bank",
    user: `admin-${at % 2}`,
  }));
  const done = await Promise.all(all.map((one) => transact(made.db, (tx) => ensureFirst(tx, one, Date.now()))));
  assert.equal(done.filter(Boolean).length, 1);
  assert.equal(await transact(made.db, (tx) => ensureFirst(tx, { ...first, user: "mallory" }, Date.now())), false);
  const events = await made.db.selectFrom("event_outbox").select("type").execute();
  assert.deepEqual(
    events.map((event) => event.type),
    ["unit.created", "user.created", "token.created"],
  );
  await made.close();
});

test("a user knows himself", async () => {
  const { json } = await api.ask("GET", "/v1/me");
  assert.deepEqual(
    [json.name, json.role, json.unit, json.client, json.disabled],
    ["admin", "administrator", "bank", null, false],
  );
});

test("units are seen from one's own downwards, by path", async () => {
  assert.deepEqual(names(await api.ask("GET", "/v1/units")), ["bank", "retail", "branch", "trading"]);
  const token = await api.user("rita", { unit: "retail" });
  assert.deepEqual(names(await api.ask("GET", "/v1/units", { token })), ["retail", "branch"]);
  refused(
    await api.ask("POST", "/v1/units", { token, body: { name: "x", label: "x", parent: "trading" } }),
    "NOT_FOUND",
    "body.parent",
  );
  assert.equal(
    (await api.ask("POST", "/v1/units", { token, body: { name: "desk", label: "Desk", parent: "branch" } })).status,
    201,
  );
  assert.deepEqual(names(await api.ask("GET", "/v1/units", { token })), ["retail", "branch", "desk"]);
});

test("clients of another unit do not exist", async () => {
  const token = await api.user("tom", { unit: "trading" });
  assert.deepEqual(names(await api.ask("GET", "/v1/clients", { token })), ["carl"]);
  refused(await api.ask("GET", "/v1/clients/ann", { token }), "NOT_FOUND", "params.name");
  refused(await api.ask("PATCH", "/v1/clients/ann", { token, body: { state: "closed" } }), "NOT_FOUND", "params.name");
  refused(
    await api.ask("POST", "/v1/clients", { token, body: { name: "x", label: "x", unit: "branch" } }),
    "NOT_FOUND",
    "body.unit",
  );
  refused(
    await api.ask("POST", "/v1/clients", { token, body: { name: "ann", label: "x", unit: "trading" } }),
    "CONFLICT",
    "body.name",
  );
});

test("a user of one client sees that client alone, and adds users of it alone", async () => {
  const token = await api.user("anna", { unit: "branch", client: "ann" });
  assert.deepEqual(names(await api.ask("GET", "/v1/clients", { token })), ["ann"]);
  refused(await api.ask("GET", "/v1/clients/bob", { token }), "NOT_FOUND");
  refused(await api.ask("GET", "/v1/users/admin", { token }), "NOT_FOUND");
  assert.deepEqual(names(await api.ask("GET", "/v1/users", { token })), ["anna"]);
  const body = { name: "andy", label: "Andy", unit: "branch", role: "trader" };
  refused(await api.ask("POST", "/v1/users", { token, body }), "FORBIDDEN", "body.client");
  refused(await api.ask("POST", "/v1/users", { token, body: { ...body, client: "bob" } }), "FORBIDDEN", "body.client");
  assert.equal((await api.ask("POST", "/v1/users", { token, body: { ...body, client: "ann" } })).status, 201);
  refused(await api.ask("POST", "/v1/clients", { token, body: { name: "new", label: "New", unit: "branch" } }), "FORBIDDEN");
  refused(await api.ask("POST", "/v1/units", { token, body: { name: "new", label: "New", parent: "branch" } }), "FORBIDDEN");
});

test("a user stands in a visible unit that holds his client", async () => {
  const body = { name: "ulf", label: "Ulf", unit: "trading", role: "trader", client: "ann" };
  refused(await api.ask("POST", "/v1/users", { body }), "BAD_REQUEST", "body.client");
  refused(await api.ask("POST", "/v1/users", { body: { ...body, client: "nobody" } }), "NOT_FOUND", "body.client");
  refused(await api.ask("POST", "/v1/users", { body: { ...body, unit: "nowhere" } }), "NOT_FOUND", "body.unit");
});

test("the same thing again is the same thing, another of its name is none", async () => {
  const body = { name: "same", label: "Same", unit: "branch", role: "trader", person: "sam" };
  const first = await api.ask("POST", "/v1/users", { body });
  assert.deepEqual((await api.ask("POST", "/v1/users", { body })).json, first.json);
  refused(await api.ask("POST", "/v1/users", { body: { ...body, label: "Other" } }), "CONFLICT", "body.name");
  const client = { name: "same", label: "Same", unit: "branch" };
  assert.deepEqual(
    (await api.ask("POST", "/v1/clients", { body: client })).json,
    (await api.ask("POST", "/v1/clients", { body: client })).json,
  );
  refused(await api.ask("POST", "/v1/clients", { body: { ...client, unit: "trading" } }), "CONFLICT", "body.name");
  const unit = { name: "same", label: "Same", parent: "trading" };
  assert.deepEqual(
    (await api.ask("POST", "/v1/units", { body: unit })).json,
    (await api.ask("POST", "/v1/units", { body: unit })).json,
  );
  refused(await api.ask("POST", "/v1/units", { body: { ...unit, parent: "bank" } }), "CONFLICT", "body.name");
  const events = await api.made.db.selectFrom("event_outbox").select("subject").where("subject", "like", "%:same").execute();
  assert.equal(events.length, 3);
});

test("a disabled user and a revoked token are cut off at once", async () => {
  const token = await api.user("dora");
  const [{ id }] = (await api.ask("GET", "/v1/users/dora/tokens")).json.items as [Json];
  assert.equal((await api.ask("GET", "/v1/me", { token })).status, 200);
  await api.ask("PATCH", "/v1/users/dora", { body: { disabled: true } });
  refused(await api.ask("GET", "/v1/me", { token }), "UNAUTHENTICATED");
  await api.ask("PATCH", "/v1/users/dora", { body: { disabled: false } });
  assert.equal((await api.ask("GET", "/v1/me", { token })).status, 200);
  const revoked = await api.ask("DELETE", `/v1/users/dora/tokens/${id}`);
  assert.equal(typeof revoked.json.revokedAt, "string");
  refused(await api.ask("GET", "/v1/me", { token }), "UNAUTHENTICATED");
  assert.deepEqual((await api.ask("DELETE", `/v1/users/dora/tokens/${id}`)).json, revoked.json);
});

test("a token ends with its life and is entered once", async () => {
  let now = Date.now();
  const timed = await openApi({ now: () => now });
  const token = await timed.user("tim");
  assert.equal((await timed.ask("GET", "/v1/me", { token })).status, 200);
  now += 3_600_000;
  refused(await timed.ask("GET", "/v1/me", { token }), "UNAUTHENTICATED");
  const body = { label: "again", hash: makeToken().hash, lifeSeconds: 60 };
  const first = await timed.ask("POST", "/v1/users/tim/tokens", { body });
  assert.deepEqual((await timed.ask("POST", "/v1/users/tim/tokens", { body })).json, first.json);
  refused(await timed.ask("POST", "/v1/users/tim/tokens", { body: { ...body, lifeSeconds: 61 } }), "CONFLICT", "body.hash");
  refused(await timed.ask("POST", "/v1/users/admin/tokens", { body }), "CONFLICT", "body.hash");
  await timed.close();
});

test("nobody takes his own access away, and two administrators not each other's", async () => {
  refused(await api.ask("PATCH", "/v1/users/admin", { body: { disabled: true } }), "STATE_CONFLICT", "body.disabled");
  refused(await api.ask("PATCH", "/v1/users/admin", { body: { role: "auditor" } }), "STATE_CONFLICT", "body.role");
  const [one, two] = await Promise.all([api.user("one"), api.user("two")]);
  const both = await Promise.all([
    api.ask("PATCH", "/v1/users/two", { token: one, body: { disabled: true } }),
    api.ask("PATCH", "/v1/users/one", { token: two, body: { disabled: true } }),
  ]);
  assert.deepEqual(both.map((answer) => answer.status).sort(), [200, 401]);
});

test("a change names what it is based on", async () => {
  const seen = await api.ask("GET", "/v1/clients/bob");
  const match = { "if-match": seen.headers.get("etag") ?? "" };
  const known = await api.ask("GET", "/v1/clients/bob", { headers: { "if-none-match": `W/${match["if-match"]}, "x"` } });
  assert.deepEqual([known.status, known.text], [304, ""]);
  const changed = await api.ask("PATCH", "/v1/clients/bob", { body: { label: "Robert" }, headers: match });
  assert.deepEqual([changed.status, changed.json.version], [200, 2]);
  refused(
    await api.ask("PATCH", "/v1/clients/bob", { body: { state: "closed" }, headers: match }),
    "STALE",
    "headers.if-match",
  );
  const now = { "if-match": changed.headers.get("etag") ?? "" };
  assert.equal((await api.ask("PATCH", "/v1/clients/bob", { body: { state: "closed" }, headers: now })).json.state, "closed");
  assert.equal((await api.ask("GET", "/v1/clients/bob")).headers.get("etag") === now["if-match"], false);
  const body = { name: "zoe", label: "Zoe", unit: "branch" };
  refused(await api.ask("POST", "/v1/clients", { body, headers: now }), "BAD_REQUEST", "headers.if-match");
  refused(await api.ask("GET", "/v1/clients/zoe"), "NOT_FOUND");
});

test("pages hold every item once, and cursors are those of their list", async () => {
  for (let at = 0; at < 7; at++)
    await api.ask("POST", "/v1/clients", { body: { name: `page-${at}`, label: "Page", unit: "trading" } });
  const seen: unknown[] = [];
  let next: string | null = "";
  while (next !== null) {
    const answer: Answer = await api.ask("GET", `/v1/clients?unit=trading&limit=3${next === "" ? "" : `&after=${next}`}`);
    seen.push(...names(answer));
    next = answer.json.next as string | null;
    assert.ok((answer.json.items as Json[]).length <= 3);
  }
  assert.deepEqual(seen, ["carl", ...Array.from({ length: 7 }, (_, at) => `page-${at}`)]);
  const cursor = (await api.ask("GET", "/v1/clients?limit=1")).json.next as string;
  refused(await api.ask("GET", `/v1/users?after=${cursor}`), "BAD_REQUEST", "query.after");
  refused(await api.ask("GET", `/v1/clients?after=${cursor.slice(0, -2)}AA`), "BAD_REQUEST", "query.after");
  refused(await api.ask("GET", "/v1/clients?limit=201"), "BAD_REQUEST", "query.limit");
  refused(await api.ask("GET", "/v1/clients?limit=1&limit=2"), "BAD_REQUEST", "query.limit");
});

test("each change tells one event, labels in its data only", async () => {
  await api.ask("POST", "/v1/clients", { body: { name: "secret-name", label: "Jane Doe", unit: "branch" } });
  await api.ask("PATCH", "/v1/clients/secret-name", { body: { state: "closed" } });
  await api.ask("PATCH", "/v1/clients/secret-name", { body: { state: "closed" } });
  const rows = await api.made.db.selectFrom("event_outbox").selectAll().where("subject", "=", "client:secret-name").execute();
  assert.deepEqual(
    rows.map(({ type, actor, unit, client }) => [type, actor, unit, client]),
    [
      ["client.created", "admin", "branch", "secret-name"],
      ["client.changed", "admin", "branch", "secret-name"],
    ],
  );
  for (const { data, ...rest } of rows) {
    assert.ok(data.includes("Jane Doe"));
    assert.ok(!JSON.stringify(rest).includes("Jane Doe"));
  }
});
