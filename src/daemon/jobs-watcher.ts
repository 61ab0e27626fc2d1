import type { Clock } from '../core/clock.ts';
import type { Logger } from '../core/log.ts';
import type { Troubles } from '../core/recurring-trouble.ts';
import { type Loop, startLoop } from '../core/service.ts';
import type { Pool } from '../db/pool.ts';
import { classifySqlState } from '../db/sqlstate.ts';
import type { JobRow } from '../embeddings/jobs/job-row.ts';
import { type JobsTable, openJobsTable } from '../embeddings/jobs/jobs-table.ts';
import { readJobs } from '../embeddings/jobs/read-jobs.ts';
import type { DaemonConfig } from './config.ts';

/** Columns may be added to the table while it is served. */
const OPEN_AGAIN_MS = 10_000;

export interface JobsWatcherDeps {
  readonly db: Pool;
  readonly config: DaemonConfig;
  /** All rows, whosever they are, after each read. */
  readonly onRows: (rows: readonly JobRow[]) => void;
  readonly log: Logger;
  readonly troubles: Troubles;
  readonly clock: Clock;
}

/** Reads the jobs table again and again: it belongs to the user, who may change any row at any time. */
export interface JobsWatcher extends Loop {
  readonly table: JobsTable;
}

/**
 * Starts with a first read.
 *
 * @throws what `openJobsTable` throws, and the server's errors.
 */
export async function startJobsWatcher({
  db,
  config,
  onRows,
  log,
  troubles,
  clock,
}: JobsWatcherDeps): Promise<JobsWatcher> {
  const name = { schema: config.schema, table: config.table };
  let table = await openJobsTable(db, name, config.trustedOwners);
  let openedMs = clock.nowMs();
  warnOfWriters(table);
  if (config.label !== undefined && !table.columns.has('label')) {
    log.warn(`${table.quotedName} has no column "label": no job has the label "${config.label}"`);
  }

  function warnOfWriters({ quotedName, owner, writers }: JobsTable): void {
    if (writers.length === 0) return;
    log.warn(
      { writers },
      `others than its owner ${owner} may write to ${quotedName}: ${writers.join(', ')}. They decide which tables the daemon writes to`,
    );
  }

  const loop = startLoop({
    clock,
    intervalMs: config.pollIntervalMs,
    trouble: troubles.define('read the jobs table'),
    async runOnce() {
      if (clock.nowMs() - openedMs >= OPEN_AGAIN_MS) {
        table = await openJobsTable(db, name, config.trustedOwners);
        openedMs = clock.nowMs();
      }
      try {
        onRows(await readJobs(db, table));
      } catch (error) {
        if (classifySqlState(error) === 'missing') openedMs = Number.NEGATIVE_INFINITY;
        throw error;
      }
    },
  });
  return {
    ...loop,
    get table() {
      return table;
    },
  };
}
