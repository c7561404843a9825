/** The one ordered stream of events. It is the audit log: event n is leaf n of the tree whose checkpoints the vault signs. */
import { z } from "zod";
import { endpoint } from "./endpoint.ts";
import { Bytes, Count, Hash, paging, QueryCount, RawBytes, Slug, Time } from "./fields.ts";

/** Any JSON. */
export const Json = z.json();

/** `<noun>.<past participle>`. */
export const EventType = z
  .string()
  .max(64)
  .regex(/^[a-z][a-z-]*\.[a-z][a-z-]*$/, "a type such as client.created is expected");

/** `leaf`: the bytes that are in the tree. `data`: for people and programs; its salted hash is in the leaf. */
export const Event = z.strictObject({
  number: Count,
  type: EventType,
  subject: z.string().max(160),
  actor: z.string().max(64),
  unit: Slug.nullable(),
  client: Slug.nullable(),
  at: Time,
  data: z.record(z.string(), Json),
  leaf: Bytes,
});
export type Event = z.output<typeof Event>;

export const CheckpointView = z.strictObject({
  size: Count,
  root: Hash,
  at: Time,
  /** The vault's signed object. */
  checkpoint: Bytes,
  /** The same size and root as a C2SP signed note. */
  note: z.string().max(4_000),
});

const counter = QueryCount(0, Number.MAX_SAFE_INTEGER);

export const LOG = {
  "events.list": endpoint({
    method: "GET",
    path: "/v1/events",
    summary:
      "Events after a number, in their order. `wait` seconds long-polls; Accept: text/event-stream gives them as they happen.",
    permission: "events:read",
    query: z.strictObject({
      after: counter.optional(),
      limit: paging.limit,
      wait: QueryCount(0, 30).optional(),
      type: EventType.optional(),
    }),
    /** `next`: what to ask for after this page; null while there are no events at all. */
    returns: z.strictObject({ items: z.array(Event), next: Count.nullable() }),
    status: 200,
    media: "text/event-stream",
  }),
  "audit.checkpoint": endpoint({
    method: "GET",
    path: "/v1/audit/checkpoint",
    summary: "The newest checkpoint that the vault has signed.",
    permission: "audit:read",
    returns: CheckpointView,
    status: 200,
  }),
  "audit.sign": endpoint({
    method: "POST",
    path: "/v1/audit/checkpoints",
    summary: "Has the vault sign a checkpoint over all leaves that are there.",
    permission: "audit:write",
    body: z.strictObject({}),
    returns: CheckpointView,
    status: 201,
    problems: ["VAULT_UNREACHABLE"],
  }),
  "audit.inclusion": endpoint({
    method: "GET",
    path: "/v1/audit/proofs/inclusion",
    summary: "Proof that a leaf is in the tree of a size (RFC 6962, section 2.1.1).",
    permission: "audit:read",
    query: z.strictObject({ leaf: counter, size: counter }),
    returns: z.strictObject({ leaf: Count, size: Count, leafHash: Hash, root: Hash, proof: z.array(Hash).max(64) }),
    status: 200,
  }),
  "audit.consistency": endpoint({
    method: "GET",
    path: "/v1/audit/proofs/consistency",
    summary: "Proof that one tree continues another (RFC 6962, section 2.1.2).",
    permission: "audit:read",
    query: z.strictObject({ from: counter, to: counter }),
    returns: z.strictObject({ from: Count, to: Count, oldRoot: Hash, newRoot: Hash, proof: z.array(Hash).max(64) }),
    status: 200,
  }),
  "audit.note": endpoint({
    method: "GET",
    path: "/v1/audit/log/checkpoint",
    summary: "The checkpoint as C2SP tlog-tiles has it.",
    permission: "audit:read",
    returns: z.string(),
    status: 200,
    media: "text/plain",
  }),
  "audit.tile": endpoint({
    method: "GET",
    path: "/v1/audit/log/tile/*",
    summary: "Tiles and entry bundles under the paths of C2SP tlog-tiles.",
    permission: "audit:read",
    params: z.strictObject({
      "*": z
        .string()
        .max(120)
        .regex(/^(?:entries|\d{1,2})\/[x\d/]+(?:\.p\/\d{1,3})?$/, "a tile's path is expected"),
    }),
    returns: RawBytes,
    status: 200,
    media: "application/octet-stream",
  }),
};
