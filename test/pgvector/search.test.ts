import { afterEach, beforeEach, expect, test } from 'vitest';
import type { TestDatabase } from '../support/database.ts';
import { openSession } from '../support/sql-session.ts';
import { addJob, startTestDaemon } from '../support/test-daemon.ts';
import { createVectorDatabase, embedTexts, PROVIDER, untilFinished } from './vector-scene.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await createVectorDatabase('extensions');
  await db.pool.query('alter table jobs add chunk_size integer, add chunk_overlap integer');
  await db.pool.query(
    `create table articles (id integer primary key, body text);
     insert into articles select n, 'article ' || n || '. And a second sentence about ' || n || '.' from generate_series(1, 300) as n`,
  );
});
afterEach(async () => {
  await db[Symbol.asyncDispose]();
});

interface Hit {
  readonly key: { readonly id: number };
  readonly chunk: string | null;
  readonly distance: number;
}

async function nearest(job: string, text: string, k = 1): Promise<readonly Hit[]> {
  const [vector] = await embedTexts([text]);
  const { rows } = await db.pool.query<Hit>('select * from lamplighter.search_by_vector($1, $2, $3)', [
    job,
    [...(vector ?? [])],
    k,
  ]);
  return rows;
}

/** The plan of the statement that a search runs. */
async function planOf(job: string): Promise<string> {
  const { rows } = await db.pool.query<{ text: string }>(
    'select lamplighter.build_search(lamplighter.find_search_target($1)) as text',
    [job],
  );
  const [vector] = await embedTexts(['a']);
  const text = rows[0]?.text.replaceAll('$1', `'{${[...(vector ?? [])]}}'::real[]`).replaceAll('$2', '5') ?? '';
  // The tables are small: without this the index, which can be used, is not worth it.
  await using session = await openSession(db.uri);
  await session.client.query('set enable_seqscan = off');
  const plan = await session.client.query<{ 'QUERY PLAN': string }>(`explain ${text}`);
  return plan.rows.map((row) => row['QUERY PLAN']).join('\n');
}

test.each([
  ['vector', 'cosine', 'hnsw'],
  ['vector', 'l2', 'hnsw'],
  ['vector', 'ip', 'ivfflat'],
  ['halfvec', 'cosine', 'hnsw'],
] as const)('a search over %s uses an index by %s of kind %s', async (type, operators, method) => {
  const id = await addJob(db, { table: 'articles', column_type: `${type}(384)` });
  await using _daemon = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
  await untilFinished(db, id);
  await db.pool.query(
    `create index nearest on articles using ${method} (embedding extensions.${type}_${operators}_ops); analyze articles`,
  );
  expect(await planOf(id)).toContain('Index Scan using nearest on articles');
  expect(await nearest(id, 'article 17. And a second sentence about 17.')).toEqual([
    { key: { id: 17 }, chunk_no: null, chunk: null, distance: expect.closeTo(0, 2) },
  ]);
});

test('a search over chunks uses their index', async () => {
  const id = await addJob(db, { table: 'articles', dst_table: 'chunks', chunk_size: 8, column_type: 'vector(384)' });
  await using _daemon = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
  await untilFinished(db, id);
  await db.pool.query(
    'create index nearest on chunks using hnsw (embedding extensions.vector_cosine_ops); analyze chunks',
  );
  expect(await planOf(id)).toContain('Index Scan using nearest on chunks');
  const { rows } = await db.pool.query('select chunk from chunks where id = 9 order by chunk_no desc limit 1');
  expect(await nearest(id, String(rows[0]?.chunk))).toMatchObject([{ key: { id: 9 }, chunk: rows[0]?.chunk }]);
});

test.each(['hnsw', 'ivfflat'])(
  'an index of kind %s gives as many chunks as are asked for, the nearest first',
  async (method) => {
    const id = await addJob(db, { table: 'articles', dst_table: 'chunks', chunk_size: 8, column_type: 'vector(384)' });
    await using _daemon = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
    await untilFinished(db, id);
    await db.pool.query(
      `create index nearest on chunks using ${method} (embedding extensions.vector_cosine_ops); analyze chunks`,
    );
    const [vector] = await embedTexts(['article 17.']);
    await using session = await openSession(db.uri);
    await session.client.query('set enable_seqscan = off');
    const search = async (k: number) =>
      (
        await session.client.query<Hit>('select * from lamplighter.search_by_vector($1, $2, $3)', [
          id,
          [...(vector ?? [])],
          k,
        ])
      ).rows;
    const hits = await search(200);
    expect(hits).toHaveLength(200);
    const distances = hits.map(({ distance }) => distance);
    expect(distances.filter((distance, at) => distance < (distances[at - 1] ?? 0))).toEqual([]);
    // What the session has set is as it was.
    await session.client.query(`set hnsw.iterative_scan = 'off'; set ivfflat.iterative_scan = 'off'`);
    await search(200);
    const { rows } = await session.client.query(
      `select current_setting('hnsw.iterative_scan') as hnsw, current_setting('ivfflat.iterative_scan') as ivfflat`,
    );
    expect(rows).toEqual([{ hnsw: 'off', ivfflat: 'off' }]);
  },
);

test('a domain over a vector, and a real[] beside pgvector, are searched in full', async () => {
  await db.pool.query(
    'create domain short_vector as extensions.vector(384); alter table articles add embedding short_vector',
  );
  const id = await addJob(db, { table: 'articles' });
  const plain = await addJob(db, { table: 'articles', dst_column: 'plain' });
  await using _daemon = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
  await untilFinished(db, id);
  await untilFinished(db, plain);
  for (const job of [id, plain]) {
    expect(await nearest(job, 'article 5. And a second sentence about 5.')).toMatchObject([{ key: { id: 5 } }]);
  }
});
