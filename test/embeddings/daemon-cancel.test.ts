import { expect, test } from 'vitest';
import { runCli } from '../cli/run-cli.ts';
import { findVectorFaults, NO_FAULTS } from '../support/check-vectors.ts';
import { createTestDatabase } from '../support/database.ts';
import { eventually } from '../support/eventually.ts';
import { addJob, DOCUMENTED_TABLE, startTestDaemon } from '../support/test-daemon.ts';

const PATIENCE = { timeoutMs: 20_000 };

test('canceled_at may be a boolean: true cancels the job, false and null resume it, and so do the commands', async () => {
  await using db = await createTestDatabase();
  await db.pool.query(`${DOCUMENTED_TABLE.replace('"canceled_at" timestamp', '"canceled_at" boolean not null default false')};
    create table articles (id integer primary key, body text);
    insert into articles values (1, 'one'), (2, 'two')`);
  await using _daemon = await startTestDaemon({ uri: db.uri });
  const id = await addJob(db, { table: 'articles' });
  const isIn = (state: string) =>
    eventually(async () => {
      const { rows } = await db.pool.query('select state from lamplighter.embedding_job');
      expect(rows).toEqual([{ state }]);
    }, PATIENCE);
  const isComplete = () =>
    eventually(async () => expect(await findVectorFaults(db, 'articles')).toEqual(NO_FAULTS), PATIENCE);
  const flag = async () => (await db.pool.query('select canceled_at from jobs')).rows;

  await isIn('live');
  await isComplete();
  await db.pool.query('update jobs set canceled_at = true');
  await isIn('canceled');
  await db.pool.query("update articles set body = 'while cancelled' where id = 1");
  await db.pool.query('update jobs set canceled_at = false');
  await isComplete();
  await isIn('live');

  expect(await runCli(['jobs', 'cancel', id, '--uri', db.uri])).toMatchObject({ code: 0, stderr: '' });
  expect(await flag()).toEqual([{ canceled_at: true }]);
  await isIn('canceled');
  expect(await runCli(['jobs', 'resume', id, '--uri', db.uri])).toMatchObject({ code: 0, stderr: '' });
  expect(await flag()).toEqual([{ canceled_at: false }]);
  await isIn('live');
  expect(await runCli(['jobs', 'retry-failures', id, '--uri', db.uri])).toMatchObject({
    code: 0,
    stdout: '0 rows are tried again\n',
  });
  const audit = await db.pool.query('select action, filter, count::int from lamplighter.audit order by audit_id');
  expect(audit.rows).toEqual([
    { action: 'cancel', filter: { job_id: id }, count: 1 },
    { action: 'resume', filter: { job_id: id }, count: 1 },
    { action: 'retry failures', filter: { job_id: id }, count: 0 },
  ]);

  await db.pool.query('alter table jobs alter column canceled_at drop not null');
  await db.pool.query('update jobs set canceled_at = true');
  await isIn('canceled');
  await db.pool.query('update jobs set canceled_at = null');
  await isIn('live');
}, 60_000);
