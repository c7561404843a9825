/** The ledger on a real PostgreSQL: many callers at once, retries, lost connections, and the rights of the application's
 *  role. */
import assert from "node:assert/strict";
import { after, before, describe, test } from "node:test";
import { sql } from "kysely";
import { type AccountKey, keyText } from "../../core/src/ledger/account.ts";
import type { Transfer } from "../../core/src/ledger/transfer.ts";
import { type Database, openDatabase } from "../../server/src/db/open.ts";
import { transact } from "../../server/src/db/transact.ts";
import { codeOf } from "../../server/src/host/fault.ts";
import { Problem } from "../../server/src/http/call.ts";
import { verifyLedger } from "../../server/src/ledger/integrity/store.ts";
import { keepBooks } from "../../server/src/ledger/jobs.ts";
import {
  bookDeposit,
  finaliseDeposit,
  releasePayment,
  reservePayment,
  settlePayment,
  walletKey,
} from "../../server/src/ledger/rules.ts";
import { balanceOf, checkLedger, closeBooks, post } from "../../server/src/ledger/store.ts";
import { type TestDatabase, withDatabase } from "../world/database.ts";
import { COLD, clientOf, depositOf, HOT, HOUSE, paymentOf, position } from "./books.ts";

let made: TestDatabase;

const book = (transfers: readonly Transfer[], db = made.db) => transact(db, (tx) => post(tx, transfers));
/** A deposit that is final. */
const fund = (amount: bigint, to: string, over: Parameters<typeof depositOf>[2] = {}) => {
  const deposit = depositOf(amount, to, over);
  return book([...bookDeposit(deposit), ...finaliseDeposit(deposit)]);
};
const short = (error: unknown) => error instanceof Problem && error.code === "POSITION_SHORT";

describe("the ledger", () => {
  before(async () => {
    made = await withDatabase();
  });
  after(() => made.close());

  test("deposits come in, payments go out, and nothing is booked twice", async () => {
    const deposit = depositOf(100n, "ann");
    await book(bookDeposit(deposit));
    assert.deepEqual(await balanceOf(made.db, position("ann")), { posted: 0n, incoming: 100n, held: 0n, available: 0n });
    await book(finaliseDeposit(deposit));
    await book([...bookDeposit(deposit), ...finaliseDeposit(deposit)]);
    assert.deepEqual(await balanceOf(made.db, position("ann")), { posted: 100n, incoming: 0n, held: 0n, available: 100n });
    const payment = paymentOf(30n, "ann", { totalFee: 10n });
    await book(reservePayment(payment));
    assert.deepEqual(await balanceOf(made.db, position("ann")), { posted: 100n, incoming: 0n, held: 40n, available: 60n });
    const settled = settlePayment(payment, { moved: 30n, fee: 7n });
    await book(settled);
    await book(settled);
    assert.deepEqual(await balanceOf(made.db, position("ann")), { posted: 63n, incoming: 0n, held: 0n, available: 63n });
    const released = paymentOf(63n, "ann");
    await book(reservePayment(released));
    await book(releasePayment(released));
    assert.equal((await balanceOf(made.db, position("ann"))).available, 63n);
    assert.deepEqual(await balanceOf(made.db, position("nobody")), { posted: 0n, incoming: 0n, held: 0n, available: 0n });
  });

  test("what the position does not cover is refused, and nothing of its posting is booked", async () => {
    await fund(50n, "ben");
    const rows = (await checkLedger(made.db)).transfers;
    await assert.rejects(book([...bookDeposit(depositOf(9n, "ben")), ...reservePayment(paymentOf(51n, "ben"))]), short);
    await assert.rejects(book(reservePayment(paymentOf(50n, "ben", { totalFee: 1n }))), short);
    await assert.rejects(book(reservePayment(paymentOf(1n, "ben", { payer: HOUSE }))), short);
    await assert.rejects(book(reservePayment(paymentOf(1n, "ben", { wallet: COLD }))), short);
    assert.equal((await checkLedger(made.db)).transfers, rows);
  });

  test("another content under the same id is a bug, wherever it comes from", async () => {
    const [seen] = bookDeposit(depositOf(5n, "cid"));
    assert.ok(seen !== undefined);
    await book([seen]);
    const isBug = (error: unknown) => error instanceof Error && !(error instanceof Problem);
    await assert.rejects(book([{ ...seen, amount: 6n }]), isBug);
    await assert.rejects(book([{ ...seen, credit: position("dan") }]), isBug);
    const elsewhere = { ...seen, debit: walletKey(COLD, "eth"), credit: position("alice", { wallet: COLD }) };
    await assert.rejects(book([elsewhere]), isBug);
    await book([seen]);
  });

  test("of two that spend the same position at once, one is refused", async () => {
    for (let round = 0; round < 20; round++) {
      await fund(10n, `eve-${round}`);
      const both = [1, 2].map(() => book(reservePayment(paymentOf(6n, `eve-${round}`))));
      const outcomes = await Promise.allSettled(both);
      const [refused, ...more] = outcomes.filter((outcome) => outcome.status === "rejected");
      assert.equal(more.length, 0);
      assert.ok(refused !== undefined && short(refused.reason));
      assert.equal((await balanceOf(made.db, position(`eve-${round}`))).held, 6n);
    }
  });

  test("ten thousand transfers of many callers: none is lost or doubled, though connections are cut", async () => {
    const own = await withDatabase();
    const pools = Array.from({ length: 3 }, () => openDatabase({ url: own.url, connections: 8 }));
    try {
      const expected = await storm(own, pools, 2_500);
      for (const [text, { key, amount }] of expected) assert.equal((await balanceOf(own.db, key)).posted, amount, text);
      const sums = await checkLedger(own.db);
      assert.ok(sums.assets.every(({ balanced, backed }) => balanced && backed));
      assert.deepEqual((await verifyLedger(own.db, { from: "start" })).findings, []);
    } finally {
      await Promise.all(pools.map(({ close }) => close()));
      await own.close();
    }
  });

  test("accounts that many open at once are opened once", async () => {
    const deposits = Array.from({ length: 16 }, () => depositOf(1n, "new", { creditor: clientOf("new"), asset: "newcoin" }));
    await Promise.all(deposits.map((deposit) => book(bookDeposit(deposit))));
    assert.equal((await balanceOf(made.db, position("new", { asset: "newcoin" }))).incoming, 16n);
  });

  test("the application's role can add rows and no more", async () => {
    await fund(1n, "ida");
    const forbidden = [
      "update ledger_transfer set amount = 1",
      "delete from ledger_transfer",
      "truncate ledger_transfer",
      "update ledger_account set subject = 'eve'",
      "delete from ledger_account",
      "delete from ledger_head",
      "update ledger_head set account = account",
      "update ledger_mark set hash = hash",
      "delete from ledger_mark",
      "delete from ledger_fence",
      "alter table ledger_transfer add column x text",
      "drop table ledger_transfer",
      "create table mine (x text)",
    ];
    for (const statement of forbidden) {
      await assert.rejects(sql.raw(statement).execute(made.db), (error) => codeOf(error) === "42501", statement);
    }
  });

  test("what was found whole is marked in the log and not followed again", async () => {
    const own = await withDatabase();
    try {
      const [first, second] = [depositOf(5n, "ann"), depositOf(6n, "ann")];
      await book(bookDeposit(first), own.db);
      assert.equal((await keepBooks(own.db, { from: "marks", lease: null })).rows, 2);
      assert.equal((await keepBooks(own.db, { from: "marks", lease: null })).rows, 0);
      await book([...finaliseDeposit(first), ...bookDeposit(second)], own.db);
      assert.equal((await keepBooks(own.db, { from: "marks", lease: null })).rows, 4);
      assert.equal((await keepBooks(own.db, { from: "start", lease: null })).rows, 6);
      const told = await own.db.selectFrom("event_outbox").select(["type", "data"]).orderBy("id").execute();
      assert.deepEqual(
        told.map(({ type, data }) => [type, JSON.parse(data).marks]),
        [
          ["ledger.checked", 2],
          ["ledger.checked", 2],
        ],
      );
    } finally {
      await own.close();
    }
  });

  test("closed books take nothing", async () => {
    const own = await withDatabase();
    try {
      await transact(own.db, closeBooks);
      const refused = book(bookDeposit(depositOf(1n, "ann")), own.db);
      await assert.rejects(refused, (error) => error instanceof Problem && error.code === "RECORD_TAMPERED");
    } finally {
      await own.close();
    }
  });
});

type Expected = Map<string, { readonly key: AccountKey; amount: bigint }>;

/** Posts `count` times with 24 callers, two deposits or two payments each time; every so often all connections are cut. Gives
 *  the balances that follow from what was taken. */
async function storm(own: TestDatabase, pools: readonly Database[], count: number): Promise<Expected> {
  const expected: Expected = new Map();
  const names = ["ada", "bea", "cal", "dot", "eli", "fay", "gus", "hal"];
  const add = (name: string, amount: bigint) => {
    for (const key of [position(name), walletKey(HOT, "eth")]) {
      const entry = expected.get(keyText(key)) ?? { key, amount: 0n };
      expected.set(keyText(key), { key, amount: entry.amount + amount });
    }
  };
  let next = 0;
  const caller = async (at: number) => {
    const db = pools[at % pools.length]?.db ?? own.db;
    for (let turn = next++; turn < count; turn = next++) {
      if (turn % 500 === 499) await cut(own);
      const amount = BigInt((turn * 13) % 50) + 1n;
      const both = ["hot", names[(turn * 7) % names.length] ?? ""];
      const isTaken = turn % 5 < 3 ? await payIn(db, both, amount) : await payOut(db, both, amount);
      if (isTaken) for (const name of both) add(name, turn % 5 < 3 ? amount : -amount);
    }
  };
  await Promise.all(Array.from({ length: 24 }, (_, at) => caller(at)));
  return expected;
}

async function payIn(db: TestDatabase["db"], names: readonly string[], amount: bigint): Promise<boolean> {
  const deposits = names.map((name) => depositOf(amount, name));
  await book([...deposits.flatMap(bookDeposit), ...deposits.flatMap(finaliseDeposit)], db);
  return true;
}

/** False when a position is short; then neither is paid. */
async function payOut(db: TestDatabase["db"], names: readonly string[], amount: bigint): Promise<boolean> {
  const payments = names.map((name) => paymentOf(amount, name));
  const settled = payments.flatMap((payment) => settlePayment(payment, { moved: amount, fee: 0n }));
  return book([...payments.flatMap(reservePayment), ...settled], db).then(
    () => true,
    (error: unknown) => (short(error) ? false : Promise.reject(error)),
  );
}

/** Ends every connection to the database, in the middle of whatever it does. */
async function cut({ url }: TestDatabase): Promise<void> {
  const killer = openDatabase({ url, connections: 1 });
  const others = sql`datname = current_database() and usename = current_user and pid <> pg_backend_pid()`;
  await sql`select pg_terminate_backend(pid) from pg_stat_activity where ${others}`.execute(killer.db);
  await killer.close();
}
