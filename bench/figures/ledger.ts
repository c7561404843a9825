/** Postings per second on a PostgreSQL that waits for its disk: the ledger as it is, under row locks, and beside it in the
 *  same run a prototype with one writer and group commit. */
import { join } from "node:path";
import { keyText } from "../../core/src/ledger/account.ts";
import type { Transfer } from "../../core/src/ledger/transfer.ts";
import { uuid } from "../../server/src/db/ids.ts";
import { migrate } from "../../server/src/db/migrate.ts";
import { openDatabase } from "../../server/src/db/open.ts";
import { startPostgres } from "../../server/src/db/postgres/start.ts";
import { transact } from "../../server/src/db/transact.ts";
import { verifyLedger } from "../../server/src/ledger/integrity/store.ts";
import { positionKey, walletKey } from "../../server/src/ledger/rules.ts";
import { post } from "../../server/src/ledger/store.ts";
import type { Figure, Table } from "../figure.ts";
import { percentile } from "../stats.ts";
import { Writer } from "../world/writer.ts";

/** `accounts`: how many clients, each with a wallet of its own; 1 is one hot account on either side. */
const CASES = [
  { name: "1 caller", callers: 1, accounts: 1 },
  { name: "8, one hot account", callers: 8, accounts: 1 },
  { name: "64, one hot account", callers: 64, accounts: 1 },
  { name: "64, own accounts", callers: 64, accounts: 64 },
  { name: "512, own accounts", callers: 512, accounts: 512 },
] as const;
/** Connections of one server process to its database. */
const CONNECTIONS = 16;

type Result = { readonly perSecond: number; readonly p50: number; readonly p99: number };

/** A deposit that is final at once, on the accounts of that number. */
function depositFor(account: number): Transfer {
  const wallet = { wallet: `wallet-${account}`, client: null };
  const creditor = { type: "client", subject: `client-${account}` } as const;
  const [debit, credit] = [walletKey(wallet, "eth"), positionKey(creditor, wallet, "eth")];
  return { id: uuid(), kind: "posted", amount: 1_000n, asset: "eth", debit, credit, cause: `bench:${keyText(credit)}` };
}

/** All callers post one after the other for so long. */
async function run(
  { callers, accounts }: (typeof CASES)[number],
  { ms, book }: { ms: number; book: (transfers: Transfer[]) => Promise<void> },
): Promise<Result> {
  const times: number[] = [];
  const since = performance.now();
  const caller = async (at: number) => {
    while (performance.now() - since < ms) {
      const from = performance.now();
      await book([depositFor(at % accounts)]);
      times.push(performance.now() - from);
    }
  };
  await Promise.all(Array.from({ length: callers }, (_, at) => caller(at)));
  const seconds = (performance.now() - since) / 1_000;
  return { perSecond: times.length / seconds, p50: percentile(times, 0.5), p99: percentile(times, 0.99) };
}

export const books: Figure = async ({ quick, scratch, say }) => {
  const ms = quick ? 1_000 : 10_000;
  const postgres = await startPostgres({ home: join(scratch, "postgres"), kind: null });
  try {
    await migrate({ ownerUrl: postgres.ownerUrl });
    const { db, close } = openDatabase({ url: postgres.url, connections: CONNECTIONS });
    for (let at = 0; at < 512; at += 64) {
      await transact(db, (tx) =>
        post(
          tx,
          Array.from({ length: 64 }, (_, one) => depositFor(at + one)),
        ),
      );
    }
    const underLocks: Result[] = [];
    for (const it of CASES) {
      say(`ledger: row locks, ${it.name}`);
      underLocks.push(await run(it, { ms, book: (transfers) => transact(db, (tx) => post(tx, transfers)) }));
    }
    const since = performance.now();
    const { rows, findings } = await verifyLedger(db, { from: "start" });
    if (findings.length > 0) throw new Error("the books are not whole");
    const checked = (rows * 1_000) / (performance.now() - since);
    const writer = await Writer.open(db);
    const oneWriter: Result[] = [];
    for (const it of CASES) {
      say(`ledger: one writer, ${it.name}`);
      oneWriter.push(await run(it, { ms, book: (transfers) => writer.post(transfers) }));
    }
    await close();
    return [tableOf({ underLocks, oneWriter, checked })];
  } finally {
    await postgres.stop();
  }
};

function tableOf({ underLocks, oneWriter, checked }: { underLocks: Result[]; oneWriter: Result[]; checked: number }): Table {
  const rowsOf = (what: string, results: readonly Result[]) => [
    { what: `${what}: postings`, unit: "/s", values: results.map(({ perSecond }) => perSecond) },
    { what: `${what}: one posting, p50`, unit: "ms", values: results.map(({ p50 }) => p50) },
    { what: `${what}: one posting, p99`, unit: "ms", values: results.map(({ p99 }) => p99) },
  ];
  return {
    title: "Ledger: durable postings of one transfer each",
    columns: CASES.map(({ name }) => name),
    rows: [
      ...rowsOf("row locks", underLocks),
      ...rowsOf("one writer, group commit (prototype)", oneWriter),
      { what: "rows followed by the check of the books", unit: "/s", values: [checked, ...CASES.slice(1).map(() => null)] },
    ],
    notes: [
      "PostgreSQL on the same machine, with fsync.",
      `Row locks through ${CONNECTIONS} connections of one process; the writer commits one batch after the other.`,
      "Both write the same rows with both sides' sequence, totals and hashes. The writer holds all heads in memory.",
      "The check counts a row once for each of its two accounts.",
    ],
  };
}
