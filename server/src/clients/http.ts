/** Clients of the institution. */
import { Slug } from "@strongroom/sdk/contract/fields";
import type { Client } from "@strongroom/sdk/contract/people";
import { emit } from "../events/store.ts";
import { type Handlers, problem } from "../http/call.ts";
import { paged } from "../http/pages.ts";
import { clientRecord } from "./rules.ts";
import * as store from "./store.ts";

const showClient = (row: store.ClientRow): Client => ({
  name: row.name,
  label: row.label,
  unit: row.unit,
  state: row.state,
  createdAt: row.created_at.toISOString(),
  version: row.version,
});

export const clients: Handlers<"clients"> = {
  async "clients.create"({ tx, caller, house }, { body }) {
    if (!caller.units.includes(body.unit)) problem("NOT_FOUND", "body.unit", "There is no such unit.");
    if (caller.client !== null) problem("FORBIDDEN", "", "A user of one client adds no others.");
    const created = await store.insertClient(tx, { ...body, created_at: new Date(house.now()) });
    if (created !== undefined) {
      const { name, unit, label } = created;
      await emit(tx, {
        type: "client.created",
        subject: `client:${name}`,
        actor: caller.name,
        unit,
        client: name,
        data: { label },
        record: clientRecord(created),
      });
      return showClient(created);
    }
    const there = await store.findClient(tx, caller, body.name);
    const isSame = there?.label === body.label && there.unit === body.unit;
    return isSame ? showClient(there) : problem("CONFLICT", "body.name", "There is another client of this name.");
  },

  async "clients.list"({ tx, caller }, { query }) {
    return paged({
      list: "clients.list",
      query,
      key: [Slug],
      keyOf: (row) => [row.name],
      read: ({ after, take }) => store.listClients(tx, caller, { after: after?.[0] ?? null, take, unit: query.unit }),
      show: showClient,
    });
  },

  async "clients.get"({ tx, caller }, { params }) {
    const client = await store.findClient(tx, caller, params.name);
    return client === undefined ? problem("NOT_FOUND", "params.name", "There is no such client.") : showClient(client);
  },

  async "clients.change"({ tx, caller, demandMatch }, { params, body }) {
    const client = await store.lockClient(tx, caller, params.name);
    if (client === undefined) return problem("NOT_FOUND", "params.name", "There is no such client.");
    demandMatch(showClient(client));
    const { label = client.label, state = client.state } = body;
    if (label === client.label && state === client.state) return showClient(client);
    const { name, unit } = client;
    const changed = await store.updateClient(tx, name, { label, state, version: client.version + 1 });
    const subject = `client:${name}`;
    const told = { actor: caller.name, unit, client: name, data: { label, state }, record: clientRecord(changed) };
    await emit(tx, { type: "client.changed", subject, ...told });
    return showClient(changed);
  },
};
