/** Users, their tokens, and the user whose token this is. */
import { Id, Slug } from "@strongroom/sdk/contract/fields";
import type { Token, User } from "@strongroom/sdk/contract/people";
import { findClient } from "../clients/store.ts";
import { uuid } from "../db/ids.ts";
import { emit } from "../events/store.ts";
import { limits } from "../host/limits.ts";
import { type Call, type Handlers, problem } from "../http/call.ts";
import { paged } from "../http/pages.ts";
import { unitsBelow } from "../units/store.ts";
import { locksOut, sees, tokenRecord, userRecord } from "./rules.ts";
import * as store from "./store.ts";

const showUser = (row: store.UserRow): User => ({
  name: row.name,
  label: row.label,
  unit: row.unit,
  client: row.client,
  role: row.role,
  person: row.person,
  disabled: row.disabled,
  createdAt: row.created_at.toISOString(),
  version: row.version,
});

const showToken = (row: store.TokenRow): Token => ({
  id: row.id,
  user: row.user_name,
  label: row.label,
  createdAt: row.created_at.toISOString(),
  expiresAt: row.expires_at.toISOString(),
  revokedAt: row.revoked_at?.toISOString() ?? null,
});

async function demandUser({ tx, caller }: Call, name: string): Promise<store.UserRow> {
  return (await store.findUser(tx, caller, name)) ?? problem("NOT_FOUND", "params.name", "There is no such user.");
}

/** Where a new user stands: in a visible unit, and if he is bound to a client, to one that he would see. */
async function demandPlace({ tx, caller }: Call, { unit, client }: { unit: string; client: string | null }): Promise<void> {
  if (!caller.units.includes(unit)) problem("NOT_FOUND", "body.unit", "There is no such unit.");
  if (caller.client !== null && caller.client !== client) {
    problem("FORBIDDEN", "body.client", "A user of one client adds users of that client only.");
  }
  if (client === null) return;
  const found = (await findClient(tx, caller, client)) ?? problem("NOT_FOUND", "body.client", "There is no such client.");
  const below = await unitsBelow(tx, unit);
  if (!below.includes(found.unit)) problem("BAD_REQUEST", "body.client", "The client is not in the user's unit or below it.");
}

/** The audit event of a change of a user. */
async function tell(
  { tx, caller }: Call,
  type: string,
  user: store.UserRow,
  { data, record = userRecord(user) }: Pick<Parameters<typeof emit>[1], "data" | "record">,
): Promise<void> {
  const { name, unit, client } = user;
  await emit(tx, { type, subject: `user:${name}`, actor: caller.name, unit, client, data, record });
}

export const users: Handlers<"me" | "users" | "tokens"> = {
  async "me.get"(call) {
    return showUser(await demandUser(call, call.caller.name));
  },

  async "users.create"(call, { body }) {
    const wanted = { ...body, client: body.client ?? null, person: body.person ?? null };
    await demandPlace(call, wanted);
    const created = await store.insertUser(call.tx, { ...wanted, created_at: new Date(call.house.now()) });
    if (created !== undefined) {
      const { label, role, person } = created;
      await tell(call, "user.created", created, { data: { label, role, person } });
      return showUser(created);
    }
    const there = await store.namedUser(call.tx, body.name);
    const isSame =
      there && (["label", "unit", "client", "role", "person"] as const).every((part) => there[part] === wanted[part]);
    return isSame ? showUser(there) : problem("CONFLICT", "body.name", "There is another user of this name.");
  },

  async "users.list"({ tx, caller }, { query }) {
    return paged({
      list: "users.list",
      query,
      key: [Slug],
      keyOf: (row) => [row.name],
      read: ({ after, take }) =>
        store.listUsers(tx, caller, { after: after?.[0] ?? null, take, unit: query.unit, role: query.role }),
      show: showUser,
    });
  },

  async "users.get"(call, { params }) {
    return showUser(await demandUser(call, params.name));
  },

  async "users.change"(call, { params, body }) {
    const { tx, caller } = call;
    // His own row too, so that two administrators cannot take each other away at once.
    const locked = await store.lockUsers(tx, [caller.name, params.name]);
    const self = locked.find((row) => row.name === caller.name);
    if (self?.disabled !== false || self.role !== caller.role) {
      problem("UNAUTHENTICATED", "headers.authorization", "This call needs a token that is in force.");
    }
    const user = locked.find((row) => row.name === params.name && sees(caller, row));
    if (user === undefined) return problem("NOT_FOUND", "params.name", "There is no such user.");
    call.demandMatch(showUser(user));
    if (locksOut(caller, user.name, body)) {
      problem("STATE_CONFLICT", body.disabled === true ? "body.disabled" : "body.role", "Nobody takes his own access away.");
    }
    const { label = user.label, role = user.role, disabled = user.disabled } = body;
    if (label === user.label && role === user.role && disabled === user.disabled) return showUser(user);
    const changed = await store.updateUser(tx, user.name, { label, role, disabled, version: user.version + 1 });
    await tell(call, "user.changed", changed, { data: { label, role, disabled } });
    return showUser(changed);
  },

  async "tokens.create"(call, { params, body }) {
    const { tx, house } = call;
    const user = await demandUser(call, params.name);
    await store.lockUsers(tx, [user.name]);
    const now = house.now();
    const at = new Date(now);
    const there = await store.tokenOfHash(tx, body.hash);
    if (there !== undefined) {
      const isSame = there.user_name === user.name && there.label === body.label && there.life_seconds === body.lifeSeconds;
      return isSame ? showToken(there) : problem("CONFLICT", "body.hash", "There is another token of this hash.");
    }
    if ((await store.countTokens(tx, { user: user.name, at })) >= limits.tokensEach) {
      problem("STATE_CONFLICT", "", `A user has at most ${limits.tokensEach} tokens that are in force.`);
    }
    const created = await store.insertToken(tx, {
      id: uuid(),
      user_name: user.name,
      label: body.label,
      hash: body.hash,
      life_seconds: body.lifeSeconds,
      created_at: at,
      expires_at: new Date(now + body.lifeSeconds * 1_000),
    });
    if (created === undefined) return problem("CONFLICT", "body.hash", "There is another token of this hash.");
    const data = { id: created.id, label: created.label, expiresAt: created.expires_at.toISOString() };
    await tell(call, "token.created", user, { data, record: tokenRecord(created) });
    return showToken(created);
  },

  async "tokens.list"(call, { params, query }) {
    const user = await demandUser(call, params.name);
    return paged({
      list: "tokens.list",
      query,
      key: [Id],
      keyOf: (row) => [row.id],
      read: ({ after, take }) => store.listTokens(call.tx, { user: user.name, after: after?.[0] ?? null, take }),
      show: showToken,
    });
  },

  async "tokens.revoke"(call, { params }) {
    const { tx, house } = call;
    const user = await demandUser(call, params.name);
    const token = await store.lockToken(tx, { user: user.name, id: params.id });
    if (token === undefined) return problem("NOT_FOUND", "params.id", "There is no such token.");
    call.demandMatch(showToken(token));
    if (token.revoked_at !== null) return showToken(token);
    const revoked = await store.revokeToken(tx, { id: token.id, at: new Date(house.now()) });
    await tell(call, "token.revoked", user, { data: { id: token.id }, record: tokenRecord(revoked) });
    return showToken(revoked);
  },
};
