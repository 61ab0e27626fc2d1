import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, expectTypeOf, test } from 'vitest';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { type Client, createClient, type RankedDocument, type RequestId } from '../../src/index.ts';
import type { Outcome } from '../../src/requests/finish-requests.ts';
import { pgbouncer, startPgbouncer } from '../db/pgbouncer.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openSession } from '../support/sql-session.ts';
import { type SqlWorker, startSqlWorker } from '../support/sql-worker.ts';

let db: TestDatabase;
let client: Client;
let worker: SqlWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  client = createClient({ uri: db.uri });
  worker = await startSqlWorker(db.pool, {
    functions: ['embed', 'generate', 'rerank', 'generate_json', 'generate_choice', 'generate_regex'],
  });
});
afterAll(async () => {
  await client.close();
  await db[Symbol.asyncDispose]();
});
beforeEach(() => db.pool.query('delete from steadytext_queue'));

async function end(outcome: Outcome): Promise<void> {
  await worker.finish(await worker.claim(), outcome);
}

const failed: Outcome = { kind: 'failed', error: 'the model said no' };
const settled = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

describe('the result has the type of its function', () => {
  test('a text', async () => {
    const requestId = await client.generate('p');
    const result = client.wait(requestId);
    expectTypeOf(result).toEqualTypeOf<Promise<string>>();
    await worker.answer('an answer');
    expect(await result).toBe('an answer');
  });

  test('one of the choices', async () => {
    const requestId = await client.generateChoice({ prompt: 'p', choices: ['yes', 'no'] });
    expectTypeOf(client.wait<'yes' | 'no'>).toBeCallableWith(requestId);
    await worker.answer('no');
    const result = await client.wait(requestId);
    expectTypeOf(result).toEqualTypeOf<'yes' | 'no'>();
    expect(result).toBe('no');
  });

  test('a vector, exactly, and each waiter has its own', async () => {
    const requestId = await client.embed('t');
    await worker.answer('[0.6,-0.8]');
    const [one, other] = await Promise.all([client.wait(requestId), client.wait(requestId)]);
    expectTypeOf(one).toEqualTypeOf<Float32Array>();
    expect(one).toEqual(Float32Array.of(0.6, -0.8));
    expect(one).not.toBe(other);
  });

  test('ranked documents', async () => {
    const requestId = await client.rerank({ query: 'q', documents: ['a', 'b'] });
    await worker.answer('[["b", 0.9], ["a", 0.1]]');
    const result = await client.wait(requestId);
    expectTypeOf(result).toEqualTypeOf<readonly RankedDocument[]>();
    expect(result).toEqual([
      { document: 'b', score: 0.9 },
      { document: 'a', score: 0.1 },
    ]);
  });

  test('JSON, of which nothing is known', async () => {
    const requestId = await client.generateJson({ prompt: 'p', schema: { type: 'object' } });
    await worker.answer('{"n": 1}');
    const result = await client.wait(requestId);
    expectTypeOf(result).toBeUnknown();
    expect(result).toEqual({ n: 1 });
  });

  test('an id that was kept as text says nothing, unless the caller does', async () => {
    const requestId: string = (await client.embed('t')).toUpperCase();
    await worker.answer('[1]');
    expectTypeOf(client.wait(requestId)).resolves.toBeUnknown();
    const vector = await client.wait<Float32Array>(requestId);
    expect(vector).toBeInstanceOf(Float32Array);
  });

  test('the id of one function is not that of another', async () => {
    expectTypeOf<RequestId<string>>().not.toExtend<RequestId<Float32Array>>();
    expectTypeOf<RequestId<string>>().toExtend<string>();
  });
});

describe('a request that ends otherwise is an error', () => {
  test('failed', async () => {
    const requestId = await client.embed('t');
    const waiting = settled(client.wait(requestId));
    await end(failed);
    expect(await waiting).toMatchObject({
      code: 'REQUEST_FAILED',
      message: `Request ${requestId} failed: the model said no`,
    });
    expect(await client.check(requestId)).toMatchObject({ status: 'failed', error: 'the model said no' });
  });

  test('cancelled, by any client', async () => {
    const requestId = await client.embed('t');
    const waiting = settled(client.wait(requestId));
    await using other = createClient({ uri: db.uri });
    expect(await other.cancel(requestId)).toBe(true);
    expect(await waiting).toMatchObject({ code: 'REQUEST_CANCELLED', message: `Request ${requestId} was cancelled` });
    expect(await other.cancel(requestId)).toBe(false);
  });

  test('a result that somebody has spoilt', async () => {
    const requestId = await client.embed('t');
    await worker.answer('no vector');
    await expect(client.wait(requestId)).rejects.toMatchObject({ code: 'REQUEST_FAILED' });
  });
});

describe('a wait that is over before the request', () => {
  test('times out with what stands in the way', async () => {
    const served = await client.embed('t');
    const unserved = await client.embed('t', { model: 'some/model' });
    const errors = await Promise.all([served, unserved].map((id) => settled(client.wait(id, { timeoutMs: 30 }))));
    expect(errors).toMatchObject([
      {
        code: 'REQUEST_TIMEOUT',
        message: `Timeout waiting for the result of request ${served} (0.03 s)`,
        hint: 'The request goes on: wait again, or cancel it.',
      },
      {
        code: 'REQUEST_TIMEOUT',
        hint: 'No running worker serves embed with model "some/model" (1 runs); start one with: lamplighter worker --embed-model some/model.',
      },
    ]);
  });

  test('with no time at all looks once', async () => {
    const requestId = await client.embed('t');
    await expect(client.wait(requestId, { timeoutMs: 0 })).rejects.toMatchObject({ code: 'REQUEST_TIMEOUT' });
    await worker.answer('[1]');
    expect(await client.wait(requestId, { timeoutMs: 0 })).toEqual(Float32Array.of(1));
  });

  test('ends with its signal, at once, and leaves other waits for the request alone', async () => {
    const requestId = await client.embed('t');
    const aborting = new AbortController();
    const aborted = settled(client.wait(requestId, { signal: aborting.signal }));
    const other = client.wait(requestId);
    aborting.abort('enough');
    expect(await aborted).toMatchObject({ code: 'ABORTED', cause: 'enough' });
    await expect(client.wait(requestId, { signal: aborting.signal })).rejects.toMatchObject({ code: 'ABORTED' });
    await worker.answer('[1]');
    expect(await other).toEqual(Float32Array.of(1));
  });

  test('ends when the client is closed, and so do later calls', async () => {
    const closing = createClient({ uri: db.uri });
    const requestId = await closing.embed('t');
    const waiting = settled(closing.wait(requestId));
    await Promise.all([closing.close(), closing.close()]);
    expect(await waiting).toMatchObject({ code: 'ABORTED', message: 'The client was closed' });
    await expect(closing.wait(requestId)).rejects.toMatchObject({ code: 'ABORTED' });
    await expect(closing.embed('t')).rejects.toMatchObject({ code: 'ABORTED' });
  });

  test.each([Number.NaN, -1, Number.POSITIVE_INFINITY])('refuses a time of %s', async (timeoutMs) => {
    await expect(client.wait(randomUUID(), { timeoutMs })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  });
});

describe('a request that is not visible', () => {
  test('may be about to commit', async () => {
    const caller = await db.pool.connect();
    try {
      await caller.query('begin');
      const requestId = await client.embed('t', { db: caller });
      const waiting = client.wait(requestId);
      await caller.query('commit');
      await worker.answer('[1]');
      expect(await waiting).toEqual(Float32Array.of(1));
    } finally {
      caller.release();
    }
  });

  test('is not found in the end, and the hint speaks of committing', async () => {
    const requestId = randomUUID();
    const startedMs = performance.now();
    const error = await client.wait(requestId, { timeoutMs: 40 }).catch((reason: unknown) => reason);
    const waitedMs = performance.now() - startedMs;
    expect(error).toMatchObject({
      code: 'REQUEST_NOT_FOUND',
      message: expect.stringMatching(new RegExp(`^Request ${requestId} was not found within [\\d.]+ s`)),
      hint: expect.stringContaining('commit first, then wait'),
    });
    const seconds = Number(/within ([\d.]+) s/.exec(String(error))?.[1]);
    // Rounded to milliseconds.
    expect(seconds).toBeGreaterThanOrEqual(0.04);
    expect(seconds).toBeLessThanOrEqual(waitedMs / 1_000 + 0.001);
  });

  test('may be that of another role', async () => {
    const [one, other] = [await db.createRole(), await db.createRole()];
    for (const { name } of [one, other]) await db.pool.query('select lamplighter.grant_caller($1)', [name]);
    await using ofOne = createClient({ uri: one.uri });
    await using ofOther = createClient({ uri: other.uri });
    const requestId = await ofOne.embed('t');
    expect(await ofOther.check(requestId)).toBeUndefined();
    expect(await ofOther.cancel(requestId)).toBe(false);
    await expect(ofOther.wait(requestId, { timeoutMs: 30 })).rejects.toMatchObject({ code: 'REQUEST_NOT_FOUND' });
    const waiting = ofOne.wait(requestId);
    await worker.answer('[1]');
    expect(await waiting).toEqual(Float32Array.of(1));
  });

  test('is refused when its id is none, and does no harm to others', async () => {
    for (const work of [client.wait('1'), client.check('x'), client.cancel(''), client.checkBatch(['; drop'])]) {
      await expect(work).rejects.toMatchObject({ code: 'REQUEST_NOT_FOUND', message: expect.stringContaining('UUID') });
    }
  });
});

test('check and checkBatch show requests as they are, in the order asked', async () => {
  const [first, second] = await client.embedBatch(['a', 'b'], { priority: 5, model: 'default' });
  await worker.finish([await worker.claimOne()], { kind: 'completed', result: '[1]' });
  const shown = await client.checkBatch([second ?? '', randomUUID(), first ?? '']);
  expect(shown).toEqual([
    expect.objectContaining({ requestId: second, status: 'pending', priority: 5, retryCount: 0, model: 'default' }),
    undefined,
    {
      requestId: first,
      functionName: 'embed',
      model: 'default',
      status: 'completed',
      result: Float32Array.of(1),
      priority: 5,
      retryCount: 0,
      createdAt: expect.any(Date),
      startedAt: expect.any(Date),
      completedAt: expect.any(Date),
    },
  ]);
  expect(Math.abs(Number(shown[2]?.createdAt) - Date.now())).toBeLessThan(60_000);
});

test('times are exact, however many digits of a number the session shows', async () => {
  const requestId = await client.embed('t');
  await using session = await openSession(db.uri);
  await session.client.query('set extra_float_digits = -15');
  expect((await client.check(requestId, { db: session.client }))?.createdAt).toEqual(
    (await client.check(requestId))?.createdAt,
  );
});

test('retry brings a failed request back, and only that', async () => {
  const requestId = await client.embed('t');
  expect(await client.retry(requestId)).toBe(false);
  await end(failed);
  expect(await client.retry(requestId)).toBe(true);
  const waiting = client.wait(requestId);
  await worker.answer('[1]');
  expect(await waiting).toEqual(Float32Array.of(1));
});

test('stats and workers tell what SQL tells', async () => {
  await client.embedBatch(['a', 'b']);
  await worker.finish([await worker.claimOne()], { kind: 'completed', result: '[1]' });
  await client.generate('p');
  expect(await client.stats()).toEqual([
    {
      functionName: 'embed',
      pending: 1,
      processing: 0,
      completed: 1,
      failed: 0,
      cancelled: 0,
      oldestPendingMs: expect.any(Number),
      avgProcessingMs: expect.any(Number),
      p95ProcessingMs: expect.any(Number),
    },
    {
      functionName: 'generate',
      pending: 1,
      processing: 0,
      completed: 0,
      failed: 0,
      cancelled: 0,
      oldestPendingMs: expect.any(Number),
    },
  ]);
  expect(await client.workers()).toEqual([
    {
      workerId: worker.workerId,
      hostname: 'test-host',
      pid: 4711,
      status: 'running',
      version: '0.0.0',
      functions: ['embed', 'generate', 'generate_choice', 'generate_json', 'generate_regex', 'rerank'],
      concurrency: 4,
      inFlight: 0,
      processed: 0,
      failed: 0,
      startedAt: expect.any(Date),
      lastHeartbeat: expect.any(Date),
    },
  ]);
});

test('a client of two connections waits for 1,000 requests', async () => {
  await using own = await createTestDatabase();
  const ownWorker = await startSqlWorker(own.pool);
  await using small = createClient({ uri: own.uri, maxConnections: 2 });
  const ids = await small.embedBatch(Array.from({ length: 1_000 }, (_, i) => `text ${i}`));
  const results = Promise.all(ids.map((id) => small.wait(id)));
  await eventually(async () => {
    const { rows } = await own.pool.query(
      `select application_name as name from pg_stat_activity
       where datname = current_database() and application_name <> 'lamplighter test' order by 1`,
    );
    expect(rows).toEqual([{ name: 'lamplighter client' }, { name: 'lamplighter listener' }]);
  });
  while ((await ownWorker.answer('[1]')) > 0);
  expect(await results).toHaveLength(1_000);
});

test.skipIf(pgbouncer === undefined)('behind a transaction pooler, everything works by polling', async () => {
  await using pooler = await startPgbouncer(resolveConnection({ uri: db.uri }, {}), 'transaction');
  await using pooled = createClient({ settings: pooler.settings });
  const ids = await pooled.generateBatch(['a', 'b', 'c']);
  const results = Promise.all(ids.map((id) => pooled.wait(id)));
  await worker.answer('an answer');
  expect(await results).toEqual(['an answer', 'an answer', 'an answer']);
});
