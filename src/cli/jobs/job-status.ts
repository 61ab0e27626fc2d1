import { isLamplighterError, messageOf } from '../../core/errors.ts';
import { classifySqlState } from '../../db/sqlstate.ts';
import type { JobRow } from '../../embeddings/jobs/job-row.ts';
import { type JobProgress, readJobProgress } from '../../embeddings/read-progress.ts';
import type { JobAccess } from './job-access.ts';

/** One job as people and programs see it. */
export interface JobStatus {
  readonly id: string;
  readonly label: string | undefined;
  /** `schema.table.column` of the text, and the column of the vectors, of chunks with their table. */
  readonly source: string;
  readonly destination: string;
  readonly model: string;
  readonly state: string;
  readonly reason: string | undefined;
  /** What its database says of it; undefined while it says nothing. */
  readonly progress: JobProgress | undefined;
}

/** How a job is, by its row and by its database. A database that cannot be asked is the reason why little is known. */
export async function readJobStatus(access: JobAccess, row: JobRow): Promise<JobStatus> {
  const { id, label, marks, spec } = row;
  const named =
    'problem' in spec
      ? { source: '-', destination: '-', model: '-' }
      : {
          source: `${spec.schema}.${spec.table}.${spec.srcColumn}`,
          destination:
            spec.chunks === undefined ? spec.dstColumn : `${spec.chunks.schema}.${spec.chunks.table}.${spec.dstColumn}`,
          model: spec.model.name,
        };
  let progress: JobProgress | undefined;
  let trouble = 'problem' in spec ? spec.problem : marks.failureReason;
  if (!('problem' in spec)) {
    try {
      progress = await access.inTarget(row, async (db, registered) =>
        registered === undefined ? undefined : readJobProgress(db, registered.id),
      );
    } catch (error) {
      // Without the schema no daemon has been there yet.
      if (!isLamplighterError(error) && classifySqlState(error) === 'other') throw error;
      if (classifySqlState(error) !== 'missing') trouble ??= messageOf(error);
    }
  }
  return { id, label, ...named, state: stateOf(row, progress), reason: trouble ?? progress?.reason, progress };
}

function stateOf({ marks, spec }: JobRow, progress: JobProgress | undefined): string {
  if (marks.isCanceled) return 'canceled';
  if ('problem' in spec || marks.isFailed) return 'failed';
  return progress?.state ?? (marks.isFinished ? 'live' : marks.isStarted ? 'backfill' : 'waiting');
}
