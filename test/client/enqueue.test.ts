import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import pg from 'pg';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { connectClient } from '../../src/db/connection/connect-client.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { loadQuery } from '../../src/db/load-sql.ts';
import { type Client, type ClientOptions, createClient, type GenerateOptions } from '../../src/index.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { openSession } from '../support/sql-session.ts';

let db: TestDatabase;
let client: Client;
beforeAll(async () => {
  db = await createTestDatabase();
  client = createClient({ uri: db.uri });
});
afterAll(async () => {
  await client.close();
  await db[Symbol.asyncDispose]();
});
beforeEach(() => db.pool.query('delete from steadytext_queue'));

async function queued(): Promise<unknown[]> {
  const { rows } = await db.pool.query(
    'select function_name, parameters, priority, model, batch_id is null as is_single from steadytext_queue order by id',
  );
  return rows;
}

async function firstId(work: Promise<string | string[]>): Promise<string> {
  return [await work].flat()[0] ?? '';
}

const schema = { type: 'object', required: ['n'] };
/** What JSON cannot express. */
const circular: { self?: object } = {};
circular.self = circular;
const odd = ['it\'s "quoted", {braced}', 'back\\slash\nNULL', '☃'];

describe.each([
  ['generate', (options?: GenerateOptions) => client.generate('p', options), `steadytext_generate_async('p'`],
  [
    'generateJson',
    (options?: GenerateOptions) => client.generateJson({ prompt: 'p', schema }, options),
    `steadytext_generate_json_async('p', '${JSON.stringify(schema)}'`,
  ],
  [
    'generateRegex',
    (options?: GenerateOptions) => client.generateRegex({ prompt: 'p', pattern: '[0-9]+' }, options),
    `steadytext_generate_regex_async('p', '[0-9]+'`,
  ],
  [
    'generateChoice',
    (options?: GenerateOptions) => client.generateChoice({ prompt: 'p', choices: odd }, options),
    `steadytext_generate_choice_async('p', $1::text[]`,
  ],
  [
    'generateBatch',
    (options?: GenerateOptions) => client.generateBatch(odd, options),
    `steadytext_generate_batch_async($1::text[]`,
  ],
  [
    'embed',
    ({ maxTokens: _, seed: __, ...options }: GenerateOptions = {}) => client.embed('t', options),
    `steadytext_embed_async('t'`,
  ],
  [
    'embedBatch',
    ({ maxTokens: _, seed: __, ...options }: GenerateOptions = {}) => client.embedBatch(odd, options),
    `steadytext_embed_batch_async($1::text[]`,
  ],
  [
    'rerank',
    ({ maxTokens: _, ...options }: GenerateOptions = {}) => client.rerank({ query: 'q', documents: odd }, options),
    `steadytext_rerank_async('q', $1::text[]`,
  ],
])('%s', (name, enqueue, call) => {
  const fromSql = (text: string) => db.pool.query(`select ${text}`, text.includes('$1') ? [odd] : []);

  test('queues what the SQL function queues, with its defaults', async () => {
    await fromSql(`${call})`);
    const expected = await queued();
    await db.pool.query('delete from steadytext_queue');
    await enqueue();
    expect(await queued()).toEqual(expected);
  });

  test('hands on every option', async () => {
    const seed = name.startsWith('embed') ? '' : ', seed => 7';
    const maxTokens = name.startsWith('generate') ? ', max_tokens => 9' : '';
    await fromSql(`${call}, use_cache => false, priority => -3, model => 'm/n'${seed}${maxTokens})`);
    const expected = await queued();
    await db.pool.query('delete from steadytext_queue');
    await enqueue({ useCache: false, priority: -3, model: 'm/n', seed: 7, maxTokens: 9 });
    expect(await queued()).toEqual(expected);
  });

  test('queues inside the transaction of the connection it is given', async () => {
    const caller = await db.pool.connect();
    try {
      await caller.query('begin');
      const requestId = await firstId(enqueue({ db: caller }));
      expect(await client.check(requestId)).toBeUndefined();
      expect(await client.check(requestId, { db: caller })).toMatchObject({ requestId, status: 'pending' });
      await caller.query('rollback');
      expect(await queued()).toEqual([]);
    } finally {
      caller.release();
    }
  });
});

test('ids of a batch come in the order of its texts', async () => {
  const texts = Array.from({ length: 50 }, (_, i) => `text ${i}`);
  const ids = await client.embedBatch(texts);
  const { rows } = await db.pool.query(
    `select q.parameters->>'text_input' as text from unnest($1::uuid[]) with ordinality as u (id, at)
     join steadytext_queue as q on q.request_id = u.id order by u.at`,
    [ids],
  );
  expect(rows.map(({ text }) => text)).toEqual(texts);
});

test('a pg Client, a pg Pool, a session of ours and a bare query function will do as db', async () => {
  const own = new pg.Client(db.uri);
  await own.connect();
  const session = await connectClient(resolveConnection({ uri: db.uri }, {}));
  const bare = { query: async (text: string, values: unknown[]) => ({ rows: (await own.query(text, values)).rows }) };
  const rowsAlone = { query: async (text: string, values: unknown[]) => (await own.query(text, values)).rows };
  for (const caller of [own, db.pool, session, bare, rowsAlone]) await client.embed('t', { db: caller });
  expect(await queued()).toHaveLength(5);
  const wrong = { query: async () => ({ records: [] }) } as unknown as typeof bare;
  await expect(client.embed('t', { db: wrong })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('expected "query" to resolve with rows'),
  });
  await Promise.all([own.end(), session.end()]);
});

test('no parameter has a type of JSON, which some drivers would write as JSON once more', async () => {
  const names = readdirSync(new URL('../../sql/queries/', import.meta.url)).filter(
    (name) => name.startsWith('enqueue_') && name !== 'enqueue_operation.sql',
  );
  await using session = await openSession(db.uri);
  for (const name of names) await session.client.query(`prepare "${name}" as ${loadQuery(name.replace('.sql', ''))}`);
  const { rows } = await session.client.query<{ types: string[] }>(
    'select parameter_types::text[] as types from pg_prepared_statements',
  );
  expect(rows.length).toBeGreaterThan(7);
  expect(rows.flatMap(({ types }) => types).filter((type) => type.startsWith('json'))).toEqual([]);
});

test('type parsers that the program has set for pg change nothing', async () => {
  const types = { getTypeParser: () => (text: string) => ({ custom: text }) };
  // Without the cast only a literal of all of the driver's own fields would do.
  const own = new pg.Client({ connectionString: db.uri, types: types as unknown as typeof pg.types });
  await own.connect();
  const textOnly = {
    query: async (text: string, values: unknown[]) => {
      const { rows } = await own.query<Record<string, { custom: string } | null>>(text, values);
      return {
        rows: rows.map((row) =>
          Object.fromEntries(Object.entries(row).map(([key, value]) => [key, value?.custom ?? null])),
        ),
      };
    },
  };
  const requestId = await client.generate('p', { db: textOnly, priority: 3 });
  const expected = await client.check(requestId);
  expect(await client.check(requestId, { db: textOnly })).toEqual(expected);
  expect(expected).toMatchObject({ priority: 3, createdAt: expect.any(Date) });
  await own.end();
});

describe('errors have codes', () => {
  test.each([
    ['a blank prompt', () => client.generate(' '), 'REQUEST_INVALID', 'Prompt cannot be empty'],
    ['an empty batch', () => client.embedBatch([]), 'REQUEST_INVALID', 'Batch cannot be empty'],
    ['a seed that is no integer', () => client.generate('p', { seed: 1.5 }), 'REQUEST_INVALID', /integer: "1.5"/],
    [
      'max_tokens beyond an integer',
      () => client.generate('p', { maxTokens: 1e12 }),
      'REQUEST_INVALID',
      /out of range/,
    ],
    ['a NUL, which no text of PostgreSQL holds', () => client.embed('a\0b'), 'REQUEST_INVALID', /zero characters/],
    ['half of an emoji, which the driver would replace', () => client.embed('a\ud83d'), 'REQUEST_INVALID', /surrogate/],
    [
      'half of an emoji in a batch, with its position',
      () => client.embedBatch(['a', 'b\ud83d']),
      'REQUEST_INVALID',
      'texts[1]: expected a text without halves of surrogate pairs, got one at 1',
    ],
    [
      'a schema that is no JSON',
      () => client.generateJson({ prompt: 'p', schema: circular }),
      'REQUEST_INVALID',
      /circular/,
    ],
    [
      'a misspelt option',
      () => client.generate('p', { max_tokens: 9 } as GenerateOptions),
      'CONFIG_INVALID',
      'expected only db, useCache, priority, model, seed, maxTokens, got an option "max_tokens" (did you mean "maxTokens"?)',
    ],
    [
      'an option of another function',
      () => client.embed('t', { seed: 1 } as GenerateOptions),
      'CONFIG_INVALID',
      /got an option "seed"/,
    ],
  ])('%s', async (_, work, code, message) => {
    await expect(work()).rejects.toMatchObject({
      name: 'LamplighterError',
      code,
      message: typeof message === 'string' ? message : expect.stringMatching(message),
    });
    expect(await queued()).toEqual([]);
  });

  test('a full queue, with the hint of the server', async () => {
    await db.pool.query(`select lamplighter.set('max_queue_size', '1')`);
    try {
      await expect(client.embedBatch(['a', 'b'])).rejects.toMatchObject({
        code: 'QUEUE_FULL',
        hint: expect.stringContaining('max_queue_size'),
        cause: { code: '53400' },
      });
    } finally {
      await db.pool.query(`select lamplighter.set('max_queue_size', null)`);
    }
  });

  test('a role without a grant', async () => {
    const role = await db.createRole();
    await using stranger = createClient({ uri: role.uri });
    const refused = { code: 'PERMISSION_DENIED', hint: expect.stringContaining('--grant') };
    await expect(stranger.embed('t')).rejects.toMatchObject(refused);
    await expect(stranger.stats()).rejects.toMatchObject(refused);
    await expect(stranger.wait(randomUUID(), { timeoutMs: 5_000 })).rejects.toMatchObject(refused);
  });

  test('a database without the schema', async () => {
    await using empty = await createTestDatabase({ migrated: false });
    await using lost = createClient({ uri: empty.uri });
    const refused = { code: 'SCHEMA_MISSING', hint: expect.stringContaining('lamplighter migrate') };
    await expect(lost.generate('p')).rejects.toMatchObject(refused);
    await expect(lost.wait(randomUUID(), { timeoutMs: 5_000 })).rejects.toMatchObject(refused);
  });

  test('a server that is not there', async () => {
    await using lost = createClient({ uri: 'postgresql://someone@127.0.0.1:1/db' });
    await expect(lost.embed('t')).rejects.toMatchObject({ code: 'CONNECTION_REFUSED' });
  });

  test.each([{ uri: 'mysql://a/b' }, { maxConnections: 1 }, { url: 'postgresql:///db' } as ClientOptions])(
    'options of the client that cannot be used: %j',
    (options) => {
      expect(() => createClient(options)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
    },
  );
});
