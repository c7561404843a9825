/** Whether anybody has touched the rows of the ledger: follows every account from row to row and names what does not follow.
 *  What it finds and what it cannot find: docs/spec/ledger.md. */
import { ascii, type Hash, hash } from "@strongroom/core/bytes";
import type { Side } from "@strongroom/core/ledger/account";
import {
  type Flaw,
  flawOfLeg,
  flawOfResolution,
  type Head,
  headOf,
  NO_HEAD,
  type Row,
  rowHash,
} from "@strongroom/core/ledger/row";
import { sql } from "kysely";
import { uuid } from "../../db/ids.ts";
import type { Reader, Tx } from "../../db/tables.ts";
import { look } from "../../db/transact.ts";
import { limits } from "../../host/limits.ts";
import { checkLedger, rowFrom, rowsOf } from "../store.ts";

/** `HEAD`: the account's head names another row than the last. `MARK`: a row that was found whole once is another one now, or
 *  gone. `ACCOUNT`: a row is on an account that is not there. `SUM`: sums are not zero, or clients have more than their
 *  pools. */
export type Finding = {
  readonly flaw: Flaw | "HEAD" | "MARK" | "ACCOUNT" | "SUM";
  /** The account's id, or the asset for `SUM`. */
  readonly account: string;
  /** The row that has the flaw, and the one that it should follow on this account, where there are such. */
  readonly transfer: string | null;
  readonly after: string | null;
  /** The number on the account that a row should have had. */
  readonly sequence: number;
};

export type Mark = { readonly account: string; readonly sequence: number; readonly hash: Hash };

/** `rows`: how often a row was followed, once for each of its accounts. `marks`: where the accounts that were followed end. */
export type Verdict = { readonly findings: readonly Finding[]; readonly rows: number; readonly marks: readonly Mark[] };

/** Follows all accounts in one state of the database: from their first rows, or from where they were found whole before.
 *  Stops after `limits.ledger.findings` findings. */
export function verifyLedger(db: Reader, { from }: { readonly from: "start" | "marks" }): Promise<Verdict> {
  return look(db, async (tx) => {
    const findings: Finding[] = [];
    const marks: Mark[] = [];
    let rows = 0;
    for (let after: string | null = null; findings.length < limits.ledger.findings; ) {
      const starts: Start[] = await nextStarts(tx, { from, after });
      const last = starts.at(-1);
      if (last === undefined) break;
      after = last.account;
      const walks: Walk[] = [];
      for (const start of starts) walks.push(await startWalk(tx, start, { from, findings }));
      rows += await follow(tx, walks, findings);
      for (const { account, head } of walks)
        if (head.sequence > 0) marks.push({ account, sequence: head.sequence, hash: head.hash });
    }
    if (from === "start") findings.push(...(await strays(tx)), ...(await lostMarks(tx)), ...(await forgedMarks(tx)));
    for (const { asset, balanced, backed } of (await checkLedger(tx)).assets) {
      if (!balanced || !backed) findings.push({ flaw: "SUM", account: asset, transfer: null, after: null, sequence: 0 });
    }
    return { findings: findings.slice(0, limits.ledger.findings), rows, marks };
  });
}

/** An account on the way from a row that is believed to its last one. */
type Walk = {
  readonly account: string;
  /** What its head says, and up to which number there are rows. */
  readonly named: { readonly sequence: number; readonly last: string | null } | null;
  readonly top: number;
  /** Where the walk is: the row it has reached, and the number up to which rows were read. */
  head: Head;
  last: string | null;
  read: number;
};

type Start = {
  account: string;
  sequence: number | null;
  last: string | null;
  top: number;
  marked: number | null;
  hash: Hash | null;
};

/** The next accounts by id; with `marks` only those where something came after the newest mark, or the mark is not reached. */
async function nextStarts(tx: Tx, { from, after }: { from: "start" | "marks"; after: string | null }): Promise<Start[]> {
  const isNew = sql`(h.sequence is distinct from coalesce(m.sequence, 0) or r.top <> coalesce(m.sequence, 0))`;
  const { rows } = await sql<Start>`
    select a.id as account, h.sequence, h.last, r.top, m.sequence as marked, m.hash
    from ledger_account a
    left join ledger_head h on h.account = a.id
    left join lateral (select sequence, hash from ledger_mark where account = a.id order by sequence desc limit 1) m on true
    cross join lateral (select greatest(0,
      (select max(debit_sequence) from ledger_transfer where debit_account = a.id),
      (select max(credit_sequence) from ledger_transfer where credit_account = a.id)) as top) r
    where ${after === null ? sql`true` : sql`a.id > ${after}`} and ${from === "marks" ? isNew : sql`true`}
    order by a.id limit ${limits.ledger.checkAccounts}`.execute(tx);
  return rows;
}

async function startWalk(
  tx: Tx,
  start: Start,
  { from, findings }: { from: "start" | "marks"; findings: Finding[] },
): Promise<Walk> {
  const { account, sequence, last, top, marked, hash } = start;
  const named = sequence === null ? null : { sequence, last };
  const walk = { account, named, top: Math.max(top, sequence ?? 0) };
  const fresh = { ...walk, head: NO_HEAD, last: null, read: 0 };
  if (from === "start" || marked === null) return fresh;
  const row = await rowAt(tx, account, marked);
  if (row === null || row.hash !== hash || rowHash(row) !== hash) {
    findings.push({ flaw: "MARK", account, transfer: row?.id ?? null, after: null, sequence: marked });
    return fresh;
  }
  return { ...walk, head: headOf(row, sideIn(row, account)), last: row.id, read: marked };
}

const sideIn = (row: Row, account: string): Side => (row.debit.account === account ? "debit" : "credit");

async function rowAt(tx: Tx, account: string, sequence: number): Promise<Row | null> {
  for (const side of ["debit", "credit"] as const) {
    const [found] = await rowsOf(tx)
      .where(`t.${side}_account`, "=", account)
      .where(`t.${side}_sequence`, "=", sequence)
      .execute();
    if (found !== undefined) return rowFrom(found);
  }
  return null;
}

/** Takes all walks to their ends. Gives how many rows that were. */
async function follow(tx: Tx, walks: readonly Walk[], findings: Finding[]): Promise<number> {
  let rows = 0;
  for (;;) {
    const open = walks.filter((walk) => walk.read < walk.top);
    if (open.length === 0 || findings.length >= limits.ledger.findings) break;
    rows += await stride(tx, open, findings);
  }
  for (const { account, named, head, last } of walks) {
    if (named?.sequence === head.sequence && named.last === last) continue;
    findings.push({ flaw: "HEAD", account, transfer: named?.last ?? null, after: last, sequence: head.sequence });
  }
  return rows;
}

/** Takes each walk over its next rows. */
async function stride(tx: Tx, walks: readonly Walk[], findings: Finding[]): Promise<number> {
  const legs = await nextLegs(tx, walks);
  const rows = await rowsById(tx, [...new Set(legs.map(({ id }) => id))]);
  const resolved = [...rows.values()].flatMap(({ pending }) => (pending === null || rows.has(pending) ? [] : pending));
  const pending = await rowsById(tx, [...new Set(resolved)]);
  const byAccount = Map.groupBy(legs, ({ account }) => account);
  for (const walk of walks) {
    for (const { id } of byAccount.get(walk.account) ?? []) {
      const row = rows.get(id);
      if (row === undefined) findings.push(findingAt(walk, "ACCOUNT", id));
      else step(walk, row, { findings, resolved: rows.get(row.pending ?? "") ?? pending.get(row.pending ?? "") ?? null });
    }
    walk.read += limits.ledger.checkRows;
  }
  return legs.length;
}

type Leg = { readonly account: string; readonly id: string };

async function nextLegs(tx: Tx, walks: readonly Walk[]): Promise<Leg[]> {
  const from = sql.join(walks.map(({ account, read }) => sql`(${account}::uuid, ${read}::bigint)`));
  const window = (side: Side) => {
    const [account, sequence] = [sql.ref(`${side}_account`), sql.ref(`${side}_sequence`)];
    return sql`select id, ${sequence} as sequence from ledger_transfer
      where ${account} = w.account and ${sequence} > w.read and ${sequence} <= w.read + ${limits.ledger.checkRows}`;
  };
  const { rows } = await sql<Leg>`
    select w.account, l.id from (values ${from}) w(account, read)
    cross join lateral (${window("debit")} union all ${window("credit")}) l
    order by w.account, l.sequence`.execute(tx);
  return rows;
}

async function rowsById(tx: Tx, ids: readonly string[]): Promise<Map<string, Row>> {
  const found = ids.length === 0 ? [] : await rowsOf(tx).where(sql<boolean>`t.id = any(${ids})`).execute();
  return new Map(found.map((record) => [record.id, rowFrom(record)]));
}

function step(walk: Walk, row: Row, { findings, resolved }: { findings: Finding[]; resolved: Row | null }): void {
  const side = sideIn(row, walk.account);
  const flaw = flawOfLeg(row, side, walk.head) ?? flawOfResolution(row, resolved);
  if (flaw !== null) findings.push(findingAt(walk, flaw, row.id));
  walk.head = headOf(row, side);
  walk.last = row.id;
}

function findingAt({ account, head, last }: Walk, flaw: Finding["flaw"], transfer: string): Finding {
  return { flaw, account, transfer, after: last, sequence: head.sequence + 1 };
}

/** Rows on accounts that are not there. */
async function strays(tx: Tx): Promise<Finding[]> {
  const found = async (side: Side) => {
    const rows = await tx
      .selectFrom("ledger_transfer as t")
      .leftJoin("ledger_account as a", "a.id", `t.${side}_account`)
      .select(["t.id", `t.${side}_account as account`, `t.${side}_sequence as sequence`])
      .where("a.id", "is", null)
      .limit(limits.ledger.findings)
      .execute();
    return rows.map(
      ({ id, account, sequence }): Finding => ({ flaw: "ACCOUNT", account, transfer: id, after: null, sequence }),
    );
  };
  return [...(await found("debit")), ...(await found("credit"))];
}

/** Rows that were found whole once and are others now, or gone. */
async function lostMarks(tx: Tx): Promise<Finding[]> {
  const rows = await tx
    .selectFrom("ledger_mark as m")
    .leftJoin("ledger_transfer as d", (on) =>
      on.onRef("d.debit_account", "=", "m.account").onRef("d.debit_sequence", "=", "m.sequence"),
    )
    .leftJoin("ledger_transfer as c", (on) =>
      on.onRef("c.credit_account", "=", "m.account").onRef("c.credit_sequence", "=", "m.sequence"),
    )
    .select(["m.account", "m.sequence", sql<string | null>`coalesce(d.id, c.id)`.as("id")])
    .where(sql<boolean>`coalesce(d.hash, c.hash) is distinct from m.hash`)
    .limit(limits.ledger.findings)
    .execute();
  return rows.map(({ account, sequence, id }): Finding => ({ flaw: "MARK", account, transfer: id, after: null, sequence }));
}

/** What the log commits to: how many marks a batch has, and the hash over them. */
export type Batch = { readonly batch: string; readonly marks: number; readonly digest: Hash };

/** Writes down up to where accounts were found whole. Null when all of that is written already. */
export async function saveMarks(tx: Tx, marks: readonly Mark[]): Promise<Batch | null> {
  const batch = uuid();
  const saved: Mark[] = [];
  for (let at = 0; at < marks.length; at += limits.ledger.checkRows) {
    const some = marks.slice(at, at + limits.ledger.checkRows).map((mark) => ({ ...mark, batch }));
    const insert = tx
      .insertInto("ledger_mark")
      .values(some)
      .onConflict((on) => on.doNothing());
    saved.push(...(await insert.returning(MARK).execute()).map(markFrom));
  }
  return saved.length === 0 ? null : { batch, marks: saved.length, digest: digestOf(saved) };
}

const MARK = ["account", "sequence", "hash"] as const;
const markFrom = (row: { account: string; sequence: number; hash: string }): Mark => ({ ...row, hash: row.hash as Hash });

function digestOf(marks: readonly Mark[]): Hash {
  const lines = marks.map(({ account, sequence, hash: of }) => `${account} ${sequence} ${of}`).sort();
  return hash("strongroom/ledger-marks/1", ascii(lines.join("\n")));
}

/** Batches that are not what the log has committed to. What stands in the log is checked against its tree elsewhere. */
async function forgedMarks(tx: Tx): Promise<Finding[]> {
  const findings: Finding[] = [];
  for (let after = -1; ; ) {
    const events = await tx
      .selectFrom("event")
      .select(["number", "data"])
      .where("type", "=", "ledger.checked")
      .where("number", ">", after)
      .orderBy("number")
      .limit(limits.ledger.checkRows)
      .execute();
    for (const { number, data } of events) {
      after = number;
      const batch = data === null ? null : (JSON.parse(data) as Batch);
      if (batch === null) continue;
      const marks = await tx.selectFrom("ledger_mark").select(MARK).where("batch", "=", batch.batch).execute();
      if (marks.length === batch.marks && digestOf(marks.map(markFrom)) === batch.digest) continue;
      findings.push({ flaw: "MARK", account: marks[0]?.account ?? "", transfer: null, after: null, sequence: 0 });
    }
    if (events.length < limits.ledger.checkRows || findings.length >= limits.ledger.findings) return findings;
  }
}
