-- Requests, the decisions on them, and what the vault signed for them. The states are those of DESIGN section 4.

create table request (
  id text primary key check (id ~ '^[0-9a-f]{64}$'),
  kind text not null check (kind in ('pay', 'cancel', 'wallet', 'entry', 'retire', 'freeze', 'unfreeze')),
  reference text not null,
  unit text not null,
  client text,
  state text not null check (state in ('draft', 'open', 'approved', 'rejected', 'expired', 'withdrawn', 'consumed', 'voided')),
  intent bytea not null,
  index bigint not null check (index between 0 and 2147483647),
  creator text not null,
  execution uuid,
  answer_code text,
  answer_field text,
  answer_detail text,
  answer_at timestamptz,
  not_after timestamptz not null,
  created_at timestamptz not null,
  version integer not null default 1
);
-- A freeze takes no reference in the vault, so that nobody can use one up before it arrives.
create unique index request_reference on request (reference) where kind <> 'freeze';
create index request_newest on request (created_at desc, id desc);
create index request_open on request (not_after) where state in ('open', 'approved');

create table decision (
  id text primary key check (id ~ '^[0-9a-f]{64}$'),
  request text not null,
  key text not null,
  person text not null,
  decision text not null check (decision in ('initiate', 'approve', 'reject')),
  approval bytea not null,
  created_at timestamptz not null
);
create index decision_request on decision (request, created_at, id);

create table execution (
  id uuid primary key,
  request text not null,
  unit text not null,
  client text,
  state text not null
    check (state in ('planned', 'reserved', 'committed', 'signed', 'broadcasting', 'settled', 'aborted', 'held')),
  chain bigint not null,
  native text not null,
  asset text not null,
  wallet text not null,
  amount numeric(78, 0) not null check (amount >= 0),
  total_fee numeric(78, 0) not null check (total_fee >= 0),
  -- What of both is set aside in the ledger: for a replacement only what it takes beyond the versions before it.
  held_amount numeric(78, 0) not null check (held_amount >= 0),
  held_fee numeric(78, 0) not null check (held_fee >= 0),
  -- The slots of its transactions, once the vault has assigned them: all versions of one transaction share them.
  slot text,
  receipt bytea,
  created_at timestamptz not null,
  updated_at timestamptz not null
);
create unique index execution_alive on execution (request) where state <> 'aborted';
create index execution_newest on execution (created_at desc, id desc);
create index execution_slot on execution (slot) where slot is not null;

grant select, insert on request, decision, execution to strongroom_app;
grant update (state, execution, answer_code, answer_field, answer_detail, answer_at, version) on request to strongroom_app;
grant update (state, slot, receipt, updated_at) on execution to strongroom_app;
