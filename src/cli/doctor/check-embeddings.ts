import { toPrintable } from '../../core/printable.ts';
import { loadQuery } from '../../db/load-sql.ts';
import { renderAge } from '../render-units.ts';
import type { Finding, ServerCheck } from './check.ts';

/** A daemon that is alive shows within seconds that it serves a job; this leaves room for restarts and locked tables. */
const LONG_MS = 10 * 60_000;

interface JobRow {
  readonly job_id: string;
  readonly place: string;
  readonly state: string;
  readonly reason: string | null;
  readonly unserved_ms: number;
  readonly failed: number;
  readonly is_log_full: boolean;
}

const READ = `
  with shown as (
  select s.job_id, pg_catalog.format('%s.%s.%s', s.schema_name, s.table_name, s.dst_column) as place, s.state, s.reason,
         extract(epoch from pg_catalog.now() - coalesce(s.served_at, s.registered_at))::float8 * 1000 as unserved_ms,
         s.failed::float8 as failed, s.is_log_full
  from lamplighter.embedding_status as s
  where s.state <> 'canceled'
  order by s.job)
  select * from shown
  union all
  select r.job_id, r.place, 'failed', r.reason, 0, 0, false
  from lamplighter.list_refused_jobs() as r
  where not exists (select from shown where shown.job_id = r.job_id and shown.reason = r.reason)`;

/** Whether embedding jobs wait for something that does not come by itself. */
export const embeddingsCheck: ServerCheck = {
  name: 'embeddings',
  looksAt: 'embedding jobs that failed, are served by no daemon, or have rows that cannot be embedded',
  needs: 'schema',
  rights: 'the right to read the tables of embedding jobs, or the owner of the schema',
  run: async ({ session }) => (await session.query<JobRow>(READ)).rows.flatMap(findingsOf),
};

function findingsOf(job: JobRow): Finding[] {
  const name = toPrintable(`job ${job.job_id} (${job.place})`);
  const warning = (says: string, advice: string): Finding => ({
    state: 'warning',
    message: `${name} ${says}`,
    advice,
  });
  return [
    ...(job.state === 'failed'
      ? [
          warning(
            `has failed: ${toPrintable(job.reason ?? 'no reason is known').replaceAll(/\s+/g, ' ')}`,
            'Fix that; a running daemon looks again each minute.',
          ),
        ]
      : []),
    // A failed job is not served until it is fixed.
    ...(job.state !== 'failed' && job.unserved_ms > LONG_MS
      ? [
          warning(
            `has been served by no daemon for ${renderAge(job.unserved_ms)}`,
            'Start one with "lantern-cli start-daemon"; or set canceled_at of the job, so that changes are no longer noted.',
          ),
        ]
      : []),
    ...(job.is_log_full
      ? [
          warning(
            'has a change log that has reached its limit; a full pass over the table is due',
            'Nothing, where a daemon works it off; else start one, or raise --capture-limit.',
          ),
        ]
      : []),
    ...(job.failed > 0
      ? [
          warning(
            `has rows that cannot be embedded: ${job.failed}`,
            `See lamplighter.embedding_failures; once fixed: lamplighter jobs retry-failures ${toPrintable(job.job_id)}`,
          ),
        ]
      : []),
  ];
}

interface MisfitRow {
  readonly job_id: string;
  readonly table_name: string;
  readonly column_name: string;
  readonly model: string;
  readonly dimensions: number;
  readonly type: string;
  readonly fitting_type: string;
}

/** Whether the vectors of each job fit into its column. */
export const dimensionsCheck: ServerCheck = {
  name: 'dimensions',
  looksAt: "columns of embedding jobs whose dimensions are not those of the job's model",
  needs: 'schema',
  async run({ session }) {
    const { rows } = await session.query<MisfitRow>(loadQuery('list_misfit_columns'));
    return rows.map((row) => ({
      state: 'broken',
      message: toPrintable(
        `job ${row.job_id}: ${row.table_name}.${row.column_name} is ${row.type}, and the vectors of ${row.model} have ${row.dimensions} dimensions`,
      ),
      advice: toPrintable(
        `As the table's owner, without the vectors that are there: ALTER TABLE ${row.table_name} ALTER COLUMN ${row.column_name} TYPE ${row.fitting_type} USING NULL`,
      ),
    }));
  },
};
