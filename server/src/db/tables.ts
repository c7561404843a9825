/** Every table of the database. The row types of a noun stand in its `store.ts`, beside the only code that reads and writes them. */
import type { Kysely, Transaction } from "kysely";

// biome-ignore lint/complexity/noBannedTypes: composed below as nouns come
export type Tables = {};

/** Reads, in or outside of a transaction. */
export type Reader = Kysely<Tables>;
/** Writes happen in a transaction only. */
export type Tx = Transaction<Tables>;
