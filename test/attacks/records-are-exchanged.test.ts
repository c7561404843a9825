/** Attack: whoever owns the database exchanges columns of rows outside the ledger and the log for those of other rows of the
 *  table, so that
 *  everything is something that was really signed. Each exchange is found and names one of the two. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { sql } from "kysely";
import { attacks, fails } from "./attack.ts";
import { columnsOf, openRecords, type Records, rowsOf, TABLES, UNCOMPARED } from "./records.ts";

let records: Records;
before(async () => {
  records = await openRecords();
});
after(() => records.close());

attacks("a column of two rows is exchanged", async () => {
  const unseen: string[] = [];
  for (const [table, [noun]] of Object.entries(TABLES)) {
    const rows = await rowsOf(records.owner, table);
    const [one, two] = [rows[0], rows.at(-1)];
    assert.ok(one !== undefined && two !== undefined);
    for (const { name } of await columnsOf(records.owner, table)) {
      if (UNCOMPARED[table]?.includes(name)) continue;
      const places = sql.raw(`'${one.at}', '${two.at}'`);
      const { rows: values } =
        await sql`select distinct ${sql.ref(name)} from ${sql.table(table)} where ctid in (${places})`.execute(records.owner);
      if (values.length < 2) continue;
      const swap = sql.raw(`update "${table}" t set "${name}" = o."${name}" from "${table}" o
        where t.ctid in ('${one.at}', '${two.at}') and o.ctid in ('${one.at}', '${two.at}') and t.ctid <> o.ctid`);
      await fails(async () => {
        const found = await records.foundAfter((tx) => swap.execute(tx));
        const ids = [one.id, two.id];
        if (!found.some((it) => it.noun === noun && ids.includes(it.id))) unseen.push(`${table}.${name}`);
      });
    }
  }
  assert.deepEqual(unseen, []);
});

attacks("all that is signed of two rows is exchanged, with what indexes it", async () => {
  const others = {
    address: "created_at, client",
    request: "created_at, state, unit, index",
    decision: "created_at",
    fact: "created_at",
  };
  for (const [table, kept] of Object.entries(others)) {
    const [noun] = TABLES[table] ?? [""];
    const rows = await rowsOf(records.owner, table);
    const [one, two] = [rows[0], rows.at(-1)];
    const names = kept.split(", ");
    const swapped = names.map((name) => `"${name}" = o."${name}"`).join(", ");
    const swap = sql.raw(`update "${table}" t set ${swapped} from "${table}" o
      where t.ctid in ('${one?.at}', '${two?.at}') and o.ctid in ('${one?.at}', '${two?.at}') and t.ctid <> o.ctid`);
    await fails(async () => {
      const found = await records.foundAfter((tx) => swap.execute(tx));
      assert.ok(
        found.some((it) => it.noun === noun && it.flaw === "edited"),
        table,
      );
    });
  }
});
