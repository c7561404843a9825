import assert from "node:assert/strict";
import { test } from "node:test";
import { sql } from "kysely";
import { withDatabase } from "./database.ts";

test("each caller has a migrated database of its own", async () => {
  const [one, two] = await Promise.all([withDatabase(), withDatabase()]);
  await sql`insert into commit_mark (id) values ('0190a000-0000-7000-8000-000000000000')`.execute(one.db);
  const count = async (db: typeof one.db) => {
    const { rows } = await sql<{ count: number }>`select count(*) from commit_mark`.execute(db);
    return rows[0]?.count;
  };
  assert.deepEqual([await count(one.db), await count(two.db)], [1, 0]);
  await Promise.all([one.close(), two.close()]);
});
