-- What left addresses of ours in a transaction that is none of ours, one row for each asset and transaction; of the native asset with
-- the fee. A row lives once, as deposits do: seen, then final or reorged; or explained, when the transaction turns out to be ours.
-- covered: what of it the position of the wallet's owner paid, once it is booked; the rest stands on the account `unexplained`.
create table outflow (
  id uuid primary key,
  chain bigint not null,
  tx text collate "C" not null check (length(tx) between 1 and 90),
  wallet text collate "C" not null,
  index bigint not null check (index >= 0),
  address text not null,
  unit text collate "C" not null,
  asset text collate "C" not null,
  amount numeric(78, 0) not null check (amount > 0),
  covered numeric(78, 0) check (covered between 0 and amount),
  state text not null check (state in ('seen', 'final', 'reorged', 'explained')),
  block bigint not null,
  block_hash text not null check (block_hash ~ '^[0-9a-f]{64}$'),
  final_at bigint not null check (final_at >= block),
  seen_at timestamptz(3) not null,
  check (covered is null or state in ('final', 'explained'))
);
create unique index outflow_live on outflow (chain, tx, address, asset) where state <> 'reorged';
create index outflow_waiting on outflow (chain, final_at) where state = 'seen';
create index outflow_block on outflow (chain, block);
create index outflow_alarm on outflow (seen_at) where state in ('seen', 'final');
grant select, insert, update on outflow to strongroom_app;

-- The account on which the rest stands, on the debit side as wallets are.
alter table ledger_account
  drop constraint ledger_account_type_check,
  drop constraint ledger_account_check,
  drop constraint ledger_account_check1,
  add constraint ledger_account_type check (type in ('client', 'house', 'wallet', 'unassigned', 'unexplained')),
  add constraint ledger_account_side
    check (side = case when type in ('wallet', 'unexplained') then 'debit' else 'credit' end),
  add constraint ledger_account_subject check ((subject = '') = (type in ('house', 'unassigned', 'unexplained')));
