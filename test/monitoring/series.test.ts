import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { BOUNDS_S } from '../../src/monitoring/histogram.ts';
import { readRecent, readSeries } from '../../src/monitoring/read-series.ts';
import { type MetricRow, recordMetrics } from '../../src/monitoring/record-metrics.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';

const SOURCES = ['11111111-1111-4111-8111-111111111111', '22222222-2222-4222-8222-222222222222'] as const;
const MINUTE_MS = 60_000;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.pool.query('truncate lamplighter.metric_lane, lamplighter.metric_minute, lamplighter.metric_hour'));
afterAll(() => db[Symbol.asyncDispose]());

/** The beginning of the minute so many minutes ago, by the clock of the server. */
async function minuteMs(ago: number): Promise<number> {
  const { rows } = await db.pool.query<{ now_ms: number }>('select extract(epoch from now())::float8 * 1000 as now_ms');
  return (Math.floor((rows[0]?.now_ms ?? 0) / MINUTE_MS) - ago) * MINUTE_MS;
}

const record = (source: string, rows: readonly MetricRow[]) => recordMetrics(db.pool, source, rows);

const total = { system: 'requests', function_name: '', model: '' } as const;
const lane = { system: 'requests', function_name: 'embed', model: 'default' } as const;

test('the bounds of the buckets are those of the program', async () => {
  const { rows } = await db.pool.query<{ bounds: number[] }>('select lamplighter.list_metric_bounds() as bounds');
  expect(rows[0]?.bounds).toEqual(BOUNDS_S);
});

test('what several processes measured in a minute is added up, and writing it again changes nothing', async () => {
  const minute_ms = await minuteMs(5);
  for (const source of [...SOURCES, ...SOURCES]) {
    await record(source, [{ ...total, minute_ms, completed: 3, failed: 1, waits: [0, 4], runs: [4] }]);
  }
  expect(await readRecent(db.pool, 'requests')).toMatchObject({ completed: 6, failed: 2, cancelled: 0, retries: 0 });
  const series = await readSeries(db.pool, { window: '1h', system: 'requests' });
  expect(series.completed[series.at.indexOf(minute_ms)]).toBe(6);
});

test('a minute in which nobody measured is a gap, one in which a lane had nothing to do is a zero', async () => {
  const [early, late] = [await minuteMs(9), await minuteMs(7)];
  await record(SOURCES[0], [
    { ...total, minute_ms: early, completed: 1 },
    { ...lane, minute_ms: early, completed: 1 },
    { ...total, minute_ms: late },
  ]);
  const series = await readSeries(db.pool, { window: '1h', system: 'requests', functionName: 'embed' });
  const from = series.at.indexOf(early);
  expect(series.completed.slice(from - 1, from + 4)).toEqual([null, 1, null, 0, null]);
  expect(series.runP50Ms.slice(from, from + 3)).toEqual([null, null, null]);
});

test('a function is the sum of its models, and a model stands alone', async () => {
  const minute_ms = await minuteMs(3);
  await record(SOURCES[0], [
    { ...total, minute_ms, completed: 7 },
    { ...lane, minute_ms, completed: 3 },
    { ...lane, model: 'other', minute_ms, completed: 4 },
  ]);
  const sumOf = async (query: object) => {
    const { completed } = await readSeries(db.pool, { window: '1h', system: 'requests', ...query });
    return completed.reduce<number>((sum, count) => sum + (count ?? 0), 0);
  };
  expect(await sumOf({})).toBe(7);
  expect(await sumOf({ functionName: 'embed' })).toBe(7);
  expect(await sumOf({ functionName: 'embed', model: 'other' })).toBe(4);
  expect(await sumOf({ functionName: 'generate' })).toBe(0);
});

test('from 200 lanes on, models of a function are counted together', async () => {
  const minute_ms = await minuteMs(3);
  await record(
    SOURCES[0],
    Array.from({ length: 300 }, (_, at) => ({ ...lane, model: `model ${at}`, minute_ms, completed: 1 })),
  );
  const { rows } = await db.pool.query(
    `select count(*)::int as lanes, (select sum(completed)::int from lamplighter.metric_minute) as completed from lamplighter.metric_lane`,
  );
  expect(rows).toEqual([{ lanes: 201, completed: 300 }]);
});

test('the series of 7 and of 90 days are those of hours, and the last hours those of minutes', async () => {
  await record(SOURCES[0], [{ ...total, minute_ms: await minuteMs(1), completed: 1 }]);
  await db.pool.query(
    `insert into lamplighter.metric_hour (lane, hour, enqueued, completed, failed, cancelled, retries, waits, runs)
     select l.id, date_bin('1 hour', now() - d * interval '1 day', 'epoch'), 0, 10, 0, 0, 0, '{}', '{}'
     from lamplighter.metric_lane as l, unnest('{2,30}'::int[]) as d`,
  );
  const sumOf = async (window: '7d' | '90d') => {
    const { completed } = await readSeries(db.pool, { window, system: 'requests' });
    return completed.reduce<number>((sum, count) => sum + (count ?? 0), 0);
  };
  expect(await sumOf('7d')).toBe(11);
  expect(await sumOf('90d')).toBe(21);
});
