-- 0003_admission_and_wake_up (schema version 1): the limit on pending requests, the wake-up of idle workers, and events.

-- The last count of pending requests: the number of the last id that was issued then, less the count. What has been issued since is at
-- most what has become pending, so that the distance of this number from the id issued last bounds the present number.
-- A sequence, as whoever counts can set it at once, whatever becomes of the transaction, and nobody waits for anybody. A count that is
-- older than the one it replaces gives a higher bound, never a wrong one.
create sequence lamplighter.pending_base minvalue -9223372036854775807 start with 0;

create table lamplighter.waiting (
  topic text collate "C" not null,
  is_waiting boolean not null default false,
  epoch bigint not null default 0,
  constraint waiting_pkey primary key (topic),
  constraint waiting_topic_is_a_word check (topic ~ '^[a-z_]{1,63}$')
) with (fillfactor = 10);
comment on table lamplighter.waiting is
  'A flag for each topic: true while an idle process wants a notification for the next piece of work. A hint: all also poll, and an absent row is fine.';
comment on column lamplighter.waiting.topic is 'What the work is: requests, tasks, embeddings.';
comment on column lamplighter.waiting.epoch is
  'Counts the requests for a wake-up, and is sent with it: who takes the flag down for one epoch cannot take down a later one.';
