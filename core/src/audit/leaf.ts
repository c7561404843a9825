/** Leaf: one event of the institution, as the audit log holds it for ever.
 *
 *  Nothing personal lies in a leaf. What an event says of people and payments is its data, which the leaf only commits to by a
 *  salted hash; once salt and data are erased the log still verifies, and nobody can find out by trying what was there. */
import { concat, type Hash, hash } from "../bytes.ts";
import { demand } from "../errors.ts";
import { field, list, type Of, optional, slug, text, uint } from "../signed/codec.ts";
import { hash32, time, version } from "../signed/fields.ts";
import { kind } from "../signed/object.ts";
import { record } from "../signed/table.ts";

/** Bytes of a salt. */
export const SALT_BYTES = 32;
/** Signed objects that one event names. */
export const MAX_SIGNED = 16;

export const Leaf = kind(
  "leaf",
  record({
    version,
    deployment: field(1, hash32, "id of the deployment"),
    number: field(2, uint(), "position in the log; the first is 0"),
    at: field(3, time, "when it was written, by the server's clock"),
    type: field(4, text(64, 1), "what happened"),
    actor: field(5, text(64), "id of the user who did it; empty for the platform itself"),
    subject: field(6, text(160), "what it happened to"),
    unit: optional(7, slug, "unit of the institution"),
    client: optional(8, slug, "client"),
    dataHash: field(9, hash32, 'H("strongroom/event/1", salt ‖ data)'),
    signed: optional(10, list(hash32, MAX_SIGNED, 1), "ids of the signed objects that it is about"),
  }),
  2048,
);
export type Leaf = Of<(typeof Leaf)["shape"]>;

/** What a leaf commits to its data by. `salt`: fresh for each event. Fails: BAD_VALUE for a salt of another size. */
export function dataHash({ salt, data }: { readonly salt: Uint8Array; readonly data: Uint8Array }): Hash {
  demand(salt.length === SALT_BYTES, "BAD_VALUE", "salt", `${SALT_BYTES} bytes are expected`);
  return hash("strongroom/event/1", concat(salt, data));
}
