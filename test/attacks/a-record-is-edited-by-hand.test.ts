/** Attack: whoever owns the database edits rows outside the ledger and the log by hand, column by column. Each edit is
 *  found, and the
 *  finding names the row. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { sql } from "kysely";
import { attacks, fails } from "./attack.ts";
import { another, columnsOf, openRecords, type Records, rowsOf, TABLES, UNCOMPARED } from "./records.ts";

let records: Records;
before(async () => {
  records = await openRecords();
});
after(() => records.close());

attacks("a column of a row is edited", async () => {
  const unseen: string[] = [];
  for (const [table, [noun]] of Object.entries(TABLES)) {
    const rows = await rowsOf(records.owner, table);
    assert.ok(rows.length > 0, `${table} is empty`);
    for (const column of await columnsOf(records.owner, table)) {
      if (UNCOMPARED[table]?.includes(column.name)) continue;
      const { at, id } = rows[0] ?? { at: "", id: "" };
      const edit = sql.raw(`update "${table}" set "${column.name}" = ${another(column)} where ctid = '${at}'`);
      await fails(async () => {
        const found = await records.foundAfter((tx) => edit.execute(tx));
        if (!found.some((one) => one.noun === noun && one.id === id)) unseen.push(`${table}.${column.name}`);
      });
    }
  }
  assert.deepEqual(unseen, []);
});
