/** The stream of events as each user may see it. Waiting and streaming are the mount's work. */
import { PAGE } from "@strongroom/sdk/contract/fields";
import type { Event } from "@strongroom/sdk/contract/log";
import { detailFor } from "../explanations/rules.ts";
import type { Handlers } from "../http/call.ts";
import type { Caller } from "../users/rules.ts";
import { countEvents, type EventRow, listEvents } from "./store.ts";

export const events: Handlers<"events"> = {
  async "events.list"({ tx, caller }, { query }) {
    const after = query.after === undefined ? -1 : Number(query.after);
    const take = Number(query.limit ?? PAGE);
    // Both see one state of the database, in which numbers have no gap: what is passed over is not for this caller.
    const [rows, size] = [await listEvents(tx, caller, { after, take, type: query.type }), await countEvents(tx)];
    const last = rows.length === take ? rows.at(-1) : undefined;
    const next = last?.number ?? Math.max(after, size - 1);
    return { items: rows.map((row) => shown(row, caller)), next: next < 0 ? null : next };
  },
};

function shown(row: EventRow, caller: Caller): Event {
  const { number, type, subject, actor, unit, client, at, data, leaf } = row;
  const told = data === null ? {} : (JSON.parse(data) as { code?: string; detail?: string });
  if (told.detail !== undefined) told.detail = detailFor(caller, { ...told, detail: told.detail });
  return { number, type, subject, actor, unit, client, at: at.toISOString(), data: told as Event["data"], leaf };
}
