import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { readRecent } from '../../src/monitoring/read-series.ts';
import {
  compactMetrics,
  measureCancelled,
  measureEnqueued,
  recordMetrics,
} from '../../src/monitoring/record-metrics.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { embed, firstValue } from '../support/requests.ts';
import { openSession } from '../support/sql-session.ts';

const SOURCE = '11111111-1111-4111-8111-111111111111';
const MINUTE_MS = 60_000;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(async () => {
  await measureEnqueued(db.pool);
  await measure();
});
afterEach(() =>
  db.pool.query(`truncate lamplighter.metric_lane, lamplighter.metric_minute, lamplighter.metric_hour, lamplighter.metric_cursor, lamplighter.metric_cancel;
    delete from steadytext_queue`),
);
afterAll(() => db[Symbol.asyncDispose]());

/** A process that measures this minute and the next one. */
async function measure(system: 'requests' | 'tasks' = 'requests'): Promise<void> {
  const nowMs = await firstValue<number>(db.pool, 'select extract(epoch from clock_timestamp())::float8 * 1000');
  const minute = Math.floor(nowMs / MINUTE_MS) * MINUTE_MS;
  await recordMetrics(
    db.pool,
    SOURCE,
    [minute, minute + MINUTE_MS].map((minute_ms) => ({ system, function_name: '', model: '', minute_ms })),
  );
}

async function enqueued(): Promise<number> {
  return (await readRecent(db.pool, 'requests')).enqueued;
}

/**
 * Looks until so many are counted: the first look notes the ids that a later one counts, once all transactions of the server have ended that
 * ran then, those of other tests included.
 */
async function untilCounted(count: number, system: 'requests' | 'tasks' = 'requests'): Promise<void> {
  await eventually(async () => {
    await measureEnqueued(db.pool);
    expect((await readRecent(db.pool, system)).enqueued).toBe(count);
  });
}

test('what was queued is counted once, however often somebody looks', async () => {
  await embed(db.pool, ['a', 'b', 'c']);
  await untilCounted(3);
  await embed(db.pool, ['d']);
  await untilCounted(4);
  await measureEnqueued(db.pool);
  expect(await enqueued()).toBe(4);
});

test('what was there before anybody measured is not counted', async () => {
  await db.pool.query('truncate lamplighter.metric_cursor');
  await embed(db.pool, ['a', 'b']);
  await measureEnqueued(db.pool);
  await embed(db.pool, ['c']);
  await untilCounted(1);
});

test('what an open transaction has queued is counted once it has committed', async () => {
  await using session = await openSession(db.uri);
  await session.client.query('begin');
  await embed(session.client, ['a', 'b']);
  await embed(db.pool, ['c']);
  await measureEnqueued(db.pool);
  await measureEnqueued(db.pool);
  expect(await enqueued()).toBe(0);
  await session.client.query('commit');
  await untilCounted(3);
});

test('a transaction that stays open for five minutes holds up no figure', async () => {
  await using session = await openSession(db.uri);
  await session.client.query('begin');
  await embed(session.client, ['a', 'b']);
  await embed(db.pool, ['c']);
  await measureEnqueued(db.pool);
  await db.pool.query(`update lamplighter.metric_cursor set noted_at = now() - interval '6 minutes'`);
  await measureEnqueued(db.pool);
  expect(await enqueued()).toBe(1);
});

test('more than one statement reads are counted by several', async () => {
  await db.pool.query(`select lamplighter.set('max_queue_size', '100000')`);
  await db.pool.query(
    `insert into steadytext_queue (function_name, parameters) select 'embed', '{}' from generate_series(1, 20000)`,
  );
  await untilCounted(15_000);
  expect(await measureEnqueued(db.pool)).toBe(false);
  expect(await enqueued()).toBe(20_000);
});

test('two sessions at once count nothing twice', async () => {
  await embed(db.pool, ['a', 'b', 'c']);
  for (let look = 0; look < 5; look += 1) {
    await Promise.all(Array.from({ length: 5 }, () => measureEnqueued(db.pool)));
  }
  await untilCounted(3);
});

test('what was queued in a minute that nobody measured leaves that minute a gap', async () => {
  await db.pool.query('delete from lamplighter.metric_minute');
  await embed(db.pool, ['a']);
  await eventually(async () => {
    await measureEnqueued(db.pool);
    const isCounted = 'select counted_id = next_id and counted_id > 0 from lamplighter.metric_cursor where system = $1';
    expect(await firstValue(db.pool, isCounted, ['requests'])).toBe(true);
  });
  expect(await firstValue(db.pool, 'select count(*)::int from lamplighter.metric_minute')).toBe(0);
});

test('tasks are counted, too', async () => {
  await measure('tasks');
  await db.pool.query(`select lantern.async_task('select 1'), lantern.async_task('select 2')`);
  await untilCounted(2, 'tasks');
});

test('a cancel is counted whoever made it and whatever ran, once', async () => {
  const [first, second] = await embed(db.pool, ['a', 'b', 'c']);
  await db.pool.query(`update steadytext_queue set status = 'processing' where request_id = $1`, [first]);
  await db.pool.query(`select steadytext_cancel_async($1)`, [first]);
  await db.pool.query(`update steadytext_queue set status = 'cancelled' where request_id = $1`, [second]);
  await measureCancelled(db.pool);
  await measureCancelled(db.pool);
  expect(await readRecent(db.pool, 'requests')).toMatchObject({ cancelled: 2 });
});

test('compacting changes no sum, and leaves one row of a lane and minute', async () => {
  const minute_ms =
    Math.floor((await firstValue<number>(db.pool, 'select extract(epoch from now())::float8 * 1000')) / MINUTE_MS) *
      MINUTE_MS -
    30 * MINUTE_MS;
  const sources = [SOURCE, '22222222-2222-4222-8222-222222222222', '33333333-3333-4333-8333-333333333333'];
  for (const [at, source] of sources.entries()) {
    await recordMetrics(db.pool, source, [
      {
        system: 'requests',
        function_name: '',
        model: '',
        minute_ms,
        completed: 2,
        waits: [0, 1],
        runs: Array(at + 1).fill(1),
        oldest_pending_s: at,
      },
    ]);
  }
  const before = await readRecent(db.pool, 'requests');
  await compactMetrics(db.pool);
  await compactMetrics(db.pool);
  expect(await readRecent(db.pool, 'requests')).toEqual(before);
  expect(before.completed).toBe(6);
  const { rows } = await db.pool.query(
    `select waits, runs, oldest_pending_s from lamplighter.metric_minute where completed > 0`,
  );
  expect(rows).toEqual([{ waits: [0, 3], runs: [3, 2, 1], oldest_pending_s: 2 }]);
});

test('hours that are over are summed up, and minutes and hours go when they are old', async () => {
  const lane = await firstValue<number>(db.pool, `select id from lamplighter.metric_lane`);
  await db.pool.query(
    `insert into lamplighter.metric_minute (lane, minute, source, completed)
     select $1::int, date_bin('1 hour', now(), 'epoch') - m * interval '1 minute', $2::uuid, 1 from generate_series(1, 60) as m
     union all select $1::int, date_bin('1 minute', now() - interval '8 days', 'epoch'), $2::uuid, 1`,
    [lane, SOURCE],
  );
  await db.pool.query(
    `insert into lamplighter.metric_hour (lane, hour, enqueued, completed, failed, cancelled, retries, waits, runs)
     select $1, date_bin('1 hour', now() - interval '91 days', 'epoch'), 0, 5, 0, 0, 0, '{}', '{}'`,
    [lane],
  );
  await compactMetrics(db.pool);
  const { rows } = await db.pool.query(
    "select completed, hour > now() - interval '2 hours' as is_late from lamplighter.metric_hour",
  );
  expect(rows).toEqual([{ completed: 60, is_late: true }]);
  expect(
    await firstValue(
      db.pool,
      `select count(*)::int from lamplighter.metric_minute where minute < now() - interval '7 days'`,
    ),
  ).toBe(0);
});

test('a lane of 90 days takes 5 MB at most', async () => {
  await db.pool.query('truncate lamplighter.metric_minute, lamplighter.metric_hour');
  const counts = `array(select (100 + n * 37 % 900)::int from generate_series(1, 20) as n)`;
  await db.pool.query(
    `insert into lamplighter.metric_minute (lane, minute, source, enqueued, completed, failed, retries, tokens, oldest_pending_s, waits, runs)
     select 1, 'epoch'::timestamptz + m * interval '1 minute', gen_random_uuid(), 1000, 990, 5, 5, 50000, 1.5, ${counts}, ${counts}
     from generate_series(1, 7 * 24 * 60) as m`,
  );
  await db.pool.query(
    `insert into lamplighter.metric_hour (lane, hour, enqueued, completed, failed, cancelled, retries, tokens, oldest_pending_s, waits, runs)
     select 1, 'epoch'::timestamptz + h * interval '1 hour', 60000, 59000, 300, 0, 300, 3000000, 1.5, ${counts}, ${counts}
     from generate_series(1, 90 * 24) as h`,
  );
  const bytes = await firstValue<string>(
    db.pool,
    `select pg_total_relation_size('lamplighter.metric_minute') + pg_total_relation_size('lamplighter.metric_hour')`,
  );
  expect(Number(bytes)).toBeLessThan(5_000_000);
});
