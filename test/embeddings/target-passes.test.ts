import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimJob, startPass } from '../../src/embeddings/claim-job.ts';
import { releaseBatch } from '../../src/embeddings/embedding-batch.ts';
import type { PreparedJob } from '../../src/embeddings/job-spec.ts';
import { readJobProgress } from '../../src/embeddings/read-progress.ts';
import { scanPage } from '../../src/embeddings/scan-page.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import { createTargetScene, type TargetScene, vectorOf } from './target-scene.ts';

let scene: TargetScene;
beforeAll(async () => {
  scene = await createTargetScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

async function settled(table: string, rows: number): Promise<PreparedJob> {
  await scene.run(
    `create table ${table} (id int primary key, body text); insert into ${table} select n, 'text ' || n from generate_series(1, ${rows}) as n`,
  );
  const job = await scene.prepare(table);
  await scene.settle(job);
  return job;
}

test('passes find what capture did not see: disabled triggers, replicated changes, vectors set to null', async () => {
  const job = await settled('unseen', 50);
  await scene.run(
    `alter table unseen disable trigger user; update unseen set body = 'silent ' || id where id < 10; insert into unseen (id, body) values (100, 'silent');
       alter table unseen enable trigger user; set session_replication_role = replica; update unseen set body = '' where id = 20; reset session_replication_role;
       update unseen set vec = null where id = 30`,
  );
  expect(await scene.logged()).toEqual([]);
  await scene.settle(job);
  expect(await scene.wrong('unseen')).toEqual([]);
});

test('passes trust vectors that were there before the job, and stamp them', async () => {
  await scene.run(
    `create table lanterns (id int primary key, body text, vec real[]); insert into lanterns values (1, 'one', '{9,9,9}'), (2, 'two', null)`,
  );
  await expect(scene.prepare('lanterns')).rejects.toMatchObject({ code: 'JOB_INVALID' });
  const [owner] = await scene.run(`select current_user as name`);
  const job = await scene.prepare('lanterns', { jobRowOwner: String(owner?.['name']) });
  await scene.settle(job);
  expect(await scene.run('select id, vec::text from lanterns order by id')).toEqual([
    { id: 1, vec: '{9,9,9}' },
    { id: 2, vec: `{${[...vectorOf('two')]}}` },
  ]);
  const next = await scene.prepare('lanterns', { jobRowOwner: String(owner?.['name']), model: 'm2' });
  await scene.settle(next);
  expect(await scene.wrong('lanterns', 'm2')).toEqual([]);
});

test('passes go on where they stood when another process takes them over', async () => {
  const job = await settled('paged', 3000);
  await scene.run('update paged set vec = null');
  await claimJob(scene.pool, job.id, scene.holderId);
  await startPass(scene.pool, job, scene.holderId, { isFull: true });
  const page = await scanPage(scene.pool, job, { holderId: scene.holderId, limit: 100, blocks: 128 });
  expect(page).toMatchObject({ isCut: true, isEnd: false, found: 100 });
  if (page.batch !== undefined) await scene.answer(job, page.batch);
  const { workerId } = await startSqlWorker(scene.db.pool);
  expect(await claimJob(scene.pool, job.id, workerId)).toBeUndefined();
  await scene.run(`update lamplighter.worker set status = 'stopped' where worker_id = '${scene.holderId}'`);
  expect(await claimJob(scene.pool, job.id, workerId)).toMatchObject({
    pass: { isRunning: true, isFull: true, found: 100 },
  });
  for (;;) {
    const next = await scanPage(scene.pool, job, { holderId: workerId, limit: 500, blocks: 32 });
    if (next.batch !== undefined) await scene.answer(job, next.batch);
    if (!next.isEnd) continue;
    expect(next.found).toBe(3000);
    break;
  }
  await scene.run(`update lamplighter.worker set status = 'running' where worker_id = '${scene.holderId}'`);
  await scene.run(`update lamplighter.worker set status = 'stopped' where worker_id = '${workerId}'`);
  expect(await scene.wrong('paged')).toEqual([]);
});

test('a pass tells how far it is, though the table grows under it', async () => {
  const job = await settled('measured', 3000);
  await scene.run('update measured set vec = null');
  await claimJob(scene.pool, job.id, scene.holderId);
  await startPass(scene.pool, job, scene.holderId, { isFull: true });
  const percents: (number | undefined)[] = [];
  for (let isEnd = false; !isEnd; ) {
    const page = await scanPage(scene.pool, job, { holderId: scene.holderId, limit: 500, blocks: 8 });
    if (page.batch !== undefined) await scene.answer(job, page.batch);
    isEnd = page.isEnd;
    percents.push((await readJobProgress(scene.pool, job.id))?.passPercent);
  }
  const known = percents.filter((percent) => percent !== undefined);
  expect(percents.at(-1)).toBeUndefined();
  expect(known.length).toBeGreaterThan(3);
  expect(known).toEqual([...known].sort((a, b) => a - b));
  expect(known[0]).toBeGreaterThan(0);
  expect(known.at(-1)).toBeLessThanOrEqual(100);
  expect(known.at(-1)).toBeGreaterThan(50);
});

test('the first pass over a table tells how long it takes, though nobody has counted its rows', async () => {
  await scene.run(`create table uncounted (id int primary key, body text);
    insert into uncounted select n, repeat('text ', 20) || n from generate_series(1, 3000) as n`);
  const job = await scene.prepare('uncounted');
  await claimJob(scene.pool, job.id, scene.holderId);
  await startPass(scene.pool, job, scene.holderId, { isFull: true });
  await scene.run(`update lamplighter.embedding_job set state = 'backfill' where id = ${job.id}`);
  for (let pages = 0; pages < 3; pages += 1) {
    const { batch } = await scanPage(scene.pool, job, { holderId: scene.holderId, limit: 500, blocks: 8 });
    if (batch !== undefined) await scene.answer(job, batch);
  }
  await scene.run(
    `update lamplighter.embedding_rate set rate = 100, rate_at = clock_timestamp() where job = ${job.id}`,
  );
  const progress = await readJobProgress(scene.pool, job.id);
  expect(progress).toMatchObject({ rows: undefined, rate: 100 });
  const left = (3_000 - (progress?.passRows ?? 0)) / 100;
  expect(progress?.etaMs).toBeGreaterThan(left * 1_000 * 0.7);
  expect(progress?.etaMs).toBeLessThan(left * 1_000 * 1.3);
});

test('a pass is not told to have found nothing while rows that a pass has found wait for another vector', async () => {
  const { pool, holderId } = scene;
  await scene.run(`create table remodelled (id int primary key, body text);
    insert into remodelled values (1, 'one'), (2, 'two')`);
  await scene.settle(await scene.prepare('remodelled'));
  const job = await scene.prepare('remodelled', { model: 'm2' });
  await claimJob(pool, job.id, holderId);
  await startPass(pool, job, holderId, { isFull: true });
  const { batch } = await scanPage(pool, job, { holderId, limit: 9, blocks: 8 });
  if (batch === undefined) throw new Error('expected rows of the former model');
  await releaseBatch(pool, batch, { delayMs: 60_000 });
  await startPass(pool, job, holderId, { isFull: false });
  expect(await scanPage(pool, job, { holderId, limit: 9, blocks: 8 })).toMatchObject({ isEnd: true, found: 2 });
  await scene.run('update lamplighter.embedding_batch set due_at = clock_timestamp()');
  await scene.drain(job);
  await startPass(pool, job, holderId, { isFull: false });
  expect(await scanPage(pool, job, { holderId, limit: 9, blocks: 8 })).toMatchObject({ isEnd: true, found: 0 });
  expect(await scene.wrong('remodelled', 'm2')).toEqual([]);
});

test('the view tells when all rows are compared with their texts next: an hour after that began, or now where it was asked for', async () => {
  const job = await settled('hourly', 50);
  await startPass(scene.pool, job, scene.holderId, { isFull: true });
  await scanPage(scene.pool, job, { holderId: scene.holderId, limit: 100, blocks: 128 });
  const { rows } = await scene.pool.query(
    `select next_full_pass_at - pass_started_at = interval '1 hour' as is_in_an_hour, full_pass_at >= pass_started_at as has_ended, pass_rate > 0 as has_rate
     from lamplighter.embedding_status where job = $1`,
    [job.id],
  );
  expect(rows).toEqual([{ is_in_an_hour: true, has_ended: true, has_rate: true }]);
  const claimed = await claimJob(scene.pool, job.id, scene.holderId);
  expect(claimed?.nextFullPassInMs).toBeGreaterThan(3_500_000);
  expect(claimed?.nextFullPassInMs).toBeLessThanOrEqual(3_600_000);
  await scene.run(`select lamplighter.reconcile_embeddings(${job.id})`);
  const asked = await scene.pool.query(
    'select next_full_pass_at <= clock_timestamp() as is_due from lamplighter.embedding_status where job = $1',
    [job.id],
  );
  expect(asked.rows).toEqual([{ is_due: true }]);
});
