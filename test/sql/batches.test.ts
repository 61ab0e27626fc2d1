import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { openSession } from '../support/sql-session.ts';
import { startTestWorker } from '../support/test-worker.ts';

let db: TestDatabase;
beforeAll(async () => {
  db = await createTestDatabase();
});
afterEach(() => db.pool.query('delete from steadytext_queue; drop table if exists note'));
afterAll(() => db[Symbol.asyncDispose]());

const WAIT = 'select request_id, status, result is not null as has_result, error from steadytext_wait_batch($1, $2)';

async function queue(texts: readonly string[]): Promise<string[]> {
  return (
    (await db.pool.query<{ ids: string[] }>('select steadytext_embed_batch_async($1) as ids', [texts])).rows[0]?.ids ??
    []
  );
}

describe('steadytext_wait_batch', () => {
  test('returns all in the order asked as soon as they have ended', async () => {
    const ids = await queue(['a', 'b', 'c']);
    const waiting = db.pool.query(WAIT, [[...ids].reverse(), 30]);
    await using _ = await startTestWorker({ uri: db.uri });
    expect((await waiting).rows).toEqual(
      [...ids].reverse().map((id) => ({ request_id: id, status: 'completed', has_result: true, error: null })),
    );
  });

  test('returns what there is at the deadline, and says why nothing answers', async () => {
    await using session = await openSession(db.uri);
    const ids = await queue(['a', 'b']);
    await db.pool.query('select steadytext_cancel_async($1)', [ids[0]]);
    const notices: { message: string | undefined; hint: string | undefined }[] = [];
    session.client.on('notice', ({ message, hint }) => notices.push({ message, hint }));
    const { rows } = await session.client.query(WAIT, [[...ids, '00000000-0000-0000-0000-000000000000'], 0]);
    expect(rows).toMatchObject([
      { request_id: ids[0], status: 'cancelled' },
      { request_id: ids[1], status: 'pending', has_result: false },
    ]);
    expect(notices).toEqual([
      {
        message: '1 of 3 requests have not ended',
        hint: 'No running worker serves embed (none runs); start one with: lamplighter worker.',
      },
    ]);
  });

  test('refuses what can never come true at once', async () => {
    const ids = await queue(['a']);
    expect(await sqlErrorOf(db.pool, WAIT, [ids, -1])).toMatchObject({ code: '22023' });
    await using session = await openSession(db.uri);
    await session.client.query('begin');
    const { rows } = await session.client.query<{ ids: string[] }>(
      "select steadytext_embed_batch_async('{x,y}') as ids",
    );
    expect(await sqlErrorOf(session.client, WAIT, [[...ids, ...(rows[0]?.ids ?? [])], 30])).toMatchObject({
      code: '55000',
      hint: 'Commit before you wait.',
    });
    await session.client.query('rollback; begin isolation level serializable');
    expect(await sqlErrorOf(session.client, WAIT, [ids, 30])).toMatchObject({ code: '0A000' });
  });
});

test('steadytext_batch_progress counts a batch by its batch_id', async () => {
  const ids = await queue(['a', 'b', 'c']);
  await queue(['d']);
  await db.pool.query('select steadytext_cancel_async($1)', [ids[1]]);
  const { rows } = await db.pool.query(
    `select p.* from steadytext_queue as q, steadytext_batch_progress(q.batch_id) as p where q.request_id = $1`,
    [ids[0]],
  );
  expect(rows).toEqual([{ total: '3', pending: '2', processing: '0', completed: '0', failed: '0', cancelled: '1' }]);
});

describe('steadytext_embed_table', () => {
  const make = (rows: number, kind = '') =>
    db.pool.query(`create table note (id integer, body text, request uuid) ${kind};
      ${kind === '' ? '' : 'create table note_low partition of note for values from (minvalue) to (100); create table note_high partition of note for values from (100) to (maxvalue);'}
      insert into note select n, 'text ' || n from generate_series(1, ${rows}) as n`);
  const call = "call steadytext_embed_table('note', 'body', 'request', chunk_size => 100)";
  const counts = async () =>
    (
      await db.pool.query(`select count(*)::int as rows, count(n.request)::int as queued, count(distinct q.batch_id)::int as batches,
          count(*) filter (where q.parameters ->> 'text_input' = n.body)::int as right
        from note as n left join steadytext_queue as q on q.request_id = n.request`)
    ).rows[0];

  test.each(['', 'partition by range (id)'])(
    'queues each row once, in chunks that are committed (%s)',
    async (kind) => {
      await make(250, kind);
      await db.pool.query("insert into note values (251, '  '), (252, null)");
      expect((await db.pool.query(call)).rows).toEqual([{ queued: '250' }]);
      expect(await counts()).toEqual({ rows: 252, queued: 250, batches: 3, right: 250 });
      expect((await db.pool.query(call)).rows).toEqual([{ queued: '0' }]);
    },
  );

  test('passes over what no request can hold, and says how many rows that are', async () => {
    await make(3);
    await db.pool.query(`insert into note values (0, repeat('x', 4194300)), (4, U&'\\00a0\\feff')`);
    await using session = await openSession(db.uri);
    const notices: (string | undefined)[] = [];
    session.client.on('notice', ({ message }) => notices.push(message));
    expect((await session.client.query(call)).rows).toEqual([{ queued: '3' }]);
    expect(notices).toEqual(['Rows whose text is too long for a request (4 MB): 1']);
  });

  test('waits while the queue is full, and goes on as workers catch up', async () => {
    await make(60);
    await db.pool.query("select lamplighter.set('max_queue_size', '10')");
    try {
      await using session = await openSession(db.uri);
      const called = session.client.query(call);
      await using _ = await startTestWorker({ uri: db.uri });
      expect((await called).rows).toEqual([{ queued: '60' }]);
      expect(await counts()).toMatchObject({ queued: 60, right: 60 });
    } finally {
      await db.pool.query("select lamplighter.set('max_queue_size', null)");
    }
  });

  test.each(['new.request := null; return new', 'return null'])(
    'says so where a trigger undoes the note, and queues nothing (%s)',
    async (body) => {
      await make(3);
      await db.pool.query(`create function undo() returns trigger language plpgsql as $$ begin ${body}; end $$;
        create trigger undo before update on note for each row execute function undo()`);
      try {
        await using session = await openSession(db.uri);
        expect(await sqlErrorOf(session.client, call)).toMatchObject({
          code: '27000',
          message: 'A trigger on public.note undoes what is written into its column request',
        });
        expect(await counts()).toMatchObject({ rows: 3, queued: 0 });
        expect((await db.pool.query('select count(*)::int as requests from steadytext_queue')).rows).toEqual([
          { requests: 0 },
        ]);
      } finally {
        await db.pool.query('drop function undo cascade');
      }
    },
  );

  test.each(["'note_view'", 'null'])('is refused where the source is no table (%s)', async (source) => {
    await make(1);
    await db.pool.query('create view note_view as select * from note');
    const statement = `call steadytext_embed_table(${source}, 'body', 'request')`;
    const error = await sqlErrorOf(db.pool, statement);
    await db.pool.query('drop view note_view');
    expect(error).toMatchObject({ code: '22023', message: expect.stringMatching(/^source must be a table, not /) });
  });

  test('is refused inside a transaction, as it commits', async () => {
    await make(1);
    await using session = await openSession(db.uri);
    await session.client.query('begin');
    expect(await sqlErrorOf(session.client, call)).toMatchObject({ code: '2D000' });
  });
});

test.each([
  ['{"type": "strin"}', 'Schema type "strin" at the root is not known'],
  ['{"type": 3}', 'Schema keyword "type" at the root must be a type or a list of types'],
  ['{"properties": {"a/b": {"type": ["string", "nil"]}}}', 'Schema type "nil" at /properties/a~1b is not known'],
  ['{"anyOf": [{}, {"unevaluatedItems": false}]}', 'Schema keyword "unevaluatedItems" at /anyOf/1 is not supported'],
  [
    '{"name": "x", "schema": {"type": "object"}}',
    'Schema is wrapped as for OpenAI\'s response_format: pass the value of "schema" alone',
  ],
])('a schema that no worker could enforce is refused when it is queued: %s', async (schema, message) => {
  expect(await sqlErrorOf(db.pool, 'select steadytext_generate_json_async($1, $2)', ['p', schema])).toMatchObject({
    code: '22023',
    message,
  });
});

test('an unknown keyword gets the known one that is most alike as a hint', async () => {
  for (const [schema, hint] of [
    ['{"propertys": {}}', 'Did you mean "properties"?'],
    ['{"minLenght": 1}', 'Did you mean "minLength"?'],
    ['{"zzz": 1}', 'Keywords of your own may begin with "x-".'],
  ]) {
    expect(await sqlErrorOf(db.pool, 'select steadytext_generate_json_async($1, $2)', ['p', schema])).toMatchObject({
      hint,
    });
  }
});

test('names of properties and of definitions that nobody uses are not taken for keywords', async () => {
  const schema =
    '{"type": "object", "properties": {"type": {"type": "string"}, "unevaluatedItems": {}}, "$defs": {"a": {"type": "nil"}}}';
  await db.pool.query('select steadytext_generate_json_async($1, $2)', ['p', schema]);
});
