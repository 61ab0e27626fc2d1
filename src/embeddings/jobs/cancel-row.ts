import type { JobsTable } from './jobs-table.ts';

/** Sets `canceled_at` of the row with the id $1, whatever its type; a job that is cancelled already stays as it is. */
export function cancelText({ quotedName, columns }: JobsTable): string {
  const type = columns.get('canceled_at') ?? '';
  if (type === 'boolean') return `update ${quotedName} set canceled_at = true where id::text = $1`;
  const isTime = /^timestamp|^date$/.test(type);
  const value = isTime ? 'pg_catalog.now()' : "'now'";
  return `update ${quotedName} set canceled_at = coalesce(canceled_at, ${value}) where id::text = $1`;
}

/** Clears `canceled_at` of the row with the id $1. */
export function resumeText({ quotedName, columns }: JobsTable): string {
  const cleared = columns.get('canceled_at') === 'boolean' ? 'false' : 'null';
  return `update ${quotedName} set canceled_at = ${cleared} where id::text = $1`;
}
