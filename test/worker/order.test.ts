import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { embed, firstValue, generate, rowOf, untilStatus } from '../support/requests.ts';
import { startTestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
beforeEach(() => db.pool.query(`select steadytext_pause('generate')`));
afterEach(() => db.pool.query('delete from steadytext_queue'));
afterAll(() => db[Symbol.asyncDispose]());

/** Takes one request at a time, so that the order in which it asks the model is the order of the queue. */
const oneByOne = { concurrency: 1, generateModel: 'test/one', functions: ['generate'] } as const;

/** Lets a worker have all that was queued while the function was paused; what the model was asked, in order. */
async function orderOfWork(ids: readonly string[], options: object = oneByOne): Promise<readonly string[]> {
  await using tested = await startTestWorker({ uri: db.uri, ...options });
  await db.pool.query(`select steadytext_resume('generate')`);
  await untilStatus(db.pool, ids, 'completed');
  return [...tested.calls.texts];
}

test('higher priorities go first, then what was queued earlier', async () => {
  const ids: string[] = [];
  for (const [prompt, priority] of [
    ['low', -5],
    ['high 1', 10],
    ['middle', 3],
    ['high 2', 10],
    ['lowest', -2_147_483_648],
    ['highest', 2_147_483_647],
  ] as const) {
    ids.push(await generate(db.pool, prompt, { priority }));
  }
  expect(await orderOfWork(ids)).toEqual(['highest', 'high 1', 'high 2', 'middle', 'low', 'lowest']);
});

test('more priorities than one scan of the queue returns are worked off in order', async () => {
  const prompts = Array.from({ length: 30 }, (_, n) => `priority ${String(n).padStart(2, '0')}`);
  const ids = await Promise.all(prompts.map((prompt, n) => generate(db.pool, prompt, { priority: n })));
  expect(await orderOfWork(ids)).toEqual([...prompts].reverse());
});

test('of one priority and time of queueing the lower id goes first, of one priority the earlier time', async () => {
  const { rows } = await db.pool.query<{ request_id: string }>(
    `insert into steadytext_queue (function_name, parameters, created_at)
     select 'generate', jsonb_build_object('prompt', 'row ' || n), timestamptz '2026-01-02' - interval '1 day' * (n % 3)
     from generate_series(1, 9) as n returning request_id`,
  );
  const order = await orderOfWork(rows.map(({ request_id }) => request_id));
  expect(order).toEqual([2, 5, 8, 1, 4, 7, 3, 6, 9].map((n) => `row ${n}`));
});

test("one role's flood does not keep another role's single request waiting", async () => {
  const flooder = await db.createRole('flooder', { login: false });
  const patient = await db.createRole('patient', { login: false });
  const insert = `insert into steadytext_queue (function_name, parameters, username, priority, created_at)
    select 'generate', jsonb_build_object('prompt', $1 || n), $2, $3, now() - interval '1 hour' * $4
    from generate_series(1, $5::integer) as n returning request_id`;
  // Not so fast that many of them are held ready.
  await db.pool.query(insert, ['!sleep:3 flood ', flooder.name, 10, 1, 200]);
  await using tested = await startTestWorker({ uri: db.uri, ...oneByOne });
  await db.pool.query(`select steadytext_resume('generate')`);
  await eventually(() => expect(tested.calls.items).toBeGreaterThan(20));
  const single = await firstValue<string>(db.pool, insert, ['single ', patient.name, 0, 0, 1]);
  await untilStatus(db.pool, [single], 'completed');
  const order = tested.calls.texts;
  const queued = order.indexOf('single 1');
  await eventually(() => expect(tested.calls.items).toBe(201));
  expect(queued).toBeLessThan(180);
  expect(order.slice(0, 3)).toEqual(['!sleep:3 flood 1', '!sleep:3 flood 2', '!sleep:3 flood 3']);
});

test('a request whose priority is raised overtakes a backlog that is being worked off', async () => {
  const texts = Array.from({ length: 400 }, (_, n) => `!sleep:10 backlog ${n}`);
  const ids: string[] = [];
  for (const text of texts) ids.push(await generate(db.pool, text, { priority: 1 }));
  const late = ids.at(-1) ?? '';
  await using tested = await startTestWorker({ uri: db.uri, ...oneByOne });
  await db.pool.query(`select steadytext_resume('generate')`);
  await eventually(() => expect(tested.calls.items).toBeGreaterThan(20));
  await db.pool.query('update steadytext_queue set priority = 2 where request_id = $1', [late]);
  await untilStatus(db.pool, [late], 'completed');
  expect(tested.calls.items).toBeLessThan(300);
});

// So long that none is held ready behind another: what waits for a slot too long goes back to the queue, and loses its turn.
test('three roles take turns', async () => {
  const roles = await Promise.all(['ann', 'bob', 'cid'].map((name) => db.createRole(name, { login: false })));
  const ids: string[] = [];
  for (const { name } of roles) {
    for (const n of [1, 2, 3]) {
      const text = `insert into steadytext_queue (function_name, parameters, username)
        values ('generate', jsonb_build_object('prompt', $1::text), $2) returning request_id`;
      ids.push(await firstValue(db.pool, text, [`!sleep:20 ${name.slice(-3)} ${n}`, name]));
    }
  }
  const order = await orderOfWork(ids);
  expect(order.map((text) => text.split(' ')[1])).toEqual([...'123'].flatMap(() => ['ann', 'bob', 'cid']));
});

test('a function that is busy with long requests does not keep another one waiting', async () => {
  await using tested = await startTestWorker({ uri: db.uri, concurrency: 2, provider: { maxBatch: 1 } });
  await db.pool.query(`select steadytext_resume('generate')`);
  for (let n = 0; n < 5; n += 1) await generate(db.pool, `!hang ${n}`);
  await eventually(() => expect(tested.calls.running).toBeGreaterThan(0));
  const ids = await embed(db.pool, ['quick', 'as quick']);
  await untilStatus(db.pool, ids, 'completed');
});

test('a model is never asked more often at once than it likes', async () => {
  const prompts = Array.from({ length: 12 }, (_, n) => `!sleep:10 ${n}`);
  const ids = await Promise.all(prompts.map((prompt) => generate(db.pool, prompt)));
  await using tested = await startTestWorker({
    uri: db.uri,
    provider: { maxConcurrency: 2, maxBatch: 1 },
    concurrency: 8,
  });
  await db.pool.query(`select steadytext_resume('generate')`);
  await untilStatus(db.pool, ids, 'completed');
  expect(tested.calls.mostRunning).toBe(2);
});

test('what commits late, with an earlier time of queueing, is found', async () => {
  await using _ = await startTestWorker({ uri: db.uri, ...oneByOne });
  await db.pool.query(`select steadytext_resume('generate')`);
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    const late = await generate(client, 'begun first, committed last');
    const early = await Promise.all(Array.from({ length: 10 }, (__, n) => generate(db.pool, `early ${n}`)));
    await untilStatus(db.pool, early, 'completed');
    await client.query('commit');
    await untilStatus(db.pool, [late], 'completed');
    const [a, b] = await Promise.all([rowOf(db.pool, late), rowOf(db.pool, early[0] ?? '')]);
    expect(a.created_at.getTime()).toBeLessThanOrEqual(b.created_at.getTime());
  } finally {
    client.release();
  }
});

test('a paused function is not claimed until it is resumed, others go on; what runs may end', async () => {
  await using tested = await startTestWorker({ uri: db.uri });
  const paused = await generate(db.pool, 'paused');
  const other = await embed(db.pool, ['not paused']);
  await untilStatus(db.pool, other, 'completed');
  expect(await rowOf(db.pool, paused)).toMatchObject({ status: 'pending', attempt: 0 });
  await db.pool.query(`select steadytext_resume('generate')`);
  await untilStatus(db.pool, [paused], 'completed');
  const running = await generate(db.pool, '!sleep:200 running');
  await eventually(() => expect(tested.calls.running).toBe(1));
  await db.pool.query(`select steadytext_pause('generate')`);
  await untilStatus(db.pool, [running], 'completed');
});
