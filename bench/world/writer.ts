/** The design that may come later, as a prototype to be measured: one writer holds the heads of all accounts in memory, makes
 *  the rows of whatever waits, and commits them as one batch under its epoch. It writes the same rows by the same rules as
 *  the ledger does.
 *
 *  Not here: taking over from a writer that died, and finding old transfers that are sent again. */
import { sql } from "kysely";
import { keyText } from "../../core/src/ledger/account.ts";
import { type Account, draft, type Ground } from "../../core/src/ledger/draft.ts";
import { headOf, type Row } from "../../core/src/ledger/row.ts";
import type { Transfer } from "../../core/src/ledger/transfer.ts";
import type { Reader } from "../../server/src/db/tables.ts";
import { recordOf, rowFrom, rowsOf } from "../../server/src/ledger/store.ts";

const BATCH_MAX = 512;

type Waiting = { readonly transfers: readonly Transfer[]; readonly done: (error: Error | null) => void };

export class Writer {
  readonly #db: Reader;
  readonly #epoch: number;
  readonly #accounts = new Map<string, Account>();
  readonly #rows = new Map<string, Row>();
  readonly #resolved = new Set<string>();
  #waiting: Waiting[] = [];
  #isBusy = false;
  batches = 0;

  constructor(db: Reader, epoch: number) {
    this.#db = db;
    this.#epoch = epoch;
  }

  /** Takes over from the design with row locks: heads and accounts as they stand. */
  static async open(db: Reader): Promise<Writer> {
    const { epoch } = await db.selectFrom("ledger_fence").select("epoch").executeTakeFirstOrThrow();
    const writer = new Writer(db, epoch);
    const last = db.selectFrom("ledger_head").select("last").where("last", "is not", null);
    for (const found of await rowsOf(db).where("t.id", "in", last).execute()) writer.#take(rowFrom(found));
    return writer;
  }

  /** Resolves when the transfers are durable. */
  post(transfers: readonly Transfer[]): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ transfers, done: (error) => (error === null ? resolve() : reject(error)) });
      if (!this.#isBusy) void this.#run();
    });
  }

  async #run(): Promise<void> {
    this.#isBusy = true;
    while (this.#waiting.length > 0) {
      const batch = this.#waiting.splice(0, BATCH_MAX);
      const made = this.#make(batch);
      const error = await this.#commit(made.flatMap(({ rows }) => rows));
      for (const { one } of made) one.done(error);
    }
    this.#isBusy = false;
  }

  /** Each posting on top of those before; one with a fault is told so and left out. */
  #make(batch: readonly Waiting[]): { one: Waiting; rows: readonly Row[] }[] {
    return batch.flatMap((one) => {
      const drafted = draft(this.#ground, one.transfers, { epoch: this.#epoch, at: Date.now() });
      if (!drafted.ok) {
        one.done(new Error(drafted.fault));
        return [];
      }
      for (const row of drafted.rows) this.#take(row);
      return [{ one, rows: drafted.rows }];
    });
  }

  /** Rows as one statement, which is one transaction; it writes nothing when somebody else has raised the epoch. */
  async #commit(rows: readonly Row[]): Promise<Error | null> {
    if (rows.length === 0) return null;
    this.batches += 1;
    const json = JSON.stringify(rows.map(recordOf), (_, value) => (typeof value === "bigint" ? value.toString() : value));
    const written = await sql`
      with fence as (select from ledger_fence where epoch = ${this.#epoch} and open for update)
      insert into ledger_transfer select r.* from fence, json_populate_recordset(null::ledger_transfer, ${json}) r`.execute(
      this.#db,
    );
    return Number(written.numAffectedRows) === rows.length ? null : new Error("the epoch is over");
  }

  readonly #ground: Ground = {
    account: (key) => {
      const account = this.#accounts.get(keyText(key));
      if (account === undefined) throw new Error(`there is no account ${keyText(key)}`);
      return account;
    },
    row: (id) => this.#rows.get(id) ?? null,
    isResolved: (pending) => this.#resolved.has(pending),
  };

  #take(row: Row): void {
    this.#rows.set(row.id, row);
    if (row.pending !== null) this.#resolved.add(row.pending);
    for (const side of ["debit", "credit"] as const) {
      this.#accounts.set(keyText(row[side].key), { id: row[side].account, head: headOf(row, side) });
    }
  }
}
