import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import type { PreparedJob } from './job-spec.ts';
import { asFenceError } from './pinned-transaction.ts';

const CLAIM_EMBEDDING_JOB = loadQuery('claim_embedding_job');
const CLAIM_PASS = loadQuery('claim_pass');

/** What no trigger can see is found within this time after the last full pass began, and the time that the pass takes. */
export const FULL_PASS_MS = 3_600_000;

/** The passes over a job's table, as the process that makes them finds them. */
export interface JobClaim {
  /** A full pass is to be made: the job is new or has changed, capture could not tell what changed, or somebody asked. */
  readonly isPassDue: boolean;
  /** The running or the last pass; undefined before the first. */
  readonly pass:
    | {
        readonly number: number;
        readonly isFull: boolean;
        readonly isRunning: boolean;
        /** Rows that it found without their vector. */
        readonly found: number;
        readonly startedAt: Date;
      }
    | undefined;
  /** A full pass has ended, since the job is there. */
  readonly hasFullPass: boolean;
  /** When the next one is due, by the clock of the database; below 0 where it is late. */
  readonly nextFullPassInMs: number;
}

/**
 * Takes the passes of a job for a process, or keeps them; undefined when another living process has them. Cheap: call it again and again.
 *
 * @throws LamplighterError LEASE_LOST.
 */
export async function claimJob(db: Queryable, jobId: string, holderId: string): Promise<JobClaim | undefined> {
  const { rows } = await db
    .query<{
      is_due: boolean;
      number: number;
      is_full: boolean;
      is_running: boolean;
      found_rows: string;
      started_at: Date | null;
      has_full_pass: boolean;
      next_full_pass_in_ms: number | null;
    }>(CLAIM_EMBEDDING_JOB, [jobId, holderId])
    .catch(throwFenceError);
  const [row] = rows;
  if (row === undefined) return undefined;
  return {
    isPassDue: row.is_due,
    pass:
      row.started_at === null
        ? undefined
        : {
            number: row.number,
            isFull: row.is_full,
            isRunning: row.is_running,
            found: Number(row.found_rows),
            startedAt: row.started_at,
          },
    hasFullPass: row.has_full_pass,
    nextFullPassInMs: row.next_full_pass_in_ms ?? 0,
  };
}

/**
 * Begins a pass, in place of one that runs. A full one compares all rows with their stamps; else only rows without a vector are looked at.
 * False when another process serves the job.
 *
 * @throws LamplighterError JOB_CHANGED, LEASE_LOST.
 */
export async function startPass(
  db: Queryable,
  job: PreparedJob,
  holderId: string,
  { isFull }: { readonly isFull: boolean },
): Promise<boolean> {
  const leaves = job.table.leaves.map(({ oid }) => oid);
  const { rows } = await db
    .query<{ is_claimed: boolean }>(CLAIM_PASS, [job.id, job.generation, holderId, isFull, leaves, FULL_PASS_MS])
    .catch(throwFenceError);
  return rows[0]?.is_claimed ?? false;
}

function throwFenceError(error: unknown): never {
  throw asFenceError(error);
}
