/** The API on a real port with a real database, for tests of what is served; without vault and chain, which those do not
 *  reach. */
import { createHash, randomBytes } from "node:crypto";
import type { Role } from "../../sdk/src/contract/permissions.ts";
import { ENDPOINTS, type EndpointName } from "../../sdk/src/contract/table.ts";
import { clients } from "../../server/src/clients/http.ts";
import type { Reader } from "../../server/src/db/tables.ts";
import { transact } from "../../server/src/db/transact.ts";
import type { House } from "../../server/src/host/context.ts";
import { openLog } from "../../server/src/host/log.ts";
import { openMetrics } from "../../server/src/host/metrics.ts";
import { type AllHandlers, problem } from "../../server/src/http/call.ts";
import { type Bounds, openHttp } from "../../server/src/http/http.ts";
import { units } from "../../server/src/units/http.ts";
import { users } from "../../server/src/users/http.ts";
import { ensureFirst } from "../../server/src/users/store.ts";
import { type TestDatabase, withDatabase } from "../world/database.ts";

export type Answer = { readonly status: number; readonly headers: Headers; readonly text: string; readonly json: Json };
export type Json = Readonly<Record<string, unknown>>;
export type Ask = {
  readonly body?: unknown;
  readonly token?: string | null;
  readonly headers?: Readonly<Record<string, string>>;
};
export type Api = {
  readonly url: string;
  readonly made: TestDatabase;
  readonly house: House;
  /** The first administrator's. */
  readonly admin: string;
  readonly ask: (method: string, path: string, how?: Ask) => Promise<Answer>;
  /** Adds a user with a token, and gives the token. */
  readonly user: (name: string, more?: { role?: Role; unit?: string; client?: string }) => Promise<string>;
  readonly close: () => Promise<void>;
};

/** A token and its hash. */
export function makeToken(): { token: string; hash: string } {
  const token = `sr_${randomBytes(32).toString("hex")}`;
  return { token, hash: createHash("sha256").update(token).digest("hex") };
}

export const PEOPLE = { ...users, ...units, ...clients };
/** Real handlers where they are given; what is not given finds nothing. */
export function handlersOf(given: Partial<AllHandlers>): AllHandlers {
  const nothing = async () => problem("NOT_FOUND", "", "This is not under test.");
  const all = Object.keys(ENDPOINTS).map((name) => [name, given[name as EndpointName] ?? nothing]);
  return Object.fromEntries(all) as unknown as AllHandlers;
}

/** What goes with a server that has neither vault nor chain. */
export function houseOf(db: Reader, now: () => number = Date.now): House {
  const { log } = openLog("silent");
  return { db, log, now, metrics: openMetrics(), wake: () => undefined } as unknown as House;
}

type Parts = {
  made?: TestDatabase;
  handlers?: Partial<AllHandlers>;
  bounds?: Partial<Bounds>;
  now?: () => number;
  /** Vault and chains, where they are needed. */
  more?: Partial<House>;
};
/** Opens one with an administrator of the unit `bank`. On a database of another one it serves the same institution. */
export async function openApi(parts: Parts = {}): Promise<Api> {
  const made = parts.made ?? (await withDatabase());
  const house = { ...houseOf(made.db, parts.now), ...parts.more };
  const { token: admin, hash: tokenHash } = makeToken();
  await transact(made.db, (tx) => ensureFirst(tx, { unit: "bank", user: "admin", tokenHash }, house.now()));
  const place = { host: "127.0.0.1", port: 0, bounds: parts.bounds ?? {} };
  const { url, close } = await openHttp(house, handlersOf({ ...PEOPLE, ...parts.handlers }), place);
  const ask = asking(url, admin);
  return {
    url,
    made,
    house,
    admin,
    ask,
    user: (name, more) => addUser(ask, name, more),
    close: async () => {
      await close();
      if (parts.made === undefined) await made.close();
    },
  };
}

/** Calls as the user of a token unless told otherwise. A body that is no text goes as JSON. */
export function asking(url: string, usual: string): Api["ask"] {
  return async (method, path, { body, token = usual, headers = {} } = {}) => {
    const isText = typeof body === "string" || body instanceof Uint8Array;
    const answer = await fetch(`${url}${path}`, {
      method,
      headers: {
        ...(token === null ? {} : { authorization: `Bearer ${token}` }),
        ...(body === undefined ? {} : { "content-type": "application/json" }),
        ...headers,
      },
      ...(body === undefined ? {} : { body: isText ? (body as string) : JSON.stringify(body) }),
    });
    const text = await answer.text();
    const isJson = text !== "" && /\bjson\b/.test(answer.headers.get("content-type") ?? "");
    return { status: answer.status, headers: answer.headers, text, json: isJson ? (JSON.parse(text) as Json) : {} };
  };
}

async function addUser(
  ask: Api["ask"],
  name: string,
  more: { role?: Role; unit?: string; client?: string } = {},
): Promise<string> {
  const { token, hash } = makeToken();
  const created = await ask("POST", "/v1/users", { body: { name, label: name, unit: "bank", role: "administrator", ...more } });
  const entered = await ask("POST", `/v1/users/${name}/tokens`, { body: { label: "test", hash, lifeSeconds: 3_600 } });
  if (created.status !== 201 || entered.status !== 201) throw new Error(`no user ${name}: ${created.text} ${entered.text}`);
  return token;
}
