/** Goes over all rows outside the ledger and the log and names each that somebody has edited, deleted or put in by hand.
 *  What each noun
 *  is compared with, what is not compared, and what cannot be found: docs/spec/integrity.md. Reads only. */
import { type RawBuilder, sql } from "kysely";
import type { Reader, Tx } from "../db/tables.ts";
import { look } from "../db/transact.ts";
import { limits } from "../host/limits.ts";
import * as rules from "./rules.ts";

/** A table with what is told of its rows. `key`: the name of a row. `events`: types of the events that tell of it, and where
 *  they name
 *  it; a table without them is compared with other tables only. */
type Noun = {
  readonly noun: string;
  readonly rows: RawBuilder<unknown>;
  readonly key: RawBuilder<unknown>;
  readonly events: readonly string[];
  readonly named: RawBuilder<unknown>;
  readonly judge: (row: never, told: rules.Told, known: rules.Known) => string | null;
};

/** By its subject, if the event says anything of the row. */
const SUBJECT = sql`case when data is null or data::jsonb ? 'record' then split_part(subject, ':', 2) end`;
const BARE_SUBJECT = sql`split_part(subject, ':', 2)`;
const RECORD = sql`data::jsonb #>> '{record,id}'`;
const DECISION = sql`data::jsonb #>> '{decision,id}'`;
const TRANSACTION = sql`data::jsonb ->> 'transaction'`;
const EXPLANATION = sql`data::jsonb ->> 'explanation'`;
const UNTOLD = { events: [], named: sql`null` };

const UNITS: Noun = {
  noun: "unit",
  rows: sql`select * from unit`,
  key: sql`name`,
  events: ["unit.created"],
  named: SUBJECT,
  judge: rules.judgeUnit,
};
const CLIENTS: Noun = {
  noun: "client",
  rows: sql`select * from client`,
  key: sql`name`,
  events: ["client.created", "client.changed"],
  named: SUBJECT,
  judge: rules.judgeClient,
};
const USERS: Noun = {
  noun: "user",
  rows: sql`select * from app_user`,
  key: sql`name`,
  events: ["user.created", "user.changed"],
  named: SUBJECT,
  judge: rules.judgeUser,
};
const TOKENS: Noun = {
  noun: "token",
  rows: sql`select * from token`,
  key: sql`id::text`,
  events: ["token.created", "token.revoked"],
  named: RECORD,
  judge: rules.judgeToken,
};
const WALLETS: Noun = {
  noun: "wallet",
  rows: sql`select * from wallet`,
  key: sql`name`,
  events: ["wallet.opened", "wallet.changed"],
  named: SUBJECT,
  judge: rules.judgeWallet,
};
const ADDRESSES: Noun = {
  noun: "address",
  rows: sql`select * from address`,
  key: sql`wallet || '/' || index`,
  events: ["address.attested"],
  named: SUBJECT,
  judge: rules.judgeAddress,
};
const WATCHES: Noun = {
  noun: "watch",
  rows: sql`select watch.*, a.wallet || '/' || a.index as due, a.address as attested, a.chain as attested_chain,
      a.client as owner, w.unit as home
    from address a left join wallet w on w.name = a.wallet
    full join chain_watch watch on watch.wallet = a.wallet and watch.index = a.index`,
  key: sql`coalesce(due, wallet || '/' || index)`,
  ...UNTOLD,
  judge: rules.judgeWatch,
};
const ENTRIES: Noun = {
  noun: "entry",
  rows: sql`select * from book_entry`,
  key: sql`hash`,
  events: ["entry.entered", "entry.retired"],
  named: RECORD,
  judge: rules.judgeEntry,
};
const FACTS: Noun = {
  noun: "fact",
  rows: sql`select * from fact`,
  key: sql`id`,
  events: ["fact.stated"],
  named: SUBJECT,
  judge: rules.judgeFact,
};
const RULEBOOKS: Noun = {
  noun: "rulebook",
  rows: sql`select * from rulebook`,
  key: sql`id`,
  events: ["proposed", "waiting", "adopted", "vetoed", "refused", "void"].map((state) => `rulebook.${state}`),
  named: SUBJECT,
  judge: rules.judgeRulebook,
};
const RULEBOOK_DECISIONS: Noun = {
  noun: "rulebook-decision",
  rows: sql`select * from rulebook_decision`,
  key: sql`id`,
  events: ["rulebook.seen", "rulebook.objected"],
  named: DECISION,
  judge: rules.judgeRulebookDecision,
};
const CONFIRMATIONS: Noun = {
  noun: "confirmation",
  rows: sql`select * from confirmation`,
  key: sql`id`,
  events: ["start.confirmed"],
  named: DECISION,
  judge: rules.judgeConfirmation,
};
const DECIDED = ["created", "approved", "renewed", "rejected"].map((what) => `request.${what}`);
const REQUESTS: Noun = {
  noun: "request",
  rows: sql`select r.*,
      (select bool_or(e.receipt is not null) from execution e where e.id = r.execution and e.request = r.id) as carried,
      exists (select from execution e where e.request = r.id) as begun,
      (select min(e.id::text) from execution e where e.request = r.id and e.state <> 'aborted') as alive
    from request r`,
  key: sql`id`,
  events: [...DECIDED, ...["consumed", "refused", "expired", "voided", "withdrawn"].map((what) => `request.${what}`)],
  named: SUBJECT,
  judge: rules.judgeRequest,
};
const DECISIONS: Noun = {
  noun: "decision",
  rows: sql`select d.*, exists (select from request r where r.id = d.request) as asked from decision d`,
  key: sql`id`,
  events: DECIDED,
  named: DECISION,
  judge: rules.judgeDecision,
};
const EXPLANATIONS: Noun = {
  noun: "explanation",
  rows: sql`select * from explanation`,
  key: sql`id`,
  events: [
    ...["refused", "consumed", "expired", "rejected", "voided"].map((what) => `request.${what}`),
    ...["reserved", "signed"].map((what) => `execution.${what}`),
  ],
  named: EXPLANATION,
  judge: rules.judgeExplanation,
};
const EXECUTIONS: Noun = {
  noun: "execution",
  rows: sql`select e.*, r.intent, r.reference, r.kind, r.not_after from execution e left join request r on r.id = e.request`,
  key: sql`id::text`,
  events: rules.EXECUTION_EVENTS,
  named: BARE_SUBJECT,
  judge: rules.judgeExecution,
};
const TRANSACTIONS: Noun = {
  noun: "transaction",
  rows: sql`select t.*, b.hash as followed, e.unit as unit_due, e.asset as asset_due from chain_tx t
    left join execution e on e.id = t.execution left join chain_block b on b.chain = t.chain and b.number = t.block`,
  key: sql`id`,
  events: rules.TRANSACTION_EVENTS,
  named: TRANSACTION,
  judge: rules.judgeTransaction,
};
const DEPOSITS: Noun = {
  noun: "deposit",
  rows: sql`select d.*, a.address as attested, b.hash as followed from deposit d
    left join address a on a.wallet = d.wallet and a.index = d.index
    left join chain_block b on b.chain = d.chain and b.number = d.block`,
  key: sql`id::text`,
  events: rules.DEPOSIT_EVENTS,
  named: BARE_SUBJECT,
  judge: rules.judgeDeposit,
};
const OUTFLOWS: Noun = {
  noun: "outflow",
  rows: sql`select o.*, a.address as attested, b.hash as followed from outflow o
    left join address a on a.wallet = o.wallet and a.index = o.index
    left join chain_block b on b.chain = o.chain and b.number = o.block`,
  key: sql`id::text`,
  events: rules.OUTFLOW_EVENTS,
  named: BARE_SUBJECT,
  judge: rules.judgeOutflow,
};
const BLOCKS: Noun = {
  noun: "block",
  rows: sql`select chain, number, parent, lag(hash) over (partition by chain order by number) as before from chain_block`,
  key: sql`chain || '/' || number`,
  ...UNTOLD,
  judge: rules.judgeBlock,
};
const PLACES: Noun = {
  noun: "chain",
  rows: sql`select c.chain, c.processed, c.hash, b.number as top, b.hash as top_hash from chain_cursor c
    left join lateral (select number, hash from chain_block b where b.chain = c.chain order by number desc limit 1) b on true`,
  key: sql`chain::text`,
  ...UNTOLD,
  judge: rules.judgePlace,
};

const NOUNS: readonly Noun[] = [
  ...[UNITS, CLIENTS, USERS, TOKENS, WALLETS, ADDRESSES, WATCHES, ENTRIES, FACTS, RULEBOOKS, RULEBOOK_DECISIONS, CONFIRMATIONS],
  ...[REQUESTS, DECISIONS, EXPLANATIONS, EXECUTIONS, TRANSACTIONS, DEPOSITS, OUTFLOWS, BLOCKS, PLACES],
];

/** `rows`: how many were looked at. Stops after `limits.integrity.findings` findings. */
export type Verdict = { readonly findings: readonly rules.Finding[]; readonly rows: number };

/** Looks at all rows in one state of the database. */
export function verifyRecords(db: Reader, known: rules.Known, signal?: AbortSignal): Promise<Verdict> {
  return look(db, (tx) => findIn(tx, known, signal));
}

/** The same in a transaction that is open. */
export async function findIn(tx: Tx, known: rules.Known, signal?: AbortSignal): Promise<Verdict> {
  const findings: rules.Finding[] = [];
  let rows = 0;
  for (const noun of NOUNS) {
    let before: string | null = null;
    await sql`declare walk no scroll cursor for ${beside(noun)}`.execute(tx);
    for (let isLast = false; !isLast; ) {
      const page = (await sql<Pair>`fetch ${sql.lit(limits.integrity.rows)} from walk`.execute(tx)).rows;
      isLast = page.length < limits.integrity.rows;
      rows += page.length;
      for (const pair of page) {
        if (pair.record_name === before) findings.push({ noun: noun.noun, id: before, flaw: "twice", what: "" });
        findings.push(...findingsOn(noun, pair, known));
        before = pair.record_name;
      }
      if (findings.length >= limits.integrity.findings || signal?.aborted === true) return { findings, rows };
    }
    await sql`close walk`.execute(tx);
  }
  return { findings, rows };
}

type Pair = {
  readonly record_name: string;
  readonly record_there: boolean;
  readonly told_type: string | null;
  readonly told_subject: string;
  readonly told_unit: string | null;
  readonly told_client: string | null;
  readonly told_data: string | null;
};

/** Rows of a noun, each beside the newest event about it; either may be missing. What waits for its number counts too. The
 *  database's
 *  clock tells which is newest: whoever changes a row holds it while he tells it. */
function beside({ rows, key, events, named }: Noun): RawBuilder<unknown> {
  const types = sql.join([sql.lit(""), ...events.map((type) => sql.lit(type))]);
  const what = sql`${named} as name, type, subject, unit, client, data, at, id`;
  return sql`with told as (
      select distinct on (name) * from (
        select ${what} from event where type in (${types}) union all select ${what} from event_outbox where type in (${types})
      ) as every_event where name is not null order by name, at desc, id desc
    ), record as (select ${key} as record_name, one.* from (${rows}) as one)
    select record.*, coalesce(record.record_name, told.name) as record_name, record.record_name is not null as record_there,
      told.type as told_type, told.subject as told_subject, told.unit as told_unit, told.client as told_client,
      told.data as told_data
    from told full join record on record.record_name = told.name order by 1`;
}

function findingsOn({ noun, events, judge }: Noun, pair: Pair, known: rules.Known): readonly rules.Finding[] {
  const at = { noun, id: pair.record_name };
  if (!pair.record_there) return [{ ...at, flaw: "missing", what: "" }];
  if (pair.told_type === null && events.length > 0) return [{ ...at, flaw: "untold", what: "" }];
  const { told_type: type, told_subject: subject, told_unit: unit, told_client: client, told_data } = pair;
  const data = told_data === null ? null : JSON.parse(told_data);
  const what = judge(pair as never, { type: type ?? "", subject, unit, client, data }, known);
  return what === null ? [] : [{ ...at, flaw: "edited", what }];
}
