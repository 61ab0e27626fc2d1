import type { Contender } from './contender.ts';
import { defineGraphileWorker } from './graphile-worker.ts';
import { defineLamplighter } from './lamplighter.ts';
import { definePgBoss } from './pg-boss.ts';

const BATCH = 500;
/** What graphile-worker's own performance test uses. */
const GRAPHILE_JOBS = 24;

export type ContenderName =
  | 'lamplighter-batched'
  | 'lamplighter'
  | 'lamplighter-serial'
  | 'graphile-batched'
  | 'graphile'
  | 'graphile-serial'
  | 'pg-boss-batched'
  | 'pg-boss'
  | 'pg-boss-serial';

const CONTENDERS: Readonly<Record<ContenderName, Contender>> = {
  'lamplighter-batched': defineLamplighter({ title: 'Lamplighter', maxBatch: BATCH }),
  lamplighter: defineLamplighter({ title: 'Lamplighter', maxBatch: 1 }),
  'lamplighter-serial': defineLamplighter({ title: 'Lamplighter', maxBatch: 1, concurrency: 1 }),
  'graphile-batched': defineGraphileWorker({
    title: 'graphile-worker, batched',
    batch: BATCH,
    concurrentJobs: GRAPHILE_JOBS,
  }),
  graphile: defineGraphileWorker({ title: 'graphile-worker', concurrentJobs: GRAPHILE_JOBS }),
  'graphile-serial': defineGraphileWorker({ title: 'graphile-worker', concurrentJobs: 1 }),
  'pg-boss-batched': definePgBoss({ title: 'pg-boss, batched', batch: BATCH, loops: 4 }),
  'pg-boss': definePgBoss({ title: 'pg-boss', batch: 1, loops: 4 }),
  'pg-boss-serial': definePgBoss({ title: 'pg-boss', batch: 1, loops: 1 }),
};

export const CONTENDER_NAMES = Object.keys(CONTENDERS) as ContenderName[]; // the keys are exactly the names

/** The contender of that name; what a process of its own can be told to be. */
export function contenderNamed(name: ContenderName): Contender {
  return CONTENDERS[name];
}
