import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { listOwnObjects, uninstall } from '../../src/db/migrate/uninstall.ts';
import { cancelJob, dropCaptures, removeJob } from '../../src/embeddings/cancel-job.ts';
import { claimChanges } from '../../src/embeddings/claim-changes.ts';
import { releaseBatch, rescueBatches } from '../../src/embeddings/embedding-batch.ts';
import { listJobs, setJobState } from '../../src/embeddings/list-jobs.ts';
import { readJobProgress } from '../../src/embeddings/read-progress.ts';
import { writeVectors } from '../../src/embeddings/write-vectors.ts';
import { withSession } from '../support/owned-database.ts';
import { openSession } from '../support/sql-session.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import { createTargetScene, type TargetScene, vectorOf } from './target-scene.ts';

let scene: TargetScene;
beforeAll(async () => {
  scene = await createTargetScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

const triggersOf = (table: string) =>
  scene.run(`select tgname from pg_trigger where tgrelid = '${table}'::regclass and not tgisinternal`);

describe('a canceled job', () => {
  test('captures and writes nothing at once, loses its trigger later, and catches up when it is taken up again', async () => {
    await scene.run(
      `create table canceled (id int primary key, body text); insert into canceled values (1, 'one'), (2, 'two')`,
    );
    const job = await scene.prepare('canceled');
    await scene.settle(job);
    await scene.run(`update canceled set body = 'uno' where id = 1`);
    const batch = await scene.claim(job);
    await using reader = await openSession(scene.db.uri);
    await reader.client.query('begin; select * from canceled');

    await cancelJob(scene.pool, job.id);
    await expect(scene.answer(job, batch)).rejects.toMatchObject({ code: 'JOB_CHANGED' });
    await scene.run(`update canceled set body = 'dos' where id = 2`);
    expect(await scene.logged()).toEqual([]);
    expect(await dropCaptures(scene.pool)).toBe(1);
    expect(await triggersOf('canceled')).toHaveLength(1);
    await reader.client.query('commit');
    expect(await dropCaptures(scene.pool)).toBe(0);
    expect(await triggersOf('canceled')).toEqual([]);

    const again = await scene.prepare('canceled');
    expect(again.id).toBe(job.id);
    await scene.settle(again);
    expect(await scene.wrong('canceled')).toEqual([]);
  });

  test('may be followed by another one for the same column, and then cannot be taken up', async () => {
    await scene.run(`create table handed (id int primary key, body text)`);
    const job = await scene.prepare('handed', { jobId: '1' });
    await expect(scene.prepare('handed', { jobId: '2' })).rejects.toMatchObject({
      code: 'JOB_INVALID',
      message: '"public"."handed"."vec" is filled by job 1 already',
    });
    await cancelJob(scene.pool, job.id);
    await scene.prepare('handed', { jobId: '2' });
    await expect(scene.prepare('handed', { jobId: '1' })).rejects.toMatchObject({ code: 'JOB_INVALID' });
  });
});

test('a removed job leaves the vectors and nothing else', async () => {
  await scene.run(`create table removed (id int primary key, body text); insert into removed values (1, 'one')`);
  const job = await scene.prepare('removed', { controlId: 'other' });
  await scene.settle(job);
  await setJobState(scene.pool, job.id, 'live');
  expect(await listJobs(scene.pool, 'other')).toMatchObject([
    { id: job.id, jobId: 'removed', state: 'live', table: 'removed' },
  ]);
  await removeJob(scene.pool, job.id);
  expect(await dropCaptures(scene.pool)).toBe(0);
  expect(await listJobs(scene.pool, 'other')).toEqual([]);
  expect(await triggersOf('removed')).toEqual([]);
  expect(await scene.wrong('removed')).toEqual([]);
  expect(await scene.run(`select from lamplighter.embedding_stamp where job = ${job.id}`)).toEqual([]);
});

test('a batch that was given back is claimed again, by whoever comes first', async () => {
  await scene.run(`create table given (id int primary key, body text)`);
  const job = await scene.prepare('given');
  await scene.settle(job);
  await scene.run(`insert into given values (1, 'one')`);
  const batch = await scene.claim(job);
  await releaseBatch(scene.pool, batch);
  const { workerId } = await startSqlWorker(scene.db.pool);
  const claim = await claimChanges(scene.pool, job, { holderId: workerId, limit: 10 });
  expect(claim.batch?.rows).toEqual([{ key: '{1}', text: 'one' }]);
  await expect(scene.answer(job, batch)).rejects.toMatchObject({ code: 'LEASE_LOST' });
});

test("a dead process's batch is rescued, and its late vectors are refused", async () => {
  await scene.run(`create table orphaned (id int primary key, body text)`);
  const job = await scene.prepare('orphaned');
  await scene.settle(job);
  await scene.run(`insert into orphaned values (1, 'one')`);
  const dead = await startSqlWorker(scene.db.pool);
  const { batch } = await claimChanges(scene.pool, job, { holderId: dead.workerId, limit: 10 });
  if (batch === undefined) throw new Error('expected a batch');
  expect(await rescueBatches(scene.pool)).toBe(0);
  await scene.run(`update lamplighter.worker set status = 'dead' where worker_id = '${dead.workerId}'`);
  expect(await rescueBatches(scene.pool)).toBe(1);
  await expect(writeVectors(scene.pool, job, batch, [vectorOf('one')])).rejects.toMatchObject({ code: 'LEASE_LOST' });
  expect(await scene.drain(job)).toEqual(['one']);
  expect(await scene.wrong('orphaned')).toEqual([]);
});

test('the status counts rows, vectors, failures, tokens and calls', async () => {
  await scene.run(
    `create table counted (id int primary key, body text); insert into counted values (1, 'one'), (2, 'two'), (3, ' ')`,
  );
  const job = await scene.prepare('counted');
  await scene.settle(job);
  await scene.run(`insert into counted values (4, 'four'), (5, 'five')`);
  const batch = await scene.claim(job);
  const answers = batch.rows.map(({ text }) => (text === 'four' ? vectorOf(text) : { error: 'too rude', isRow: true }));
  const report = await writeVectors(scene.pool, job, batch, answers, { tokens: 7, calls: 1, truncated: 1 });
  expect(report).toMatchObject({ written: 1, skipped: 0, failed: [{ key: '{5}', error: 'too rude', isFinal: false }] });
  expect(await readJobProgress(scene.pool, job.id)).toMatchObject({
    state: 'preparing',
    rows: 3,
    queued: 1,
    failed: 0,
    tokens: 7,
    calls: 1,
    truncated: 1,
    lastError: 'too rude',
  });
  expect(
    await scene.run(`select key, attempts, is_final, error from lamplighter.embedding_failures where job = ${job.id}`),
  ).toEqual([{ key: '{5}', attempts: 1, is_final: false, error: 'too rude' }]);
});

test('uninstall takes the triggers along, and leaves tables, columns and vectors', async () => {
  await using own = await createTargetScene();
  await own.run(`create table kept (id int primary key, body text); insert into kept values (1, 'one')`);
  await own.settle(await own.prepare('kept'));
  await withSession(own.db.uri, async (session) => uninstall(session, await listOwnObjects(session)));
  expect(await own.wrong('kept')).toEqual([]);
  await own.run(`insert into kept values (2, 'two')`);
  expect(await own.run(`select from pg_trigger where tgrelid = 'kept'::regclass`)).toEqual([]);
});
