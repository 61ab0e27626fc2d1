import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Clock, systemClock } from '../../src/core/clock.ts';
import { embedOnce } from '../../src/daemon/embed-once.ts';
import { takeImagesAsTexts } from '../../src/daemon/images/embed-images.ts';
import { takesImages } from '../../src/daemon/images/visual-model.ts';
import { createVectorWriter } from '../../src/daemon/vector-writer.ts';
import { resolveConnection } from '../../src/db/connection/connection-settings.ts';
import { createPool } from '../../src/db/pool.ts';
import { createLexicalModel } from '../../src/models/lexical/lexical-model.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { openSession } from '../support/sql-session.ts';
import { createVisualProvider, vectorOfBytes } from '../support/visual-provider.ts';

/** A clock on which waits pass with the next turn of the event loop, and what was waited for. */
function createHastyClock() {
  const waits: number[] = [];
  let nowMs = 0;
  const clock: Clock = {
    ...systemClock,
    nowMs: () => nowMs,
    async delay(ms) {
      await nextTurn();
      waits.push(ms);
      nowMs += ms;
    },
  };
  return { clock, waits };
}

test('one pass keeps to its rate, and tells tokens', async () => {
  await using db = await createTestDatabase();
  await db.pool.query('create table texts (id integer primary key, body text)');
  await db.pool.query("insert into texts select n, 'two words' from generate_series(1, 25) as n");
  const { clock, waits } = createHastyClock();
  const pool = createPool(resolveConnection({ uri: db.uri }, {}), { max: 2 });
  const done = await embedOnce({
    db: pool,
    source: { schema: 'public', table: 'texts', srcColumn: 'body', pk: 'id' },
    model: createLexicalModel(),
    dimensions: 384,
    maxRowsPerSecond: 10,
    take: async () => undefined,
    onProgress: () => undefined,
    signal: new AbortController().signal,
    clock,
  });
  await pool.end();
  expect(done).toMatchObject({ rows: 25, failed: 0, calls: 3, tokens: 6, truncated: 0 });
  expect(waits).toEqual([1_000, 1_000]);
});

test('one pass keeps to its tokens of a day, waits for the next one, and leaves nothing out', async () => {
  await using db = await createTestDatabase();
  await db.pool.query('create table texts (id integer primary key, body text)');
  await db.pool.query("insert into texts select n, 'words of number ' || n from generate_series(1, 12) as n");
  const { clock, waits } = createHastyClock();
  const days: string[][] = [[]];
  const pool = createPool(resolveConnection({ uri: db.uri }, {}), { max: 2 });
  const done = await embedOnce({
    db: pool,
    source: { schema: 'public', table: 'texts', srcColumn: 'body', pk: 'id' },
    model: createLexicalModel(),
    dimensions: 384,
    maxTokensPerDay: 30,
    onDayUsedUp: () => days.push([]),
    async take(rows) {
      days.at(-1)?.push(...rows.map(({ key }) => key));
      return undefined;
    },
    onProgress: () => undefined,
    signal: new AbortController().signal,
    clock,
  });
  await pool.end();
  expect(done).toMatchObject({ rows: 12, failed: 0, tokens: 48 });
  expect(days.length).toBeGreaterThanOrEqual(2);
  expect(days.flat()).toEqual(Array.from({ length: 12 }, (_, at) => `${at + 1}`));
  expect(waits).toHaveLength(days.length - 1);
  for (const ms of waits) expect(ms).toBeLessThanOrEqual(24 * 3_600_000 + 1);
});

test('rows with one key get the vectors of their own texts, and a row without a key has failed', async () => {
  await using db = await createTestDatabase();
  await db.pool.query('create table notes (id integer, body text, embedding real[])');
  // Pages are of 500 rows: one key goes on from the first page into the second.
  await db.pool.query(
    `insert into notes select least(n, 400), 'text ' || n from generate_series(1, 700) as n union all select null, 'nobody'`,
  );
  const model = createLexicalModel();
  const pool = createPool(resolveConnection({ uri: db.uri }, {}), { max: 2 });
  const source = { schema: 'public', table: 'notes', srcColumn: 'body', pk: 'id' };
  const signal = new AbortController().signal;
  const take = await createVectorWriter(pool, { ...source, dstColumn: 'embedding', dimensions: 384 }, { signal });
  const done = await embedOnce({ db: pool, source, model, dimensions: 384, take, onProgress: () => undefined, signal });
  expect(done).toMatchObject({ rows: 701, failed: 1, firstError: 'id is null: a row without a key cannot be named' });
  const { rows } = await pool.query<{ body: string; embedding: number[] | null }>('select body, embedding from notes');
  const vectors = await model.embed(
    rows.map(({ body }) => body),
    signal,
  );
  for (const [at, { body, embedding }] of rows.entries()) {
    const own = vectors[at];
    const wanted = own?.ok === true ? own.value : undefined;
    expect(embedding && Float32Array.from(embedding), body).toEqual(body === 'nobody' ? null : wanted);
  }
  await pool.end();
});

test('a text that changes while its vector is made does not get the vector', async () => {
  await using db = await createTestDatabase();
  await db.pool.query('create table notes (id integer primary key, body text, embedding real[])');
  await db.pool.query("insert into notes values (1, 'old'), (2, 'kept')");
  const pool = createPool(resolveConnection({ uri: db.uri }, {}), { max: 2 });
  const source = { schema: 'public', table: 'notes', srcColumn: 'body', pk: 'id' };
  const signal = new AbortController().signal;
  const write = await createVectorWriter(pool, { ...source, dstColumn: 'embedding', dimensions: 384 }, { signal });
  await embedOnce({
    db: pool,
    source,
    model: createLexicalModel(),
    dimensions: 384,
    async take(rows, answers) {
      await db.pool.query("update notes set body = 'new' where id = 1");
      return write(rows, answers);
    },
    onProgress: () => undefined,
    signal,
  });
  const { rows } = await pool.query('select id, embedding is not null as has_vector from notes order by id');
  expect(rows).toEqual([
    { id: 1, has_vector: false },
    { id: 2, has_vector: true },
  ]);
  await pool.end();
});

test('a row that somebody has locked comes last, and who has locked it waits for nothing', async () => {
  await using db = await createTestDatabase();
  await db.pool.query('create table notes (id integer primary key, body text, embedding real[], n integer)');
  await db.pool.query("insert into notes select n, 'text ' || n from generate_series(1, 3) as n");
  await using user = await openSession(db.uri);
  await user.client.query(`set lock_timeout = '1s'; begin; update notes set n = 1 where id = 2`);
  const pool = createPool(resolveConnection({ uri: db.uri }, {}), { max: 2 });
  const source = { schema: 'public', table: 'notes', srcColumn: 'body', pk: 'id' };
  const signal = new AbortController().signal;
  const take = await createVectorWriter(pool, { ...source, dstColumn: 'embedding', dimensions: 384 }, { signal });
  const once = { db: pool, source, model: createLexicalModel(), dimensions: 384, take, onProgress: () => undefined };
  const pass = embedOnce({ ...once, signal });
  const embedded = async () =>
    (await db.pool.query('select id from notes where embedding is not null order by id')).rows.map(({ id }) => id);
  await eventually(async () => expect(await embedded()).toEqual([1, 3]));
  await user.client.query('update notes set n = 1 where id = 1; commit');
  expect(await pass).toMatchObject({ rows: 3, failed: 0 });
  expect(await embedded()).toEqual([1, 2, 3]);
  await pool.end();
});

test('a row that stays locked has failed, and the pass says why', async () => {
  await using db = await createTestDatabase();
  await db.pool.query(
    "create table notes (id integer primary key, body text, embedding real[]); insert into notes values (1, 'one')",
  );
  await using user = await openSession(db.uri);
  await user.client.query('begin; select from notes for update');
  const pool = createPool(resolveConnection({ uri: db.uri }, {}), { max: 2 });
  const source = { schema: 'public', table: 'notes', srcColumn: 'body', pk: 'id' };
  const signal = new AbortController().signal;
  const { clock } = createHastyClock();
  const take = await createVectorWriter(
    pool,
    { ...source, dstColumn: 'embedding', dimensions: 384 },
    { signal, clock },
  );
  const once = { db: pool, source, model: createLexicalModel(), dimensions: 384, take, onProgress: () => undefined };
  expect(await embedOnce({ ...once, signal })).toMatchObject({
    rows: 1,
    failed: 1,
    firstError: 'other transactions have had the row locked for 60 s',
  });
  await pool.end();
});

test('vectors are not written over a column that holds something else', async () => {
  await using db = await createTestDatabase();
  await db.pool.query(
    'create domain words as text; create table notes (id integer primary key, body text, title words)',
  );
  const pool = createPool(resolveConnection({ uri: db.uri }, {}), { max: 1 });
  const { signal } = new AbortController();
  for (const [dstColumn, type] of [
    ['id', 'integer'],
    ['body', 'text'],
    ['title', 'words'],
  ] as const) {
    const place = { schema: 'public', table: 'notes', pk: 'id', dstColumn, dimensions: 384 };
    await expect(createVectorWriter(pool, place, { signal })).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
      message: `Column ${dstColumn} is of type ${type}, which holds no vectors`,
    });
  }
  await pool.end();
});

test('images of a column of bytes are embedded, and only by a model that takes them', async () => {
  await using db = await createTestDatabase();
  await db.pool.query('create table photos (id integer primary key, photo bytea, embedding real[])');
  await db.pool.query(`insert into photos select n, decode(to_hex(n + 100), 'hex') from generate_series(1, 40) as n`);
  await db.pool.query(`insert into photos values (41, 'bad'), (42, null)`);
  const pool = createPool(resolveConnection({ uri: db.uri }, {}), { max: 2 });
  const source = { schema: 'public', table: 'photos', srcColumn: 'photo', pk: 'id' };
  const signal = new AbortController().signal;
  const common = { db: pool, source, dimensions: 8, onProgress: () => undefined, signal };
  const loaded = await createVisualProvider().load({ name: 'image/model' }, signal);
  if (!takesImages(loaded)) throw new Error('it takes no images');
  const model = takeImagesAsTexts(loaded, undefined);
  const take = await createVectorWriter(pool, { ...source, dstColumn: 'embedding', dimensions: 384 }, { signal });
  const done = await embedOnce({ ...common, model, isVisual: true, take });
  expect(done).toMatchObject({ rows: 41, failed: 1, firstError: 'It is no image that can be read' });
  const { rows } = await pool.query<{ photo: Buffer; embedding: number[] }>(
    'select photo, embedding from photos where embedding is not null order by id',
  );
  expect(rows).toHaveLength(40);
  for (const { photo, embedding } of rows) expect(embedding[0]).toBeCloseTo(vectorOfBytes(photo)[0] ?? 0, 6);
  await expect(embedOnce({ ...common, model: createLexicalModel(), take })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: 'Column "photo" is of type bytea, and the model takes texts',
  });
  await pool.end();
});
