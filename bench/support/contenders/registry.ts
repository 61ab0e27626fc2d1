import { bareClaimer } from './bare-claimer.ts';
import { bareListener } from './bare-listener.ts';
import type { Contender, Workable } from './contender.ts';
import { defineGraphileWorker } from './graphile-worker.ts';
import { defineLamplighter } from './lamplighter.ts';
import { definePgBoss, workingPgBoss } from './pg-boss.ts';

const BATCH = 500;
/** So that what has passed is deleted while a bench still runs. */
const RETENTION_MS = 60_000;
/** Handlers at once, as in graphile-worker's own performance test. */
const SLOTS = 24;

export type ContenderName =
  | 'lamplighter-batched'
  | 'lamplighter'
  | 'lamplighter-serial'
  | 'lamplighter-single'
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
  'lamplighter-single': defineLamplighter({ title: 'Lamplighter', maxBatch: 1 }),
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

/** The contender of that name. */
export function contenderNamed(name: ContenderName): Contender {
  return CONTENDERS[name];
}

export type WorkableName =
  | ContenderName
  | 'bare-listener'
  | 'bare-claimer'
  | 'pg-boss-work'
  | 'lamplighter-holding'
  | 'lamplighter-holding-batched'
  | 'lamplighter-pruning';

const WORKABLES: Readonly<Record<WorkableName, Workable>> = {
  ...CONTENDERS,
  'bare-listener': bareListener,
  'bare-claimer': bareClaimer,
  'pg-boss-work': workingPgBoss,
  'lamplighter-holding': defineLamplighter({ title: 'holds 4 requests', maxBatch: 1, isHolding: true }),
  'lamplighter-holding-batched': defineLamplighter({
    title: 'holds 4 batches of 500',
    maxBatch: BATCH,
    isHolding: true,
  }),
  'lamplighter-pruning': defineLamplighter({ title: 'Lamplighter', maxBatch: BATCH, retentionMs: RETENTION_MS }),
};

/** What a process of its own can be told to be. */
export function workableNamed(name: WorkableName): Workable {
  return WORKABLES[name];
}
