-- What administrators say of starts of the vault: each row one signed approval with the decision confirm.

create table confirmation (
  id text primary key check (id ~ '^[0-9a-f]{64}$'),
  -- Id of the start, as the vault shows it.
  start text not null,
  key text not null,
  person text not null,
  approval bytea not null,
  created_at timestamptz not null
);
create index confirmation_start on confirmation (start, created_at, id);

grant select, insert on confirmation to strongroom_app;
