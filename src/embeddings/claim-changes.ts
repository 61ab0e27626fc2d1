import { loadQuery } from '../db/load-sql.ts';
import type { Pool } from '../db/pool.ts';
import { type EmbeddingBatch, type JudgedRow, toBatch } from './embedding-batch.ts';
import type { PreparedJob } from './job-spec.ts';
import { runPinned } from './pinned-transaction.ts';
import { holdTables } from './table/hold-tables.ts';
import { hasNullElement } from './table/row-sql.ts';
import { selectChanged } from './table/table-sql.ts';
import { writeVectors } from './write-vectors.ts';

const CLAIM_CHANGES = loadQuery('claim_changes');

export interface ChangeClaimOptions {
  /** The process, a row of `lamplighter.worker`, whose lease holds the batch. */
  readonly holderId: string;
  /** Most changes to take. Too low costs a transaction for few rows; too high makes long ones: 500 is well. */
  readonly limit: number;
  /** Where the last claim ended: nothing before it is read again. Left out about once a second, as transactions commit out of order. */
  readonly after?: string | undefined;
}

export interface ChangeClaim {
  /** Undefined when nothing of what was taken needs a model. */
  readonly batch: EmbeddingBatch | undefined;
  /** True when capture could not tell what changed: prepare the job again and make a full pass, which is noted as due. */
  readonly isMarked: boolean;
  /** Entries of the log or of a batch that were taken; 0 when there is nothing to do. */
  readonly taken: number;
  /** The place to claim after next; undefined when nothing of the log was taken. */
  readonly last: string | undefined;
}

const NOTHING: ChangeClaim = { batch: undefined, isMarked: false, taken: 0, last: undefined };

/**
 * Takes changed rows of a job that are nobody else's: each key once, with the text as it is now. Rows that need no model are settled at
 * once: those that were deleted, whose text is blank, or whose stamp shows that the vector is of this text.
 *
 * @throws LamplighterError JOB_CHANGED, LEASE_LOST; the server's errors.
 */
export async function claimChanges(db: Pool, job: PreparedJob, options: ChangeClaimOptions): Promise<ChangeClaim> {
  const { holderId, limit, after } = options;
  const claim = await runPinned(db, async (transaction) => {
    const { rows } = await transaction.query<{
      batch_id: string | null;
      attempt: number;
      deaths: number | null;
      lone_deaths: number | null;
      keys: string[] | null;
      is_marked: boolean;
      taken: number;
      last_seq: string | null;
    }>(CLAIM_CHANGES, [job.id, job.generation, holderId, limit, after ?? null]);
    const [row] = rows;
    if (row === undefined) return NOTHING;
    const seen = { isMarked: row.is_marked, taken: row.taken, last: row.last_seq ?? undefined };
    if (row.batch_id === null || row.keys === null) return { batch: undefined, ...seen };
    await holdTables(transaction, job.id, [job.table, ...(job.table.chunks === undefined ? [] : [job.table.chunks])]);
    const hasNulls = row.keys.some(hasNullElement);
    const changed = await transaction.query<JudgedRow>(selectChanged(job.table, hasNulls), [
      job.id,
      job.model,
      job.dimensions,
      row.keys,
      ...(job.table.chunks === undefined ? [] : [job.trustsVectors]),
    ]);
    return {
      batch: toBatch(
        { id: row.batch_id, holderId, attempt: row.attempt, deaths: row.deaths ?? 0, loneDeaths: row.lone_deaths ?? 0 },
        changed.rows,
      ),
      ...seen,
    };
  });
  if (claim.batch === undefined || claim.batch.rows.length > 0) return claim;
  await writeVectors(db, job, claim.batch, []);
  return { ...claim, batch: undefined };
}
