-- What the vault said of requests before it decided: every explanation that an event names.

create table explanation (
  -- Id of the signed receipt, as leaves of the log name it.
  id text primary key check (id ~ '^[0-9a-f]{64}$'),
  request text not null,
  receipt bytea not null,
  at timestamptz not null
);
create index explanation_request on explanation (request, at desc, id desc);

grant select, insert on explanation to strongroom_app;
