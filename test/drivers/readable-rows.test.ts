import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPage } from '../docs/markdown-page.ts';
import { createTargetScene } from '../embeddings/target-scene.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { findPython, type Python } from '../support/python.ts';
import { sqlErrorOf } from '../support/sql-error.ts';
import { startSqlWorker } from '../support/sql-worker.ts';

const ROWS = 7;
const FAR_ZONES = ['Pacific/Kiritimati', 'Etc/GMT+12'];
const CALLS = [
  'steadytext_queue_stats()',
  'steadytext_worker_status()',
  '(select c.* from steadytext_queue as q cross join lateral steadytext_check_async(q.request_id) as c) as checked',
  'steadytext_check_async_batch(array(select request_id from steadytext_queue))',
  `(select steadytext_embedding(request_id) from steadytext_queue where function_name = 'embed') as embedding`,
];

let db: TestDatabase;
let python: Python | string;
beforeAll(async () => {
  db = await createTestDatabase();
  python = await findPython(new URL('requirements.txt', import.meta.url));
  await fill();
}, 300_000);
afterAll(() => db[Symbol.asyncDispose]());

/** A row in every state: pending, delayed, rescued, processing, completed, failed and cancelled. */
async function fill(): Promise<void> {
  await db.pool.query(`select steadytext_embed_async('t' || n) from generate_series(1, ${ROWS - 1}) as n`);
  const worker = await startSqlWorker(db.pool);
  const [first, second, third, , fifth] = await worker.claim();
  if (!first || !second || !third || !fifth) throw new Error('expected five requests');
  await worker.finish([first], { kind: 'completed', result: '[1,-0,1e-15]' });
  await worker.finish([second], { kind: 'failed', error: 'no' });
  await worker.finish([third], { kind: 'retry', error: 'later', delayMs: 1_000 });
  await db.pool.query(`update steadytext_queue set status = 'cancelled' where id = $1`, [fifth.id]);
  await db.pool.query(
    `update steadytext_queue set status = 'pending', worker_id = null, started_at = null
     where id = (select max(id) from steadytext_queue)`,
  );
  await db.pool.query(
    `update steadytext_queue set run_at = '9000-01-01 00:00+00' where id = (select max(id) from steadytext_queue)`,
  );
  await db.pool.query(`select steadytext_embed_async('pending')`);
  const { rows } = await db.pool.query(`select distinct status, run_at from steadytext_queue`);
  expect(rows).toHaveLength(ROWS);
}

test('pg reads every column of a row in every state, and what every function returns', async () => {
  for (const source of ['steadytext_queue', ...CALLS]) {
    const { rows } = await db.pool.query<Record<string, unknown>>(`select * from ${source}`);
    expect(rows.length).toBeGreaterThan(0);
    for (const value of rows.flatMap((row) => Object.values(row))) {
      if (typeof value === 'number') expect(value).toSatisfy(Number.isFinite);
      if (value instanceof Date) expect(JSON.parse(JSON.stringify(value))).toMatch(/^\d{4}-/);
    }
  }
});

test.each(['infinity', '-infinity', '0001-01-01 00:00+00', '9999-12-31 00:00+00', '20000-01-01'])(
  'created_at cannot be %s, whoever inserts',
  async (time) => {
    const error = await sqlErrorOf(
      db.pool,
      `insert into steadytext_queue (function_name, created_at) values ('embed', '${time}')`,
    );
    expect(error.code).toBe('23514');
  },
);

const prelude = (name: string) => readFileSync(new URL(`${name}-prelude.py`, import.meta.url), 'utf8');
const shown = (mark: string) => readPage('docs/orms.md').blocks.find(({ marks }) => marks.includes(mark))?.text ?? '';

const PSYCOPG = `
import os, psycopg
with psycopg.connect(os.environ["DATABASE_URL"], options="-c TimeZone=" + os.environ["TIME_ZONE"]) as connection:
    for source in os.environ["SOURCES"].split("\\n"):
        assert len(connection.execute("select * from " + source).fetchall()) > 0, source
    print(len(connection.execute("select * from steadytext_queue").fetchall()))`;
const DJANGO = `${prelude('django')}
${shown('django')}
rows = list(Request.objects.all())
assert all(row.created_at.tzinfo for row in rows)
from django.db import connection
cursor = connection.cursor()
cursor.execute("select * from steadytext_queue")
print(len(cursor.fetchall()))`;
const SQLALCHEMY = `${prelude('sqlalchemy')}
from sqlalchemy import MetaData, Table, select
table = Table("steadytext_queue", MetaData(), autoload_with=engine)
print(len(session.execute(select(table)).all()))`;

test.for(
  FAR_ZONES.flatMap((zone) => [
    ['psycopg', zone, PSYCOPG] as const,
    ['Django', zone, DJANGO] as const,
    ['SQLAlchemy', zone, SQLALCHEMY] as const,
  ]),
)('%s reads every row in the time zone %s', async ([, zone, program], { skip }) => {
  if (typeof python === 'string') return skip(python);
  const env = { DATABASE_URL: db.uri, TIME_ZONE: zone, SOURCES: CALLS.join('\n') };
  expect((await python.run(program, env)).trim()).toBe(String(ROWS));
});

test('psycopg and pg read tasks in every state, and embedding jobs', async ({ skip }) => {
  await using scene = await createTargetScene();
  await scene.run(`create table note (id int primary key, body text); insert into note values (1, 'one')`);
  await scene.settle(await scene.prepare('note'));
  await scene.run(
    `select lantern.async_task('select ' || n) from generate_series(1, 5) as n;
     select lantern.cancel_async_task(2);
     create table claimed as select * from lamplighter.claim_tasks('${scene.holderId}', 3, '{}');
     insert into lamplighter.task_outcome (run_id, attempt) select run_id, attempt from claimed where jobid = 1;
     select lamplighter.finish_task('${scene.holderId}', run_id, attempt, 'failed', E'ERROR:  no\\n', 'SELECT 1', 1)
     from claimed where jobid < 4`,
  );
  const sources = [
    'lantern.tasks',
    'lantern.task_status',
    'lamplighter.embedding_status',
    'lamplighter.embedding_usage',
  ];
  const { rows } = await scene.db.pool.query('select distinct state from lantern.task_status');
  expect(rows).toHaveLength(5);
  for (const source of sources) expect((await scene.db.pool.query(`select * from ${source}`)).rows).not.toEqual([]);
  if (typeof python === 'string') return skip(python);
  const env = { DATABASE_URL: scene.db.uri, TIME_ZONE: FAR_ZONES[0] ?? '', SOURCES: sources.join('\n') };
  expect((await python.run(PSYCOPG, env)).trim()).toBe('0');
});
