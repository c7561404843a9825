-- Double entry: accounts, one row per transfer, and what locks accounts. Layout and rules: docs/spec/ledger.md. There are no foreign
-- keys: they would cost half of what can be booked, and `verifyLedger` finds what they would.

create table ledger_account (
  id uuid primary key,
  type text collate "C" not null check (type in ('client', 'house', 'wallet', 'unassigned')),
  subject text collate "C" not null check (subject ~ '^([a-z0-9][a-z0-9-]{0,31})?$'),
  pool text collate "C" not null check (pool ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
  asset text collate "C" not null check (asset ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
  side text not null check (side = case type when 'wallet' then 'debit' else 'credit' end),
  created_at timestamptz(3) not null default now(),
  check ((subject = '') = (type in ('house', 'unassigned'))),
  constraint ledger_account_key unique (type, subject, pool, asset)
);

-- `resolved`: amount of the pending transfer that the row resolves, else 0. Of each side: the account, the number of the row on it,
-- the hash of the row before on it (zeros for the first), and the account's totals after the row.
create table ledger_transfer (
  id uuid primary key,
  kind text not null check (kind in ('posted', 'pending', 'post', 'void')),
  pending uuid,
  amount numeric(78, 0) not null check (amount > 0),
  resolved numeric(78, 0) not null check (resolved >= 0),
  asset text collate "C" not null,
  debit_account uuid not null,
  debit_sequence bigint not null check (debit_sequence >= 1),
  debit_before text not null check (debit_before ~ '^[0-9a-f]{64}$'),
  debit_debits_posted numeric(78, 0) not null check (debit_debits_posted >= 0),
  debit_credits_posted numeric(78, 0) not null check (debit_credits_posted >= 0),
  debit_debits_pending numeric(78, 0) not null check (debit_debits_pending >= 0),
  debit_credits_pending numeric(78, 0) not null check (debit_credits_pending >= 0),
  credit_account uuid not null check (credit_account <> debit_account),
  credit_sequence bigint not null check (credit_sequence >= 1),
  credit_before text not null check (credit_before ~ '^[0-9a-f]{64}$'),
  credit_debits_posted numeric(78, 0) not null check (credit_debits_posted >= 0),
  credit_credits_posted numeric(78, 0) not null check (credit_credits_posted >= 0),
  credit_debits_pending numeric(78, 0) not null check (credit_debits_pending >= 0),
  credit_credits_pending numeric(78, 0) not null check (credit_credits_pending >= 0),
  cause text not null check (cause ~ '^[!-~][ -~]{0,199}$'),
  epoch bigint not null check (epoch >= 1),
  at timestamptz(3) not null,
  hash text not null check (hash ~ '^[0-9a-f]{64}$'),
  check ((pending is not null) = (kind in ('post', 'void'))),
  constraint ledger_transfer_debit unique (debit_account, debit_sequence),
  constraint ledger_transfer_credit unique (credit_account, credit_sequence)
);
-- A pending transfer is resolved once.
create unique index ledger_transfer_pending on ledger_transfer (pending) where pending is not null;

-- Whoever posts on an account holds its row here. `last`: the account's last row, which is where its totals stand.
create table ledger_head (
  account uuid primary key,
  sequence bigint not null default 0 check (sequence >= 0),
  last uuid,
  check ((sequence = 0) = (last is null))
);

-- One row. Every posting holds it shared and writes its epoch; whoever raises the epoch has waited for all postings before.
-- `open` false: nothing is booked, because the check of the books has found a row that somebody touched.
create table ledger_fence (
  one boolean primary key default true check (one),
  epoch bigint not null default 1 check (epoch >= 1),
  open boolean not null default true
);
insert into ledger_fence default values;

-- Rows up to which an account was found whole, and the hash they had then. The event `ledger.checked` of a batch commits to its rows.
create table ledger_mark (
  account uuid not null,
  sequence bigint not null check (sequence >= 1),
  hash text not null check (hash ~ '^[0-9a-f]{64}$'),
  batch uuid not null,
  at timestamptz(3) not null default now(),
  primary key (account, sequence)
);
create index ledger_mark_batch on ledger_mark (batch);

grant select, insert on ledger_account, ledger_transfer, ledger_mark to strongroom_app;
grant select, insert, update (sequence, last) on ledger_head to strongroom_app;
grant select, update (epoch, open) on ledger_fence to strongroom_app;
