import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type StubAnswer, type StubServer, startStubServer } from '../models/http/stub-server.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon } from '../support/test-daemon.ts';

let db: TestDatabase;
let server: StubServer;
beforeEach(async () => {
  server = await startStubServer();
  vi.stubEnv('OPENAI_BASE_URL', `${server.url}/v1`);
  vi.stubEnv('OPENAI_API_KEY', 'sk-test');
  db = await createTestDatabase();
  await db.pool.query(DOCUMENTED_TABLE);
  await db.pool.query('alter table jobs add column batch_size integer, add column runtime_params jsonb');
});
afterEach(async () => {
  vi.unstubAllEnvs();
  await db[Symbol.asyncDispose]();
  await server.stop();
});

const JOB = { table: 'articles', embedding_model: 'openai/limited', runtime_params: { dimensions: 4 }, batch_size: 4 };
const REFUSED: StubAnswer = {
  status: 429,
  headers: { 'retry-after': '1' },
  json: { error: { message: 'slow down', type: 'rate_limit_error' } },
};
const answer = (texts: readonly string[]): StubAnswer => ({
  json: {
    object: 'list',
    data: texts.map((text, index) => ({ object: 'embedding', index, embedding: [text.length, 1, 2, 3] })),
    usage: { prompt_tokens: texts.length, total_tokens: texts.length },
  },
});

const createArticles = (rows: number) =>
  db.pool.query(
    `create table articles (id integer primary key, body text);
     insert into articles select n, 'text ' || n from generate_series(1, ${rows}) as n`,
  );
const untilComplete = (timeoutMs: number) =>
  eventually(
    async () => {
      const { rows } = await db.pool.query('select id from articles where embedding is null limit 3');
      expect(rows).toEqual([]);
    },
    { timeoutMs },
  );
const failures = async () => (await db.pool.query('select * from lamplighter.embedding_failures')).rows;

test('a provider that answers 429 for a while charges no row, is asked little, and all is done when it answers again', async () => {
  let isRefusing = true;
  let refused = 0;
  server.handle(({ body }) => {
    if (!isRefusing) return answer([body.input].flat());
    refused += 1;
    return REFUSED;
  });
  await createArticles(400);
  await addJob(db, JOB);
  await using _daemon = await startTestDaemon({ uri: db.uri });
  const fromMs = performance.now();
  await eventually(() => expect(performance.now() - fromMs).toBeGreaterThan(6_000));
  expect(refused).toBeLessThan(60);
  expect(await failures()).toEqual([]);
  isRefusing = false;
  await untilComplete(15_000);
  expect(await failures()).toEqual([]);
}, 60_000);

test('a provider that takes so many calls a second gets as many, and no row is charged', async () => {
  const [perWindow, windowMs, rows] = [20, 2_000, 800];
  const windows = new Map<number, number>();
  server.handle(({ body }) => {
    const window = Math.floor(performance.now() / windowMs);
    const taken = windows.get(window) ?? 0;
    if (taken >= perWindow) {
      const leftS = Math.ceil(((window + 1) * windowMs - performance.now()) / 1_000);
      return { ...REFUSED, headers: { 'retry-after': String(leftS) } };
    }
    windows.set(window, taken + 1);
    return answer([body.input].flat());
  });
  await createArticles(rows);
  await addJob(db, JOB);
  await using _daemon = await startTestDaemon({ uri: db.uri });
  await untilComplete(60_000);
  const used = [...windows.keys()];
  const calls = [...windows.values()].reduce((sum, taken) => sum + taken, 0);
  // Four texts a call.
  const needed = rows / JOB.batch_size / perWindow;
  expect({ windows: Math.max(...used) - Math.min(...used), calls }).toEqual({
    windows: expect.toSatisfy((n: number) => n <= needed * 1.2),
    calls: expect.toSatisfy((n: number) => n <= (rows / JOB.batch_size) * 1.2),
  });
  expect(await failures()).toEqual([]);
}, 90_000);

test('a text that the provider cannot take, one in a thousand, fails alone and costs few calls more', async () => {
  const batch = 64;
  server.handle(({ body }) => {
    const texts: string[] = [body.input].flat();
    return texts.some((text) => text === 'text 500')
      ? { status: 400, json: { error: { message: 'this text is not allowed', type: 'invalid_request_error' } } }
      : answer(texts);
  });
  await createArticles(1_000);
  await addJob(db, { ...JOB, batch_size: batch });
  await using _daemon = await startTestDaemon({ uri: db.uri, batchRows: 1_000 });
  await eventually(
    async () => expect(await failures()).toMatchObject([{ key: '{500}', is_final: true, attempts: 1 }]),
    { timeoutMs: 30_000 },
  );
  const { rows } = await db.pool.query('select id from articles where embedding is null');
  expect(rows).toEqual([{ id: 500 }]);
  const asked = new Set<string>();
  const more = server.requests.filter(({ body }) => {
    const texts: string[] = [body?.input ?? []].flat();
    const isMore = texts.some((text) => asked.has(text));
    for (const text of texts) asked.add(text);
    return isMore;
  });
  expect(more.length).toBeLessThanOrEqual(2 * Math.log2(batch) + 1);
}, 60_000);

describe('a provider that gives vectors of another length half-way parks the job, and the old vectors stay', () => {
  let length: number;
  beforeEach(async () => {
    length = 4;
    server.handle(({ body }) => {
      const texts = [body.input].flat();
      return {
        json: { data: texts.map((_, index) => ({ index, embedding: Array.from({ length }, (_, at) => at + 1) })) },
      };
    });
    await createArticles(20);
  });
  const isParked = (id: string) =>
    eventually(
      async () => {
        const { rows } = await db.pool.query('select init_failure_reason as reason from jobs where id = $1', [id]);
        expect(rows[0]?.reason).toMatch(/5 dimensions instead of 4/);
      },
      { timeoutMs: 20_000 },
    );
  const expectOldVectors = async () => {
    const { rows } = await db.pool.query(
      'select cardinality(embedding) as length, count(*)::int from articles group by 1',
    );
    expect(rows).toEqual([{ length: 4, count: 20 }]);
    expect(await failures()).toEqual([]);
  };

  test.each([
    ['many rows', 'true'],
    ['one row', 'id = 1'],
  ])('as %s change', async (_, isChanged) => {
    const id = await addJob(db, JOB);
    await using _daemon = await startTestDaemon({ uri: db.uri });
    await untilComplete(20_000);
    length = 5;
    await db.pool.query(`update articles set body = 'changed ' || id where ${isChanged}`);
    await isParked(id);
    await expectOldVectors();
  });

  test('and another column takes the new ones, where nobody has said how long they are', async () => {
    const id = await addJob(db, { ...JOB, runtime_params: null });
    await using _daemon = await startTestDaemon({ uri: db.uri });
    await untilComplete(20_000);
    length = 5;
    await db.pool.query(`update articles set body = 'changed ' || id`);
    await isParked(id);
    await db.pool.query(`update jobs set dst_column = 'longer'`);
    await eventually(
      async () => {
        const { rows } = await db.pool.query(
          'select cardinality(longer) as length, count(*)::int from articles group by 1',
        );
        expect(rows).toEqual([{ length: 5, count: 20 }]);
      },
      { timeoutMs: 20_000 },
    );
    await expectOldVectors();
  });
});

test('a provider that is away when the daemon has to ask it how long vectors are is asked again soon', async () => {
  let isRefusing = true;
  server.handle(({ body }) => (isRefusing ? REFUSED : answer([body.input].flat())));
  await createArticles(8);
  const id = await addJob(db, { ...JOB, runtime_params: null });
  await using _daemon = await startTestDaemon({ uri: db.uri });
  await eventually(async () => {
    const { rows } = await db.pool.query('select init_failure_reason as reason from jobs where id = $1', [id]);
    expect(rows[0]?.reason).toMatch(/slow down/);
  });
  isRefusing = false;
  await untilComplete(10_000);
  expect((await db.pool.query('select init_failure_reason as reason from jobs')).rows).toEqual([{ reason: null }]);
});
