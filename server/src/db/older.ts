/** What comes after a place in a list whose newest items come first. */
import { type RawBuilder, sql } from "kysely";

/** The last item that was shown; null at the start of a list. */
export type Place = { readonly at: Date; readonly id: string } | null;

/** Holds for rows that are older than `place`, and of the same date those with a lesser id. */
export function older(place: Place): RawBuilder<boolean> {
  return place === null ? sql<boolean>`true` : sql<boolean>`(created_at, id) < (${place.at}, ${place.id})`;
}
