import type pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { rowOf } from '../support/requests.ts';
import { startTestWorker, type TestWorker } from '../support/test-worker.ts';
import { type Cast, createCast } from './cast.ts';

// Any role may send anything on any channel. The worker runs as a login that was granted no more than that.
let cast: Cast;
let tested: TestWorker;

beforeAll(async () => {
  cast = await createCast();
  tested = await startTestWorker({ uri: cast.logins.worker.uri });
});
afterAll(async () => {
  await tested?.worker.stop();
  await cast[Symbol.asyncDispose]();
});

async function generate(session: pg.Client, prompt: string): Promise<string> {
  const { rows } = await session.query<{ id: string }>(
    'select public.steadytext_generate_async($1, use_cache => false) as id',
    [prompt],
  );
  return rows[0]?.id ?? '';
}

const untilCompleted = (id: string) =>
  eventually(async () => {
    expect(await rowOf(cast.database.pool, id)).toMatchObject({ status: 'completed', attempt: 1, retry_count: 0 });
  });

test('a false event that a request was cancelled does not stop it', async () => {
  const id = await generate(cast.sessions.b, '!sleep:300 of b');
  await eventually(async () => expect(await rowOf(cast.database.pool, id)).toMatchObject({ status: 'processing' }));
  for (const role of ['a', 'stranger'] as const) {
    await cast.sessions[role].query(`select pg_notify('lamplighter_cancel', $1)`, [id]);
    await cast.sessions[role].query(`select pg_notify('steadytext_completed', $1)`, [
      JSON.stringify({ request_id: id, function: 'generate', status: 'completed' }),
    ]);
  }
  await untilCompleted(id);
});

test('events of any content leave the worker as it was', async () => {
  const payloads = [
    '',
    'x',
    '-1',
    '99999999999999999999',
    '{"request_id": 1}',
    '[]',
    'null',
    `'; drop schema lamplighter; --`,
    '\u{1f56f}'.repeat(1_900),
  ];
  for (const channel of ['lamplighter_wake', 'lamplighter_cancel', 'steadytext_completed']) {
    for (const payload of payloads) await cast.sessions.stranger.query('select pg_notify($1, $2)', [channel, payload]);
  }
  await untilCompleted(await generate(cast.sessions.a, 'after all that'));
  expect(tested.warnings()).toEqual([]);
});
