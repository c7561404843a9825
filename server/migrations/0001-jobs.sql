-- Marks of commits, jobs, and leases by name.

revoke all on schema public from public;
grant usage on schema public to strongroom_app;

-- One row for each transaction that wrote, so that whoever lost the answer to its commit can find out. See db/transact.ts.
create table commit_mark (
  id uuid primary key,
  at timestamptz not null default now()
);
create index commit_mark_at on commit_mark (at);
grant select, insert, delete on commit_mark to strongroom_app;

-- due_at: when a waiting job is to run; when a running job is taken from its worker unless that says that it lives.
-- epoch: counts the workers that had it; only the last one may write.
-- asked: counts how often it was asked for; taken: how often when its worker took it. If they differ in the end it runs once more.
create table job (
  id uuid primary key,
  kind text not null check (kind ~ '^[a-z0-9][a-z0-9-]{0,31}$'),
  subject text not null check (length(subject) between 1 and 400),
  state text not null default 'waiting' check (state in ('waiting', 'running', 'done', 'failed')),
  data jsonb not null default '{}',
  due_at timestamptz(3) not null default now(),
  attempts integer not null default 0 check (attempts >= 0),
  epoch bigint not null default 0 check (epoch >= 0),
  asked integer not null default 1 check (asked >= 1),
  taken integer not null default 0 check (taken >= 0),
  last_error text not null default '' check (length(last_error) <= 400),
  created_at timestamptz(3) not null default now()
);
create unique index job_live on job (kind, subject) where state in ('waiting', 'running');
create index job_due on job (due_at, id) where state in ('waiting', 'running');
create index job_listed on job (due_at, id);
grant select, insert, update, delete on job to strongroom_app;

-- until: nobody else takes the lease before. epoch: counts the holders; only the last one may write.
create table lease (
  name text primary key check (length(name) between 1 and 120),
  holder uuid not null,
  epoch bigint not null check (epoch >= 0),
  until timestamptz not null
);
grant select, insert, update on lease to strongroom_app;
