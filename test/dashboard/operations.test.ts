import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { AuditRow, Operation, OperationOrder, OperationPreview, Page } from '../../src/dashboard/api.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openTestDashboard, type TestDashboard } from './open-test-dashboard.ts';

let db: TestDatabase;
let dashboard: TestDashboard;
/** Reads, and works nothing off. */
let onlooker: TestDashboard;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(async () => {
  await db.pool.query(
    'delete from steadytext_queue; delete from lamplighter.audit; delete from lamplighter.operation; delete from lamplighter.operation_chunk',
  );
  dashboard = openTestDashboard(db);
  onlooker = openTestDashboard(db, { isReadOnly: true });
});
afterEach(async () => {
  await dashboard[Symbol.asyncDispose]();
  await onlooker[Symbol.asyncDispose]();
});

async function addRequests(count: number, status: string, username = 'postgres'): Promise<void> {
  await db.pool.query(
    `insert into steadytext_queue (function_name, parameters, status, error, username)
     select 'embed', '{"text_input": "t"}', $2, 'e', $3 from generate_series(1, $1)`,
    [count, status, username],
  );
}

const countOf = async (status: string) =>
  Number(
    (await db.pool.query<{ n: string }>('select count(*) as n from steadytext_queue where status = $1', [status]))
      .rows[0]?.n,
  );

const step = async () =>
  (await db.pool.query<{ more: boolean }>('select lamplighter.step_operations() as more')).rows[0]?.more === true;

const RETRY: OperationOrder = { kind: 'requests', action: 'retry', filter: { function: 'embed' } };

async function begin(order: OperationOrder, more: object = {}): Promise<Operation> {
  const preview = await dashboard.post<OperationPreview>('operations/preview', order);
  const started = await dashboard.post<Operation>('operations', {
    ...order,
    expectedCount: preview.body.count,
    ...more,
  });
  expect(started.status, JSON.stringify(started.body)).toBe(200);
  return started.body;
}

/** Begun by a role, with nobody to work it off. */
async function enqueue(order: OperationOrder, expectedCount: number): Promise<string> {
  const { rows } = await db.pool.query<{ id: string }>(
    `select lamplighter.enqueue_operation($1, $2, $3, $4, null, 'command line')::text as id`,
    [order.kind, order.action, order.filter, expectedCount],
  );
  return rows[0]?.id ?? '';
}

const read = async (id: string) => (await onlooker.get<Operation>(`operations/${id}`)).body;

function untilEnded(id: string): Promise<Operation> {
  return eventually(async () => {
    const operation = await read(id);
    expect(operation.state).not.toBe('running');
    return operation;
  });
}

test('the preview says exactly how many match and can be acted on, and shows ten', async () => {
  await addRequests(25_000, 'failed');
  await addRequests(10, 'completed');
  const { body } = await dashboard.post<OperationPreview>('operations/preview', RETRY);
  expect(body.count).toBe(25_000);
  expect(body.samples).toHaveLength(10);
  expect(body.confirmWords).toBeUndefined();
});

test('all that match are retried, and each is accounted for', async () => {
  await addRequests(2_500, 'failed');
  await addRequests(3, 'completed');
  const { id } = await begin(RETRY);
  const ended = await untilEnded(id);
  expect(ended).toMatchObject({ state: 'done', expectedCount: 2_500, matched: 2_500, done: 2_500, skipped: 0 });
  expect(await countOf('pending')).toBe(2_500);
  const audit = await dashboard.get<Page<AuditRow>>('audit');
  expect(audit.body.rows.map(({ action, count }) => [action, count])).toEqual([
    ['end retry of all', 2_500],
    ['begin retry of all', 2_500],
  ]);
});

test('without a filter it needs the words that the preview gives', async () => {
  await addRequests(3, 'failed');
  const order: OperationOrder = { kind: 'requests', action: 'delete', filter: {} };
  const { body } = await dashboard.post<OperationPreview>('operations/preview', order);
  expect(body.confirmWords).toBe('delete all requests');
  const refused = await dashboard.post('operations', { ...order, expectedCount: 3 });
  expect(refused.status).toBe(409);
  const { id } = await begin(order, { confirm: 'delete all requests' });
  expect(await untilEnded(id)).toMatchObject({ state: 'done', done: 3 });
});

test('what changes after it was collected is counted and left alone', async () => {
  await addRequests(10, 'failed');
  const id = await enqueue(RETRY, 10);
  await step(); // collects
  await db.pool.query(
    `update steadytext_queue set status = 'pending' where id in (select id from steadytext_queue order by id limit 2)`,
  );
  await db.pool.query(
    'delete from steadytext_queue where id in (select id from steadytext_queue order by id desc limit 3)',
  );
  while (await step());
  expect(await read(id)).toMatchObject({
    state: 'done',
    matched: 10,
    done: 5,
    skipped: 5,
    skippedFor: { changed: 2, gone: 3, held: 0, refused: 0 },
  });
});

test('what is queued after it began is none of its business', async () => {
  await addRequests(5, 'failed');
  const id = await enqueue(RETRY, 5);
  await addRequests(5, 'failed');
  while (await step());
  expect(await read(id)).toMatchObject({ matched: 5, done: 5 });
  expect(await countOf('failed')).toBe(5);
});

test('a row that somebody holds is tried again, and done once it is free', async () => {
  await addRequests(5, 'failed');
  const session = await db.pool.connect();
  await session.query('begin');
  await session.query('select from steadytext_queue order by id limit 1 for update');
  const { id } = await begin(RETRY);
  await eventually(async () => expect((await read(id)).done).toBe(4));
  await session.query('rollback');
  session.release();
  expect(await untilEnded(id)).toMatchObject({ state: 'done', done: 5, skipped: 0 });
});

test('one that is stopped does nothing more, and says what it has done', async () => {
  await addRequests(3_000, 'failed');
  const id = await enqueue(RETRY, 3_000);
  for (let i = 0; i < 5; i += 1) await step(); // four collect, as nothing tells the last of them that it is, and one works off
  const { body } = await dashboard.post<Operation>(`operations/${id}/stop`, {});
  expect(body.isStopRequested).toBe(true);
  const ended = await untilEnded(id);
  expect(ended.state).toBe('stopped');
  expect(ended.done).toBe(await countOf('pending'));
});

test('two sessions share the steps of one operation, and each row is done once', async () => {
  await addRequests(6_000, 'failed');
  await db.pool.query(`
    create table if not exists touched (id bigint);
    create or replace function touch() returns trigger language plpgsql as $$ begin insert into public.touched values (new.id); return new; end $$;
    create trigger touch after update on steadytext_queue for each row execute function touch()`);
  const id = await enqueue(RETRY, 6_000);
  const work = async () => {
    while ((await read(id)).state === 'running') await step();
  };
  await Promise.all([work(), work(), work()]);
  const { rows } = await db.pool.query<{ n: number; d: number }>(
    'select count(*)::int as n, count(distinct id)::int as d from touched',
  );
  await db.pool.query('drop trigger touch on steadytext_queue; drop function touch(); drop table touched');
  expect(rows[0]).toEqual({ n: 6_000, d: 6_000 });
  expect(await read(id)).toMatchObject({ state: 'done', done: 6_000, skipped: 0 });
});

test('tasks are cancelled and deleted in the same way', async () => {
  await db.pool.query(`select lantern.async_task('select 1', 'nightly') from generate_series(1, 20)`);
  const cancel = await begin({ kind: 'tasks', action: 'cancel', filter: { name: 'nightly' } });
  expect(await untilEnded(cancel.id)).toMatchObject({ state: 'done', done: 20 });
  const remove = await begin({ kind: 'tasks', action: 'delete', filter: { state: 'canceled' } });
  expect(await untilEnded(remove.id)).toMatchObject({ state: 'done', done: 20 });
});

test('a step that fails is made again, and after twenty the operation has failed', async () => {
  await addRequests(2, 'failed');
  const id = await enqueue({ ...RETRY, filter: { batch: 'no uuid' } }, 2);
  for (let i = 0; i < 20; i += 1) {
    await db.pool.query(`update lamplighter.operation set stepped_at = now() - interval '1 minute'`);
    await step();
  }
  const failed = await read(id);
  expect(failed.state).toBe('failed');
  expect(failed.error).toContain('uuid');
});
