/** What an event's leaf holds, and whether an event in the database is the one that its leaf commits to. Pure. */
import { dataHash, Leaf } from "@strongroom/core/audit/leaf";
import { leafHash } from "@strongroom/core/audit/tree";
import { equal, type Hash, toHex } from "@strongroom/core/bytes";
import { attempt } from "@strongroom/core/errors";
import { decode, encode, idOf, type Kind, Signed } from "@strongroom/core/signed/object";
import type { EventRow, NewEvent, OutboxRow } from "./store.ts";

/** Whose log, which place in it, and what hides the data from whoever tries to guess it. */
export type Place = { readonly deployment: Hash; readonly number: number; readonly salt: Uint8Array };

const UTF8 = new TextEncoder();

/** The leaf of an event with these columns. */
function leafOf(event: OutboxRow, { deployment, number, salt }: Place): Uint8Array {
  const { at, type, actor, subject, unit, client, data, signed } = event;
  return encode(Leaf, {
    version: 1,
    deployment,
    number,
    at: at.getTime(),
    type,
    actor,
    subject,
    ...(unit === null ? {} : { unit }),
    ...(client === null ? {} : { client }),
    dataHash: dataHash({ salt, data: UTF8.encode(data) }),
    ...(signed === null ? {} : { signed: [idOf(Signed as Kind<unknown>, signed)] }),
  });
}

/** What waited, as the event of this number. */
export function eventOf(waiting: OutboxRow, place: Place): NewEvent {
  const leaf = leafOf(waiting, place);
  return { ...waiting, number: place.number, salt: place.salt, leaf, leaf_hash: toHex(leafHash(leaf)) };
}

/** What of a stored event is not what its leaf says, or null: the columns beside the leaf must give the same leaf again. */
export function wrongIn(row: EventRow, { deployment, number }: Omit<Place, "salt">): string | null {
  if (row.number !== number) return "number";
  if (toHex(leafHash(row.leaf)) !== row.leaf_hash) return "leaf_hash";
  const opened = attempt(() => decode(Leaf, row.leaf));
  if (!opened.ok) return "leaf";
  const leaf = opened.value;
  if (leaf.number !== number || leaf.deployment !== deployment) return "leaf";
  const columns = ["type", "actor", "subject"] as const;
  const wrong = columns.find((name) => row[name] !== leaf[name]);
  if (wrong !== undefined) return wrong;
  if (row.at.getTime() !== leaf.at) return "at";
  if (row.unit !== (leaf.unit ?? null)) return "unit";
  if (row.client !== (leaf.client ?? null)) return "client";
  const ids = row.signed === null ? [] : [idOf(Signed as Kind<unknown>, row.signed)];
  if (ids.join() !== (leaf.signed ?? []).join()) return "signed";
  if (row.data === null || row.salt === null) return row.data === null && row.salt === null ? null : "data";
  const again = attempt(() => leafOf({ ...row, data: row.data ?? "" }, { deployment, number, salt: row.salt ?? row.leaf }));
  return again.ok && equal(again.value, row.leaf) ? null : "data";
}
