import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';
import { type Client, createClient, type TaskStatus } from '../../src/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { startTestWorker, type TestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
let client: Client;
let tested: TestWorker;
beforeAll(async () => {
  db = await createTestDatabase();
  client = createClient({ uri: db.uri });
  tested = await startTestWorker({ uri: db.uri });
});
afterEach(() => db.pool.query('delete from lantern.tasks'));
afterAll(async () => {
  await client.close();
  await tested[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

const settled = (promise: Promise<unknown>) => promise.catch((error: unknown) => error);

test('a task that is run and waited for gives its tag and its rows', async () => {
  const jobid = await client.tasks.run('select * from generate_series(1, 7)', { name: 'seven' });
  expect(await client.tasks.wait(jobid)).toMatchObject({
    jobid,
    jobName: 'seven',
    state: 'succeeded',
    guarantee: 'exactly once',
    commandTag: 'SELECT 7',
    rowCount: 7,
    blockedBy: [],
  });
});

test('a failure carries the text of psql, a cancel its own code', async () => {
  expect(await settled(client.tasks.wait(await client.tasks.run('select 1/0')))).toMatchObject({
    code: 'TASK_FAILED',
    message: expect.stringContaining('ERROR:  division by zero'),
  });
  const jobid = await client.tasks.run('select pg_sleep(60)');
  const waiting = settled(client.tasks.wait(jobid));
  expect(await client.tasks.cancel(jobid)).toBe(true);
  expect(await waiting).toMatchObject({ code: 'TASK_CANCELED' });
  expect(await client.tasks.cancel(jobid)).toBe(false);
});

test('in the transaction of the caller it exists, and may be waited for, once that has committed', async () => {
  const caller = await db.pool.connect();
  try {
    await caller.query('begin');
    const jobid = await client.tasks.run('select 1', { db: caller });
    const waiting = client.tasks.wait(jobid);
    expect(await client.tasks.check(jobid)).toBeUndefined();
    expect(await client.tasks.check(jobid, { db: caller })).toMatchObject({ state: 'queued' });
    await caller.query('commit');
    expect(await waiting).toMatchObject({ state: 'succeeded' });
  } finally {
    caller.release();
  }
});

test('a wait refuses to run inside a transaction, and is over in time', async () => {
  const jobid = await client.tasks.run('select pg_sleep(60)');
  const misuse = { db: db.pool } as object;
  expect(await settled(client.tasks.wait(jobid, misuse))).toMatchObject({ code: 'CONFIG_INVALID' });
  expect(await settled(client.tasks.wait(jobid, { timeoutMs: 50 }))).toMatchObject({ code: 'TASK_TIMEOUT' });
  const aborting = new AbortController();
  const aborted = settled(client.tasks.wait(jobid, { signal: aborting.signal }));
  aborting.abort('enough');
  expect(await aborted).toMatchObject({ code: 'ABORTED', cause: 'enough' });
  await client.tasks.cancel(jobid);
  expect(await settled(client.tasks.wait(999_999, { timeoutMs: 0 }))).toMatchObject({ code: 'TASK_NOT_FOUND' });
  expect(await settled(client.tasks.wait('x'))).toMatchObject({ code: 'TASK_NOT_FOUND' });
});

test('watching an index build shows its phases and ends with it', async () => {
  await db.pool.query('create table built as select 1 as n');
  const writer = await db.pool.connect();
  const seen: TaskStatus[] = [];
  try {
    // The build waits for a writer that is not done: it lasts until it has been seen.
    await writer.query('begin; insert into built values (2)');
    const jobid = await client.tasks.run('create index concurrently on built (n)');
    for await (const status of client.tasks.watch(jobid)) {
      seen.push(status);
      if (status.progressPhase !== undefined) await writer.query('commit');
    }
  } finally {
    writer.release();
  }
  expect(seen.map(({ progressPhase }) => progressPhase)).toContain('waiting for writers before build');
  expect(seen.at(-1)).toMatchObject({ state: 'succeeded', guarantee: 'at most once', commandTag: 'CREATE INDEX' });
});

test('watching tells of a state once, and of a task that runs twice a second at most', async () => {
  // One that does not listen yet looks more often at first.
  const fresh = createClient({ uri: db.uri });
  const jobid = await fresh.tasks.run('select pg_sleep(1.4)');
  const seen: TaskStatus[] = [];
  for await (const status of fresh.tasks.watch(jobid)) seen.push(status);
  await fresh.close();
  const running = seen.filter(({ state }) => state === 'running').length;
  expect(running).toBeGreaterThan(1);
  expect(running).toBeLessThanOrEqual(Math.ceil(((seen.at(-1)?.runMs ?? 0) + 500) / 500));
  expect(seen.filter(({ state }) => state === 'queued').length).toBeLessThanOrEqual(1);
});

test('closing the client ends waits with ABORTED', async () => {
  const closing = createClient({ uri: db.uri });
  const jobid = await closing.tasks.run('select pg_sleep(60)');
  const waiting = settled(closing.tasks.wait(jobid));
  await closing.close();
  expect(await waiting).toMatchObject({ code: 'ABORTED' });
  await client.tasks.cancel(jobid);
});
