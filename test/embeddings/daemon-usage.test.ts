import { afterAll, beforeAll, expect, test } from 'vitest';
import { writeVectors } from '../../src/embeddings/write-vectors.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon, type TestDaemon } from '../support/test-daemon.ts';
import { createTargetScene, vectorOf } from './target-scene.ts';

let db: TestDatabase;
let running: TestDaemon;

beforeAll(async () => {
  db = await createTestDatabase();
  await db.pool.query(DOCUMENTED_TABLE);
  await db.pool.query('alter table jobs add column max_tokens_per_day bigint');
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

const statusOf = async (job: string) =>
  (
    await db.pool.query('select state, reason, tokens::integer from lamplighter.embedding_status where job_id = $1', [
      job,
    ])
  ).rows[0];
const countVectors = async (table: string) =>
  (await db.pool.query(`select count(embedding)::integer as vectors from ${table}`)).rows[0].vectors;
let daysPassed = 0;
/** What was counted today counts for a day in the past, for another one each time: no two rows of a job meet. */
async function passDay(): Promise<void> {
  daysPassed += 1;
  await db.pool.query(
    "update lamplighter.embedding_day set day = day - $1::integer where day = (now() at time zone 'UTC')::date",
    [daysPassed],
  );
}
const USED_UP = 'waits until 00:00 UTC: max_tokens_per_day is used up';

test('max_tokens_per_day holds for all daemons together, is told in the view, and others go on; the next day goes on', async () => {
  await createTexts(
    'thrifty',
    Array.from({ length: 60 }, (_, at) => `thrifty row ${at} !tokens:5`),
  );
  await using _other = await startTestDaemon({ uri: db.uri });
  const job = await addJob(db, { table: 'thrifty', max_tokens_per_day: 100 });
  await eventually(async () => expect(await statusOf(job)).toMatchObject({ state: 'backfill', reason: USED_UP }));
  await eventually(
    async () => {
      const { tokens } = await statusOf(job);
      expect(tokens).toBeGreaterThan(80);
      expect(tokens).toBeLessThanOrEqual(100);
      expect(await countVectors('thrifty')).toBe(tokens / 5);
    },
    { timeoutMs: 30_000 },
  );
  await createTexts('lavish', ['one', 'two']);
  await addJob(db, { table: 'lavish' });
  await eventually(async () => expect(await countVectors('lavish')).toBe(2));
  const before = await countVectors('thrifty');
  await passDay();
  await eventually(async () => expect(await countVectors('thrifty')).toBeGreaterThan(before + 10), {
    timeoutMs: 30_000,
  });
  await db.pool.query('update jobs set max_tokens_per_day = null where id = $1', [job]);
  await eventually(async () => {
    expect(await statusOf(job)).toMatchObject({ state: 'live', reason: null });
    expect(await countVectors('thrifty')).toBe(60);
  });
}, 90_000);

test('what changes goes before what a pass has found', async () => {
  await createTexts(
    'changing',
    Array.from({ length: 30 }, (_, at) => `both row ${at} !tokens:9`),
  );
  const job = await addJob(db, { table: 'changing', max_tokens_per_day: 50 });
  await eventually(async () => expect(await statusOf(job)).toMatchObject({ reason: USED_UP }));
  await db.pool.query("insert into changing (body) values ('fresh !tokens:5')");
  await passDay();
  await eventually(
    async () =>
      expect((await db.pool.query('select embedding is not null as is from changing where id = 31')).rows).toEqual([
        { is: true },
      ]),
    { timeoutMs: 30_000 },
  );
  expect(await countVectors('changing')).toBeLessThan(20);
}, 60_000);

test('a text that is larger than the day has one for itself', async () => {
  await createTexts('large', ['first one', `large ${'word '.repeat(200)}`, 'last one']);
  const job = await addJob(db, { table: 'large', max_tokens_per_day: 50 });
  for (const vectors of [1, 2, 3]) {
    await eventually(async () => expect(await countVectors('large')).toBe(vectors), { timeoutMs: 30_000 });
    const reason = vectors === 3 ? null : USED_UP;
    await eventually(async () => expect(await statusOf(job)).toMatchObject({ reason }));
    await passDay();
  }
}, 90_000);

test('tokens of calls that came to nothing are given back', async () => {
  await createTexts('away', ['one !unavailable-times:3', 'two !unavailable-times:3']);
  const job = await addJob(db, { table: 'away', max_tokens_per_day: 40 });
  await eventually(async () => expect(await countVectors('away')).toBe(2), { timeoutMs: 30_000 });
  await eventually(async () => expect(await statusOf(job)).toMatchObject({ state: 'live', reason: null }));
}, 60_000);

test('what a text took is settled for the day on which its tokens were claimed', async () => {
  await using scene = await createTargetScene();
  await scene.run(`create table pages (id int primary key, body text); insert into pages values (1, 'late')`);
  const job = await scene.prepare('pages');
  await scene.settle(job);
  await scene.run(
    `update pages set body = 'later'; insert into lamplighter.embedding_day (job, day, model, tokens) values (${job.id}, '2020-02-02', 'm1', 50)`,
  );
  const batch = await scene.claim(job);
  const usage = { texts: 1, calls: 1, tokens: -30, day: '2020-02-02' };
  await writeVectors(scene.pool, job, batch, [vectorOf('later')], usage);
  expect(await scene.run(`select day::text, tokens::int from lamplighter.embedding_usage order by day`)).toEqual([
    { day: '2020-02-02', tokens: 20 },
    { day: expect.any(String), tokens: null },
  ]);
});

test('usage is told by day and model, and stays with the row of the jobs table when its vectors go elsewhere', async () => {
  await using scene = await createTargetScene();
  await scene.run(`create table pages (id int primary key, body text); insert into pages values (1, 'text')`);
  await scene.settle(await scene.prepare('pages'));
  await scene.settle(await scene.prepare('pages', { model: 'm2' }));
  await scene.settle(await scene.prepare('pages', { model: 'm2', dstColumn: 'elsewhere' }));
  expect(await scene.run(`select job_id, model, texts::int from lamplighter.embedding_usage order by model`)).toEqual([
    { job_id: 'pages', model: 'm1', texts: 1 },
    { job_id: 'pages', model: 'm2', texts: 2 },
  ]);
});
