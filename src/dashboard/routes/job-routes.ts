import { retryFailures } from '../../embeddings/retry-failures.ts';
import { listJobFailures, listJobs } from '../../monitoring/lists/list-jobs.ts';
import { recordAudit } from '../../operations/record-audit.ts';
import type { ActionOutcome, JobFailure, JobRow, Page } from '../api.ts';
import { concealFailure, concealJob } from '../conceal-errors.ts';
import { Refusal } from '../refusal.ts';
import type { Route } from '../route.ts';
import { hasIds, readIds, UUID } from './action-body.ts';
import { limitOf, numberOf } from './page-params.ts';

export const JOB_ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: '/jobs',
    right: 'view',
    run: async ({ db, rights }): Promise<readonly JobRow[]> =>
      (await listJobs(db)).map((job) => concealJob(job, rights)),
  },
  {
    method: 'GET',
    path: '/jobs/:id',
    right: 'view',
    async run({ db, params, rights }): Promise<JobRow> {
      const [job] = await listJobs(db, numberOf(params, 'id'));
      if (job === undefined) throw new Refusal('NOT_FOUND', 'There is no such job, or the dashboard does not see it');
      return concealJob(job, rights);
    },
  },
  {
    method: 'GET',
    path: '/jobs/:id/failures',
    right: 'view',
    async run({ db, params, query, rights }): Promise<Page<JobFailure>> {
      const id = numberOf(params, 'id');
      const limit = limitOf(query);
      const before = cursorOf(query['cursor']);
      const found = await listJobFailures(db, id, { before, limit: limit + 1, withKeys: rights.payloads });
      const rows = found.slice(0, limit);
      const last = found.length > limit ? rows.at(-1) : undefined;
      const [job] = await listJobs(db, id);
      return {
        rows: rows.map((row) => concealFailure(row, rights)),
        ...(last === undefined ? {} : { next: `${last.lastFailedAt}_${last.id}` }),
        total: { count: Math.max(job?.failed ?? 0, rows.length), isExact: last === undefined, ageMs: 0 },
      };
    },
  },
  {
    method: 'POST',
    path: '/jobs/:id/retry-failures',
    right: 'operate',
    async run({ db, params, body, user }): Promise<ActionOutcome> {
      const job = numberOf(params, 'id');
      const ids = hasIds(body) ? readIds(body, (id) => UUID.test(id)) : undefined;
      const done = await retryFailures(db, job, ids);
      const filter = { job, ...(ids === undefined ? {} : { ids }) };
      await recordAudit(
        db,
        { user, source: 'dashboard' },
        { action: 'retry failures', kind: 'jobs', filter, count: done },
      );
      return { done, skipped: [] };
    },
  },
];

function cursorOf(text: string | undefined): { at: string; id: string } | undefined {
  if (text === undefined || text === '') return undefined;
  const [, at, id] = /^([0-9T:.+Z-]{1,40})_([0-9a-f-]{36})$/.exec(text) ?? [];
  if (at === undefined || id === undefined || Number.isNaN(Date.parse(at))) {
    throw new Refusal('INVALID', 'cursor: expected "next" of the page before');
  }
  return { at, id };
}
