import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Cast, createCast } from '../roles/cast.ts';
import { eventually } from '../support/eventually.ts';
import { firstValue, rowOf, untilStatus } from '../support/requests.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { openSession, untilBlocked } from '../support/sql-session.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import { startTestWorker } from '../support/test-worker.ts';

let cast: Cast;
beforeAll(async () => {
  cast = await createCast();
});
afterAll(() => cast[Symbol.asyncDispose]());
beforeEach(() => cast.database.pool.query('delete from public.steadytext_queue; delete from lamplighter.worker'));
afterEach(async () => {
  await cast.sessions.a.query('rollback');
  await cast.sessions.owner.query(`select lamplighter.set('max_queue_size', null)`);
});

const embed = (role: 'a' | 'b', options = '') =>
  firstValue<string>(cast.sessions[role], `select public.steadytext_embed_async('x', use_cache => false${options})`);
const workerOptions = () => ({ uri: cast.logins.worker.uri, heartbeatMs: 100, leaseMs: 1_000 });

describe("one role's flood", () => {
  test.each([
    [
      'of the highest priority',
      `select public.steadytext_embed_batch_async(array_fill('x'::text, array[3000]), priority => 2147483647)`,
    ],
    [
      'of a thousand priorities',
      `select public.steadytext_embed_async('x', priority => 2147483647 - n) from generate_series(1, 1000) as n`,
    ],
    [
      'begun long before',
      `begin; select now(); select public.steadytext_embed_batch_async(array_fill('x'::text, array[3000])); commit`,
    ],
  ])('%s takes no more than its share of a claim', async (_name, flood) => {
    await cast.sessions.a.query(flood);
    for (let n = 0; n < 3; n += 1) await embed('b', ', priority => -2147483648');
    const worker = await startSqlWorker(cast.sessions.worker);
    const { rows } = await cast.database.pool.query('select id from public.steadytext_queue where username = $1', [
      cast.names.b,
    ]);
    // Two roles: half of each claim, however large.
    const first = await worker.claim({ limit: 6, share: 3 });
    expect(first.filter(({ id }) => rows.some((row) => row.id === id))).toHaveLength(3);
    expect(first).toHaveLength(6);
  });

  test('of a million requests in one statement is refused after as many as the queue may have, not at its end', async () => {
    const { a, b } = cast.sessions;
    const last = async () =>
      Number(await firstValue<string>(cast.database.pool, 'select last_value from public.steadytext_queue_id_seq'));
    const before = await last();
    const refusal = await sqlErrorOf(
      a,
      `insert into public.steadytext_queue (function_name, parameters) select 'embed', '{"text_input": "x"}' from generate_series(1, 1000000)`,
    );
    expect(refusal).toMatchObject({ code: '53400', message: 'Queue is full: at most 10000 requests may be pending' });
    expect((await last()) - before).toBeLessThanOrEqual(12_000);
    await b.query(`select public.steadytext_embed_async('x')`);
  });

  test('of requests that it cancels and retries again and again does not keep the worker from others', async () => {
    await using _ = await startTestWorker(workerOptions());
    const { a } = cast.sessions;
    await a.query(`select public.steadytext_generate_async('!fail', use_cache => false) from generate_series(1, 20)`);
    for (let round = 0; round < 20; round += 1) {
      await a.query(
        `update public.steadytext_queue set status = 'cancelled' where status in ('pending', 'processing') and id % 2 = 0`,
      );
      await a.query('select count(public.steadytext_retry(request_id)) from public.steadytext_queue');
      await a.query('update public.steadytext_queue set retry_count = 0');
    }
    await untilStatus(cast.database.pool, [await embed('b')], 'completed', { timeoutMs: 3_000 });
  });

  test('that fills the queue keeps others from queueing, but not what they had queued; the owner sees whose it is and ends it', async () => {
    const { a, b, owner } = cast.sessions;
    const earlier = await embed('b');
    await owner.query(`select lamplighter.set('max_queue_size', '50')`);
    // Nobody serves that model, so that they stay.
    await a.query(
      `select public.steadytext_embed_batch_async(array_fill('x'::text, array[49]), model => 'served by nobody')`,
    );
    const refusal = await sqlErrorOf(b, `select public.steadytext_embed_async('x')`);
    expect(refusal).toMatchObject({ code: '53400' });
    expect((await sqlErrorOf(a, `select public.steadytext_embed_async('x')`)).code).toBe('53400');
    await using _ = await startTestWorker(workerOptions());
    await untilStatus(cast.database.pool, [earlier], 'completed');
    const { rows } = await owner.query(
      `select username, model, count(*)::integer from public.steadytext_queue where status = 'pending' group by username, model`,
    );
    expect(rows).toEqual([{ username: cast.names.a, model: 'served by nobody', count: 49 }]);
    await owner.query(
      `update public.steadytext_queue set status = 'cancelled' where username = $1 and status = 'pending'`,
      [cast.names.a],
    );
    await untilStatus(cast.database.pool, [await embed('b')], 'completed');
  });
});

describe('a lock on the table', () => {
  const MODES = ['access exclusive', 'exclusive', 'share row exclusive', 'share', 'share update exclusive'];

  test('holds up everybody for as long as it is held; then all goes on, and nothing is lost, charged or done twice', async () => {
    const { a } = cast.sessions;
    await using tested = await startTestWorker(workerOptions());
    const { workerId } = tested.worker;
    const running = await firstValue<string>(
      cast.sessions.b,
      `select public.steadytext_generate_async('!sleep:200 x', use_cache => false)`,
    );
    await eventually(async () =>
      expect(await rowOf(cast.database.pool, running)).toMatchObject({ status: 'processing' }),
    );
    await a.query('begin; lock table public.steadytext_queue in access exclusive mode');
    await using other = await openSession(cast.logins.b.uri);
    const queued = firstValue<string>(other.client, `select public.steadytext_embed_async('x', use_cache => false)`);
    await untilBlocked(cast.database.pool, other);
    // For longer than a lease: the heartbeat needs no lock on the queue.
    const lockedAt = await firstValue<Date>(cast.database.pool, 'select clock_timestamp()');
    await eventually(async () => {
      const beats = `select last_heartbeat > $1::timestamptz + interval '1.5 seconds' from lamplighter.worker where worker_id = $2`;
      expect(await firstValue(cast.database.pool, beats, [lockedAt, workerId])).toBe(true);
    });
    await a.query('rollback');
    const [first, second] = await untilStatus(cast.database.pool, [running, await queued], 'completed');
    expect([first, second]).toEqual([
      expect.objectContaining({ attempt: 1, retry_count: 0 }),
      expect.objectContaining({ attempt: 1, retry_count: 0 }),
    ]);
    expect(tested.worker.workerId).toBe(workerId);
  });

  test.each(MODES)('in %s mode is refused to a caller from whom DELETE was taken', async (mode) => {
    const { a, owner } = cast.sessions;
    await owner.query(`revoke delete on public.steadytext_queue from ${cast.names.a}`);
    try {
      await a.query('begin');
      expect((await sqlErrorOf(a, `lock table public.steadytext_queue in ${mode} mode`)).code).toBe('42501');
      await a.query('rollback');
      const id = await embed('a');
      expect((await a.query('select public.steadytext_cancel_async($1) as done', [id])).rows).toEqual([{ done: true }]);
    } finally {
      await owner.query(`grant delete on public.steadytext_queue to ${cast.names.a}`);
    }
  });

  test.each(['worker', 'stranger'] as const)(
    'is refused to the %s, and on the tables of the engine to every caller',
    async (role) => {
      const tables = await cast.database.pool.query<{ name: string }>(
        `select oid::regclass::text as name from pg_class where relnamespace = 'lamplighter'::regnamespace and relkind = 'r'`,
      );
      for (const session of [cast.sessions[role], cast.sessions.a]) {
        const names = tables.rows.map(({ name }) => name);
        for (const name of session === cast.sessions.a ? names : [...names, 'public.steadytext_queue']) {
          for (const mode of MODES) {
            await session.query('begin');
            expect((await sqlErrorOf(session, `lock table ${name} in ${mode} mode`)).code).toBe('42501');
            await session.query('rollback');
          }
        }
      }
    },
  );
});

test('a caller that holds a thousand of its own rows, each of another priority, does not hold up others', async () => {
  const { a } = cast.sessions;
  await a.query(`select public.steadytext_embed_async('x', priority => n) from generate_series(1, 1000) as n`);
  await a.query('begin; select from public.steadytext_queue for update');
  await using _ = await startTestWorker(workerOptions());
  for (let n = 0; n < 3; n += 1)
    await untilStatus(cast.database.pool, [await embed('b')], 'completed', { timeoutMs: 2_000 });
});
