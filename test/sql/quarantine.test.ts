import { expect, test } from 'vitest';
import type { ClaimedRequest } from '../../src/requests/claimed-request.ts';
import { promoteRequests } from '../../src/requests/upkeep.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import { setUpRescues } from './rescue-scene.ts';

const { database, rescue, enqueue, rowsOf, remembered, dieWith } = setUpRescues();
/** As if each request had been in the hands of so many workers that died. */
const haveDied = (deaths: number) =>
  database().pool.query(
    `insert into lamplighter.quarantine (id, deaths) select id, $1 from steadytext_queue
     on conflict (id) do update set deaths = excluded.deaths`,
    [deaths],
  );

/** Lets two workers die with so many requests, so that they are in quarantine. */
async function dieTwiceWith(count: number): Promise<ClaimedRequest[]> {
  await dieWith(count);
  await rescue();
  const claimed = await dieWith(count);
  await rescue();
  return claimed;
}

test('requests in quarantine are never handed out with others, the most urgent first', async () => {
  await enqueue(2);
  await database().pool.query(`select steadytext_embed_async('urgent', priority => 9)`);
  await dieTwiceWith(3);
  const worker = await startSqlWorker(database().pool);
  expect(await worker.claim()).toEqual([]);
  const [first] = await worker.claimQuarantined(1);
  expect(first).toMatchObject({
    priority: 9,
    attempt: 3,
    retryCount: 0,
    lane: { functionName: 'embed', model: 'default' },
  });
  const [second, third] = await Promise.all([worker.claimQuarantined(1), worker.claimQuarantined(1)]);
  expect(new Set([first, second[0], third[0]].map((request) => request?.id)).size).toBe(3);
  expect(await worker.claimQuarantined(1)).toEqual([]);
});

test('after two deaths those of one lane are handed out in small groups, after the next one by one', async () => {
  await enqueue(3);
  await database().pool.query(`select steadytext_rerank_async('q', array['d'])`);
  await dieTwiceWith(4);
  const unlucky = await startSqlWorker(database().pool);
  const group = await unlucky.claimQuarantined(2);
  expect(group.map(({ lane, priority }) => [lane.functionName, priority])).toEqual([
    ['embed', 0],
    ['embed', 0],
  ]);
  await unlucky.fallSilent();
  expect((await rescue()).map(({ isCharged }) => isCharged)).toEqual([false, false]);
  const worker = await startSqlWorker(database().pool);
  const sizes: number[] = [];
  for (let claimed = await worker.claimQuarantined(9); claimed.length > 0; claimed = await worker.claimQuarantined(9)) {
    sizes.push(claimed.length);
    await worker.finish(claimed, { kind: 'completed', result: 'r' });
  }
  expect(sizes).toEqual([1, 1, 1, 1]);
});

test("a worker is given what is in quarantine in its own lanes only, not paused and in nobody's hands", async () => {
  await enqueue(1);
  await dieTwiceWith(1);
  for (const options of [{ functions: ['rerank'] }, { model: 'm' }] as const) {
    const other = await startSqlWorker(database().pool, options);
    expect(await other.claimQuarantined(1)).toEqual([]);
  }
  const worker = await startSqlWorker(database().pool);
  await database().pool.query(`select steadytext_pause('embed')`);
  expect(await worker.claimQuarantined(1)).toEqual([]);
  await database().pool.query(`select steadytext_resume('embed')`);
  expect(await worker.hasQuarantined()).toBe(true);
  expect(await worker.claimQuarantined(1)).toHaveLength(1);
  expect(await worker.claimQuarantined(1)).toEqual([]);
});

test('a request in quarantine that was all its worker had in flight is charged, and its neighbours of before are not', async () => {
  await enqueue(2);
  await dieTwiceWith(2);
  const worker = await startSqlWorker(database().pool);
  await worker.claimQuarantined(1);
  await worker.fallSilent();
  expect(await rescue()).toMatchObject([{ isCharged: true, status: 'pending' }]);
  expect(await rowsOf('select retry_count, error from steadytext_queue order by retry_count')).toEqual([
    { retry_count: 0, error: null },
    { retry_count: 1, error: 'The worker died while it ran this request alone' },
  ]);
});

/** Kills a worker that had in flight what is in quarantine, and what is ready in other lanes or its own; who is charged. */
async function chargedAfter(deaths: number, beside: readonly string[]): Promise<string[]> {
  await enqueue(1);
  await dieTwiceWith(1);
  await haveDied(deaths);
  for (const statement of beside) await database().pool.query(statement);
  const worker = await startSqlWorker(database().pool);
  await worker.claim();
  expect(await worker.claimQuarantined(1)).toHaveLength(1);
  await worker.fallSilent();
  const rescued = await rescue();
  expect(rescued).toHaveLength(1 + beside.length);
  return rescued.filter(({ isCharged }) => isCharged).map(({ id }) => id);
}

const BESIDE = [`select steadytext_generate_async('p')`, `select steadytext_rerank_async('q', array['d'])`];

test.each([2, 3, 4])(
  'in the company of other lanes, after %i deaths, nobody is charged: they may hold the one that kills',
  async (deaths) => {
    expect(await chargedAfter(deaths, BESIDE)).toEqual([]);
  },
);

test('after five deaths it is, as whatever else kills workers would have been in quarantine itself for long', async () => {
  const charged = await chargedAfter(5, BESIDE);
  expect(await rowsOf('select id, function_name, retry_count from steadytext_queue where retry_count > 0')).toEqual([
    { id: charged[0], function_name: 'embed', retry_count: 1 },
  ]);
});

test('but never while another request of its own lane was in flight', async () => {
  expect(await chargedAfter(9, [`select steadytext_embed_async('mate')`])).toEqual([]);
});

test('nor while another one in quarantine was', async () => {
  await enqueue(1);
  await database().pool.query(`select steadytext_generate_async('p')`);
  await dieTwiceWith(2);
  await haveDied(9);
  const worker = await startSqlWorker(database().pool);
  expect([...(await worker.claimQuarantined(1)), ...(await worker.claimQuarantined(1))]).toHaveLength(2);
  await worker.fallSilent();
  expect(await rescue()).toMatchObject([{ isCharged: false }, { isCharged: false }]);
});

test('whatever is in flight in other lanes, one that kills ends within its budget, and another one costs an innocent nothing', async () => {
  await enqueue(1);
  const poison = (await dieTwiceWith(1))[0]?.id;
  let deaths = 2;
  for (let status = 'pending'; status === 'pending'; deaths += 1) {
    await database().pool.query(`select steadytext_generate_async('innocent ' || $1)`, [deaths]);
    const worker = await startSqlWorker(database().pool);
    const fresh = await worker.claim();
    const [quarantined] = await worker.claimQuarantined(1);
    expect(quarantined?.id).toBe(poison);
    await worker.fallSilent();
    await rescue(2);
    // The innocent ones end as soon as a worker lives.
    const alive = await startSqlWorker(database().pool);
    await alive.finish(await alive.claim(), { kind: 'completed', result: 'r' });
    expect(fresh).toHaveLength(1);
    status = (await rowsOf(`select status from steadytext_queue where function_name = 'embed'`))[0]?.status;
  }
  expect(deaths).toBe(5 + 3);
  expect(
    await rowsOf(`select distinct status, retry_count from steadytext_queue where function_name = 'generate'`),
  ).toEqual([{ status: 'completed', retry_count: 0 }]);
});

test('one that kills in another lane is in quarantine itself before an innocent one beside it is charged', async () => {
  await enqueue(1);
  const innocent = (await dieTwiceWith(1))[0]?.id;
  await haveDied(3);
  await database().pool.query(`select steadytext_generate_async('poison')`);
  for (let death = 1; death <= 2; death += 1) {
    const worker = await startSqlWorker(database().pool);
    expect(await worker.claim()).toHaveLength(1);
    expect(await worker.claimQuarantined(1)).toMatchObject([{ id: innocent, retryCount: 0 }]);
    await worker.fallSilent();
    expect((await rescue()).map(({ isCharged }) => isCharged)).toEqual([false, false]);
  }
  const worker = await startSqlWorker(database().pool);
  expect(await worker.claim()).toEqual([]);
  expect(await worker.claimQuarantined(1)).toMatchObject([{ id: innocent, retryCount: 0 }]);
});

test('a poisonous request fails within its budget, and innocents complete uncharged', async () => {
  await enqueue(4);
  const poison = (await dieTwiceWith(4))[2]?.id;
  let deaths = 2;
  for (let step = 0; step < 20; step += 1) {
    const worker = await startSqlWorker(database().pool);
    const claimed = await worker.claimQuarantined(9);
    if (claimed.length === 0) break;
    if (claimed.some(({ id }) => id === poison)) {
      await worker.fallSilent();
      deaths += 1;
    } else {
      await worker.finish(claimed, { kind: 'completed', result: 'r' });
    }
    await rescue(2);
  }
  expect(deaths).toBe(2 + 1 + 3);
  expect(
    await rowsOf(
      `select status, count(*)::int, max(retry_count) as charged, count(failed_at)::int as ends from steadytext_queue group by status order by status`,
    ),
  ).toEqual([
    { status: 'completed', count: 3, charged: 0, ends: 0 },
    { status: 'failed', count: 1, charged: 2, ends: 1 },
  ]);
  expect(await remembered()).toEqual([]);
});

test.each([
  ['completed', { kind: 'completed', result: 'r' }, 'completed'],
  ['failed', { kind: 'failed', error: 'e' }, 'failed'],
  ['an ordinary failure', { kind: 'retry', error: 'e', delayMs: 0 }, 'pending'],
] as const)(
  'the deaths before are forgotten once a request has ended (%s) without another',
  async (_, outcome, status) => {
    await enqueue(2);
    await dieTwiceWith(1);
    await dieWith(1);
    await rescue();
    const worker = await startSqlWorker(database().pool);
    const both = [...(await worker.claim()), ...(await worker.claimQuarantined(1))];
    both.sort((a, b) => Number(a.id) - Number(b.id));
    expect([...(await worker.finish(both, outcome)).values()]).toEqual([status, status]);
    expect(await remembered()).toEqual([]);
    await database().pool.query('select lamplighter.promote_requests(10)');
    expect(await worker.claim()).toHaveLength(status === 'pending' ? 2 : 0);
  },
);

test('a request that was handed back is as near to quarantine as before', async () => {
  await enqueue(1);
  await dieWith(1);
  await rescue();
  const worker = await startSqlWorker(database().pool);
  const once = await worker.claimOne();
  await worker.finish([once], { kind: 'release' });
  expect(await remembered()).toEqual([1]);
  await worker.claimOne();
  await worker.fallSilent();
  await rescue();
  const next = await startSqlWorker(database().pool);
  const quarantined = await next.claimQuarantined(1);
  await next.finish(quarantined, { kind: 'release' });
  expect(await next.claim()).toEqual([]);
  expect(await next.claimQuarantined(1)).toMatchObject([{ id: once.id, attempt: 5 }]);
});

test.each([
  ['cancelled', `update steadytext_queue set status = 'cancelled'`],
  ['deleted', 'delete from steadytext_queue'],
])('a request in quarantine that was %s is forgotten', async (_, statement) => {
  await enqueue(1);
  await dieTwiceWith(1);
  await database().pool.query(statement);
  const worker = await startSqlWorker(database().pool);
  expect(await worker.claimQuarantined(1)).toEqual([]);
  await rescue();
  expect(await remembered()).toEqual([]);
});

test('a request that failed in quarantine and is retried by hand starts afresh', async () => {
  await enqueue(1);
  await dieTwiceWith(1);
  const worker = await startSqlWorker(database().pool);
  await worker.claimQuarantined(1);
  await worker.fallSilent();
  expect(await rescue(0)).toMatchObject([{ status: 'failed', isQuarantined: false }]);
  await database().pool.query('select steadytext_retry(request_id) from steadytext_queue');
  expect(await remembered()).toEqual([]);
  expect(await (await startSqlWorker(database().pool)).claim()).toHaveLength(1);
});

test('a request in quarantine that was put off without being run goes back to its quarantine, its deaths remembered', async () => {
  await enqueue(1);
  await dieTwiceWith(1);
  const worker = await startSqlWorker(database().pool);
  await worker.finish(await worker.claimQuarantined(1), { kind: 'defer', error: 'Not begun', delayMs: 0 });
  expect(await remembered()).toEqual([2]);
  expect(await worker.claimQuarantined(1)).toEqual([]);
  expect(await promoteRequests(database().pool, 10)).toBe(1);
  expect(await worker.claim()).toEqual([]);
  await worker.finish(await worker.claimQuarantined(1), { kind: 'retry', error: 'e', delayMs: 0 });
  expect(await remembered()).toEqual([]);
});
