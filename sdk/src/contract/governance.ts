/** The vault through the server, the rulebook and its changes, and facts. */
import { z } from "zod";
import { endpoint } from "./endpoint.ts";
import { Bytes, Count, Hash, page, paging, Slug, Text, Time } from "./fields.ts";

/** All signed by the vault or by administrators: check it against the pinned genesis before use. */
export const VaultView = z.strictObject({
  genesis: Bytes,
  rulebook: Bytes,
  /** The newest signed head. */
  head: Bytes,
  live: Count,
  waiting: z.strictObject({ rulebook: Hash, until: Time }).nullable(),
  freezes: z
    .array(z.strictObject({ intent: Hash, level: z.string().max(16), subject: z.string().max(90), officer: Slug }))
    .max(1024),
});

/** The vault's present start. Device software asks the vault itself for the start that it signs (`status`). `start`: bytes of
 *  the kind `start`, named by `id`; `suspicion`: why the vault does nothing until it is confirmed; `missing`: how many
 *  administrators more must confirm it. */
export const StartView = z.strictObject({
  id: Hash,
  number: Count,
  start: Bytes,
  suspicion: z.enum(["behind", "unmarked", "repaired"]).nullable(),
  confirmed: z.boolean(),
  threshold: Count,
  missing: Count,
  /** The newest word of each key. `current`: whether it can count as things stand. */
  confirmations: z
    .array(z.strictObject({ person: Slug, key: Hash, current: z.boolean(), approval: Bytes, createdAt: Time }))
    .max(4_096),
});
export type StartView = z.output<typeof StartView>;

export const Proposal = z.strictObject({
  id: Hash,
  epoch: Count,
  state: z.enum(["proposed", "waiting", "adopted", "vetoed", "refused", "void"]),
  rulebook: Bytes,
  until: Time.nullable(),
  answer: z.strictObject({ code: z.string().max(32), field: z.string().max(96), detail: z.string().max(400) }).nullable(),
  createdAt: Time,
});
export type Proposal = z.output<typeof Proposal>;

export const StatedFact = z.strictObject({
  id: Hash,
  source: Slug,
  type: z.enum(["screening", "price", "finality", "code", "travel-rule", "simulation", "nonce", "clock"]),
  subject: Text,
  at: Time,
  fact: Bytes,
  /** Whether the vault has been told. */
  informed: z.boolean(),
});
export type StatedFact = z.output<typeof StatedFact>;

const byId = z.strictObject({ id: Hash });

export const GOVERNANCE = {
  "vault.get": endpoint({
    method: "GET",
    path: "/v1/vault",
    summary: "Genesis, rulebook in force and newest head, as signed bytes, with waiting rulebook and freezes.",
    permission: "vault:read",
    returns: VaultView,
    status: 200,
    problems: ["VAULT_UNREACHABLE"],
  }),
  "vault.relay": endpoint({
    method: "POST",
    path: "/v1/vault/relay",
    summary:
      "Carries a device's command to the vault and its signed receipt back: what only reads, witness, object, and freezes.",
    permission: "vault:relay",
    body: z.strictObject({ command: Bytes }),
    returns: z.strictObject({ receipt: Bytes }),
    status: 200,
    problems: ["FORBIDDEN", "VAULT_UNREACHABLE"],
  }),
  "starts.get": endpoint({
    method: "GET",
    path: "/v1/start",
    summary: "The vault's start: whether it is suspected, whether it is confirmed, and which administrators have said so.",
    permission: "starts:read",
    returns: StartView,
    status: 200,
    problems: ["VAULT_UNREACHABLE", "RECORD_TAMPERED"],
  }),
  "starts.confirm": endpoint({
    method: "POST",
    path: "/v1/start/confirmations",
    summary: "Takes an administrator's signed word that the start goes on from the newest record. Enough of them confirm it.",
    permission: "starts:write",
    body: z.strictObject({ approval: Bytes }),
    returns: StartView,
    status: 201,
    problems: ["SIGNED_WRONG", "VAULT_UNREACHABLE", "RECORD_TAMPERED"],
  }),
  "rulebooks.create": endpoint({
    method: "POST",
    path: "/v1/rulebooks",
    summary: "Brings a rulebook signed by administrators to the vault. A tightening holds at once; anything else waits.",
    permission: "rulebooks:write",
    body: z.strictObject({ rulebook: Bytes }),
    returns: Proposal,
    status: 201,
    problems: ["SIGNED_WRONG", "VAULT_UNREACHABLE"],
  }),
  "rulebooks.list": endpoint({
    method: "GET",
    path: "/v1/rulebooks",
    summary: "Rulebooks, the newest first.",
    permission: "rulebooks:read",
    query: z.strictObject(paging),
    returns: page(Proposal),
    status: 200,
    problems: ["RECORD_TAMPERED"],
  }),
  "rulebooks.get": endpoint({
    method: "GET",
    path: "/v1/rulebooks/:id",
    summary: "One rulebook.",
    permission: "rulebooks:read",
    params: byId,
    returns: Proposal,
    status: 200,
    problems: ["RECORD_TAMPERED"],
  }),
  "rulebooks.decide": endpoint({
    method: "POST",
    path: "/v1/rulebooks/:id/decisions",
    summary: "A signed `seen` or `veto` of an administrator on a waiting rulebook.",
    permission: "rulebooks:write",
    params: byId,
    body: z.strictObject({ approval: Bytes }),
    returns: Proposal,
    status: 201,
    problems: ["SIGNED_WRONG", "STATE_CONFLICT", "VAULT_UNREACHABLE"],
  }),
  "facts.create": endpoint({
    method: "POST",
    path: "/v1/facts",
    summary: "Takes a fact signed by one of the rulebook's sources. Finality goes on to the vault.",
    permission: "facts:write",
    body: z.strictObject({ fact: Bytes }),
    returns: StatedFact,
    status: 201,
    problems: ["SIGNED_WRONG", "CONFLICT"],
  }),
  "facts.list": endpoint({
    method: "GET",
    path: "/v1/facts",
    summary: "Facts, the newest first.",
    permission: "facts:read",
    query: z.strictObject({ ...paging, type: StatedFact.shape.type.optional(), source: Slug.optional() }),
    returns: page(StatedFact),
    status: 200,
    problems: ["RECORD_TAMPERED"],
  }),
};
