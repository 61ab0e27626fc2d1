import type { BenchServer } from '../bench-server.ts';
import type { TaskGround, TaskWorkerProcess } from './task-ground.ts';

const LOOK_MS = 100;

export interface Crowd {
  readonly perSecond: number;
  /** CPU of the server for each task, in ms; undefined on another machine. */
  readonly serverMs: number | undefined;
  readonly workerMs: number;
}

/** Queues `count` short tasks, evenly for `roles`, and has the worker run them. */
export async function measureMany(
  server: BenchServer,
  ground: TaskGround,
  worker: TaskWorkerProcess,
  { roles, count }: { readonly roles: readonly string[]; readonly count: number },
): Promise<Crowd> {
  const each = Math.ceil(count / roles.length);
  const total = each * roles.length;
  const [serverBefore, workerBefore] = [await server.cpuSeconds(), await worker.cpuSeconds()];
  const startedMs = performance.now();
  // The first ones run while others are queued.
  for (const role of roles) await ground.queue(role, 'select 1', each);
  await ground.untilNoneIsLeft(LOOK_MS);
  const perSecond = (total * 1_000) / (performance.now() - startedMs);
  const serverAfter = await server.cpuSeconds();
  const workerAfter = await worker.cpuSeconds();
  return {
    perSecond,
    serverMs:
      serverBefore === undefined || serverAfter === undefined
        ? undefined
        : ((serverAfter - serverBefore) / total) * 1_000,
    workerMs: ((workerAfter - workerBefore) / total) * 1_000,
  };
}
