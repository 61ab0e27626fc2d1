import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { findCopy } from '../../src/db/migrate/installation.ts';
import { createTestDatabase, type TestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { withSession } from '../support/owned-database.ts';
import { addJob, startTestDaemon } from '../support/test-daemon.ts';
import { createVectorDatabase, PROVIDER, untilRight } from './vector-scene.ts';

const run = promisify(execFile);
/** What was in the hands of the daemon that was dumped is given up so soon. */
const LEASE = { leaseMs: 2_000, heartbeatMs: 250 } as const;

/** `pg_dump | pg_restore` into an empty database, with the programs of the server's own version. */
async function copyDatabase({ uri, pool }: TestDatabase, to: TestDatabase): Promise<void> {
  const { rows } = await pool.query<{ folder: string }>(
    `select setting as folder from pg_config where name = 'BINDIR'`,
  );
  const folder = await mkdtemp(join(tmpdir(), 'lamplighter-dump-'));
  const programs = rows[0]?.folder ?? '';
  try {
    const file = join(folder, 'dump');
    await run(join(programs, 'pg_dump'), ['--format=custom', `--file=${file}`, `--dbname=${uri}`]);
    await run(join(programs, 'pg_restore'), ['--exit-on-error', `--dbname=${to.uri}`, file]);
  } finally {
    await rm(folder, { recursive: true });
  }
}

test('a copy by pg_dump and pg_restore is served by a daemon of its own, with all that was under way, and the origin goes on', async () => {
  await using origin = await createVectorDatabase();
  await using copy = await createTestDatabase({ migrated: false });
  await origin.pool.query(`create table articles (id int primary key, body text);
    insert into articles select n, 'text ' || n from generate_series(1, 60) as n`);
  await using first = await startTestDaemon({ uri: origin.uri, provider: PROVIDER, ...LEASE });
  await addJob(origin, { table: 'articles', column_type: 'vector(384)' });
  await untilRight(origin, 'articles', 'vector');

  // Rows that are being embedded, and rows that wait behind them.
  await origin.pool.query(`update articles set body = '!sleep:4000 ' || id where id <= 3`);
  await eventually(async () => {
    const { rowCount } = await origin.pool.query('select from lamplighter.embedding_batch where holder is not null');
    expect(rowCount).toBe(1);
  });
  await origin.pool.query(`update articles set body = 'waiting ' || id where id between 3 and 9`);
  await copyDatabase(origin, copy);
  await copy.pool.query(`update articles set body = 'of the copy ' || id where id between 8 and 12; delete from articles where id = 20;
    update articles set id = 100 where id = 21; insert into articles values (101, 'inserted into the copy')`);
  expect(await withSession(copy.uri, findCopy)).toMatch(/is a copy of the one that was noted/);
  await using second = await startTestDaemon({ uri: copy.uri, provider: PROVIDER, ...LEASE });
  await untilRight(copy, 'articles', 'vector');
  await copy.pool.query(`update articles set body = 'later ' || id where id > 50`);
  await untilRight(copy, 'articles', 'vector');
  await untilRight(origin, 'articles', 'vector');

  expect(first.warnings()).toEqual([]);
  expect(second.warnings().map(({ msg }) => msg)).toEqual([
    'took over rows that another daemon had begun and not ended',
  ]);
  // The trigger that came with the dump goes when unused ones are looked for: at the start, and each minute.
  await second.daemon.stop();
  await using _ = await startTestDaemon({ uri: copy.uri, provider: PROVIDER, ...LEASE });
  await eventually(async () => {
    const { rows } = await copy.pool.query(
      `select s.state, exists (select from jobs where init_failure_reason is not null) as has_failed,
              (select count(*)::int from lamplighter.embedding_job) as jobs,
              (select count(*)::int from pg_trigger where tgrelid = 'articles'::regclass and not tgisinternal) as triggers
       from lamplighter.embedding_status as s`,
    );
    expect(rows).toEqual([{ state: 'live', has_failed: false, jobs: 1, triggers: 1 }]);
  });
}, 120_000);
