/** Attack: whoever owns the database deletes rows outside the ledger and the log by hand, or puts some in: copies of others
 *  under
 *  another name, and users, tokens and decisions of his own. Each is found and named. */
import assert from "node:assert/strict";
import { after, before } from "node:test";
import { type RawBuilder, sql } from "kysely";
import { attacks, fails } from "./attack.ts";
import { openRecords, type Records, rowsOf, TABLES } from "./records.ts";

let records: Records;
before(async () => {
  records = await openRecords();
});
after(() => records.close());

async function demandFound(edit: RawBuilder<unknown>, { noun, id }: { noun: string; id: string }, flaws: readonly string[]) {
  const found = await records.foundAfter((tx) => edit.execute(tx));
  const named = found.some((one) => one.noun === noun && one.id === id && flaws.includes(one.flaw));
  assert.ok(named, `${noun} ${id} is not named: ${JSON.stringify(found)}`);
}

attacks("a row is deleted", async () => {
  for (const [table, [noun]] of Object.entries(TABLES)) {
    const rows = await rowsOf(records.owner, table);
    for (const { at, id } of [rows[0], rows.at(-1)].filter((row) => row !== undefined)) {
      // What is watched is missing beside its address.
      const flaws = noun === "watch" ? ["edited"] : ["missing"];
      await fails(() => demandFound(sql.raw(`delete from "${table}" where ctid = '${at}'`), { noun, id }, flaws));
    }
  }
});

attacks("a table is emptied", async () => {
  for (const [table, [noun]] of Object.entries(TABLES)) {
    const [row] = await rowsOf(records.owner, table);
    assert.ok(row !== undefined);
    const flaws = noun === "watch" ? ["edited"] : ["missing"];
    await fails(() => demandFound(sql.raw(`delete from "${table}"`), { noun, id: row.id }, flaws));
  }
});

/** What makes another row of a copy. */
const HASH = "repeat('ab', 32)";
const RENAMED: { readonly [table: string]: readonly [column: string, value: string, id: string] } = {
  unit: ["name", "'another'", "another"],
  client: ["name", "'another'", "another"],
  app_user: ["name", "'another'", "another"],
  token: ["id", "'018f0000-0000-7000-8000-000000000000'", "018f0000-0000-7000-8000-000000000000"],
  wallet: ["name", "'another'", "another"],
  address: ["wallet", "'another'", "another/0"],
  chain_watch: ["wallet", "'another'", "another/0"],
  book_entry: ["hash", HASH, "ab".repeat(32)],
  fact: ["id", HASH, "ab".repeat(32)],
  rulebook: ["id", HASH, "ab".repeat(32)],
  rulebook_decision: ["id", HASH, "ab".repeat(32)],
  confirmation: ["id", HASH, "ab".repeat(32)],
  request: ["id", HASH, "ab".repeat(32)],
  decision: ["id", HASH, "ab".repeat(32)],
  explanation: ["id", HASH, "ab".repeat(32)],
  execution: ["id", "'018f0000-0000-7000-8000-000000000000'", "018f0000-0000-7000-8000-000000000000"],
  chain_tx: ["id", HASH, "ab".repeat(32)],
  deposit: ["id", "'018f0000-0000-7000-8000-000000000000'", "018f0000-0000-7000-8000-000000000000"],
  outflow: ["id", "'018f0000-0000-7000-8000-000000000000'", "018f0000-0000-7000-8000-000000000000"],
};

attacks("a row is put in", async () => {
  for (const [table, [noun]] of Object.entries(TABLES)) {
    const [row] = await rowsOf(records.owner, table);
    const [column, value, id] = RENAMED[table] ?? ["", "", ""];
    const copy = sql.raw(`create temporary table copy on commit drop as select * from "${table}" where ctid = '${row?.at}'`);
    const rename = sql.raw(`update copy set "${column}" = ${value}`);
    const enter = sql.raw(`insert into "${table}" select * from copy`);
    await fails(async () => {
      const found = await records.foundAfter(async (tx) => {
        for (const step of [copy, rename, enter]) await step.execute(tx);
      });
      const named = found.some((one) => one.noun === noun && one.id === id);
      assert.ok(named, `${noun} ${id} is not named: ${JSON.stringify(found)}`);
    });
  }
});

attacks("a row is there twice", async () => {
  for (const [table, [noun]] of Object.entries(TABLES)) {
    const [row] = await rowsOf(records.owner, table);
    const twice = sql.raw(`insert into "${table}" select * from "${table}" where ctid = '${row?.at}'`);
    await fails(() => demandFound(twice, { noun, id: row?.id ?? "" }, ["twice"]));
  }
});
