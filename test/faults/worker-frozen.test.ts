import { expect, test } from 'vitest';
import { eventually } from '../support/eventually.ts';
import { createFileGate } from '../support/file-gate.ts';
import { firstValue } from '../support/requests.ts';
import type { WorkerProcess } from '../support/test-worker.ts';
import { raiseBarrier, untilStatementEnds } from './worker-barrier.ts';
import { SHORT_LEASE, useScene } from './worker-scene.ts';

const scene = useScene();

/** After this the worker is back, under another id, and answers. */
async function expectBack(frozen: WorkerProcess): Promise<void> {
  await frozen.waitForLine(/the lease was lost/);
  const ids = await scene.embed(['after the freeze']);
  await scene.untilCompleted(ids);
  await scene.expectGoodHistory();
}

const answersOf = (actor: string) => scene.handlers.read().filter((answer) => answer.actor === actor).length;

test('what a worker computed past its lease is refused, and counts only where it was done again', async () => {
  await using frozen = await scene.spawn();
  const ids = await scene.embed(['!sleep:800', 'b', 'c']);
  // By its own word, as the rows are claimed before the worker knows it: it must be at work already, to answer as soon as it goes on.
  await eventually(async () => {
    expect(await firstValue(scene.db.pool, 'select in_flight from steadytext_worker_status()')).toBe(3);
  });
  frozen.kill('SIGSTOP');
  const rescuer = await scene.startRescuer();
  const rows = await scene.untilCompleted(ids);
  expect(rows).toMatchObject(ids.map(() => ({ attempt: 2, retry_count: 0, worker_id: rescuer.workerId })));
  expect([answersOf(scene.victim.name), answersOf(scene.rescuer.name)]).toEqual([0, 3]);

  frozen.kill('SIGCONT');
  await eventually(() => expect(answersOf(scene.victim.name)).toBe(3));
  await rescuer.stop();
  await expectBack(frozen);
  expect(await scene.rows(ids)).toEqual(rows);
});

test('requests that a worker got while it was frozen, and whose lease ran out, are not run by it again', async () => {
  await using frozen = await scene.spawn();
  await scene.db.pool.query(`select steadytext_pause('embed')`);
  const ids = await scene.embed(['a', 'b', 'c']);
  await using barrier = await raiseBarrier(scene.db);
  await scene.db.pool.query(`select steadytext_resume('embed')`);
  const pid = await barrier.untilReached(scene.victim, 'claim_requests');
  frozen.kill('SIGSTOP');
  await barrier.open();
  await untilStatementEnds(scene.db, pid);
  expect(await scene.rows(ids)).toMatchObject(ids.map(() => ({ status: 'processing' })));
  const rescuer = await scene.startRescuer();
  const rows = await scene.untilCompleted(ids);
  expect(rows).toMatchObject(ids.map(() => ({ attempt: 2, worker_id: rescuer.workerId })));

  frozen.kill('SIGCONT');
  await frozen.waitForLine(/the lease was lost/);
  await rescuer.stop();
  await expectBack(frozen);
  expect(await scene.rows(ids)).toEqual(rows);
});

test('a finish that is committed while its worker is frozen counts, and nobody does the work again', async () => {
  await using frozen = await scene.spawn();
  using gate = createFileGate();
  const ids = await scene.embed([gate.step, 'b', 'c']);
  await eventually(async () => {
    expect(await scene.rows(ids)).toMatchObject(ids.map(() => ({ status: 'processing' })));
  });
  await using barrier = await raiseBarrier(scene.db);
  gate.open();
  await barrier.untilReached(scene.victim, 'finish_requests');
  frozen.kill('SIGSTOP');
  await barrier.open();
  const rows = await scene.untilCompleted(ids);
  expect(rows).toMatchObject(ids.map(() => ({ attempt: 1, retry_count: 0 })));
  await scene.startRescuer();
  const died = () => firstValue(scene.db.pool, `select count(*)::int from lamplighter.worker where status = 'dead'`);
  await eventually(async () => expect(await died()).toBe(1), { timeoutMs: 5 * SHORT_LEASE.leaseMs });

  frozen.kill('SIGCONT');
  await expectBack(frozen);
  expect(await scene.rows(ids)).toEqual(rows);
  expect([answersOf(scene.victim.name) >= 3, scene.handlers.read().length]).toEqual([true, 4]);
});
