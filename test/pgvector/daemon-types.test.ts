import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { addJob, startTestDaemon } from '../support/test-daemon.ts';
import {
  createVectorDatabase,
  embedTexts,
  marksOf,
  PROVIDER,
  planOf,
  untilFinished,
  untilRight,
} from './vector-scene.ts';

let db: TestDatabase;
beforeEach(async () => {
  db = await createVectorDatabase();
});
afterEach(async () => {
  await db[Symbol.asyncDispose]();
});

async function createArticles(columns = '', rows = 400): Promise<void> {
  await db.pool.query(`create table articles (id integer primary key, body text ${columns})`);
  await db.pool.query(
    `insert into articles (id, body) select n, 'article ' || n from generate_series(1, $1::int) as n`,
    [rows],
  );
}

const literalOf = (vector: ArrayLike<number> | undefined) => `[${Array.from(vector ?? []).join(',')}]`;

test('a column of real[] is filled beside pgvector, and followed', async () => {
  await createArticles();
  const id = await addJob(db, { table: 'articles', column_type: 'real[]' });
  await using _ = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
  await untilFinished(db, id);
  await db.pool.query(`update articles set body = body || '!' where id % 4 = 1`);
  await untilRight(db, 'articles', 'vector');
  const { rows } = await db.pool.query(
    'select distinct pg_typeof(embedding)::text as type, cardinality(embedding) as size from articles',
  );
  expect(rows).toEqual([{ type: 'real[]', size: 384 }]);
});

describe.each(['vector', 'halfvec'] as const)('a column of %s(384)', (type) => {
  test('is added and filled, and followed by two daemons while several sessions write', async () => {
    await createArticles();
    const id = await addJob(db, { table: 'articles', column_type: `${type}(384)` });
    await using _first = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
    await using _second = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
    const write = async (session: number) => {
      for (let turn = 1; turn <= 20; turn += 1) {
        const own = 1_000 * session + turn;
        await db.pool.query(`insert into articles (id, body) values ($1, $2)`, [own, `writer ${session} turn ${turn}`]);
        await db.pool.query(`update articles set body = body || $1 where id % 4 = $2 and id <= 400`, [
          ` ${turn}`,
          session - 1,
        ]);
        await db.pool.query('update articles set body = null where id = $1', [own - 1]);
        await db.pool.query('delete from articles where id = $1', [own - 2]);
      }
    };
    await Promise.all([1, 2, 3, 4].map(write));
    await untilFinished(db, id);
    await untilRight(db, 'articles', type);
    const { rows } = await db.pool.query(
      `select format_type(atttypid, atttypmod) as type from pg_attribute where attrelid = 'articles'::regclass and attname = 'embedding'`,
    );
    expect(rows).toEqual([{ type: `${type}(384)` }]);
  });

  test('answers a query by similarity as the model itself would', async () => {
    await createArticles();
    const id = await addJob(db, { table: 'articles', column_type: `${type}(384)` });
    await using _daemon = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
    await untilFinished(db, id);
    const texts = Array.from({ length: 400 }, (_, at) => `article ${at + 1}`);
    const [wanted, ...vectors] = await embedTexts(['article 17', ...texts]);
    const distance = (vector: Float32Array) =>
      1 - vector.reduce((sum, value, at) => sum + value * (wanted?.[at] ?? 0), 0);
    const nearest = vectors
      .map((vector, at) => ({ id: at + 1, distance: distance(vector) }))
      .sort((a, b) => a.distance - b.distance)
      .slice(0, 5);
    const { rows } = await db.pool.query<{ id: number; distance: number }>(
      `select id, embedding <=> $1 as distance from articles order by 2, 1 limit 5`,
      [literalOf(wanted)],
    );
    expect(rows.map((row) => row.id)[0]).toBe(17);
    for (const [at, row] of rows.entries()) {
      expect(row.distance).toBeCloseTo(nearest[at]?.distance ?? Number.NaN, type === 'halfvec' ? 2 : 5);
    }
  });

  test('is written while an HNSW index is on it, and the index finds what was written', async () => {
    await createArticles(`, embedding ${type}(384)`, 100);
    await db.pool.query(`create index on articles using hnsw (embedding ${type}_cosine_ops)`);
    const id = await addJob(db, { table: 'articles' });
    await using daemon = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
    await untilFinished(db, id);
    await db.pool.query(`update articles set body = 'all new ' || id where id <= 20`);
    await db.pool.query(`insert into articles (id, body) values (200, 'the newest')`);
    await untilRight(db, 'articles', type);
    const [wanted] = await embedTexts(['the newest']);
    const query = `select id from articles order by embedding <=> '${literalOf(wanted)}' limit 1`;
    expect(await planOf(db, `${query}`)).toContain('articles_embedding_idx');
    expect((await db.pool.query(query)).rows).toEqual([{ id: 200 }]);
    expect(daemon.warnings().map(({ msg }) => msg)).toContain(
      'The index articles_embedding_idx makes writing vectors some 20 times slower: drop it before a large backfill, and make it again after.',
    );
  });

  test('of another length is refused before anything is written', async () => {
    await createArticles(`, embedding ${type}(512)`);
    const id = await addJob(db, { table: 'articles' });
    await using daemon = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
    await eventually(async () =>
      expect((await marksOf(db, id))?.reason ?? '').toContain(
        'Column "embedding" holds vectors of 512 dimensions, and the model\'s have 384',
      ),
    );
    expect(daemon.calls.items).toBe(0);
  });
});

test.each([
  ['a vector without dimensions', 'vector', 'vector'],
  ['a domain over vector', 'short_vector', 'vector'],
  ['a domain over a domain over halfvec', 'shorter_vector', 'halfvec'],
] as const)('%s is filled', async (_, column, type) => {
  await db.pool.query(
    'create domain short_vector as vector(384); create domain half as halfvec(384); create domain shorter_vector as half',
  );
  await createArticles(`, embedding ${column}`, 50);
  const id = await addJob(db, { table: 'articles' });
  await using _daemon = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
  await untilFinished(db, id);
  await db.pool.query(`update articles set body = 'other' where id = 3`);
  await untilRight(db, 'articles', type);
});

test('a domain over a vector of another length is refused', async () => {
  await db.pool.query('create domain long_vector as vector(768)');
  await createArticles(', embedding long_vector', 5);
  const id = await addJob(db, { table: 'articles' });
  await using daemon = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
  await eventually(async () =>
    expect((await marksOf(db, id))?.reason ?? '').toContain('holds vectors of 768 dimensions'),
  );
  expect(daemon.calls.items).toBe(0);
});

test.each(['vector(512)', 'halfvec(512)'])('a column_type of %s for a model of 384 is refused', async (columnType) => {
  await createArticles('', 5);
  const id = await addJob(db, { table: 'articles', column_type: columnType });
  await using _daemon = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
  await eventually(async () =>
    expect((await marksOf(db, id))?.reason).toBe(
      `The column type ${columnType} does not fit: the model's vectors have 384 dimensions`,
    ),
  );
});

test('a CHECK of the domain refuses a row, which alone fails', async () => {
  const vectors = await embedTexts(Array.from({ length: 40 }, (_, at) => `article ${at + 1}`));
  const refusedBy = (at: number) => vectors.filter((vector) => (vector[at] ?? 0) <= 0).length;
  const at = [...(vectors[0]?.keys() ?? [])].find((n) => refusedBy(n) > 2 && refusedBy(n) < 20) ?? 0;
  const refused = refusedBy(at);
  await db.pool.query(
    `create domain positive_vector as vector(384) check (vector_norm(value) > 0 and (value::real[])[${at + 1}] > 0)`,
  );
  await createArticles(', embedding positive_vector', 40);
  expect(refused).toBeGreaterThan(0);
  expect(refused).toBeLessThan(40);
  await addJob(db, { table: 'articles' });
  await using _daemon = await startTestDaemon({ uri: db.uri, provider: PROVIDER });
  await eventually(
    async () => {
      const { rows } = await db.pool.query(
        `select (select count(embedding)::int from articles) as written,
                (select count(*)::int from lamplighter.embedding_failures where is_final) as failed`,
      );
      expect(rows).toEqual([{ written: 40 - refused, failed: refused }]);
    },
    { timeoutMs: 50_000 },
  );
});

test('pgvector in another schema than public, and out of the search_path, is found', async () => {
  await using elsewhere = await createVectorDatabase('ext');
  await elsewhere.pool.query(`create table articles (id integer primary key, body text);
    insert into articles select n, 'article ' || n from generate_series(1, 20) as n`);
  const full = await addJob(elsewhere, { table: 'articles', column_type: 'vector(384)' });
  await elsewhere.pool.query(`create table halves (id integer primary key, body text, embedding ext.halfvec(384));
    insert into halves select n, 'article ' || n from generate_series(1, 20) as n`);
  const half = await addJob(elsewhere, { table: 'halves' });
  await using _daemon = await startTestDaemon({ uri: elsewhere.uri, provider: PROVIDER });
  await untilFinished(elsewhere, full);
  await untilFinished(elsewhere, half);
  await untilRight(elsewhere, 'articles', 'vector');
  await untilRight(elsewhere, 'halves', 'halfvec');
});
