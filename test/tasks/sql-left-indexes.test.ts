import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createStage, type Stage } from './sql-stage.ts';

/** Of the lock that holds up the statement which describes, once it has begun. */
const GATE = 4_711;

let stage: Stage;
beforeAll(async () => {
  stage = await createStage();
});
afterAll(() => stage[Symbol.asyncDispose]());

const admin = () => stage.cast.database.pool;
const open = () => stage.open(stage.cast.database.uri);

test('an index that somebody else has finished building in the meantime is not called invalid', async () => {
  await admin().query('create table orders (id integer)');
  const [blocker, builder, gate, describer] = await Promise.all([open(), open(), open(), open()]);
  await blocker.query('begin isolation level repeatable read; select 1');
  const built = builder.query('create index concurrently orders_id on orders (id)');
  await eventually(async () => {
    const { rows } = await admin().query('select phase from pg_stat_progress_create_index');
    expect(rows).toEqual([{ phase: 'waiting for old snapshots' }]);
  });
  await gate.query('select pg_advisory_lock($1)', [GATE]);
  await admin().query(
    `create or replace function lamplighter.list_invalid_indexes(p_query text) returns oid[]
     language plpgsql as $$
     begin
       perform pg_advisory_xact_lock_shared(${GATE});
       return array['public.orders_id'::regclass::oid];
     end
     $$`,
  );
  const described = describer.query<{ lines: string | null }>(
    `select lamplighter.describe_left_indexes('create index concurrently other on orders (id)', '{}') as lines`,
  );
  await eventually(async () => {
    const { rows } = await admin().query(`select from pg_locks where locktype = 'advisory' and not granted`);
    expect(rows).toHaveLength(1);
  });
  await blocker.query('rollback');
  await built;
  await gate.query('select pg_advisory_unlock($1)', [GATE]);
  expect((await described).rows[0]?.lines).toBeNull();
});
