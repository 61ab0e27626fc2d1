import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { openSession } from '../support/sql-session.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterAll(() => db[Symbol.asyncDispose]());
beforeEach(() => db.pool.query('delete from steadytext_queue'));

async function queue(): Promise<{ function_name: string; parameters: unknown; priority: number; model: string }[]> {
  const { rows } = await db.pool.query(
    'select function_name, parameters, priority, model from steadytext_queue order by id',
  );
  return rows;
}

test.each([
  [
    'the defaults of generate',
    `steadytext_generate_async('Tell me')`,
    { function_name: 'generate', parameters: { prompt: 'Tell me', max_tokens: 512, use_cache: true, seed: 42 } },
  ],
  [
    'all arguments of generate, by position',
    `steadytext_generate_async('Tell me', 4096, false, 2147483647, 10, 'some/model')`,
    {
      function_name: 'generate',
      parameters: { prompt: 'Tell me', max_tokens: 4096, use_cache: false, seed: 2_147_483_647 },
      priority: 10,
      model: 'some/model',
    },
  ],
  [
    'arguments by name, in either notation',
    `steadytext_generate_async(priority => -2147483648, prompt := 'p', seed => 0, max_tokens => 1)`,
    {
      function_name: 'generate',
      parameters: { prompt: 'p', max_tokens: 1, use_cache: true, seed: 0 },
      priority: -2_147_483_648,
    },
  ],
  [
    'NULL for use_cache, seed, priority and model as their defaults',
    `steadytext_generate_async('p', use_cache => null, seed => null, priority => null, model => null)`,
    { function_name: 'generate', parameters: { prompt: 'p', max_tokens: 512, use_cache: true, seed: 42 } },
  ],
  [
    'a blank model as the default one',
    `steadytext_embed_async('t', model => ' ')`,
    { function_name: 'embed', parameters: { text_input: 't', use_cache: true } },
  ],
  [
    'embed',
    `steadytext_embed_async(E' kept \\n as it is ', false, 2147483647)`,
    {
      function_name: 'embed',
      parameters: { text_input: ' kept \n as it is ', use_cache: false },
      priority: 2_147_483_647,
    },
  ],
  [
    'generate_json with an object',
    `steadytext_generate_json_async('p', '{"type": "object"}'::jsonb, 10)`,
    {
      function_name: 'generate_json',
      parameters: { prompt: 'p', schema: { type: 'object' }, max_tokens: 10, use_cache: true, seed: 42 },
    },
  ],
  [
    'generate_json with true',
    `steadytext_generate_json_async('p', 'true')`,
    {
      function_name: 'generate_json',
      parameters: { prompt: 'p', schema: true, max_tokens: 512, use_cache: true, seed: 42 },
    },
  ],
  [
    'generate_regex',
    `steadytext_generate_regex_async('p', '[0-9]{3}', 20, true, 7, 1)`,
    {
      function_name: 'generate_regex',
      parameters: { prompt: 'p', pattern: '[0-9]{3}', max_tokens: 20, use_cache: true, seed: 7 },
      priority: 1,
    },
  ],
  [
    'generate_choice, with choices that differ in case only, of whatever dimensions',
    `steadytext_generate_choice_async('p', array[['yes', 'no'], ['Yes', 'naïve']])`,
    {
      function_name: 'generate_choice',
      parameters: {
        prompt: 'p',
        choices: ['yes', 'no', 'Yes', 'naïve'],
        max_tokens: 512,
        use_cache: true,
        seed: 42,
      },
    },
  ],
  [
    'rerank, with a blank document',
    `steadytext_rerank_async('q', array['a', '', 'a'])`,
    {
      function_name: 'rerank',
      parameters: {
        query: 'q',
        documents: ['a', '', 'a'],
        task: 'Given a web search query, retrieve relevant passages that answer the query',
        use_cache: true,
        seed: 42,
      },
    },
  ],
  [
    'rerank with a task of its own',
    `steadytext_rerank_async('q', array['a'], 'Find cats', false, 1, 2, 'm')`,
    {
      function_name: 'rerank',
      parameters: { query: 'q', documents: ['a'], task: 'Find cats', use_cache: false, seed: 1 },
      priority: 2,
      model: 'm',
    },
  ],
])('%s is stored as documented', async (_, call, expected) => {
  const { rows } = await db.pool.query<{ id: string }>(`select ${call} as id`);
  expect(rows[0]?.id).toMatch(/^[0-9a-f-]{36}$/);
  expect(await queue()).toEqual([{ priority: 0, model: 'default', ...expected }]);
});

test('a new request is pending, belongs to its role and has nothing recorded', async () => {
  const { rows } = await db.pool.query(
    `with asked as (select steadytext_embed_async('t') as id)
     select id is not null as has_id, current_user as me from asked`,
  );
  const stored = await db.pool.query(
    `select status, username, created_at > now() - interval '1 minute' as is_recent, retry_count, attempt,
       num_nonnulls(result, error, started_at, completed_at, failed_at, batch_id, worker_id, run_at) as recorded
     from steadytext_queue`,
  );
  expect(stored.rows).toEqual([
    { status: 'pending', username: rows[0].me, is_recent: true, retry_count: 0, attempt: 0, recorded: 0 },
  ]);
});

test('a batch keeps its order, in the ids that come back and in the order of work, and shares a batch_id', async () => {
  const texts = Array.from({ length: 500 }, (_, index) => `text ${index}`);
  const { rows } = await db.pool.query<{ ids: string[] }>(
    'select steadytext_embed_batch_async($1, priority => 3) as ids',
    [texts],
  );
  const stored = await db.pool.query<{ request_id: string; text: string }>(
    `select request_id, parameters ->> 'text_input' as text from steadytext_queue order by id`,
  );
  expect(stored.rows.map(({ text }) => text)).toEqual(texts);
  expect(stored.rows.map(({ request_id: id }) => id)).toEqual(rows[0]?.ids);
  const shared = await db.pool.query(
    'select count(distinct batch_id)::int as batches, count(distinct created_at)::int as times, min(priority) as priority from steadytext_queue',
  );
  expect(shared.rows).toEqual([{ batches: 1, times: 1, priority: 3 }]);
});

test('a batch takes equal texts as requests of their own, and NULLs as defaults', async () => {
  await db.pool.query(`select steadytext_generate_batch_async(array['same', 'same'], 9, null, null, null, null)`);
  const one = {
    function_name: 'generate',
    parameters: { prompt: 'same', max_tokens: 9, use_cache: true, seed: 42 },
    priority: 0,
    model: 'default',
  };
  expect(await queue()).toEqual([one, one]);
});

test('a request exists when its transaction commits, and not before', async () => {
  const client = await db.pool.connect();
  try {
    await client.query('begin');
    await client.query(`select steadytext_embed_async('t')`);
    expect(await queue()).toEqual([]);
    await client.query('rollback');
    expect(await queue()).toEqual([]);
  } finally {
    client.release();
  }
});

test('texts with a collation that regular expressions refuse are taken', async () => {
  await db.pool.query(
    `create collation if not exists public.any_case (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`,
  );
  await db.pool.query(`create table if not exists public.doc (body text collate public.any_case)`);
  await db.pool.query(`insert into public.doc values ('Hello')`);
  await db.pool.query(
    `select steadytext_embed_async(body), steadytext_embed_batch_async(array[body]), steadytext_generate_async(body, model => body),
       steadytext_generate_choice_async(body, array[body, body || '!'])
     from public.doc`,
  );
  expect(await queue()).toHaveLength(4);
});

test('functions do not depend on how the session reads string literals', async () => {
  // A new one, as a session keeps what it has read.
  await using session = await openSession(db.uri);
  await session.client.query('set standard_conforming_strings = off');
  await session.client.query(
    `select steadytext_generate_async('no letter between R and T'), steadytext_embed_batch_async(array['a']),
       steadytext_generate_regex_async('p', '[0-9]{4}(-[0-9]{2})?')
     from lamplighter.scan_requests('{"error": "x"}', null, 1, 1, 1)`,
  );
  expect(await queue()).toHaveLength(3);
  expect(await sqlErrorOf(session.client, `select steadytext_generate_regex_async('p', $1)`, ['(a)\\1'])).toMatchObject(
    { message: expect.stringContaining('a backreference at position 4') },
  );
});
