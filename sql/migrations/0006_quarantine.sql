-- 0006_quarantine (schema version 1): what workers run for each other and for the table as a whole.
create table lamplighter.quarantine (
  id bigint not null,
  deaths integer not null default 1,
  rescued_at timestamptz not null default clock_timestamp(),
  constraint quarantine_pkey primary key (id)
);
comment on table lamplighter.quarantine is
  'Requests whose worker died, until they end. After one death they run as any other; from the second on they are in quarantine.';
comment on column lamplighter.quarantine.deaths is
  'Of workers that held it: after two it runs in a small group of its like, after more alone in its lane.';
