import type { Contender } from './contender.ts';
import { defineGraphileWorker } from './graphile-worker.ts';
import { defineLamplighter } from './lamplighter.ts';
import { definePgBoss } from './pg-boss.ts';

const BATCH = 500;
/** Handlers at once, as in graphile-worker's own performance test. */
const SLOTS = 24;

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
  'lamplighter-batched': defineLamplighter({ title: 'Lamplighter, batched', maxBatch: BATCH }),
  lamplighter: defineLamplighter({ title: `Lamplighter, ${SLOTS} at once`, maxBatch: 1, concurrency: SLOTS }),
  'lamplighter-serial': defineLamplighter({ title: 'Lamplighter, 1 at once', maxBatch: 1, concurrency: 1 }),
  'graphile-batched': defineGraphileWorker({
    title: 'graphile-worker, batched',
    batch: BATCH,
    concurrentJobs: SLOTS,
  }),
  graphile: defineGraphileWorker({ title: `graphile-worker, ${SLOTS} at once`, concurrentJobs: SLOTS }),
  'graphile-serial': defineGraphileWorker({ title: 'graphile-worker, 1 at once', concurrentJobs: 1 }),
  'pg-boss-batched': definePgBoss({ title: 'pg-boss, batched', batch: BATCH, loops: 4 }),
  'pg-boss': definePgBoss({ title: `pg-boss, ${SLOTS} at once`, batch: 1, loops: SLOTS }),
  'pg-boss-serial': definePgBoss({ title: 'pg-boss, 1 at once', batch: 1, loops: 1 }),
};

export const CONTENDER_NAMES = Object.keys(CONTENDERS) as ContenderName[]; // the keys are exactly the names

/** The contender of that name; what a process of its own can be told to be. */
export function contenderNamed(name: ContenderName): Contender {
  return CONTENDERS[name];
}
