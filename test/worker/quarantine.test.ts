import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import type { Queryable } from '../../src/db/query.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { createGatedProvider } from '../support/gated-provider.ts';
import { embed, firstValue, generate, rowOf, rowsOf, untilStatus } from '../support/requests.ts';
import { spawnWorker, startTestWorker } from '../support/test-worker.ts';

const LEASE = { leaseMs: 4_000, heartbeatMs: 500 } as const;
/** In which a ready request of a served lane is claimed while a slot is free. */
const CLAIM_MS = 2_000;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await db.pool.query('delete from steadytext_queue');
  await db.pool.query('delete from lamplighter.worker; delete from lamplighter.quarantine');
});
afterAll(() => db[Symbol.asyncDispose]());

/** Queues requests as if so many workers had died with them: in one transaction, so that nobody claims them before. */
async function queueInQuarantine(
  queue: (caller: Queryable) => Promise<readonly string[]>,
  deaths = 2,
): Promise<readonly string[]> {
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    const ids = await queue(client);
    await client.query(
      `with held as (
         update steadytext_queue set run_at = '9000-01-01 00:00+00' where request_id = any ($1) returning id)
       insert into lamplighter.quarantine (id, deaths) select id, $2 from held`,
      [ids, deaths],
    );
    await client.query('commit');
    return ids;
  } finally {
    client.release();
  }
}

/** Queues embeddings one after the other until `isOver`; the longest that one waited for its claim, in ms. */
async function embedUntil(isOver: () => Promise<boolean>): Promise<number> {
  const ids: string[] = [];
  for (let n = 0; !(await isOver()); n += 1) {
    const [id = ''] = await embed(db.pool, [`text ${n}`]);
    await untilStatus(db.pool, [id], 'completed');
    ids.push(id);
  }
  expect(ids.length).toBeGreaterThan(3);
  return firstValue(
    db.pool,
    `select max(extract(epoch from started_at - created_at) * 1000)::float8 from steadytext_queue where request_id = any ($1)`,
    [ids],
  );
}

const status = async (id: string) => (await rowOf(db.pool, id)).status;

test('a dead worker stops nobody: embeddings are claimed throughout, and what was in flight runs again at once', async () => {
  const gated = createGatedProvider();
  const held: string[] = [];
  {
    await using victim = await spawnWorker({ uri: db.uri, ...LEASE });
    held.push(...(await embed(db.pool, ['!sleep:1500 a', '!sleep:1500 b'])), await generate(db.pool, '!sleep:3000'));
    await eventually(async () =>
      expect((await rowsOf(db.pool, held)).map((row) => row.status)).toEqual(held.map(() => 'processing')),
    );
    victim.kill('SIGKILL');
    await victim.exited;
  }
  // As one of another host, whose end nobody can see before its lease is over.
  await db.pool.query('update lamplighter.worker set host_process = null');
  const killedMs = performance.now();
  await using _ = await startTestWorker({
    uri: db.uri,
    ...LEASE,
    concurrency: 4,
    providers: [gated],
    generateModel: 'gated/model',
  });
  // In flight for as long as the test lasts.
  const long = await generate(db.pool, 'long');
  await gated.call('long');
  const isOver = async () => {
    const [a, b] = await rowsOf(db.pool, held);
    return a?.status === 'completed' && b?.status === 'completed';
  };
  // The two that run again are one batch, and its slot is all that embeddings have beside two generations.
  expect(await embedUntil(isOver)).toBeLessThan(CLAIM_MS + 2 * 1_500);
  const again = await gated.call('!sleep:3000');
  expect(performance.now() - killedMs).toBeLessThan(LEASE.leaseMs + 3_000 + 2 * CLAIM_MS);
  expect(await status(long)).toBe('processing');
  again.answer('again');
  const rows = await untilStatus(db.pool, held, 'completed');
  expect(rows).toMatchObject(held.map(() => ({ attempt: 2, retry_count: 0, error: null })));
}, 40_000);

test('what is in quarantine in a lane that nobody serves, or of a paused function, leaves everybody else alone', async () => {
  const gated = createGatedProvider();
  await using _ = await startTestWorker({
    uri: db.uri,
    heartbeatMs: 100,
    leaseMs: 2_000,
    concurrency: 2,
    providers: [gated],
    generateModel: 'gated/model',
  });
  await generate(db.pool, 'long');
  await gated.call('long');
  await db.pool.query(`select steadytext_pause('rerank')`);
  await queueInQuarantine(async (caller) => [
    await generate(caller, 'foreign', { model: 'test/other' }),
    await firstValue<string>(caller, `select steadytext_rerank_async('q', array['d'])`),
  ]);
  const endMs = performance.now() + 2_500;
  try {
    expect(await embedUntil(async () => performance.now() > endMs)).toBeLessThan(CLAIM_MS);
  } finally {
    await db.pool.query(`select steadytext_resume('rerank')`);
  }
});

test('a worker reserves what is in quarantine, closes its lane alone, and runs it when the lane is empty', async () => {
  const gated = createGatedProvider();
  await using _ = await startTestWorker({
    uri: db.uri,
    heartbeatMs: 100,
    leaseMs: 2_000,
    concurrency: 4,
    providers: [gated],
    generateModel: 'gated/model',
  });
  await generate(db.pool, 'running');
  const running = await gated.call('running');
  const [quarantined = ''] = await queueInQuarantine(async (caller) => [await generate(caller, 'quarantined')], 3);
  await eventually(async () => expect(await status(quarantined)).toBe('processing'));
  const later = await generate(db.pool, 'later');
  const endMs = performance.now() + 1_000;
  expect(await embedUntil(async () => performance.now() > endMs)).toBeLessThan(CLAIM_MS);
  expect(await status(later)).toBe('pending');
  expect(gated.calls.map(({ prompt }) => prompt)).toEqual(['running']);

  running.answer('done');
  const alone = await gated.call('quarantined');
  expect(await embedUntil(async () => performance.now() > endMs + 1_000)).toBeLessThan(CLAIM_MS);
  expect(gated.calls.map(({ prompt }) => prompt)).toEqual(['running', 'quarantined']);
  alone.answer('done');
  await untilStatus(db.pool, [quarantined], 'completed');
  (await gated.call('later')).answer('done');
  await untilStatus(db.pool, [later], 'completed');
});

test('with one slot it has the next, before what else waits', async () => {
  const gated = createGatedProvider();
  await using _ = await startTestWorker({
    uri: db.uri,
    heartbeatMs: 100,
    leaseMs: 2_000,
    concurrency: 1,
    providers: [gated],
    generateModel: 'gated/model',
  });
  await generate(db.pool, 'running');
  const running = await gated.call('running');
  const [quarantined = ''] = await queueInQuarantine((caller) => embed(caller, ['quarantined']));
  await generate(db.pool, 'waits', { priority: 9 });
  await eventually(async () => expect(await status(quarantined)).toBe('processing'));
  running.answer('done');
  await untilStatus(db.pool, [quarantined], 'completed');
  (await gated.call('waits')).answer('done');
});

test('what is reserved and waits is handed back when its worker stops', async () => {
  const gated = createGatedProvider();
  const tested = await startTestWorker({
    uri: db.uri,
    heartbeatMs: 100,
    leaseMs: 2_000,
    providers: [gated],
    generateModel: 'gated/model',
  });
  const finished = await generate(db.pool, 'running');
  const running = await gated.call('running');
  const [quarantined = ''] = await queueInQuarantine(async (caller) => [await generate(caller, 'quarantined')], 3);
  await eventually(async () => expect(await status(quarantined)).toBe('processing'));
  const stopped = tested.worker.stop();
  await eventually(async () => expect(await status(quarantined)).toBe('pending'));
  expect(running.signal.aborted).toBe(false);
  running.answer('done');
  await stopped;
  expect(await status(finished)).toBe('completed');
  expect(gated.calls).toHaveLength(1);
  expect(await firstValue(db.pool, 'select deaths from lamplighter.quarantine')).toBe(3);
});

test('a reserved request that its caller cancels opens the lane again at once', async () => {
  const gated = createGatedProvider();
  await using _ = await startTestWorker({
    uri: db.uri,
    heartbeatMs: 100,
    leaseMs: 2_000,
    providers: [gated],
    generateModel: 'gated/model',
  });
  await generate(db.pool, 'running');
  await gated.call('running');
  const [quarantined = ''] = await queueInQuarantine(async (caller) => [await generate(caller, 'quarantined')], 3);
  await eventually(async () => expect(await status(quarantined)).toBe('processing'));
  await db.pool.query('select steadytext_cancel_async($1)', [quarantined]);
  await generate(db.pool, 'later');
  (await gated.call('later')).answer('done');
  expect(gated.calls.map(({ prompt }) => prompt)).toEqual(['running', 'later']);
});

test('a lane that has much in quarantine answers ordinary requests as well', async () => {
  await using _ = await startTestWorker({ uri: db.uri, heartbeatMs: 100, leaseMs: 2_000, provider: { maxBatch: 1 } });
  const texts = Array.from({ length: 60 }, (__, n) => `!sleep:60 quarantined ${n}`);
  const many = await queueInQuarantine((caller) => embed(caller, texts));
  await eventually(async () => expect((await rowsOf(db.pool, many)).some((row) => row.attempt > 0)).toBe(true));
  const [ordinary = ''] = await embed(db.pool, ['ordinary']);
  await untilStatus(db.pool, [ordinary], 'completed');
  expect((await rowsOf(db.pool, many)).some((row) => row.status === 'pending')).toBe(true);
  await untilStatus(db.pool, many, 'completed');
});
