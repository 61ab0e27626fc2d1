import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createClient } from '../../src/client/create-client.ts';
import { type Cast, createCast } from '../roles/cast.ts';
import { eventually } from '../support/eventually.ts';
import { embed, firstValue, untilStatus } from '../support/requests.ts';
import { openSession } from '../support/sql-session.ts';
import { startTestWorker } from '../support/test-worker.ts';

// Any role may send anything on any channel, as much as it likes.
const FLOOD = 30_000;

let cast: Cast;
beforeAll(async () => {
  cast = await createCast();
});
afterAll(() => cast[Symbol.asyncDispose]());

const transactions = async () =>
  Number(
    await firstValue<string>(
      cast.database.pool,
      'select xact_commit + xact_rollback from pg_stat_database where datname = current_database()',
    ),
  );

test.each([
  ['wake-ups of different epochs', 'lamplighter_wake', `'requests:' || n`],
  ['wake-ups without an epoch', 'lamplighter_wake', `'x' || n`],
  ['cancellations', 'lamplighter_cancel', 'gen_random_uuid()::text'],
])(
  'a flood of false %s costs the worker few statements, and neither its lease nor its time',
  async (_name, channel, payload) => {
    const before = await transactions();
    const startedMs = performance.now();
    {
      await using tested = await startTestWorker({ uri: cast.logins.worker.uri, heartbeatMs: 100, leaseMs: 1_000 });
      const { workerId } = tested.worker;
      await cast.sessions.stranger.query(
        `select count(pg_notify('${channel}', ${payload})) from generate_series(1, ${FLOOD}) as n`,
      );
      const id = await firstValue<string>(cast.sessions.b, `select public.steadytext_embed_async('x', false)`);
      await untilStatus(cast.database.pool, [id], 'completed', { timeoutMs: 5_000 });
      expect(tested.worker.workerId).toBe(workerId);
      expect(tested.warnings()).toEqual([]);
    }
    // The worker's sessions are over, so that all that they did is counted. One that is at work makes some hundred statements a second.
    const seconds = (performance.now() - startedMs) / 1_000;
    expect((await transactions()) - before).toBeLessThan(1_000 + 500 * seconds);
  },
);

test('a flood of false ends of a request costs who waits for it few looks, and ends no wait', async () => {
  const id = await firstValue<string>(cast.sessions.b, `select public.steadytext_embed_async('x', false)`);
  const before = await transactions();
  const startedMs = performance.now();
  {
    await using client = createClient({ uri: cast.logins.b.uri });
    const waiting = client.wait(id, { timeoutMs: 20_000 });
    await eventually(async () => {
      const query = 'select count(*)::integer from pg_stat_activity where usename = $1';
      // One of the cast, and of the client one that looks and one that listens.
      expect(await firstValue(cast.database.pool, query, [cast.names.b])).toBe(3);
    });
    const event = `format('{"request_id": "%s", "function": "embed", "status": "completed", "n": %s}', '${id}', n)`;
    await cast.sessions.stranger.query(
      `select count(pg_notify('steadytext_completed', ${event})) from generate_series(1, ${FLOOD}) as n`,
    );
    await using _ = await startTestWorker({ uri: cast.logins.worker.uri });
    expect(await waiting).toHaveLength(8);
  }
  const seconds = (performance.now() - startedMs) / 1_000;
  expect((await transactions()) - before).toBeLessThan(1_000 + 500 * seconds);
});

test('whoever takes the lock that gates events keeps none from being sent, and holds up nobody', async () => {
  const heard: string[] = [];
  await using listener = await openSession(cast.logins.stranger.uri);
  listener.client.on('notification', ({ payload = '' }: pg.Notification) => heard.push(JSON.parse(payload).request_id));
  await listener.client.query('listen steadytext_completed');
  await using tested = await startTestWorker({ uri: cast.logins.worker.uri });
  {
    await using thief = await openSession(cast.logins.stranger.uri);
    await thief.client.query(`select pg_advisory_lock(hashtextextended('lamplighter announce', 0))`);
    const ids = await embed(cast.sessions.b, ['a', 'b', 'c']);
    await untilStatus(cast.database.pool, ids, 'completed', { timeoutMs: 5_000 });
    await eventually(() => expect(heard.sort()).toEqual(ids.sort()));
    // Taken as a share, too.
    await thief.client.query(
      `select pg_advisory_unlock_all(), pg_advisory_lock_shared(hashtextextended('lamplighter announce', 0))`,
    );
    const [id = ''] = await embed(cast.sessions.b, ['d']);
    await eventually(() => expect(heard).toContain(id));
  }
  expect(tested.warnings()).toEqual([]);
});
