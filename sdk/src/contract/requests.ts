/** Requests with their approvals, and what the vault signed for them. A request of any kind comes in as the bytes of an intent
 *  and its initiator's signed approval; no schema describes an intent again. */
import { z } from "zod";
import { endpoint } from "./endpoint.ts";
import { Amount, Bytes, ChainId, Count, Hash, Id, Index, page, paging, Slug, Text, Time, TxId } from "./fields.ts";

const Kind = z.enum(["pay", "cancel", "wallet", "entry", "retire", "freeze", "unfreeze", "call"]);
export const RequestState = z.enum(["draft", "open", "approved", "rejected", "expired", "withdrawn", "consumed", "voided"]);

/** One signed decision. `approval`: the envelope of the signed kind `approval`. */
export const Decision = z.strictObject({
  person: Slug.nullable(),
  key: Hash,
  decision: z.enum(["initiate", "approve", "reject"]),
  /** Whether it can still count: its rulebook, boot and life are current. */
  current: z.boolean(),
  approval: Bytes,
  createdAt: Time,
});

/** What the vault last said to it. */
const LastAnswer = z.strictObject({
  code: z.string().max(32),
  field: z.string().max(96),
  detail: z.string().max(400),
  at: Time,
});

export const Request = z.strictObject({
  id: Hash,
  kind: Kind,
  reference: Text,
  unit: Slug,
  /** Whose position a payment from an omnibus wallet takes; null for the institution's own. */
  client: Slug.nullable(),
  state: RequestState,
  intent: Bytes,
  /** Index of the paying address in its wallet. */
  index: Index,
  decisions: z.array(Decision).max(512),
  answer: LastAnswer.nullable(),
  execution: Id.nullable(),
  notAfter: Time,
  createdAt: Time,
  version: Count,
});
export type Request = z.output<typeof Request>;

/** One version of a transaction on its chain. */
export const ChainTx = z.strictObject({
  chain: ChainId,
  id: TxId,
  state: z.enum(["signed", "seen", "included", "final", "dropped", "reorged", "replaced", "failed"]),
  block: Count.nullable(),
  confirmations: Count,
  succeeded: z.boolean().nullable(),
  fee: Amount.nullable(),
  sends: Count,
  raw: Bytes,
});

export const Execution = z.strictObject({
  id: Id,
  request: Hash,
  unit: Slug,
  state: z.enum(["planned", "reserved", "committed", "signed", "broadcasting", "settled", "aborted", "held"]),
  /** The vault's signed receipt, once there is one. */
  receipt: Bytes.nullable(),
  transactions: z.array(ChainTx).max(64),
  createdAt: Time,
  updatedAt: Time,
});
export type Execution = z.output<typeof Execution>;

/** An explanation as a user bound to a client is told it, without the vault's signature: other payments than his client's
 *  count in most limits. `explanation`: the kind `explanation`, with the limits that count his client alone; `limits`: all of
 *  them, by name, and whether they hold. */
const Narrowed = z.strictObject({
  explanation: Bytes,
  at: Time,
  limits: z.array(z.strictObject({ limit: Slug, holds: z.boolean() })).max(384),
});
export type Narrowed = z.output<typeof Narrowed>;

/** `receipt`: the vault's signed receipt, whose body is the kind `explanation`; null for a user bound to a client, who is told
 *  what is `narrowed`. */
const Told = { receipt: Bytes.nullable(), narrowed: Narrowed.nullable() };

/** What the vault said of a request before it decided; the event of that decision names it. */
export const Explanation = z.strictObject({
  id: Hash,
  request: Hash,
  code: z.string().max(32),
  field: z.string().max(96),
  detail: z.string().max(400),
  ...Told,
  at: Time,
});
export type Explanation = z.output<typeof Explanation>;

const byId = z.strictObject({ id: Hash });

export const REQUESTS = {
  "requests.create": endpoint({
    method: "POST",
    path: "/v1/requests",
    summary:
      "Takes an intent with its initiator's approval; again, it renews his signature. A freeze goes to the vault at once.",
    permission: "requests:write",
    body: z.strictObject({
      intent: Bytes,
      approval: Bytes,
      index: Index.optional(),
      client: Slug.optional(),
      unit: Slug.optional(),
    }),
    returns: Request,
    status: 201,
    problems: ["CONFLICT", "SIGNED_WRONG", "STATE_CONFLICT", "POSITION_SHORT"],
  }),
  "requests.list": endpoint({
    method: "GET",
    path: "/v1/requests",
    summary: "The visible requests, the newest first.",
    permission: "requests:read",
    query: z.strictObject({ ...paging, state: RequestState.optional(), kind: Kind.optional(), client: Slug.optional() }),
    returns: page(Request),
    status: 200,
    problems: ["RECORD_TAMPERED"],
  }),
  "requests.get": endpoint({
    method: "GET",
    path: "/v1/requests/:id",
    summary: "One request with all decisions on it.",
    permission: "requests:read",
    params: byId,
    returns: Request,
    status: 200,
    problems: ["RECORD_TAMPERED"],
  }),
  "requests.decide": endpoint({
    method: "POST",
    path: "/v1/requests/:id/decisions",
    summary:
      "Adds a signed decision. When the rules are met the request is carried out; a rejection goes to the vault at once.",
    permission: "requests:approve",
    params: byId,
    body: z.strictObject({ approval: Bytes }),
    returns: Request,
    status: 201,
    problems: ["SIGNED_WRONG", "STATE_CONFLICT"],
  }),
  "requests.withdraw": endpoint({
    method: "POST",
    path: "/v1/requests/:id/withdraw",
    summary: "Takes a request back that was not carried out. To make that binding, reject it with a key.",
    permission: "requests:write",
    params: byId,
    body: z.strictObject({}),
    returns: Request,
    status: 200,
    problems: ["STATE_CONFLICT"],
  }),
  "explanations.list": endpoint({
    method: "GET",
    path: "/v1/requests/:id/explanations",
    summary:
      "What the vault said of a request, the newest first; to users bound to a client no figures of limits that count others.",
    permission: "requests:read",
    params: byId,
    returns: z.strictObject({ items: z.array(Explanation).max(16) }),
    status: 200,
    problems: ["RECORD_TAMPERED"],
  }),
  "explanations.create": endpoint({
    method: "POST",
    path: "/v1/explanations",
    summary:
      "A dry run: the vault explains an intent. Users bound to a client are told no figures of limits that count others too.",
    permission: "requests:read",
    body: z.strictObject({
      intent: Bytes,
      /** Index of the paying address in its wallet. */
      index: Index.optional(),
      /** A rulebook to judge by as if it were in force, signed or not. */
      draft: Bytes.optional(),
      /** The same by the id of a rulebook that was brought here. */
      rulebook: Hash.optional(),
    }),
    returns: z.strictObject(Told),
    status: 200,
    problems: ["SIGNED_WRONG", "VAULT_UNREACHABLE"],
  }),
  "executions.list": endpoint({
    method: "GET",
    path: "/v1/executions",
    summary: "What was carried out on chains, the newest first.",
    permission: "executions:read",
    query: z.strictObject({ ...paging, state: Execution.shape.state.optional(), request: Hash.optional() }),
    returns: page(Execution),
    status: 200,
    problems: ["RECORD_TAMPERED"],
  }),
  "executions.get": endpoint({
    method: "GET",
    path: "/v1/executions/:id",
    summary: "One execution with every version of its transactions.",
    permission: "executions:read",
    params: z.strictObject({ id: Id }),
    returns: Execution,
    status: 200,
    problems: ["RECORD_TAMPERED"],
  }),
  "executions.rebroadcast": endpoint({
    method: "POST",
    path: "/v1/executions/:id/rebroadcast",
    summary: "Hands its newest transaction to all nodes again.",
    permission: "executions:write",
    params: z.strictObject({ id: Id }),
    body: z.strictObject({}),
    returns: Execution,
    status: 202,
    problems: ["STATE_CONFLICT", "CHAIN_UNREACHABLE"],
  }),
};
