import type { Pool } from '../../db/pool.ts';
import { DOCUMENTED_COLUMNS, OPTIONAL_COLUMNS, UNSERVED_COLUMNS } from './job-columns.ts';
import { type JobRow, type JobTexts, parseJobRow } from './job-row.ts';
import type { JobsTable } from './jobs-table.ts';

/** Which rows are a daemon's: exactly those with its label, or exactly those without one. */
export interface JobFilter {
  /** Null for rows without a label; undefined for all rows. */
  readonly label?: string | null;
}

const READ_COLUMNS = [
  ...DOCUMENTED_COLUMNS.map(({ name }) => name),
  ...OPTIONAL_COLUMNS.map(({ name }) => name),
  ...UNSERVED_COLUMNS,
];

/**
 * The rows of the jobs table, as they are now, in the order of their ids. Rows without an id are left out: nothing could be written back to them.
 *
 * @throws the server's error, also where a policy would hide rows.
 */
export async function readJobs(
  db: Pick<Pool, 'withTransaction'>,
  { quotedName, columns }: JobsTable,
  { label }: JobFilter = {},
): Promise<readonly JobRow[]> {
  if (label !== undefined && label !== null && !columns.has('label')) return [];
  const found = READ_COLUMNS.filter((name) => columns.has(name));
  const conditions = [
    'j.id is not null',
    ...(label !== undefined && columns.has('label') ? ['j.label::text is not distinct from $1'] : []),
  ];
  const text = `select ${found.map((name) => selected(name, columns.get(name) ?? '')).join(', ')}
    from ${quotedName} as j where ${conditions.join(' and ')} order by j.id`;
  return db.withTransaction(async (transaction) => {
    await transaction.query("select pg_catalog.set_config('row_security', 'off', true)");
    const parameters = label !== undefined && columns.has('label') ? [label] : [];
    const { rows } = await transaction.query<JobTexts>(text, parameters);
    return rows.map(parseJobRow);
  });
}

/** Names of columns are ours, not the table's. A job is cancelled by `true`, and by any value of another type. */
function selected(name: string, type: string): string {
  if (name !== 'canceled_at') return `j."${name}"::text as "${name}"`;
  return type === 'boolean'
    ? `case when j.canceled_at then 'true' end as canceled_at`
    : `case when j.canceled_at is not null then 'true' end as canceled_at`;
}
