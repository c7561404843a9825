/** Attack: users of another unit, and of another client, ask every route of the table for everything that there is by its
 *  id, and write to
 *  it. Nothing of others is given, told or changed; and for who may see it the same call succeeds. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before } from "node:test";
import { sql } from "kysely";
import type { Endpoint } from "../../sdk/src/contract/endpoint.ts";
import { ENDPOINTS } from "../../sdk/src/contract/table.ts";
import { type Answer, asking } from "../server/api.ts";
import { fill, validPart } from "../server/samples.ts";
import { attacks, fails } from "./attack.ts";
import { openRecords, type Records } from "./records.ts";

const ALL = Object.entries(ENDPOINTS) as [string, Endpoint][];
/** What belongs to the institution as a whole: who has the role sees it. */
const EVERYBODYS = /^(?:entries|facts|rulebooks|starts|vault|chains|audit|jobs|health|me|metrics|openapi)\./;

let records: Records;
let ask: ReturnType<typeof asking>;
let admin: string;
/** Strangers' tokens: an administrator of another unit, one bound to another client, and operators of both. */
const strangers: string[] = [];
/** Ids by the noun that has them, as route parameters. */
let things: Readonly<Record<string, readonly Record<string, string>[]>>;

before(async () => {
  records = await openRecords({ stop: false });
  const { house, owner } = records;
  ask = asking(house.servers[0]?.url ?? "", "");
  admin = await token("admin");
  const main = house.as("admin");
  await main.call("clients.create", { body: { name: "cyd", label: "cyd", unit: "outer" } });
  for (const [name, role, at] of [
    ["stranger-1", "administrator", { unit: "outer" }],
    ["stranger-2", "operator", { unit: "outer" }],
    ["stranger-3", "administrator", { unit: "outer", client: "cyd" }],
    ["stranger-4", "auditor", { unit: "outer", client: "cyd" }],
    ["stranger-5", "trader", { unit: "outer" }],
    ["stranger-6", "approver", { unit: "outer" }],
  ] as const) {
    await house.enrol(name, role, at);
    strangers.push(await token(name));
  }
  const ids = async (table: string, column: string) => {
    const { rows } = await sql<{ id: string }>`select ${sql.ref(column)}::text as id from ${sql.table(table)}`.execute(owner);
    return rows.map(({ id }) => id);
  };
  const [tokens] = await ids("token", "id");
  things = {
    clients: [{ name: "ann" }, { name: "ben" }],
    users: [{ name: "admin" }, { name: "viewer" }, { name: "source" }],
    tokens: [{ name: "admin", id: tokens ?? "" }],
    wallets: [{ name: "treasury" }, { name: "savings" }],
    addresses: [
      { wallet: "treasury", index: "0" },
      { wallet: "treasury", index: "1" },
    ],
    requests: (await ids("request", "id")).map((id) => ({ id })),
    explanations: (await ids("request", "id")).map((id) => ({ id })),
    executions: (await ids("execution", "id")).map((id) => ({ id })),
    deposits: (await ids("deposit", "id")).map((id) => ({ id })),
    accounts: (await ids("ledger_account", "id")).map((id) => ({ id })),
  };
});
after(() => records?.close());

/** A fresh token of a user, entered by the administrator. */
async function token(user: string): Promise<string> {
  const text = `sr_${randomBytes(32).toString("hex")}`;
  const hash = createHash("sha256").update(text).digest("hex");
  await records.house
    .as("admin")
    .call("tokens.create", { params: { name: user }, body: { label: "way in", hash, lifeSeconds: 3600 } });
  return text;
}

type Given = { params?: Record<string, unknown>; query?: Record<string, string>; body?: unknown };
function call({ method, path, body, query }: Endpoint, by: string, given: Given = {}): Promise<Answer> {
  const search = new URLSearchParams({ ...(validPart(query) as Record<string, string>), ...given.query });
  const sent = given.body ?? (body === undefined ? undefined : validPart(body));
  const how = { token: by, ...(sent !== undefined && { body: sent }) };
  return ask(method, `${fill(path, given.params ?? {})}${search.size > 0 ? `?${search}` : ""}`, how);
}

const nounOf = (name: string) => name.split(".")[0] ?? "";
const rowCounts = async () => {
  const { rows } = await sql<{ events: number }>`select (select count(*) from event where type not like 'ledger.%') +
    (select count(*) from event_outbox where type not like 'ledger.%') as events`.execute(records.owner);
  return rows[0]?.events;
};

/** Refused, in words that are the same for what there is and for what there is not. */
function demandRefused({ status, text, json }: Answer, name: string): void {
  assert.ok(status === 404 || status === 403 || status === 400 || status === 412, `${name} gives ${status} ${text}`);
  assert.ok(["NOT_FOUND", "FORBIDDEN", "BAD_REQUEST", "STALE"].includes(String(json.code)), `${name}: ${text}`);
}

attacks("every thing of others is asked for by its id, and written to", async () => {
  const before = await rowCounts();
  for (const [name, endpoint] of ALL) {
    if (endpoint.params === undefined || EVERYBODYS.test(name)) continue;
    const all = things[nounOf(name)];
    assert.ok(all !== undefined, `no things for ${name}`);
    for (const params of all) {
      if (endpoint.method === "GET") assert.equal((await call(endpoint, admin, { params })).status, endpoint.status, name);
      for (const by of strangers) await fails(async () => demandRefused(await call(endpoint, by, { params }), name));
    }
  }
  assert.equal(await rowCounts(), before);
});

attacks("lists are asked for with every filter that names others", async () => {
  const secrets = [...Object.values(things).flatMap((all) => all.flatMap((one) => Object.values(one)))].filter(
    (text) => text.length > 20,
  );
  const filters = { client: "ann", unit: "inner", wallet: "treasury", request: records.requests.paid };
  for (const [name, endpoint] of ALL) {
    const shape = endpoint.returns === undefined ? {} : Object(Reflect.get(Object(endpoint.returns), "shape"));
    if (endpoint.permission === null || endpoint.params !== undefined || !("items" in shape) || EVERYBODYS.test(name)) continue;
    const takes = Object.keys(endpoint.query?.shape ?? {});
    const queries = [{}, ...Object.entries(filters).flatMap(([key, value]) => (takes.includes(key) ? [{ [key]: value }] : []))];
    assert.equal((await call(endpoint, admin, {})).status, 200, name);
    for (const query of queries) {
      for (const by of strangers) {
        await fails(async () => {
          const { status, text, json } = await call(endpoint, by, { query });
          if (status !== 200) return demandRefused({ status, text, json } as Answer, name);
          const leaked = [...secrets, '"ann"', '"ben"', '"treasury"', '"inner"'].filter((secret) => text.includes(secret));
          assert.deepEqual(leaked, [], `${name} with ${JSON.stringify(query)}`);
        });
      }
    }
  }
});

attacks("what is new is placed with others", async () => {
  const before = await rowCounts();
  const user = { name: "mole", label: "mole", role: "auditor" };
  const tries: readonly [string, unknown][] = [
    ["units.create", { name: "below", label: "below", parent: "inner" }],
    ["units.create", { name: "below", label: "below", parent: "bank" }],
    ["clients.create", { name: "mole", label: "mole", unit: "inner" }],
    ["users.create", { ...user, unit: "inner" }],
    ["users.create", { ...user, unit: "bank" }],
    ["users.create", { ...user, unit: "outer", client: "ann" }],
  ];
  for (const [name, body] of tries) {
    const endpoint = ALL.find(([one]) => one === name)?.[1];
    assert.ok(endpoint !== undefined);
    for (const by of strangers) await fails(async () => demandRefused(await call(endpoint, by, { body }), name));
  }
  assert.equal(await rowCounts(), before);
});
