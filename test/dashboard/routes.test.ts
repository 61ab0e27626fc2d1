import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Page, RequestDetail, RequestRow, Session, TaskDetail, TaskRow } from '../../src/dashboard/api.ts';
import { ROUTES } from '../../src/dashboard/routes/routes.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openTestDashboard, type TestDashboard } from './open-test-dashboard.ts';

let db: TestDatabase;
let dashboard: TestDashboard;
beforeAll(async () => {
  db = await createTestDatabase();
  dashboard = openTestDashboard(db);
});
afterAll(async () => {
  await dashboard[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});
beforeEach(() => db.pool.query('delete from steadytext_queue; delete from lantern.tasks'));

const PLAIN_GETS = ROUTES.filter(({ method, path }) => method === 'GET' && !path.includes(':')).map(({ path }) => path);

test.each(PLAIN_GETS)('GET %s answers in an empty database', async (path) => {
  const { status, body } = await dashboard.get(path.slice(1));
  expect(status, JSON.stringify(body)).toBe(200);
});

test('the session says as whom and where the dashboard is', async () => {
  const { body } = await dashboard.get<Session>('session');
  expect(body).toMatchObject({ database: db.name, seesAll: true, isReadOnly: false, rights: { view: true } });
});

test.each(['https://traces.example.com/', 'javascript:alert({trace_id})', '/trace/{trace_id}'])(
  'no link to traces is made of %s',
  (traceUrl) => {
    expect(() => openTestDashboard(db, { traceUrl })).toThrow(
      /^traceUrl: expected an http or https address with \{trace_id\} in it, got/,
    );
  },
);

test('requests come newest first, a page at a time', async () => {
  await db.pool.query(`select steadytext_embed_async('text ' || n) from generate_series(1, 5) as n`);
  const first = await dashboard.get<Page<RequestRow>>('requests?limit=2');
  const ids = first.body.rows.map(({ id }) => Number(id));
  expect(ids).toEqual([...ids].sort((a, b) => b - a));
  expect(first.body).toMatchObject({ total: { count: 5, isExact: true }, isPartial: false });
  const second = await dashboard.get<Page<RequestRow>>(`requests?limit=2&cursor=${first.body.next}`);
  const third = await dashboard.get<Page<RequestRow>>(`requests?limit=2&cursor=${second.body.next}`);
  expect(third.body.next).toBeUndefined();
  const all = [first, second, third].flatMap(({ body }) => body.rows.map(({ id }) => id));
  expect(new Set(all).size).toBe(5);
});

test('a request has its parameters, and says what it waits for', async () => {
  const { rows } = await db.pool.query<{ id: string }>(`select steadytext_embed_async('a text')::text as id`);
  const { body } = await dashboard.get<RequestDetail>(`requests/${rows[0]?.id}`);
  expect(body).toMatchObject({ status: 'pending', functionName: 'embed', may: ['cancel'] });
  expect(body.parameters).toContain('a text');
  expect(body.waitsFor).toContain('No running worker serves embed');
});

test('a task has its text and why it waits', async () => {
  const { rows } = await db.pool.query<{ id: string }>(
    `select lantern.async_task(E'select 1;\\n select 2', 'twice')::text as id`,
  );
  const list = await dashboard.get<Page<TaskRow>>('tasks?name=twice');
  expect(list.body.rows).toMatchObject([{ jobid: rows[0]?.id, state: 'queued', query: 'select 1;', blockedBy: [] }]);
  const { body } = await dashboard.get<TaskDetail>(`tasks/${rows[0]?.id}`);
  expect(body).toMatchObject({ text: 'select 1;\n select 2', reason: 'no worker runs tasks', may: ['cancel'] });
});

test('what there is not is not found, and what no filter has is refused', async () => {
  expect((await dashboard.get('requests/6f9619ff-8b86-4d01-b42d-00cf4fc964ff')).status).toBe(404);
  expect((await dashboard.get('tasks/99')).status).toBe(404);
  expect((await dashboard.get('jobs/99')).status).toBe(404);
  expect((await dashboard.get('nothing')).status).toBe(404);
  expect((await dashboard.get('requests?stauts=failed')).body).toMatchObject({
    error: { code: 'USAGE', message: '"stauts" is no filter (did you mean "status"?)' },
  });
});
