import type { Clock } from '../core/clock.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import { type Service, startLoop } from '../core/service.ts';
import type { Pool } from '../db/pool.ts';
import type { JobsTable } from '../embeddings/jobs/jobs-table.ts';
import { type JobMark, markJobs } from '../embeddings/jobs/mark-jobs.ts';

/** The user's table is written to no more often. */
const WRITE_MS = 1_000;

export interface JobMarksDeps {
  readonly db: Pick<Pool, 'withTransaction'>;
  readonly table: () => JobsTable | undefined;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

/** What is to be written back to the rows of the jobs table. */
export interface JobMarks extends Service {
  note(jobId: string, mark: JobMark): void;
  /** What was noted and is not written yet: a row that was read meanwhile does not show it. */
  isPending(jobId: string): boolean;
}

/**
 * Duty: writes marks back, the latest of each kind, once a second at most. A mark that cannot be written (the row is locked) is tried again
 * with the next ones, which do not wait for it; after a death the next daemon marks the present state.
 */
export function startJobMarks({ db, table, troubles, clock }: JobMarksDeps): JobMarks {
  let pending = new Map<string, JobMark>();
  const trouble = troubles.define('write to the jobs table');

  const putBack = (jobId: string, mark: JobMark) => pending.set(jobId, { ...mark, ...pending.get(jobId) });

  async function write(): Promise<void> {
    const jobs = table();
    if (jobs === undefined || pending.size === 0) return;
    const writing = pending;
    pending = new Map();
    try {
      const failures = await markJobs(db, jobs, writing);
      if (failures.size === 0) trouble.settle();
      for (const [jobId, failure] of failures) {
        const mark = writing.get(jobId);
        if (mark !== undefined) putBack(jobId, mark);
        trouble.note(failure, { job: jobId });
      }
    } catch (error) {
      for (const [jobId, mark] of writing) putBack(jobId, mark);
      throw error;
    }
  }

  const loop = startLoop({
    clock,
    intervalMs: WRITE_MS,
    runOnce: write,
    onError: (error) => trouble.note(error),
    onDeath: (error) => trouble.die(error),
  });
  trouble.onRecovery(() => loop.tryAgain());
  return {
    note(jobId, mark) {
      const isFirst = pending.size === 0;
      pending.set(jobId, { ...pending.get(jobId), ...mark });
      // The first one after a quiet second goes at once.
      if (isFirst && mark.progress === undefined) loop.wake();
    },
    isPending: (jobId) => pending.has(jobId),
    async stop() {
      await loop.stop();
      await write().catch(() => undefined);
    },
  };
}
