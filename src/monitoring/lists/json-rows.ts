import type { Queryable } from '../../db/query.ts';

/**
 * The rows of a statement that gives them as one array in JSON, so that they are the same whatever the driver makes of types. Times are
 * ISO 8601 in the session's time zone, and what is null is absent.
 */
export async function readJsonRows<Row>(
  db: Queryable,
  text: string,
  params: readonly unknown[],
): Promise<readonly Row[]> {
  const { rows } = await db.query<{ rows: string }>(text, params);
  return JSON.parse(rows[0]?.rows ?? '[]') as Row[]; // each statement's test says which columns these are
}
