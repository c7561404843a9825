/** The ledger in the database: postings, balances, statements and sums. What the rows mean: docs/spec/ledger.md.
 *
 *  Nothing is believed because it is there: whatever a posting or an answer builds on is hashed again. The check of
 *  everything is in `integrity/store.ts`. */
import type { Hash, Time } from "@strongroom/core/bytes";
import { type AccountKey, type Balance, balance, keyText, type Side, sideOf } from "@strongroom/core/ledger/account";
import { draft } from "@strongroom/core/ledger/draft";
import { flawOfLeg, type Head, headOf, type Leg, NO_HEAD, type Row, rowHash } from "@strongroom/core/ledger/row";
import type { Transfer, TransferKind } from "@strongroom/core/ledger/transfer";
import { type ColumnType, type Insertable, sql } from "kysely";
import { uuid } from "../db/ids.ts";
import type { Reader, Tx } from "../db/tables.ts";
import { limits } from "../host/limits.ts";
import { problem } from "../http/call.ts";
import type { Caller } from "../users/rules.ts";
import { visible } from "../users/store.ts";

type Fixed<T> = ColumnType<T, T, never>;
type AccountTable = {
  id: Fixed<string>;
  type: Fixed<AccountKey["type"]>;
  subject: Fixed<string>;
  pool: Fixed<string>;
  asset: Fixed<string>;
  side: Fixed<Side>;
};
type LegColumns<S extends Side> = Record<`${S}_account`, Fixed<string>> &
  Record<`${S}_sequence`, Fixed<number>> &
  Record<`${S}_before`, Fixed<string>> &
  Record<`${S}_${"debits" | "credits"}_${"posted" | "pending"}`, Fixed<bigint>>;
type TransferTable = LegColumns<"debit"> &
  LegColumns<"credit"> & {
    id: Fixed<string>;
    kind: Fixed<TransferKind>;
    pending: Fixed<string | null>;
    amount: Fixed<bigint>;
    resolved: Fixed<bigint>;
    asset: Fixed<string>;
    cause: Fixed<string>;
    epoch: Fixed<number>;
    at: Fixed<Date>;
    hash: Fixed<string>;
  };
export type LedgerTables = {
  ledger_account: AccountTable;
  ledger_transfer: TransferTable;
  ledger_head: { account: Fixed<string>; sequence: ColumnType<number, number | undefined>; last: string | null };
  ledger_fence: { one: Fixed<boolean>; epoch: number; open: boolean };
  ledger_mark: {
    account: Fixed<string>;
    sequence: Fixed<number>;
    hash: Fixed<string>;
    batch: Fixed<string>;
    at: ColumnType<Date, never, never>;
  };
};

/** Books the transfers, all or none of them; one that is booked already changes nothing. Locks their accounts in the order of
 *  their ids until the transaction ends: call it once in a transaction, as late as may be.
 *
 *  Refuses: POSITION_SHORT; RECORD_TAMPERED when the books are closed or a row that this builds on was edited. Anything else
 *  that is wrong with a transfer is a bug. */
export async function post(tx: Tx, transfers: readonly Transfer[]): Promise<void> {
  if (transfers.length === 0) return;
  if (transfers.length > limits.ledger.transfers) throw new Error(`${transfers.length} transfers are too many for one posting`);
  const accounts = await openAccounts(tx, transfers);
  const { heads, epoch } = await lockHeads(tx, [...accounts.values()]);
  const rows = await readRows(tx, transfers, heads);
  const byId = new Map(rows.map((row) => [row.id, row]));
  const resolved = new Set(rows.map((row) => row.pending));
  const ground = {
    account: (key: AccountKey) => {
      const id = accounts.get(keyText(key)) ?? "";
      return { id, head: headIn(byId, heads.get(id)) };
    },
    row: (id: string) => byId.get(id) ?? null,
    isResolved: (pending: string) => resolved.has(pending),
  };
  const made = draft(ground, transfers, { epoch, at: Date.now() });
  if (!made.ok) {
    const { fault, transfer } = made;
    const what = `${transfer.amount} of ${keyText(transfer.debit)}`;
    if (fault === "SHORT") problem("POSITION_SHORT", "amount", `${what} is not available.`);
    throw new Error(`transfer ${transfer.id} (${transfer.cause}) cannot be booked: ${fault}`);
  }
  if (made.rows.length > 0) await write(tx, made.rows);
}

/** Ids of the accounts on either side, by their keys; those that are not there yet are opened, in the order of their keys. */
async function openAccounts(tx: Tx, transfers: readonly Transfer[]): Promise<Map<string, string>> {
  const keys = new Map(transfers.flatMap(({ debit, credit }) => [debit, credit]).map((key) => [keyText(key), key]));
  const found = await findAccounts(tx, [...keys.values()]);
  const missing = [...keys].filter(([text]) => !found.has(text)).sort(([a], [b]) => (a < b ? -1 : 1));
  if (missing.length === 0) return found;
  const opened = await tx
    .insertInto("ledger_account")
    .values(missing.map(([, key]) => ({ id: uuid(), ...columnsOf(key), side: sideOf(key.type) })))
    .onConflict((on) => on.constraint("ledger_account_key").doNothing())
    .returning("id as account")
    .execute();
  if (opened.length > 0) await tx.insertInto("ledger_head").values(opened).execute();
  return findAccounts(tx, [...keys.values()]);
}

function columnsOf({ type, subject, pool, asset }: AccountKey): AccountKey {
  return { type, subject, pool, asset };
}

async function findAccounts(db: Reader, keys: readonly AccountKey[]): Promise<Map<string, string>> {
  const wanted = sql.join(keys.map((key) => sql`(${key.type}, ${key.subject}, ${key.pool}, ${key.asset})`));
  const found = await db
    .selectFrom("ledger_account")
    .select(["id", "type", "subject", "pool", "asset"])
    .where(sql<boolean>`(type, subject, pool, asset) in (${wanted})`)
    .execute();
  return new Map(found.map(({ id, ...key }) => [keyText(key), id]));
}

type HeadRow = { readonly account: string; readonly sequence: number; readonly last: string | null };

async function lockHeads(tx: Tx, accounts: readonly string[]): Promise<{ heads: Map<string, HeadRow>; epoch: number }> {
  const rows = await tx
    .selectFrom("ledger_head as h")
    .innerJoin("ledger_fence as f", (join) => join.onTrue())
    .select(["h.account", "h.sequence", "h.last", "f.epoch", "f.open"])
    .where("h.account", "in", accounts)
    .orderBy("h.account")
    .forUpdate("h")
    .forShare("f")
    .execute();
  const [first] = rows;
  if (first === undefined || rows.length !== accounts.length) tampered("accounts without a head, or no fence");
  if (!first.open) tampered("the books are closed");
  return {
    heads: new Map(rows.map(({ account, sequence, last }) => [account, { account, sequence, last }])),
    epoch: first.epoch,
  };
}

/** The last rows of the accounts, the rows of the transfers if they are booked already, those that they resolve, and what
 *  resolved these. No row may come after a head. */
async function readRows(tx: Tx, transfers: readonly Transfer[], heads: ReadonlyMap<string, HeadRow>): Promise<Row[]> {
  const pending = transfers.flatMap((transfer) => ("pending" in transfer ? [transfer.pending] : []));
  const last = [...heads.values()].flatMap((head) => head.last ?? []);
  const ids = [...new Set([...last, ...transfers.map(({ id }) => id), ...pending])];
  const next = sql.join([...heads.values()].map((head) => sql`(${head.account}::uuid, ${head.sequence + 1}::bigint)`));
  const found = await rowsOf(tx)
    .where(
      sql<boolean>`(t.id = any(${ids}) or t.pending = any(${pending})
        or (t.debit_account, t.debit_sequence) in (${next}) or (t.credit_account, t.credit_sequence) in (${next}))`,
    )
    .execute();
  const rows = found.map(wholeRow);
  const isLate = ({ account, sequence }: Leg) => sequence > (heads.get(account)?.sequence ?? sequence);
  const late = rows.find(({ debit, credit }) => isLate(debit) || isLate(credit));
  if (late !== undefined) tampered(`transfer ${late.id} comes after the head of its account`);
  return rows;
}

/** The two accounts of each of these transfers that is booked. Refuses: RECORD_TAMPERED. */
export async function partiesOf(
  db: Reader,
  transfers: readonly string[],
): Promise<ReadonlyMap<string, Pick<Transfer, "debit" | "credit">>> {
  if (transfers.length === 0) return new Map();
  const found = (await rowsOf(db).where("t.id", "in", transfers).execute()).map(wholeRow);
  return new Map(found.map(({ id, debit, credit }) => [id, { debit: debit.key, credit: credit.key }]));
}

/** Where an account stands by its last row. */
function headIn(rows: ReadonlyMap<string, Row>, head: HeadRow | undefined): Head {
  if (head?.sequence === 0 && head.last === null) return NO_HEAD;
  const row = rows.get(head?.last ?? "");
  const side = row?.debit.account === head?.account ? "debit" : "credit";
  if (row === undefined || row[side].account !== head?.account || row[side].sequence !== head.sequence)
    tampered(`account ${head?.account}: its last row is another one`);
  return headOf(row, side);
}

async function write(tx: Tx, rows: readonly Row[]): Promise<void> {
  const heads = new Map<string, HeadRow>();
  for (const { id, debit, credit } of rows) {
    for (const { account, sequence } of [debit, credit]) heads.set(account, { account, sequence, last: id });
  }
  const values = [...heads.values()].map(
    ({ account, sequence, last }) => sql`(${account}::uuid, ${sequence}::bigint, ${last}::uuid)`,
  );
  const moved = await tx
    .with("made", (made) => made.insertInto("ledger_transfer").values(rows.map(recordOf)))
    .updateTable("ledger_head")
    .from(sql<HeadRow>`(values ${sql.join(values)})`.as<"n">(sql`n(account, sequence, last)`))
    .set((column) => ({ sequence: column.ref("n.sequence"), last: column.ref("n.last") }))
    .whereRef("ledger_head.account", "=", "n.account")
    .executeTakeFirstOrThrow();
  if (Number(moved.numUpdatedRows) !== heads.size) throw new Error("heads of accounts that are locked have gone");
}

const legRecord = <S extends Side>(side: S, { account, sequence, before, totals }: Row[S]) =>
  ({
    [`${side}_account`]: account,
    [`${side}_sequence`]: sequence,
    [`${side}_before`]: before,
    [`${side}_debits_posted`]: totals.debitsPosted,
    [`${side}_credits_posted`]: totals.creditsPosted,
    [`${side}_debits_pending`]: totals.debitsPending,
    [`${side}_credits_pending`]: totals.creditsPending,
  }) as { [C in keyof LegColumns<S>]: LegColumns<S>[C] extends Fixed<infer T> ? T : never };

/** The columns of a row. */
export function recordOf({ debit, credit, at, ...row }: Row): Insertable<TransferTable> {
  return { ...row, at: new Date(at), ...legRecord("debit", debit), ...legRecord("credit", credit) };
}

/** Rows with the keys of both of their accounts; to be read with `rowFrom`. */
export function rowsOf(db: Reader) {
  return db
    .selectFrom("ledger_transfer as t")
    .innerJoin("ledger_account as d", "d.id", "t.debit_account")
    .innerJoin("ledger_account as c", "c.id", "t.credit_account")
    .selectAll("t")
    .select(["d.type as debit_type", "d.subject as debit_subject", "d.pool as debit_pool", "d.asset as debit_asset"])
    .select(["c.type as credit_type", "c.subject as credit_subject", "c.pool as credit_pool", "c.asset as credit_asset"]);
}
type Found = Awaited<ReturnType<ReturnType<typeof rowsOf>["execute"]>>[number];

/** The row as it stands in the database, whether or not it is whole. */
export function rowFrom(it: Found): Row {
  const { id, kind, pending, amount, resolved, asset, cause, epoch, at } = it;
  const sides = { debit: legFrom(it, "debit"), credit: legFrom(it, "credit") };
  return { id, kind, pending, amount, resolved, asset, ...sides, cause, epoch, at: at.getTime(), hash: it.hash as Hash };
}

function legFrom(it: Found, side: Side): Leg {
  return {
    account: it[`${side}_account`],
    key: { type: it[`${side}_type`], subject: it[`${side}_subject`], pool: it[`${side}_pool`], asset: it[`${side}_asset`] },
    sequence: it[`${side}_sequence`],
    before: it[`${side}_before`] as Hash,
    totals: {
      debitsPosted: it[`${side}_debits_posted`],
      creditsPosted: it[`${side}_credits_posted`],
      debitsPending: it[`${side}_debits_pending`],
      creditsPending: it[`${side}_credits_pending`],
    },
  };
}

/** The row, which nobody has edited. Refuses: RECORD_TAMPERED. */
function wholeRow(found: Found): Row {
  const row = rowFrom(found);
  return rowHash(row) === row.hash ? row : tampered(`transfer ${row.id} was edited`);
}

function tampered(detail: string): never {
  problem("RECORD_TAMPERED", "ledger", detail);
}

/** What stands on an account; nothing when there is none of that key. Refuses: RECORD_TAMPERED. */
export async function balanceOf(db: Reader, key: AccountKey): Promise<Balance> {
  const [id] = (await findAccounts(db, [key])).values();
  const [view] = id === undefined ? [] : await viewsOf(db, [{ id, ...columnsOf(key) }]);
  if (view === undefined) return balance(key.type, NO_HEAD.totals);
  const { posted, incoming, held, available } = view;
  return { posted, incoming, held, available };
}

export type AccountView = { readonly id: string; readonly sequence: number } & AccountKey & Balance;

/** The accounts with their balances. One statement, so that a posting meanwhile looks like nothing else. Refuses:
 *  RECORD_TAMPERED. */
async function viewsOf(db: Reader, accounts: readonly (AccountKey & { readonly id: string })[]): Promise<AccountView[]> {
  if (accounts.length === 0) return [];
  const ids = accounts.map(({ id }) => id);
  const isLate = (side: Side) => {
    const [account, sequence] = [sql.ref(`n.${side}_account`), sql.ref(`n.${side}_sequence`)];
    return sql`exists (select from ledger_transfer n where ${account} = h.account and ${sequence} > h.sequence)`;
  };
  const found = await db
    .selectFrom("ledger_head as h")
    .leftJoin(rowsOf(db).as("r"), (on) => on.onRef("r.id", "=", "h.last"))
    .where("h.account", "in", ids)
    .selectAll("r")
    .select(["h.account as head_account", "h.sequence as head_sequence", "h.last as head_last"])
    .select(sql<boolean>`(${isLate("debit")} or ${isLate("credit")})`.as("late"))
    .execute();
  const heads = new Map(
    found.map(({ head_account: account, head_sequence: sequence, head_last: last, late, ...row }) => {
      if (late) tampered(`account ${account}: rows come after its head`);
      const rows = isRow(row) ? [wholeRow(row)] : [];
      return [account, headIn(new Map(rows.map((it) => [it.id, it])), { account, sequence, last })];
    }),
  );
  return accounts.map(({ id, type, subject, pool, asset }) => {
    const { sequence, totals } = heads.get(id) ?? tampered(`account ${id} has no head`);
    return { id, type, subject, pool, asset, sequence, ...balance(type, totals) };
  });
}

/** Whether the head that it was joined to has a row. */
function isRow(joined: { readonly [C in keyof Found]: Found[C] | null }): joined is Found {
  return joined.id !== null;
}

/** Whoever is bound to no client and belongs to the root unit sees every account. Everybody else sees those of the clients
 *  that he sees, and neither wallets nor what is the institution's or nobody's: these are not of one unit. */
function accountsFor(db: Reader, caller: Caller) {
  const client = visible(caller, { unit: "client.unit", client: "client.name" });
  const ofClient = sql<boolean>`type = 'client' and exists (select from client where client.name = subject and ${client})`;
  const isRoot = sql<boolean>`exists (select from unit where unit.name = ${caller.unit} and unit.parent is null)`;
  const query = db.selectFrom("ledger_account").select(["id", "type", "subject", "pool", "asset"]);
  return query.where(caller.client === null ? sql<boolean>`(${isRoot} or ${ofClient})` : ofClient);
}

/** Whether the caller sees the books as a whole. */
export async function seesAll(db: Reader, { unit, client }: Caller): Promise<boolean> {
  if (client !== null) return false;
  const found = await db.selectFrom("unit").select("parent").where("name", "=", unit).executeTakeFirst();
  return found?.parent === null;
}

export type AccountQuery = {
  readonly after: string | null;
  readonly take: number;
  readonly type?: AccountKey["type"] | undefined;
  readonly client?: string | undefined;
  /** The wallet's own account and, if it is segregated, its client's. */
  readonly wallet?: string | undefined;
  readonly asset?: string | undefined;
};

/** Visible accounts by id, those after `after`. Refuses: RECORD_TAMPERED. */
export async function accountsOf(db: Reader, caller: Caller, it: AccountQuery): Promise<AccountView[]> {
  let query = accountsFor(db, caller).orderBy("id").limit(it.take);
  if (it.after !== null) query = query.where("id", ">", it.after);
  if (it.type !== undefined) query = query.where("type", "=", it.type);
  if (it.client !== undefined) query = query.where("type", "=", "client").where("subject", "=", it.client);
  if (it.wallet !== undefined)
    query = query.where(sql<boolean>`(pool = ${it.wallet} or type = 'wallet' and subject = ${it.wallet})`);
  if (it.asset !== undefined) query = query.where("asset", "=", it.asset);
  return viewsOf(db, await query.execute());
}

/** The account, if the caller may see it. Refuses: RECORD_TAMPERED. */
export async function findAccount(db: Reader, caller: Caller, id: string): Promise<AccountView | undefined> {
  const [view] = await viewsOf(db, await accountsFor(db, caller).where("id", "=", id).execute());
  return view;
}

export type LineView = {
  readonly id: string;
  readonly sequence: number;
  readonly kind: TransferKind;
  readonly side: Side;
  readonly amount: bigint;
  readonly counterpart: string;
  readonly cause: string;
  /** After this line, on the account's own side. */
  readonly posted: bigint;
  readonly at: Time;
};

/** Lines of an account by their sequence, `from` to `to`, `take` at most. Each must follow the one before. Refuses:
 *  RECORD_TAMPERED. */
export async function linesOf(
  db: Reader,
  account: string,
  { from, to, take }: { readonly from: number; readonly to: number; readonly take: number },
): Promise<LineView[]> {
  const lines: LineView[] = [];
  let head: Head | null = null;
  const last = Math.min(to, from + take - 1);
  for (const row of await rowsBetween(db, account, { from, last })) {
    const side = row.debit.account === account ? "debit" : "credit";
    const flaw = head === null ? null : flawOfLeg(row, side, head);
    if (flaw !== null) tampered(`transfer ${row.id}: ${flaw}`);
    head = headOf(row, side);
    const { id, kind, amount, cause, at } = row;
    const { posted } = balance(row[side].key.type, head.totals);
    const counterpart = row[side === "debit" ? "credit" : "debit"].account;
    lines.push({ id, sequence: head.sequence, kind, side, amount, counterpart, cause, posted, at });
  }
  return lines;
}

async function rowsBetween(db: Reader, account: string, { from, last }: { from: number; last: number }): Promise<Row[]> {
  const rows: Row[] = [];
  for (const side of ["debit", "credit"] as const) {
    const found = await rowsOf(db)
      .where(`t.${side}_account`, "=", account)
      .where(`t.${side}_sequence`, ">=", from)
      .where(`t.${side}_sequence`, "<=", last)
      .execute();
    rows.push(...found.map(wholeRow));
  }
  const sequenceOf = ({ debit, credit }: Row) => (debit.account === account ? debit : credit).sequence;
  return rows.sort((a, b) => sequenceOf(a) - sequenceOf(b));
}

export type AssetSums = {
  readonly asset: string;
  readonly debits: bigint;
  readonly credits: bigint;
  readonly clients: bigint;
  readonly wallets: bigint;
  /** Debits and credits are the same, posted and pending. */
  readonly balanced: boolean;
  /** In every pool the clients have no more than its wallets. */
  readonly backed: boolean;
};

/** Sums over all accounts by what their last rows say. */
export async function checkLedger(db: Reader): Promise<{ assets: AssetSums[]; transfers: number }> {
  const own = (name: string) =>
    sql`case when t.debit_account = a.id then t.debit_${sql.raw(name)} else t.credit_${sql.raw(name)} end`;
  const sum = (name: string) => sql<bigint>`coalesce(sum(${own(name)}), 0)`;
  const sums = await db
    .selectFrom("ledger_account as a")
    .innerJoin("ledger_head as h", "h.account", "a.id")
    .innerJoin("ledger_transfer as t", "t.id", "h.last")
    .select(["a.asset", "a.pool", "a.type", sql<bigint>`sum(h.sequence)`.as("rows")])
    .select([sum("debits_posted").as("debits"), sum("credits_posted").as("credits")])
    .select([sum("debits_pending").as("announced"), sum("credits_pending").as("expected")])
    .groupBy(["a.asset", "a.pool", "a.type"])
    .orderBy("a.asset")
    .execute();
  const assets = Map.groupBy(sums, ({ asset }) => asset);
  const rows = sums.reduce((all, group) => all + group.rows, 0n);
  return { assets: [...assets].map(([asset, groups]) => sumsOf(asset, groups)), transfers: Number(rows / 2n) };
}

type Group = { pool: string; type: AccountKey["type"]; debits: bigint; credits: bigint; announced: bigint; expected: bigint };

function sumsOf(asset: string, groups: readonly Group[]): AssetSums {
  const total = (of: (group: Group) => bigint, within = groups) => within.reduce((all, group) => all + of(group), 0n);
  const debits = total((group) => group.debits);
  const credits = total((group) => group.credits);
  const position = (type: "client" | "wallet", within: readonly Group[]) => {
    const growth = total(
      (group) => group.credits - group.debits,
      within.filter((group) => group.type === type),
    );
    return type === "client" ? growth : -growth;
  };
  const pools = [...Map.groupBy(groups, ({ pool }) => pool).values()];
  const balanced = debits === credits && total((group) => group.announced) === total((group) => group.expected);
  const backed = pools.every((pool) => position("client", pool) <= position("wallet", pool));
  return { asset, debits, credits, clients: position("client", groups), wallets: position("wallet", groups), balanced, backed };
}

export async function readFence(db: Reader): Promise<{ epoch: number; open: boolean }> {
  return db.selectFrom("ledger_fence").select(["epoch", "open"]).executeTakeFirstOrThrow();
}

/** Stops all bookings until a person has looked. Gives whether they were open. */
export async function closeBooks(tx: Tx): Promise<boolean> {
  const closed = await tx
    .updateTable("ledger_fence")
    .set((column) => ({ open: false, epoch: column("epoch", "+", 1) }))
    .where("open", "=", true)
    .executeTakeFirst();
  return closed.numUpdatedRows > 0n;
}
