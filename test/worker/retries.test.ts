import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import {
  embed,
  firstValue,
  generate,
  rowOf,
  rowsOf,
  skipDelays,
  untilStatus,
  untilStatusAfterRetries,
} from '../support/requests.ts';
import { startTestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.pool.query('delete from steadytext_queue'));
afterAll(() => db[Symbol.asyncDispose]());

test('a request that fails is tried four times, each later than the one before, and then stays failed', async () => {
  await using tested = await startTestWorker({ uri: db.uri });
  const id = await generate(db.pool, '!fail');
  const delaysMs: number[] = [];
  for (const retryCount of [1, 2, 3]) {
    const row = await eventually(async () => {
      const found = await rowOf(db.pool, id);
      expect(found).toMatchObject({ status: 'pending', retry_count: retryCount, attempt: retryCount });
      return found;
    });
    expect(row).toMatchObject({ error: 'The test runtime was told to fail', worker_id: null, failed_at: null });
    delaysMs.push((row.run_at?.getTime() ?? 0) - (row.started_at?.getTime() ?? 0));
    await skipDelays(db.pool);
  }
  const [row] = await untilStatus(db.pool, [id], 'failed');
  expect(row).toMatchObject({ retry_count: 3, attempt: 4, error: 'The test runtime was told to fail' });
  expect(row?.failed_at).not.toBeNull();
  // 1 s, 2 s and 4 s, each times 0.5 to 1, and the time of the try itself.
  for (const [at, baseMs] of [1_000, 2_000, 4_000].entries()) {
    expect(delaysMs[at]).toBeGreaterThanOrEqual(baseMs * 0.5);
    expect(delaysMs[at]).toBeLessThanOrEqual(baseMs + 500);
  }
  expect(tested.calls.texts).toEqual(['!fail', '!fail', '!fail', '!fail']);
});

test('a request is tried again by itself once its delay is over, and answered', async () => {
  await using _ = await startTestWorker({ uri: db.uri });
  const id = await generate(db.pool, '!fail-times:1 then well');
  const [row] = await untilStatus(db.pool, [id], 'completed');
  expect(row).toMatchObject({ retry_count: 1, attempt: 2, error: null, failed_at: null });
});

test.each([0, 1])('with max_retries %i there are that many retries', async (maxRetries) => {
  await using _ = await startTestWorker({ uri: db.uri, maxRetries });
  const id = await generate(db.pool, '!fail');
  const [row] = await untilStatusAfterRetries(db.pool, [id], 'failed');
  expect(row).toMatchObject({ retry_count: maxRetries, attempt: maxRetries + 1 });
});

test('what the provider is to blame for is charged to nobody, however often', async () => {
  await using _ = await startTestWorker({ uri: db.uri, maxRetries: 1 });
  const id = await generate(db.pool, '!unavailable-times:4');
  await eventually(async () => {
    const row = await rowOf(db.pool, id);
    expect(row).toMatchObject({ retry_count: 0, failed_at: null });
    if (row.status === 'pending' && row.attempt > 0) {
      expect(row.error).toBe('The test runtime was told to be unavailable');
      await skipDelays(db.pool);
    }
    expect(row.status).toBe('completed');
  });
  expect(await rowOf(db.pool, id)).toMatchObject({ attempt: 5, retry_count: 0, error: null });
});

test('a provider that says when to call again is called then', async () => {
  await using _ = await startTestWorker({ uri: db.uri });
  const id = await generate(db.pool, '!unavailable:90000');
  await eventually(async () => expect(await rowOf(db.pool, id)).toMatchObject({ status: 'pending', attempt: 1 }));
  const { run_at, started_at } = await rowOf(db.pool, id);
  const delayMs = (run_at?.getTime() ?? 0) - (started_at?.getTime() ?? 0);
  expect(delayMs).toBeGreaterThanOrEqual(90_000);
  expect(delayMs).toBeLessThan(95_000);
});

test.each(['1e12', 'NaN', '-5'])('a provider that asks for a pause of %s ms costs nobody anything', async (pause) => {
  await using tested = await startTestWorker({ uri: db.uri });
  const id = await generate(db.pool, `!unavailable:${pause}`);
  await eventually(async () => expect((await rowOf(db.pool, id)).attempt).toBeGreaterThan(0));
  const row = await eventually(async () => {
    const found = await rowOf(db.pool, id);
    expect(found.status).toBe('pending');
    return found;
  });
  expect(row.retry_count).toBe(0);
  const delayMs = (row.run_at?.getTime() ?? Date.now()) - (row.started_at?.getTime() ?? 0);
  expect(delayMs).toBeLessThan(3_700_000);
  await db.pool.query('delete from steadytext_queue');
  expect(tested.warnings()).toMatchObject([
    { msg: expect.stringMatching(/^the model "test\/model" is unavailable: /) },
  ]);
});

test('a call that rejects as a whole is asked again item by item, and only the culprit is charged', async () => {
  await using _ = await startTestWorker({ uri: db.uri });
  const ids = await embed(db.pool, ['!throw', 'one', 'two', 'three']);
  const [culprit = '', ...others] = ids;
  expect(await untilStatus(db.pool, others, 'completed')).toMatchObject(others.map(() => ({ attempt: 1 })));
  expect(await rowOf(db.pool, culprit)).toMatchObject({ retry_count: 1, error: 'The test runtime was told to throw' });
});

test('steadytext_retry gives a failed request all its tries again', async () => {
  await using _ = await startTestWorker({ uri: db.uri, maxRetries: 1 });
  const id = await generate(db.pool, '!fail-times:3');
  await untilStatusAfterRetries(db.pool, [id], 'failed');
  expect(await firstValue(db.pool, 'select steadytext_retry($1)', [id])).toBe(true);
  const [row] = await untilStatusAfterRetries(db.pool, [id], 'completed');
  expect(row).toMatchObject({ attempt: 4, retry_count: 1, error: null, failed_at: null });
});

test('a result that the server refuses to store fails its own request, at once, and nobody else', async () => {
  await db.pool.query(`alter table steadytext_queue add constraint no_curse check (result is distinct from 'a curse')`);
  try {
    await using _ = await startTestWorker({ uri: db.uri });
    const prompts = Array.from({ length: 40 }, (__, n) => (n === 17 ? 'a curse' : `a blessing ${n}`));
    const ids = await firstValue<string[]>(db.pool, 'select steadytext_generate_batch_async($1, 9, false)', [prompts]);
    const cursed = ids[17] ?? '';
    await untilStatus(
      db.pool,
      ids.filter((id) => id !== cursed),
      'completed',
    );
    const [row] = await untilStatus(db.pool, [cursed], 'failed');
    expect(row).toMatchObject({ attempt: 1, retry_count: 0, result: null });
    expect(row?.error).toMatch(/^The result could not be stored: .*"no_curse"/);
  } finally {
    await db.pool.query('alter table steadytext_queue drop constraint no_curse');
  }
});

test('an end that makes the server fail is charged to its own request, and nobody else waits for it', async () => {
  await db.pool.query(`
    create function refuse_curses() returns trigger language plpgsql as $$
    begin
      if new.result = 'a curse' then raise exception 'no curses here' using errcode = 'XX000'; end if;
      return new;
    end $$;
    create trigger refuse_curses before update on steadytext_queue for each row execute function refuse_curses()`);
  try {
    await using _ = await startTestWorker({ uri: db.uri, maxRetries: 1 });
    const prompts = ['a curse', ...Array.from({ length: 20 }, (__, n) => `a blessing ${n}`)];
    const [cursed = '', ...others] = await firstValue<string[]>(
      db.pool,
      'select steadytext_generate_batch_async($1, 9, false)',
      [prompts],
    );
    await untilStatus(db.pool, others, 'completed');
    const [row] = await untilStatusAfterRetries(db.pool, [cursed], 'failed');
    expect(row).toMatchObject({ attempt: 2, retry_count: 1, error: 'The result could not be stored: no curses here' });
  } finally {
    await db.pool.query('drop function refuse_curses cascade');
  }
});

test('the figures count what was processed and what failed, and not what was handed back', async () => {
  await using tested = await startTestWorker({ uri: db.uri, maxRetries: 0, heartbeatMs: 100, leaseMs: 2_000 });
  const good = await generate(db.pool, 'good');
  const bad = await generate(db.pool, '!fail');
  const deferred = await generate(db.pool, '!unavailable');
  await untilStatus(db.pool, [good], 'completed');
  await untilStatus(db.pool, [bad], 'failed');
  await eventually(async () => expect((await rowsOf(db.pool, [deferred]))[0]?.attempt).toBeGreaterThan(0));
  await eventually(async () => {
    const { rows } = await db.pool.query(
      'select processed, failed, in_flight from steadytext_worker_status() where worker_id = $1',
      [tested.worker.workerId],
    );
    expect(rows).toEqual([{ processed: '2', failed: '1', in_flight: 0 }]);
  });
});
