import type { Pool } from '../../db/pool.ts';
import { DOCUMENTED_COLUMNS, OPTIONAL_COLUMNS, UNSERVED_COLUMNS } from './job-columns.ts';
import { type JobRow, type JobTexts, parseJobRow } from './job-row.ts';
import type { JobsTable } from './jobs-table.ts';

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
): Promise<readonly JobRow[]> {
  const found = READ_COLUMNS.filter((name) => columns.has(name));
  const text = `select ${found.map((name) => selected(name, columns.get(name) ?? '')).join(', ')}
    from ${quotedName} as j where j.id is not null order by j.id`;
  return db.withTransaction(async (transaction) => {
    await transaction.query("select pg_catalog.set_config('row_security', 'off', true)");
    const { rows } = await transaction.query<JobTexts>(text);
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
