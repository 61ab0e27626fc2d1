import { hasCode, messageOf } from '../core/errors.ts';
import type { Logger } from '../core/log.ts';
import type { Service } from '../core/service.ts';
import type { Pool } from '../db/pool.ts';
import type { PreparedJob } from '../embeddings/job-spec.ts';
import { pruneChunks } from '../embeddings/prune-chunks.ts';
import { pruneStamps } from '../embeddings/prune-stamps.ts';

/** Forgets deleted rows of a job after its full passes, beside its other work. */
export interface StampPruner extends Service {
  /** Begins, unless it is at work. */
  start(job: PreparedJob): void;
}

/**
 * Duty: deletes stamps and failures of rows that are gone, and chunks that no foreign key has taken away. Reads the user's tables in short
 * statements. What it has not done when it dies, or
 * cannot do, the next full pass brings up again.
 */
export function createStampPruner(db: Pool, log: Logger): StampPruner {
  const stopping = new AbortController();
  let running: Promise<void> | undefined;

  async function prune(job: PreparedJob): Promise<void> {
    try {
      const pruned = await pruneStamps(db, job, stopping.signal);
      if (pruned > 0) log.info({ job: job.id, rows: pruned }, 'forgot rows that were deleted');
      const chunks = await pruneChunks(db, job, stopping.signal);
      if (chunks > 0) log.info({ job: job.id, chunks }, 'deleted chunks whose texts are gone');
    } catch (error) {
      if (stopping.signal.aborted || hasCode(error, 'JOB_CHANGED')) return;
      log.debug({ job: job.id, err: error }, `could not forget deleted rows: ${messageOf(error)}`);
    } finally {
      running = undefined;
    }
  }

  return {
    start(job) {
      if (!stopping.signal.aborted) running ??= prune(job);
    },
    async stop() {
      stopping.abort(new Error('The daemon stops'));
      await running;
    },
  };
}
