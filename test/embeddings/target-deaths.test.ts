import { expect, test } from 'vitest';
import { claimChanges } from '../../src/embeddings/claim-changes.ts';
import { rescueBatches } from '../../src/embeddings/release-batch.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import { createTargetScene } from './target-scene.ts';

test('a batch of one row counts the deaths of those who held nothing else, and no others', async () => {
  await using scene = await createTargetScene();
  await scene.run(`create table deadly (id int primary key, body text); insert into deadly values (1, 'a'), (2, 'b')`);
  const job = await scene.prepare('deadly');
  await scene.settle(job);
  await scene.run(`update deadly set body = body || '!'`);
  /** Claims of a process that dies, one after the other; how many deaths each batch had seen before. */
  const claimAndDie = async (limits: readonly number[]) => {
    const { workerId } = await startSqlWorker(scene.db.pool, { leaseMs: 600_000 });
    const found: (string | undefined)[] = [];
    for (const limit of limits) {
      const { batch } = await claimChanges(scene.pool, job, { holderId: workerId, limit });
      found.push(batch && `${batch.rows.map(({ key }) => key)}: ${batch.deaths}, ${batch.loneDeaths} alone`);
    }
    await scene.run(`update lamplighter.worker set status = 'dead' where worker_id = '${workerId}'`);
    await rescueBatches(scene.pool);
    return found.sort();
  };
  expect(await claimAndDie([1, 1])).toEqual(['{1}: 0, 0 alone', '{2}: 0, 0 alone']);
  expect(await claimAndDie([1])).toEqual([expect.stringContaining(': 1, 0 alone')]);
  const after = await claimAndDie([1, 1]);
  expect(after.map((text) => text?.slice(3)).sort()).toEqual([': 1, 0 alone', ': 2, 1 alone']);
});
