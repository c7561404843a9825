/** What operators look at: health and jobs. */
import { z } from "zod";
import { endpoint } from "./endpoint.ts";
import { Count, Id, page, paging, Slug, Text, Time } from "./fields.ts";

/** One thing that is looked at. `name`: `vault`, `database`, `chain:<id>`, `integrity`, `audit`, `jobs`, `events`. */
export const Check = z.strictObject({ name: z.string().max(64), ok: z.boolean(), detail: z.string().max(400), at: Time });

export const Job = z.strictObject({
  id: Id,
  kind: Slug,
  subject: Text,
  state: z.enum(["waiting", "running", "done", "failed"]),
  attempts: Count,
  dueAt: Time,
  lastError: z.string().max(400),
});

export const OPERATIONS = {
  "health.live": endpoint({
    method: "GET",
    path: "/v1/health/live",
    summary: "Whether the process answers. Needs no token.",
    permission: null,
    returns: z.strictObject({ ok: z.literal(true) }),
    status: 200,
  }),
  "health.get": endpoint({
    method: "GET",
    path: "/v1/health",
    summary: "Vault, database, chains with nodes that lag or lie, integrity of records, audit log, jobs.",
    permission: "health:read",
    returns: z.strictObject({ ok: z.boolean(), checks: z.array(Check) }),
    status: 200,
  }),
  "jobs.list": endpoint({
    method: "GET",
    path: "/v1/jobs",
    summary: "Jobs that wait, run or have failed, the next due first.",
    permission: "jobs:read",
    query: z.strictObject({ ...paging, state: Job.shape.state.optional(), kind: Slug.optional() }),
    returns: page(Job),
    status: 200,
  }),
};
