/** Answers by idempotency key, kept for ever, written in the transaction of the change that they answer. */
import type { ColumnType } from "kysely";
import type { Tx } from "../db/tables.ts";

type IdempotencyTable = {
  user_name: ColumnType<string, string, never>;
  key: ColumnType<string, string, never>;
  endpoint: ColumnType<string, string, never>;
  fingerprint: ColumnType<string, string, never>;
  status: ColumnType<number | null, never, number>;
  body: ColumnType<string | null, never, string | null>;
  created_at: ColumnType<Date, Date, never>;
};
export type IdempotencyTables = { idempotency: IdempotencyTable };

export type Keyed = { readonly user: string; readonly key: string };
/** What was asked under a key, and the answer. */
export type Answered = {
  readonly endpoint: string;
  readonly fingerprint: string;
  readonly status: number;
  readonly body: string | null;
};

/** Claims a key, or gives what was answered under it. Waits for another transaction that has claimed it and has not ended. */
export async function claim(
  tx: Tx,
  { user, key }: Keyed,
  asked: { readonly endpoint: string; readonly fingerprint: string; readonly at: Date },
): Promise<Answered | null> {
  const claimed = await tx
    .insertInto("idempotency")
    .values({ user_name: user, key, endpoint: asked.endpoint, fingerprint: asked.fingerprint, created_at: asked.at })
    .onConflict((on) => on.doNothing())
    .returning("key")
    .executeTakeFirst();
  if (claimed !== undefined) return null;
  const { status, ...answered } = await tx
    .selectFrom("idempotency")
    .select(["endpoint", "fingerprint", "status", "body"])
    .where("user_name", "=", user)
    .where("key", "=", key)
    .executeTakeFirstOrThrow();
  if (status === null) throw new Error("an idempotency key was committed without its answer");
  return { ...answered, status };
}

/** Keeps the answer to what was asked under a claimed key. */
export async function keep(
  tx: Tx,
  { user, key }: Keyed,
  answer: { readonly status: number; readonly body: string | null },
): Promise<void> {
  await tx.updateTable("idempotency").set(answer).where("user_name", "=", user).where("key", "=", key).execute();
}
