/** The outbox of events in memory; numbering them is tested elsewhere. */
import type * as own from "../../../server/src/events/store.ts";
import type { Emitted } from "../../../server/src/events/store.ts";
import { type Database, enter, Table } from "./database.ts";
import { uuid } from "./ids.ts";

export const eventsIn = (base: Database) => new Table<Emitted>(base, "event_outbox");

export const emitAll: typeof own.emitAll = async (tx, told) => {
  const base = await enter(tx);
  for (const one of told) {
    eventsIn(base).put(uuid(), one);
    base.time.tell(`event ${one.type} ${one.subject.slice(0, 24)}`);
  }
};

export const emit: typeof own.emit = (tx, told) => emitAll(tx, [told]);
