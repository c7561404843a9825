/** Checkpoint: the vault's signature under the audit log's size and root (RFC 6962), with the vault's own head beside it. */
import { MAX_ORIGIN } from "../audit/note.ts";
import { field, type Of, text, uint } from "./codec.ts";
import { hash32, head, time, version } from "./fields.ts";
import { kind } from "./object.ts";
import { record } from "./table.ts";

export const Checkpoint = kind(
  "checkpoint",
  record({
    version,
    deployment: field(1, hash32, "id of the deployment"),
    vault: field(2, hash32, "hash of the vault's identity key"),
    origin: field(3, text(MAX_ORIGIN, 1), "name of the log; the same for ever"),
    size: field(4, uint(), "number of leaves"),
    root: field(5, hash32, "Merkle tree hash of these leaves"),
    at: field(6, time, "the vault's lower bound of the time"),
    head: field(7, head, "journal position"),
  }),
);
export type Checkpoint = Of<(typeof Checkpoint)["shape"]>;
