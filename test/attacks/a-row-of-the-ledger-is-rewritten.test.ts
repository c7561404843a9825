/** A row of the ledger is edited, deleted, inserted or moved by hand, with the rights of the owner of the database and
 *  without any constraint in the way. Each is found and its row is named, and nothing is paid on it. */
import assert from "node:assert/strict";
import { after, before, describe } from "node:test";
import { sql } from "kysely";
import { type Head, headOf, NO_HEAD, type Row, rowHash } from "../../core/src/ledger/row.ts";
import type { Transfer } from "../../core/src/ledger/transfer.ts";
import { move } from "../../core/src/ledger/transfer.ts";
import { type Database, openDatabase } from "../../server/src/db/open.ts";
import { transact } from "../../server/src/db/transact.ts";
import { Problem } from "../../server/src/http/call.ts";
import { type Finding, verifyLedger } from "../../server/src/ledger/integrity/store.ts";
import { keepBooks } from "../../server/src/ledger/jobs.ts";
import { bookDeposit, finaliseDeposit, reservePayment, settlePayment } from "../../server/src/ledger/rules.ts";
import { balanceOf, linesOf, post, recordOf, rowFrom, rowsOf } from "../../server/src/ledger/store.ts";
import { COLD, depositOf, freshId, HOUSE, paymentOf, position } from "../server/books.ts";
import { type TestDatabase, withDatabase } from "../world/database.ts";
import { attacks, fails } from "./attack.ts";

const TABLES = ["ledger_account", "ledger_transfer", "ledger_head", "ledger_fence", "ledger_mark"];

let made: TestDatabase;
let owner: Database;
/** All rows as they were, in the order in which they were booked. */
let rows: readonly Row[];

const run = (text: string) => sql.raw(text).execute(owner.db);
const book = (transfers: readonly Transfer[]) => transact(made.db, (tx) => post(tx, transfers));

/** A few days of a small house: 22 rows on 9 accounts. */
async function live(): Promise<void> {
  const deposits = [
    ...["ann", "ben", "ann", "cid"].map((name, at) => depositOf(BigInt(at + 1) * 100n, name)),
    depositOf(50n, "alice", { wallet: COLD }),
    depositOf(70n, "", { creditor: HOUSE }),
    depositOf(5n, "", { creditor: { type: "unassigned", subject: "" } }),
  ];
  for (const deposit of deposits) await book([...bookDeposit(deposit), ...finaliseDeposit(deposit)]);
  const payment = paymentOf(30n, "ann", { totalFee: 9n });
  await book(reservePayment(payment));
  await book(settlePayment(payment, { moved: 30n, fee: 4n }));
  await book(reservePayment(paymentOf(20n, "ben", { totalFee: 9n })));
  await book(bookDeposit(depositOf(11n, "cid")));
}

async function dropConstraints(): Promise<void> {
  const { rows: found } = await sql<{ table: string; name: string }>`
    select conrelid::regclass::text as "table", conname as name from pg_constraint
    where conrelid::regclass::text = any(${TABLES}) and contype in ('c', 'u')`.execute(owner.db);
  for (const { table, name } of found) await run(`alter table ${table} drop constraint "${name}"`);
  await run("drop index ledger_transfer_pending");
}

async function keep(): Promise<void> {
  for (const table of TABLES) await run(`drop table if exists kept_${table}; create table kept_${table} as table ${table}`);
}
async function restore(): Promise<void> {
  for (const table of TABLES) await run(`truncate ${table}; insert into ${table} select * from kept_${table}`);
}

/** Does the edit, looks, and puts everything back. */
async function found(edit: () => Promise<unknown>): Promise<readonly Finding[]> {
  await edit();
  try {
    return (await verifyLedger(made.db, { from: "start" })).findings;
  } finally {
    await restore();
  }
}

const names = (findings: readonly Finding[], row: Row) =>
  findings.some(({ transfer, after: last }) => transfer === row.id || last === row.id);

/** The row with a hash that fits. */
function sealed(row: Row): Row {
  return { ...row, hash: rowHash(row) };
}
/** Puts the row in the place of the one with its id. */
async function replace(row: Row): Promise<void> {
  await run(`delete from ledger_transfer where id = '${row.id}'`);
  await insert(row);
}
const insert = (row: Row) => owner.db.insertInto("ledger_transfer").values(recordOf(row)).execute();

/** All rows from `at` on, changed by `change` and made to follow from each other again, with heads that fit. */
async function rewriteFrom(at: number, change: (row: Row) => Row): Promise<void> {
  const heads = new Map<string, Head>();
  for (const [number, row] of rows.entries()) {
    const changed = number === at ? change(row) : row;
    const leg = (side: "debit" | "credit") => {
      const head = heads.get(changed[side].account) ?? NO_HEAD;
      return { ...changed[side], sequence: head.sequence + 1, before: head.hash, totals: move(head.totals, side, changed) };
    };
    const whole = sealed({ ...changed, debit: leg("debit"), credit: leg("credit") });
    await replace(whole);
    for (const side of ["debit", "credit"] as const) heads.set(whole[side].account, headOf(whole, side));
  }
}

describe("the ledger", () => {
  before(async () => {
    made = await withDatabase();
    owner = openDatabase({ url: made.ownerUrl, connections: 2 });
    await live();
    await dropConstraints();
    await keep();
    rows = (await rowsOf(made.db).orderBy(sql`t.ctid`).execute()).map(rowFrom);
    assert.deepEqual((await verifyLedger(made.db, { from: "start" })).findings, []);
  });
  after(async () => {
    await owner.close();
    await made.close();
  });

  attacks("every column of every row is edited", async () => {
    const { rows: columns } = await sql<{ name: string; type: string }>`
      select column_name as name, data_type as type from information_schema.columns
      where table_name = 'ledger_transfer' and table_schema = 'public'`.execute(owner.db);
    const other: Record<string, (name: string) => string> = {
      uuid: () => `'${freshId()}'`,
      text: (name) => `overlay(${name} placing (case left(${name}, 1) when '1' then '2' else '1' end) from 1 for 1)`,
      numeric: (name) => `${name} + 1`,
      bigint: (name) => `${name} + 1`,
      "timestamp with time zone": (name) => `${name} + interval '1 millisecond'`,
    };
    assert.equal(columns.length, 24);
    for (const { name, type } of columns) {
      for (const row of rows) {
        const edit = () => run(`update ledger_transfer set ${name} = ${other[type]?.(name)} where id = '${row.id}'`);
        await fails(async () => {
          const findings = await found(edit);
          assert.ok(name === "id" ? findings.length > 0 : names(findings, row), `${name} of ${row.id}`);
        });
      }
    }
  });

  attacks("rows are deleted, inserted, doubled and moved", async () => {
    for (const row of rows) {
      const near = rows.filter((one) => one.debit.before === row.hash || one.credit.before === row.hash);
      await fails(async () => {
        const findings = await found(() => run(`delete from ledger_transfer where id = '${row.id}'`));
        assert.ok(names(findings, row) || near.some((one) => names(findings, one)), `deleted ${row.id}`);
      });
      const twin = sealed({ ...row, id: freshId() });
      await fails(async () => assert.ok(names(await found(() => insert(twin)), twin), `doubled ${row.id}`));
      const late = { ...twin, debit: { ...twin.debit, sequence: 999 }, credit: { ...twin.credit, sequence: 999 } };
      await fails(async () => assert.ok(names(await found(() => insert(sealed(late))), twin), `appended ${row.id}`));
    }
    for (const [at, row] of rows.entries()) {
      const next = rows.find((one, later) => later > at && one.debit.account === row.debit.account);
      if (next === undefined) continue;
      const swap = async (seal: (row: Row) => Row) => {
        await replace(seal({ ...row, debit: next.debit }));
        await replace(seal({ ...next, debit: row.debit }));
      };
      for (const seal of [sealed, (it: Row) => it])
        await fails(async () => assert.ok(names(await found(() => swap(seal)), row)));
    }
  });

  attacks("a row is edited and hashed again", async () => {
    for (const row of rows) {
      const totals = { ...row.credit.totals, creditsPosted: row.credit.totals.creditsPosted + 1n };
      const changes: Partial<Row>[] = [{ amount: row.amount + 1n }, { credit: { ...row.credit, totals } }];
      for (const change of changes) {
        await fails(async () => assert.ok(names(await found(() => replace(sealed({ ...row, ...change }))), row)));
      }
    }
  });

  attacks("accounts and heads are edited, deleted and swapped", async () => {
    const edits = [
      "update ledger_account set subject = 'eve' where subject = 'ann'",
      "update ledger_account set type = 'house', subject = '' where subject = 'ann'",
      "update ledger_account set pool = 'elsewhere' where subject = 'ann'",
      "update ledger_account set asset = 'doge' where subject = 'ann'",
      "update ledger_account set subject = case subject when 'ann' then 'ben' else 'ann' end where subject in ('ann', 'ben')",
      "delete from ledger_account where subject = 'ann'",
      "delete from ledger_account",
      "update ledger_head set sequence = sequence - 1",
      "update ledger_head set sequence = sequence + 1",
      "update ledger_head set last = (select id from ledger_transfer where id <> last limit 1)",
      "update ledger_head set sequence = 0, last = null",
      "delete from ledger_head",
    ];
    for (const edit of edits) await fails(async () => assert.notEqual((await found(() => run(edit))).length, 0, edit));
  });

  attacks("nothing is paid and nobody is shown a balance on a row that was edited", async () => {
    const inflate = "update ledger_transfer set credit_credits_posted = credit_credits_posted + 1000000";
    const tampered = (error: unknown) => error instanceof Problem && error.code === "RECORD_TAMPERED";
    const account = rows[0]?.credit.account ?? "";
    for (const edit of [
      inflate,
      "delete from ledger_transfer",
      "update ledger_head set last = null",
      "update ledger_account set asset = 'btc'",
      // Back to before the payment.
      `update ledger_head set sequence = 2, last = t.id from ledger_transfer t
        where credit_account = account and credit_sequence = 2 and account = '${account}'`,
    ]) {
      await run(edit);
      const asset = edit.includes("btc") ? "btc" : "eth";
      await fails(() => assert.rejects(book(reservePayment(paymentOf(1_000n, "ann", { asset, native: asset }))), tampered));
      await fails(() => assert.rejects(balanceOf(made.db, position("ann", { asset })), tampered));
      if (edit === inflate) await fails(() => assert.rejects(linesOf(made.db, account, { from: 1, to: 9, take: 9 }), tampered));
      await restore();
    }
  });

  attacks("the whole history is written again, with heads and marks that fit", async () => {
    await keepBooks(made.db, { from: "marks", lease: null });
    await run("delete from kept_ledger_mark; insert into kept_ledger_mark table ledger_mark");
    const richer = (row: Row): Row => ({ ...row, amount: row.amount + 1_000n });
    const isMarked = (findings: readonly Finding[]) => findings.some(({ flaw }) => flaw === "MARK");
    const last = rows.length - 1;
    for (const at of [0, 1, last]) await fails(async () => assert.ok(isMarked(await found(() => rewriteFrom(at, richer)))));
    // The last rows and their heads are taken away.
    const cut = async () => {
      const row = rows[last];
      assert.ok(row !== undefined);
      await run(`delete from ledger_transfer where id = '${row.id}'`);
      for (const side of ["debit", "credit"] as const) {
        const { account, sequence } = row[side];
        const before = rows.find((one) => one.hash === row[side].before);
        const id = before === undefined ? "null" : `'${before.id}'`;
        await run(`update ledger_head set sequence = ${sequence - 1}, last = ${id} where account = '${account}'`);
      }
    };
    await fails(async () => assert.ok(isMarked(await found(cut))));
    await run(`insert into event (number, id, type, subject, actor, at, data, salt, leaf, leaf_hash)
      select 0, id, type, subject, actor, at, data, decode(repeat('00', 32), 'hex'), '', repeat('0', 64) from event_outbox`);
    const remark = `update ledger_mark m set hash = t.hash from ledger_transfer t
        where m.account = t.debit_account and m.sequence = t.debit_sequence`;
    const forged = async () => {
      await rewriteFrom(last, richer);
      await run(remark);
      await run(remark.replaceAll("t.debit", "t.credit"));
    };
    await fails(async () => assert.ok(isMarked(await found(forged))));
    await fails(async () => assert.ok(isMarked(await found(() => run("delete from ledger_mark where sequence > 1")))));
  });

  attacks("a row is touched while the books are open", async () => {
    await run(`update ledger_transfer set amount = amount + 1 where id = '${rows[0]?.id}'`);
    assert.notEqual((await keepBooks(made.db, { from: "start", lease: null })).findings.length, 0);
    await run(`update ledger_transfer set amount = amount - 1 where id = '${rows[0]?.id}'`);
    const closed = (error: unknown) => error instanceof Problem && error.code === "RECORD_TAMPERED";
    await fails(() => assert.rejects(book(bookDeposit(depositOf(1n, "ann"))), closed));
  });
});
