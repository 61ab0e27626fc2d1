import { expect, test } from 'vitest';
import { claimChanges } from '../../src/embeddings/claim-changes.ts';
import { isolateBatch, rescueBatches } from '../../src/embeddings/embedding-batch.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import { createTargetScene } from './target-scene.ts';

test('a batch of one row counts the deaths of those who had isolated it, and what they held beside it counts none', async () => {
  await using scene = await createTargetScene();
  // Integer keys that follow each other are logged together.
  await scene.run(
    `create table deadly (id text primary key, body text); insert into deadly values ('1', 'a'), ('2', 'b')`,
  );
  const job = await scene.prepare('deadly');
  await scene.settle(job);
  await scene.run(`update deadly set body = body || '!'`);
  /** Claims of a process that dies, one after the other; how many deaths each batch had seen before. */
  const claimAndDie = async (limits: readonly number[], { isolated }: { isolated?: number } = {}) => {
    const { workerId } = await startSqlWorker(scene.db.pool, { leaseMs: 600_000 });
    const found: (string | undefined)[] = [];
    for (const [at, limit] of limits.entries()) {
      const { batch } = await claimChanges(scene.pool, job, { holderId: workerId, limit });
      const [row] = batch?.rows ?? [];
      if (batch !== undefined && row !== undefined && at === isolated) {
        await isolateBatch(scene.pool, batch, row.key, true);
      }
      found.push(batch && `${batch.rows.map(({ key }) => key)}: ${batch.deaths}, ${batch.loneDeaths} alone`);
    }
    await scene.run(`update lamplighter.worker set status = 'dead' where worker_id = '${workerId}'`);
    await rescueBatches(scene.pool);
    return found.sort();
  };
  const deathsOf = (found: readonly (string | undefined)[]) => found.map((text) => text?.slice(3)).sort();
  expect(await claimAndDie([1, 1])).toEqual(['{1}: 0, 0 alone', '{2}: 0, 0 alone']);
  expect(deathsOf(await claimAndDie([1]))).toEqual([': 1, 0 alone']);
  expect(deathsOf(await claimAndDie([1, 1]))).toEqual([': 1, 0 alone', ': 2, 0 alone']);
  expect(deathsOf(await claimAndDie([1, 1], { isolated: 0 }))).toEqual([': 2, 0 alone', ': 3, 0 alone']);
  const after = deathsOf(await claimAndDie([1, 1]));
  expect(after.filter((text) => text?.endsWith(' 1 alone'))).toHaveLength(1);
  expect(after.filter((text) => text?.endsWith(' 0 alone'))).toHaveLength(1);
  expect(deathsOf(await claimAndDie([1, 1])).map((text) => text?.slice(0, 4))).toEqual([': 4,', ': 4,']);
});

test('keys beside the one row that needs a vector go into a batch of their own when it is isolated', async () => {
  await using scene = await createTargetScene();
  await scene.run(
    `create table several (id int primary key, body text); insert into several values (1, 'a'), (2, 'b')`,
  );
  const job = await scene.prepare('several');
  await scene.settle(job);
  await scene.run(`update several set body = body || '!'; update several set body = 'b' where id = 2`);
  const { workerId } = await startSqlWorker(scene.db.pool, { leaseMs: 600_000 });
  const { batch } = await claimChanges(scene.pool, job, { holderId: workerId, limit: 5 });
  if (batch === undefined) throw new Error('nothing was claimed');
  expect(batch.rows.map(({ key }) => key)).toEqual(['{1}']);
  await isolateBatch(scene.pool, batch, '{1}', true);
  const { rows } = await scene.pool.query(
    'select keys, is_isolated, holder is null as is_free from lamplighter.embedding_batch order by id',
  );
  expect(rows).toEqual([
    { keys: ['{1}'], is_isolated: true, is_free: false },
    { keys: ['{2}'], is_isolated: false, is_free: true },
  ]);
  await isolateBatch(scene.pool, batch, '{2}', true);
  await isolateBatch(scene.pool, batch, '{1}', false);
  const { rows: after } = await scene.pool.query('select is_isolated from lamplighter.embedding_batch');
  expect(after).toEqual([{ is_isolated: false }, { is_isolated: false }]);
});
