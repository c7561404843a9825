-- Chains as they are followed: where we are, the last blocks, whom we watch, what came in and what we sent.

-- processed: the newest block whose deposits and transactions are recorded; null before the first.
-- state, reason: what the follower last said of itself.
create table chain_cursor (
  chain bigint primary key check (chain between 1 and 4294967295),
  processed bigint check (processed >= 0),
  hash text check (hash ~ '^[0-9a-f]{64}$'),
  state text not null check (state in ('following', 'catching-up', 'halted', 'unreachable')),
  reason text not null default '' check (length(reason) <= 400),
  check ((processed is null) = (hash is null))
);

-- The last blocks of the chain that was followed, as deep as reorganisations are borne.
create table chain_block (
  chain bigint not null,
  number bigint not null check (number >= 0),
  hash text not null check (hash ~ '^[0-9a-f]{64}$'),
  parent text not null check (parent ~ '^[0-9a-f]{64}$'),
  at timestamptz(3) not null,
  primary key (chain, number)
);

-- Counts the changes of chain_watch for each chain, so that whoever holds its addresses in memory reads only what is new.
create table chain_watching (chain bigint primary key, change bigint not null check (change >= 1));

-- key: the address in the one form in which addresses are compared. client: whose the deposits are, null in an omnibus wallet.
create table chain_watch (
  chain bigint not null check (chain between 1 and 4294967295),
  key text collate "C" not null check (length(key) between 1 and 90),
  address text not null check (length(address) between 1 and 90),
  wallet text collate "C" not null,
  index bigint not null check (index >= 0),
  client text collate "C",
  unit text collate "C" not null,
  change bigint not null,
  primary key (chain, key)
);
create unique index chain_watch_change on chain_watch (chain, change);
create index chain_watch_wallet on chain_watch (wallet);

-- A row lives once: seen, then final or reorged. What is included again after a reorganisation is another row.
create table deposit (
  id uuid primary key,
  chain bigint not null,
  tx text collate "C" not null check (length(tx) between 1 and 90),
  place text collate "C" not null check (length(place) between 1 and 4000),
  wallet text collate "C" not null,
  index bigint not null,
  address text not null,
  client text collate "C",
  unit text collate "C" not null,
  asset text collate "C",
  contract text,
  sender text not null,
  logged numeric(78, 0) not null check (logged >= 0),
  amount numeric(78, 0) not null check (amount >= 0),
  state text not null check (state in ('seen', 'final', 'reorged', 'unknown', 'suspect')),
  reason text not null default '' check (length(reason) <= 400),
  block bigint not null,
  block_hash text not null check (block_hash ~ '^[0-9a-f]{64}$'),
  block_at timestamptz(3) not null,
  final_at bigint not null check (final_at >= block),
  seen_at timestamptz(3) not null,
  check (asset is not null or state in ('unknown', 'reorged'))
);
create unique index deposit_live on deposit (chain, tx, place) where state <> 'reorged';
create index deposit_waiting on deposit (chain, final_at) where state = 'seen';
create index deposit_block on deposit (chain, block);
create index deposit_listed on deposit (unit, id);

-- The versions of our transactions. raw: the signed bytes, of which the columns up to max_priority_fee_per_gas are an index.
-- fee, moved: what was really paid and what really left, once it is in a block. settled_at: the block that made its end final.
create table chain_tx (
  chain bigint not null,
  id text collate "C" not null check (length(id) between 1 and 90),
  slot text collate "C" not null check (length(slot) between 1 and 160),
  sender text not null,
  nonce bigint not null check (nonce >= 0),
  contract text,
  payee text not null,
  amount numeric(78, 0) not null check (amount >= 0),
  max_fee_per_gas numeric(78, 0) not null,
  max_priority_fee_per_gas numeric(78, 0) not null,
  raw bytea not null check (length(raw) <= 131072),
  execution uuid not null,
  unit text collate "C" not null,
  asset text collate "C" not null,
  state text not null
    check (state in ('signed', 'seen', 'included', 'final', 'failed', 'dropped', 'reorged', 'replaced')),
  block bigint,
  block_hash text check (block_hash ~ '^[0-9a-f]{64}$'),
  succeeded boolean,
  fee numeric(78, 0) check (fee >= 0),
  moved numeric(78, 0) check (moved >= 0),
  replaced_by text,
  reason text not null default '' check (length(reason) <= 400),
  final_at bigint,
  settled_at bigint,
  sends integer not null default 0 check (sends >= 0),
  send_at timestamptz(3) not null,
  created_at timestamptz(3) not null,
  stuck_at timestamptz(3),
  primary key (chain, id)
);
create index chain_tx_slot on chain_tx (slot);
create index chain_tx_execution on chain_tx (execution);
create index chain_tx_open on chain_tx (chain, send_at) where state in ('signed', 'seen', 'dropped', 'reorged');
create index chain_tx_unsettled on chain_tx (chain, final_at) where settled_at is null and state in ('included', 'replaced');
create index chain_tx_block on chain_tx (chain, block) where block is not null;

grant select, insert, update on chain_cursor, chain_watching, chain_watch, deposit, chain_tx to strongroom_app;
grant select, insert, delete on chain_block to strongroom_app;
