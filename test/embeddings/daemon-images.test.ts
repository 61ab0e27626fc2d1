import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ImageFetcherOptions } from '../../src/daemon/images/fetch-image.ts';
import { hasOpenssl } from '../hosts/certificates.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { startImageServer } from '../support/image-server.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon, type TestDaemon } from '../support/test-daemon.ts';
import { createVisualProvider, vectorOfBytes } from '../support/visual-provider.ts';

const images = createVisualProvider();
let db: TestDatabase;
let running: TestDaemon;
let tables = 0;

beforeAll(async () => {
  db = await createTestDatabase();
  await db.pool.query(DOCUMENTED_TABLE);
  await db.pool.query('alter table jobs add column dst_table text');
  running = await startTestDaemon({ uri: db.uri, providers: [images] });
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

async function createPhotos(type = 'bytea'): Promise<string> {
  tables += 1;
  const table = `photos_${tables}`;
  await db.pool.query(`create table ${table} (id integer primary key, photo ${type}, views integer default 0)`);
  return table;
}

const addPhotoJob = (table: string, columns = {}) =>
  addJob(db, { table, src_column: 'photo', embedding_model: 'image/model', ...columns });

/** Rows whose vector is not the one of the image that they have. */
async function wrongRows(table: string): Promise<readonly number[]> {
  const { rows } = await db.pool.query<{ id: number; photo: Buffer | null; embedding: number[] | null }>(
    `select id, photo, embedding from ${table} order by id`,
  );
  return rows.flatMap(({ id, photo, embedding }) => {
    if (photo === null || photo.length === 0) return embedding === null ? [] : [id];
    const wanted = vectorOfBytes(photo);
    const isRight = embedding?.every((value, at) => Math.abs(value - (wanted[at] ?? 0)) < 1e-6) ?? false;
    return isRight ? [] : [id];
  });
}

const right = (table: string) => eventually(async () => expect(await wrongRows(table)).toEqual([]));
const finished = (id: string) =>
  eventually(async () => {
    const { rows } = await db.pool.query('select init_finished_at is not null as done from jobs where id = $1', [id]);
    expect(rows).toEqual([{ done: true }]);
  });
const refused = (id: string, reason: RegExp) =>
  eventually(async () => {
    const { rows } = await db.pool.query('select init_failure_reason as reason from jobs where id = $1', [id]);
    expect(rows).toEqual([{ reason: expect.stringMatching(reason) }]);
  });
const countImages = (content: string) =>
  images.asked.filter((bytes) => Buffer.from(bytes).toString() === content).length;

describe('a column of images', () => {
  test('is filled, and followed: insert, change, unrelated update, equal image, none', async () => {
    const table = await createPhotos();
    await db.pool.query(
      `insert into ${table} (id, photo) select n, decode(repeat(to_hex(n), 300), 'hex') from generate_series(16, 115) as n`,
    );
    await db.pool.query(`insert into ${table} values (1, null), (2, ''), (3, 'the same'), (4, 'the same')`);
    await finished(await addPhotoJob(table));
    await right(table);
    expect(countImages('the same')).toBe(1);
    await db.pool.query(`insert into ${table} values (5, 'a new one')`);
    await db.pool.query(`update ${table} set photo = 'another one' where id = 3`);
    await db.pool.query(`update ${table} set photo = null where id = 16`);
    await right(table);
    await db.pool.query(`update ${table} set views = views + 1`);
    await db.pool.query(`update ${table} set photo = photo`);
    await db.pool.query(`insert into ${table} values (6, 'the last one')`);
    await right(table);
    expect(countImages('a new one')).toBe(1);
    expect(countImages('another one')).toBe(1);
  });

  test('holds rows of every byte, and of more megabytes than one batch takes', async () => {
    const table = await createPhotos();
    const all = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
    await db.pool.query(`insert into ${table} values (1, $1)`, [all]);
    for (const id of [2, 3, 4]) {
      await db.pool.query(`insert into ${table} values ($1, $2)`, [id, Buffer.alloc(9_000_000, id)]);
    }
    await finished(await addPhotoJob(table));
    await right(table);
    await db.pool.query(`update ${table} set photo = photo || '\\x00'`);
    await right(table);
  });

  test('has a row that fails alone, at once, where it is no image or too large a one', async () => {
    const table = await createPhotos();
    await db.pool.query(`insert into ${table} values (1, 'good'), (2, 'bad'), (3, 'good, too')`);
    await db.pool.query(`insert into ${table} values (4, $1)`, [Buffer.alloc(20_000_001)]);
    await finished(await addPhotoJob(table));
    await eventually(async () => {
      const { rows } = await db.pool.query(
        `select key, attempts, error from lamplighter.embedding_failures where table_name = $1 and is_final order by key`,
        [table],
      );
      expect(rows).toEqual([
        { key: '{2}', attempts: 1, error: 'It is no image that can be read' },
        { key: '{4}', attempts: 1, error: 'The image has 20000001 bytes, and at most 20000000 are read' },
      ]);
    });
    expect(await wrongRows(table)).toEqual([2, 4]);
    await db.pool.query(`update ${table} set photo = 'good again' where id in (2, 4)`);
    await right(table);
  });

  test('may be of a domain over bytea, and may lose its type while it is watched', async () => {
    await db.pool.query('create domain picture as bytea');
    const table = await createPhotos('picture');
    await db.pool.query(`insert into ${table} values (1, 'one')`);
    const id = await addPhotoJob(table);
    await finished(id);
    await right(table);
    await db.pool.query(`alter table ${table} alter photo type text using 'text'`);
    await db.pool.query(`update ${table} set photo = 'changed'`);
    await refused(id, /is of type text, and the model image\/model takes images/);
  });
});

describe('what a model takes', () => {
  test('images need a column of bytes or, where they are fetched, of URLs', async () => {
    const texts = await createPhotos('text');
    await refused(
      await addPhotoJob(texts),
      /"?photo"? is of type text, .* or URLs, which are not fetched.*--allow-url-images/s,
    );
    const numbers = await createPhotos('integer');
    await refused(await addPhotoJob(numbers), /is of type integer, and the model image\/model takes images/);
  });

  test('texts need a column of texts', async () => {
    const table = await createPhotos();
    await refused(
      await addPhotoJob(table, { embedding_model: 'test/model' }),
      /is of type bytea, and the model test\/model takes texts.*clip\/ViT-B-32-visual/s,
    );
  });

  test('images are not divided into chunks', async () => {
    const table = await createPhotos();
    await refused(
      await addPhotoJob(table, { dst_table: `${table}_chunks` }),
      /images, which are not divided into chunks/,
    );
  });
});

describe.skipIf(!hasOpenssl)('a column of URLs', () => {
  test('is embedded where that is allowed; a row fails by its own URL, and what is away for a moment is fetched later', async () => {
    await using server = await startImageServer();
    server.handle(({ url = '' }, response) => response.writeHead(url === '/gone' ? 404 : 200).end(`image of ${url}`));
    const url = (path: string) => `https://images.test:${server.port}${path}`;
    await using own = await createTestDatabase();
    await own.pool.query(DOCUMENTED_TABLE);
    await own.pool.query('create table pages (id integer primary key, photo text)');
    await own.pool.query('insert into pages values (1, $1), (2, $2), (3, $3), (4, $4), (5, null)', [
      url('/one'),
      url('/gone'),
      'https://169.254.169.254/latest/meta-data/',
      ` ${url('/four')} `,
    ]);
    const images: ImageFetcherOptions = {
      ca: server.ca,
      isAllowed: (address) => address === '127.0.0.1',
      findAddresses: (_, done) => done(null, [{ address: '127.0.0.1', family: 4 }]),
    };
    await using _daemon = await startTestDaemon({
      uri: own.uri,
      providers: [createVisualProvider()],
      allowsUrlImages: true,
      images,
    });
    await addJob(own, { table: 'pages', src_column: 'photo', embedding_model: 'image/model' });
    await eventually(async () => {
      const { rows } = await own.pool.query<{ key: string; error: string }>(
        'select key, error from lamplighter.embedding_failures where is_final order by key',
      );
      expect(rows).toEqual([
        { key: '{2}', error: `${url('/gone')} answered with 404` },
        { key: '{3}', error: 'The image is not fetched: 169.254.169.254 is an address that is not public' },
      ]);
    });
    await eventually(async () => {
      const { rows } = await own.pool.query<{ id: number; embedding: number[] }>(
        'select id, embedding from pages where embedding is not null order by id',
      );
      expect(rows.map(({ id }) => id)).toEqual([1, 4]);
      const wanted = vectorOfBytes(Buffer.from('image of /one'));
      expect(rows[0]?.embedding.map((value) => value.toFixed(5))).toEqual(wanted.map((value) => value.toFixed(5)));
    });
  });
});
