import { afterAll, beforeAll, expect, test } from 'vitest';
import { VERSION } from '../../src/core/version.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { runCli, startCli } from './run-cli.ts';

const LANTERN = { entry: 'src/cli/lantern-cli.ts' };
const PATIENCE_MS = 60_000;

/** As it stands on Lantern's page, but for the quotes around "table" and the comma after the last column. */
const PAGE_TABLE = `CREATE TABLE jobs (
  id SERIAL PRIMARY KEY,
  db_connection TEXT NOT NULL, -- target database connection url. Like postgresql://[username]:[password]@[host]:[port]/[dbname]
  init_started_at TIMESTAMP, -- first time when job was started
  init_failed_at TIMESTAMP, -- if the job is failed during the first run
  init_finished_at TIMESTAMP, -- first run finish time
  init_failure_reason TEXT, -- error message if job will be failed
  canceled_at BOOL, -- if set to true all listeners will be closed for that job. This can be change while daemon is running
  schema TEXT, -- target schema name in destination database (default is public)
  "table" TEXT, -- target table name in destination database
  src_column TEXT, -- name of the source column in target database table
  dst_column TEXT, -- name of the destination column in target database table under which the embeddings will be generated
  embedding_model TEXT -- model name to use (you can get the models by running lantern-cli show-models)
)`;

let db: TestDatabase;
beforeAll(async () => {
  // Nothing is installed: the documented page has no such step.
  db = await createTestDatabase({ migrated: false });
});
afterAll(async () => {
  await db[Symbol.asyncDispose]();
});

test(
  'without a jobs table the daemon says how to make one, and what is wrong with the page',
  async () => {
    const { code, stderr } = await runCli(['start-daemon', '--uri', db.uri, '--table', 'jobs'], LANTERN);
    expect(stderr).toContain('error: There is no table public.jobs for jobs');
    expect(stderr).toContain('hint: Run: lamplighter create-jobs-table. Or: create table public.jobs (');
    expect(stderr).toContain('"table" is a reserved word');
    expect(code).toBe(2);
  },
  PATIENCE_MS,
);

test(
  'a table of texts that is given as the table of jobs is refused, without the advice to add columns to it',
  async () => {
    await db.pool.query('create table texts (id serial primary key, body text)');
    const args = [
      'jobs',
      'add',
      '--uri',
      db.uri,
      '--table',
      'texts',
      '--src-column',
      'body',
      '--model',
      'builtin/lexical',
    ];
    const { code, stderr } = await runCli([...args, '--source-table', 'texts', '--dst-column', 'embedding']);
    expect(stderr).toContain(
      'error: public.texts is no jobs table: it has no "src_column", "dst_column" and "embedding_model"\nhint: Name the table that holds',
    );
    expect(stderr).not.toContain('alter table');
    expect(code).toBe(2);
  },
  PATIENCE_MS,
);

test(
  'the documented page works word for word, with its statement made valid',
  async () => {
    await db.pool.query(PAGE_TABLE);
    await db.pool.query(
      "create table articles (id serial primary key, title text); insert into articles (title) values ('one')",
    );
    await db.pool.query(
      `INSERT INTO jobs (db_connection, schema, "table", src_column, dst_column, embedding_model)
       VALUES ($1, 'public', 'articles', 'title', 'title_embedding', 'builtin/lexical')`,
      [db.uri],
    );
    await using daemon = startCli(['start-daemon', '--uri', db.uri, '--table', 'jobs'], LANTERN);
    await daemon.waitForLine(/installed the schema of Lamplighter/, { timeoutMs: PATIENCE_MS });
    await db.pool.query("INSERT INTO articles (title) VALUES ('two')");
    await eventually(
      async () => {
        const { rows } = await db.pool.query(
          'select count(*)::int as rows, count(title_embedding)::int as vectors from articles',
        );
        expect(rows).toEqual([{ rows: 2, vectors: 2 }]);
      },
      { timeoutMs: 30_000 },
    );
    daemon.kill('SIGTERM');
    expect((await daemon.exited).code).toBe(0);
    const lines = daemon
      .stderr()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const { rows: leases } = await db.pool.query("select process_id from lamplighter.worker where kind = 'daemon'");
    expect(new Set(lines.map(({ processId }) => processId))).toEqual(new Set(leases.map((lease) => lease.process_id)));
    expect(lines.find(({ msg }) => msg.includes('the embedding daemon runs for'))).toMatchObject({
      version: VERSION,
      connection: { database: db.name, role: expect.any(String), server: expect.any(String) },
    });
    expect(lines.at(-1).msg).toMatch(/^stopped after [\d.]+ s: 2 vectors$/);
  },
  2 * PATIENCE_MS,
);

test(
  'a job is added to the table of the page, which wants a database in each row, and a model that is not known is told',
  async () => {
    const args = ['jobs', 'add', '--uri', db.uri, '--source-table', 'articles', '--src-column', 'title'];
    const added = await runCli([...args, '--dst-column', 'other', '-m', 'builtin/lexcal']);
    expect(added).toMatchObject({
      code: 0,
      stderr: 'warning: this program has no model builtin/lexcal (did you mean "builtin/lexical"?)\n',
    });
    const { rows } = await db.pool.query(`delete from jobs where dst_column = 'other' returning db_connection`);
    expect(rows).toEqual([{ db_connection: '' }]);
  },
  PATIENCE_MS,
);

test(
  'jobs are listed, cancelled and resumed, and one pass is made without a daemon',
  async () => {
    const list = await runCli(['jobs', 'list', '--uri', db.uri, '--json']);
    expect(JSON.parse(list.stdout)).toMatchObject(
      [
        {
          id: '1',
          source: 'public.articles.title',
          destination: 'title_embedding',
          model: 'builtin/lexical',
          reason: null,
        },
      ].map(({ reason: _, ...job }) => job),
    );
    expect(await runCli(['jobs', 'cancel', '1', '--uri', db.uri])).toMatchObject({ code: 0 });
    expect((await db.pool.query('select canceled_at is not null as is from jobs')).rows).toEqual([{ is: true }]);
    const once = await runCli([
      'create-embeddings',
      ...['-m', 'builtin/lexical', '-u', db.uri, '-t', 'articles', '-c', 'title', '-p', 'id'],
      ...['--out-column', 'once', '--create-column', '-f', 'id > 1'],
      ...['--max-rows-per-second', '100', '--max-tokens-per-day', '1000'],
    ]);
    expect(once).toMatchObject({ code: 0, stderr: '' });
    expect(once.stdout).toMatch(/^Embedded 1 row in .* s, with 1 call and 1 token of builtin\/lexical$/m);
    const { rows } = await db.pool.query(
      'select id, cardinality(once) as length, once = title_embedding as same from articles order by id',
    );
    expect(rows).toEqual([
      { id: 1, length: null, same: null },
      { id: 2, length: 384, same: true },
    ]);
  },
  2 * PATIENCE_MS,
);

test(
  'create-jobs-table makes a table for its creator alone, and is content with one that is there',
  async () => {
    await db.pool.query('create schema own; alter default privileges grant all on tables to public');
    const args = ['create-jobs-table', '--uri', db.uri, '--schema', 'own', '--table', 'Embedding Jobs'];
    const made = await runCli(args);
    expect(made).toMatchObject({ code: 0, stderr: '' });
    expect(made.stdout).toContain('Created the table own."Embedding Jobs"');
    expect(made.stdout).toContain('let in public: revoked');
    const { rows } = await db.pool.query(
      `select has_table_privilege('public', 'own."Embedding Jobs"', 'select') as may`,
    );
    expect(rows).toEqual([{ may: false }]);
    expect((await runCli(args)).stdout).toContain('is there already');
  },
  PATIENCE_MS,
);
