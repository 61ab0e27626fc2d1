import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { createWorker } from '../../src/worker/create-worker.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { embed, firstValue, generate, rowOf, untilStatus } from '../support/requests.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { startTestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.pool.query('delete from steadytext_queue'));
afterAll(() => db[Symbol.asyncDispose]());

test('without any option a worker answers embed and rerank, and says why nothing else', async () => {
  const worker = await createWorker({ uri: db.uri });
  try {
    const [embedding = ''] = await embed(db.pool, ['a lamp in the dark']);
    await untilStatus(db.pool, [embedding], 'completed');
    const vector = await firstValue<number[]>(db.pool, 'select steadytext_embedding($1)', [embedding]);
    expect(vector).toHaveLength(384);
    expect(Math.hypot(...vector)).toBeCloseTo(1, 5);

    const rerank = await firstValue<string>(
      db.pool,
      `select steadytext_rerank_async('red apple', array['blue car', 'a red apple'])`,
    );
    const ranking = await firstValue<string>(db.pool, 'select steadytext_get_async_result($1, 10)', [rerank]);
    expect(JSON.parse(ranking).map(([document]: [string, number]) => document)).toEqual(['a red apple', 'blue car']);

    const unserved = await generate(db.pool, 'hello');
    expect(await sqlErrorOf(db.pool, 'select steadytext_get_async_result($1, 0)', [unserved])).toMatchObject({
      message: 'Timeout waiting for async result (0 seconds)',
      hint: 'No running worker serves generate (1 runs); start one with: lamplighter worker --generate-model MODEL.',
    });
    expect(await rowOf(db.pool, unserved)).toMatchObject({ status: 'pending', attempt: 0 });
    expect(worker.report.served).toEqual([
      { functionName: 'embed', model: 'builtin/lexical' },
      { functionName: 'rerank', model: 'builtin/lexical' },
    ]);
    expect(worker.report.notServed).toContainEqual({
      functionName: 'generate',
      reason: 'no model is configured for generate',
    });
  } finally {
    await worker.stop();
  }
});

test.each([
  ['test/load-fails', /could not be loaded: the test runtime was told to fail/],
  ['test/not-loadable', /cannot be loaded: the test runtime was told so/],
  ['nobody/knows-it', /not found/],
])('a lenient worker whose model is %s serves the rest and takes none of its requests', async (model, reason) => {
  await using tested = await startTestWorker({ uri: db.uri, generateModel: model, lenient: true });
  const { served, notServed } = tested.worker.report;
  expect(served.map(({ functionName }) => functionName).sort()).toEqual(['embed', 'rerank']);
  expect(notServed).toHaveLength(4);
  for (const { reason: told } of notServed) expect(told).toMatch(reason);
  const id = await generate(db.pool, 'for nobody');
  await untilStatus(db.pool, await embed(db.pool, ['for this worker']), 'completed');
  expect(await rowOf(db.pool, id)).toMatchObject({ status: 'pending', attempt: 0 });
});

test('a worker serves only the functions it is told to', async () => {
  await using tested = await startTestWorker({ uri: db.uri, functions: ['embed'] });
  expect(tested.worker.report.served).toEqual([{ functionName: 'embed', model: 'test/model' }]);
  expect(tested.worker.report.notServed.map(({ reason }) => reason)).toEqual(Array(5).fill('not among --functions'));
});

test('a role with the grant for workers and nothing else can run one', async () => {
  const role = await db.createRole('runner');
  await db.pool.query('select lamplighter.grant_worker($1)', [role.name]);
  await using tested = await startTestWorker({ uri: role.uri, timeoutMs: 200, maxRetries: 0 });
  const ids = await embed(db.pool, ['one', 'two']);
  await untilStatus(db.pool, ids, 'completed');
  await untilStatus(db.pool, [await generate(db.pool, '!hang')], 'failed');
  expect(tested.warnings()).toEqual([]);
});

test('a role without it is told so', async () => {
  const role = await db.createRole('stranger');
  await expect(startTestWorker({ uri: role.uri })).rejects.toMatchObject({ code: 'PERMISSION_DENIED' });
});

test.each([
  [{ concurrency: 0 }, /^concurrency: expected/],
  [{ heartbeatMs: 20_000 }, /^heartbeatMs: expected at most half of the lease/],
  [{ concurency: 3 }, /^Unknown worker option "concurency".*concurrency/],
])('the options %j are refused before anything is opened', async (options, message) => {
  await expect(createWorker({ uri: 'postgresql://127.0.0.1:1/none', ...options })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringMatching(message),
  });
});
