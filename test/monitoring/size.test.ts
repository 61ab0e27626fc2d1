import { afterAll, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { firstValue } from '../support/requests.ts';

const LANES = 5;
const MOST_BYTES = 5_000_000;

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db?.[Symbol.asyncDispose]());

test('a lane that is busy in every minute takes 5 MB at most: minutes of 7 days and hours of 90', async () => {
  // Large counts in every bucket, and counted by some processes at once until minutes are merged.
  await db.pool.query(`
    insert into lamplighter.metric_lane (system, function_name, model) select 'requests', 'embed', 'model ' || n from generate_series(1, ${LANES}) as n;
    insert into lamplighter.metric_minute (lane, minute, source, enqueued, completed, failed, cancelled, retries, tokens, oldest_pending_s, waits, runs)
    select l.id, date_bin('1 minute', now(), 'epoch') - m * interval '1 minute', gen_random_uuid(), 100000, 100000, 100000, 100000, 100000,
           1000000000, 12.5, array_fill(100000, array[20]), array_fill(100000, array[20])
    from lamplighter.metric_lane as l, generate_series(0, 10079) as m, generate_series(1, case when m < 15 then 8 else 1 end);
    insert into lamplighter.metric_hour (lane, hour, enqueued, completed, failed, cancelled, retries, tokens, oldest_pending_s, waits, runs)
    select l.id, date_bin('1 hour', now(), 'epoch') - h * interval '1 hour', 100000, 100000, 100000, 100000, 100000,
           1000000000, 12.5, array_fill(100000, array[20]), array_fill(100000, array[20])
    from lamplighter.metric_lane as l, generate_series(0, 2159) as h`);
  const bytes = await firstValue<number>(
    db.pool,
    `select (pg_total_relation_size('lamplighter.metric_minute') + pg_total_relation_size('lamplighter.metric_hour'))::float8`,
  );
  expect(bytes / LANES).toBeGreaterThan(1_000_000);
  expect(bytes / LANES).toBeLessThanOrEqual(MOST_BYTES);
});
