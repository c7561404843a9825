/** Jobs for whoever looks after the server. */
import { Id, Time } from "@strongroom/sdk/contract/fields";
import type { Job } from "@strongroom/sdk/contract/operations";
import type { z } from "zod";
import type { Uuid } from "../db/ids.ts";
import { seesAll } from "../events/store.ts";
import type { Handlers } from "../http/call.ts";
import { paged } from "../http/pages.ts";
import { type JobRow, listJobs } from "./store.ts";

function show({ id, kind, subject, state, attempts, due_at, last_error }: JobRow): z.output<typeof Job> {
  return { id, kind, subject, state, attempts, dueAt: due_at.toISOString(), lastError: last_error };
}

export const jobs: Handlers<"jobs"> = {
  /** Their subjects are requests and executions of all units and clients, so only who sees all of these sees any. */
  async "jobs.list"({ tx, caller }, { query }) {
    if (!(await seesAll(tx, caller))) return { items: [], next: null };
    return paged({
      list: "jobs.list",
      query,
      key: [Time, Id],
      keyOf: (row: JobRow) => [row.due_at.toISOString(), row.id] as const,
      read: ({ after, take }) => {
        const past = after === null ? null : { dueAt: new Date(after[0]), id: after[1] as Uuid };
        return listJobs(tx, { state: query.state, kind: query.kind, after: past, take });
      },
      show,
    });
  },
};
