import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import type { Queryable } from '../../src/db/query.ts';
import { createQueuedCounts } from '../../src/monitoring/queued-counts.ts';
import { readRecent } from '../../src/monitoring/read-series.ts';
import {
  compactMetrics,
  measureCancelled,
  measureEnqueued,
  measureWaiting,
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
  db.pool.query(`truncate lamplighter.metric_lane, lamplighter.metric_minute, lamplighter.metric_hour, lamplighter.metric_cursor, lamplighter.metric_cancel,
      lamplighter.metric_source; delete from steadytext_queue`),
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

async function enqueued(system: 'requests' | 'tasks' = 'requests'): Promise<number> {
  return (await readRecent(db.pool, system)).enqueued;
}

/**
 * Looks until so many tasks are counted: the first look notes the ids that a later one counts, once all transactions of the server have
 * ended that ran then, or after five minutes; those of other tests may run for long.
 */
async function untilCounted(count: number): Promise<void> {
  await eventually(async () => {
    await measureEnqueued(db.pool);
    await db.pool.query(`update lamplighter.metric_cursor set noted_at = now() - interval '6 minutes'`);
    expect(await enqueued('tasks')).toBe(count);
  });
}

const queueTasks = (count: number, client: { query(text: string): Promise<unknown> } = db.pool) =>
  client.query(`select lantern.async_task('select 1') from generate_series(1, ${count})`);

const SECOND = '22222222-2222-4222-8222-222222222222';

/** What a worker counts of requests that it claims for the first time. */
async function claim(count: number): Promise<ReturnType<typeof createQueuedCounts>> {
  const { rows } = await db.pool.query<{ minute_ms: number }>(
    `update steadytext_queue as q
     set status = 'processing', attempt = 1, run_at = '9000-01-01', started_at = now()
     where q.id in (select w.id from steadytext_queue as w where w.status = 'pending' and w.attempt = 0 order by w.id limit $1)
     returning floor(extract(epoch from q.created_at) / 60)::float8 * 60000 as minute_ms`,
    [count],
  );
  const counts = createQueuedCounts();
  for (const { minute_ms: minuteMs } of rows) counts.note('embed', 'default', minuteMs, 1);
  return counts;
}

test('what was claimed is counted once in the minute in which it was queued, however often its batch is sent', async () => {
  await embed(db.pool, ['a', 'b', 'c']);
  const counts = await claim(2);
  const sent: (readonly unknown[])[] = [];
  const recorded = {
    query: <Row extends object>(text: string, params: readonly unknown[] = []) => {
      sent.push([text, params]);
      return db.pool.query<Row>(text, [...params]);
    },
  };
  await counts.write(recorded, SECOND);
  for (const [text, params] of sent) await db.pool.query(String(text), params as unknown[]);
  expect(await enqueued()).toBe(2);
  await (await claim(1)).write(db.pool, SOURCE);
  expect(await enqueued()).toBe(3);
  const { rows } = await db.pool.query(
    'select distinct minute <= now() and minute > now() - $1::interval as is_recent from lamplighter.metric_minute where enqueued > 0',
    ['2 minutes'],
  );
  expect(rows).toEqual([{ is_recent: true }]);
});

test('a batch whose answer was lost is sent again, and counted once', async () => {
  await embed(db.pool, ['a', 'b']);
  const counts = await claim(2);
  const cut = {
    async query<Row extends object>(text: string, params: readonly unknown[] = []): Promise<{ rows: Row[] }> {
      await db.pool.query(text, [...params]);
      throw new Error('the connection broke');
    },
  };
  await expect(counts.write(cut, SECOND)).rejects.toThrow('broke');
  await counts.write(db.pool, SECOND);
  await counts.write(db.pool, SECOND);
  expect(await enqueued()).toBe(2);
});

test('what waits is counted already, and not again once it is claimed', async () => {
  await embed(db.pool, ['a', 'b', 'c', 'd']);
  await measureWaiting(db.pool);
  expect(await enqueued()).toBe(4);
  const counts = await claim(3);
  await measureWaiting(db.pool);
  expect(await enqueued()).toBe(4);
  await counts.write(db.pool, SECOND);
  await measureWaiting(db.pool);
  expect(await enqueued()).toBe(4);
  await embed(db.pool, ['e', 'f']);
  await measureWaiting(db.pool);
  expect(await enqueued()).toBe(6);
  await (await claim(3)).write(db.pool, '33333333-3333-4333-8333-333333333333');
  expect(await enqueued()).toBe(6);
});

test('what waits for another attempt was counted at the first', async () => {
  await embed(db.pool, ['a', 'b']);
  await (await claim(2)).write(db.pool, SECOND);
  await db.pool.query(`update steadytext_queue set status = 'pending', run_at = null`);
  await measureWaiting(db.pool);
  expect(await enqueued()).toBe(2);
});

test('what is deleted while it waits stays counted, if somebody looked', async () => {
  await embed(db.pool, ['a', 'b']);
  await measureWaiting(db.pool);
  await db.pool.query('delete from steadytext_queue');
  await measureWaiting(db.pool);
  expect(await enqueued()).toBe(2);
});

test('what is cancelled before anybody claimed it was queued, too', async () => {
  const [first] = await embed(db.pool, ['a', 'b', 'c']);
  await db.pool.query('select steadytext_cancel_async($1)', [first]);
  await measureCancelled(db.pool);
  expect(await enqueued()).toBe(1);
  await measureWaiting(db.pool);
  expect(await enqueued()).toBe(3);
  await db.pool.query(`update steadytext_queue set status = 'cancelled' where status = 'pending'`);
  await measureCancelled(db.pool);
  await measureWaiting(db.pool);
  expect(await readRecent(db.pool, 'requests')).toMatchObject({ enqueued: 3, cancelled: 3 });
});

test('more than one look reads are counted as they are claimed', async () => {
  await db.pool.query(`select lamplighter.set('max_queue_size', '100000')`);
  await db.pool.query(
    `insert into steadytext_queue (function_name, parameters) select 'embed', '{}' from generate_series(1, 21000)`,
  );
  await measureWaiting(db.pool);
  expect(await enqueued()).toBe(20_000);
  const minuteMs = await firstValue<number>(
    db.pool,
    'select floor(extract(epoch from max(created_at)) / 60)::float8 * 60000 from steadytext_queue',
  );
  const counts = createQueuedCounts();
  counts.note('embed', 'default', minuteMs, 21_000);
  await counts.write(db.pool, SECOND);
  expect(await enqueued()).toBe(21_000);
});

test('what was queued in a minute that nobody measured leaves that minute a gap', async () => {
  await db.pool.query('delete from lamplighter.metric_minute');
  await embed(db.pool, ['a', 'b', 'c']);
  await measureWaiting(db.pool);
  await (await claim(1)).write(db.pool, SECOND);
  await db.pool.query(`update steadytext_queue set status = 'cancelled' where status = 'pending'`);
  await measureCancelled(db.pool);
  expect(await firstValue(db.pool, 'select count(*)::int from lamplighter.metric_minute')).toBe(0);
});

test('an hour that is final has what waited since then and is claimed now', async () => {
  await db.pool.query(
    `insert into lamplighter.metric_minute (lane, minute, source, enqueued, seen)
     select l.id, date_bin('1 hour', now(), 'epoch') - interval '5 hours' + m * interval '1 minute', '00000000-0000-0000-0000-000000000000', 5, 7
     from lamplighter.metric_lane as l, generate_series(0, 59) as m;
     insert into lamplighter.metric_hour (lane, hour, enqueued, completed, failed, cancelled, retries, waits, runs)
     select l.id, date_bin('1 hour', now(), 'epoch') - interval '5 hours', 420, 0, 0, 0, 0, '{}', '{}' from lamplighter.metric_lane as l`,
  );
  const queued = `date_bin('1 hour', now(), 'epoch') - interval '5 hours' + interval '90 seconds'`;
  await db.pool.query(
    `insert into steadytext_queue (function_name, parameters, created_at) select 'embed', '{}', ${queued} from generate_series(1, 12)`,
  );
  await (await claim(1)).write(db.pool, SECOND);
  const hour = `select h.enqueued from lamplighter.metric_hour as h join lamplighter.metric_lane as l on l.id = h.lane where l.function_name = ''`;
  expect(await firstValue(db.pool, hour)).toBe(420);
  await (await claim(11)).write(db.pool, SOURCE);
  expect(await firstValue(db.pool, hour)).toBe(420 - 7 + 17);
});

/** An hour that is final, of which nothing was counted; returns its beginning. */
async function finalHour(ago = 5): Promise<number> {
  const start = `date_bin('1 hour', now(), 'epoch') - interval '${ago} hours'`;
  await db.pool.query(
    `insert into lamplighter.metric_minute (lane, minute, source)
     select l.id, ${start} + m * interval '1 minute', '${SOURCE}' from lamplighter.metric_lane as l, generate_series(0, 59) as m;
     insert into lamplighter.metric_hour (lane, hour, enqueued, completed, failed, cancelled, retries, waits, runs)
     select l.id, ${start}, 0, 0, 0, 0, 0, '{}', '{}' from lamplighter.metric_lane as l`,
  );
  return await firstValue<number>(db.pool, `select extract(epoch from ${start})::float8 * 1000`);
}

/** Expects that many in the one hour that there is, of all requests and of those of the one model. */
async function expectHour(enqueued: number): Promise<void> {
  const { rows } = await db.pool.query(
    `select l.function_name, h.enqueued from lamplighter.metric_hour as h join lamplighter.metric_lane as l on l.id = h.lane order by 1`,
  );
  expect(rows).toEqual(['', 'embed'].map((name) => ({ function_name: name, enqueued })));
}

test('an hour that is final has what is claimed or cancelled now of a minute and a model of which nothing was counted', async () => {
  const startMs = await finalHour();
  await db.pool.query(
    `insert into steadytext_queue (function_name, parameters, created_at)
     select 'embed', '{}', to_timestamp($1::float8 / 1000 + 60 * n) from generate_series(1, 12) as n`,
    [startMs],
  );
  await (await claim(7)).write(db.pool, SECOND);
  await db.pool.query(`update steadytext_queue set status = 'cancelled' where status = 'pending'`);
  await measureCancelled(db.pool);
  await expectHour(12);
});

/** Counts five requests as a process that has not committed when `work` comes to wait for it. */
async function countBeside(createdMs: number, work: () => Promise<void>): Promise<void> {
  await using session = await openSession(db.uri);
  await session.client.query('begin');
  await countFive(createdMs, session.client, SECOND);
  const working = work();
  await eventually(async () =>
    expect(await firstValue(db.pool, 'select count(*)::int from pg_locks where not granted')).toBeGreaterThan(0),
  );
  await session.client.query('commit');
  await working;
}

function countFive(createdMs: number, on: Queryable, source: string): Promise<void> {
  const counts = createQueuedCounts();
  counts.note('embed', 'default', createdMs, 5);
  return counts.write(on, source);
}

test('an hour that is final has what two processes count at once', async () => {
  const startMs = await finalHour();
  await countFive(startMs, db.pool, '33333333-3333-4333-8333-333333333333');
  await countBeside(startMs + MINUTE_MS, () => countFive(startMs + 2 * MINUTE_MS, db.pool, SOURCE));
  await expectHour(15);
});

test('an hour that is summed up keeps what is counted at that moment', async () => {
  await countBeside(await finalHour(3), () => compactMetrics(db.pool));
  await expectHour(5);
});

test('looking again at what waits writes nothing', async () => {
  await embed(db.pool, ['a', 'b']);
  await measureWaiting(db.pool);
  const versions =
    'select array_agg(m.xmin::text order by m.lane, m.minute, m.source) from lamplighter.metric_minute as m';
  const before = await firstValue(db.pool, versions);
  await measureWaiting(db.pool);
  expect(await firstValue(db.pool, versions)).toEqual(before);
});

test('tasks are counted once, however often and by how many somebody looks', async () => {
  await measure('tasks');
  await queueTasks(3);
  for (let look = 0; look < 5; look += 1) {
    await Promise.all(Array.from({ length: 5 }, () => measureEnqueued(db.pool)));
  }
  await untilCounted(3);
  await queueTasks(1);
  await untilCounted(4);
  await measureEnqueued(db.pool);
  expect(await enqueued('tasks')).toBe(4);
});

test('tasks that were there before anybody measured are not counted', async () => {
  await measure('tasks');
  await db.pool.query('truncate lamplighter.metric_cursor');
  await queueTasks(2);
  await measureEnqueued(db.pool);
  await queueTasks(1);
  await untilCounted(1);
});

test('a task that an open transaction has queued is counted once that has committed', async () => {
  await measure('tasks');
  await using session = await openSession(db.uri);
  await session.client.query('begin');
  await queueTasks(2, session.client);
  await queueTasks(1);
  await measureEnqueued(db.pool);
  await measureEnqueued(db.pool);
  expect(await enqueued('tasks')).toBe(0);
  await session.client.query('commit');
  await untilCounted(3);
});

test('a transaction that stays open for five minutes holds up no figure', async () => {
  await measure('tasks');
  await using session = await openSession(db.uri);
  await session.client.query('begin');
  await queueTasks(2, session.client);
  await queueTasks(1);
  await measureEnqueued(db.pool);
  await db.pool.query(`update lamplighter.metric_cursor set noted_at = now() - interval '6 minutes'`);
  await measureEnqueued(db.pool);
  expect(await enqueued('tasks')).toBe(1);
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
