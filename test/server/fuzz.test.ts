/** Every endpoint of the table against what it does not take: the right code at the right field, never a bug, and nothing
 *  stored. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Client } from "pg";
import type { Endpoint } from "../../sdk/src/contract/endpoint.ts";
import { PERMISSIONS, type Permission, ROLE_NAMES, ROLES, type Role } from "../../sdk/src/contract/permissions.ts";
import type { ProblemCode } from "../../sdk/src/contract/problems.ts";
import { ENDPOINTS } from "../../sdk/src/contract/table.ts";
import { openGateway } from "../../server/src/chain/gateway.ts";
import { HANDLERS } from "../../server/src/host/nouns.ts";
import { openVaultLink, type VaultLink } from "../../server/src/vault/link.ts";
import { withDatabase } from "../world/database.ts";
import { type Standing, standVault } from "../world/standing.ts";
import { type Answer, type Api, type Ask, openApi } from "./api.ts";
import { fill, strangeValues, validPart } from "./samples.ts";

const ALL = Object.entries(ENDPOINTS) as [string, Endpoint][];
const FAST = { burst: 1_000_000, perSecond: 1_000_000 };

let vault: Standing;
let link: VaultLink;
let api: Api;
const tokens = new Map<Role, string>();
/** A user who sees nothing of what there is: of another unit, and of another client. */
const strangers: string[] = [];
let tried = 0;

before(async () => {
  vault = await standVault();
  link = openVaultLink({ socket: vault.socket, pin: vault.made.deployment });
  const made = await withDatabase();
  const assets = async () => ({ name: "none", native: "eth", tokens: [] });
  const chains = openGateway({ chains: new Map(), db: made.db, assets, now: Date.now });
  api = await openApi({ made, handlers: HANDLERS, bounds: { user: FAST, address: FAST }, more: { vault: link, chains } });
  await populate();
});
after(async () => {
  await api.close();
  link.close();
  await vault.clean();
  await api.made.close();
});

async function populate(): Promise<void> {
  for (const name of ["inner", "outer"]) await api.ask("POST", "/v1/units", { body: { name, label: name, parent: "bank" } });
  for (const name of ["ann", "bob"]) await api.ask("POST", "/v1/clients", { body: { name, label: name, unit: "inner" } });
  for (const role of ROLE_NAMES) tokens.set(role, await api.user(`role-${role}`, { role }));
  strangers.push(await api.user("outsider", { unit: "outer" }), await api.user("bound", { unit: "inner", client: "bob" }));
}

async function asOwner<T>(work: (owner: Client) => Promise<T>): Promise<T> {
  const owner = new Client({ connectionString: api.made.ownerUrl });
  await owner.connect();
  try {
    return await work(owner);
  } finally {
    await owner.end();
  }
}

/** Rows of every table. */
function counts(): Promise<Record<string, number>> {
  return asOwner(async (owner) => {
    const { rows } = await owner.query("select tablename from pg_tables where schemaname = 'public' order by 1");
    const all: Record<string, number> = {};
    for (const { tablename } of rows) all[tablename] = (await owner.query(`select from "${tablename}"`)).rowCount ?? 0;
    return all;
  });
}

/** A token whose role holds a permission. */
function holder(permission: Permission | null): string {
  const role = ROLE_NAMES.find((name) => (ROLES[name] as readonly (Permission | null)[]).includes(permission));
  return tokens.get(role ?? "administrator") ?? "";
}

type Given = { params?: Record<string, unknown>; query?: Record<string, unknown>; body?: unknown } & Omit<Ask, "body">;
/** Asks an endpoint with what it takes at least, and what is given instead. */
function ask({ method, path, params, query, body, permission }: Endpoint, given: Given = {}): Promise<Answer> {
  tried++;
  const search = new URLSearchParams(
    Object.entries({ ...validPart(query), ...given.query }).map(([name, value]): [string, string] => [name, String(value)]),
  );
  const place = fill(path, { ...validPart(params), ...given.params });
  const sent = body === undefined ? given.body : (given.body ?? validPart(body));
  const { headers, token = holder(permission) } = given;
  return api.ask(method, search.size > 0 ? `${place}?${search}` : place, {
    ...(sent === undefined ? {} : { body: sent }),
    token,
    ...(headers === undefined ? {} : { headers }),
  });
}

function refused(answer: Answer, wanted: { code: ProblemCode; field?: string }, what: unknown): void {
  const { code, field } = answer.json;
  const said = `${String(what).slice(0, 200)} gives ${answer.text.slice(0, 300)}`;
  assert.equal(code, wanted.code, said);
  if (wanted.field !== undefined) assert.ok(field === wanted.field || String(field).startsWith(`${wanted.field}.`), said);
}

/** Runs against every endpoint that `wanted` takes, and demands that nothing was stored. */
async function forEach(
  wanted: (endpoint: Endpoint) => boolean,
  run: (name: string, endpoint: Endpoint) => Promise<void>,
): Promise<void> {
  const before = await counts();
  for (const [name, endpoint] of ALL) if (wanted(endpoint)) await run(name, endpoint);
  assert.deepEqual(await counts(), before);
}

test("without a token, or with one that is none", () =>
  forEach(
    ({ permission }) => permission !== null,
    async (name, endpoint) => {
      for (const token of [null, `sr_${"0".repeat(64)}`]) {
        refused(await ask(endpoint, { token }), { code: "UNAUTHENTICATED", field: "headers.authorization" }, name);
        // Not even what is wrong with the rest is told.
        refused(await ask(endpoint, { token, query: { x: 1 } }), { code: "UNAUTHENTICATED" }, name);
      }
    },
  ));

test("with every role that lacks the permission", () =>
  forEach(
    ({ permission }) => permission !== null,
    async (name, endpoint) => {
      for (const role of ROLE_NAMES) {
        if ((ROLES[role] as readonly (Permission | null)[]).includes(endpoint.permission)) continue;
        refused(await ask(endpoint, { token: tokens.get(role) ?? "" }), { code: "FORBIDDEN" }, `${name} as ${role}`);
      }
    },
  ));

test("every permission is demanded somewhere and held by some role, and by no role beyond the table", () => {
  const demanded = new Set(ALL.map(([, { permission }]) => permission));
  for (const permission of PERMISSIONS) {
    assert.ok(demanded.has(permission), permission);
    assert.ok(
      ROLE_NAMES.some((role) => (ROLES[role] as readonly Permission[]).includes(permission)),
      permission,
    );
  }
});

test("with parameters that are none", () =>
  forEach(
    ({ params }) => params !== undefined,
    async (name, endpoint) => {
      for (const [part, schema] of Object.entries(endpoint.params?.shape ?? {})) {
        for (const value of strangeValues(schema as never, true)) {
          if (value === "" || value === "../.." || part === "*") continue;
          const wanted = { code: "BAD_REQUEST", field: `params.${part}` } as const;
          refused(await ask(endpoint, { params: { [part]: value } }), wanted, `${name} ${part} ${value}`);
        }
      }
    },
  ));

test("with a query that it does not take", () =>
  forEach(
    () => true,
    async (name, endpoint) => {
      const code = "BAD_REQUEST";
      refused(await ask(endpoint, { query: { stranger: "1" } }), { code, field: "query.stranger" }, name);
      for (const [part, schema] of Object.entries(endpoint.query?.shape ?? {})) {
        for (const value of strangeValues(schema as never, true)) {
          refused(
            await ask(endpoint, { query: { [part]: value } }),
            { code, field: `query.${part}` },
            `${name} ${part} ${value}`,
          );
        }
      }
    },
  ));

test("with a body that it does not take", () =>
  forEach(
    ({ body }) => body !== undefined,
    async (name, endpoint) => {
      const code = "BAD_REQUEST";
      const least = validPart(endpoint.body);
      refused(await ask(endpoint, { body: { ...least, stranger: 1 } }), { code, field: "body.stranger" }, name);
      for (const text of [
        "[]",
        "null",
        "1",
        '"x"',
        "{",
        "\u0000",
        `{"a":${"[".repeat(50)}`,
        '{"a":1,"a":2}',
        '{"__proto__":{}}',
      ]) {
        refused(await ask(endpoint, { body: text }), { code, field: "body" }, `${name} ${text}`);
      }
      refused(await ask(endpoint, { body: new Uint8Array([0x7b, 0xff, 0x7d]) }), { code, field: "body" }, name);
      for (const [part, schema] of Object.entries(endpoint.body?.shape ?? {})) {
        if (!(schema as { isOptional(): boolean }).isOptional()) {
          const { [part]: _, ...rest } = least;
          refused(await ask(endpoint, { body: rest }), { code, field: `body.${part}` }, `${name} without ${part}`);
        }
        for (const value of strangeValues(schema as never, false)) {
          const what = `${name} ${part} ${JSON.stringify(value)}`;
          refused(await ask(endpoint, { body: { ...least, [part]: value } }), { code, field: `body.${part}` }, what);
        }
      }
    },
  ));

test("with other forms, too much, or from another site", () =>
  forEach(
    () => true,
    async (name, endpoint) => {
      const headers = (all: Record<string, string>) => ask(endpoint, { headers: all });
      refused(await headers({ accept: "image/png" }), { code: "NOT_ACCEPTABLE", field: "headers.accept" }, name);
      if (endpoint.method !== "GET") {
        refused(await headers({ origin: "https://evil.example" }), { code: "FORBIDDEN", field: "headers.origin" }, name);
      }
      if (endpoint.method !== "GET" && endpoint.permission?.endsWith(":read") === false) {
        const answer = await headers({ "idempotency-key": "a b" });
        refused(answer, { code: "BAD_REQUEST", field: "headers.idempotency-key" }, name);
      }
      if (endpoint.body === undefined) return;
      const media = { code: "UNSUPPORTED_MEDIA", field: "headers.content-type" } as const;
      for (const type of ["text/plain", "application/xml", "application/json; charset=latin1"]) {
        refused(await headers({ "content-type": type }), media, name);
      }
      refused(await ask(endpoint, { body: `{"x":"${"x".repeat(4_200_000)}"}` }), { code: "TOO_LARGE" }, name);
    },
  ));

/** One thing of each kind in the unit `inner`, of the client `ann`. What they say is no signed record, and only who may see
 *  them is told. */
const ID = "018f0000-0000-7000-8000-0000000000ff";
const HASH = "c".repeat(64);
const RECORD = { unit: "inner", client: "ann", chain: 1, wallet: "theirs", index: 0 };
const THINGS: Readonly<Record<string, Record<string, unknown>>> = {
  wallet: { ...RECORD, name: "theirs", wallet_class: "hot" },
  address: { ...RECORD, address: "0x01" },
  request: { ...RECORD, id: HASH, kind: "pay", reference: "theirs", state: "open" },
  execution: { ...RECORD, id: ID, request: HASH, state: "signed" },
  deposit: { ...RECORD, id: ID, tx: "ab", address: "0x01", asset: "eth", state: "seen", block_hash: HASH, final_at: 2 },
  ledger_account: { id: ID, type: "client", subject: "ann", pool: "theirs", asset: "eth", side: "credit" },
  ledger_head: { account: ID },
};
const FILLED: Readonly<Record<string, unknown>> = {
  text: "x",
  bytea: Buffer.of(0),
  "timestamp with time zone": new Date(),
  boolean: false,
};

/** Enters a row, with something in each column that must hold anything. */
async function plant(owner: Client, table: string, given: Record<string, unknown>): Promise<void> {
  const question =
    "select column_name, data_type, is_nullable, column_default from information_schema.columns where table_name = $1";
  const columns = (await owner.query(question, [table])).rows;
  const row = columns
    .filter((column) => column.column_name in given || (column.is_nullable === "NO" && column.column_default === null))
    .map((column) => [column.column_name, given[column.column_name] ?? FILLED[column.data_type] ?? 1]);
  const places = row.map((_, at) => `$${at + 1}`);
  await owner.query(
    `insert into ${table} (${row.map(([name]) => `"${name}"`)}) values (${places})`,
    row.map(([, value]) => value),
  );
}

/** How endpoints of a noun name the thing that there is. */
const NAMED: Readonly<Record<string, Record<string, unknown>>> = {
  users: { name: "theirs" },
  tokens: { name: "theirs" },
  clients: { name: "ann" },
  wallets: { name: "theirs" },
  addresses: { wallet: "theirs", index: "0" },
  requests: { id: HASH },
  executions: { id: ID },
  deposits: { id: ID },
  accounts: { id: ID },
};
const nounOf = (name: string) => name.split(".")[0] ?? "";

test("with names and ids of things that another unit or client has", async () => {
  await api.user("theirs", { role: "auditor", unit: "inner", client: "ann" });
  await asOwner(async (owner) => {
    for (const [table, given] of Object.entries(THINGS)) await plant(owner, table, given);
  });
  await forEach(
    ({ params }) => params !== undefined,
    async (name, endpoint) => {
      const params = NAMED[nounOf(name)];
      if (params === undefined) return;
      const own = endpoint.method !== "GET" ? null : await ask(endpoint, { params });
      assert.notEqual(own?.json.code, "NOT_FOUND", `${name} for who may see it gives ${own?.text}`);
      for (const token of strangers)
        refused(await ask(endpoint, { token, params }), { code: "NOT_FOUND", field: "params" }, name);
    },
  );
});

test("lists hold nothing of another unit or client", () =>
  forEach(
    ({ params, permission, returns }) =>
      params === undefined && permission !== null && "items" in Object(returns && Reflect.get(returns, "shape")),
    async (name, endpoint) => {
      if (name === "chains.list") return;
      for (const token of strangers) {
        const { status, text } = await ask(endpoint, { token });
        assert.equal(status, 200, `${name} gives ${text}`);
        assert.doesNotMatch(text, /theirs|"ann"|0x01/, name);
      }
    },
  ));

test("with the least that it takes there is no bug", async (t) => {
  for (const [name, endpoint] of ALL) {
    const answer = await ask(endpoint);
    assert.notEqual(answer.json.code, "INTERNAL", `${name} gives ${answer.text.slice(0, 300)}`);
    assert.ok(answer.status === endpoint.status || answer.status >= 400, `${name} gives ${answer.status}`);
  }
  t.diagnostic(`count: fuzz: ${ALL.length} endpoints, ${tried} calls`);
});
