import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createLogger } from '../../src/core/log.ts';
import { createTroubles } from '../../src/core/recurring-trouble.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { createPool } from '../../src/db/pool.ts';
import { createSettingsWatcher, type LiveSettings } from '../../src/worker/requests/upkeep/settings-watcher.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { parseLogLine } from '../support/log-line.ts';
import { firstValue, generate, untilStatus } from '../support/requests.ts';
import { runDuty } from '../support/run-duty.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { startTestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(async () => {
  await db.pool.query(`alter database ${db.name} reset all`);
  await db.pool.query('update lamplighter.setting set value = null, server_value = null');
  await db.pool.query('delete from steadytext_queue');
});
afterAll(() => db[Symbol.asyncDispose]());

/** A watcher that looks every 50 ms instead of every 5 s. */
async function watch(fixed: readonly (keyof LiveSettings)[] = []) {
  const complaints: string[] = [];
  const write = (line: string) => {
    const { level, setting, problem } = parseLogLine(line);
    if (level >= 40) complaints.push(`${setting}: ${problem}`);
  };
  const settings = resolveConnection({ uri: db.uri }, {});
  const pool = createPool(settings);
  const live: LiveSettings = { concurrency: 4, pollIntervalMs: 1_000 };
  let changes = 0;
  const log = createLogger({ destination: { write } });
  const watcher = await createSettingsWatcher({
    withShortSession: (work) => work(),
    db: pool,
    settings,
    live,
    fixed: new Set(fixed),
    onChange: () => {
      changes += 1;
    },
    log,
    troubles: createTroubles({ log, clock: systemClock }),
  });
  const service = runDuty(pool, watcher, 50);
  return {
    live,
    complaints,
    changes: () => changes,
    async [Symbol.asyncDispose]() {
      await service.stop();
      await pool.end();
    },
  };
}

const set = (name: string, value: string | null) => db.pool.query('select lamplighter.set($1, $2)', [name, value]);
const setOnServer = (name: string, value: string) =>
  db.pool.query(`alter database ${db.name} set steadytext.${name} = '${value}'`);

test('a stored setting takes effect, and taking it back restores what was before', async () => {
  await using watcher = await watch();
  expect(watcher.live).toEqual({ concurrency: 4, pollIntervalMs: 1_000 });
  await set('worker_concurrency', '9');
  await set('worker_poll_interval', '250ms');
  await eventually(() => expect(watcher.live).toEqual({ concurrency: 9, pollIntervalMs: 250 }));
  expect(watcher.changes()).toBe(2);
  await set('worker_concurrency', null);
  await eventually(() => expect(watcher.live).toEqual({ concurrency: 4, pollIntervalMs: 250 }));
});

test('a server setting wins over a stored one', async () => {
  await using watcher = await watch();
  await set('worker_concurrency', '9');
  await setOnServer('worker_concurrency', '3');
  await eventually(() => expect(watcher.live.concurrency).toBe(3));
  await db.pool.query(`alter database ${db.name} reset steadytext.worker_concurrency`);
  await eventually(() => expect(watcher.live.concurrency).toBe(9));
});

test('server settings that are not valid count as not set, and are complained about once each', async () => {
  await using watcher = await watch();
  await setOnServer('worker_concurrency', 'plenty');
  await setOnServer('worker_poll_interval', 'often');
  await eventually(() => expect(watcher.complaints).toHaveLength(2));
  await set('worker_concurrency', '8');
  await eventually(() => expect(watcher.live.concurrency).toBe(8));
  expect(watcher.complaints).toEqual([
    'steadytext.worker_concurrency: worker_concurrency must be a whole number, got "plenty"',
    `steadytext.worker_poll_interval: worker_poll_interval must be an interval such as '1s', got "often"`,
  ]);
  await setOnServer('worker_concurrency', 'more');
  await eventually(() => expect(watcher.complaints).toHaveLength(3));
});

test('options given by flag, variable or code stay as they are', async () => {
  await using watcher = await watch(['concurrency']);
  await set('worker_concurrency', '9');
  await set('worker_poll_interval', '2s');
  await eventually(() => expect(watcher.live).toEqual({ concurrency: 4, pollIntervalMs: 2_000 }));
});

test('a running worker follows within seconds, even one that waits for an hour; callers see the limit', async () => {
  await set('worker_poll_interval', '1h');
  await using tested = await startTestWorker({
    uri: db.uri,
    pollIntervalMs: undefined,
    functions: ['generate'],
    heartbeatMs: 200,
    leaseMs: 10_000,
  });
  await untilStatus(db.pool, [await generate(db.pool, 'first')], 'completed');
  await setOnServer('max_queue_size', '2');
  await setOnServer('worker_concurrency', '7');
  await set('worker_poll_interval', '100ms');
  await eventually(async () => {
    expect(await firstValue(db.pool, 'select concurrency from steadytext_worker_status()')).toBe(7);
  });

  // The flag is down, so that only looking finds this.
  await db.pool.query('update lamplighter.waiting set is_waiting = false');
  await untilStatus(db.pool, [await generate(db.pool, 'found by looking')], 'completed');
  expect(tested.warnings()).toEqual([]);

  await db.pool.query(`select steadytext_pause('generate')`);
  for (const prompt of ['one', 'two']) await generate(db.pool, prompt);
  expect(await sqlErrorOf(db.pool, `select steadytext_generate_async('three')`)).toMatchObject({
    code: '53400',
    message: 'Queue is full: at most 2 requests may be pending',
  });
});
