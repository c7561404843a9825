/** Attack: tokens that are forged, worn out or shown in another way, statements of SQL in every text that the API takes, and
 *  things made
 *  without end. Nobody gets in, every text is a text, and there is an end to what one user makes. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { after, before } from "node:test";
import type { z } from "zod";
import type { Endpoint } from "../../sdk/src/contract/endpoint.ts";
import { ENDPOINTS } from "../../sdk/src/contract/table.ts";
import { limits } from "../../server/src/host/limits.ts";
import { HANDLERS } from "../../server/src/host/nouns.ts";
import { verifyRecords } from "../../server/src/integrity/store.ts";
import { openVaultLink, type VaultLink } from "../../server/src/vault/link.ts";
import { type Answer, type Api, type Ask, openApi } from "../server/api.ts";
import { fill, validPart } from "../server/samples.ts";
import { type Standing, standVault } from "../world/standing.ts";
import { attacks, fails } from "./attack.ts";

const ALL = Object.entries(ENDPOINTS) as [string, Endpoint][];
const FAST = { burst: 1_000_000, perSecond: 1_000_000 };
let vault: Standing;
let link: VaultLink;
let api: Api;
before(async () => {
  vault = await standVault();
  link = openVaultLink({ socket: vault.socket, pin: vault.made.deployment });
  const handlers = Object.fromEntries(Object.entries(HANDLERS).filter(([name]) => !/^(?:chains|health)\./.test(name)));
  api = await openApi({ handlers, bounds: { user: FAST, address: FAST }, more: { vault: link } });
});
after(async () => {
  await api?.close();
  link?.close();
  await vault?.clean();
});

attacks("a token is forged, or shown in another way", async () => {
  const { admin, ask, url } = api;
  assert.equal((await ask("GET", "/v1/me")).status, 200);
  const hash = createHash("sha256").update(admin).digest("hex");
  const flipped = Array.from({ length: 20 }, (_, at) => {
    const place = 3 + at * 3;
    return `${admin.slice(0, place)}${admin[place] === "0" ? "1" : "0"}${admin.slice(place + 1)}`;
  });
  const texts = [
    ...flipped,
    ...[
      hash,
      `sr_${hash}`,
      admin.toUpperCase(),
      admin.slice(0, -1),
      `${admin}0`,
      admin.slice(3),
      `sr_${randomBytes(32).toString("hex")}`,
    ],
    ...["", "null", "undefined", "' or 1=1 --", "sr_' or ''='", `${admin} x`, "%", "sr_%", "*"],
  ];
  for (const text of texts) {
    await fails(async () => {
      const { status, json } = await ask("GET", "/v1/me", { token: text });
      assert.deepEqual([status, json.code], [401, "UNAUTHENTICATED"], text);
    });
  }
  const ways: Record<string, string>[] = [
    { authorization: `Basic ${Buffer.from(`admin:${admin}`).toString("base64")}` },
    { authorization: admin },
    { cookie: `token=${admin}; authorization=Bearer ${admin}` },
    { "x-authorization": `Bearer ${admin}` },
    { "proxy-authorization": `Bearer ${admin}` },
    { "x-forwarded-user": "admin", "x-remote-user": "admin" },
  ];
  for (const headers of ways) {
    await fails(async () =>
      assert.equal((await ask("GET", "/v1/me", { token: null, headers })).status, 401, JSON.stringify(headers)),
    );
  }
  for (const name of ["token", "access_token", "authorization"]) {
    await fails(async () => assert.equal((await fetch(`${url}/v1/me?${name}=${admin}`)).status, 401, name));
  }
});

const STATEMENTS = [
  "'; drop table app_user; --",
  "' or '1'='1",
  "x'); delete from token where (1=1",
  "$1",
  "$$; update app_user set role='administrator'; $$",
  "\\'; select pg_sleep(9); --",
  "%' union select hash from token --",
];

/** Texts of SQL that a field takes as they are. */
const taken = (schema: z.ZodType) => STATEMENTS.filter((text) => schema.safeParse(text).success);

attacks("SQL stands in every text that is taken", async () => {
  const before = await standing();
  for (const [name, endpoint] of ALL) {
    for (const part of ["params", "query", "body"] as const) {
      for (const [field, schema] of Object.entries(endpoint[part]?.shape ?? {})) {
        // Those that are refused are tried too, one for each field.
        const texts = taken(schema as z.ZodType);
        for (const text of texts.length > 0 ? texts : STATEMENTS.slice(0, 1)) {
          await fails(async () => {
            const { status, json } = await call(endpoint, { [part]: { [field]: text } });
            assert.notEqual(json.code, "INTERNAL", `${name} ${part}.${field}: ${text}`);
            assert.ok(status < 500 || json.code === "CHAIN_UNREACHABLE", `${name} ${part}.${field} gives ${status}`);
          });
        }
      }
    }
  }
  assert.deepEqual(await standing(), before);
});

/** Who may do what, as it stands: what the statements would have changed. */
async function standing() {
  const { db } = api.made;
  const users = db.selectFrom("app_user").select(["name", "role", "disabled"]).where("name", "=", "admin");
  const tokens = db.selectFrom("token").select(["hash", "revoked_at"]).where("user_name", "=", "admin");
  return { users: await users.execute(), tokens: await tokens.execute() };
}

function call(endpoint: Endpoint, given: { readonly [part: string]: Record<string, unknown> }): Promise<Answer> {
  const { method, path, params, query, body } = endpoint;
  const search = new URLSearchParams(
    Object.entries({ ...validPart(query), ...given.query }).map(([name, value]): [string, string] => [name, String(value)]),
  );
  const place = fill(path, { ...validPart(params), ...given.params });
  const how: Ask = body === undefined ? {} : { body: { ...validPart(body), ...given.body } };
  return api.ask(method, search.size > 0 ? `${place}?${search}` : place, how);
}

attacks("one user makes tokens and units without end", async () => {
  await api.user("maker");
  const hash = () => randomBytes(32).toString("hex");
  const make = () => api.ask("POST", "/v1/users/maker/tokens", { body: { label: "bulk", hash: hash(), lifeSeconds: 60 } });
  const made = await Promise.all(Array.from({ length: limits.tokensEach + 40 }, make));
  assert.equal(made.filter(({ status }) => status === 201).length, limits.tokensEach - 1);
  for (const { status, json } of made.filter((one) => one.status !== 201)) {
    await fails(() => assert.deepEqual([status, json.code], [409, "STATE_CONFLICT"]));
  }
  const unit = (at: number, parent: string) =>
    api.ask("POST", "/v1/units", { body: { name: `u-${at}`, label: "bulk", parent } });
  let last: Answer | null = null;
  for (let at = 0, parent = "bank"; at < limits.unitDepth + 4; parent = `u-${at}`, at++) {
    last = await unit(at, parent);
    if (last.status !== 201) break;
  }
  const depth = last;
  await fails(() => assert.equal(depth?.json.code, "STATE_CONFLICT"));
  const wide = await Promise.all(Array.from({ length: limits.units + 20 }, (_, at) => unit(1_000 + at, "bank")));
  assert.ok(wide.filter(({ status }) => status === 201).length < limits.units);
  for (const { json } of wide.filter((one) => one.status !== 201)) await fails(() => assert.equal(json.code, "STATE_CONFLICT"));
  const { count } = await api.made.db
    .selectFrom("unit")
    .select((it) => it.fn.countAll<number>().as("count"))
    .executeTakeFirstOrThrow();
  assert.ok(count <= limits.units, `${count} units`);
  const { findings, rows } = await verifyRecords(api.made.db, await link.view());
  assert.deepEqual(findings, []);
  assert.ok(rows > limits.units);
});
