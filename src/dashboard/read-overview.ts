import type { Queryable } from '../db/query.ts';
import { type FailureCause, readFailures } from '../monitoring/read-failures.ts';
import { readFigures } from '../monitoring/read-figures.ts';
import { readRecent } from '../monitoring/read-series.ts';
import { readTroubles } from '../monitoring/read-troubles.ts';
import type { RecentFigures } from '../monitoring/shapes.ts';
import type { Overview } from './api.ts';

/** How long what is dear and changes slowly is kept. */
const KEPT_MS = 5_000;
const NOTHING = { enqueued: 0, completed: 0, failed: 0, cancelled: 0, retries: 0 };

interface Kept {
  readonly atMs: number;
  readonly requests: RecentFigures | undefined;
  readonly tasks: RecentFigures | undefined;
  readonly failures: readonly FailureCause[];
}

/** Reads how all is now. What the last hour says is read every five seconds, the rest each time. */
export function createOverviewReader(): (db: Queryable) => Promise<Overview> {
  let kept: Kept | undefined;

  async function readHour(db: Queryable, isOfAll: boolean): Promise<Kept> {
    if (kept !== undefined && Date.now() - kept.atMs < KEPT_MS) return kept;
    kept = {
      atMs: Date.now(),
      requests: isOfAll ? await readRecent(db, 'requests') : undefined,
      tasks: isOfAll ? await readRecent(db, 'tasks') : undefined,
      failures: await readFailures(db),
    };
    return kept;
  }

  return async (db) => {
    const figures = await readFigures(db);
    const hour = await readHour(db, figures.isOfAll);
    const troubles = await readTroubles(db, { figures, recent: hour.requests });
    const inState = (state: string) => figures.jobs.filter((job) => job.state === state).length;
    return {
      at: figures.at.toISOString(),
      troubles,
      lanes: figures.lanes.map(({ functionName, model, pending, running, oldestPendingMs, isPaused, isServed }) => ({
        functionName,
        model,
        pending: { ...pending, ageMs: 0 },
        running,
        ...(oldestPendingMs === undefined ? {} : { oldestPendingMs }),
        isPaused,
        isServed,
      })),
      requests: hour.requests ?? NOTHING,
      tasks: {
        ...(hour.tasks ?? NOTHING),
        queued: { ...figures.tasks.queued, ageMs: 0 },
        running: figures.tasks.running,
      },
      jobs: {
        live: inState('live'),
        backfilling: inState('backfill') + inState('preparing'),
        failed: inState('failed'),
        queued: {
          count: figures.jobs.reduce((sum, { queued }) => sum + queued.count, 0),
          isExact: figures.jobs.every(({ queued }) => queued.isExact),
          ageMs: 0,
        },
      },
      workers: figures.workers,
      failures: hour.failures.map(({ cause, count, common }) => ({
        cause,
        count,
        link: `requests?status=failed&error=${encodeURIComponent(common)}`,
      })),
    };
  };
}
