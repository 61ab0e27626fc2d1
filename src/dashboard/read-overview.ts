import { loadQuery } from '../db/load-sql.ts';
import type { Queryable } from '../db/query.ts';
import { listJobs } from '../monitoring/lists/list-jobs.ts';
import { listProcesses } from '../monitoring/lists/list-processes.ts';
import type { LaneFigures, Overview, RecentFigures } from './api.ts';

const LIST_WAITS = loadQuery('list_waits');
const NOTHING: RecentFigures = { completed: 0, failed: 0, cancelled: 0, retries: 0 };

/** How all is now. */
export async function readOverview(db: Queryable): Promise<Overview> {
  const processes = await listProcesses(db);
  const { rows } = await db.query<{ function_name: string; model: string; reason: string; requests: string }>(
    LIST_WAITS,
  );
  const lanes = rows.map(
    (row): LaneFigures => ({
      functionName: row.function_name,
      model: row.model,
      pending: { count: Number(row.requests), isExact: true, ageMs: 0 },
      running: 0,
      isPaused: row.reason === 'paused',
      isServed: row.reason !== 'not served',
    }),
  );
  const jobs = await listJobs(db);
  const alive = processes.filter(
    ({ status }) => status === 'running' || status === 'sleeping' || status === 'stopping',
  );
  return {
    at: new Date().toISOString(),
    troubles: [],
    lanes,
    requests: NOTHING,
    tasks: { ...NOTHING, queued: { count: 0, isExact: true, ageMs: 0 }, running: 0 },
    jobs: {
      live: jobs.filter(({ state }) => state === 'live').length,
      backfilling: jobs.filter(({ state }) => state === 'backfill').length,
      failed: jobs.filter(({ state }) => state === 'failed').length,
      queued: { count: jobs.reduce((sum, { queued }) => sum + queued, 0), isExact: true, ageMs: 0 },
    },
    workers: { alive: alive.length, dead: processes.filter(({ status }) => status === 'dead').length },
    failures: [],
  };
}
