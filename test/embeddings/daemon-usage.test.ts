import { afterAll, beforeAll, expect, test } from 'vitest';
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

async function createTexts(table: string, texts: readonly string[]): Promise<void> {
  await db.pool.query(`create table ${table} (id bigint generated always as identity primary key, body text)`);
  await db.pool.query(`insert into ${table} (body) select unnest($1::text[])`, [texts]);
}

const usageOf = async (job: string) =>
  (
    await db.pool.query(
      `select s.state, s.tokens::integer, s.truncated::integer, u.texts::integer, u.tokens::integer as day_tokens, u.truncated::integer as day_truncated
       from lamplighter.embedding_status as s
       join lamplighter.embedding_usage as u on u.job = s.job and u.day = (now() at time zone 'UTC')::date
       where s.job_id = $1`,
      [job],
    )
  ).rows;

test('tokens and texts beyond the window are counted per job and day, and told once in the log', async () => {
  await createTexts('usual', [
    'one !tokens:3',
    'two !tokens:4',
    'two !tokens:4',
    'long !tokens:9 !truncated',
    'untold',
  ]);
  const job = await addJob(db, { table: 'usual' });
  const day = { texts: 5, day_tokens: 16, day_truncated: 1 };
  await eventually(async () =>
    expect(await usageOf(job)).toEqual([{ state: 'live', tokens: 16, truncated: 1, ...day }]),
  );
  await db.pool.query("insert into usual (body) values ('longer !tokens:9 !truncated')");
  const next = { texts: 6, day_tokens: 25, day_truncated: 2 };
  await eventually(async () => expect(await usageOf(job)).toMatchObject([{ tokens: 25, truncated: 2, ...next }]));
  const told = running.warnings().filter(({ msg }) => msg.includes('are longer than'));
  expect(told.map(({ msg }) => msg)).toEqual([
    expect.stringMatching(/^texts of "public"."usual" are longer than test\/model reads/),
  ]);
});

test('both are unknown of a model that does not tell them', async () => {
  await createTexts('untold', ['one', 'two']);
  const job = await addJob(db, { table: 'untold' });
  await eventually(async () =>
    expect(await usageOf(job)).toEqual([
      { state: 'live', tokens: null, truncated: null, texts: 2, day_tokens: null, day_truncated: null },
    ]),
  );
});
