import { setTimeout as sleep } from 'node:timers/promises';
import type { TaskGround, TaskWorkerProcess } from './task-ground.ts';

/** From the commit of a cancel until the task has ended, in ms, by the worker that runs it. */
export async function measureCancels(ground: TaskGround, count: number): Promise<number[]> {
  const values: number[] = [];
  for (let n = 0; n < count; n += 1) values.push(await cancelOne(ground));
  return values;
}

/**
 * The same where the worker that runs the task is frozen, and another one, which could be on another machine, breaks it off. `worker` is
 * the only one at first, and ends with this.
 */
export async function measureCancelsByOther(
  ground: TaskGround,
  worker: TaskWorkerProcess,
  count: number,
): Promise<number[]> {
  const values: number[] = [];
  let runner = worker;
  for (let n = 0; n < count; n += 1) {
    let other: TaskWorkerProcess | undefined;
    const ms = await cancelOne(ground, async () => {
      other = await ground.startWorker();
      runner.kill('SIGSTOP');
    });
    values.push(ms);
    await runner.close();
    if (other === undefined) break;
    runner = other;
  }
  await runner.close();
  return values;
}

async function cancelOne(ground: TaskGround, before = async () => {}): Promise<number> {
  const [role = ''] = ground.roles;
  const caller = await ground.callerOf(role);
  const jobid = await ground.queue(role, 'select pg_sleep(60)');
  await ground.untilRunning(jobid);
  await before();
  await sleep(20);
  const startedMs = performance.now();
  await caller.query('select lantern.cancel_async_task($1)', [jobid]);
  await ground.untilEnded(jobid);
  return performance.now() - startedMs;
}
