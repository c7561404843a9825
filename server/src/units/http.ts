/** Units of the institution. What lies in a unit or below it is visible to its users. */
import { Unit } from "@strongroom/sdk/contract/people";
import { emit } from "../events/store.ts";
import { limits } from "../host/limits.ts";
import { type Handlers, problem } from "../http/call.ts";
import { paged } from "../http/pages.ts";
import { lockUsers } from "../users/store.ts";
import { depthOf, pathBelow, unitRecord } from "./rules.ts";
import * as store from "./store.ts";

const showUnit = (row: store.UnitRow): Unit => ({
  name: row.name,
  label: row.label,
  parent: row.parent,
  path: row.path,
  createdAt: row.created_at.toISOString(),
  version: row.version,
});

export const units: Handlers<"units"> = {
  async "units.create"({ tx, caller, house }, { body }) {
    if (caller.client !== null) problem("FORBIDDEN", "", "A user of one client adds no units.");
    const parent = caller.units.includes(body.parent) ? await store.findUnit(tx, body.parent) : undefined;
    if (parent === undefined) return problem("NOT_FOUND", "body.parent", "There is no such unit.");
    const there = await store.findUnit(tx, body.name);
    if (there !== undefined) {
      const isSame = there.label === body.label && there.parent === body.parent;
      return isSame ? showUnit(there) : problem("CONFLICT", "body.name", "There is another unit of this name.");
    }
    const path = pathBelow(parent.path, body.name);
    if (depthOf(path) > limits.unitDepth) {
      problem("STATE_CONFLICT", "body.parent", `Units lie at most ${limits.unitDepth} deep.`);
    }
    // Of one user's calls one at a time counts.
    await lockUsers(tx, [caller.name]);
    if ((await store.countUnits(tx)) >= limits.units) problem("STATE_CONFLICT", "", `There are at most ${limits.units} units.`);
    const created = await store.insertUnit(tx, { ...body, path, created_at: new Date(house.now()) });
    if (created === undefined) return problem("CONFLICT", "body.name", "There is another unit of this name.");
    const { name, label } = created;
    const told = { actor: caller.name, unit: name, data: { label, path }, record: unitRecord(created) };
    await emit(tx, { type: "unit.created", subject: `unit:${name}`, ...told });
    return showUnit(created);
  },

  async "units.list"({ tx, caller }, { query }) {
    return paged({
      list: "units.list",
      query,
      key: [Unit.shape.path],
      keyOf: (row) => [row.path],
      read: ({ after, take }) => store.listUnits(tx, { names: caller.units, after: after?.[0] ?? null, take }),
      show: showUnit,
    });
  },
};
