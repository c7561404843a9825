-- Wallets, attested addresses, the address book, facts and rulebooks. Signed bytes are the record; all other columns index them and are
-- compared with them when they are read.

create table wallet (
  name text primary key check (name ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
  chain bigint not null check (chain between 1 and 4294967295),
  wallet_class text not null check (wallet_class in ('hot', 'warm', 'cold')),
  client text,
  unit text not null,
  label text,
  receipt bytea not null,
  created_at timestamptz not null,
  version integer not null default 1
);
create index wallet_unit on wallet (unit, name);

create table address (
  wallet text not null,
  index bigint not null check (index between 0 and 2147483647),
  chain bigint not null,
  address text not null,
  client text,
  attestation bytea not null,
  created_at timestamptz not null,
  primary key (wallet, index),
  unique (chain, address)
);

create table book_entry (
  hash text primary key check (hash ~ '^[0-9a-f]{64}$'),
  name text not null,
  chain bigint not null,
  address text not null,
  class text not null,
  party text not null,
  state text not null check (state in ('current', 'retired')),
  entry bytea not null,
  receipt bytea not null,
  request text not null,
  created_at timestamptz not null,
  retired_at timestamptz
);
create unique index book_entry_current on book_entry (name) where state = 'current';
create index book_entry_name on book_entry (name, hash);

create table fact (
  id text primary key check (id ~ '^[0-9a-f]{64}$'),
  source text not null,
  type text not null check (type in ('screening', 'price', 'finality', 'code')),
  subject text not null,
  at timestamptz not null,
  fact bytea not null,
  informed boolean not null default false,
  created_at timestamptz not null
);
create index fact_newest on fact (created_at desc, id desc);
create index fact_subject on fact (subject, source);

create table rulebook (
  id text primary key check (id ~ '^[0-9a-f]{64}$'),
  epoch bigint not null,
  state text not null check (state in ('proposed', 'waiting', 'adopted', 'vetoed', 'refused', 'void')),
  rulebook bytea not null,
  until timestamptz,
  code text,
  field text,
  detail text,
  created_at timestamptz not null
);
create index rulebook_newest on rulebook (created_at desc, id desc);

-- Signed `seen` and `veto` of administrators.
create table rulebook_decision (
  id text primary key check (id ~ '^[0-9a-f]{64}$'),
  rulebook text not null,
  key text not null,
  decision text not null check (decision in ('seen', 'veto')),
  approval bytea not null,
  created_at timestamptz not null
);
create index rulebook_decision_rulebook on rulebook_decision (rulebook, id);

grant select, insert on wallet, address, book_entry, fact, rulebook, rulebook_decision to strongroom_app;
grant update (label, unit, version) on wallet to strongroom_app;
grant update (state, retired_at) on book_entry to strongroom_app;
grant update (informed) on fact to strongroom_app;
grant update (state, until, code, field, detail) on rulebook to strongroom_app;
