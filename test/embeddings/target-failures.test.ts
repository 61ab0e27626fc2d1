import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cancelJob } from '../../src/embeddings/cancel-job.ts';
import { claimChanges } from '../../src/embeddings/claim-changes.ts';
import type { PreparedJob } from '../../src/embeddings/job-spec.ts';
import { writeVectors } from '../../src/embeddings/write-vectors.ts';
import { openSession } from '../support/sql-session.ts';
import { createTargetScene, type TargetScene, vectorOf } from './target-scene.ts';

let scene: TargetScene;
beforeAll(async () => {
  scene = await createTargetScene();
});
afterAll(() => scene[Symbol.asyncDispose]());

async function settled(table: string): Promise<PreparedJob> {
  await scene.run(
    `create table ${table} (id int primary key, body text); insert into ${table} select n, 'text ' || n from generate_series(1, 3) as n`,
  );
  const job = await scene.prepare(table);
  await scene.settle(job);
  return job;
}

const claimInHurry = async (job: PreparedJob) => {
  await scene.run('update lamplighter.embedding_batch set due_at = clock_timestamp() where holder is null');
  return (await claimChanges(scene.pool, job, { holderId: scene.holderId, limit: 100 })).batch;
};

/** Works the log off with a model that fails for texts with "bad" in them; how often it was asked for one. */
async function drainBadly(job: PreparedJob, mostRounds = 20): Promise<number> {
  let asked = 0;
  for (let round = 0; round < mostRounds; round += 1) {
    const batch = await claimInHurry(job);
    if (batch === undefined) break;
    const answers = batch.rows.map(({ text }) =>
      text.includes('bad') ? { error: 'a bad text', isRow: true } : vectorOf(text),
    );
    asked += batch.rows.filter(({ text }) => text.includes('bad')).length;
    await writeVectors(scene.pool, job, batch, answers);
  }
  return asked;
}

const failuresOf = (job: PreparedJob) =>
  scene.run(`select key, attempts, is_final from lamplighter.embedding_failures where job = ${job.id} order by key`);
const vectorsOf = (table: string) => scene.run(`select id, vec is null as none, body from ${table} order by id`);

describe('a row whose new text fails for good', () => {
  test('has no vector of its former text, and is told among the failures', async () => {
    const job = await settled('spoilt');
    await scene.run(`update spoilt set body = 'bad' where id = 2`);
    await drainBadly(job);
    expect(await failuresOf(job)).toEqual([{ key: '{2}', attempts: 5, is_final: true }]);
    expect(await vectorsOf('spoilt')).toMatchObject([{ none: false }, { none: true }, { none: false }]);
    await scene.settle(job);
    expect(await vectorsOf('spoilt')).toMatchObject([{ none: false }, { none: true }, { none: false }]);
    await scene.run(`update spoilt set body = 'good again' where id = 2`);
    await drainBadly(job);
    expect(await scene.wrong('spoilt')).toEqual([]);
    expect(await failuresOf(job)).toEqual([]);
  });

  test('keeps it where the table refuses that there is none, and costs no further call', async () => {
    const job = await settled('obliged');
    await scene.run(`alter table obliged alter vec set not null; update obliged set body = 'bad' where id = 2`);
    expect(await drainBadly(job)).toBe(5);
    expect(await failuresOf(job)).toEqual([{ key: '{2}', attempts: 5, is_final: true }]);
    expect(await vectorsOf('obliged')).toMatchObject([{ none: false }, { none: false }, { none: false }]);
  });

  test('does not lose the vector of a text that has been put in its place meanwhile', async () => {
    const job = await settled('rescued');
    await scene.run(`update rescued set body = 'bad' where id = 2`);
    await drainBadly(job, 4);
    const batch = await claimInHurry(job);
    await scene.run(`update rescued set body = 'text 2' where id = 2`);
    if (batch === undefined) throw new Error('expected a fifth try');
    await writeVectors(scene.pool, job, batch, [{ error: 'a bad text', isRow: true }]);
    await drainBadly(job);
    expect(await scene.wrong('rescued')).toEqual([]);
    expect(await failuresOf(job)).toEqual([]);
  });

  test('waits while somebody holds the row locked, and is charged when that is over', async () => {
    const job = await settled('held');
    await scene.run(`update held set body = 'bad' where id = 2`);
    {
      await using holder = await openSession(scene.db.uri);
      await holder.client.query('begin; select from held where id = 2 for update');
      await drainBadly(job, 8);
      expect(await failuresOf(job)).toEqual([]);
    }
    await drainBadly(job);
    expect(await failuresOf(job)).toEqual([{ key: '{2}', attempts: 5, is_final: true }]);
    expect((await vectorsOf('held'))[1]).toMatchObject({ none: true });
  });
});

test('another text has five tries of its own', async () => {
  const job = await settled('patient');
  await scene.run(`update patient set body = 'bad' where id = 2`);
  await drainBadly(job);
  await scene.run(`update patient set body = 'another bad text' where id = 2`);
  expect(await drainBadly(job)).toBe(5);
  expect(await failuresOf(job)).toEqual([{ key: '{2}', attempts: 5, is_final: true }]);
});

test('a row that is gone is no failure', async () => {
  const job = await settled('gone');
  await scene.run(`update gone set body = 'bad' where id = 2`);
  const batch = await claimInHurry(job);
  await scene.run('delete from gone where id = 2');
  if (batch === undefined) throw new Error('expected a batch');
  await writeVectors(scene.pool, job, batch, [{ error: 'a bad text', isRow: true }]);
  await drainBadly(job);
  expect(await failuresOf(job)).toEqual([]);
});

test('a row that has failed is none any more when it was blanked, or deleted, while the job was canceled', async () => {
  const job = await settled('mended');
  await scene.run(`update mended set body = 'bad' `);
  const batch = await claimInHurry(job);
  if (batch === undefined) throw new Error('expected a batch');
  await writeVectors(
    scene.pool,
    job,
    batch,
    batch.rows.map(({ key }) => ({ error: 'a bad text', isRow: true, mostAttempts: key === '{3}' ? 1 : 5 })),
  );
  await cancelJob(scene.pool, job.id);
  await scene.run(`update mended set body = ' ', vec = null where id in (1, 3); delete from mended where id = 2`);
  const again = await scene.prepare('mended');
  await scene.settle(again);
  expect(await failuresOf(again)).toEqual([]);
});
