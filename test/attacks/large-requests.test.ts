import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { type Cast, createCast } from '../roles/cast.ts';
import { untilStatus } from '../support/requests.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { startTestWorker } from '../support/test-worker.ts';

// A claim reads whole requests. One of 200 MB kept it from ever ending, and so the lane from everybody else's.
let cast: Cast;

beforeAll(async () => {
  cast = await createCast();
});
afterAll(() => cast[Symbol.asyncDispose]());
beforeEach(() => cast.database.pool.query('delete from public.steadytext_queue'));

const MB = 1_048_576;
const TOO_LARGE = { code: '22023', message: expect.stringMatching(/^A request may have 4 MB at most, got \d+ bytes$/) };

describe('a request of more than 4 MB is refused', () => {
  test.each([
    ['an enqueue function', `select public.steadytext_embed_async(repeat('x', 5000000))`],
    ['a batch of it', `select public.steadytext_embed_batch_async(array['x', repeat('x', 5000000)])`],
    ['many documents', `select public.steadytext_rerank_async('q', array_fill(repeat('x', 1000), array[5000]))`],
    [
      'INSERT',
      `insert into public.steadytext_queue (function_name, parameters)
       values ('embed', jsonb_build_object('text_input', repeat('x', 5000000)))`,
    ],
    [
      'INSERT of what is stored compressed',
      `create temp table packed (parameters jsonb);
       insert into packed values (jsonb_build_object('text_input', repeat('x', 5000000)));
       insert into public.steadytext_queue (function_name, parameters) select 'embed', parameters from packed`,
    ],
  ])('%s', async (_name, statement) => {
    for (const role of ['a', 'owner'] as const) {
      expect(await sqlErrorOf(cast.sessions[role], statement)).toMatchObject(TOO_LARGE);
    }
    expect((await cast.database.pool.query('select from public.steadytext_queue')).rows).toHaveLength(0);
  });
});

test('the largest requests, in the longest spelling, hold up nobody', async () => {
  const { a, b } = cast.sessions;
  // Each of these characters takes six bytes in what the worker reads.
  const text = `repeat(E'\\x01', ${4 * MB - 100})`;
  await a.query(`select public.steadytext_embed_async(${text}, false, 10) from generate_series(1, 2)`);
  const { rows } = await b.query<{ id: string }>(`select public.steadytext_embed_async('x', false) as id`);
  await using _ = await startTestWorker({ uri: cast.logins.worker.uri });
  await untilStatus(cast.database.pool, [rows[0]?.id ?? ''], 'completed');
});
