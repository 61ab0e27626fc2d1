import { expect, test } from 'vitest';
import { loadQuery } from '../../src/db/load-sql.ts';
import { pruneRequests } from '../../src/requests/prune-requests.ts';
import { rescueRequests } from '../../src/requests/rescue-requests.ts';
import { eventually } from '../support/eventually.ts';
import { openSession } from '../support/sql-session.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import { setUpRescues } from './rescue-scene.ts';

const { database, rescue, enqueue, rowsOf, remembered, dieWith } = setUpRescues();

test('what was in flight with a silent worker is ready again at once after its first death, uncharged and remembered', async () => {
  await enqueue(3);
  const claimed = await dieWith(3);
  const rescued = await rescue();
  expect(rescued.map(({ id }) => id).sort()).toEqual(claimed.map(({ id }) => id).sort());
  expect(rescued).toMatchObject(claimed.map(() => ({ status: 'pending', isCharged: false, isQuarantined: false })));
  expect(
    await rowsOf('select distinct status, worker_id, retry_count, attempt, error, run_at from steadytext_queue'),
  ).toEqual([{ status: 'pending', worker_id: null, retry_count: 0, attempt: 1, error: null, run_at: null }]);
  expect(
    await rowsOf('select status, in_flight_at_death, died_at is not null as has_end from lamplighter.worker'),
  ).toEqual([{ status: 'dead', in_flight_at_death: 3, has_end: true }]);
  expect(await remembered()).toEqual([1, 1, 1]);
  expect(await rescue()).toEqual([]);
  const worker = await startSqlWorker(database().pool);
  expect(await worker.hasQuarantined()).toBe(false);
  expect(await worker.claim()).toHaveLength(3);
});

test('waiting workers are woken for what was rescued', async () => {
  await using session = await openSession(database().uri);
  const heard: string[] = [];
  session.client.on('notification', ({ channel }) => heard.push(channel));
  await session.client.query('listen lamplighter_wake');
  await enqueue(1);
  await dieWith(1);
  await database().pool.query(`select lamplighter.request_wake_up('requests')`);
  await rescue();
  await eventually(() => expect(heard).toEqual(['lamplighter_wake']));
});

test('a request that was alone at its first death is not charged: most deaths are deployments', async () => {
  await enqueue(1);
  await dieWith(1);
  expect(await rescue(0)).toMatchObject([{ isCharged: false, status: 'pending' }]);
});

test('after its second death a request is in quarantine', async () => {
  await enqueue(2);
  await dieWith(2);
  await rescue();
  const worker = await startSqlWorker(database().pool);
  await enqueue(1);
  await worker.claim();
  await worker.fallSilent();
  expect((await rescue()).map(({ isQuarantined }) => isQuarantined)).toEqual([true, true, false]);
  expect(await remembered()).toEqual([2, 2, 1]);
  const next = await startSqlWorker(database().pool);
  expect(await next.hasQuarantined()).toBe(true);
  expect(await next.claim()).toHaveLength(1);
  expect(await next.claimQuarantined(9)).toHaveLength(2);
});

test('a worker that is on time keeps what is in flight', async () => {
  await enqueue(1);
  const worker = await startSqlWorker(database().pool);
  const claimed = await worker.claim();
  expect(await rescue()).toEqual([]);
  expect((await worker.finish(claimed, { kind: 'completed', result: 'r' })).size).toBe(1);
});

test('a worker that stopped without handing back what was in flight is relieved of it, uncharged', async () => {
  await enqueue(1);
  const worker = await startSqlWorker(database().pool);
  await worker.claim();
  await worker.renewLease({ status: 'stopped' });
  expect(await rescue()).toMatchObject([{ isCharged: false, status: 'pending', workerId: worker.workerId }]);
});

test('the finish of a worker that was taken for dead changes nothing', async () => {
  await enqueue(2);
  const worker = await startSqlWorker(database().pool);
  const claimed = await worker.claim();
  await worker.fallSilent();
  await rescue();
  expect(await worker.finish(claimed, { kind: 'completed', result: 'late' })).toEqual(new Map());
  expect(await rowsOf('select distinct status, result from steadytext_queue')).toEqual([
    { status: 'pending', result: null },
  ]);
});

test('nor does it make anybody forget the death', async () => {
  await enqueue(2);
  const zombie = await startSqlWorker(database().pool);
  const claimed = await zombie.claim();
  await zombie.fallSilent();
  await rescue();
  await zombie.finish(claimed, { kind: 'completed', result: 'late' });
  await zombie.finish(claimed, { kind: 'retry', error: 'late', delayMs: 0 });
  expect(await remembered()).toEqual([1, 1]);
});

test('what a worker left that stopped has been through no death', async () => {
  await enqueue(1);
  for (let n = 0; n < 3; n += 1) {
    const worker = await startSqlWorker(database().pool);
    await worker.claimOne();
    await worker.renewLease({ status: 'stopped' });
    expect(await rescue()).toMatchObject([{ isQuarantined: false }]);
  }
  expect(await remembered()).toEqual([]);
});

test('a row that somebody has locked is rescued by the next pass', async () => {
  await enqueue(2);
  const claimed = await dieWith(2);
  {
    await using session = await openSession(database().uri);
    await session.client.query('begin');
    await session.client.query('select from steadytext_queue where id = $1 for update', [claimed[0]?.id]);
    expect((await rescue()).map(({ id }) => id)).toEqual([claimed[1]?.id]);
  }
  expect((await rescue()).map(({ id, isCharged }) => ({ id, isCharged }))).toEqual([
    { id: claimed[0]?.id, isCharged: false },
  ]);
});

test('two rescuers at once rescue each request once', async () => {
  await enqueue(50);
  await dieWith(50);
  await using a = await openSession(database().uri);
  await using b = await openSession(database().uri);
  const both = await Promise.all([rescueRequests(a.client, 3), rescueRequests(b.client, 3)]);
  const late = await rescue();
  expect([...both.flat(), ...late].map(({ id }) => id).sort()).toHaveLength(50);
  expect(new Set([...both.flat(), ...late].map(({ id }) => id)).size).toBe(50);
});

test('a claim that commits after its worker was found dead is rescued by the next pass, uncharged', async () => {
  await enqueue(1);
  await using session = await openSession(database().uri);
  const slow = await startSqlWorker(database().pool);
  await slow.fallSilent();
  await session.client.query('begin');
  await session.client.query(loadQuery('claim_requests'), [
    slow.workerId,
    1,
    'embed',
    'default',
    ['postgres'],
    [0],
    ['0'],
    ['0'],
    Date.now() * 1_000,
    1,
    1,
    false,
  ]);
  expect(await rescue()).toEqual([]);
  await session.client.query('commit');
  expect(await rescue()).toMatchObject([{ isCharged: false }]);
});

test('old ends are pruned in steps, from an id on; locked ones later', async () => {
  await enqueue(4);
  await (await startSqlWorker(database().pool)).answer('r');
  await database().pool.query(`update steadytext_queue set completed_at = completed_at - interval '1 day'`);
  await enqueue(1);
  const ids = (await rowsOf('select id from steadytext_queue order by id')).map(({ id }) => id);
  const prune = (olderThanMs: number, limit: number, afterId = '0') =>
    pruneRequests(database().pool, { olderThanMs, afterId, limit });
  expect(await prune(2 * 86_400_000, 10)).toMatchObject({ scanned: 5, pruned: 0, isYoung: true, lastId: undefined });
  await using session = await openSession(database().uri);
  await session.client.query(
    'begin; select from steadytext_queue where id = (select min(id) from steadytext_queue) for update',
  );
  expect(await prune(3_600_000, 2)).toMatchObject({ scanned: 2, pruned: 1, lastId: ids[1] });
  expect(await prune(3_600_000, 10, ids[1])).toMatchObject({ scanned: 3, pruned: 2, lastId: undefined });
  await session.client.query('rollback');
  expect(await prune(3_600_000, 10)).toMatchObject({ pruned: 1 });
  expect(await rowsOf('select status from steadytext_queue')).toEqual([{ status: 'pending' }]);
});
