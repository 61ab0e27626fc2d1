import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { claimChanges } from '../../src/embeddings/claim-changes.ts';
import { claimJob, startPass } from '../../src/embeddings/claim-job.ts';
import type { JobSpec, PreparedJob } from '../../src/embeddings/job-spec.ts';
import { scanPage } from '../../src/embeddings/scan-page.ts';
import { writeVectors } from '../../src/embeddings/write-vectors.ts';
import { createTargetScene, type TargetScene } from './target-scene.ts';

let scene: TargetScene;
let owner: string;
beforeAll(async () => {
  scene = await createTargetScene();
  const [row] = await scene.run('select current_user as name');
  owner = String(row?.['name']);
});
afterAll(() => scene[Symbol.asyncDispose]());

/** A table whose rows came with vectors that somebody else made, and its job. */
async function adopted(table: string, changes: Partial<JobSpec> = {}): Promise<PreparedJob> {
  await scene.run(
    `create table ${table} (id int primary key, body text, title text, vec real[]);
     insert into ${table} values (1, 'one', 'title', '{9,9,9}'), (2, 'two', 'title', '{9,9,9}')`,
  );
  return scene.prepare(table, { jobRowOwner: owner, ...changes });
}

/** One page of a full pass, whatever waits in the log. */
async function readFullPage(job: PreparedJob): Promise<void> {
  const { pool, holderId } = scene;
  await claimJob(pool, job.id, holderId);
  await startPass(pool, job, holderId, { isFull: true });
  const { batch } = await scanPage(pool, job, { holderId, limit: 500, blocks: 64 });
  if (batch !== undefined) await scene.answer(job, batch);
}

/** Rows without the vector of their text, but for those that have kept what they came with, which these must. */
const wrongBut = async (table: string, ...trusted: string[]) => {
  const wrong = await scene.wrong(table);
  const kept = trusted.map((text) => wrong.findIndex((row) => row.startsWith(`${text}: 9,9,9`)));
  expect(kept).not.toContain(-1);
  return wrong.filter((_, at) => !kept.includes(at));
};

describe('a vector of unknown origin is trusted only while nothing speaks against it', () => {
  test('not of a row whose text has changed, though the pass comes before the change is claimed', async () => {
    const job = await adopted('early');
    await scene.run(`update early set body = 'changed' where id = 1`);
    await readFullPage(job);
    await scene.drain(job);
    await scene.settle(job);
    expect(await wrongBut('early', 'two')).toEqual([]);
  });

  test('not of any row once capture could only say that something has changed', async () => {
    const job = await adopted('vague');
    await scene.run(`update vague set body = 'changed' where id = 1`);
    await scene.run(`update lamplighter.change set key = null where job = ${job.id}`);
    await readFullPage(job);
    await scene.drain(job);
    await scene.settle(job);
    expect(await scene.wrong('vague')).toEqual([]);
  });

  test('not of a row that got another key and another text while nothing was captured', async () => {
    const job = await adopted('rekeyed');
    await scene.settle(job);
    await scene.run(
      `set session_replication_role = replica; update rekeyed set id = 11, body = 'changed' where id = 1;
       reset session_replication_role`,
    );
    await scene.settle(job);
    expect(await wrongBut('rekeyed', 'two')).toEqual([]);
  });

  test('not of a row that got another text, or key and text, in the first pass while nothing was captured', async () => {
    const job = await adopted('unseen');
    await scene.run(
      `set session_replication_role = replica; update unseen set id = 11, body = 'changed' where id = 1;
       insert into unseen values (3, 'three', 'title', '{1,2,3}'); reset session_replication_role`,
    );
    await scene.settle(job);
    expect(await wrongBut('unseen', 'two')).toEqual([]);
  });

  test('not of a row that was inserted with a vector of its own', async () => {
    const job = await adopted('brought');
    await scene.settle(job);
    await scene.run(`insert into brought values (3, 'three', 'title', '{1,2,3}')`);
    await readFullPage(job);
    await scene.drain(job);
    expect(await wrongBut('brought', 'one', 'two')).toEqual([]);
  });

  test('not when the job names another source column before the first pass is over', async () => {
    await adopted('resourced');
    const job = await scene.prepare('resourced', { jobRowOwner: owner, srcColumn: 'title' });
    await scene.settle(job);
    expect(await scene.wrong('resourced', 'm1', { src: 'title' })).toEqual([]);
  });

  test('not of a row that is tried again after it had failed for good', async () => {
    const job = await adopted('retried');
    await scene.settle(job);
    await scene.run(`alter table retried alter vec set not null; update retried set body = 'bad' where id = 1`);
    const { pool, holderId } = scene;
    for (let tries = 0; tries < 5; tries += 1) {
      await scene.run('update lamplighter.embedding_batch set due_at = clock_timestamp() where holder is null');
      const { batch } = await claimChanges(pool, job, { holderId, limit: 10 });
      if (batch !== undefined) await writeVectors(pool, job, batch, [{ error: 'bad', isRow: true }]);
    }
    expect(await scene.run(`select lamplighter.retry_embeddings(${job.id})::int as retried`)).toEqual([{ retried: 1 }]);
    await readFullPage(job);
    await scene.drain(job);
    expect(await wrongBut('retried', 'two')).toEqual([]);
  });
});

describe('rows that share a key', () => {
  test('each have the vector of their text, also when one takes the text of another', async () => {
    await scene.run(
      `create table shared (id int, body text); insert into shared values (1, 'a'), (1, 'b'), (2, 'a'), (2, 'b')`,
    );
    const job = await scene.prepare('shared');
    await scene.settle(job);
    await scene.run(`update shared set body = 'a' where id = 1; update shared set body = 'b' where id = 2`);
    await scene.drain(job);
    await scene.settle(job);
    expect(await scene.wrong('shared')).toEqual([]);
  });
});
