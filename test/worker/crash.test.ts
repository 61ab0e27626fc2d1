import pg from 'pg';
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { embed, firstValue, rowsOf, untilStatus } from '../support/requests.ts';
import { spawnWorker, startTestWorker, type WorkerProcess } from '../support/test-worker.ts';

/** Long enough for a busy machine, short enough for a test. */
const SHORT = { leaseMs: 1_200, heartbeatMs: 250 } as const;

let db: TestDatabase;
let listener: pg.Client;
let ended: { request_id: string; status: string }[];
beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(async () => {
  // The record outside of the queue: an end that was committed sends one event, or none if its worker dies before it has sent it.
  ended = [];
  listener = new pg.Client({ connectionString: db.uri, application_name: 'lamplighter test listener' });
  await listener.connect();
  listener.on('notification', ({ payload = '{}' }) => ended.push(JSON.parse(payload)));
  await listener.query('listen steadytext_completed');
});
afterEach(async () => {
  await listener.end();
  await db.pool.query('delete from steadytext_queue');
  await db.pool.query('delete from lamplighter.worker');
});
afterAll(() => db[Symbol.asyncDispose]());

const endsOf = (ids: readonly string[]) =>
  ended.filter(({ request_id }) => ids.includes(request_id)).map(({ request_id }) => request_id);

/** @param silent - those that a worker ended which was killed: it may not have come to tell of them. */
async function expectEndedOnce(ids: readonly string[], silent: readonly string[] = []): Promise<void> {
  const told = ids.filter((id) => !silent.includes(id));
  await eventually(() => expect(endsOf(told).length).toBeGreaterThanOrEqual(told.length));
  expect(endsOf(told).sort()).toEqual([...told].sort());
  const twice = endsOf(silent).filter((id, at, all) => all.indexOf(id) !== at);
  expect(twice).toEqual([]);
}

test('after a SIGKILL in mid-batch under load every request is answered once, charged to nobody', async () => {
  const texts = Array.from({ length: 200 }, (_, n) => `!sleep:100 request ${n}`);
  const options = { uri: db.uri, ...SHORT };
  const [started, other] = await Promise.all([spawnWorker(options), spawnWorker(options)]);
  await using first = started;
  await using second = other;
  const ids = await embed(db.pool, texts);

  const held = await eventually(
    async () => {
      // Held still for the look, as it may be through with its last batch before it is killed.
      first.kill('SIGSTOP');
      const rows = (await rowsOf(db.pool, ids)).filter((row) => row.worker_id === first.workerId);
      const isMidBatch = ['completed', 'processing'].every((sought) => rows.some(({ status }) => status === sought));
      if (!isMidBatch) first.kill('SIGCONT');
      expect(isMidBatch).toBe(true);
      first.kill('SIGKILL');
      return rows.length;
    },
    { intervalMs: 5 },
  );
  expect(await first.exited).toEqual({ code: null, signal: 'SIGKILL' });
  expect(held).toBeGreaterThan(1);

  const rows = await untilStatus(db.pool, ids, 'completed', { timeoutMs: 18_000 });
  await expectEndedOnce(
    ids,
    rows.flatMap(({ request_id, worker_id }) => (worker_id === first.workerId ? request_id : [])),
  );
  const again = rows.filter(({ attempt }) => attempt === 2);
  expect(again.length).toBeGreaterThan(0);
  expect(again.every(({ worker_id }) => worker_id === second.workerId)).toBe(true);
  expect(rows.filter(({ attempt }) => attempt > 2)).toEqual([]);
  expect(rows.filter(({ retry_count, error }) => retry_count > 0 || error !== null)).toEqual([]);
  expect(await firstValue(db.pool, 'select count(*)::int from lamplighter.quarantine')).toBe(0);
  expect(
    await firstValue(db.pool, 'select status from steadytext_worker_status() where worker_id = $1', [first.workerId]),
  ).toBe('dead');
});

test('a request that kills its workers fails within its budget; its neighbours are answered and not charged', async () => {
  const options = { uri: db.uri, ...SHORT, maxRetries: 1 };
  const said: string[] = [];
  const ids = await embed(db.pool, ['a', 'b', '!die', 'c', 'd', 'e']);
  const poison = ids[2] ?? '';
  const neighbours = ids.filter((id) => id !== poison);
  let isOver = false;
  let deaths = 0;
  /** As systemd does: whenever the worker has died, another one is started. */
  const keepAlive = async () => {
    while (!isOver) {
      await using child: WorkerProcess = await spawnWorker(options);
      const over = eventually(() => expect(isOver).toBe(true), { timeoutMs: 60_000 }).then(() => child.kill('SIGKILL'));
      await child.exited;
      said.push(child.stderr());
      if (!isOver) deaths += 1;
      else await over;
    }
  };
  const kept = [keepAlive(), keepAlive()];
  try {
    const [row] = await untilStatus(db.pool, [poison], 'failed', { timeoutMs: 40_000 });
    const rows = await untilStatus(db.pool, neighbours, 'completed', { timeoutMs: 20_000 });
    // Twice among the others, once in a group in quarantine, and then twice alone: a retry and the last try.
    expect(row).toMatchObject({
      error: 'The worker died while it ran this request alone',
      retry_count: 1,
      attempt: 5,
      worker_id: null,
    });
    expect(rows).toMatchObject(neighbours.map(() => ({ retry_count: 0, error: null })));
    await expectEndedOnce(ids);
    // What comes afterwards is not held up.
    await untilStatus(db.pool, await embed(db.pool, ['afterwards']), 'completed');
    expect(deaths).toBe(5);
  } finally {
    isOver = true;
    await Promise.all(kept);
  }
  const lines = said
    .join('\n')
    .split('\n')
    .filter((line) => line.includes('failed for good'));
  expect(lines.map((line) => JSON.parse(line))).toMatchObject([
    {
      requestId: poison,
      function: 'embed',
      model: 'default',
      msg: 'a request failed for good: The worker died while it ran this request alone',
    },
  ]);
}, 60_000);

test('requests in quarantine get their turn though the worker is never idle, and those it cannot serve do not stop it', async () => {
  await using tested = await startTestWorker({ uri: db.uri, ...SHORT, concurrency: 2, provider: { maxBatch: 1 } });
  // A stream of work without a gap, so that the worker has to make room.
  let isOver = false;
  let streamed = 0;
  const stream = async () => {
    while (!isOver) {
      await untilStatus(db.pool, await embed(db.pool, ['!sleep:40 stream', '!sleep:70 stream']), 'completed');
      streamed += 2;
    }
  };
  const streams = [stream(), stream(), stream()];
  try {
    await eventually(() => expect(streamed).toBeGreaterThan(4));
    const insert = `with request as (
        insert into steadytext_queue (function_name, parameters, model, run_at)
        values ('generate', '{"prompt": "rescued"}', $1, '9000-01-01 00:00+00') returning id, request_id),
      quarantined as (insert into lamplighter.quarantine (id, deaths) select id, 2 from request)
      select request_id from request`;
    const served = await firstValue<string>(db.pool, insert, ['default']);
    const foreign = await firstValue<string>(db.pool, insert, ['test/other']);
    await untilStatus(db.pool, [served], 'completed', { timeoutMs: 15_000 });
    expect(await rowsOf(db.pool, [foreign])).toMatchObject([{ status: 'pending', attempt: 0 }]);
    const before = streamed;
    await eventually(() => expect(streamed).toBeGreaterThan(before + 10));
  } finally {
    isOver = true;
    await Promise.all(streams);
  }
  expect(tested.warnings()).toEqual([]);
}, 30_000);
