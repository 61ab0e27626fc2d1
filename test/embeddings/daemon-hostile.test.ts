import { randomBytes } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { findVectorFaults, NO_FAULTS } from '../support/check-vectors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon, type TestDaemon } from '../support/test-daemon.ts';

let db: TestDatabase;
let running: TestDaemon;

beforeAll(async () => {
  db = await createTestDatabase();
  await db.pool.query(DOCUMENTED_TABLE);
  running = await startTestDaemon({ uri: db.uri });
});
afterAll(async () => {
  await running[Symbol.asyncDispose]();
  await db[Symbol.asyncDispose]();
});

const complete = (table: string) =>
  eventually(async () => expect(await findVectorFaults(db, table)).toEqual(NO_FAULTS));

test('notifications that anybody can send change nothing: rows are embedded, and nothing is warned of', async () => {
  await db.pool.query('create table noted (id integer primary key, body text)');
  await addJob(db, { table: 'noted' });
  await db.pool.query(`insert into noted values (1, 'before')`);
  await complete('noted');
  const payloads = [
    ...['', ':', 'embeddings', 'embeddings:', 'embeddings:-1', 'embeddings:1e999', 'embeddings:9223372036854775808'],
    ...['embeddings:0x10', 'embeddings: 1', 'embeddings:1:2', 'EMBEDDINGS:1', '__proto__:1', 'constructor:1'],
    ...[
      'embeddings:NaN',
      'requests:1',
      'tasks:1',
      '{"embeddings":1}',
      "'; drop table noted; --",
      '\u202e\ud83d\ude00',
      '%s%n',
    ],
    ...['a'.repeat(7_900), `embeddings:${'9'.repeat(7_900)}`],
  ];
  for (let round = 0; round < 5; round += 1) {
    for (const payload of payloads) {
      for (const channel of ['lamplighter_wake', 'steadytext_completed']) {
        await db.pool.query('select pg_notify($1, $2)', [channel, payload]);
      }
    }
  }
  await db.pool.query(`insert into noted values (2, 'after')`);
  await complete('noted');
  expect(running.warnings()).toEqual([]);
});

test('keys of two kilobytes and of every special character are those of their rows', async () => {
  await db.pool.query('create table keyed (id text primary key, body text, views integer default 0)');
  const keys = [
    ...[
      '',
      ' ',
      'NULL',
      'null',
      '{}',
      '{a,b}',
      '"',
      '""',
      '\\',
      '\\\\',
      "'",
      ',',
      'a,b',
      '\n',
      '\t',
      '\r\n',
      '$1',
      '%I',
      '--',
    ],
    ...['é', 'e\u0301', '\u{1f642}', '\u200b', '\u202e', 'İ', 'ß', 'a\u0001b', 'x'.repeat(2_000)],
    ...Array.from({ length: 20 }, () => randomBytes(1_300).toString('hex')),
  ];
  for (const [at, key] of keys.entries()) await db.pool.query('insert into keyed values ($1, $2)', [key, `text ${at}`]);
  await addJob(db, { table: 'keyed' });
  await complete('keyed');
  await db.pool.query(`update keyed set body = body || ' changed'`);
  await complete('keyed');
  await db.pool.query(`update keyed set id = id || '!' where length(id) < 100`);
  await complete('keyed');
  await db.pool.query(`delete from keyed where length(id) > 100`);
  await db.pool.query(`insert into keyed values ($1, 'new')`, [randomBytes(1_340).toString('hex')]);
  await complete('keyed');
});

test('what a user should know of a job stands in the status, and goes when it is mended', async () => {
  await db.pool.query('create table unkeyed (id integer, body text)');
  await addJob(db, { table: 'unkeyed' });
  const warnings = async () => {
    const { rows } = await db.pool.query<{ warnings: string[] }>(
      `select warnings from lamplighter.embedding_status where table_name = 'unkeyed'`,
    );
    return rows[0]?.warnings;
  };
  await eventually(async () =>
    expect(await warnings()).toEqual([expect.stringContaining('No index begins with a column of the key')]),
  );
  await db.pool.query('alter table unkeyed add primary key (id)');
  await db.pool.query(`update jobs set embedding_model = 'test/other' where "table" = 'unkeyed'`);
  await eventually(async () => expect(await warnings()).toEqual([]));
});
