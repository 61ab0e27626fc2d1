import { toPrintable } from '../../core/printable.ts';
import type { Queryable } from '../../db/query.ts';
import { classifySqlState } from '../../db/sqlstate.ts';
import type { BoundedCount, JobFigures } from '../../monitoring/read-figures.ts';
import { renderAge } from '../render-units.ts';
import { countText } from './requests-section.ts';
import type { StatusSection } from './status-section.ts';

/** One embedding job of the database, as `lamplighter.embedding_status` has it, or a row of a jobs table that cannot be done. */
interface EmbeddingJob {
  readonly jobId: string;
  readonly source: string;
  readonly model: string;
  readonly state: string;
  readonly reason: string | null;
  readonly rows: number | null;
  readonly embedded: number | null;
  readonly queued: BoundedCount;
  readonly failed: BoundedCount | null;
  readonly lagMs: number | null;
  /** False where no process has shown for a minute that it serves it; a failed job is looked at again, not served. */
  readonly isServed: boolean;
}

const READ = `
  with shown as (
  select s.job_id as "jobId", s.schema_name || '.' || s.table_name || '.' || s.dst_column as source, s.model, s.state, s.reason,
         s.rows::float8 as rows, s.embedded::float8 as embedded, 
         json_build_object('count', s.queued, 'isExact', s.is_exact) as queued, json_build_object('count', s.failed, 'isExact', s.is_exact) as failed,
         s.job::text as job,
         extract(epoch from s.lag)::float8 * 1000 as "lagMs", s.state = 'failed' or coalesce(s.served_at > now() - interval '1 minute', false) as "isServed"
  from lamplighter.embedding_status as s
  order by s.job)
  select * from shown
  union all
  select r.job_id, r.place, r.model, 'failed', r.reason, null, null, '{"count": 0, "isExact": true}', '{"count": 0, "isExact": true}', null, null, true
  from lamplighter.list_refused_jobs() as r
  where not exists (select from shown where shown."jobId" = r.job_id and shown.reason = r.reason)`;

/** The embedding jobs whose tables are in the database, and those of its jobs tables that cannot be done; nothing where there are none. */
export const embeddingsSection: StatusSection = {
  title: 'Embeddings',
  async read(db, { figures }) {
    const seen = await readJobs(db);
    const embeddings =
      seen === undefined
        ? figures.jobs.map(jobOfFigures)
        : seen.map(({ job, ...each }) => ({
            ...each,
            queued: figures.jobs.find(({ id }) => id === job)?.queued ?? each.queued,
          }));
    return {
      json: { embeddings },
      print(screen) {
        if (embeddings.length === 0) return;
        screen.title('Embeddings');
        const header = ['job', 'vectors', 'model', 'state', 'rows', 'embedded', 'queued', 'failed', 'lag', 'reason'];
        screen.table(header, embeddings.map(cellsOf));
        if (!embeddings.every(({ isServed, state }) => isServed || state === 'canceled')) {
          screen.line('some are served by no daemon; start one with: lantern-cli start-daemon');
        }
        if (embeddings.some(({ state }) => state === 'failed')) {
          screen.line('a failed job is looked at again each minute: fix what its reason says');
        }
        if (seen === undefined)
          screen.line('tables, reasons and jobs that could not be taken up are for the owner to see');
      },
    };
  },
};

/** Undefined for a role that sees figures alone. */
async function readJobs(
  db: Queryable,
): Promise<readonly (EmbeddingJob & { readonly job: string | null })[] | undefined> {
  try {
    return (await db.query<EmbeddingJob & { readonly job: string | null }>(READ)).rows;
  } catch (error) {
    const kind = classifySqlState(error);
    if (kind === 'permission') return undefined;
    // A schema of the version before has none.
    if (kind === 'missing') return [];
    throw error;
  }
}

/** What figures tell of a job, in which nothing of its table is. */
function jobOfFigures({ jobId, model, state, queued, lagMs, isServed }: JobFigures): EmbeddingJob {
  const unseen = { source: '-', reason: null, rows: null, embedded: null, failed: null };
  return { jobId, model, state, queued, lagMs: lagMs ?? null, isServed, ...unseen };
}

function cellsOf(job: EmbeddingJob): string[] {
  const count = (value: number | null) => (value === null ? '-' : String(value));
  return [
    job.jobId,
    toPrintable(job.source),
    job.model,
    job.state,
    count(job.rows),
    count(job.embedded),
    countText(job.queued),
    job.failed === null ? '-' : countText(job.failed),
    job.lagMs === null ? '-' : renderAge(job.lagMs),
    job.reason ?? '',
  ];
}
