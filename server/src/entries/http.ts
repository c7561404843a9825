/** The address book over the API. Entries come and go by requests; here they are shown, each with the bytes that people
 *  approved. */

import type { BookEntry } from "@strongroom/sdk/contract/custody";
import { Hash, Slug } from "@strongroom/sdk/contract/fields";
import { type Handlers, problem } from "../http/call.ts";
import { paged } from "../http/pages.ts";
import type { View } from "../vault/link.ts";
import { entryOf } from "./rules.ts";
import { currentEntry, type EntryRow, listEntries } from "./store.ts";

/** An entry as it is shown. Fails: RECORD_TAMPERED. */
function show(row: EntryRow, view: Pick<View, "line" | "deployment">): BookEntry {
  const signed = entryOf(row, view);
  if (signed === null)
    problem("RECORD_TAMPERED", "entry", `the record of entry ${row.name} is not what the vault has in force`);
  const { name, hash, party, chain, address, class: kind, state, entry, request } = row;
  const assets = signed.assets === "any" ? "any" : [...signed.assets];
  const dates = { createdAt: row.created_at.toISOString() };
  return { name, hash, party, chain, address, class: kind, assets, state, entry, request, ...dates };
}

export const entries: Handlers<"entries"> = {
  async "entries.list"({ house, tx }, { query }) {
    const view = await house.vault.view();
    return paged({
      list: "entries.list",
      query,
      key: [Slug, Hash],
      keyOf: (row: EntryRow) => [row.name, row.hash] as const,
      read: ({ after, take }) =>
        listEntries(tx, { name: after?.[0] ?? "", hash: after?.[1] ?? "", limit: take, state: query.state }),
      show: (row) => show(row, view),
    });
  },
  async "entries.get"({ house, tx }, { params }) {
    const row = await currentEntry(tx, params.name);
    if (row === undefined) problem("NOT_FOUND", "params.name", `there is no entry ${params.name} in force`);
    return show(row, await house.vault.view());
  },
};
