/** Users with their tokens, units of the institution as a tree, and clients. */
import { z } from "zod";
import { endpoint } from "./endpoint.ts";
import { Count, Hash, Id, Label, page, paging, Slug, Time } from "./fields.ts";
import { ROLE_NAMES } from "./permissions.ts";

const RoleName = z.enum(ROLE_NAMES);
const version = Count;

/** `unit`: what lies in this unit or below it is visible. `client`: if there is one, nothing of other clients is visible.
 *  `person`: the person of the rulebook who logs in as this user, if any. */
export const User = z.strictObject({
  name: Slug,
  label: Label,
  unit: Slug,
  client: Slug.nullable(),
  role: RoleName,
  person: Slug.nullable(),
  disabled: z.boolean(),
  createdAt: Time,
  version,
});
export type User = z.output<typeof User>;

/** The server knows a token by its SHA-256 only; the token itself is made where it is used. */
export const Token = z.strictObject({
  id: Id,
  user: Slug,
  label: Label,
  createdAt: Time,
  expiresAt: Time,
  revokedAt: Time.nullable(),
});
export type Token = z.output<typeof Token>;

/** `path`: names from the root, each followed by a slash. */
export const Unit = z.strictObject({
  name: Slug,
  label: Label,
  parent: Slug.nullable(),
  path: z.string().max(1_000),
  createdAt: Time,
  version,
});
export type Unit = z.output<typeof Unit>;

export const Client = z.strictObject({
  name: Slug,
  label: Label,
  unit: Slug,
  state: z.enum(["active", "closed"]),
  createdAt: Time,
  version,
});
export type Client = z.output<typeof Client>;

const byName = z.strictObject({ name: Slug });

export const PEOPLE = {
  "me.get": endpoint({
    method: "GET",
    path: "/v1/me",
    summary: "The user whose token this is.",
    permission: "health:read",
    returns: User,
    status: 200,
  }),
  "users.create": endpoint({
    method: "POST",
    path: "/v1/users",
    summary: "Adds a user.",
    permission: "users:write",
    body: z.strictObject({
      name: Slug,
      label: Label,
      unit: Slug,
      client: Slug.optional(),
      role: RoleName,
      person: Slug.optional(),
    }),
    returns: User,
    status: 201,
    problems: ["CONFLICT"],
  }),
  "users.list": endpoint({
    method: "GET",
    path: "/v1/users",
    summary: "Users of the visible units, by name.",
    permission: "users:read",
    query: z.strictObject({ ...paging, unit: Slug.optional(), role: RoleName.optional() }),
    returns: page(User),
    status: 200,
  }),
  "users.get": endpoint({
    method: "GET",
    path: "/v1/users/:name",
    summary: "One user.",
    permission: "users:read",
    params: byName,
    returns: User,
    status: 200,
  }),
  "users.change": endpoint({
    method: "PATCH",
    path: "/v1/users/:name",
    summary: "Changes a user. Disabling ends all his tokens at once.",
    permission: "users:write",
    params: byName,
    body: z.strictObject({ label: Label.optional(), role: RoleName.optional(), disabled: z.boolean().optional() }),
    returns: User,
    status: 200,
    problems: ["STALE", "STATE_CONFLICT"],
  }),
  "tokens.create": endpoint({
    method: "POST",
    path: "/v1/users/:name/tokens",
    summary: "Enters a token by its SHA-256. Make the token yourself: `sr_` and 64 hex digits from a good random source.",
    permission: "users:write",
    params: byName,
    body: z.strictObject({ label: Label, hash: Hash, lifeSeconds: z.int().min(60).max(31_622_400) }),
    returns: Token,
    status: 201,
    problems: ["CONFLICT", "STATE_CONFLICT"],
  }),
  "tokens.list": endpoint({
    method: "GET",
    path: "/v1/users/:name/tokens",
    summary: "Tokens of a user.",
    permission: "users:read",
    params: byName,
    query: z.strictObject(paging),
    returns: page(Token),
    status: 200,
  }),
  "tokens.revoke": endpoint({
    method: "DELETE",
    path: "/v1/users/:name/tokens/:id",
    summary: "Ends a token at once.",
    permission: "users:write",
    params: z.strictObject({ name: Slug, id: Id }),
    returns: Token,
    status: 200,
    problems: ["STALE"],
  }),
  "units.create": endpoint({
    method: "POST",
    path: "/v1/units",
    summary: "Adds a unit below another one.",
    permission: "units:write",
    body: z.strictObject({ name: Slug, label: Label, parent: Slug }),
    returns: Unit,
    status: 201,
    problems: ["CONFLICT", "STATE_CONFLICT"],
  }),
  "units.list": endpoint({
    method: "GET",
    path: "/v1/units",
    summary: "The visible units, by path.",
    permission: "units:read",
    query: z.strictObject(paging),
    returns: page(Unit),
    status: 200,
  }),
  "clients.create": endpoint({
    method: "POST",
    path: "/v1/clients",
    summary: "Adds a client.",
    permission: "clients:write",
    body: z.strictObject({ name: Slug, label: Label, unit: Slug }),
    returns: Client,
    status: 201,
    problems: ["CONFLICT"],
  }),
  "clients.list": endpoint({
    method: "GET",
    path: "/v1/clients",
    summary: "The visible clients, by name.",
    permission: "clients:read",
    query: z.strictObject({ ...paging, unit: Slug.optional() }),
    returns: page(Client),
    status: 200,
  }),
  "clients.get": endpoint({
    method: "GET",
    path: "/v1/clients/:name",
    summary: "One client.",
    permission: "clients:read",
    params: byName,
    returns: Client,
    status: 200,
  }),
  "clients.change": endpoint({
    method: "PATCH",
    path: "/v1/clients/:name",
    summary: "Changes a client. A closed client gets no new addresses and pays nothing.",
    permission: "clients:write",
    params: byName,
    body: z.strictObject({ label: Label.optional(), state: z.enum(["active", "closed"]).optional() }),
    returns: Client,
    status: 200,
    problems: ["STALE"],
  }),
};
