-- Units as a tree, clients, users with their tokens, and the answers that idempotency keys give again. Names sort by their bytes.

-- `path`: names from the root, each followed by a slash, so that what lies below a unit begins with its path.
create table unit (
  name text collate "C" primary key check (name ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
  label text not null check (length(label) between 1 and 120),
  parent text collate "C" references unit (name),
  path text collate "C" not null unique check (length(path) <= 1000),
  created_at timestamptz(3) not null,
  version integer not null default 1
);
-- There is one root.
create unique index unit_root on unit ((true)) where parent is null;

create table client (
  name text collate "C" primary key check (name ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
  label text not null check (length(label) between 1 and 120),
  unit text collate "C" not null references unit (name),
  state text not null default 'active' check (state in ('active', 'closed')),
  created_at timestamptz(3) not null,
  version integer not null default 1
);

create table app_user (
  name text collate "C" primary key check (name ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
  label text not null check (length(label) between 1 and 120),
  unit text collate "C" not null references unit (name),
  client text collate "C" references client (name),
  role text not null check (role in ('administrator', 'operator', 'trader', 'approver', 'auditor', 'source')),
  person text,
  disabled boolean not null default false,
  created_at timestamptz(3) not null,
  version integer not null default 1
);

-- The token itself is nowhere: a copy of this table logs nobody in.
create table token (
  id uuid primary key,
  user_name text collate "C" not null references app_user (name),
  label text not null check (length(label) between 1 and 120),
  hash text not null unique check (hash ~ '^[0-9a-f]{64}$'),
  life_seconds integer not null check (life_seconds > 0),
  created_at timestamptz(3) not null,
  expires_at timestamptz(3) not null,
  revoked_at timestamptz(3)
);
create index token_of_user on token (user_name, id);

-- Kept for ever: what was asked under a key of a user, and the answer. `status` and `body` are null only inside the transaction that
-- makes the change.
create table idempotency (
  user_name text collate "C" not null,
  key text collate "C" not null check (length(key) between 1 and 128),
  endpoint text not null,
  fingerprint text not null check (fingerprint ~ '^[0-9a-f]{64}$'),
  status smallint,
  body text,
  created_at timestamptz(3) not null,
  primary key (user_name, key)
);

grant select, insert on unit, client, app_user, token, idempotency to strongroom_app;
grant update (label, state, version) on client to strongroom_app;
grant update (label, role, disabled, version) on app_user to strongroom_app;
grant update (revoked_at) on token to strongroom_app;
grant update (status, body) on idempotency to strongroom_app;
