import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { loadQuery } from '../../src/db/load-sql.ts';
import { listProcesses } from '../../src/monitoring/lists/list-processes.ts';
import { readFigures } from '../../src/monitoring/read-figures.ts';
import { renewLease } from '../../src/process/renew-lease.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(() =>
  db.pool.query(
    'delete from steadytext_queue; delete from lamplighter.worker; delete from lamplighter.paused_function',
  ),
);

const rowsOf = async (text: string) => (await db.pool.query(text)).rows;

test('queue_stats counts each status by function, with ages and durations', async () => {
  const states = ['pending', 'pending', 'processing', 'completed', 'completed', 'failed', 'cancelled'];
  await db.pool.query(
    `insert into steadytext_queue (function_name, status, created_at, started_at, completed_at)
     select 'embed', s.status, now() - interval '1 hour' * s.position,
       case when s.status <> 'pending' then now() - interval '30 seconds' end,
       case when s.status = 'completed' then now() - interval '30 seconds' + interval '2 seconds' * s.position end
     from unnest($1::text[]) with ordinality as s (status, position)`,
    [states],
  );
  await db.pool.query(`select steadytext_generate_async('p')`);
  expect(
    await rowsOf(
      `select function_name, pending, processing, completed, failed, cancelled,
         date_trunc('minute', oldest_pending)::text as oldest, avg_processing::text as avg, p95_processing::text as p95
       from steadytext_queue_stats()`,
    ),
  ).toEqual([
    {
      function_name: 'embed',
      pending: '2',
      processing: '1',
      completed: '2',
      failed: '1',
      cancelled: '1',
      oldest: '02:00:00',
      avg: '00:00:09',
      p95: '00:00:09.9',
    },
    {
      function_name: 'generate',
      pending: '1',
      processing: '0',
      completed: '0',
      failed: '0',
      cancelled: '0',
      oldest: '00:00:00',
      avg: null,
      p95: null,
    },
  ]);
});

test('queue_stats of an empty queue has no rows', async () => {
  expect(await rowsOf('select * from steadytext_queue_stats()')).toEqual([]);
});

test('worker_status shows what the worker reported last', async () => {
  const worker = await startSqlWorker(db.pool, { functions: ['rerank', 'embed'], concurrency: 8 });
  await worker.renewLease({ inFlight: 2, processed: 10, failed: 1 });
  expect(await rowsOf('select * from steadytext_worker_status()')).toEqual([
    {
      worker_id: worker.workerId,
      hostname: 'test-host',
      pid: 4711,
      status: 'running',
      version: '0.0.0',
      functions: ['embed', 'rerank'],
      concurrency: 8,
      in_flight: 2,
      processed: '10',
      failed: '1',
      started_at: expect.any(Date),
      last_heartbeat: expect.any(Date),
    },
  ]);
});

test('the list of processes tells their memory, and which of their lanes are not available', async () => {
  const worker = await startSqlWorker(db.pool, { functions: ['embed', 'rerank'] });
  const lanes = ['rerank:m', 'embed:m'];
  const trouble = { model: 'm', lanes, error: 'of which prompts may be a part', for_ms: 1, waiting: 2 };
  await worker.renewLease({ memoryBytes: 2 ** 40, troubles: [trouble] });
  const [row] = await listProcesses(db.pool);
  expect(row).toMatchObject({ memoryBytes: 2 ** 40, unavailableLanes: ['embed:m', 'rerank:m'] });
  expect(JSON.stringify(row)).not.toContain('prompts');
  await worker.renewLease();
  expect(await listProcesses(db.pool)).toEqual([expect.not.objectContaining({ unavailableLanes: expect.anything() })]);
});

test('what a worker says of its models in another form than readers expect fails nobody', async () => {
  const worker = await startSqlWorker(db.pool, { functions: ['embed'] });
  const good = { model: 'm', lanes: ['embed:default'], error: 'away', for_ms: 1_000.5, waiting: 2 };
  const odd = [
    null,
    'text',
    [],
    {},
    ...[{}, null, 1].map((model) => ({ ...good, model })),
    ...[{}, 'embed:default', null].map((lanes) => ({ ...good, lanes })),
    ...['soon', -1, 1e300, null, true].map((for_ms) => ({ ...good, for_ms })),
    ...[1.5, 2 ** 31, 1e300, '1', null].map((waiting) => ({ ...good, waiting })),
    { ...good, lanes: [1, { a: 'b' }, null, 'embed:other'] },
  ];
  const report = 'select lamplighter.renew_lease($1, $2, 1, 0, 0, 0, $3, $4)';
  const list = loadQuery('list_troubles');
  const small = '[{"model": "m", "lanes": ["embed:default"], "error": "away", "for_ms": 1e-400, "waiting": 2.0}]';
  for (const troubles of [
    ...odd.map((entry) => JSON.stringify(entry)),
    'null',
    '[1e400]',
    '[{"for_ms": 1e400}]',
    small,
  ]) {
    await db.pool.query(report, [worker.workerId, 'running', [], troubles]);
    await db.pool.query(list);
    await readFigures(db.pool);
    await listProcesses(db.pool);
  }
  await db.pool.query(report, [worker.workerId, 'running', [], JSON.stringify([...odd, good])]);
  expect(await rowsOf(list)).toMatchObject([{ model: 'm' }, { model: 'm', error: 'away', waiting: '2' }]);
  const lane = `select * from lamplighter.explain_lane('embed', 'default')`;
  expect(await rowsOf(lane)).toMatchObject([{ reason: 'model unavailable', model: 'm' }]);
});

test('a daemon holds a lease like a worker, and is not shown among the workers', async () => {
  const register = `select lamplighter.register_worker('h', 1, '0', '{}', 1, 30000, 'daemon') as worker_id`;
  const [daemon] = await rowsOf(register);
  expect(await rowsOf('select kind, functions from lamplighter.worker')).toEqual([{ kind: 'daemon', functions: [] }]);
  expect(await rowsOf('select * from steadytext_worker_status()')).toEqual([]);
  const figures = { concurrency: 1, inFlight: 0, processed: 0, failed: 0, settledClaims: [] };
  const renewed = await renewLease(db.pool, { workerId: String(daemon?.worker_id), status: 'running', ...figures });
  expect(renewed.isAlive).toBe(true);
});

test('a worker that serves no requests has no lanes', async () => {
  await startSqlWorker(db.pool, { functions: [] });
  expect(await rowsOf('select kind, lanes from lamplighter.worker')).toEqual([{ kind: 'worker', lanes: [] }]);
});

test('a worker whose lease ran out is dead at once, a stopped one stays stopped, and the living come first', async () => {
  const dead = await startSqlWorker(db.pool);
  const stopped = await startSqlWorker(db.pool);
  const stopping = await startSqlWorker(db.pool);
  const running = await startSqlWorker(db.pool);
  await dead.fallSilent();
  await stopped.renewLease({ status: 'stopped' });
  await stopped.fallSilent();
  await stopping.renewLease({ status: 'stopping' });
  expect(await rowsOf('select worker_id, status from steadytext_worker_status()')).toEqual([
    { worker_id: stopping.workerId, status: 'stopping' },
    { worker_id: running.workerId, status: 'running' },
    { worker_id: dead.workerId, status: 'dead' },
    { worker_id: stopped.workerId, status: 'stopped' },
  ]);
});

test('a heartbeat in time revives a silent worker, after the rescue it does not', async () => {
  const worker = await startSqlWorker(db.pool);
  await worker.fallSilent();
  expect(await worker.renewLease()).toBe(true);
  await worker.fallSilent();
  await db.pool.query('select lamplighter.rescue_requests(3)');
  expect(await worker.renewLease()).toBe(false);
  await expect(worker.claimQuarantined(1)).rejects.toMatchObject({ code: 'LL001' });
});

test('rows of workers that ended long ago are deleted, except while requests hang on them', async () => {
  const dead = await startSqlWorker(db.pool);
  const holding = await startSqlWorker(db.pool);
  const alive = await startSqlWorker(db.pool);
  await db.pool.query(`select steadytext_embed_async('t')`);
  await holding.claim();
  await db.pool.query(`update lamplighter.worker set status = 'dead' where worker_id <> $1`, [alive.workerId]);
  await db.pool.query(`update lamplighter.worker set last_heartbeat = now() - interval '2 days'`);
  expect(await rowsOf(`select lamplighter.prune_workers('3 days') as pruned`)).toEqual([{ pruned: '0' }]);
  expect(await rowsOf(`select lamplighter.prune_workers('1 day') as pruned`)).toEqual([{ pruned: '1' }]);
  const left = await rowsOf('select worker_id from lamplighter.worker order by started_at');
  expect(left).toEqual([{ worker_id: holding.workerId }, { worker_id: alive.workerId }]);
  expect(left).not.toContainEqual({ worker_id: dead.workerId });
});

test('requests of a paused function wait until it is resumed; what runs goes on', async () => {
  const worker = await startSqlWorker(db.pool);
  await db.pool.query(`select steadytext_embed_async('a')`);
  const running = await worker.claim();
  await db.pool.query(`select steadytext_pause('embed'), steadytext_pause('embed')`);
  await db.pool.query(`select steadytext_embed_async('b'), steadytext_generate_async('p')`);
  expect((await worker.claim()).map(({ lane }) => lane.functionName)).toEqual(['generate']);
  expect((await worker.finish(running, { kind: 'completed', result: 'r' })).size).toBe(1);
  await db.pool.query(`select steadytext_resume('embed'), steadytext_resume('embed')`);
  expect(await worker.claim()).toHaveLength(1);
});

test('a level that was listed before the pause gives nothing after it', async () => {
  const worker = await startSqlWorker(db.pool);
  await db.pool.query(`select steadytext_embed_async('a')`);
  await db.pool.query(`select steadytext_pause('embed')`);
  const { rows } = await db.pool.query(
    `select * from lamplighter.claim_requests($1, 1, 'embed', 'default', array[current_user]::text[], '{0}', '{0}', '{0}', (extract(epoch from now()) * 1000000)::bigint, 9, 9)`,
    [worker.workerId],
  );
  expect(rows).toEqual([]);
});
