import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { createGatedProvider } from '../support/gated-provider.ts';
import { embed, firstValue, generate, untilStatus, untilStatusAfterRetries } from '../support/requests.ts';
import { startTestWorker, type TestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
let tested: TestWorker;
beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(async () => {
  tested = await startTestWorker({ uri: db.uri, provider: { maxBatch: 4 } });
});
afterEach(async () => {
  await tested[Symbol.asyncDispose]();
  expect(tested.warnings()).toEqual([]);
  await db.pool.query('delete from steadytext_queue');
});
afterAll(() => db[Symbol.asyncDispose]());

type Options = Parameters<typeof generate>[2];

async function answerTo(prompt: string, options: Options = {}): Promise<string | null | undefined> {
  const id = await generate(db.pool, prompt, { useCache: true, ...options });
  const [row] = await untilStatus(db.pool, [id], 'completed');
  return row?.result;
}

test('an equal request is answered without the model', async () => {
  expect(await answerTo('again and again')).toBe('again and again');
  expect(await answerTo('again and again')).toBe('again and again');
  expect(await answerTo('again and again', { priority: 9 })).toBe('again and again');
  expect(tested.calls.items).toBe(1);
});

test('also by another worker, and after a restart', async () => {
  await answerTo('remembered');
  await tested.worker.stop();
  await using other = await startTestWorker({ uri: db.uri });
  await answerTo('remembered');
  expect(other.calls.items).toBe(0);
});

test.each<[string, Options, number]>([
  ['another seed', { seed: 1 }, 2],
  ['other max_tokens', { maxTokens: 5 }, 2],
  ['the model by its name', { model: 'test/model' }, 1],
  ['use_cache off', { useCache: false }, 2],
])('a request with %s asks the model when it has to', async (_, options, items) => {
  await answerTo('one prompt');
  await answerTo('one prompt', options);
  expect(tested.calls.items).toBe(items);
});

test('what was asked with use_cache off is not kept', async () => {
  await answerTo('not kept', { useCache: false });
  await answerTo('not kept');
  expect(tested.calls.items).toBe(2);
});

test('two models do not share their answers', async () => {
  await answerTo('whose is it?');
  await tested.worker.stop();
  await using other = await startTestWorker({ uri: db.uri, generateModel: 'test/one' });
  await answerTo('whose is it?');
  expect(other.calls.items).toBe(1);
});

test('a model whose answers may differ is asked every time', async () => {
  await tested.worker.stop();
  await using other = await startTestWorker({ uri: db.uri, generateModel: 'test/uncacheable' });
  await answerTo('live');
  await answerTo('live');
  expect(other.calls.items).toBe(2);
});

test('once the request that gave the answer is deleted, the model is asked again', async () => {
  await answerTo('deleted');
  await db.pool.query('delete from steadytext_queue');
  await answerTo('deleted');
  await answerTo('deleted');
  expect(tested.calls.items).toBe(2);
});

test('a failure is never shared', async () => {
  const first = await generate(db.pool, '!invalid', { useCache: true });
  await untilStatus(db.pool, [first], 'failed');
  const second = await generate(db.pool, '!invalid', { useCache: true });
  await untilStatus(db.pool, [second], 'failed');
  expect(tested.calls.items).toBe(2);
});

test('equal requests that come together are computed once, in one batch and in many', async () => {
  // 40 of each in batches of 4, so that most wait for what another batch computes.
  const texts = Array.from({ length: 120 }, (_, n) => `!sleep:20 text ${n % 3}`);
  const ids = await embed(db.pool, texts, { useCache: true });
  const rows = await untilStatus(db.pool, ids, 'completed');
  expect(tested.calls.items).toBe(3);
  expect(new Set(rows.map(({ result }) => result)).size).toBe(3);
  expect(rows.every(({ attempt, retry_count }) => attempt === 1 && retry_count === 0)).toBe(true);
});

test('equal requests that keep coming while the first runs and ends are computed once', async () => {
  const ids: string[] = [];
  for (let n = 0; n < 60; n += 1) ids.push(await generate(db.pool, '!sleep:60 in a row', { useCache: true }));
  await untilStatus(db.pool, ids, 'completed');
  expect(tested.calls.items).toBe(1);
});

test('equal requests with use_cache off are each computed', async () => {
  await untilStatus(db.pool, await embed(db.pool, ['same', 'same', 'same']), 'completed');
  expect(tested.calls.items).toBe(3);
});

test('when the one that computes fails, those who wait compute for themselves', async () => {
  const ids = await embed(db.pool, Array<string>(12).fill('!sleep:30 !fail-times:1 shared'), { useCache: true });
  await untilStatusAfterRetries(db.pool, ids, 'completed');
  // The first to compute failed, and the next one answered all the others.
  expect(tested.calls.items).toBe(2);
});

test('when the one that computes is cancelled, those who wait compute for themselves', async () => {
  const gated = createGatedProvider();
  await using _ = await startTestWorker({ uri: db.uri, providers: [gated], generateModel: 'gated/model' });
  const leader = await generate(db.pool, 'shared', { useCache: true, model: 'gated/model' });
  const call = await gated.call('shared');
  const follower = await generate(db.pool, 'shared', { useCache: true, model: 'gated/model' });
  await firstValue(db.pool, 'select steadytext_cancel_async($1)', [leader]);
  (await gated.call('shared', 2)).answer('from the second call');
  call.answer('from the first call, too late');
  expect(await untilStatus(db.pool, [follower], 'completed')).toMatchObject([{ result: 'from the second call' }]);
});

test('a cached answer does not wait for its neighbours in the batch', async () => {
  await answerTo('quick');
  const ids = await firstValue<string[]>(
    db.pool,
    `select steadytext_generate_batch_async(array['!hang', 'quick', '!hang too'])`,
  );
  await untilStatus(db.pool, ids.slice(1, 2), 'completed', { timeoutMs: 3_000 });
});
