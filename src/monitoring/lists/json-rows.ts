import type { Queryable } from '../../db/query.ts';

/**
 * The rows of a statement that returns them as one JSON array, so that they do not depend on the driver's types. Times are ISO 8601 in the
 * session's time zone; null values are absent.
 */
export async function readJsonRows<Row>(
  db: Queryable,
  text: string,
  params: readonly unknown[],
): Promise<readonly Row[]> {
  const { rows } = await db.query<{ rows: string }>(text, params);
  return JSON.parse(rows[0]?.rows ?? '[]') as Row[]; // each statement's test says which columns these are
}
