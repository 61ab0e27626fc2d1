import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { readFigures } from '../../src/monitoring/read-figures.ts';
import { createTestDatabase, type TestDatabase, type TestRole } from '../support/database.ts';
import { openSession } from '../support/sql-session.ts';

let db: TestDatabase;
let caller: TestRole;
beforeAll(async () => {
  db = await createTestDatabase();
  caller = await db.createRole('caller');
  await db.pool.query('select lamplighter.grant_caller($1)', [caller.name]);
});
afterEach(() =>
  db.pool.query('delete from steadytext_queue; delete from lamplighter.claim; delete from lamplighter.worker'),
);
afterAll(() => db[Symbol.asyncDispose]());

const enqueue = (count: number, model = 'default', more = '') =>
  db.pool.query(
    `insert into steadytext_queue (function_name, model, parameters${more === '' ? '' : ', created_at'})
     select 'embed', $2, '{}'${more === '' ? '' : `, ${more}`} from generate_series(1, $1::int)`,
    [count, model],
  );

test('nothing is counted where nothing waits', async () => {
  expect(await readFigures(db.pool)).toMatchObject({
    isOfAll: true,
    lanes: [],
    jobs: [],
    workers: { alive: 0, dead: 0 },
  });
});

test('what waits is counted by function and model, with the age of the oldest', async () => {
  await enqueue(3);
  await enqueue(1, 'other', `now() - interval '1 hour'`);
  const { lanes } = await readFigures(db.pool);
  expect(lanes).toMatchObject([
    { functionName: 'embed', model: 'default', pending: { count: 3, isExact: true }, isServed: false },
    { functionName: 'embed', model: 'other', pending: { count: 1, isExact: true }, stoppedBy: 'not served' },
  ]);
  expect(lanes[1]?.oldestPendingMs).toBeGreaterThan(3_500_000);
});

test('beyond the bound a count says that there are more, and the oldest is found all the same', async () => {
  await db.pool.query(`select lamplighter.set('max_queue_size', '100000')`);
  await enqueue(10_100);
  await enqueue(1, 'default', `now() - interval '2 days'`);
  const { lanes } = await readFigures(db.pool);
  expect(lanes).toMatchObject([{ pending: { count: 10_000, isExact: false } }]);
  expect(lanes[0]?.oldestPendingMs).toBeGreaterThan(172_000_000);
});

test('what a live worker runs is counted apart from what waits', async () => {
  await enqueue(5);
  const { rows } = await db.pool.query<{ id: string }>(
    `select lamplighter.register_worker('host', 1, '1', '{embed:default}', 1, 30000) as id`,
  );
  await db.pool.query(`select lamplighter.claim_requests_at_once($1, 1, '{embed}', '{default}', '{5}')`, [rows[0]?.id]);
  await enqueue(2);
  expect(await readFigures(db.pool)).toMatchObject({
    lanes: [{ pending: { count: 2 }, running: 5, isServed: true }],
    workers: { alive: 1, dead: 0 },
  });
  expect((await db.pool.query(`select lamplighter.backlog('embed') as backlog`)).rows).toEqual([{ backlog: '7' }]);
});

test('a caller sees figures of its own requests alone', async () => {
  await enqueue(3);
  await using session = await openSession(caller.uri);
  await session.client.query(`select steadytext_embed_async('text')`);
  expect(await readFigures(session.client)).toMatchObject({ isOfAll: false, lanes: [{ pending: { count: 1 } }] });
  expect((await readFigures(db.pool)).lanes).toMatchObject([{ pending: { count: 4 } }]);
});
