import type { Pool } from '../../db/pool.ts';
import { classifySqlState, type SqlStateClass } from '../../db/sqlstate.ts';
import type { JobsTable } from './jobs-table.ts';

/** What is written back to a row. Absent parts stay as they are. */
export interface JobMark {
  /** Sets `init_started_at` where it is not set. */
  readonly isStarted?: true;
  /** Sets `init_finished_at` where it is not set, and the progress to 100. */
  readonly isFinished?: true;
  /** Sets `init_failed_at` and its reason; null clears both. */
  readonly failureReason?: string | null;
  /** 0 to 100, where the table has `init_progress`. */
  readonly progress?: number;
}

/** While this setting is on in a transaction, the trigger on the jobs table wakes nobody. */
const QUIET_SETTING = 'lamplighter.is_own_write';

/** Kinds of errors that one row may have and another not. */
const NOT_OF_ALL: readonly SqlStateClass[] = ['conflict', 'permission', 'other'];

/** Longest reason: it is for people. */
const REASON_LIMIT = 2_000;

/**
 * Writes marks back to rows by their ids, in one transaction where that can be done. Does not wait for rows that somebody has locked; one
 * that cannot be written holds up no other.
 *
 * @returns the ids of rows that could not be written, with the server's error for each, such as lock_not_available.
 * @throws the server's error where it is about none of the rows; nothing is written then.
 */
export async function markJobs(
  db: Pick<Pool, 'withTransaction'>,
  table: JobsTable,
  marks: ReadonlyMap<string, JobMark>,
): Promise<ReadonlyMap<string, unknown>> {
  const failures = new Map<string, unknown>();
  try {
    await writeMarks(db, table, marks);
  } catch (error) {
    if (!NOT_OF_ALL.includes(classifySqlState(error))) throw error;
    for (const [id, mark] of marks) {
      await writeMarks(db, table, new Map([[id, mark]])).catch((failure: unknown) => failures.set(id, failure));
    }
  }
  return failures;
}

async function writeMarks(
  db: Pick<Pool, 'withTransaction'>,
  { quotedName, columns }: JobsTable,
  marks: ReadonlyMap<string, JobMark>,
): Promise<void> {
  await db.withTransaction(async (transaction) => {
    await transaction.query(
      `select pg_catalog.set_config('row_security', 'off', true), pg_catalog.set_config('lock_timeout', '200ms', true),
              pg_catalog.set_config('${QUIET_SETTING}', 'on', true)`,
    );
    for (const [id, mark] of marks) {
      const { sets, values } = assignments(mark, columns);
      if (sets.length > 0) {
        await transaction.query(`update ${quotedName} set ${sets.join(', ')} where id::text = $1`, [id, ...values]);
      }
    }
  });
}

function assignments(
  { isStarted, isFinished, failureReason, progress }: JobMark,
  columns: JobsTable['columns'],
): { sets: readonly string[]; values: readonly unknown[] } {
  const sets: string[] = [];
  const values: unknown[] = [];
  if (isStarted) sets.push('init_started_at = coalesce(init_started_at, pg_catalog.now())');
  if (isFinished) sets.push('init_finished_at = coalesce(init_finished_at, pg_catalog.now())');
  if (failureReason === null) sets.push('init_failed_at = null, init_failure_reason = null');
  else if (failureReason !== undefined) {
    values.push(failureReason.replaceAll('\0', '\ufffd').slice(0, REASON_LIMIT));
    // A cast of ours cuts off what a column of limited length cannot hold.
    const type = columns.get('init_failure_reason') ?? 'text';
    sets.push(`init_failed_at = pg_catalog.now(), init_failure_reason = $${values.length + 1}::text::${type}`);
  }
  if (sets.length > 0 && /^timestamp|^date$/.test(columns.get('updated_at') ?? ''))
    sets.push('updated_at = pg_catalog.now()');
  const percent = isFinished ? 100 : progress;
  if (percent !== undefined && columns.has('init_progress')) {
    values.push(Math.max(0, Math.min(100, Math.floor(percent))));
    sets.push(`init_progress = $${values.length + 1}`);
  }
  return { sets, values };
}
