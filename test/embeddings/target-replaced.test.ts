import { afterAll, beforeAll, expect, test } from 'vitest';
import { claimJob, startPass } from '../../src/embeddings/claim-job.ts';
import { scanPage } from '../../src/embeddings/scan-page.ts';
import { createTargetScene, type TargetScene } from './target-scene.ts';

let scene: TargetScene;
beforeAll(async () => {
  scene = await createTargetScene();
  // A sequence keeps what it was told, whatever becomes of the transaction.
  await scene.run(
    `create sequence reached; create function spring() returns text language plpgsql as $$ begin perform nextval('public.reached'); return 'x'; end $$`,
  );
});
afterAll(() => scene[Symbol.asyncDispose]());

/** A job with one row that has changed, and one whose vector is missing. */
async function prepared(table: string) {
  await scene.run(
    `create table ${table} (id int primary key, body text); insert into ${table} values (1, 'one'), (2, 'two')`,
  );
  const job = await scene.prepare(table);
  await scene.settle(job);
  await scene.run(`update ${table} set body = 'uno' where id = 1`);
  return job;
}

/** Puts a view in the table's place whose text is made by a function of somebody else's. */
const replace = (table: string) =>
  scene.run(
    `alter table ${table} rename to ${table}_away; create view ${table} as select ctid, tableoid, id, spring() as body, vec from ${table}_away`,
  );
const isReached = async () => (await scene.run('select is_called from reached'))[0]?.['is_called'];

test('changed rows are not read from a view that has taken the place of the table', async () => {
  const job = await prepared('claimed');
  await replace('claimed');
  await expect(scene.claim(job)).rejects.toMatchObject({ code: 'JOB_CHANGED' });
  expect(await isReached()).toBe(false);
});

test('nor does a pass read one', async () => {
  const job = await prepared('scanned');
  await claimJob(scene.pool, job.id, scene.holderId);
  await startPass(scene.pool, job, scene.holderId, { isFull: true });
  await replace('scanned');
  const page = scanPage(scene.pool, job, { holderId: scene.holderId, limit: 10, blocks: 8 });
  await expect(page).rejects.toMatchObject({ code: 'JOB_CHANGED' });
  expect(await isReached()).toBe(false);
});

test('nor is a vector written through one', async () => {
  const job = await prepared('written');
  const batch = await scene.claim(job);
  await replace('written');
  await expect(scene.answer(job, batch)).rejects.toMatchObject({ code: 'JOB_CHANGED' });
  expect(await isReached()).toBe(false);
});
