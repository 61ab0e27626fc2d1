import { expect, test } from 'vitest';
import { systemClock } from '../../src/core/clock.ts';
import { createFillSlots } from '../../src/daemon/fill-slots.ts';
import { createJobPasses } from '../../src/daemon/job-passes.ts';
import { createPace } from '../../src/daemon/pace.ts';
import { startSqlWorker } from '../support/sql-worker.ts';
import { createTargetScene } from './target-scene.ts';

test('a daemon asks each second whether the one that makes the passes of a job has died', async () => {
  await using scene = await createTargetScene();
  await scene.run("create table articles (id integer primary key, body text); insert into articles values (1, 'one')");
  const job = await scene.prepare('articles');
  const { workerId } = await startSqlWorker(scene.db.pool);
  let nowMs = 1_000_000;
  const clock = { ...systemClock, nowMs: () => nowMs };
  const passesOf = (holder: string) =>
    createJobPasses({
      db: scene.pool,
      job,
      holderId: () => holder,
      fillSlots: createFillSlots(),
      pace: createPace({ maxRowsPerSecond: undefined, maxLoad: 1, clock }),
      clock,
      onComplete: async () => undefined,
      onFullPass: () => undefined,
      onIncomplete: async () => undefined,
    });
  const first = passesOf(scene.holderId);
  const second = passesOf(workerId);
  expect(await first.step(500, true)).toMatchObject({ kind: 'page' });
  expect(await second.step(500, true)).toEqual({ kind: 'idle' });
  await scene.run(`update lamplighter.worker set status = 'dead' where worker_id = '${scene.holderId}'`);
  nowMs += 999;
  expect(await second.step(500, false)).toEqual({ kind: 'idle' });
  nowMs += 1;
  expect(await second.step(500, true)).toMatchObject({ kind: 'page' });
});
