-- The one ordered stream of events, which is the audit log, its tree, and what the vault has signed of it.

-- Written in the transaction of the change that it tells; emptied by the sequencer, which gives numbers.
create table event_outbox (
  id uuid primary key,
  -- All of this goes into a leaf, which holds printable ASCII and names only.
  type text not null check (type ~ '^[a-z][a-z-]*[.][a-z][a-z-]*$' and length(type) <= 64),
  subject text not null check (subject ~ '^[ -~]{0,160}$'),
  actor text not null check (actor ~ '^[ -~]{0,64}$'),
  unit text check (unit ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
  client text check (client ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
  at timestamptz(3) not null default clock_timestamp(),
  -- JSON, byte for byte as it is hashed.
  data text not null check (length(data) <= 65536),
  signed bytea check (length(signed) <= 2097152)
);

-- Event n is leaf n of the tree. Signed bytes are the record: `leaf` is what is in the tree, the columns beside it index it.
create table event (
  number bigint primary key check (number >= 0),
  id uuid not null unique,
  type text not null,
  subject text not null,
  actor text not null,
  unit text,
  client text,
  at timestamptz(3) not null,
  -- Both are null once the event's personal data was erased; the leaf stays.
  data text,
  salt bytea check (length(salt) = 32),
  signed bytea,
  leaf bytea not null,
  leaf_hash text not null check (leaf_hash ~ '^[0-9a-f]{64}$'),
  check ((data is null) = (salt is null))
);
create index event_by_unit on event (unit, number);
create index event_by_client on event (client, number) where client is not null;
create index event_by_type on event (type, number);

-- Full tiles only: 256 hashes side by side, and the hash over them, which is an entry of the tile above. A tile that is not full
-- yet is made of what lies below it.
create table audit_tile (
  level smallint not null check (level between 0 and 6),
  index bigint not null check (index >= 0),
  bytes bytea not null check (length(bytes) = 8192),
  hash text not null check (hash ~ '^[0-9a-f]{64}$'),
  primary key (level, index)
);

-- Sizes that the vault was asked to sign: whoever dies before he has stored the answer leaves here what it may have signed.
create table audit_asked (size bigint primary key check (size > 0));

create table audit_checkpoint (
  size bigint primary key check (size > 0),
  root text not null check (root ~ '^[0-9a-f]{64}$'),
  at timestamptz(3) not null,
  checkpoint bytea not null,
  note text not null
);

-- What the last look at the whole log has found, for the health of every process. `number`: the first leaf that is wrong.
create table audit_look (
  name text primary key,
  ok boolean not null,
  detail text not null check (length(detail) <= 400),
  number bigint,
  size bigint not null,
  at timestamptz(3) not null
);

-- The only change that an event takes: its personal data goes.
create function event_only_loses_data() returns trigger language plpgsql as $$
begin
  if new.data is not null or new.salt is not null then
    raise exception 'the data of an event can be erased, not replaced';
  end if;
  return new;
end $$;
create trigger event_only_loses_data before update on event for each row execute function event_only_loses_data();

grant select, insert, delete on event_outbox to strongroom_app;
grant select, insert, update (data, salt) on event to strongroom_app;
grant select, insert on audit_tile, audit_checkpoint to strongroom_app;
grant select, insert, delete on audit_asked to strongroom_app;
grant select, insert, update on audit_look to strongroom_app;
