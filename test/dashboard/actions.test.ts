import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { ActionOutcome, AuditRow, FunctionRow, Page } from '../../src/dashboard/api.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openTestDashboard, type TestDashboard } from './open-test-dashboard.ts';

let db: TestDatabase;
let dashboard: TestDashboard;
beforeAll(async () => {
  db = await createTestDatabase();
  dashboard = openTestDashboard(db, {
    authorise: () => ({ user: 'ann', rights: { view: true, payloads: true, operate: true, admin: true } }),
  });
});
afterAll(async () => {
  await dashboard[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});
beforeEach(() =>
  db.pool.query('delete from steadytext_queue; delete from lantern.tasks; delete from lamplighter.audit'),
);

async function addRequest(status: string): Promise<string> {
  const { rows } = await db.pool.query<{ id: string }>(
    `insert into steadytext_queue (function_name, parameters, status, error) values ('embed', '{"text_input": "t"}', $1, 'e')
     returning request_id::text as id`,
    [status],
  );
  return rows[0]?.id ?? '';
}

const statusOf = async (id: string) =>
  (await db.pool.query<{ status: string }>('select status from steadytext_queue where request_id = $1', [id])).rows[0]
    ?.status;

test('each action is done to what it can be done to, and says of the rest why not', async () => {
  const failed = await addRequest('failed');
  const pending = await addRequest('pending');
  const gone = '6f9619ff-8b86-4d01-b42d-00cf4fc964ff';
  const retried = await dashboard.post<ActionOutcome>('requests/actions', {
    action: 'retry',
    ids: [failed, pending, gone],
  });
  expect(retried.body.done).toBe(1);
  expect(retried.body.skipped).toContainEqual({ id: pending, reason: 'it has not failed' });
  expect(retried.body.skipped).toContainEqual({ id: gone, reason: 'it is not there, or not to be seen' });
  expect(await statusOf(failed)).toBe('pending');

  await dashboard.post('requests/actions', { action: 'cancel', ids: [failed] });
  expect(await statusOf(failed)).toBe('cancelled');
  const deleted = await dashboard.post<ActionOutcome>('requests/actions', { action: 'delete', ids: [failed, pending] });
  expect(deleted.body).toEqual({ done: 1, skipped: [{ id: pending, reason: 'it has not ended' }] });
  expect(await statusOf(failed)).toBeUndefined();
});

test('nobody waits for a row that somebody has locked', async () => {
  const [held, free] = [await addRequest('failed'), await addRequest('failed')];
  const session = await db.pool.connect();
  try {
    await session.query('begin');
    await session.query('select from steadytext_queue where request_id = $1 for update', [held]);
    const retried = await dashboard.post<ActionOutcome>('requests/actions', { action: 'retry', ids: [held, free] });
    expect(retried.body).toEqual({ done: 1, skipped: [{ id: held, reason: 'another transaction has it locked' }] });
  } finally {
    await session.query('rollback');
    session.release();
  }
});

test('what a trigger of the user refuses keeps nothing else from being done', async () => {
  await db.pool.query(`
    create function refuse() returns trigger language plpgsql as $$ begin raise exception 'not this one'; end $$;
    create trigger refuse before update on steadytext_queue for each row when (old.priority = 7) execute function refuse()`);
  try {
    const [refused, free] = [await addRequest('pending'), await addRequest('pending')];
    await db.pool.query('alter table steadytext_queue disable trigger refuse');
    await db.pool.query('update steadytext_queue set priority = 7 where request_id = $1', [refused]);
    await db.pool.query('alter table steadytext_queue enable trigger refuse');
    const cancelled = await dashboard.post<ActionOutcome>('requests/actions', {
      action: 'cancel',
      ids: [refused, free],
    });
    expect(cancelled.body).toEqual({ done: 1, skipped: [{ id: refused, reason: 'not this one' }] });
  } finally {
    await db.pool.query('drop trigger refuse on steadytext_queue; drop function refuse()');
  }
});

test('what is referred to is not deleted, and says so', async () => {
  const [referred, free] = [await addRequest('completed'), await addRequest('completed')];
  await db.pool.query('create table answer (request_id uuid references steadytext_queue (request_id))');
  await db.pool.query('insert into answer values ($1)', [referred]);
  const deleted = await dashboard.post<ActionOutcome>('requests/actions', { action: 'delete', ids: [referred, free] });
  expect(deleted.body.done).toBe(1);
  expect(deleted.body.skipped).toMatchObject([{ id: referred }]);
  expect(deleted.body.skipped[0]?.reason).toContain('answer');
  await db.pool.query('drop table answer');
});

test('a queued task is cancelled, and deleted once it has ended', async () => {
  const { rows } = await db.pool.query<{ id: string }>(`select lantern.async_task('select 1')::text as id`);
  const ids = rows.map(({ id }) => id);
  const early = await dashboard.post<ActionOutcome>('tasks/actions', { action: 'delete', ids });
  expect(early.body).toEqual({ done: 0, skipped: [{ id: ids[0], reason: 'it has not ended' }] });
  const cancelled = await dashboard.post<ActionOutcome>('tasks/actions', { action: 'cancel', ids });
  expect(cancelled.body).toEqual({ done: 1, skipped: [] });
  const deleted = await dashboard.post<ActionOutcome>('tasks/actions', { action: 'delete', ids });
  expect(deleted.body).toEqual({ done: 1, skipped: [] });
});

test('a function is paused and resumed', async () => {
  await dashboard.post('functions/embed/pause', {});
  const paused = await dashboard.get<readonly FunctionRow[]>('functions');
  expect(paused.body.find(({ name }) => name === 'embed')).toMatchObject({ isPaused: true });
  await dashboard.post('functions/embed/resume', {});
  const resumed = await dashboard.get<readonly FunctionRow[]>('functions');
  expect(resumed.body.find(({ name }) => name === 'embed')).toEqual({ name: 'embed', isPaused: false });
});

test('the audit says who did what to which and how many, and holds no payload', async () => {
  const id = await addRequest('failed');
  await dashboard.post('requests/actions', { action: 'retry', ids: [id] });
  await dashboard.post('functions/embed/pause', {});
  await dashboard.post('functions/embed/resume', {});
  const { body } = await dashboard.get<Page<AuditRow>>('audit');
  expect(body.rows.map(({ action }) => action)).toEqual(['resume', 'pause', 'retry']);
  expect(body.rows[2]).toMatchObject({
    user: 'ann',
    source: 'dashboard',
    kind: 'requests',
    filter: { ids: [id] },
    count: 1,
  });
  expect(body.total).toMatchObject({ count: 3, isExact: true });
});

test.each([
  ['requests/actions', { action: 'finish', ids: ['6f9619ff-8b86-4d01-b42d-00cf4fc964ff'] }],
  ['requests/actions', { action: 'retry', ids: ['1; drop table steadytext_queue'] }],
  ['requests/actions', { action: 'retry', ids: [] }],
  ['requests/actions', [1]],
  ['tasks/actions', { action: 'retry', ids: ['1'] }],
  ['operations/preview', { kind: 'jobs', action: 'retry' }],
  ['operations', { kind: 'requests', action: 'retry', filter: { since: 'yesterday-ish' }, expectedCount: 1 }],
])('%s refuses %j', async (path, body) => {
  expect((await dashboard.post(path, body)).status).toBe(400);
});
